//! UDP (RFC 768), as far as its port says that it carries frames or datagrams.

use super::{Cursor, Layer, Skip, by_udp_port};

/// Fragments are not put together: VXLAN endpoints must not fragment (RFC 7348 §4.3), GENEVE
/// endpoints should not (RFC 8926 §4.4.1), and other UDP fragments are far too many.
pub(in crate::wire) fn read(cursor: &mut Cursor<'_>) -> Result<Layer, Skip> {
    let header: [u8; 8] = cursor.take()?;
    let inside = by_udp_port(u16::from_be_bytes([header[2], header[3]]))?;
    if cursor.fragment.is_some() {
        return Err(Skip::Fragment);
    }
    cursor.enter_tunnel();
    Ok(inside)
}
