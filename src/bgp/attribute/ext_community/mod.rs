//! EXTENDED COMMUNITIES (RFC 4360, RFC 7153) and their IPv6 form (RFC 5701).
//!
//! What the octets mean is in [`ExtValue`], how people write it in `text.rs`, and the names of
//! IANA's registries are in [`crate::bgp::names::ext_community`].

mod flow;
mod text;
mod value;

use core::fmt::{self, Display};
use core::net::Ipv6Addr;

use crate::bgp::names;
use crate::bgp::text::{Hex, Show};
use serde::ser::{Serialize, SerializeMap, Serializer};

pub use flow::FlowAction;
pub use value::{Administrator, ExtValue};

/// An extended community, as sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExtCommunity(pub [u8; 8]);

impl ExtCommunity {
    /// The eight octets as one number.
    #[must_use]
    pub const fn to_bits(self) -> u64 {
        u64::from_be_bytes(self.0)
    }

    /// Type and sub-type octets.
    #[must_use]
    pub const fn kind(self) -> (u8, u8) {
        (self.0[0], self.0[1])
    }

    /// Whether it goes beyond the next AS (RFC 4360 §2, the T bit).
    #[must_use]
    pub const fn is_transitive(self) -> bool {
        self.0[0] & 0x40 == 0
    }

    /// IANA's name of type and sub-type in short form.
    #[must_use]
    pub const fn name(self) -> Option<&'static str> {
        names::ext_community(self.0[0], self.0[1])
    }

    /// What it says.
    #[must_use]
    pub fn value(self) -> ExtValue {
        ExtValue::new(self.0)
    }

    /// Whether [`Display`] has more to show than digits.
    #[must_use]
    pub fn has_text(self) -> bool {
        self.name().is_some() && self.value() != ExtValue::Unknown
    }
}

impl Display for ExtCommunity {
    /// `RT:64496:100` and so on as FRR writes it; sixteen hexadecimal digits where nothing is known.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        text::write(f, *self)
    }
}

impl Serialize for ExtCommunity {
    /// `{"raw", "type", …, "text"}`: type and text where known, between them what the type holds.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("raw", &Hex(&self.0))?;
        if let Some(name) = self.name() {
            map.serialize_entry("type", name)?;
        }
        if !self.is_transitive() {
            map.serialize_entry("transitive", &false)?;
        }
        self.value().serialize_entries(&mut map)?;
        if self.has_text() {
            map.serialize_entry("text", &Show(self))?;
        }
        map.end()
    }
}

/// An extended community that names an IPv6 address, as sent (RFC 5701 §2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ipv6ExtCommunity(pub [u8; 20]);

impl Ipv6ExtCommunity {
    /// Type and sub-type octets.
    #[must_use]
    pub const fn kind(self) -> (u8, u8) {
        (self.0[0], self.0[1])
    }

    /// IANA's name of type and sub-type in short form.
    #[must_use]
    pub const fn name(self) -> Option<&'static str> {
        names::ipv6_ext_community(self.0[0], self.0[1])
    }

    /// Global administrator.
    #[must_use]
    pub fn address(self) -> Ipv6Addr {
        let [_, _, address @ .., _, _] = self.0;
        Ipv6Addr::from(address)
    }

    /// Local administrator.
    #[must_use]
    pub const fn local(self) -> u16 {
        u16::from_be_bytes([self.0[18], self.0[19]])
    }
}

impl Display for Ipv6ExtCommunity {
    /// `RT:[2001:db8::1]:100`; the brackets keep address and number apart.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let label = match self.name() {
            Some("route-target") => "RT",
            Some("route-origin") => "SoO",
            Some("flowspec-redirect-ipv6") => "FS:redirect VRF RT",
            Some(name) => name,
            None => return Hex(&self.0).fmt(f),
        };
        write!(f, "{label}:[{}]:{}", self.address(), self.local())
    }
}

impl Serialize for Ipv6ExtCommunity {
    /// `{"raw", "type", "address", "value", "text"}`; an unknown type keeps its bytes alone.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("raw", &Hex(&self.0))?;
        if let Some(name) = self.name() {
            map.serialize_entry("type", name)?;
            map.serialize_entry("address", &Show(self.address()))?;
            map.serialize_entry("value", &self.local())?;
            map.serialize_entry("text", &Show(self))?;
        }
        map.end()
    }
}

#[cfg(test)]
mod tests;
