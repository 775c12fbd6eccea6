//! MAC addresses.

use core::fmt;

use serde::{Serialize, Serializer};

/// A 48-bit MAC address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MacAddr(pub [u8; 6]);

impl fmt::Display for MacAddr {
    /// `00:11:22:aa:bb:cc`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        octets(&self.0, f)
    }
}

impl Serialize for MacAddr {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Octets in hexadecimal with colons between them.
pub(super) fn octets(octets: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for (index, octet) in octets.iter().enumerate() {
        let colon = if index == 0 { "" } else { ":" };
        write!(f, "{colon}{octet:02x}")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lower_case_with_leading_zeros() {
        let mac = MacAddr([0, 0x11, 0x22, 0xaa, 0xbb, 0xc]);
        assert_eq!(mac.to_string(), "00:11:22:aa:bb:0c");
    }
}
