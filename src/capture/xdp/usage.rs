//! How much of the frames is in use over time, and how many there should be.

use std::time::Duration;

/// From this share on a pool is nearly used up.
const NEARLY: f64 = 0.8;

/// What was in use during some time.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Usage {
    /// For how long was looked.
    pub window: Duration,
    /// Frames that came in that time.
    pub frames: u64,
    /// What was in use on average.
    pub mean: f64,
    /// What was in use of one pool at the worst.
    pub peak: u32,
    /// What one pool has.
    pub capacity: u32,
    /// Pools that share the frames evenly.
    pub pools: u32,
}

/// Adds up what is in use, sample by sample.
#[derive(Debug, Default)]
pub(super) struct Meter {
    frame_ns: f64,
    last: u32,
    peak: u32,
}

impl Meter {
    /// `all` are in use now and `fullest` of one pool, `elapsed` after the last sample. In between use
    /// is taken to have grown or shrunk evenly.
    pub(super) fn sample(&mut self, all: u32, fullest: u32, elapsed: Duration) {
        let mean = f64::midpoint(self.last.into(), all.into());
        self.frame_ns += mean * elapsed.as_secs_f64() * 1e9;
        self.last = all;
        self.peak = self.peak.max(fullest);
    }

    /// So many are in use from now on.
    pub(super) fn set(&mut self, all: u32) {
        self.last = all;
    }

    /// What was sampled in `window`; the next one begins.
    pub(super) fn take(&mut self, window: Duration, frames: u64) -> Usage {
        let nanoseconds = window.as_secs_f64() * 1e9;
        let mean = std::mem::take(&mut self.frame_ns) / nanoseconds.max(1.0);
        let peak = std::mem::take(&mut self.peak);
        Usage {
            window,
            frames,
            mean,
            peak,
            ..Usage::default()
        }
    }
}

impl Usage {
    /// Share in use at the worst.
    #[must_use]
    pub fn utilisation(&self) -> f64 {
        f64::from(self.peak) / f64::from(self.capacity.max(1))
    }

    /// More than 80 % was in use.
    #[must_use]
    pub fn is_nearly_full(&self) -> bool {
        self.utilisation() > NEARLY
    }

    /// Frames per second.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "far below 2^53")]
    pub fn rate(&self) -> f64 {
        self.frames as f64 / self.window.as_secs_f64().max(1e-9)
    }

    /// How long a frame stayed on average: what was in use divided by what came (Little's law).
    #[must_use]
    pub fn mean_hold(&self) -> Duration {
        let seconds = self.mean / self.rate().max(1e-9);
        Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
    }

    /// The size that each pool should have: frames per second × mean hold time × 2. A burst that is
    /// short against the window hides in the mean, so the worst that was seen must fit too.
    #[must_use]
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "casts of floats saturate"
    )]
    pub fn size_to_set(&self) -> u32 {
        let steady = self.rate() * self.mean_hold().as_secs_f64() * 2.0;
        let steady = steady / f64::from(self.pools.max(1));
        let worst = f64::from(self.peak) / NEARLY;
        steady.max(worst).ceil() as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn millis(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    /// 1000 frames a second that stay for 0.3 s each: 300 in use, room for twice as many.
    #[test]
    fn the_size_is_rate_times_hold_time_times_two() {
        let mut meter = Meter::default();
        meter.set(300);
        for _ in 0..100 {
            meter.sample(300, 300, millis(10));
        }
        let usage = Usage {
            capacity: 350,
            pools: 1,
            ..meter.take(millis(1000), 1000)
        };
        assert!((usage.rate() - 1000.0).abs() < 1e-6);
        assert_eq!(usage.mean_hold().as_millis(), 300);
        assert!(usage.is_nearly_full());
        assert_eq!(usage.size_to_set(), 600);
        let twice = Usage { pools: 2, ..usage };
        assert_eq!(twice.size_to_set(), 375, "the peak of 300 at 80 %");
    }

    #[test]
    fn what_grows_and_is_drained_counts_half() {
        let mut meter = Meter::default();
        for _ in 0..10 {
            meter.sample(80, 80, millis(10));
            meter.set(0);
        }
        let usage = meter.take(millis(100), 800);
        assert!((usage.mean - 40.0).abs() < 1e-6, "{usage:?}");
        assert_eq!((usage.peak, usage.mean_hold()), (80, millis(5)));
        assert_eq!(meter.take(millis(100), 0).peak, 0, "a window of its own");
    }

    #[test]
    fn eighty_percent_is_the_border() {
        let usage = |peak| Usage {
            peak,
            capacity: 100,
            ..Usage::default()
        };
        assert!(!usage(80).is_nearly_full());
        assert!(usage(81).is_nearly_full());
        assert_eq!(usage(81).size_to_set(), 102);
    }
}
