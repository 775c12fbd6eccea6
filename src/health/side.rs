//! What one side of a connection shows of its TCP.

use super::Rtt;
use crate::wire::{Segment, TcpOption, TcpOptions};

/// A copy of a frame that the mirror made comes within this time.
const MIRROR_COPY_NS: u64 = 10_000_000;

/// Frames that a copy may be of: mirrors interleave both ports that they copy from.
const RECENT: usize = 4;

/// The sender of one direction, as a bystander sees it.
#[derive(Clone, Debug, Default)]
pub struct Side {
    /// Largest segment that it takes, from its SYN.
    pub mss: Option<u16>,
    /// Its window scale, from its SYN.
    pub window_scale: Option<u8>,
    /// Its SYN was seen.
    pub(super) syn_seen: bool,
    /// It takes selective acknowledgements.
    pub sack_permitted: bool,
    /// Its segments carry an MD5 signature (RFC 2385).
    pub md5: bool,
    /// Its segments carry an authentication option (RFC 5925).
    pub authentication: bool,
    /// Longest payload that it has sent in one segment.
    pub segment_max: u32,
    /// From its data to their acknowledgement, both as they pass the mirror port.
    pub rtt: Rtt,
    /// From its clock value to the echo of it (RFC 7323 §4).
    pub timestamp_rtt: Rtt,
    /// Segments that the mirror showed twice.
    pub mirror_copies: u64,
    /// Segments that only ask whether the other side is there (RFC 9293 §3.8.4), or
    /// whether its window has opened (§3.8.6.1).
    pub probes: u64,
    /// Times that it closed its window: it read too slowly.
    pub zero_windows: u64,
    /// Time that its window was closed, nanoseconds, but for the one that is closed now.
    pub zero_window_ns: u64,
    /// How long its window was closed the last time.
    pub zero_window_last_ns: u64,
    /// Since when its window has been closed.
    pub zero_since_ns: Option<u64>,
    /// Window that it offers, bytes; unscaled where no scale is known.
    pub window: u32,
    /// Most bytes that were under way at a time.
    pub in_flight_max: u32,
    /// When the other side last acknowledged something new, or something new went under way.
    pub(super) progress_ns: u64,
    /// First number not sent yet, and first not acknowledged yet.
    sent: Option<u32>,
    acked: Option<u32>,
    /// Data whose acknowledgement is being timed: the number behind it, and when it was sent.
    timed: Option<(u32, u64)>,
    /// A clock value whose echo is being timed, and when it was sent.
    clock: Option<(u32, u64)>,
    /// The newest clock value that was echoed.
    echoed: Option<u32>,
    recent: [Option<Recent>; RECENT],
    oldest: usize,
}

/// What identifies a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Recent {
    seq: u32,
    ack: u32,
    length: u32,
    ip_id: Option<u16>,
    clock: Option<u32>,
    window: u16,
    at_ns: u64,
}

/// What the options of a segment said.
#[derive(Clone, Copy, Default)]
pub(super) struct Said {
    pub(super) clock: Option<(u32, u32)>,
}

/// `a` comes after `b` in sequence space.
fn after(a: u32, b: u32) -> bool {
    a.wrapping_sub(b).cast_signed() > 0
}

impl Side {
    /// Bytes that are sent and not acknowledged.
    #[must_use]
    pub fn in_flight(&self) -> u32 {
        match (self.sent, self.acked) {
            (Some(sent), Some(acked)) if after(sent, acked) => sent.wrapping_sub(acked),
            _ => 0,
        }
    }

    pub(super) fn read_options(&mut self, options: TcpOptions<'_>, syn: bool) -> Said {
        let mut said = Said::default();
        self.syn_seen |= syn;
        for option in options {
            match option {
                TcpOption::Mss(mss) if syn => self.mss = Some(mss),
                TcpOption::WindowScale(shift) if syn => self.window_scale = Some(shift),
                TcpOption::SackPermitted if syn => self.sack_permitted = true,
                TcpOption::Timestamps { value, echo } => said.clock = Some((value, echo)),
                TcpOption::Md5 => self.md5 = true,
                TcpOption::Authentication => self.authentication = true,
                _ => (),
            }
        }
        said
    }

    /// The mirror has shown this very frame before: the same numbers, the same clock and the
    /// same IPv4 identification within a moment. A retransmission has a new identification, and a new
    /// clock value unless it is very fast.
    pub(super) fn is_mirror_copy(&mut self, segment: &Segment, said: Said, now_ns: u64) -> bool {
        let length = segment.payload.end - segment.payload.start;
        if length == 0 {
            return false;
        }
        let this = Recent {
            seq: segment.seq,
            ack: segment.ack,
            length,
            ip_id: segment.ip_id,
            clock: said.clock.map(|(value, _)| value),
            window: segment.window,
            at_ns: now_ns,
        };
        // Nothing but the time would tell the two apart.
        let telling = this.clock.is_some() || this.ip_id.is_some_and(|id| id != 0);
        let copy = telling
            && self.recent.iter().flatten().any(|seen| {
                let age = now_ns.saturating_sub(seen.at_ns);
                age <= MIRROR_COPY_NS
                    && Recent {
                        at_ns: now_ns,
                        ..*seen
                    } == this
            });
        self.recent[self.oldest] = Some(this);
        self.oldest = (self.oldest + 1) % RECENT;
        self.mirror_copies += u64::from(copy);
        copy
    }

    /// Takes note of what it sends. `copy`: the mirror showed it before.
    pub(super) fn sends(&mut self, segment: &Segment, said: Said, copy: bool, now_ns: u64) {
        let length = (segment.payload.end - segment.payload.start).saturating_add(segment.cut);
        self.segment_max = self.segment_max.max(length);
        let numbers = length + u32::from(segment.flags.syn()) + u32::from(segment.flags.fin());
        let end = segment.seq.wrapping_add(numbers);
        let sent = *self.sent.get_or_insert(segment.seq);
        if self.acked.is_none() {
            self.acked = Some(segment.seq);
        }
        if numbers > 0 && after(end, sent) {
            if self.in_flight() == 0 {
                self.progress_ns = now_ns;
            }
            self.sent = Some(end);
            // A mirror may show the acknowledgement first.
            if self.acked.is_none_or(|acked| after(end, acked)) {
                self.timed.get_or_insert((end, now_ns));
            }
        } else if numbers > 0 && !copy {
            self.repeats(segment.seq, length, sent);
        } else if length == 0 && segment.seq == sent.wrapping_sub(1) {
            self.probes += 1;
        }
        let echoed = |value| self.echoed.is_some_and(|echoed| !after(value, echoed));
        if let Some((value, _)) = said.clock.filter(|_| length > 0 && !copy)
            && !echoed(value)
        {
            self.clock.get_or_insert((value, now_ns));
        }
        self.in_flight_max = self.in_flight_max.max(self.in_flight());
    }

    /// It sends something again. Karn's rule: whose acknowledgement follows is not known any more.
    fn repeats(&mut self, seq: u32, length: u32, sent: u32) {
        if length == 1 && seq == sent.wrapping_sub(1) {
            self.probes += 1;
        }
        self.timed = self.timed.filter(|(end, _)| !after(*end, seq));
    }

    /// The other side acknowledges, and echoes a clock.
    pub(super) fn is_acknowledged(&mut self, ack: u32, said: Said, now_ns: u64) {
        if self.acked.is_none_or(|acked| after(ack, acked)) {
            self.acked = Some(ack);
            self.progress_ns = now_ns;
        }
        if let Some((end, sent_ns)) = self.timed
            && !after(end, ack)
        {
            self.rtt.add(now_ns.saturating_sub(sent_ns));
            self.timed = None;
        }
        if let Some((_, echo)) = said.clock
            && self.echoed.is_none_or(|echoed| after(echo, echoed))
        {
            self.echoed = Some(echo);
        }
        if let (Some((value, sent_ns)), Some((_, echo))) = (self.clock, said.clock)
            && !after(value, echo)
        {
            if value == echo {
                self.timestamp_rtt.add(now_ns.saturating_sub(sent_ns));
            }
            self.clock = None;
        }
    }

    /// It offers a window. `scaled`: both SYNs had a scale.
    pub(super) fn offers(&mut self, segment: &Segment, scaled: bool, now_ns: u64) {
        if segment.flags.rst() {
            return;
        }
        let shift = self.window_scale.filter(|_| scaled && !segment.flags.syn());
        self.window = u32::from(segment.window) << shift.unwrap_or(0);
        match self.zero_since_ns {
            None if segment.window == 0 && !segment.flags.syn() => {
                self.zero_windows += 1;
                self.zero_since_ns = Some(now_ns);
            }
            Some(since) if segment.window > 0 => {
                self.zero_window_last_ns = now_ns.saturating_sub(since);
                self.zero_window_ns = self.zero_window_ns.saturating_add(self.zero_window_last_ns);
                self.zero_since_ns = None;
            }
            _ => (),
        }
    }

    /// Time that its window was closed, up to now.
    #[must_use]
    pub fn zero_window_until(&self, now_ns: u64) -> u64 {
        let open = self
            .zero_since_ns
            .map_or(0, |since| now_ns.saturating_sub(since));
        self.zero_window_ns.saturating_add(open)
    }
}
