//! When each frame is to leave.
//!
//! `Schedule` computes times and knows no clock; [`Clock`] waits. Times are
//! counted from the start of the replay, never from the frame before, so that
//! being late once does not make everything after it late.

use std::num::NonZeroU64;
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How fast a capture is sent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pace {
    /// Frames keep their distance in time, divided by this factor: 1 is the capture's own
    /// timing, 2 twice as fast.
    Scaled(f64),
    /// So many frames per second, evenly.
    Rate(NonZeroU64),
    /// As fast as the interface takes them.
    Max,
}

/// A speed that is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a speed is `original`, `max` or a factor above 0, as 0.5 or 10")]
pub struct PaceError;

impl FromStr for Pace {
    type Err = PaceError;

    fn from_str(text: &str) -> Result<Self, PaceError> {
        match text {
            "original" => Ok(Self::Scaled(1.0)),
            "max" => Ok(Self::Max),
            factor => match factor.parse::<f64>() {
                Ok(factor) if factor.is_finite() && factor > 0.0 => Ok(Self::Scaled(factor)),
                _ => Err(PaceError),
            },
        }
    }
}

/// Gives each frame its time, by the replay's clock.
#[derive(Debug)]
pub(super) struct Schedule {
    pace: Pace,
    /// When the replay began.
    start: Duration,
    /// Time of the capture's first frame, in this loop.
    first_ns: Option<u64>,
    /// When this loop began.
    begin: Duration,
    /// When the frame before was due; a timestamp that jumps back does not.
    latest: Duration,
    frames: u64,
}

impl Schedule {
    /// A schedule that begins at `start`.
    pub(super) fn new(pace: Pace, start: Duration) -> Self {
        Self {
            pace,
            start,
            first_ns: None,
            begin: start,
            latest: start,
            frames: 0,
        }
    }

    /// Starts the capture over: its first frame is due when its last one was.
    pub(super) fn next_loop(&mut self) {
        self.first_ns = None;
        self.begin = self.latest;
    }

    /// When the next frame is due, which was captured at `ns`.
    pub(super) fn due(&mut self, ns: u64) -> Duration {
        let due = match self.pace {
            Pace::Max => self.start,
            Pace::Rate(rate) => {
                let ns = u128::from(self.frames) * 1_000_000_000 / u128::from(rate.get());
                let since = Duration::from_nanos(u64::try_from(ns).unwrap_or(u64::MAX));
                self.start.saturating_add(since)
            }
            Pace::Scaled(factor) => {
                let first = *self.first_ns.get_or_insert(ns);
                let since = Duration::from_nanos(ns.saturating_sub(first));
                let scaled = Duration::try_from_secs_f64(since.as_secs_f64() / factor);
                self.begin.saturating_add(scaled.unwrap_or(Duration::MAX))
            }
        };
        self.frames += 1;
        self.latest = self.latest.max(due);
        self.latest
    }
}

/// Something to wait by.
pub trait Clock {
    /// Time since some moment of the past.
    fn now(&self) -> Duration;

    /// Waits until `due`, or until `stop` is set; does not wait if it is past.
    fn wait(&mut self, due: Duration, stop: &AtomicBool);
}

/// The system's monotonic clock.
#[derive(Debug)]
pub struct SystemClock(Instant);

/// Longest sleep: how soon a request to stop is noticed.
const SLEEP_MAX: Duration = Duration::from_millis(20);
/// A sleep ends this much late (the kernel's timer slack), so it is asked for this much less.
const SLEEP_LATE: Duration = Duration::from_micros(55);

impl SystemClock {
    /// A clock that starts now.
    #[must_use]
    pub fn start() -> Self {
        Self(Instant::now())
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Duration {
        self.0.elapsed()
    }

    fn wait(&mut self, due: Duration, stop: &AtomicBool) {
        while !stop.load(Ordering::Relaxed) {
            let left = due.saturating_sub(self.now());
            if left.is_zero() {
                return;
            }
            match left.checked_sub(SLEEP_LATE) {
                Some(sleep) => std::thread::sleep(sleep.min(SLEEP_MAX)),
                None => std::hint::spin_loop(),
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const T0: u64 = 1_700_000_000_000_000_000;

    fn dues(pace: Pace, offsets_ms: &[u64]) -> Vec<u128> {
        let mut schedule = Schedule::new(pace, Duration::ZERO);
        let due = |ms: &u64| schedule.due(T0 + ms * 1_000_000).as_micros();
        offsets_ms.iter().map(due).collect()
    }

    #[test]
    fn speeds_parse() {
        assert_eq!("original".parse(), Ok(Pace::Scaled(1.0)));
        assert_eq!("max".parse(), Ok(Pace::Max));
        assert_eq!("0.25".parse(), Ok(Pace::Scaled(0.25)));
        for wrong in ["", "0", "-1", "inf", "NaN", "fast", "1x"] {
            assert_eq!(wrong.parse::<Pace>(), Err(PaceError), "{wrong}");
        }
    }

    #[test]
    fn the_capture_s_timing_is_kept_and_scaled() {
        assert_eq!(
            dues(Pace::Scaled(1.0), &[0, 5, 1000]),
            [0, 5_000, 1_000_000]
        );
        assert_eq!(dues(Pace::Scaled(2.0), &[0, 5, 1000]), [0, 2_500, 500_000]);
        assert_eq!(
            dues(Pace::Scaled(0.5), &[0, 5, 1000]),
            [0, 10_000, 2_000_000]
        );
        assert_eq!(dues(Pace::Max, &[0, 5, 1000]), [0, 0, 0]);
    }

    /// A clock set back while capturing neither stops the replay nor speeds it up.
    #[test]
    fn time_never_goes_back() {
        assert_eq!(
            dues(Pace::Scaled(1.0), &[10, 20, 0, 15, 30]),
            [0, 10_000, 10_000, 10_000, 20_000]
        );
    }

    /// The millionth frame is due to the microsecond: no rounding adds up.
    #[test]
    fn a_rate_does_not_drift() {
        let mut schedule = Schedule::new(
            Pace::Rate(NonZeroU64::new(300_000).unwrap()),
            Duration::ZERO,
        );
        let last = (0..=3_000_000).map(|_| schedule.due(T0)).last().unwrap();
        assert_eq!(last, Duration::from_secs(10));
    }

    #[test]
    fn loops_follow_each_other() {
        let mut schedule = Schedule::new(Pace::Scaled(1.0), Duration::ZERO);
        let mut round = || {
            let dues = [T0, T0 + 2_000_000_000].map(|ns| schedule.due(ns).as_secs());
            schedule.next_loop();
            dues
        };
        assert_eq!([round(), round(), round()], [[0, 2], [2, 4], [4, 6]]);
        let mut even = Schedule::new(Pace::Rate(NonZeroU64::MIN), Duration::ZERO);
        assert_eq!(even.due(T0).as_secs(), 0);
        even.next_loop();
        assert_eq!(even.due(T0).as_secs(), 1);
    }

    #[test]
    fn extremes_saturate() {
        let mut slow = Schedule::new(Pace::Scaled(f64::MIN_POSITIVE), Duration::ZERO);
        assert_eq!(slow.due(0), Duration::ZERO);
        assert_eq!(slow.due(u64::MAX), Duration::MAX);
        slow.next_loop();
        assert_eq!(slow.due(u64::MAX), Duration::MAX);
    }

    #[test]
    fn stopping_ends_a_wait() {
        let mut clock = SystemClock::start();
        clock.wait(Duration::MAX, &AtomicBool::new(true));
        assert!(clock.now() < Duration::from_secs(60));
    }
}
