//! The sockets as lanes that are merged into one line, by the time of arrival.
//!
//! Each socket's frames are in order. What may not be known is whether one that has shown nothing will
//! yet show something older than what others have shown: it was not drained, or its frames have been
//! stamped but not put into its ring. So a frame is passed on when every other lane either has a later one
//! to show, or had its ring looked at, and found empty, [`SETTLED`] after the frame was taken.

use crate::capture::{Captured, Stamp};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::time::{Duration, Instant};

/// Packets that may wait in one lane; the rest is left in its ring, which is made for that.
const LANE: usize = 1024;
/// The most frames of one packet (`CONFIG_MAX_SKB_FRAGS` and the head): room for the last one.
const PARTS: usize = 46;
/// A driver shows the frames of one round of its poll together, up to 64 of them (net/core/dev.c,
/// `xdp_do_flush`), each stamped when its turn came. That takes some 0.1 ms.
const SETTLED: Duration = Duration::from_millis(1);

/// A frame that has been taken from a ring.
struct Taken<F> {
    captured: Captured<F>,
    at: Instant,
}

struct Lane<F> {
    waiting: VecDeque<Taken<F>>,
    /// Its ring was empty when it was last looked at.
    drained: bool,
    /// Of the packet whose parts are being taken: only the first one has metadata.
    part_of: Option<Stamp>,
}

/// Frames of several sockets, in order.
pub(super) struct Lanes<F> {
    lanes: Vec<Lane<F>>,
    /// The first frame of each lane that has any: when it arrived, and the lane.
    heads: BinaryHeap<Reverse<(u64, usize)>>,
    /// When the rings were looked at last.
    looked: Instant,
    /// A lane has shown all that was taken, and there may be more in its ring.
    behind: bool,
}

impl<F> Lanes<F> {
    pub(super) fn new() -> Self {
        Self {
            lanes: Vec::new(),
            heads: BinaryHeap::new(),
            looked: Instant::now(),
            behind: false,
        }
    }

    /// Makes a lane for one more socket: all the memory that it will take.
    pub(super) fn add(&mut self) {
        self.lanes.push(Lane {
            waiting: VecDeque::with_capacity(LANE + PARTS),
            drained: false,
            part_of: None,
        });
        let missing = self.lanes.len() - self.heads.len();
        self.heads.reserve(missing);
    }

    /// All rings are about to be looked at.
    pub(super) fn look(&mut self, now: Instant) {
        self.looked = now;
    }

    /// Has `take` put frames into a lane, at most as many as it is told and the rest of the packet that those end in,
    /// by calling what it is given; it returns how many there were.
    pub(super) fn fill(
        &mut self,
        number: usize,
        take: impl FnOnce(usize, &mut dyn FnMut(Captured<F>)) -> usize,
    ) {
        let Some(lane) = self.lanes.get_mut(number) else {
            return;
        };
        let room = LANE.saturating_sub(lane.waiting.len());
        let was_empty = lane.waiting.is_empty();
        let at = self.looked;
        let taken = take(room, &mut |mut captured| {
            if let Some(stamp) = lane.part_of {
                captured.stamp = stamp;
            }
            lane.part_of = captured.continues.then_some(captured.stamp);
            lane.waiting.push_back(Taken { captured, at });
        });
        lane.drained = taken < room;
        if let (true, Some(first)) = (was_empty, lane.waiting.front()) {
            self.heads.push(Reverse((first.captured.stamp.ns, number)));
        }
    }

    /// Nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.heads.is_empty()
    }

    /// Passes on what no older frame can come before. If no more will come (`ended`), nothing waits for time
    /// to pass.
    pub(super) fn release(&mut self, batch: &mut Vec<Captured<F>>, ended: bool) {
        self.behind = false;
        while let Some(Reverse((_, number))) = self.heads.peek().copied() {
            let all_show = self.heads.len() == self.lanes.len();
            let Some(lane) = self.lanes.get_mut(number) else {
                return;
            };
            if !(all_show || ended || lane.is_settled(self.looked)) {
                return;
            }
            self.heads.pop();
            lane.pass_on(batch);
            if let Some(next) = lane.waiting.front() {
                self.heads.push(Reverse((next.captured.stamp.ns, number)));
            } else if !lane.drained {
                self.behind = true;
                return;
            }
        }
    }

    /// In what time the oldest frame that waits will have settled; at once where a ring is to be looked
    /// at before that.
    pub(super) fn settles_in(&self, now: Instant) -> Duration {
        let head = self.heads.peek().and_then(|Reverse((_, number))| {
            let lane = self.lanes.get(*number)?;
            lane.waiting.front()
        });
        match head {
            Some(head) if !self.behind => {
                SETTLED.saturating_sub(now.saturating_duration_since(head.at))
            }
            _ => Duration::ZERO,
        }
    }
}

impl<F> Lane<F> {
    fn is_settled(&self, looked: Instant) -> bool {
        let head = self.waiting.front();
        head.is_some_and(|head| looked.saturating_duration_since(head.at) >= SETTLED)
    }

    /// The first packet, in all its parts.
    fn pass_on(&mut self, batch: &mut Vec<Captured<F>>) {
        while let Some(taken) = self.waiting.pop_front() {
            let continues = taken.captured.continues;
            batch.push(taken.captured);
            if !continues {
                return;
            }
        }
    }
}

#[cfg(test)]
#[path = "lanes_tests.rs"]
mod tests;
