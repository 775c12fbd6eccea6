//! GRE (RFC 2784, with key and sequence number of RFC 2890), also NVGRE (RFC 7637).

use super::{Cursor, Layer, Skip, by_ether_type};

const CHECKSUM: u8 = 0x80;
/// Source routes of RFC 1701, which RFC 2784 §2.3 has done away with.
const ROUTING: u8 = 0x40;
const KEY: u8 = 0x20;
const SEQUENCE: u8 = 0x10;
const VERSION: u8 = 0x07;

/// ERSPAN types I and II share a protocol type; type III has its own.
const ERSPAN: u16 = 0x88be;
const ERSPAN_III: u16 = 0x22eb;

pub(in crate::wire) fn read(cursor: &mut Cursor<'_>) -> Result<Layer, Skip> {
    let [flags, version, p, q] = cursor.take()?;
    // Version 1 is PPTP's (RFC 2637 §4.1), with a PPP inside that is usually encrypted.
    if flags & ROUTING != 0 || version & VERSION != 0 {
        return Err(Skip::NotTcp);
    }
    let words = [CHECKSUM, KEY, SEQUENCE].map(|flag| usize::from(flags & flag != 0));
    cursor.skip(4 * words.iter().sum::<usize>())?;
    cursor.enter_tunnel();
    match u16::from_be_bytes([p, q]) {
        // draft-foschiano-erspan §4.1: type I has no header of its own, and no sequence number.
        ERSPAN if flags & SEQUENCE == 0 => Ok(Layer::Ethernet),
        ERSPAN => Ok(Layer::ErspanII),
        ERSPAN_III => Ok(Layer::ErspanIII),
        other => by_ether_type(other),
    }
}
