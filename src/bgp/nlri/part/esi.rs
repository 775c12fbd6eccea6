//! Ethernet segment identifiers.

use core::fmt;

use super::mac;
use serde::{Serialize, Serializer};

/// An Ethernet segment identifier (RFC 7432 §5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Esi(pub [u8; 10]);

impl Esi {
    /// The type octet, which says how the other nine came about: 0 by an operator, 1 LACP,
    /// 2 spanning tree, 3 MAC, 4 router ID, 5 AS number.
    #[must_use]
    pub const fn kind(self) -> u8 {
        self.0[0]
    }

    /// Whether it is zero, which denotes a single-homed site.
    #[must_use]
    pub fn is_zero(self) -> bool {
        self.0 == [0; 10]
    }
}

impl fmt::Display for Esi {
    /// `00:01:02:03:04:05:06:07:08:09`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        mac::octets(&self.0, f)
    }
}

impl Serialize for Esi {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_octets_the_first_of_which_is_the_type() {
        let esi = Esi([3, 0, 1, 2, 3, 4, 5, 6, 7, 0xff]);
        assert_eq!(esi.to_string(), "03:00:01:02:03:04:05:06:07:ff");
        assert_eq!(esi.kind(), 3);
        assert!(!esi.is_zero() && Esi([0; 10]).is_zero());
    }
}
