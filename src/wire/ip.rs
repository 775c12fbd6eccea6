//! IPv4 (RFC 791) and IPv6 (RFC 8200) headers.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::fragment::Fragment;
use super::walk::{Cursor, Layer, by_protocol};
use super::{Skip, fragment};

const V4_HEADER: usize = 20;
const V6_HEADER: usize = 40;

/// The version is that of the header itself, whatever announced it.
pub(super) fn read(cursor: &mut Cursor<'_>) -> Result<Layer, Skip> {
    match cursor.peek_byte()? >> 4 {
        4 => v4(cursor),
        6 => v6(cursor),
        _ => Err(Skip::NotIp),
    }
}

fn v4(cursor: &mut Cursor<'_>) -> Result<Layer, Skip> {
    let start = cursor.at;
    let header: [u8; V4_HEADER] = cursor.take()?;
    let header_len = usize::from(header[0] & 0x0f) * 4;
    let total = usize::from(u16::from_be_bytes([header[2], header[3]]));
    // Segmentation offload leaves the total length at zero: the frame's end counts.
    if header_len < V4_HEADER || (total != 0 && total < header_len) {
        return Err(Skip::BadHeader);
    }
    if total != 0 {
        cursor.end_at(start + total);
    }
    cursor.skip(header_len - V4_HEADER)?;
    cursor.src = Ipv4Addr::new(header[12], header[13], header[14], header[15]).into();
    cursor.dst = Ipv4Addr::new(header[16], header[17], header[18], header[19]).into();
    cursor.ip_id = Some(u16::from_be_bytes([header[4], header[5]]));
    let flags_and_offset = u16::from_be_bytes([header[6], header[7]]);
    // RFC 791 §3.1: in units of 8 bytes; the bit above is "more fragments".
    let place = Place {
        offset: (flags_and_offset & 0x1fff) * 8,
        more: flags_and_offset & 0x2000 != 0,
        id: u16::from_be_bytes([header[4], header[5]]).into(),
    };
    behind_fragmentation(cursor, &place, header[9])
}

fn v6(cursor: &mut Cursor<'_>) -> Result<Layer, Skip> {
    let header: [u8; V6_HEADER] = cursor.take()?;
    let payload = usize::from(u16::from_be_bytes([header[4], header[5]]));
    // Zero: a jumbogram (RFC 2675) or offload.
    if payload != 0 {
        cursor.end_at(cursor.at + payload);
    }
    cursor.src = v6_address(&header, 8);
    cursor.dst = v6_address(&header, 24);
    cursor.ip_id = None;
    by_protocol(header[6])
}

fn v6_address(header: &[u8; V6_HEADER], at: usize) -> IpAddr {
    let octets = header.get(at..).and_then(|rest| rest.first_chunk::<16>());
    Ipv6Addr::from(*octets.unwrap_or(&[0; 16])).into()
}

/// Options and routing headers (RFC 8200 §4.3, §4.4, §4.6).
pub(super) fn extension(cursor: &mut Cursor<'_>) -> Result<Layer, Skip> {
    let header: [u8; 8] = cursor.take()?;
    cursor.skip(usize::from(header[1]) * 8)?;
    by_protocol(header[0])
}

/// RFC 4302 §2.2: 4-byte words, minus two.
pub(super) fn authentication(cursor: &mut Cursor<'_>) -> Result<Layer, Skip> {
    let header: [u8; 8] = cursor.take()?;
    cursor.skip(usize::from(header[1]) * 4)?;
    by_protocol(header[0])
}

/// RFC 8200 §4.5.
pub(super) fn fragment_header(cursor: &mut Cursor<'_>) -> Result<Layer, Skip> {
    let header: [u8; 8] = cursor.take()?;
    let offset_and_more = u16::from_be_bytes([header[2], header[3]]);
    let place = Place {
        offset: offset_and_more & 0xfff8,
        more: offset_and_more & 1 != 0,
        id: u32::from_be_bytes([header[4], header[5], header[6], header[7]]),
    };
    behind_fragmentation(cursor, &place, header[0])
}

/// Which part of a datagram it is.
struct Place {
    offset: u16,
    more: bool,
    id: u32,
}

/// Goes on behind the header that tells of fragmentation. The first fragment is walked like
/// a datagram, since it shows whether the datagram is of interest; the others are pieces.
fn behind_fragmentation(
    cursor: &mut Cursor<'_>,
    place: &Place,
    protocol: u8,
) -> Result<Layer, Skip> {
    let inside = by_protocol(protocol)?;
    // An offset of zero with no more fragments is an atomic one (RFC 6946).
    if place.offset == 0 && !place.more {
        return Ok(inside);
    }
    if place.offset > 0 && !fragment::is_put_together(inside) {
        return Err(Skip::NotTcp);
    }
    // A fragment inside a fragment has its turn once the outer datagram is whole.
    if cursor.fragment.is_none() {
        cursor.fragment = Some(Fragment {
            src: cursor.src,
            dst: cursor.dst,
            id: place.id,
            protocol,
            offset: place.offset.into(),
            more: place.more,
            payload: cursor.at..cursor.held_end(),
            cut: cursor.end > cursor.held_end(),
            vlan: cursor.vlan,
        });
    }
    Ok(if place.offset == 0 {
        inside
    } else {
        Layer::Piece
    })
}
