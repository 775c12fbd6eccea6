//! Replay: a capture's frames, sent out of an interface with their own timing.
//!
//! ```text
//! capture::pcap  the frames and their times
//! link           other link types as Ethernet
//! rewrite        new addresses in each further loop
//! pace           when each frame is due
//! sink           what takes frames: an interface, or a test
//! interface      an AF_XDP transmit ring
//! ```
//!
//! Nothing that is not sent goes unsaid: [`Report::not_sent`] counts it by reason.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::capture::pcap::{PcapFrame, PcapSource, STDIN};
use crate::capture::{Captured, Interrupted, LinkType, Polled, Source};
use crate::error::SetupError;

#[cfg(feature = "capture")]
mod interface;
mod link;
mod pace;
mod rewrite;
mod sink;

#[cfg(feature = "capture")]
pub use interface::Interface;
use pace::Schedule;
pub use pace::{Clock, Pace, PaceError, SystemClock};
pub use sink::{FrameSink, Refused};

/// Frames that leave together at most.
const BATCH_FRAMES: u32 = 64;
/// Frames due within this time of each other leave together.
const BATCH_TIME: Duration = Duration::from_micros(100);
/// How long an interface may take no frame at all before it counts as stuck.
const STUCK: Duration = Duration::from_secs(5);
/// Pause before a full interface is asked again.
const FULL_PAUSE: Duration = Duration::from_micros(20);
/// How long a slow pipe is waited for before the request to stop is looked at.
const POLL: Duration = Duration::from_millis(100);
/// How long the last frames may take to leave.
const DRAIN: Duration = Duration::from_secs(5);

/// What to send, and how.
#[derive(Clone, Debug)]
pub struct Options {
    /// The capture; `-` is standard input, which cannot be looped.
    pub file: PathBuf,
    /// How fast.
    pub pace: Pace,
    /// How often; each further time as new sessions.
    pub loops: u32,
}

/// Frames of the capture that were not sent, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NotSent {
    /// Their link type or what it carries has no place in an Ethernet frame.
    pub unsupported_link: u64,
    /// They are longer than the interface's MTU allows.
    pub too_long: u64,
    /// They are shorter than an Ethernet header.
    pub too_short: u64,
    /// They were queued, but the interface did not confirm in time that they left.
    pub unconfirmed: u64,
}

impl NotSent {
    /// All of them.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.by_reason().iter().map(|(_, frames)| frames).sum()
    }

    /// Each reason with its count.
    #[must_use]
    pub fn by_reason(&self) -> [(&'static str, u64); 4] {
        [
            ("unsupported link", self.unsupported_link),
            ("too long", self.too_long),
            ("too short", self.too_short),
            ("unconfirmed", self.unconfirmed),
        ]
    }
}

/// What was sent.
#[derive(Debug, Default)]
pub struct Report {
    /// Frames sent.
    pub frames: u64,
    /// Bytes in them, Ethernet headers included.
    pub bytes: u64,
    /// From the first frame to the last one's confirmation.
    pub duration: Duration,
    /// Passes through the capture that came to its end.
    pub loops: u32,
    /// Frames not sent.
    pub not_sent: NotSent,
    /// Frames sent in further loops as they are, having no IP address to rewrite.
    pub not_rewritten: u64,
    /// Frames sent although the capture holds only their beginning.
    pub cut: u64,
    /// Why the replay is not whole: a damaged capture or an interface that stopped.
    pub interrupted: Option<Interrupted>,
}

impl Report {
    /// Frames per second.
    #[must_use]
    pub fn rate(&self) -> f64 {
        let seconds = self.duration.as_secs_f64();
        if seconds > 0.0 {
            self.frames as f64 / seconds
        } else {
            0.0
        }
    }
}

/// Sends a capture through `sink`, until it is done or `stop` is set.
///
/// # Errors
/// The capture cannot be opened. What fails later is told in the report.
pub fn run(
    options: &Options,
    sink: &mut impl FrameSink,
    stop: &AtomicBool,
) -> Result<Report, SetupError> {
    run_by(SystemClock::start(), options, sink, stop)
}

/// [`run`], by another clock than the system's.
///
/// # Errors
/// As [`run`].
pub fn run_by(
    clock: impl Clock,
    options: &Options,
    sink: &mut impl FrameSink,
    stop: &AtomicBool,
) -> Result<Report, SetupError> {
    if options.file == Path::new(STDIN) && options.loops > 1 {
        return Err(SetupError::Other {
            what: "sending it several times".to_owned(),
            why: "standard input can be read only once".to_owned(),
            remedy: "name a file, or leave --loop out".to_owned(),
        });
    }
    let mut source = PcapSource::open(&[&options.file])?;
    let mut sender = Sender::new(clock, options.pace, sink, stop);
    for number in 0..options.loops {
        if number > 0 {
            source = PcapSource::open(&[&options.file])?;
        }
        if sender.pass(&mut source, number).is_err() {
            break;
        }
    }
    Ok(sender.finish())
}

/// A replay under way.
struct Sender<'a, C, S> {
    clock: C,
    /// What the clock showed when the replay began.
    begin: Duration,
    schedule: Schedule,
    sink: &'a mut S,
    stop: &'a AtomicBool,
    report: Report,
    /// A frame that is not sent as it is in the capture.
    scratch: Vec<u8>,
    /// Frames queued since the last flush.
    queued: u32,
    /// Frames due up to then leave with those that are queued.
    batch_end: Duration,
}

/// The replay cannot go on: it was told to stop, or the interface fails.
struct Halt;

impl<'a, C: Clock, S: FrameSink> Sender<'a, C, S> {
    fn new(clock: C, pace: Pace, sink: &'a mut S, stop: &'a AtomicBool) -> Self {
        let begin = clock.now();
        Self {
            clock,
            begin,
            schedule: Schedule::new(pace, begin),
            sink,
            stop,
            report: Report::default(),
            scratch: Vec::new(),
            queued: 0,
            batch_end: begin,
        }
    }

    /// One pass through the capture.
    fn pass(&mut self, source: &mut PcapSource, number: u32) -> Result<(), Halt> {
        let mut batch = Vec::new();
        let passed = loop {
            let polled = source.poll(&mut batch, POLL);
            let step = match polled {
                Ok(Polled::Frames) => batch.drain(..).try_for_each(|f| self.frame(&f, number)),
                Ok(Polled::Idle) => self.flush(),
                Ok(Polled::End) => break Ok(()),
                Err(interrupted) => {
                    self.report.interrupted.get_or_insert(interrupted);
                    Ok(())
                }
            };
            if step.is_err() || self.stop.load(Ordering::Relaxed) {
                break Err(Halt);
            }
        };
        let unreadable = source.unreadable().map(|entry| entry.frames);
        self.report.not_sent.unsupported_link += unreadable.sum::<u64>();
        self.report.loops += u32::from(passed.is_ok());
        self.schedule.next_loop();
        passed
    }

    /// Sends one frame when it is due, as this loop has it.
    fn frame(&mut self, captured: &Captured<PcapFrame>, number: u32) -> Result<(), Halt> {
        let mut scratch = std::mem::take(&mut self.scratch);
        let sent = match self.prepare(captured, number, &mut scratch) {
            Some(frame) => {
                let due = self.schedule.due(captured.stamp.ns);
                let cut = captured.wire_len as usize > captured.frame.as_ref().len();
                self.wait(due).and_then(|()| self.send(frame, cut))
            }
            None => Ok(()),
        };
        self.scratch = scratch;
        sent
    }

    /// The Ethernet frame to send; none, and counted, if there is nothing to send.
    fn prepare<'b>(
        &mut self,
        captured: &'b Captured<PcapFrame>,
        number: u32,
        scratch: &'b mut Vec<u8>,
    ) -> Option<&'b [u8]> {
        let original = captured.frame.as_ref();
        let as_captured = captured.link == LinkType::Ethernet;
        if as_captured && original.len() < link::ETHERNET_LEN {
            self.report.not_sent.too_short += 1;
            return None;
        }
        if as_captured && number == 0 {
            return Some(original);
        }
        if as_captured {
            scratch.clear();
            scratch.extend_from_slice(original);
        } else if !link::to_ethernet(captured.link, original, scratch) {
            self.report.not_sent.unsupported_link += 1;
            return None;
        }
        self.report.not_rewritten += u64::from(!rewrite::rewrite(scratch, number));
        Some(scratch)
    }

    /// Waits until a frame is due, unless it may leave with those queued.
    fn wait(&mut self, due: Duration) -> Result<(), Halt> {
        if self.queued < BATCH_FRAMES && due <= self.batch_end {
            return Ok(());
        }
        self.flush()?;
        self.clock.wait(due, self.stop);
        self.batch_end = due.saturating_add(BATCH_TIME);
        if self.stop.load(Ordering::Relaxed) {
            return Err(Halt);
        }
        Ok(())
    }

    fn send(&mut self, frame: &[u8], cut: bool) -> Result<(), Halt> {
        let mut full_since = None;
        loop {
            match self.sink.send(frame) {
                Ok(()) => break,
                Err(Refused::TooLong) => {
                    self.report.not_sent.too_long += 1;
                    return Ok(());
                }
                Err(Refused::Full) => self.make_room(&mut full_since)?,
            }
        }
        self.queued += 1;
        self.report.frames += 1;
        self.report.bytes += frame.len() as u64;
        self.report.cut += u64::from(cut);
        Ok(())
    }

    /// Pushes what is queued; pauses if that made no room the time before.
    fn make_room(&mut self, full_since: &mut Option<Duration>) -> Result<(), Halt> {
        self.flush()?;
        let now = self.clock.now();
        let Some(since) = *full_since else {
            *full_since = Some(now);
            return Ok(());
        };
        if now.saturating_sub(since) > STUCK {
            return Err(self.failed(format!("it took no frame for {} s", STUCK.as_secs())));
        }
        self.clock.wait(now + FULL_PAUSE, self.stop);
        if self.stop.load(Ordering::Relaxed) {
            return Err(Halt);
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Halt> {
        self.queued = 0;
        match self.sink.flush() {
            Ok(()) => Ok(()),
            Err(error) => Err(self.failed(error.to_string())),
        }
    }

    fn failed(&mut self, why: String) -> Halt {
        self.report.interrupted.get_or_insert(Interrupted {
            source_name: "the sending interface".to_owned(),
            why,
        });
        Halt
    }

    fn finish(mut self) -> Report {
        if self.flush().is_ok() {
            match self.sink.drain(DRAIN) {
                Ok(unconfirmed) => {
                    self.report.not_sent.unconfirmed = unconfirmed;
                    self.report.frames = self.report.frames.saturating_sub(unconfirmed);
                }
                Err(error) => {
                    self.failed(error.to_string());
                }
            }
        }
        self.report.duration = self.clock.now().saturating_sub(self.begin);
        self.report
    }
}
