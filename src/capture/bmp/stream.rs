//! The bytes that a router sends to a station, put in order and cut into messages.
//!
//! A small reassembler: BMP is one direction of a quiet connection, so nothing is held that a later copy could
//! contradict, and the first copy counts. What is missing is waited for until too much is held behind it,
//! or the capture ends; then a message is searched for in what is held.

use super::framing::{Framed, find_start};
use super::tally::Tally;
use crate::wire::Segment;
use std::collections::VecDeque;

/// Bytes that one stream holds behind a hole.
const HELD_BYTES_MAX: usize = 4 << 20;
/// And segments.
const HELD_SEGMENTS_MAX: usize = 4096;
/// What a segment that is held takes besides its bytes: its place in the list, and what the allocator needs.
const SEGMENT_BYTES: usize = 64;
/// A segment that lies further off belongs to another connection.
pub(super) const FAR: u32 = 64 << 20;

/// Whole messages go there.
pub(super) trait Sink {
    fn message(&mut self, bytes: &[u8], tally: &mut Tally);
}

/// One direction of a connection.
#[derive(Debug)]
pub(super) struct Stream {
    /// Sequence number of the first byte that was seen, or that follows the SYN.
    first: u32,
    /// The SYN was seen.
    from_start: bool,
    /// Sequence number of the byte that comes next.
    next: u32,
    /// `next` is in a message, or behind one. Otherwise a message is searched for.
    in_step: bool,
    /// Something was missing, or was no BMP: what a search passes over is damage.
    damaged: bool,
    /// The beginning of a message.
    partial: Vec<u8>,
    /// Segments behind a hole, by their place.
    held: VecDeque<(u32, Vec<u8>)>,
    held_bytes: usize,
    /// Where the sender has closed it.
    end: Option<u32>,
    /// When the last segment came; by that the oldest stream is found.
    pub(super) last_ns: u64,
}

impl Stream {
    /// A stream that begins at this number: with the first byte that was sent, or in its middle.
    pub(super) fn new(first: u32, from_start: bool) -> Self {
        Self {
            first,
            from_start,
            next: first,
            in_step: from_start,
            damaged: false,
            partial: Vec::new(),
            held: VecDeque::new(),
            held_bytes: 0,
            end: None,
            last_ns: 0,
        }
    }

    /// The segment is the SYN of another connection.
    pub(super) fn is_over_by(&self, segment: &Segment) -> bool {
        segment.flags.syn() && !(self.from_start && self.first == first_byte(segment))
    }

    /// Sequence number of the byte that comes next.
    pub(super) const fn next(&self) -> u32 {
        self.next
    }

    /// Bytes that it keeps, and what it takes to keep them.
    pub(super) fn kept(&self) -> usize {
        self.held_bytes + self.held.len() * SEGMENT_BYTES + self.partial.len()
    }

    /// Takes a segment. Whether the stream is over with it.
    pub(super) fn segment(
        &mut self,
        segment: &Segment,
        payload: &[u8],
        tally: &mut Tally,
        sink: &mut impl Sink,
    ) -> bool {
        let seq = first_byte(segment);
        if segment.flags.fin() {
            let length = length(payload).wrapping_add(segment.cut);
            self.end = Some(seq.wrapping_add(length));
        }
        if !payload.is_empty() {
            if distance(self.next, seq).unsigned_abs() > FAR {
                self.give_up(tally, sink);
                tally.lose(0);
                self.damaged = true;
                self.in_step = false;
                self.drop_partial(tally);
                (self.first, self.next) = (seq, seq);
            }
            if distance(self.next, seq) > 0 {
                self.hold(seq, payload);
            } else {
                self.in_order(seq, payload, tally, sink);
            }
            self.settle(tally, sink);
            if self.held_bytes > HELD_BYTES_MAX || self.held.len() > HELD_SEGMENTS_MAX {
                self.give_up(tally, sink);
            }
        }
        let reset = segment.flags.rst() && seq == self.next;
        reset || self.end == Some(self.next)
    }

    /// No more is waited for: what is held is searched. Of the rest of a message nothing is kept if the stream
    /// has ended; otherwise it may only have been captured so far.
    pub(super) fn finish(&mut self, closed: bool, tally: &mut Tally, sink: &mut impl Sink) {
        self.give_up(tally, sink);
        let lacking = self.end.map_or(0, |end| distance(self.next, end));
        if lacking > 0 {
            tally.lose(u64::from(lacking.unsigned_abs()));
        }
        if closed || lacking > 0 {
            self.drop_partial(tally);
        } else {
            tally.pending += std::mem::take(&mut self.partial).len() as u64;
        }
    }

    /// Gives up all holes.
    pub(super) fn give_up(&mut self, tally: &mut Tally, sink: &mut impl Sink) {
        while let Some((seq, _)) = self.held.front() {
            let seq = *seq;
            tally.lose(u64::from(seq.wrapping_sub(self.next)));
            self.drop_partial(tally);
            self.damaged = true;
            self.in_step = false;
            self.next = seq;
            self.settle(tally, sink);
        }
    }

    /// The same, and the beginning of a message with them: there is no memory for either.
    pub(super) fn shed(&mut self, tally: &mut Tally, sink: &mut impl Sink) {
        self.give_up(tally, sink);
        if !self.partial.is_empty() {
            self.drop_partial(tally);
            self.damaged = true;
            self.in_step = false;
        }
    }

    fn drop_partial(&mut self, tally: &mut Tally) {
        tally.passed += std::mem::take(&mut self.partial).len() as u64;
    }

    /// Keeps a segment behind a hole. The copy that came first goes before one from the same place, unless it is shorter.
    fn hold(&mut self, seq: u32, payload: &[u8]) {
        let next = self.next;
        let place = distance(next, seq);
        let at = self
            .held
            .partition_point(|(seq, _)| distance(next, *seq) < place);
        if let Some((_, held)) = self.held.get_mut(at).filter(|(held, _)| *held == seq) {
            if let Some(more) = payload.get(held.len()..) {
                self.held_bytes += more.len();
                held.extend_from_slice(more);
            }
            return;
        }
        self.held_bytes += payload.len();
        self.held.insert(at, (seq, payload.to_vec()));
    }

    /// Takes what is held and not behind a hole any more.
    fn settle(&mut self, tally: &mut Tally, sink: &mut impl Sink) {
        while self
            .held
            .front()
            .is_some_and(|(seq, _)| distance(self.next, *seq) <= 0)
        {
            let Some((seq, payload)) = self.held.pop_front() else {
                return;
            };
            self.held_bytes -= payload.len();
            self.in_order(seq, &payload, tally, sink);
        }
    }

    /// Takes what is new in a segment that begins at `next` or before it.
    fn in_order(&mut self, seq: u32, payload: &[u8], tally: &mut Tally, sink: &mut impl Sink) {
        if !self.from_start && !self.damaged {
            // Of a stream that was joined, and before what was seen first of it.
            let before = distance(seq, self.first).max(0).unsigned_abs();
            tally.before += u64::from(before).min(payload.len() as u64);
        }
        let old = self.next.wrapping_sub(seq) as usize;
        let Some(new) = payload.get(old..).filter(|new| !new.is_empty()) else {
            return;
        };
        self.next = self.next.wrapping_add(length(new));
        if self.partial.is_empty() {
            let used = self.cut(new, tally, sink);
            self.partial
                .extend_from_slice(new.get(used..).unwrap_or_default());
        } else {
            let mut bytes = std::mem::take(&mut self.partial);
            bytes.extend_from_slice(new);
            let used = self.cut(&bytes, tally, sink);
            bytes.drain(..used.min(bytes.len()));
            self.partial = bytes;
        }
    }

    /// Hands out the whole messages in the next bytes; how many bytes are done with.
    fn cut(&mut self, bytes: &[u8], tally: &mut Tally, sink: &mut impl Sink) -> usize {
        let mut at = 0;
        while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
            if !self.in_step {
                at += self.search(rest, tally);
                continue;
            }
            match Framed::of(rest) {
                Framed::Whole(length) => {
                    sink.message(rest.get(..length).unwrap_or_default(), tally);
                    at += length;
                }
                Framed::Partial => return at,
                Framed::Not => {
                    tally.out_of_step += 1;
                    self.in_step = false;
                    self.damaged = true;
                    tally.passed += 1;
                    at += 1;
                }
            }
        }
        at
    }

    /// Passes over what comes before a message.
    fn search(&mut self, bytes: &[u8], tally: &mut Tally) -> usize {
        let found = find_start(bytes);
        let passed = found.unwrap_or(bytes.len());
        match self.damaged {
            true => tally.passed += passed as u64,
            false => tally.before += passed as u64,
        }
        if found.is_some() {
            self.in_step = true;
            tally.joined += u64::from(!self.damaged);
        }
        passed
    }
}

/// The number of the first byte of payload: a SYN has one of its own (RFC 9293 §3.4).
pub(super) fn first_byte(segment: &Segment) -> u32 {
    segment.seq.wrapping_add(segment.flags.syn().into())
}

/// How far `to` lies behind `from`; sequence numbers wrap around.
pub(super) fn distance(from: u32, to: u32) -> i32 {
    to.wrapping_sub(from).cast_signed()
}

/// Frames are far below 4 GiB.
pub(super) fn length(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX)
}

#[cfg(test)]
#[path = "stream_tests.rs"]
mod tests;
