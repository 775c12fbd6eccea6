//! How the TCP under a session is doing, told by what passes the mirror port.
//!
//! Each figure is that of a bystander: a round-trip time is the way from the mirror port to
//! the receiver and back, and what the mirror lost is not seen here.

mod figures;
mod rtt;
mod side;
#[cfg(test)]
mod tests;

pub use figures::{Figures, RttFigures};
pub use rtt::Rtt;
pub use side::Side;

use crate::session::Direction;
use crate::wire::{Segment, TcpOptions};

/// A window that is closed for so long is told about.
const ZERO_WINDOW_NS: u64 = 1_000_000_000;

/// Larger shifts are taken for this one (RFC 7323 §2.3).
const WINDOW_SCALE_MAX: u8 = 14;

/// Hold time while the OPENs are not known (RFC 4271 §10 suggests it).
const HOLD_S: u16 = 90;

/// Least send hold time (RFC 9687: the greater of eight minutes and twice the hold time).
const SEND_HOLD_S: u64 = 480;

/// Both sides of one connection.
#[derive(Clone, Debug, Default)]
pub struct Health {
    sides: [Side; 2],
    /// Negotiated hold time in seconds; `None` while not known, 0 if there is none.
    hold_s: Option<u16>,
    /// When each side's last message was complete.
    message_ns: [u64; 2],
    /// Least time that was left of the hold time when a message came, nanoseconds.
    margin_min_ns: [Option<u64>; 2],
    told: [Told; 2],
}

/// What has been told about a side and still holds.
#[derive(Clone, Copy, Debug, Default)]
struct Told {
    zero_window: bool,
    low_margin: bool,
    stall: bool,
    send_hold: bool,
}

/// Something that an operator should know of, once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alarm {
    /// The side has offered no window for a second: it reads too slowly.
    ZeroWindow,
    /// Its window is open again, after so many nanoseconds.
    WindowOpen(u64),
    /// The side has sent nothing for two thirds of the hold time: the other side is about to end the
    /// session (RFC 4271 §4.4 has a message sent at least every third of it). Nanoseconds left.
    HoldMarginLow(u64),
    /// What the side sends has not been acknowledged for the hold time: it cannot even
    /// get its KEEPALIVEs out.
    SendStalled(u64),
    /// The same for the send hold time: RFC 9687 has the side end the session.
    SendHoldExpired(u64),
}

/// Names of the alarms, in the order of [`Alarm::index`].
pub const ALARMS: [&str; 5] = [
    "zero_window",
    "window_open",
    "hold_margin_low",
    "send_stalled",
    "send_hold_expired",
];

impl Alarm {
    /// Its place in [`ALARMS`].
    #[must_use]
    pub const fn index(self) -> usize {
        match self {
            Self::ZeroWindow => 0,
            Self::WindowOpen(_) => 1,
            Self::HoldMarginLow(_) => 2,
            Self::SendStalled(_) => 3,
            Self::SendHoldExpired(_) => 4,
        }
    }

    /// The name in events.
    #[must_use]
    pub const fn name(self) -> &'static str {
        ALARMS[self.index()]
    }

    /// How long it has lasted, or what is left, nanoseconds.
    #[must_use]
    pub const fn nanoseconds(self) -> u64 {
        match self {
            Self::ZeroWindow => ZERO_WINDOW_NS,
            Self::WindowOpen(ns)
            | Self::HoldMarginLow(ns)
            | Self::SendStalled(ns)
            | Self::SendHoldExpired(ns) => ns,
        }
    }
}

impl Health {
    /// The sender of a direction.
    #[must_use]
    pub fn side(&self, direction: Direction) -> &Side {
        &self.sides[direction & 1]
    }

    /// Takes a segment of a direction, with its TCP options. True if the mirror
    /// has shown the same frame before.
    pub fn segment(
        &mut self,
        direction: Direction,
        segment: &Segment,
        options: &[u8],
        now_ns: u64,
    ) -> bool {
        let (this, other) = (direction & 1, (direction & 1) ^ 1);
        let scaled = self.sides.iter().all(|side| side.window_scale.is_some());
        let side = &mut self.sides[this];
        let said = side.read_options(TcpOptions::new(options), segment.flags.syn());
        let copy = side.is_mirror_copy(segment, said, now_ns);
        side.sends(segment, said, copy, now_ns);
        side.offers(segment, scaled, now_ns);
        if segment.flags.ack() && !copy {
            self.sides[other].is_acknowledged(segment.ack, said, now_ns);
        }
        copy
    }

    /// The largest window that a segment may offer, bytes. The scale holds if both SYNs have one (RFC 7323
    /// §2.2); where one was missed, the largest scale is assumed (§2.3).
    #[must_use]
    pub fn window_at_most(&self, direction: Direction, segment: &Segment) -> u64 {
        let [a, b] = &self.sides;
        let unscaled = |side: &Side| side.syn_seen && side.window_scale.is_none();
        let shift = if segment.flags.syn() || unscaled(a) || unscaled(b) {
            0
        } else if a.syn_seen && b.syn_seen {
            let scale = self.sides[direction & 1].window_scale.unwrap_or(0);
            scale.min(WINDOW_SCALE_MAX)
        } else {
            WINDOW_SCALE_MAX
        };
        u64::from(segment.window) << shift
    }

    /// Both OPENs are known: the smaller hold time counts (RFC 4271 §4.2).
    pub fn set_hold_time(&mut self, seconds: u16) {
        self.hold_s = Some(seconds);
    }

    /// A message of a direction was complete.
    pub fn message(&mut self, direction: Direction, at_ns: u64) {
        let this = direction & 1;
        if let Some(margin) = self.margin_ns(direction, at_ns) {
            let least = self.margin_min_ns[this].map_or(margin, |least| least.min(margin));
            self.margin_min_ns[this] = Some(least);
        }
        self.message_ns[this] = self.message_ns[this].max(at_ns);
        self.told[this].low_margin = false;
    }

    /// What is left of the hold time until the other side ends the session for want of a message;
    /// `None` if there is no hold time, or nothing was said yet.
    #[must_use]
    pub fn margin_ns(&self, direction: Direction, now_ns: u64) -> Option<u64> {
        let hold = u64::from(self.hold_s.filter(|hold| *hold > 0)?) * 1_000_000_000;
        let last = self.message_ns[direction & 1];
        (last > 0).then(|| last.saturating_add(hold).saturating_sub(now_ns))
    }

    /// The least margin that was left when a message came.
    #[must_use]
    pub fn margin_min_ns(&self, direction: Direction) -> Option<u64> {
        self.margin_min_ns[direction & 1]
    }

    /// The side's window is open again, if it was told that it was closed; once.
    pub fn window_opened(&mut self, direction: Direction) -> Option<Alarm> {
        let (side, told) = (&self.sides[direction & 1], &mut self.told[direction & 1]);
        let opened = told.zero_window && side.zero_since_ns.is_none();
        opened.then(|| {
            told.zero_window = false;
            Alarm::WindowOpen(side.zero_window_last_ns)
        })
    }

    /// Time has passed: what is to be told about a direction's sender, each once.
    pub fn alarm(&mut self, direction: Direction, now_ns: u64) -> Option<Alarm> {
        let this = direction & 1;
        let margin = self.margin_ns(direction, now_ns);
        let hold = u64::from(self.hold_s.unwrap_or(HOLD_S)) * 1_000_000_000;
        let closed_ns = self.sides[this ^ 1].zero_since_ns;
        let (side, told) = (&self.sides[this], &mut self.told[this]);
        let closed = |since: u64| now_ns >= since.saturating_add(ZERO_WINDOW_NS);
        if !told.zero_window && side.zero_since_ns.is_some_and(closed) {
            told.zero_window = true;
            return Some(Alarm::ZeroWindow);
        }
        if let Some(left) = margin.filter(|left| *left < hold / 3 && !told.low_margin) {
            told.low_margin = true;
            return Some(Alarm::HoldMarginLow(left));
        }
        let since = match closed_ns {
            _ if side.in_flight() > 0 => side.progress_ns,
            Some(closed_ns) => closed_ns,
            None => now_ns,
        };
        let stuck = now_ns.saturating_sub(since);
        let send_hold = (SEND_HOLD_S * 1_000_000_000).max(2 * hold);
        if hold == 0 || stuck < hold {
            (told.stall, told.send_hold) = (false, false);
            None
        } else if !told.stall {
            told.stall = true;
            Some(Alarm::SendStalled(stuck))
        } else if stuck >= send_hold && !told.send_hold {
            told.send_hold = true;
            Some(Alarm::SendHoldExpired(stuck))
        } else {
            None
        }
    }
}
