//! The message header (RFC 4271 §4.1) and the sizes that each message type may have.
//!
//! Framing, resynchronisation and the size classes of buffers derive from one
//! table, [`DEFINITIONS`].

use super::context::{Context, Peering};
use super::error::{Disposition, Error, ErrorCode, Fault};

/// Bytes of a header: marker, length, type.
pub const HEADER_LEN: usize = 19;
/// Longest message without RFC 8654.
pub const MAX_LEN: u16 = 4096;
/// Longest message with RFC 8654.
pub const MAX_LEN_EXTENDED: u16 = u16::MAX;
/// Sixteen octets of ones.
pub const MARKER: [u8; 16] = [0xff; 16];

/// The type octet of a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MessageType {
    /// RFC 4271 §4.2.
    Open,
    /// RFC 4271 §4.3.
    Update,
    /// RFC 4271 §4.5.
    Notification,
    /// RFC 4271 §4.4.
    Keepalive,
    /// RFC 2918 §3.
    RouteRefresh,
    /// Any other value.
    Unknown(u8),
}

impl MessageType {
    /// The type of a type octet.
    #[must_use]
    pub const fn from_code(code: u8) -> Self {
        match code {
            1 => Self::Open,
            2 => Self::Update,
            3 => Self::Notification,
            4 => Self::Keepalive,
            5 => Self::RouteRefresh,
            other => Self::Unknown(other),
        }
    }

    /// The type octet.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Open => 1,
            Self::Update => 2,
            Self::Notification => 3,
            Self::Keepalive => 4,
            Self::RouteRefresh => 5,
            Self::Unknown(code) => code,
        }
    }

    /// The name in events and metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.definition().name
    }

    /// The sizes that this type may have.
    #[must_use]
    pub const fn definition(self) -> &'static Definition {
        match self {
            Self::Open => &DEFINITIONS[0],
            Self::Update => &DEFINITIONS[1],
            Self::Notification => &DEFINITIONS[2],
            Self::Keepalive => &DEFINITIONS[3],
            Self::RouteRefresh => &DEFINITIONS[4],
            Self::Unknown(_) => &UNKNOWN,
        }
    }
}

/// The sizes that messages of one type may have, header included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Definition {
    /// Which type.
    pub kind: MessageType,
    /// Its name in events and metrics.
    pub name: &'static str,
    /// Shortest length.
    pub min: u16,
    /// Longest length.
    pub max: u16,
    /// Longest length where the receiver takes extended messages (RFC 8654 §3:
    /// every type but OPEN and KEEPALIVE).
    pub max_extended: u16,
}

const fn define(kind: MessageType, name: &'static str, min: u16, max: u16, ext: u16) -> Definition {
    Definition {
        kind,
        name,
        min,
        max,
        max_extended: ext,
    }
}

/// All message types, ordered by type octet from 1.
pub const DEFINITIONS: [Definition; 5] = {
    use MessageType as T;
    [
        define(T::Open, "OPEN", 29, MAX_LEN, MAX_LEN),
        define(T::Update, "UPDATE", 23, MAX_LEN, MAX_LEN_EXTENDED),
        define(
            T::Notification,
            "NOTIFICATION",
            21,
            MAX_LEN,
            MAX_LEN_EXTENDED,
        ),
        define(T::Keepalive, "KEEPALIVE", 19, 19, 19),
        define(
            T::RouteRefresh,
            "ROUTE_REFRESH",
            23,
            MAX_LEN,
            MAX_LEN_EXTENDED,
        ),
    ]
};

const UNKNOWN: Definition = define(
    MessageType::Unknown(0),
    "UNKNOWN",
    19,
    MAX_LEN,
    MAX_LEN_EXTENDED,
);

/// A header whose marker and length have been checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Bytes of the message, header included.
    pub length: u16,
    /// What follows the header.
    pub kind: MessageType,
}

impl Header {
    /// Reads the header at the start of `bytes`, which may hold more.
    ///
    /// The length is checked against what the type allows with extended messages; whether the
    /// receiver takes those, the messages know that are read with a context.
    ///
    /// # Errors
    /// RFC 4271 §6.1: no marker, or a length that the type does not allow
    /// (also: fewer than [`HEADER_LEN`] bytes).
    #[inline]
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let Some(header) = bytes.first_chunk::<HEADER_LEN>() else {
            return Err(reset(0, ErrorCode::BadMessageLength, "header cut short"));
        };
        let (marker, rest) = header.split_at(MARKER.len());
        if marker != MARKER {
            return Err(reset(
                0,
                ErrorCode::ConnectionNotSynchronized,
                "no marker where a header must be",
            ));
        }
        let &[high, low, code] = rest else {
            return Err(reset(0, ErrorCode::BadMessageLength, "header cut short"));
        };
        let length = u16::from_be_bytes([high, low]);
        let kind = MessageType::from_code(code);
        let definition = kind.definition();
        if length < definition.min || length > definition.max_extended {
            return Err(reset(
                16,
                ErrorCode::BadMessageLength,
                "length outside what the message type allows",
            ));
        }
        Ok(Self { length, kind })
    }
}

/// RFC 8654 §4: only a receiver that announced the capability takes messages of more than 4096
/// octets. OPEN and KEEPALIVE, which never are that long, [`Header::parse`] has refused (§3).
/// Where the OPENs were not seen nobody knows.
#[inline]
pub(super) fn check_extended(body: &[u8], context: &Context) -> Option<Error> {
    let long = HEADER_LEN + body.len() > usize::from(MAX_LEN);
    let refused = long && context.peering != Peering::Unknown && !context.extended;
    let text = "extended message that its receiver did not ask for";
    refused.then(|| reset(16, ErrorCode::BadMessageLength, text))
}

/// Whether `bytes` start with what can be a header of a known type no longer
/// than `max`: the first test of a resynchronisation.
#[must_use]
#[inline]
pub fn plausible(bytes: &[u8], max: u16) -> bool {
    Header::parse(bytes)
        .is_ok_and(|header| header.length <= max && !matches!(header.kind, MessageType::Unknown(_)))
}

#[cold]
fn reset(at: usize, code: ErrorCode, text: &'static str) -> Error {
    Fault::new(at, code, text).place(0, None, Disposition::SessionReset)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bgp::Message;

    fn header(length: u16, code: u8) -> [u8; HEADER_LEN] {
        let mut bytes = [0xff; HEADER_LEN];
        bytes[16..18].copy_from_slice(&length.to_be_bytes());
        bytes[18] = code;
        bytes
    }

    #[test]
    fn the_table_is_ordered_by_type() {
        for (index, definition) in DEFINITIONS.iter().enumerate() {
            assert_eq!(usize::from(definition.kind.code()), index + 1);
            assert_eq!(definition.kind.definition(), definition);
            assert!(definition.min <= definition.max && definition.max <= definition.max_extended);
        }
    }

    #[test]
    fn lengths_at_the_limits_of_each_type() {
        for d in &DEFINITIONS {
            let parse = |length| Header::parse(&header(length, d.kind.code()));
            assert!(parse(d.min).is_ok());
            assert!(parse(d.max_extended).is_ok());
            let short = parse(d.min - 1).expect_err("too short");
            assert_eq!(
                (short.code, short.offset),
                (ErrorCode::BadMessageLength, 16)
            );
            if let Some(above) = d.max_extended.checked_add(1) {
                assert!(parse(above).is_err());
            }
        }
    }

    /// RFC 8654 §3: every type but OPEN and KEEPALIVE, if the receiver wants them.
    #[test]
    fn extended_messages_only_where_agreed() {
        let context = |peering, extended| Context {
            peering,
            extended,
            ..Context::assumed()
        };
        let errors = |code, length: u16, context: &Context| {
            let mut bytes = header(length, code).to_vec();
            // A request for IPv4 unicast with filters, an UPDATE with withdrawn routes.
            bytes.extend([0, 1, 0, 1, 1, 64]);
            bytes.resize(usize::from(length), 0);
            Message::parse(&bytes, context).map(|message| {
                let codes = message.errors().iter().map(|error| error.code);
                codes.filter(|c| *c == ErrorCode::BadMessageLength).count()
            })
        };
        for code in [2, 3, 5] {
            for (peering, extended, expected) in [
                (Peering::Internal, false, 1),
                (Peering::External, false, 1),
                (Peering::External, true, 0),
                (Peering::Unknown, false, 0),
            ] {
                let context = context(peering, extended);
                assert_eq!(errors(code, 4096, &context), Ok(0), "{code}");
                assert_eq!(errors(code, 4097, &context), Ok(expected), "{code}");
            }
        }
        for code in [1, 4] {
            let context = context(Peering::External, true);
            let refused = errors(code, 4097, &context).expect_err("never that long");
            assert_eq!(refused.code, ErrorCode::BadMessageLength);
        }
    }

    #[test]
    fn a_marker_with_one_bit_missing_is_none() {
        let mut bytes = header(19, 4);
        bytes[7] = 0xfe;
        let error = Header::parse(&bytes).expect_err("bad marker");
        assert_eq!(error.code, ErrorCode::ConnectionNotSynchronized);
        assert!(Header::parse(&bytes[..18]).is_err());
    }

    #[test]
    fn plausible_wants_a_known_type_and_the_agreed_length() {
        assert!(plausible(&header(4096, 2), MAX_LEN));
        assert!(!plausible(&header(4097, 2), MAX_LEN));
        assert!(plausible(&header(4097, 2), MAX_LEN_EXTENDED));
        assert!(!plausible(&header(19, 9), MAX_LEN));
        assert!(!plausible(&[0xff; 64], MAX_LEN));
    }
}
