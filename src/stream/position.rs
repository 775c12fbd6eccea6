//! Where a direction stands in its sequence space.

/// A segment this far from what is expected belongs to something else. Far more than any window.
pub(super) const WINDOW: u64 = 1 << 30;

/// An acknowledgement so far beyond all that was seen belongs to something else.
const UNSEEN_MAX: u64 = 1 << 26;

/// Sequence numbers extended to 64 bits, so that wraparound is nobody else's concern.
#[derive(Clone, Copy, Debug)]
pub(super) struct Position {
    /// The first byte.
    pub(super) start: u64,
    /// The next byte to be framed.
    pub(super) next: u64,
    /// The first byte that was never seen, or of which nobody said that it was sent.
    pub(super) highest: u64,
    /// Acknowledged by the receiver up to here.
    pub(super) acked: u64,
    /// Initial sequence number, if the SYN was seen.
    pub(super) isn: Option<u32>,
    /// When the receiver was first seen to have acknowledged a hole, and up to where: one
    /// acknowledgement confirms all holes before it.
    pub(super) confirmed: Option<(u64, u64)>,
    /// Since when the receiver has acknowledged bytes behind `highest`.
    pub(super) unseen_since_ns: Option<u64>,
    /// Bytes that the capture cut from the last frame in order, and when it came.
    pub(super) cut: Option<(u64, u64, u64)>,
    /// Where the FIN stands.
    pub(super) fin: Option<u64>,
    /// When a segment last came that belongs here.
    pub(super) last_ns: u64,
    stray: Stray,
    /// What the receiver said it has, beyond what it acknowledges; the newest ranges.
    sacked: [(u64, u64); SACKED],
    sacked_at: usize,
    /// When the receiver was last heard of.
    pub(super) ack_ns: u64,
}

/// Ranges that are remembered: four fit a segment, and newer ones repeat older ones (RFC 2018 §4).
const SACKED: usize = 8;

/// Segments of the same connection, by its addresses, far away from where it stands.
#[derive(Clone, Copy, Debug, Default)]
struct Stray {
    next: u32,
    count: u8,
}

/// The low 32 bits, as they stand in a TCP header.
pub(super) fn low(sequence: u64) -> u32 {
    u32::try_from(sequence & 0xffff_ffff).unwrap_or(0)
}

impl Position {
    pub(super) fn new(start: u32, isn: Option<u32>) -> Self {
        // Far enough from zero that what lies before the start has a number too.
        let start = (1 << 40) | u64::from(start);
        Self {
            start,
            next: start,
            highest: start,
            acked: start,
            isn,
            confirmed: None,
            unseen_since_ns: None,
            cut: None,
            fin: None,
            last_ns: 0,
            stray: Stray::default(),
            sacked: [(0, 0); SACKED],
            sacked_at: 0,
            ack_ns: 0,
        }
    }

    /// The receiver has the bytes in this range.
    pub(super) fn sack(&mut self, from: u32, to: u32) {
        let range = (self.extend(from), self.extend(to));
        if range.0 < range.1
            && range.1.abs_diff(self.next) <= WINDOW
            && !self.sacked.contains(&range)
        {
            self.sacked[self.sacked_at] = range;
            self.sacked_at = (self.sacked_at + 1) % SACKED;
        }
    }

    /// The receiver has said that it has these bytes.
    pub(super) fn is_received(&self, from: u64, to: u64) -> bool {
        let within = |range: &(u64, u64)| range.0 <= from && to <= range.1;
        to <= self.acked || self.sacked.iter().any(within)
    }

    /// The number nearest to what is expected next.
    pub(super) fn extend(&self, sequence: u32) -> u64 {
        let distance = sequence.wrapping_sub(low(self.next)).cast_signed();
        self.next.wrapping_add_signed(distance.into())
    }

    /// Takes note of a segment that belongs here.
    pub(super) fn belongs(&mut self, now_ns: u64) {
        self.stray = Stray::default();
        self.last_ns = now_ns;
    }

    /// Takes note of a segment that is too far away. True once several in a row follow one another
    /// while nothing else has come for `silence_ns`: then so much was missed that
    /// the sequence numbers have moved on, and the stream goes on there.
    pub(super) fn strays(&mut self, seq: u32, length: u32, now_ns: u64, silence_ns: u64) -> bool {
        if length == 0 {
            return false;
        }
        let follows = self.stray.count > 0 && self.stray.next == seq;
        let count = if follows { self.stray.count + 1 } else { 1 };
        self.stray = Stray {
            next: seq.wrapping_add(length),
            count: count.min(3),
        };
        count >= 3 && now_ns.saturating_sub(self.last_ns) >= silence_ns
    }

    /// The receiver has acknowledged up to `ack`; whether that is news.
    pub(super) fn acknowledge(&mut self, ack: u32, now_ns: u64) -> bool {
        self.ack_ns = now_ns;
        let acked = self.extend(ack);
        if acked <= self.acked || acked.abs_diff(self.next) > WINDOW {
            return false;
        }
        // A FIN that was not seen takes one number too.
        let unseen = acked.saturating_sub(self.highest);
        if unseen > UNSEEN_MAX {
            return false;
        }
        if unseen > 1 && self.fin.is_none() {
            self.unseen_since_ns.get_or_insert(now_ns);
        }
        self.acked = acked;
        true
    }

    /// Bytes that the receiver has had for `grace_ns` although nobody saw them: from
    /// now on they are a hole. Whether there are any.
    pub(super) fn open_unseen(&mut self, now_ns: u64, grace_ns: u64) -> bool {
        let Some(since) = self.unseen_since_ns else {
            return false;
        };
        if self.acked <= self.highest + 1 || self.fin.is_some() {
            self.unseen_since_ns = None;
            return false;
        }
        if now_ns < since.saturating_add(grace_ns) {
            return false;
        }
        self.unseen_since_ns = None;
        self.highest = self.acked;
        self.confirmed = Some((since, self.acked));
        true
    }
}
