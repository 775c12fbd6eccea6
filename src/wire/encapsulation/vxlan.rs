//! VXLAN (RFC 7348 §5) and its generic protocol extension (draft-ietf-nvo3-vxlan-gpe §3).

use super::{Cursor, Layer, Skip};

/// The network identifier is valid, as it must be.
const IDENTIFIER: u8 = 0x08;
/// GPE: the last byte of the first word tells the protocol inside.
const PROTOCOL: u8 = 0x04;

pub(in crate::wire) fn read(cursor: &mut Cursor<'_>) -> Result<Layer, Skip> {
    let header: [u8; 8] = cursor.take()?;
    if header[0] & IDENTIFIER == 0 {
        return Err(Skip::NotTcp);
    }
    Ok(Layer::Ethernet)
}

pub(in crate::wire) fn read_gpe(cursor: &mut Cursor<'_>) -> Result<Layer, Skip> {
    let header: [u8; 8] = cursor.take()?;
    if header[0] & PROTOCOL == 0 {
        return Ok(Layer::Ethernet);
    }
    match header[3] {
        1 | 2 => Ok(Layer::Ip),
        3 => Ok(Layer::Ethernet),
        5 => Ok(Layer::Mpls),
        _ => Err(Skip::NotIp),
    }
}
