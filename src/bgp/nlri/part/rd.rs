//! Route distinguishers.

use core::fmt;
use core::net::Ipv4Addr;

use crate::bgp::text::Hex;
use serde::{Serialize, Serializer};

/// A route distinguisher (RFC 4364 §4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RouteDistinguisher(pub [u8; 8]);

impl RouteDistinguisher {
    /// The type field: 0 a two-octet AS, 1 an IPv4 address, 2 a four-octet AS.
    #[must_use]
    pub const fn kind(self) -> u16 {
        u16::from_be_bytes([self.0[0], self.0[1]])
    }
}

impl fmt::Display for RouteDistinguisher {
    /// As routers and Wireshark print it: `65000:1`, `192.0.2.1:5`; the octets of a type that
    /// is not known in hexadecimal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [_, _, a, b, c, d, e, g] = self.0;
        let low = u16::from_be_bytes([e, g]);
        match self.kind() {
            0 => {
                let asn = u16::from_be_bytes([a, b]);
                write!(f, "{asn}:{}", u32::from_be_bytes([c, d, e, g]))
            }
            1 => write!(f, "{}:{low}", Ipv4Addr::new(a, b, c, d)),
            2 => write!(f, "{}:{low}", u32::from_be_bytes([a, b, c, d])),
            _ => write!(f, "0x{}", Hex(&self.0)),
        }
    }
}

impl Serialize for RouteDistinguisher {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_type_as_routers_print_it() {
        let text = |octets| RouteDistinguisher(octets).to_string();
        assert_eq!(text([0, 0, 0xfd, 0xe8, 0, 0, 0, 1]), "65000:1");
        assert_eq!(text([0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff]), "1:4294967295");
        assert_eq!(text([0, 1, 10, 0, 0, 1, 0, 5]), "10.0.0.1:5");
        assert_eq!(text([0, 2, 0, 1, 0, 0, 0xff, 0xff]), "65536:65535");
        assert_eq!(text([0, 3, 1, 2, 3, 4, 5, 6]), "0x0003010203040506");
    }
}
