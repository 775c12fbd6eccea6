//! What can be wrong with a message, as data.

/// What RFC 7606 §2 has the receiver of a malformed message do, mildest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Disposition {
    /// Nothing: the deviation has no meaning (RFC 4271 §4.3, trailing bits of a prefix).
    Ignore,
    /// Drop the attribute, keep the routes.
    AttributeDiscard,
    /// Drop the NLRI that is concerned, keep the others (RFC 9552 §8.2.2).
    NlriDiscard,
    /// Handle the routes of the message as withdrawn.
    TreatAsWithdraw,
    /// Ignore the address family until the session is reset.
    AfiSafiDisable,
    /// Send a NOTIFICATION and close the session.
    SessionReset,
}

impl Disposition {
    /// All of them, mildest first.
    pub const ALL: [Self; 6] = [
        Self::Ignore,
        Self::AttributeDiscard,
        Self::NlriDiscard,
        Self::TreatAsWithdraw,
        Self::AfiSafiDisable,
        Self::SessionReset,
    ];

    /// The name in events and metrics, in the words of RFC 7606.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ignore => "ignore",
            Self::AttributeDiscard => "attribute-discard",
            Self::NlriDiscard => "nlri-discard",
            Self::TreatAsWithdraw => "treat-as-withdraw",
            Self::AfiSafiDisable => "afi-safi-disable",
            Self::SessionReset => "session-reset",
        }
    }
}

/// The NOTIFICATION code (high byte) and subcode (low byte) that name an error,
/// RFC 4271 §4.5 and §6, RFC 7313 §5.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub enum ErrorCode {
    /// No marker of sixteen 0xFF octets.
    ConnectionNotSynchronized = 0x0101,
    /// A length that the message type does not allow.
    BadMessageLength = 0x0102,
    /// A message type that is not known.
    BadMessageType = 0x0103,
    /// An OPEN whose optional parameters cannot be read.
    MalformedOpen = 0x0200,
    /// A version other than 4.
    UnsupportedVersion = 0x0201,
    /// AS 0 (RFC 7607 §2).
    BadPeerAs = 0x0202,
    /// Identifier 0 (RFC 6286 §2.1).
    BadBgpIdentifier = 0x0203,
    /// A hold time of one or two seconds.
    UnacceptableHoldTime = 0x0206,
    /// Roles that contradict each other (RFC 9234 §4.2).
    RoleMismatch = 0x020b,
    /// Fields or attributes that do not fit, or one attribute twice.
    MalformedAttributeList = 0x0301,
    /// A well-known attribute that is not known.
    UnrecognizedWellKnown = 0x0302,
    /// ORIGIN, AS_PATH or NEXT_HOP is missing.
    MissingWellKnown = 0x0303,
    /// Optional or Transitive bit not as the attribute wants it.
    AttributeFlags = 0x0304,
    /// A length that the attribute does not allow.
    AttributeLength = 0x0305,
    /// An ORIGIN other than 0, 1, 2.
    InvalidOrigin = 0x0306,
    /// A next hop of no possible length.
    InvalidNextHop = 0x0308,
    /// An optional attribute with an erroneous value.
    OptionalAttribute = 0x0309,
    /// NLRI or withdrawn routes that cannot be read.
    InvalidNetworkField = 0x030a,
    /// AS_PATH segments that cannot be read.
    MalformedAsPath = 0x030b,
    /// A ROUTE-REFRESH of the wrong length (RFC 7313 §5).
    InvalidRefreshLength = 0x0701,
}

impl ErrorCode {
    /// Error code of the NOTIFICATION that a receiver would send.
    #[must_use]
    pub const fn code(self) -> u8 {
        (self as u16).to_be_bytes()[0]
    }

    /// Its error subcode.
    #[must_use]
    pub const fn subcode(self) -> u8 {
        (self as u16).to_be_bytes()[1]
    }
}

/// One deviation: where it is, what it is and what RFC 7606 makes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Error {
    /// Bytes from the start of the message (its marker) to the offending octet.
    pub offset: u16,
    /// NOTIFICATION code and subcode.
    pub code: ErrorCode,
    /// Type code of the path attribute, if one is concerned.
    pub attribute: Option<u8>,
    /// What the receiver is to do.
    pub disposition: Disposition,
    /// The matter in a few words.
    pub text: &'static str,
}

impl core::fmt::Display for Error {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{} at offset {}", self.text, self.offset)?;
        if let Some(attribute) = self.attribute {
            write!(f, " in attribute {attribute}")?;
        }
        write!(f, " ({})", self.disposition.name())
    }
}

impl core::error::Error for Error {}

/// What is wrong inside one field, before its place in the message is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Bytes from the start of the field.
    pub at: usize,
    /// NOTIFICATION code and subcode.
    pub code: ErrorCode,
    /// Overrides the disposition that belongs to the attribute.
    pub disposition: Option<Disposition>,
    /// The matter in a few words.
    pub text: &'static str,
}

impl Fault {
    /// A fault with the attribute's own disposition.
    #[must_use]
    pub const fn new(at: usize, code: ErrorCode, text: &'static str) -> Self {
        Self {
            at,
            code,
            disposition: None,
            text,
        }
    }

    /// The same fault with a disposition of its own.
    #[must_use]
    pub const fn with(self, disposition: Disposition) -> Self {
        Self {
            disposition: Some(disposition),
            ..self
        }
    }

    /// The same fault seen from `base` bytes further out.
    #[must_use]
    pub const fn shifted(self, base: usize) -> Self {
        Self {
            at: self.at.saturating_add(base),
            ..self
        }
    }

    /// The error, with the field's place in the message.
    #[must_use]
    pub fn place(self, base: usize, attribute: Option<u8>, default: Disposition) -> Error {
        Error {
            offset: u16::try_from(base.saturating_add(self.at)).unwrap_or(u16::MAX),
            code: self.code,
            attribute,
            disposition: self.disposition.unwrap_or(default),
            text: self.text,
        }
    }
}

/// The errors of one message: the first few in order, and how many there were in all.
#[derive(Clone, Copy, Debug)]
pub struct Errors {
    list: [Error; Self::CAPACITY],
    total: u16,
}

impl Errors {
    /// Errors kept; a later one replaces the mildest if it is graver.
    pub const CAPACITY: usize = 4;

    const BLANK: Error = Error {
        offset: 0,
        code: ErrorCode::MalformedAttributeList,
        attribute: None,
        disposition: Disposition::Ignore,
        text: "",
    };

    /// As a constant it is copied as a whole, which is faster than element by element.
    const NONE: Self = Self {
        list: [Self::BLANK; Self::CAPACITY],
        total: 0,
    };

    /// No errors.
    #[must_use]
    #[inline]
    pub const fn new() -> Self {
        Self::NONE
    }

    /// Those kept, in the order in which they were found.
    #[must_use]
    pub fn as_slice(&self) -> &[Error] {
        let kept = usize::from(self.total).min(Self::CAPACITY);
        self.list.get(..kept).unwrap_or_default()
    }

    /// How many were found.
    #[must_use]
    pub const fn total(&self) -> u16 {
        self.total
    }

    /// The gravest disposition, which decides the fate of the message (RFC 7606 §3 h).
    #[must_use]
    pub fn worst(&self) -> Option<Disposition> {
        self.as_slice().iter().map(|e| e.disposition).max()
    }

    #[cold]
    pub(crate) fn push(&mut self, error: Error) {
        let index = usize::from(self.total);
        self.total = self.total.saturating_add(1);
        if let Some(slot) = self.list.get_mut(index) {
            *slot = error;
        } else if let Some(mildest) = self.list.iter_mut().min_by_key(|e| e.disposition)
            && mildest.disposition < error.disposition
        {
            *mildest = error;
        }
    }

    /// Those of another part of the message, found later.
    #[cold]
    pub(crate) fn append(&mut self, later: Self) {
        let kept = later.as_slice();
        kept.iter().for_each(|error| self.push(*error));
        let dropped = usize::from(later.total).saturating_sub(kept.len());
        let dropped = u16::try_from(dropped).unwrap_or(u16::MAX);
        self.total = self.total.saturating_add(dropped);
    }

    /// RFC 7606 §5.2: without reachable NLRI there is nothing to treat as withdrawn.
    #[cold]
    pub(crate) fn withdraw_becomes_reset(&mut self) {
        let kept = usize::from(self.total).min(Self::CAPACITY);
        for error in self.list.iter_mut().take(kept) {
            if error.disposition == Disposition::TreatAsWithdraw {
                error.disposition = Disposition::SessionReset;
            }
        }
    }
}

impl Default for Errors {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(disposition: Disposition) -> Error {
        Error {
            disposition,
            ..Errors::BLANK
        }
    }

    #[test]
    fn codes_are_those_of_the_notification() {
        assert_eq!(ErrorCode::MalformedAsPath.code(), 3);
        assert_eq!(ErrorCode::MalformedAsPath.subcode(), 11);
    }

    #[test]
    fn a_full_list_still_takes_what_is_graver() {
        let mut errors = Errors::new();
        for _ in 0..10 {
            errors.push(error(Disposition::AttributeDiscard));
        }
        errors.push(error(Disposition::SessionReset));
        errors.push(error(Disposition::Ignore));
        assert_eq!(errors.total(), 12);
        assert_eq!(errors.as_slice().len(), Errors::CAPACITY);
        assert_eq!(errors.worst(), Some(Disposition::SessionReset));
    }
}
