//! Where BMP messages begin and end in a stream (RFC 7854 §4.1, §4.2).

/// Octets of the common header (RFC 7854 §4.1).
pub const COMMON_LEN: usize = 6;
/// Octets of the per-peer header (RFC 7854 §4.2).
pub const PER_PEER_LEN: usize = 42;
/// No message is longer: a Peer Up has two OPENs, all others have less than two BGP messages or some figures.
pub const MESSAGE_MAX: usize = 1 << 20;
/// The V flag of the per-peer header: its address is one of IPv6 (RFC 7854 §4.2).
pub(super) const IPV6: u8 = 0x80;
/// Loc-RIB Instance Peer, the last type of a peer (RFC 9069 §4.1).
pub(super) const LOC_RIB: u8 = 3;
/// That of RFC 7854.
pub(super) const VERSION: u8 = 3;
/// That of a draft (draft-ietf-grow-bmp-tlv): its messages are framed in the same way, and not read.
const DRAFT_VERSION: u8 = 4;
/// The last type that was assigned (RFC 7854 §4.1).
const LAST_KIND: u8 = 6;

/// What stream bytes begin with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framed {
    /// A message of so many octets, all of them there.
    Whole(usize),
    /// The beginning of a message.
    Partial,
    /// No message: another version, or a length that none has.
    Not,
}

impl Framed {
    /// Looks at the common header (RFC 7854 §4.1).
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        match bytes {
            [version, ..] if !matches!(*version, VERSION | DRAFT_VERSION) => Self::Not,
            [_, a, b, c, d, _, ..] => {
                let length = u32::from_be_bytes([*a, *b, *c, *d]) as usize;
                match length {
                    ..COMMON_LEN => Self::Not,
                    length if length > MESSAGE_MAX => Self::Not,
                    length if length > bytes.len() => Self::Partial,
                    length => Self::Whole(length),
                }
            }
            _ => Self::Partial,
        }
    }
}

/// Where in `bytes`, which lie anywhere in a stream, a message begins.
///
/// BMP has no marker. At their very start the headers have to be plausible; further in, where any contents of
/// a message could look so, there must be a per-peer header too, and behind the message another one, as far
/// as `bytes` show it.
#[must_use]
pub fn find_start(bytes: &[u8]) -> Option<usize> {
    if plausible(bytes) {
        return Some(0);
    }
    (1..bytes.len()).find(|at| {
        let rest = bytes.get(*at..).unwrap_or_default();
        let has_peer = rest.get(5).is_some_and(|kind| has_per_peer_header(*kind));
        has_peer
            && plausible(rest)
            && match Framed::of(rest) {
                Framed::Whole(length) => match rest.get(length..) {
                    Some(behind) if behind.len() >= COMMON_LEN => plausible_common(behind),
                    _ => true,
                },
                _ => true,
            }
    })
}

/// Initiation and Termination have none (RFC 7854 §4.3, §4.5).
pub(super) const fn has_per_peer_header(kind: u8) -> bool {
    matches!(kind, 0..=3 | LAST_KIND)
}

/// Whether a common header stands there that may be one.
fn plausible_common(bytes: &[u8]) -> bool {
    let known = bytes.get(5).is_some_and(|kind| *kind <= LAST_KIND);
    known && Framed::of(bytes) != Framed::Not
}

/// The same with what must follow the common header.
fn plausible(bytes: &[u8]) -> bool {
    let Some((_, rest)) = bytes.split_at_checked(COMMON_LEN) else {
        return false;
    };
    if !plausible_common(bytes) {
        return false;
    }
    let kind = bytes.get(5).copied().unwrap_or_default();
    if !has_per_peer_header(kind) {
        // A string that says who speaks, or a reason: TLVs of two octets each (RFC 7854 §4.4, §4.5).
        return rest.len() < 4 || rest.first() == Some(&0);
    }
    let Some((head, body)) = rest.split_first_chunk::<PER_PEER_LEN>() else {
        return false;
    };
    let four = head[1] & IPV6 == 0;
    let micros = u32::from_be_bytes([head[38], head[39], head[40], head[41]]);
    let peer = head[0] <= LOC_RIB
        && head[1] & 0x0f == 0
        && (!four || head[10..22] == [0; 12])
        && micros < 1_000_000;
    // Of Route Monitoring an UPDATE follows at once, but in the draft.
    let follows = kind != 0 || bytes.first() != Some(&VERSION);
    peer && (follows || body.iter().take(16).all(|octet| *octet == 0xff))
}
