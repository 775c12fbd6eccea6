//! Ethernet and its VLAN tags.

use super::Skip;
use super::walk::{Cursor, Layer, by_ether_type};

const ADDRESSES_LEN: usize = 12;
/// The id in a tag's control information (IEEE 802.1Q §9.6).
const VLAN_ID: u16 = 0x0fff;

pub(super) fn frame(cursor: &mut Cursor<'_>) -> Result<Layer, Skip> {
    let header: [u8; ADDRESSES_LEN + 2] = cursor.take()?;
    by_ether_type(u16::from_be_bytes([header[12], header[13]]))
}

pub(super) fn tag(cursor: &mut Cursor<'_>) -> Result<Layer, Skip> {
    let [a, b, c, d] = cursor.take()?;
    // A priority tag (id 0) names no VLAN.
    let id = u16::from_be_bytes([a, b]) & VLAN_ID;
    if id != 0 {
        cursor.vlan = Some(id);
    }
    by_ether_type(u16::from_be_bytes([c, d]))
}
