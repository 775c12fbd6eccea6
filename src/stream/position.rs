//! Where a direction stands in its sequence space.

/// A segment this far from what is expected belongs to something else. Far more than any window.
pub(super) const WINDOW: u64 = 1 << 30;

/// A receiver is taken to offer at least so much: window updates may have been missed.
const WINDOW_LEAST: u64 = 1 << 16;

/// A receiver whose SYN was missed is taken to offer no more: real receivers hardly do, and of
/// all numbers that somebody may make up few lie so near.
const WINDOW_MOST: u64 = 1 << 24;

/// A receiver acknowledges what comes in order within half a second (RFC 9293 §3.8.6.3). One that has
/// not for so long, and so many bytes, is not seen any more, and nobody knows its window.
const UNANSWERED_NS: u64 = 1_000_000_000;
const UNANSWERED: u64 = WINDOW_LEAST / 2;

/// For so long nothing may have come of a stream that goes on somewhere else.
const SILENCE_NS: u64 = 1_000_000_000;

/// A receiver that waits for a retransmission may be silent for as long as the sender backs off,
/// which is a minute at least (RFC 6298 §2.5) and two with Linux; and it has KEEPALIVEs to send.
pub(super) const UNHEARD_NS: u64 = 180_000_000_000;

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
    /// The receiver has acknowledged bytes behind `highest`.
    unseen: Option<Unseen>,
    /// Bytes that the capture cut from the last frame in order, and when it came.
    pub(super) cut: Option<(u64, u64, u64)>,
    /// Where the FIN stands.
    pub(super) fin: Option<u64>,
    /// When a segment last came that belongs here.
    pub(super) last_ns: u64,
    /// When it last became known that more had been sent.
    pub(super) announced_ns: u64,
    stray: Stray,
    /// What the receiver said it has, beyond what it acknowledges; the newest ranges.
    sacked: [(u64, u64); SACKED],
    sacked_at: usize,
    /// When the receiver was last heard of; 0: never.
    pub(super) ack_ns: u64,
    /// Since when the receiver has had something to say to what came, and was not heard; and to how
    /// many bytes.
    unanswered: Option<(u64, u64)>,
    /// When bytes last came in order.
    pub(super) advanced_ns: u64,
    /// The number that was acknowledged last, by whomever.
    acked_low: Option<u32>,
    /// Most bytes that the receiver has offered to take at a time, if it was heard of.
    window: Option<u64>,
}

/// Ranges that are remembered: four fit a segment, and newer ones repeat older ones (RFC 2018 §4).
const SACKED: usize = 8;

/// Segments of the same connection, by its addresses, far away from where it stands.
#[derive(Clone, Copy, Debug, Default)]
struct Stray {
    first: u32,
    next: u32,
    count: u8,
}

/// An acknowledgement of bytes that nobody saw.
#[derive(Clone, Copy, Debug)]
struct Unseen {
    since_ns: u64,
    /// What had been acknowledged before.
    acked: u64,
    /// The receiver has said so again.
    repeated: bool,
}

/// Where a segment lies, seen from its receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Region {
    /// Inside the window, or a copy of what was inside it a moment ago.
    Within,
    /// Beyond the window, as far as that is known: acknowledgements may have been missed.
    Beyond,
    /// No receiver would take it.
    Outside,
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
            unseen: None,
            cut: None,
            fin: None,
            last_ns: 0,
            announced_ns: 0,
            stray: Stray::default(),
            sacked: [(0, 0); SACKED],
            sacked_at: 0,
            ack_ns: 0,
            unanswered: None,
            advanced_ns: 0,
            acked_low: None,
            window: None,
        }
    }

    /// Where `length` bytes at `start` lie (RFC 9293 §3.10.7.4). A bystander may have missed the
    /// last acknowledgements, so the largest window that was offered counts from the newest byte seen
    /// on; whoever was never heard of, or is not any more, may take anything.
    pub(super) fn region(&self, start: u64, length: u64, now_ns: u64) -> Region {
        let unanswered = |(since, bytes): (u64, u64)| {
            bytes >= UNANSWERED && now_ns >= since.saturating_add(UNANSWERED_NS)
        };
        let window = self
            .window
            .filter(|_| !self.unanswered.is_some_and(unanswered))
            .map_or(WINDOW, |window| window.clamp(WINDOW_LEAST, WINDOW_MOST));
        let behind = window.min(WINDOW_MOST);
        let end = start + length;
        if start > self.next + WINDOW || end < self.start || end + behind < self.next {
            Region::Outside
        } else if start > self.next.max(self.acked) + window {
            Region::Beyond
        } else {
            Region::Within
        }
    }

    /// More has been sent than was known.
    pub(super) fn announce(&mut self, up_to: u64, now_ns: u64) {
        if up_to > self.highest {
            self.highest = up_to;
            self.announced_ns = now_ns;
        }
    }

    /// So many bytes have come in order, up to where the stream stands now.
    pub(super) fn advanced(&mut self, bytes: u64, now_ns: u64) {
        self.advanced_ns = self.advanced_ns.max(now_ns);
        // Whoever goes on behind a FIN has not sent it.
        self.fin = self.fin.filter(|fin| *fin >= self.next);
        if self.next > self.acked {
            self.expect_answer(bytes, now_ns);
        }
    }

    /// Bytes have come that the receiver has something to say to: an acknowledgement, or the same
    /// one again if a hole is before them (RFC 5681 §3.2).
    pub(super) fn expect_answer(&mut self, bytes: u64, now_ns: u64) {
        self.unanswered.get_or_insert((now_ns, 0)).1 += bytes;
    }

    /// The receiver was heard of since `ns`, but for the order in which a mirror shows things.
    pub(super) fn heard_since(&self, ns: u64, slack_ns: u64) -> bool {
        self.ack_ns > 0 && self.ack_ns.saturating_add(slack_ns) >= ns
    }

    /// The other side, be it the receiver or not, acknowledges this.
    pub(super) fn note_ack(&mut self, ack: u32) {
        self.acked_low = Some(ack);
    }

    /// The receiver offers so many bytes.
    pub(super) fn note_window(&mut self, window: u64) {
        self.window = Some(self.window.unwrap_or(0).max(window));
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
    /// while nothing else has come for a while, and the receiver acknowledges them or is not heard of
    /// at all: then so much was missed that the sequence numbers have moved on, and the stream goes on there.
    pub(super) fn strays(&mut self, seq: u32, length: u32, now_ns: u64) -> bool {
        if length == 0 {
            return false;
        }
        let follows = self.stray.count > 0 && self.stray.next == seq;
        let (first, count) = if follows {
            (self.stray.first, self.stray.count.saturating_add(1))
        } else {
            (seq, 1)
        };
        let next = seq.wrapping_add(length);
        self.stray = Stray { first, next, count };
        let sent = next.wrapping_sub(first);
        let acked = |ack: u32| (1..=sent).contains(&ack.wrapping_sub(first));
        let taken = self.acked_low.is_some_and(acked);
        let unheard = !self.heard_since(now_ns, UNHEARD_NS);
        now_ns.saturating_sub(self.last_ns) >= SILENCE_NS
            && (taken && count >= 2 || unheard && count >= 3)
    }

    /// Bytes up to `end` are the last of some that are too far away.
    pub(super) fn has_strayed_to(&self, end: u32) -> bool {
        self.stray.count > 0 && self.stray.next == end
    }

    /// The receiver has acknowledged up to `ack`; whether that changes anything.
    pub(super) fn acknowledge(&mut self, ack: u32, now_ns: u64, grace_ns: u64) -> bool {
        let acked = self.extend(ack);
        if acked.abs_diff(self.next) > WINDOW || acked > self.highest.max(self.acked) + UNSEEN_MAX {
            return false;
        }
        self.ack_ns = now_ns;
        self.unanswered = None;
        if let Some(unseen) = &mut self.unseen {
            if acked >= self.acked {
                unseen.repeated = true;
            } else if acked >= unseen.acked && now_ns >= unseen.since_ns.saturating_add(grace_ns) {
                // No receiver takes back what it has acknowledged: somebody else said that.
                self.acked = acked;
                self.unseen = None;
                return false;
            }
        }
        if acked <= self.acked {
            return self.has_unseen();
        }
        // A FIN that was not seen takes one number too.
        if acked > self.highest + 1 && self.fin.is_none() && self.unseen.is_none() {
            self.unseen = Some(Unseen {
                since_ns: now_ns,
                acked: self.acked,
                repeated: false,
            });
        }
        self.acked = acked;
        true
    }

    /// The receiver has acknowledged bytes behind `highest`.
    pub(super) fn has_unseen(&self) -> bool {
        self.unseen.is_some()
    }

    /// Bytes that the receiver has had for `grace_ns` although nobody saw them, as it has said twice: from
    /// now on they are a hole. Whether there are any. With `u64::MAX` once is enough: nothing more will come.
    pub(super) fn open_unseen(&mut self, now_ns: u64, grace_ns: u64) -> bool {
        let Some(unseen) = self.unseen else {
            return false;
        };
        if self.acked <= self.highest + 1 || self.fin.is_some() {
            self.unseen = None;
            return false;
        }
        let sure = unseen.repeated || now_ns == u64::MAX;
        if !sure || now_ns < unseen.since_ns.saturating_add(grace_ns) {
            return false;
        }
        self.unseen = None;
        self.announce(self.acked, unseen.since_ns);
        self.confirmed = Some((unseen.since_ns, self.acked));
        true
    }
}
