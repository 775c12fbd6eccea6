//! Segments beyond the receiver's window, as far as a bystander knows it.
//!
//! No receiver takes such a segment, so a forged one must not move the stream. But a mirror that
//! lost acknowledgements shows genuine ones too. They wait for the acknowledgement that tells.

use super::budget::Budget;
use super::piece::Piece;
use super::position::{Region, UNHEARD_NS};
use super::{Handler, Stream};
use crate::capture::Frame;

/// So many may wait in a direction. Whoever forges more proves nothing with the others.
const UNPROVEN_MAX: usize = 16;

/// A segment that waits, with its frame.
pub(super) struct Unproven<F> {
    frame: F,
    piece: Piece,
}

impl<F: Frame> Stream<F> {
    /// Keeps a segment until more is known about the window.
    pub(super) fn hold_unproven(&mut self, mut frame: F, piece: Piece, budget: &mut Budget) {
        let full = self.unproven.len() >= UNPROVEN_MAX || budget.frames >= budget.frames_low;
        if full || frame.is_wanted_back() {
            return self.refuse(piece.len());
        }
        frame.mark_held();
        budget.frames += 1;
        self.ledger.unproven += piece.len();
        self.unproven.push(Unproven { frame, piece });
        self.settle(budget);
    }

    /// Decides about those whose time has come.
    pub(super) fn review_unproven<H: Handler>(
        &mut self,
        now_ns: u64,
        budget: &mut Budget,
        handler: &mut H,
    ) {
        let before = self.unproven.len();
        let mut index = 0;
        while let (Some(waiting), Some(position)) = (self.unproven.get(index), &self.position) {
            let piece = waiting.piece;
            let grace_ns = self.limits.gap_grace_ns;
            let region = position.region(piece.start, piece.len(), now_ns);
            // The receiver has spoken since, and its window does not reach there; or is not heard at all.
            let disproved = position.ack_ns >= piece.stamp.ns.saturating_add(grace_ns);
            let unheard = now_ns >= piece.stamp.ns.saturating_add(UNHEARD_NS);
            if region == Region::Beyond && !disproved && !unheard {
                index += 1;
                continue;
            }
            let Unproven { frame, piece } = self.let_go(index, budget);
            if region == Region::Within || region == Region::Beyond && !disproved {
                self.take(frame, piece, budget, handler);
                // The window may reach further now.
                index = 0;
            } else {
                self.refuse(piece.len());
            }
        }
        if self.unproven.len() < before {
            self.settle(budget);
        }
    }

    /// Takes all of them: the stream goes on there.
    pub(super) fn believe_unproven<H: Handler>(&mut self, budget: &mut Budget, handler: &mut H) {
        while !self.unproven.is_empty() {
            let Unproven { frame, piece } = self.let_go(0, budget);
            self.take(frame, piece, budget, handler);
        }
    }

    /// Nothing will come that could prove them.
    pub(super) fn refuse_unproven(&mut self, budget: &mut Budget) {
        while !self.unproven.is_empty() {
            let piece = self.let_go(0, budget).piece;
            self.refuse(piece.len());
        }
    }

    /// Lets go of those whose source wants their frames back: genuine ones are rare, and none stands in the way
    /// of everything else.
    pub(super) fn refuse_wanted(&mut self, budget: &mut Budget) {
        let mut index = 0;
        while let Some(waiting) = self.unproven.get(index) {
            if waiting.frame.is_wanted_back() {
                let piece = self.let_go(index, budget).piece;
                self.refuse(piece.len());
            } else {
                index += 1;
            }
        }
        self.settle(budget);
    }

    fn let_go(&mut self, index: usize, budget: &mut Budget) -> Unproven<F> {
        let waiting = self.unproven.remove(index);
        budget.frames = budget.frames.saturating_sub(1);
        self.ledger.unproven -= waiting.piece.len();
        if self.unproven.is_empty() {
            self.unproven = Vec::new();
        }
        waiting
    }
}
