//! Segments into order.

use super::framer::{Framer, Out};
use super::held::Held;
use super::{Gap, GapReason, Handler, Ledger};
use crate::capture::{Frame, Stamp};
use crate::config::Limits;
use crate::wire::Segment;
use bgptap_umem::buffer::BufferPool;
use std::collections::VecDeque;

/// A segment this far from what is expected belongs to something else. Far more than any window.
const WINDOW: u64 = 1 << 30;

/// What one direction may hold and wait for.
#[derive(Clone, Copy, Debug)]
pub struct StreamLimits {
    /// Frames of one direction.
    pub held_frames: u32,
    /// Frames of all streams together.
    pub held_frames_all: u32,
    /// Bytes of one direction.
    pub held_bytes: u64,
    /// See [`Limits::gap_grace`].
    pub gap_grace_ns: u64,
    /// See [`Limits::one_sided_wait`].
    pub one_sided_ns: u64,
}

impl From<&Limits> for StreamLimits {
    fn from(limits: &Limits) -> Self {
        let ns =
            |duration: std::time::Duration| u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        Self {
            held_frames: limits.held_frames_per_session_max / 2,
            held_frames_all: limits.held_frames_max,
            held_bytes: limits.held_bytes_per_stream_max.into(),
            gap_grace_ns: ns(limits.gap_grace),
            one_sided_ns: ns(limits.one_sided_wait),
        }
    }
}

/// What happened to segments, beside what happened to their bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Segments with bytes that had been seen before.
    pub retransmitted_segments: u64,
    /// Segments that came before their turn.
    pub out_of_order: u64,
    /// Copies that differ from the held bytes that were seen first.
    pub conflicts: u64,
    /// RSTs outside the window (RFC 5961 §3).
    pub rst_ignored: u64,
}

/// One direction of a connection.
pub struct Stream<F> {
    limits: StreamLimits,
    framer: Framer,
    /// Ascending, disjoint, all beyond `next`.
    held: VecDeque<Held<F>>,
    held_bytes: u64,
    /// Extended sequence numbers from here on; `None` before the first byte or SYN.
    position: Option<Position>,
    ledger: Ledger,
    counters: Counters,
}

/// Sequence numbers extended to 64 bits, so that wraparound is nobody else's concern.
#[derive(Clone, Copy, Debug)]
struct Position {
    /// The first byte.
    start: u64,
    /// The next byte to be framed.
    next: u64,
    /// The first byte that was never seen.
    highest: u64,
    /// Acknowledged by the receiver up to here.
    acked: u64,
    /// Initial sequence number, if the SYN was seen.
    isn: Option<u32>,
    /// When the receiver was first seen to have acknowledged a hole, and up to where: one
    /// acknowledgement confirms all holes before it.
    confirmed: Option<(u64, u64)>,
    /// When a frame was cut and nothing is held behind it.
    cut_since_ns: u64,
    /// Bytes that a capture cut from a frame: the last such range.
    cut: Option<(u64, u64)>,
    /// Where the FIN stands.
    fin: Option<u64>,
}

impl Position {
    fn new(start: u32, isn: Option<u32>) -> Self {
        // Far enough from zero that what lies before the start has a number too.
        let start = (1 << 40) | u64::from(start);
        Self {
            start,
            next: start,
            highest: start,
            acked: start,
            isn,
            confirmed: None,
            cut_since_ns: 0,
            cut: None,
            fin: None,
        }
    }

    /// The number nearest to what is expected next.
    fn extend(&self, sequence: u32) -> u64 {
        let low = u32::try_from(self.next & 0xffff_ffff).unwrap_or(0);
        let distance = sequence.wrapping_sub(low).cast_signed();
        self.next.wrapping_add_signed(distance.into())
    }
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

    /// Longest message that a resync believes in.
    pub fn set_message_max(&mut self, max: u16) {
        self.framer.set_message_max(max);
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
            None => position.extend(segment.seq.wrapping_add(1)) != position.start,
        }
    }

    /// Takes a segment with its frame.
    pub fn segment<H: Handler>(
        &mut self,
        frame: F,
        segment: &Segment,
        stamp: Stamp,
        held_all: &mut u32,
        handler: &mut H,
    ) {
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
        let Some(position) = &mut self.position else {
            return;
        };
        let start = position.extend(sequence);
        if segment.flags.rst() && !(position.next..=position.highest + 1).contains(&start) {
            self.counters.rst_ignored += 1;
        }
        let length = segment.payload.len() as u64;
        if start.abs_diff(position.next) > WINDOW || start + length < position.start {
            self.ledger.discarded_window += length;
            return;
        }
        let end = start + length;
        if segment.flags.fin() {
            position.fin = Some(end + u64::from(segment.cut));
        }
        if segment.cut > 0 {
            position.cut = Some((end, end + u64::from(segment.cut)));
            position.cut_since_ns = stamp.ns;
        }
        if length + u64::from(segment.cut) > 0 {
            position.highest = position.highest.max(end + u64::from(segment.cut));
        }
        self.place(
            frame,
            segment.payload.start as usize,
            start,
            end,
            stamp,
            handler,
            held_all,
        );
        self.keep_limits(stamp, held_all, handler);
        self.settle();
    }

    /// Puts payload into its place: what is next is framed, what is early is held, the rest is old.
    #[allow(clippy::too_many_arguments)]
    fn place<H: Handler>(
        &mut self,
        frame: F,
        at: usize,
        start: u64,
        end: u64,
        stamp: Stamp,
        handler: &mut H,
        held_all: &mut u32,
    ) {
        let Some(position) = self.position else {
            return;
        };
        // Bytes before the first one taken are not in the span: whoever joins late leaves them.
        let before = position.start.saturating_sub(start).min(end - start);
        self.ledger.discarded_window += before;
        let start = start + before;
        let old = position.next.saturating_sub(start).min(end - start);
        self.ledger.duplicate += old;
        // A single old byte is a keepalive or window probe (RFC 9293 §3.8.4).
        if old > 1 {
            self.counters.retransmitted_segments += 1;
        }
        let mut from = start + old;
        let offset = |sequence: u64| at + before as usize + (sequence - start) as usize;
        self.compare(from, &frame.as_ref()[offset(from)..offset(end)]);
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
                self.advance(bytes, until, stamp, handler);
                self.release(stamp, handler, held_all);
            } else if keep.is_none() {
                keep = Some((from, until));
            } else {
                let held = Held::copy(from, stamp.ns, bytes);
                self.hold(held, held_all);
            }
            from = until;
        }
        if let (Some((from, until)), Some(frame)) = (keep, frame.take()) {
            self.counters.out_of_order += 1;
            let held = Held::frame(from, until, stamp.ns, frame, offset(from));
            self.hold(held, held_all);
            // A later piece of the same frame may have been framed meanwhile, but never an earlier one.
        }
    }

    /// Counts held ranges that `bytes`, which begin at `from`, contradict. The first copy wins.
    fn compare(&mut self, from: u64, bytes: &[u8]) {
        for held in &self.held {
            let (early, late) = (
                held.start.max(from),
                held.end.min(from + bytes.len() as u64),
            );
            if early < late {
                let count = (late - early) as usize;
                let known = &held.bytes()[(early - held.start) as usize..][..count];
                let new = &bytes[(early - from) as usize..][..count];
                self.counters.conflicts += u64::from(known != new);
            }
        }
    }

    fn hold(&mut self, held: Held<F>, held_all: &mut u32) {
        self.held_bytes += held.len();
        *held_all += 1;
        let index = self.held.partition_point(|other| other.start < held.start);
        self.held.insert(index, held);
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
    fn release<H: Handler>(&mut self, stamp: Stamp, handler: &mut H, held_all: &mut u32) {
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
            *held_all = held_all.saturating_sub(1);
            self.advance(held.bytes(), held.end, stamp, handler);
        }
    }

    /// The receiver has acknowledged up to `ack`.
    pub fn acked<H: Handler>(
        &mut self,
        ack: u32,
        stamp: Stamp,
        held_all: &mut u32,
        handler: &mut H,
    ) {
        let Some(position) = &mut self.position else {
            return;
        };
        let acked = position.extend(ack);
        if acked > position.acked && acked.abs_diff(position.next) <= WINDOW {
            position.acked = acked;
            self.tick(stamp.ns, stamp, held_all, handler);
        }
    }

    /// Time has passed: a hole may have been waited for long enough.
    pub fn tick<H: Handler>(
        &mut self,
        now_ns: u64,
        stamp: Stamp,
        held_all: &mut u32,
        handler: &mut H,
    ) {
        while let Some(position) = &mut self.position {
            if position.highest == position.next {
                return;
            }
            let Some(hole_end) = first_hole(position, &self.held) else {
                return;
            };
            // The data behind a hole may come later than its acknowledgement: both must have waited.
            let since = self
                .held
                .front()
                .map_or(position.cut_since_ns, |held| held.since_ns);
            let reason = if position.acked >= hole_end {
                let confirmed = match position.confirmed {
                    Some((at, up_to)) if hole_end <= up_to => at,
                    _ => {
                        position.confirmed = Some((now_ns, position.acked));
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
                GapReason::OneSided
            } else {
                return;
            };
            self.give_up(reason, stamp, held_all, handler);
            self.settle();
        }
    }

    /// The first hole becomes a gap.
    fn give_up<H: Handler>(
        &mut self,
        reason: GapReason,
        stamp: Stamp,
        held_all: &mut u32,
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
            .is_some_and(|(from, to)| from <= position.next && hole_end <= to);
        let reason = if cut { GapReason::CutFrame } else { reason };
        let low = |sequence: u64| u32::try_from(sequence & 0xffff_ffff).unwrap_or(0);
        let gap = Gap {
            seq_from: low(position.next),
            seq_to: low(hole_end),
            bytes,
            reason,
        };
        position.next = hole_end;
        self.ledger.gap += bytes;
        handler.gap(gap, stamp);
        self.framer.gap(
            bytes,
            &mut Out {
                handler,
                ledger: &mut self.ledger,
                stamp,
            },
        );
        self.release(stamp, handler, held_all);
    }

    fn keep_limits<H: Handler>(&mut self, stamp: Stamp, held_all: &mut u32, handler: &mut H) {
        while !self.held.is_empty()
            && (self.held.len() > self.limits.held_frames as usize
                || self.held_bytes > self.limits.held_bytes
                || *held_all > self.limits.held_frames_all)
        {
            self.give_up(GapReason::Limit, stamp, held_all, handler);
        }
    }

    /// Goes on with a message that waited.
    pub fn resume<H: Handler>(&mut self, stamp: Stamp, handler: &mut H) {
        self.framer.resume(&mut Out {
            handler,
            ledger: &mut self.ledger,
            stamp,
        });
        self.settle();
    }

    /// Nothing more will come: holes become gaps; an incomplete message stays pending.
    pub fn finish<H: Handler>(&mut self, stamp: Stamp, held_all: &mut u32, handler: &mut H) {
        while let Some(position) = self
            .position
            .filter(|position| position.highest > position.next)
        {
            let confirmed =
                first_hole(&position, &self.held).is_some_and(|end| position.acked >= end);
            let reason = if confirmed {
                GapReason::MirrorLoss
            } else {
                GapReason::End
            };
            self.give_up(reason, stamp, held_all, handler);
        }
        let complete = self
            .position
            .is_some_and(|position| position.fin == Some(position.next));
        self.framer.finish(
            complete,
            &mut Out {
                handler,
                ledger: &mut self.ledger,
                stamp,
            },
        );
        self.settle();
    }

    /// Brings the ledger up to date with what is held and missing.
    fn settle(&mut self) {
        let Some(position) = &mut self.position else {
            return;
        };
        let beyond = position.highest - position.next;
        self.ledger.span = position.highest - position.start;
        self.ledger.pending = self.framer.pending() + self.held_bytes;
        self.ledger.open_hole = beyond - self.held_bytes;
    }
}

/// Where the hole at `next` ends: at the first held byte, or at the end of what a frame announced.
fn first_hole<F>(position: &Position, held: &VecDeque<Held<F>>) -> Option<u64> {
    let end = held.front().map_or(position.highest, |held| held.start);
    (end > position.next).then_some(end)
}
