//! Payload into its place: what is next is framed, what is early is held, the rest is old.

use super::budget::Budget;
use super::framer::Out;
use super::held::Held;
use super::piece::{Piece, differ};
use super::{Handler, Stream};
use crate::capture::{Frame, Stamp};

impl<F: Frame> Stream<F> {
    /// Puts payload into its place: what is next is framed, what is early is held, the rest is old.
    pub(super) fn place<H: Handler>(
        &mut self,
        frame: F,
        piece: Piece,
        handler: &mut H,
        budget: &mut Budget,
    ) {
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
    pub(super) fn hold(&mut self, held: Option<Held<F>>, length: u64, cut: u32) {
        let Some(mut held) = held else {
            self.ledger.discarded_limit += length;
            return;
        };
        held.cut = cut;
        if let Some(position) = &mut self.position {
            position.expect_answer(held.len(), held.stamp.ns);
        }
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
            position.advanced(bytes.len() as u64, stamp.ns);
            position.cut = position.cut.filter(|(_, to, _)| *to > until);
        }
    }

    /// Frames what was held and is next now.
    pub(super) fn release<H: Handler>(&mut self, handler: &mut H, budget: &mut Budget) {
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
}
