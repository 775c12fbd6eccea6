//! How long a hole is waited for, and what it becomes.

use super::budget::Budget;
use super::framer::Out;
use super::held::Held;
use super::position::{Position, UNHEARD_NS, low};
use super::{Gap, GapReason, Handler, Stream};
use crate::capture::{Frame, Stamp};
use std::collections::VecDeque;

/// Segments that a stream may hold once the spill arena is full too.
const FAIR_SHARE: usize = 32;

impl<F: Frame> Stream<F> {
    /// Gives up the holes that were waited for long enough.
    pub(super) fn give_up_due<H: Handler>(
        &mut self,
        now_ns: u64,
        stamp: Stamp,
        budget: &mut Budget,
        handler: &mut H,
    ) {
        while let Some(position) = &mut self.position {
            if position.highest == position.next
                && !position.open_unseen(now_ns, self.limits.gap_grace_ns)
            {
                return;
            }
            let Some(hole_end) = first_hole(position, &self.held) else {
                return;
            };
            // The data behind a hole may come later than its acknowledgement: both must have waited.
            let cut_ns = position.cut.map_or(position.announced_ns, |(_, _, ns)| ns);
            let since = self.held.front().map_or(cut_ns, |held| held.stamp.ns);
            let grace_ns = self.limits.gap_grace_ns;
            let (from, wait_ns, reason) = if position.is_received(position.next, hole_end) {
                let confirmed = match position.confirmed {
                    Some((at, up_to)) if hole_end <= up_to => at,
                    _ => {
                        position.confirmed = Some((now_ns, position.acked.max(hole_end)));
                        now_ns
                    }
                };
                (confirmed.max(since), grace_ns, GapReason::MirrorLoss)
            } else if position.heard_since(since, grace_ns) {
                // No receiver passes such a hole: it waits for a retransmission, and so does the
                // stream, unless the receiver is not seen any more.
                let heard = position.ack_ns.max(since);
                (heard, UNHEARD_NS, GapReason::OneSided)
            } else {
                // As long as bytes come before the hole, it may be no hole yet: what lies behind it is early.
                let from = since.max(position.advanced_ns);
                (from, self.limits.one_sided_ns, GapReason::OneSided)
            };
            if now_ns < from.saturating_add(wait_ns) {
                return;
            }
            self.give_up(reason, stamp, budget, handler);
            self.settle(budget);
        }
    }

    /// Nothing more will come.
    pub(super) fn give_up_all<H: Handler>(
        &mut self,
        stamp: Stamp,
        budget: &mut Budget,
        handler: &mut H,
    ) {
        while let Some(position) = &mut self.position {
            if position.highest == position.next && !position.open_unseen(u64::MAX, 0) {
                return;
            }
            let since = self
                .held
                .front()
                .map_or(position.announced_ns, |held| held.stamp.ns);
            let received = first_hole(position, &self.held)
                .is_some_and(|end| position.is_received(position.next, end));
            let reason = if received {
                GapReason::MirrorLoss
            } else if position.heard_since(since, 0) {
                GapReason::NetworkLoss
            } else {
                GapReason::End
            };
            self.give_up(reason, stamp, budget, handler);
        }
    }

    /// The first hole becomes a gap.
    pub(super) fn give_up<H: Handler>(
        &mut self,
        reason: GapReason,
        stamp: Stamp,
        budget: &mut Budget,
        handler: &mut H,
    ) {
        let Some(position) = &mut self.position else {
            return;
        };
        let Some(hole_end) = first_hole(position, &self.held) else {
            return;
        };
        let bytes = hole_end - position.next;
        let cut = position
            .cut
            .is_some_and(|(from, to, _)| from <= position.next && hole_end <= to);
        let reason = if cut { GapReason::CutFrame } else { reason };
        let gap = Gap {
            seq_from: low(position.next),
            seq_to: low(hole_end),
            bytes,
            reason,
        };
        position.next = hole_end;
        position.cut = position.cut.filter(|(_, to, _)| *to > hole_end);
        self.ledger.gap += bytes;
        // What lies behind the hole was there before it was given up.
        let stamp = self.held.front().map_or(stamp, |held| held.stamp);
        self.framer.gap(
            gap,
            &mut Out {
                handler,
                ledger: &mut self.ledger,
                stamp,
            },
        );
        self.release(handler, budget);
    }

    /// Gives up holes until no more segments are held than is fair while frames are scarce.
    pub fn trim<H: Handler>(&mut self, stamp: Stamp, budget: &mut Budget, handler: &mut H) {
        while self.held.len() > FAIR_SHARE {
            self.give_up(GapReason::Limit, stamp, budget, handler);
        }
        self.settle(budget);
    }

    /// More segments are held than is fair while frames are scarce.
    #[must_use]
    pub fn holds_much(&self) -> bool {
        self.held.len() > FAIR_SHARE
    }

    pub(super) fn keep_limits<H: Handler>(
        &mut self,
        stamp: Stamp,
        budget: &mut Budget,
        handler: &mut H,
    ) {
        while !self.held.is_empty()
            && (self.held.len() > self.limits.held_frames as usize
                || self.held_bytes > self.limits.held_bytes)
        {
            self.give_up(GapReason::Limit, stamp, budget, handler);
        }
    }
}

/// Where the hole at `next` ends: at the first held byte, or at the end of what a frame announced.
pub(super) fn first_hole<F>(position: &Position, held: &VecDeque<Held<F>>) -> Option<u64> {
    let end = held.front().map_or(position.highest, |held| held.start);
    (end > position.next).then_some(end)
}
