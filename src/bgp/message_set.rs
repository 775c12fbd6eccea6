//! Which types of messages somebody asks for.

use super::header::{DEFINITIONS, HEADER_LEN, MAX_LEN_EXTENDED, MessageType};
use core::fmt;
use core::str::FromStr;

/// A set of message types. Types that no RFC names are in it or not together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MessageSet(u16);

/// The bit of all types that are not in the table.
const UNKNOWN: u16 = 1 << 15;

const fn bit(kind: MessageType) -> u16 {
    let code = kind.code();
    if code >= 1 && code as usize <= DEFINITIONS.len() {
        1 << (code - 1)
    } else {
        UNKNOWN
    }
}

impl MessageSet {
    /// All types, also those that are not known.
    pub const ALL: Self = Self(u16::MAX);
    /// No type.
    pub const NONE: Self = Self(0);

    /// Whether messages of this type are asked for.
    #[must_use]
    #[inline]
    pub const fn contains(self, kind: MessageType) -> bool {
        self.0 & bit(kind) != 0
    }

    /// The set with one type more.
    #[must_use]
    pub const fn with(self, kind: MessageType) -> Self {
        Self(self.0 | bit(kind))
    }

    /// The longest message of the set with extended messages (RFC 8654); at least a header.
    #[must_use]
    pub fn longest(self) -> usize {
        if self.0 & UNKNOWN != 0 {
            return MAX_LEN_EXTENDED.into();
        }
        let wanted = DEFINITIONS.iter().filter(|d| self.contains(d.kind));
        let longest = wanted.map(|d| usize::from(d.max_extended)).max();
        longest.unwrap_or(HEADER_LEN)
    }
}

impl Default for MessageSet {
    fn default() -> Self {
        Self::ALL
    }
}

impl FromIterator<MessageType> for MessageSet {
    fn from_iter<I: IntoIterator<Item = MessageType>>(kinds: I) -> Self {
        kinds.into_iter().fold(Self::NONE, Self::with)
    }
}

/// A name that no type of message has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoSuchMessage(String);

impl fmt::Display for NoSuchMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "there is no message `{}`; there are", self.0)?;
        for (i, definition) in DEFINITIONS.iter().enumerate() {
            let comma = if i == 0 { "" } else { "," };
            write!(f, "{comma} {}", definition.name.to_ascii_lowercase())?;
        }
        Ok(())
    }
}

impl core::error::Error for NoSuchMessage {}

impl FromStr for MessageType {
    type Err = NoSuchMessage;

    /// The names of events in any case; a hyphen will do for an underscore.
    fn from_str(name: &str) -> Result<Self, NoSuchMessage> {
        let wanted = name.trim().replace('-', "_");
        let found = DEFINITIONS
            .iter()
            .find(|d| d.name.eq_ignore_ascii_case(&wanted));
        found
            .map(|d| d.kind)
            .ok_or_else(|| NoSuchMessage(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_type_is_asked_for_by_its_name() {
        for definition in &DEFINITIONS {
            let name = definition.name.to_lowercase().replace('_', "-");
            let kind: MessageType = name.parse().expect("a name of the table");
            assert_eq!(kind, definition.kind);
            let only = MessageSet::NONE.with(kind);
            for other in &DEFINITIONS {
                assert_eq!(only.contains(other.kind), other.kind == kind);
            }
            assert!(!only.contains(MessageType::Unknown(77)));
            assert_eq!(only.longest(), usize::from(definition.max_extended));
        }
        let error = "hello".parse::<MessageType>().expect_err("no such message");
        assert!(error.to_string().ends_with("route_refresh"), "{error}");
    }

    #[test]
    fn all_means_also_what_nobody_knows() {
        assert!(MessageSet::ALL.contains(MessageType::Unknown(0)));
        assert!(MessageSet::ALL.contains(MessageType::Unknown(255)));
        assert_eq!(MessageSet::NONE.longest(), HEADER_LEN);
    }
}
