//! What the program leaves in front of each steered packet.

use crate::abi;

/// Bytes of metadata.
pub const META_LENGTH: usize = abi::META_LENGTH as usize;

/// The metadata of one packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Meta {
    /// When the program saw the packet: nanoseconds of `CLOCK_TAI`.
    pub xdp_ns: u64,
    /// When the card received it, by the card's own clock, where the driver tells.
    pub hw_ns: Option<u64>,
    /// VLAN id that the card took out of the packet, where the driver tells.
    pub vlan: Option<u16>,
}

impl Meta {
    /// Reads metadata from the [`META_LENGTH`] bytes right below a packet.
    ///
    /// `None` if they are something else: a driver without room for metadata leaves whatever
    /// was in the frame before.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; META_LENGTH] = bytes.try_into().ok()?;
        let [m0, m1, m2, m3, version, flags, v0, v1, times @ ..] = bytes;
        let magic = u32::from_ne_bytes([*m0, *m1, *m2, *m3]);
        if magic != abi::META_MAGIC || u32::from(*version) != abi::META_VERSION {
            return None;
        }
        let (xdp, hw) = times.split_first_chunk::<8>()?;
        let hw: [u8; 8] = hw.try_into().ok()?;
        let has = |flag: u32| u32::from(*flags) & flag != 0;
        Some(Self {
            xdp_ns: u64::from_ne_bytes(*xdp),
            hw_ns: has(abi::META_HAS_HW_TIME).then_some(u64::from_ne_bytes(hw)),
            // The low twelve bits are the id (IEEE 802.1Q).
            vlan: has(abi::META_HAS_VLAN).then_some(u16::from_ne_bytes([*v0, *v1]) & 0x0fff),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_metadata_is_believed() {
        let mut bytes = [0u8; META_LENGTH];
        assert_eq!(Meta::parse(&bytes), None);
        bytes[..4].copy_from_slice(&abi::META_MAGIC.to_ne_bytes());
        bytes[4] = 1;
        bytes[8..16].copy_from_slice(&77u64.to_ne_bytes());
        let meta = Meta::parse(&bytes).expect("ours");
        assert_eq!((meta.xdp_ns, meta.hw_ns, meta.vlan), (77, None, None));
        bytes[5] = 3;
        bytes[6..8].copy_from_slice(&0x6064u16.to_ne_bytes());
        bytes[16..].copy_from_slice(&88u64.to_ne_bytes());
        let meta = Meta::parse(&bytes).expect("ours");
        assert_eq!((meta.hw_ns, meta.vlan), (Some(88), Some(0x64)));
        bytes[4] = 2;
        assert_eq!(Meta::parse(&bytes), None, "another version");
        assert_eq!(Meta::parse(&bytes[1..]), None);
    }
}
