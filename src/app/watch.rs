//! Says once that a pool runs low, and what to set.

use crate::capture::xdp::Usage;
use crate::rib;
use crate::sink::metrics::{Output, Pool};
use std::collections::BTreeSet;
use std::sync::mpsc::Sender;

/// What the frames are used for, each with the option that sizes it.
pub(super) const FRAMES: [(&str, &str); 2] = [("rx_ring", "--ring"), ("held", "--held-frames")];

/// Pools that a warning was given about.
#[derive(Debug, Default)]
pub(super) struct Watch {
    warned: BTreeSet<String>,
    /// The screen that covers standard error, while there is one.
    screen: Option<Sender<String>>,
    /// What was told there alone.
    covered: Vec<String>,
}

impl Watch {
    /// Warnings go to a screen until it is [over](Self::uncover).
    #[cfg(feature = "top")]
    pub(super) fn covered_by(screen: Sender<String>) -> Self {
        Self {
            screen: Some(screen),
            ..Self::default()
        }
    }

    /// Tells a warning, if there is one.
    pub(super) fn warn(&mut self, warning: Option<String>) {
        let Some(warning) = warning else { return };
        match &self.screen {
            Some(screen) => {
                // It may be over already: what it was told is repeated below.
                let _ = screen.send(warning.clone());
                self.covered.push(warning);
            }
            None => eprintln!("bgptap: warning: {warning}"),
        }
    }

    /// The screen is over: what was told there is on standard error, too.
    #[cfg(feature = "top")]
    pub(super) fn uncover(&mut self) {
        self.screen = None;
        for warning in std::mem::take(&mut self.covered) {
            self.warn(Some(warning));
        }
    }

    /// A warning about `usage`, the first time that it is nearly full.
    pub(super) fn frames(&mut self, which: (&str, &str), usage: &Usage) -> Option<String> {
        if !usage.is_nearly_full() || !self.warned.insert(which.0.to_owned()) {
            return None;
        }
        let size = match which.1 {
            "--ring" => usage.size_to_set().next_power_of_two(),
            _ => usage.size_to_set(),
        };
        Some(format!(
            "{} of {} frames were in use at a time ({}), {:.0} frames per second for {:.1} ms on average: set {} {size}",
            usage.peak,
            usage.capacity,
            which.0,
            usage.rate(),
            usage.mean_hold().as_secs_f64() * 1e3,
            which.1,
        ))
    }

    /// A warning about a class of buffers. How many there are follows from the table of messages, so that there
    /// is no size to set; what happens next depends on what they are for.
    pub(super) fn buffers(&mut self, pool: &Pool, heap_max: u32) -> Option<String> {
        let (used_for, size) = pool.name.split_once('_')?;
        if pool.utilisation <= 0.8 || !self.warned.insert(pool.name.clone()) {
            return None;
        }
        let share = pool.utilisation * 100.0;
        Some(if used_for == "spill" {
            format!(
                "{share:.0} % of the pieces of {size} bytes for held payload are in use: when none is left, payload \
                 stays in its frames, and those that may be held are limited by {}",
                FRAMES[1].1
            )
        } else {
            format!(
                "{share:.0} % of the buffers of {size} bytes for messages across frames are in use: there is nothing to set, \
                 for when none is left the heap serves, up to {} MiB; messages beyond that are passed over. Fewer \
                 kinds of messages (--messages) need fewer buffers",
                heap_max >> 20
            )
        })
    }

    /// A warning about an output that loses events.
    pub(super) fn output(&mut self, output: &Output) -> Option<String> {
        let lost = output.dropped.iter().find(|(_, count)| *count > 0);
        let (reason, _) = lost.filter(|(reason, _)| {
            let which = format!("{} {reason}", output.name);
            self.warned.insert(which)
        })?;
        Some(format!(
            "the output {} has begun to lose events ({reason}); capture and other outputs go on, \
             bgptap_output_dropped_total counts them",
            output.name
        ))
    }

    /// A warning that the tables run out of memory, or have. A table that grows is there twice for a moment,
    /// so that one may not find room long before all is taken.
    pub(super) fn tables(&mut self, usage: &rib::Usage) -> Option<String> {
        let taken = usage.tables + usage.attributes;
        let low = usage.refused > 0 || taken > usage.max / 5 * 4;
        if !low || !self.warned.insert("rib".to_owned()) {
            return None;
        }
        let (taken, max) = (taken >> 20, usage.max >> 20);
        Some(format!(
            "Adj-RIBs take {taken} of {max} MiB, {} routes were refused: set --rib-memory {}",
            usage.refused,
            2 * max
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn each_pool_is_warned_about_once_with_the_size_to_set() {
        let usage = Usage {
            window: Duration::from_secs(1),
            frames: 10_000,
            mean: 5000.0,
            peak: 7000,
            capacity: 8192,
            pools: 1,
        };
        let mut watch = Watch::default();
        let warning = watch.frames(FRAMES[0], &usage).expect("nearly full");
        let expected = "7000 of 8192 frames were in use at a time (rx_ring), 10000 frames per second for \
                        500.0 ms on average: set --ring 16384";
        assert_eq!(warning, expected);
        assert_eq!(watch.frames(FRAMES[0], &usage), None, "once");
        let warning = watch.frames(FRAMES[1], &usage).expect("another pool");
        assert!(warning.ends_with("set --held-frames 10000"), "{warning}");
        let calm = Usage { peak: 10, ..usage };
        assert_eq!(Watch::default().frames(FRAMES[0], &calm), None);
    }

    #[test]
    fn tables_are_warned_about_once() {
        let usage = |tables: u64, refused| rib::Usage {
            tables: tables << 20,
            attributes: 1 << 20,
            max: 100 << 20,
            refused,
        };
        let mut watch = Watch::default();
        assert_eq!(watch.tables(&usage(70, 0)), None);
        let warning = watch.tables(&usage(84, 0)).expect("nearly full");
        let expected = "Adj-RIBs take 85 of 100 MiB, 0 routes were refused: set --rib-memory 200";
        assert_eq!(warning, expected);
        assert_eq!(watch.tables(&usage(90, 0)), None, "once");
        assert!(Watch::default().tables(&usage(40, 1)).is_some());
    }

    #[test]
    fn buffers_are_warned_about_once() {
        let mut watch = Watch::default();
        let pool = |name: &str, utilisation| Pool {
            name: name.into(),
            utilisation,
            fallbacks: 0,
        };
        let heap = 64 << 20;
        assert_eq!(watch.buffers(&pool("buffers_64", 0.8), heap), None);
        let warning = watch
            .buffers(&pool("buffers_64", 0.9), heap)
            .expect("used up");
        assert!(
            warning.starts_with("90 % of the buffers of 64 bytes")
                && warning.contains("up to 64 MiB"),
            "{warning}"
        );
        assert_eq!(watch.buffers(&pool("buffers_64", 1.0), heap), None, "once");
        // The arena has no heap behind it.
        let warning = watch
            .buffers(&pool("spill_512", 0.9), heap)
            .expect("used up");
        assert!(
            warning.contains("stays in its frames") && warning.ends_with("--held-frames"),
            "{warning}"
        );
    }
}
