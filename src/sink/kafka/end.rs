//! How long the end waits for brokers.

use crate::sink::delivered::Delivered;
use crate::sink::writer::{Closing, WhenFull};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

/// So long without a delivery, and it is over.
const QUIET: Duration = Duration::from_secs(10);
/// Live it is over after that, whatever is delivered: who stops a service waits for it.
const LIVE: Duration = Duration::from_secs(30);

/// The time that is left once a writer is closed.
pub(super) struct End {
    when_full: WhenFull,
    delivered: Arc<Delivered>,
    closing: Option<Closing>,
    /// Since the closing was noticed.
    noticed: Option<Noticed>,
    quiet: Duration,
    live: Duration,
}

struct Noticed {
    since: Instant,
    /// Records delivered, and since when there are so many.
    delivered: u64,
    at: Instant,
}

impl End {
    pub(super) const fn new(when_full: WhenFull, delivered: Arc<Delivered>) -> Self {
        Self {
            when_full,
            delivered,
            closing: None,
            noticed: None,
            quiet: QUIET,
            live: LIVE,
        }
    }

    /// Has to know when the writer is being closed.
    pub(super) fn follow(&mut self, closing: Closing) {
        self.closing = Some(closing);
    }

    /// The writer is being closed, and brokers had time enough.
    pub(super) fn is_over(&mut self) -> bool {
        if !self.closing.as_ref().is_some_and(Closing::has_begun) {
            return false;
        }
        let (now, delivered) = (Instant::now(), self.delivered.delivered.load(Relaxed));
        let noticed = self.noticed.get_or_insert(Noticed {
            since: now,
            delivered,
            at: now,
        });
        if noticed.delivered != delivered {
            (noticed.delivered, noticed.at) = (delivered, now);
        }
        let live = self.when_full == WhenFull::Drop;
        now - noticed.at >= self.quiet || live && now - noticed.since >= self.live
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether it is over, first and then after another delivery.
    fn outcome(when_full: WhenFull, closed: bool, quiet: Duration, live: Duration) -> [bool; 2] {
        let delivered = Arc::<Delivered>::default();
        let mut end = End {
            quiet,
            live,
            ..End::new(when_full, Arc::clone(&delivered))
        };
        end.follow(Closing::for_test(closed));
        let first = end.is_over();
        delivered.delivered.fetch_add(1, Relaxed);
        [first, end.is_over()]
    }

    const NO_TIME: Duration = Duration::ZERO;
    const FOR_EVER: Duration = Duration::MAX;

    #[test]
    fn while_records_are_delivered_it_waits_and_live_not_for_ever() {
        let (wait, drop) = (WhenFull::Wait, WhenFull::Drop);
        assert_eq!(outcome(wait, false, NO_TIME, NO_TIME), [false, false]);
        assert_eq!(outcome(wait, true, FOR_EVER, NO_TIME), [false, false]);
        assert_eq!(outcome(wait, true, NO_TIME, FOR_EVER), [true, true]);
        assert_eq!(outcome(drop, true, FOR_EVER, NO_TIME), [true, true]);
        assert_eq!(outcome(drop, true, FOR_EVER, FOR_EVER), [false, false]);
    }
}
