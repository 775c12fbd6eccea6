//! ERSPAN, the remote mirror of switches (draft-foschiano-erspan-03).
//!
//! Type I is GRE and Ethernet, nothing between. Types II and III have a header,
//! which also tells the VLAN of the port that is mirrored.

use super::{Cursor, Layer, Skip};

const VLAN_ID: u16 = 0x0fff;
/// Of type III: eight bytes that depend on the platform follow (§4.3).
const SUBHEADER: u8 = 0x01;

/// §4.2: version 1, VLAN, class of service, encapsulation, session; then an index.
pub(in crate::wire) fn read_ii(cursor: &mut Cursor<'_>) -> Result<Layer, Skip> {
    let header: [u8; 8] = cursor.take()?;
    if header[0] >> 4 != 1 {
        return Err(Skip::BadHeader);
    }
    take_vlan(cursor, [header[0], header[1]]);
    Ok(Layer::Ethernet)
}

/// §4.3: version 2, VLAN and so on; timestamp; group tag; what is inside, and an optional
/// subheader.
pub(in crate::wire) fn read_iii(cursor: &mut Cursor<'_>) -> Result<Layer, Skip> {
    let header: [u8; 12] = cursor.take()?;
    if header[0] >> 4 != 2 {
        return Err(Skip::BadHeader);
    }
    take_vlan(cursor, [header[0], header[1]]);
    if header[11] & SUBHEADER != 0 {
        cursor.skip(8)?;
    }
    // The frame type stands behind the P bit.
    match header[10] >> 2 & 0x1f {
        0 => Ok(Layer::Ethernet),
        2 => Ok(Layer::Ip),
        _ => Err(Skip::NotIp),
    }
}

/// A tag in the mirrored frame itself comes later, and wins.
fn take_vlan(cursor: &mut Cursor<'_>, field: [u8; 2]) {
    let id = u16::from_be_bytes(field) & VLAN_ID;
    cursor.vlan = (id != 0).then_some(id);
}
