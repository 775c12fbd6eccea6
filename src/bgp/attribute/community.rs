//! COMMUNITIES (RFC 1997), EXTENDED COMMUNITIES (RFC 4360, 5701), LARGE_COMMUNITIES (RFC 8092).
//!
//! Lists are kept as sent: order and duplicates mean something to operators.

use core::fmt;

use super::ext_community::{ExtCommunity, Ipv6ExtCommunity};
use super::{Flags, PathAttribute, elements};
use crate::bgp::context::Context;
use crate::bgp::error::{Disposition, Fault};
use crate::bgp::names;
use serde::ser::{Serialize, Serializer};

/// A community.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Community(pub u32);

impl Community {
    /// The high half, an AS number by convention.
    #[must_use]
    pub const fn asn(self) -> u16 {
        (self.0 >> 16) as u16
    }

    /// The low half.
    #[must_use]
    pub const fn value(self) -> u16 {
        (self.0 & 0xffff) as u16
    }

    /// Its name, if it is a well-known one.
    #[must_use]
    pub const fn name(self) -> Option<&'static str> {
        names::community(self.0)
    }
}

impl Serialize for Community {
    /// `[asn, value]`, as RIS Live has it.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (self.asn(), self.value()).serialize(serializer)
    }
}

impl fmt::Display for Community {
    /// `64496:100`, or the well-known name.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "{}:{}", self.asn(), self.value()),
        }
    }
}

/// A large community.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LargeCommunity {
    /// Global administrator, an AS number.
    pub global: u32,
    /// Local data part 1.
    pub local1: u32,
    /// Local data part 2.
    pub local2: u32,
}

impl Serialize for LargeCommunity {
    /// `[global, local1, local2]`.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (self.global, self.local1, self.local2).serialize(serializer)
    }
}

impl fmt::Display for LargeCommunity {
    /// `64496:1:2` (RFC 8092 §5).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.global, self.local1, self.local2)
    }
}

macro_rules! lists {
    ($($(#[$doc:meta])* $name:ident[$size:literal] -> $item:ty = $code:literal, $text:literal, $read:expr;)*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Copy, Debug, PartialEq, Eq)]
            pub struct $name<'a>(&'a [[u8; $size]]);

            impl<'a> $name<'a> {
                /// The elements in wire order.
                #[inline]
                pub fn iter(&self) -> impl ExactSizeIterator<Item = $item> + Clone + use<'a> {
                    self.0.iter().map(|octets| $read(*octets))
                }
            }

            impl<'a> PathAttribute<'a> for $name<'a> {
                const CODE: u8 = $code;
                const FLAGS: Flags = Flags::OPTIONAL_TRANSITIVE;
                /// RFC 7606 §7.8, §7.14, §7.15, RFC 8092 §6.
                const DISPOSITION: Disposition = Disposition::TreatAsWithdraw;

                #[inline]
                fn parse(value: &'a [u8], _: &Context) -> Result<Self, Fault> {
                    elements(value, $text).map(Self)
                }
            }

            impl Serialize for $name<'_> {
                fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                    serializer.collect_seq(self.iter())
                }
            }
        )*
    };
}

lists! {
    /// COMMUNITIES.
    Communities[4] -> Community = 8, "COMMUNITIES is not a multiple of four octets",
        |octets| Community(u32::from_be_bytes(octets));
    /// EXTENDED COMMUNITIES.
    ExtCommunities[8] -> ExtCommunity = 16, "EXTENDED COMMUNITIES is not a multiple of eight octets",
        ExtCommunity;
    /// IPv6 address specific extended communities.
    Ipv6ExtCommunities[20] -> Ipv6ExtCommunity = 25, "IPv6 EXTENDED COMMUNITIES is not a multiple of twenty octets",
        Ipv6ExtCommunity;
    /// LARGE_COMMUNITIES.
    LargeCommunities[12] -> LargeCommunity = 32, "LARGE_COMMUNITIES is not a multiple of twelve octets",
        large;
}

fn large([a, b, c, d, e, f, g, h, i, j, k, l]: [u8; 12]) -> LargeCommunity {
    LargeCommunity {
        global: u32::from_be_bytes([a, b, c, d]),
        local1: u32::from_be_bytes([e, f, g, h]),
        local2: u32::from_be_bytes([i, j, k, l]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text<T: ToString>(items: impl Iterator<Item = T>) -> Vec<String> {
        items.map(|item| item.to_string()).collect()
    }

    #[test]
    fn duplicates_and_order_are_kept() {
        let value = [0, 2, 0, 1, 0xff, 0xff, 0xff, 1, 0, 2, 0, 1];
        let list = Communities::parse(&value, &Context::assumed()).expect("valid");
        assert_eq!(text(list.iter()), ["2:1", "no-export", "2:1"]);
    }

    #[test]
    fn lengths_other_than_whole_elements_are_malformed() {
        let context = Context::assumed();
        for length in [0, 1, 5, 7] {
            assert!(Communities::parse(&vec![0; length], &context).is_err());
            assert!(ExtCommunities::parse(&vec![0; length], &context).is_err());
            assert!(LargeCommunities::parse(&vec![0; length], &context).is_err());
        }
    }

    #[test]
    fn large_communities() {
        let mut value = [0; 12];
        value[3] = 1;
        value[7] = 2;
        value[8] = 0x80;
        let list = LargeCommunities::parse(&value, &Context::assumed()).expect("valid");
        assert_eq!(text(list.iter()), ["1:2:2147483648"]);
    }
}
