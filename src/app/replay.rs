//! `bgptap replay`

use super::Ended;
use crate::cli;
use crate::error::SetupError;
use crate::replay::{self, FrameSink, Options, Pace, Refused};
use bgptap_umem::xsk::{SendError, Transmitter};
use std::io;
use std::num::NonZeroU64;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// Frames on their way at a time.
const RING: u32 = 4096;

/// A transmit ring that frames are replayed into.
struct Sink(Transmitter);

impl FrameSink for Sink {
    fn send(&mut self, frame: &[u8]) -> Result<(), Refused> {
        self.0.send(frame).map_err(|refused| match refused {
            SendError::Full => Refused::Full,
            SendError::TooLong { .. } => Refused::TooLong,
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }

    fn drain(&mut self, timeout: Duration) -> io::Result<u64> {
        self.0.drain(timeout)?;
        let stats = self.0.stats();
        Ok(stats.queued - stats.completed)
    }
}

pub(super) fn run(options: &cli::Replay, stop: &AtomicBool) -> Result<Ended, SetupError> {
    let wrong = |why: String| SetupError::Other {
        what: "reading the options".into(),
        why,
        remedy: "bgptap replay --help".into(),
    };
    let pace = match options.rate {
        Some(rate) => Pace::Rate(
            NonZeroU64::new(rate).ok_or_else(|| wrong("a rate of 0 would never end".into()))?,
        ),
        None => options
            .speed
            .parse()
            .map_err(|error: replay::PaceError| wrong(error.to_string()))?,
    };
    let transmitter =
        Transmitter::open(&options.interface, 0, RING).map_err(|error| SetupError::Interface {
            interface: options.interface.clone(),
            what: "opening a transmit ring",
            remedy: error.remedy().into(),
            why: error.to_string(),
        })?;
    let settings = Options {
        file: options.file.clone(),
        pace,
        loops: options.loops,
    };
    let report = replay::run(&settings, &mut Sink(transmitter), stop)?;
    eprintln!(
        "replayed {} frames, {} bytes in {:.3} s: {:.0} frames/s, {} loop(s)",
        report.frames,
        report.bytes,
        report.duration.as_secs_f64(),
        report.rate(),
        report.loops
    );
    for (reason, count) in report.not_sent.by_reason() {
        if count > 0 {
            eprintln!("  not sent: {count} ({reason})");
        }
    }
    if report.cut > 0 {
        eprintln!(
            "  {} frames were sent as far as the capture holds them",
            report.cut
        );
    }
    if let Some(interrupted) = &report.interrupted {
        eprintln!("bgptap: {interrupted}");
        return Ok(Ended::InPart);
    }
    Ok(if report.not_sent.total() > 0 {
        Ended::InPart
    } else {
        Ended::Done
    })
}
