//! Segments into order.

use super::budget::Budget;
use super::framer::{Framer, Out};
use super::held::Held;
use super::limits::{Counters, StreamLimits};
use super::piece::{Piece, differ};
use super::position::{Position, WINDOW, low};
use super::{Gap, GapReason, Handler, Ledger};
use crate::capture::{Frame, Stamp};
use crate::wire::Segment;
use bgptap_umem::buffer::BufferPool;
use std::collections::VecDeque;

/// Segments that a stream may hold while frames are scarce.
const FAIR_SHARE: usize = 32;

/// How far the start of a stream that was joined may still move back.
const REWIND_MAX: u64 = 1 << 16;

/// A segment within so many bytes of where a stream stands goes on with it.
const EXPECTED_MAX: u64 = 1 << 20;

/// For so long nothing may have come of a stream that goes on somewhere else.
const SILENCE_NS: u64 = 1_000_000_000;

/// One direction of a connection.
pub struct Stream<F> {
    limits: StreamLimits,
    framer: Framer,
    /// Ascending, disjoint, all beyond `next`.
    held: VecDeque<Held<F>>,
    held_bytes: u64,
    /// Bytes of the budget that this stream has taken.
    charged: u64,
    /// Extended sequence numbers from here on; `None` before the first byte or SYN.
    position: Option<Position>,
    ledger: Ledger,
    counters: Counters,
}

impl<F: Frame> Stream<F> {
    /// A stream that has seen nothing.
    #[must_use]
    pub fn new(limits: StreamLimits, pool: BufferPool) -> Self {
        Self {
            limits,
            framer: Framer::new(pool),
            held: VecDeque::new(),
            held_bytes: 0,
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

    /// Time may change something: a hole is open, a search is on, or a message waits.
    #[must_use]
    pub fn wants_ticks(&self) -> bool {
        self.framer.wants_ticks()
            || self.position.is_some_and(|position| {
                position.highest > position.next || position.unseen_since_ns.is_some()
            })
    }

    /// Takes a segment with its frame.
    pub fn segment<H: Handler>(
        &mut self,
        frame: F,
        segment: &Segment,
        stamp: Stamp,
        budget: &mut Budget,
        handler: &mut H,
    ) {
        if segment.flags.rst() {
            return self.reset(segment);
        }
        let syn = segment.flags.syn();
        let sequence = segment.seq.wrapping_add(u32::from(syn));
        if self.position.is_none() {
            if !syn && segment.payload.is_empty() {
                return;
            }
            if !syn {
                self.framer.join();
            }
            self.position = Some(Position::new(sequence, syn.then_some(segment.seq)));
        }
        self.find_start(sequence, segment, stamp, budget, handler);
        let length = segment.payload.len() as u64;
        let Some(start) = self.locate(sequence, segment, stamp, budget, handler) else {
            self.ledger.discarded_window += length;
            self.counters.out_of_window += 1;
            return;
        };
        let Some(position) = &mut self.position else {
            return;
        };
        let (end, cut) = (start + length, u64::from(segment.cut));
        if segment.flags.fin() {
            position.fin = Some(end + cut);
        }
        // A FIN says that all before it was sent, even if it carries nothing itself.
        if length + cut > 0 || segment.flags.fin() {
            position.highest = position.highest.max(end + cut);
        }
        let at = segment.payload.start as usize;
        let piece = Piece {
            at,
            start,
            end,
            cut: segment.cut,
            stamp,
        };
        self.place(frame, piece, handler, budget);
        self.keep_limits(stamp, budget, handler);
        self.settle(budget);
    }

    /// A RST ends nothing here. Its payload is a text for people, not part of the
    /// stream (RFC 9293 §3.5.3).
    fn reset(&mut self, segment: &Segment) {
        self.ledger.discarded_window += segment.payload.len() as u64;
        if !self.resets(segment) {
            self.counters.rst_ignored += 1;
        }
    }

    /// The RST lies where its receiver would believe it (RFC 5961 §3.2).
    fn resets(&self, segment: &Segment) -> bool {
        // Before anything else has come, the answer to a SYN is one (RFC 9293 §3.5.3).
        self.position.is_none_or(|position| {
            let at = position.extend(segment.seq);
            (position.next..=position.highest.max(position.acked) + 1).contains(&at)
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

    /// Where a segment lies; `None` if it cannot belong to the stream.
    fn locate<H: Handler>(
        &mut self,
        sequence: u32,
        segment: &Segment,
        stamp: Stamp,
        budget: &mut Budget,
        handler: &mut H,
    ) -> Option<u64> {
        let position = self.position.as_mut()?;
        let start = position.extend(sequence);
        let length = segment.payload.end.saturating_sub(segment.payload.start);
        if start.abs_diff(position.next) <= WINDOW {
            position.belongs(stamp.ns);
            return (start + u64::from(length) >= position.start).then_some(start);
        }
        if !position.strays(sequence, length, stamp.ns, SILENCE_NS) {
            return None;
        }
        while !self.held.is_empty() {
            self.give_up(GapReason::Outage, stamp, budget, handler);
        }
        let position = self.position.as_mut()?;
        position.belongs(stamp.ns);
        let start = position.next + u64::from(sequence.wrapping_sub(low(position.next)));
        position.highest = start;
        position.fin = None;
        self.give_up(GapReason::Outage, stamp, budget, handler);
        Some(start)
    }

    /// Puts payload into its place: what is next is framed, what is early is held, the rest is old.
    fn place<H: Handler>(&mut self, frame: F, piece: Piece, handler: &mut H, budget: &mut Budget) {
        let Some(position) = self.position else {
            return;
        };
        let Piece { at, start, end, .. } = piece;
        // Bytes before the first one taken are not in the span: whoever joins late leaves them.
        let before = position.start.saturating_sub(start).min(end - start);
        self.ledger.discarded_window += before;
        let old = position
            .next
            .saturating_sub(start + before)
            .min(end - start - before);
        self.ledger.duplicate += old;
        // A single old byte is a keepalive or window probe (RFC 9293 §3.8.4).
        if old > 1 {
            self.counters.retransmitted_segments += 1;
        }
        let mut from = start + before + old;
        let offset = |sequence: u64| at + (sequence - start) as usize;
        self.compare(
            start + before,
            &frame.as_ref()[offset(start + before)..offset(end)],
        );
        let mut frame = Some(frame);
        let mut keep: Option<(u64, u64)> = None;
        while from < end {
            let next = self.position.map_or(from, |position| position.next);
            if from < next {
                // Held bytes came first; they have moved the stream on.
                let count = next.min(end) - from;
                self.ledger.duplicate += count;
                from += count;
                continue;
            }
            let index = self.held.partition_point(|held| held.end <= from);
            let following = self.held.get(index).map(|held| (held.start, held.end));
            if let Some((held_start, held_end)) = following
                && held_start <= from
            {
                let until = held_end.min(end);
                self.ledger.duplicate += until - from;
                from = until;
                continue;
            }
            let until = following.map_or(end, |(held_start, _)| held_start.min(end));
            let Some(bytes) = frame
                .as_ref()
                .map(|frame| &frame.as_ref()[offset(from)..offset(until)])
            else {
                return;
            };
            if from == next {
                self.advance(bytes, until, piece.stamp, handler);
                self.note_cut(piece.cut_at(until), piece.stamp);
                self.release(handler, budget);
            } else if keep.is_none() {
                keep = Some((from, until));
            } else {
                let held = Held::copy(from, piece.stamp, bytes, budget);
                self.hold(held, until - from, piece.cut_at(until));
            }
            from = until;
        }
        if end == start && start == position.next {
            self.note_cut(piece.cut, piece.stamp);
        }
        if let (Some((from, until)), Some(frame)) = (keep, frame.take()) {
            self.counters.out_of_order += 1;
            let held = Held::frame((from, until), piece.stamp, frame, offset(from), budget);
            self.hold(held, until - from, piece.cut_at(until));
            // A later piece of the same frame may have been framed meanwhile, but never an earlier one.
        }
    }

    /// The frame whose bytes were framed last ends in `cut` bytes that were not captured.
    fn note_cut(&mut self, cut: u32, stamp: Stamp) {
        if let Some(position) = self.position.as_mut().filter(|_| cut > 0) {
            let from = position.next;
            position.cut = Some((from, from + u64::from(cut), stamp.ns));
        }
    }

    /// Counts copies that contradict what is still here: held segments, and bytes of a message that is
    /// not whole yet. The first copy wins.
    fn compare(&mut self, from: u64, bytes: &[u8]) {
        let Some(position) = self.position else {
            return;
        };
        let pending = self.framer.pending();
        let recent = (position.next - pending.len() as u64, pending);
        let held = self.held.iter().map(|held| (held.start, held.bytes()));
        let differs = |(start, known): &(u64, &[u8])| differ((*start, known), (from, bytes));
        let conflicts = std::iter::once(recent).chain(held).filter(differs).count();
        self.counters.conflicts += conflicts as u64;
    }

    /// Keeps a segment of `length` bytes, or counts it as lost if there was no room.
    fn hold(&mut self, held: Option<Held<F>>, length: u64, cut: u32) {
        let Some(mut held) = held else {
            self.ledger.discarded_limit += length;
            return;
        };
        held.cut = cut;
        self.held_bytes += held.len();
        let index = self.held.partition_point(|other| other.start < held.start);
        self.held.insert(index, held);
        let counters = &mut self.counters;
        counters.held_bytes_max = counters.held_bytes_max.max(self.held_bytes);
        counters.held_segments_max = counters.held_segments_max.max(self.held.len() as u64);
    }

    /// Frames bytes that are next.
    fn advance<H: Handler>(&mut self, bytes: &[u8], until: u64, stamp: Stamp, handler: &mut H) {
        self.framer.feed(
            bytes,
            &mut Out {
                handler,
                ledger: &mut self.ledger,
                stamp,
            },
        );
        if let Some(position) = &mut self.position {
            position.next = until;
        }
    }

    /// Frames what was held and is next now.
    fn release<H: Handler>(&mut self, handler: &mut H, budget: &mut Budget) {
        while let Some(position) = self.position {
            if self
                .held
                .front()
                .is_none_or(|held| held.start != position.next)
            {
                return;
            }
            let Some(held) = self.held.pop_front() else {
                return;
            };
            self.held_bytes -= held.len();
            held.release(budget);
            self.advance(held.bytes(), held.end, held.stamp, handler);
            self.note_cut(held.cut, held.stamp);
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
            && position.acknowledge(ack, stamp.ns)
        {
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

    /// Gives up the holes that were waited for long enough.
    fn give_up_due<H: Handler>(
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
            let cut_ns = position.cut.map_or(position.last_ns, |(_, _, ns)| ns);
            let since = self.held.front().map_or(cut_ns, |held| held.stamp.ns);
            let reason = if position.is_received(position.next, hole_end) {
                let confirmed = match position.confirmed {
                    Some((at, up_to)) if hole_end <= up_to => at,
                    _ => {
                        position.confirmed = Some((now_ns, position.acked.max(hole_end)));
                        now_ns
                    }
                };
                if now_ns
                    < confirmed
                        .max(since)
                        .saturating_add(self.limits.gap_grace_ns)
                {
                    return;
                }
                GapReason::MirrorLoss
            } else if now_ns >= since.saturating_add(self.limits.one_sided_ns) {
                if position.ack_ns > since {
                    GapReason::NetworkLoss
                } else {
                    GapReason::OneSided
                }
            } else {
                return;
            };
            self.give_up(reason, stamp, budget, handler);
            self.settle(budget);
        }
    }

    /// The first hole becomes a gap.
    fn give_up<H: Handler>(
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

    fn keep_limits<H: Handler>(&mut self, stamp: Stamp, budget: &mut Budget, handler: &mut H) {
        while !self.held.is_empty()
            && (self.held.len() > self.limits.held_frames as usize
                || self.held_bytes > self.limits.held_bytes
                || budget.frames >= budget.frames_low && self.held.len() > FAIR_SHARE)
        {
            self.give_up(GapReason::Limit, stamp, budget, handler);
        }
    }

    /// Copies what is held in frames that their source wants back, as far as there is room.
    pub fn spill(&mut self, budget: &mut Budget) {
        for held in &mut self.held {
            held.spill(budget);
        }
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
        while let Some(position) = &mut self.position {
            if position.highest == position.next && !position.open_unseen(u64::MAX, 0) {
                break;
            }
            let confirmed = first_hole(position, &self.held)
                .is_some_and(|end| position.is_received(position.next, end));
            let reason = if confirmed {
                GapReason::MirrorLoss
            } else {
                GapReason::End
            };
            self.give_up(reason, stamp, budget, handler);
        }
        self.framer.finish(&mut Out {
            handler,
            ledger: &mut self.ledger,
            stamp,
        });
        self.settle(budget);
    }

    /// Brings the ledger up to date with what is held and missing.
    fn settle(&mut self, budget: &mut Budget) {
        let kept = self.framer.kept();
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

/// Where the hole at `next` ends: at the first held byte, or at the end of what a frame announced.
fn first_hole<F>(position: &Position, held: &VecDeque<Held<F>>) -> Option<u64> {
    let end = held.front().map_or(position.highest, |held| held.start);
    (end > position.next).then_some(end)
}
