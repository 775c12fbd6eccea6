//! `bgptap replay`

use super::Ended;
use crate::cli;
use crate::error::SetupError;
use crate::replay::{self, Interface, Options, Pace};
use std::num::NonZeroU64;
use std::sync::atomic::AtomicBool;

pub(super) fn run(options: &cli::Replay, stop: &AtomicBool) -> Result<Ended, SetupError> {
    let pace = match options.rate.and_then(NonZeroU64::new) {
        Some(rate) => Pace::Rate(rate),
        None => {
            let pace = options.speed.parse();
            pace.map_err(|error: replay::PaceError| SetupError::Other {
                what: format!("sending at --speed {}", options.speed),
                why: error.to_string(),
                remedy: "leave --speed out to send as it was captured".into(),
            })?
        }
    };
    let mut interface = Interface::open(&options.interface)?;
    let settings = Options {
        file: options.file.clone(),
        pace,
        loops: options.loops,
    };
    let report = replay::run(&settings, &mut interface, stop)?;
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
