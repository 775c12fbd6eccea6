//! One direction of a TCP connection: segments in, whole BGP messages out.
//!
//! [`Stream`] puts segments in order and knows what is missing; a framer behind it cuts
//! contiguous bytes into messages, in place where they lie whole in a frame.

mod budget;
mod carry;
mod classes;
mod framer;
mod held;
mod holes;
mod insert;
mod kept;
mod limits;
mod piece;
mod position;
mod search;
#[allow(clippy::module_inception)]
mod stream;
#[cfg(test)]
mod tests;
mod unproven;

pub use budget::{Budget, spill_arena};
pub use classes::{CLASSES, class_count, classes_for, derive};
pub use limits::{Counters, StreamLimits};
pub use stream::Stream;

use crate::bgp::Header;
use crate::capture::Stamp;

/// Bytes of sequence space that were never captured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// First missing sequence number.
    pub seq_from: u32,
    /// First sequence number after the hole.
    pub seq_to: u32,
    /// Size of the hole, exact.
    pub bytes: u64,
    /// Why it was given up.
    pub reason: GapReason,
}

/// Why a hole was given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GapReason {
    /// The receiver acknowledged the bytes, at once or selectively, and no copy came within the grace
    /// time: the mirror lost them.
    MirrorLoss,
    /// The receiver never acknowledged these bytes, and nobody sent them again until the end: the network
    /// lost them too. As long as there may be a retransmission, it is waited for.
    NetworkLoss,
    /// Only this direction is seen, and the waiting time is over.
    OneSided,
    /// A limit on held frames or bytes was reached.
    Limit,
    /// The capture cut the frame short.
    CutFrame,
    /// Nothing came for so long that the sequence numbers have moved on further than a window
    /// reaches; `bytes` is exact but for multiples of 2³².
    Outage,
    /// The stream ended with the hole open.
    End,
}

/// Why contiguous bytes could not be framed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MalformedReason {
    /// No marker where a header must be (RFC 4271 §6.1, Connection Not Synchronized).
    BadMarker,
    /// A length that the type does not allow (RFC 4271 §6.1, Bad Message Length).
    BadLength,
    /// The stream was joined in mid-message; these bytes came before the first header.
    BeforeFirstHeader,
    /// After a gap, before the first confirmed header.
    AfterGap,
    /// The tail of a message whose rest was never seen.
    CutMessage,
    /// There was no memory for them.
    Limit,
}

/// What the receiver of a message wants to happen next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Go on with the next message.
    Next,
    /// Keep this message and deliver it again after `Stream::resume`: it needs
    /// the other side's OPEN, which may still lie in another ring.
    Wait,
}

/// How sure it is that the bytes of a message are one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// The messages before it lead to where it begins.
    Exact,
    /// Its beginning was searched for, and the message in which the search began could reach as far
    /// as this: contents of that one which look like a message in every way are not told apart.
    Searched,
}

/// Receives what a stream yields, in order.
pub trait Handler {
    /// One whole message, header included: marker and length have been checked.
    /// `stamp` is that of the frame that completed it; it never goes back.
    fn message(&mut self, message: &[u8], stamp: Stamp, framing: Framing) -> Verdict;
    /// A message that nobody asked for: counted from its header, its body is passed over.
    fn skipped(&mut self, _header: &Header, _stamp: Stamp) {}
    /// A hole was given up. Framing starts anew behind it.
    fn gap(&mut self, gap: Gap, stamp: Stamp);
    /// `bytes` contiguous bytes were passed over, since no message could be framed from them.
    fn malformed(&mut self, bytes: u64, reason: MalformedReason, stamp: Stamp);
    /// No message may answer [`Verdict::Wait`] any more: what waits has grown too long, or a gap follows.
    fn stop_waiting(&mut self);
}

/// Where each payload byte of one direction went, and where its sequence space stands.
///
/// `captured = decoded + skipped + duplicate + quarantined + discarded + pending` and
/// `span = decoded + skipped + quarantined + gap + open_hole + pending`.
/// `captured` and `span` are counted by the worker and the sequence tracker,
/// which know nothing of the other fields.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    /// Payload bytes handed in.
    pub captured: u64,
    /// Sequence space from the first byte taken to the highest seen.
    pub span: u64,
    /// Bytes of whole messages delivered, and headers of those that nobody asked for.
    pub decoded: u64,
    /// Bodies that nobody asked for.
    pub skipped: u64,
    /// Bytes seen before (retransmissions, mirror copies, overlaps).
    pub duplicate: u64,
    /// Contiguous bytes that no message could be framed from.
    pub quarantined: u64,
    /// Bytes dropped: outside any plausible window.
    pub discarded_window: u64,
    /// Bytes dropped: a limit was reached.
    pub discarded_limit: u64,
    /// Bytes kept: a partial message or held out-of-order segments.
    pub pending: u64,
    /// Bytes kept that lie beyond the receiver's window as far as that is known; they end in another
    /// count, and are no part of the span before that.
    pub unproven: u64,
    /// Missing bytes that may still come.
    pub open_hole: u64,
    /// Missing bytes that were given up.
    pub gap: u64,
}
