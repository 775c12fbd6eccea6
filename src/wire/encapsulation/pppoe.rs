//! PPPoE session packets (RFC 2516 §4, §6).

use super::{Cursor, Layer, Skip, by_ppp_protocol};

/// Version 1, type 1.
const VERSION_TYPE: u8 = 0x11;

/// The EtherType of sessions implies code 0. Ethernet's padding is told from the
/// payload by the IP header inside, so the length field is not needed.
pub(in crate::wire) fn read(cursor: &mut Cursor<'_>) -> Result<Layer, Skip> {
    let [version_type, code, _, _, _, _, p, q] = cursor.take()?;
    if version_type != VERSION_TYPE || code != 0 {
        return Err(Skip::NotIp);
    }
    by_ppp_protocol(u16::from_be_bytes([p, q]))
}
