//! Segments into order.

use super::budget::Budget;
use super::framer::{Framer, Out};
use super::held::Held;
use super::limits::{Counters, StreamLimits};
use super::piece::Piece;
use super::position::{Position, Region, low};
use super::unproven::Unproven;
use super::{GapReason, Handler, Ledger};
use crate::capture::{Frame, Stamp};
use crate::wire::Segment;
use bgptap_umem::buffer::BufferPool;
use std::collections::VecDeque;

/// How far the start of a stream that was joined may still move back.
const REWIND_MAX: u64 = 1 << 16;

/// Room for so many held segments stays when there are none.
const HELD_FEW: usize = 4;

/// A segment within so many bytes of where a stream stands goes on with it.
const EXPECTED_MAX: u64 = 1 << 20;

/// One direction of a connection.
pub struct Stream<F> {
    pub(super) limits: StreamLimits,
    pub(super) framer: Framer,
    /// Ascending, disjoint, all beyond `next`.
    pub(super) held: VecDeque<Held<F>>,
    pub(super) held_bytes: u64,
    /// In the order in which they came.
    pub(super) unproven: Vec<Unproven<F>>,
    /// Bytes of the budget that this stream has taken.
    pub(super) charged: u64,
    /// Extended sequence numbers from here on; `None` before the first byte or SYN.
    pub(super) position: Option<Position>,
    pub(super) ledger: Ledger,
    pub(super) counters: Counters,
}

impl<F: Frame> Stream<F> {
    /// A stream that has seen nothing.
    #[must_use]
    pub fn new(limits: StreamLimits, pool: BufferPool) -> Self {
        Self {
            limits,
            framer: Framer::new(pool, limits.messages),
            held: VecDeque::new(),
            held_bytes: 0,
            unproven: Vec::new(),
            charged: 0,
            position: None,
            ledger: Ledger::default(),
            counters: Counters::default(),
        }
    }

    /// Counts payload bytes on their way in; nothing else is concluded from them.
    pub fn count_captured(&mut self, bytes: u64) {
        self.ledger.captured += bytes;
    }

    /// Where the bytes went.
    #[must_use]
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Bytes that were copied to put straddling messages together, each once.
    #[must_use]
    pub fn copied(&self) -> u64 {
        self.framer.copied()
    }

    /// What happened to segments.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Whether this direction may have extended messages (RFC 8654), once that is known.
    pub fn set_extended(&mut self, extended: bool) {
        self.framer.set_extended(extended);
    }

    /// A message waits for [`Self::resume`].
    #[must_use]
    pub fn waiting(&self) -> bool {
        self.framer.is_waiting()
    }

    /// The segment is the SYN of another connection.
    #[must_use]
    pub fn is_new_epoch(&self, segment: &Segment) -> bool {
        let Some(position) = self.position.filter(|_| segment.flags.syn()) else {
            return false;
        };
        match position.isn {
            Some(isn) => isn != segment.seq,
            None => {
                let start = position.extend(segment.seq.wrapping_add(1));
                start != position.start && !self.may_begin_at(&position, start)
            }
        }
    }

    /// The stream was joined, and may turn out to begin a little earlier.
    fn may_begin_at(&self, position: &Position, start: u64) -> bool {
        position.isn.is_none()
            && (start..=start + REWIND_MAX).contains(&position.start)
            && self.framer.may_rewind()
    }

    /// The stream begins with this SYN, which has no payload.
    pub fn begin(&mut self, segment: &Segment) {
        if self.position.is_none() && segment.flags.syn() {
            let first = segment.seq.wrapping_add(1);
            self.position = Some(Position::new(first, Some(segment.seq)));
        }
    }

    /// The sequence number lies where the stream stands.
    #[must_use]
    pub fn expects(&self, seq: u32) -> bool {
        self.position
            .is_some_and(|position| position.extend(seq).abs_diff(position.next) <= EXPECTED_MAX)
    }

    /// Nothing has come of it.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        self.position.is_none()
    }

    /// Its FIN was seen, and nothing before it is still waited for.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.position
            .is_some_and(|position| position.fin.is_some_and(|fin| fin <= position.next))
    }

    /// Time may change something: a hole is open, a search is on, or a message waits.
    #[must_use]
    pub fn wants_ticks(&self) -> bool {
        self.framer.wants_ticks()
            || !self.unproven.is_empty()
            || self
                .position
                .is_some_and(|position| position.highest > position.next || position.has_unseen())
    }

    /// Takes a segment with its frame. Whether its receiver would take it too, as far as
    /// a bystander can know: else nothing that it says is to be believed (RFC 9293 §3.10.7.4).
    pub fn segment<H: Handler>(
        &mut self,
        frame: F,
        segment: &Segment,
        stamp: Stamp,
        budget: &mut Budget,
        handler: &mut H,
    ) -> bool {
        if segment.flags.rst() {
            return self.reset(segment);
        }
        let syn = segment.flags.syn();
        let sequence = segment.seq.wrapping_add(u32::from(syn));
        if self.position.is_none() {
            if !syn && segment.payload.is_empty() {
                return true;
            }
            if !syn {
                self.framer.join();
            }
            self.position = Some(Position::new(sequence, syn.then_some(segment.seq)));
        }
        self.find_start(sequence, segment, stamp, budget, handler);
        let Some(mut position) = self.position else {
            return false;
        };
        let start = position.extend(sequence);
        let length = segment.payload.end.saturating_sub(segment.payload.start);
        let piece = |start: u64| Piece {
            at: segment.payload.start as usize,
            start,
            end: start + u64::from(length),
            cut: segment.cut,
            fin: segment.flags.fin(),
            stamp,
        };
        let region = position.region(start, length.into(), stamp.ns);
        let moves = region != Region::Within && position.strays(sequence, length, stamp.ns);
        self.position = Some(position);
        let start = match region {
            Region::Within => start,
            Region::Beyond if moves => {
                self.believe_unproven(budget, handler);
                start
            }
            Region::Beyond => {
                self.hold_unproven(frame, piece(start), budget);
                return false;
            }
            Region::Outside if moves => self.move_to(sequence, stamp, budget, handler),
            Region::Outside => {
                self.refuse(length.into());
                return false;
            }
        };
        if let Some(position) = &mut self.position {
            position.belongs(stamp.ns);
        }
        self.take(frame, piece(start), budget, handler);
        self.review_unproven(stamp.ns, budget, handler);
        self.settle(budget);
        true
    }

    /// Takes payload that belongs to the stream.
    pub(super) fn take<H: Handler>(
        &mut self,
        frame: F,
        piece: Piece,
        budget: &mut Budget,
        handler: &mut H,
    ) {
        let Some(position) = &mut self.position else {
            return;
        };
        let end = piece.end + u64::from(piece.cut);
        if piece.fin {
            position.fin = Some(end);
        }
        // A FIN says that all before it was sent, even if it carries nothing itself.
        if end > piece.start || piece.fin {
            position.announce(end, piece.stamp.ns);
        }
        self.place(frame, piece, handler, budget);
        self.keep_limits(piece.stamp, budget, handler);
    }

    /// Counts a segment that no receiver would take, with so many bytes of payload.
    pub fn refuse(&mut self, length: u64) {
        self.ledger.discarded_window += length;
        self.counters.out_of_window += 1;
    }

    /// A RST ends nothing here. Its payload is a text for people, not part of the
    /// stream (RFC 9293 §3.5.3).
    fn reset(&mut self, segment: &Segment) -> bool {
        self.ledger.discarded_window += segment.payload.len() as u64;
        let resets = self.resets(segment);
        self.counters.rst_ignored += u64::from(!resets);
        resets
    }

    /// The RST lies where its receiver would believe it (RFC 5961 §3.2).
    fn resets(&self, segment: &Segment) -> bool {
        // Before anything else has come, the answer to a SYN is one (RFC 9293 §3.5.3).
        self.position.is_none_or(|position| {
            let at = position.extend(segment.seq);
            // What the receiver expects (RFC 5961 §3.2), or anything that may be on the way to it.
            let known = position.next..=position.highest.max(position.acked) + 1;
            at == position.acked || known.contains(&at)
        })
    }

    /// A stream that was joined a moment ago begins earlier than it seemed: at a SYN that
    /// came late, or with bytes that were overtaken.
    fn find_start<H: Handler>(
        &mut self,
        sequence: u32,
        segment: &Segment,
        stamp: Stamp,
        budget: &mut Budget,
        handler: &mut H,
    ) {
        let Some(mut position) = self.position else {
            return;
        };
        let start = position.extend(sequence);
        let syn = segment.flags.syn();
        let adjoins =
            start < position.start && start + segment.payload.len() as u64 >= position.start;
        if !(syn || adjoins) || !self.may_begin_at(&position, start) {
            return;
        }
        let bytes = self.framer.pending();
        let held = Held::copy(position.start, stamp, bytes, budget);
        if held.is_none() || self.framer.rewind(syn).is_none() {
            return;
        }
        self.hold(held, 0, 0);
        position.start = start;
        position.next = start;
        position.isn = syn.then_some(segment.seq);
        self.position = Some(position);
        self.release(handler, budget);
    }

    /// So much was missed that the stream goes on somewhere else.
    fn move_to<H: Handler>(
        &mut self,
        sequence: u32,
        stamp: Stamp,
        budget: &mut Budget,
        handler: &mut H,
    ) -> u64 {
        while !self.held.is_empty() {
            self.give_up(GapReason::Outage, stamp, budget, handler);
        }
        let Some(position) = &mut self.position else {
            return 0;
        };
        let start = position.next + u64::from(sequence.wrapping_sub(low(position.next)));
        position.highest = start;
        position.fin = None;
        self.give_up(GapReason::Outage, stamp, budget, handler);
        start
    }

    /// The segment is the last of some that go on elsewhere, or stands behind them.
    #[must_use]
    pub fn has_strayed_to(&self, segment: &Segment) -> bool {
        let end = segment.seq.wrapping_add(segment.payload.len() as u32);
        self.position
            .is_some_and(|position| position.has_strayed_to(end))
    }

    /// The other side acknowledges `ack`; nobody knows yet whether that is to be believed.
    pub fn note_ack(&mut self, ack: u32) {
        if let Some(position) = &mut self.position {
            position.note_ack(ack);
        }
    }

    /// The receiver offers a window of so many bytes.
    pub fn offered(&mut self, window: u64) {
        if let Some(position) = &mut self.position {
            position.note_window(window);
        }
    }

    /// The receiver has acknowledged up to `ack`.
    pub fn acked<H: Handler>(
        &mut self,
        ack: u32,
        stamp: Stamp,
        budget: &mut Budget,
        handler: &mut H,
    ) {
        if let Some(position) = &mut self.position
            && position.acknowledge(ack, stamp.ns, self.limits.gap_grace_ns)
        {
            self.review_unproven(stamp.ns, budget, handler);
            self.give_up_due(stamp.ns, stamp, budget, handler);
        }
    }

    /// The receiver has bytes beyond what it acknowledges: from `from` up to before `to` (RFC 2018).
    pub fn sacked(&mut self, from: u32, to: u32) {
        if let Some(position) = &mut self.position {
            position.sack(from, to);
        }
    }

    /// Time has passed: a hole may have been waited for long enough, a search may end.
    pub fn tick<H: Handler>(
        &mut self,
        now_ns: u64,
        stamp: Stamp,
        budget: &mut Budget,
        handler: &mut H,
    ) {
        self.review_unproven(now_ns, budget, handler);
        self.give_up_due(now_ns, stamp, budget, handler);
        // Bytes that are missing would have to come before anything else is concluded.
        if self
            .position
            .is_some_and(|position| position.highest == position.next)
        {
            let quiet_since = now_ns.saturating_sub(self.limits.gap_grace_ns);
            self.framer.tick(
                quiet_since,
                &mut Out {
                    handler,
                    ledger: &mut self.ledger,
                    stamp,
                },
            );
            self.settle(budget);
        }
    }

    /// Copies what is held in frames that their source wants back, as far as there is room.
    pub fn spill(&mut self, budget: &mut Budget) {
        for held in &mut self.held {
            held.spill(budget);
        }
        self.refuse_wanted(budget);
    }

    /// Goes on with a message that waited.
    pub fn resume<H: Handler>(&mut self, stamp: Stamp, budget: &mut Budget, handler: &mut H) {
        self.framer.resume(&mut Out {
            handler,
            ledger: &mut self.ledger,
            stamp,
        });
        self.settle(budget);
    }

    /// Gives up what it keeps outside frames: memory is short.
    pub fn shed<H: Handler>(&mut self, stamp: Stamp, budget: &mut Budget, handler: &mut H) {
        self.framer.shed(&mut Out {
            handler,
            ledger: &mut self.ledger,
            stamp,
        });
        self.settle(budget);
    }

    /// Nothing more will come: holes become gaps; an incomplete message stays pending.
    pub fn finish<H: Handler>(&mut self, stamp: Stamp, budget: &mut Budget, handler: &mut H) {
        self.refuse_unproven(budget);
        self.give_up_all(stamp, budget, handler);
        self.framer.finish(&mut Out {
            handler,
            ledger: &mut self.ledger,
            stamp,
        });
        self.held = VecDeque::new();
        self.settle(budget);
    }

    /// Brings the ledger up to date with what is held and missing.
    pub(super) fn settle(&mut self, budget: &mut Budget) {
        if self.held.is_empty() && self.held.capacity() > HELD_FEW {
            self.held = VecDeque::new();
        }
        let lists = self.held.capacity() * size_of::<Held<F>>()
            + self.unproven.capacity() * size_of::<Unproven<F>>();
        let kept = (self.framer.heap_bytes() + lists) as u64;
        budget.charge(self.charged, kept);
        self.charged = kept;
        let Some(position) = &mut self.position else {
            return;
        };
        let beyond = position.highest - position.next;
        self.ledger.span = position.highest - position.start;
        self.ledger.pending = self.framer.pending().len() as u64 + self.held_bytes;
        self.ledger.open_hole = beyond - self.held_bytes;
    }
}
