//! IPv4 (RFC 791) and IPv6 (RFC 8200) headers.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::Skip;
use super::read::{array, byte, u16_at};

const TCP: u8 = 6;

/// IPv6 headers before TCP that are followed; more are not seen outside attacks.
const EXTENSION_HEADERS_MAX: usize = 8;

/// What an IP header says about the TCP segment inside.
#[derive(Debug)]
pub(super) struct Packet {
    pub(super) src: IpAddr,
    pub(super) dst: IpAddr,
    pub(super) ip_id: Option<u16>,
    /// Where the TCP header begins.
    pub(super) start: usize,
    /// Where the segment ends as IP tells it: beyond the frame if the capture
    /// cut it, before its end if Ethernet padded it.
    pub(super) end: usize,
}

/// Reads the IP header at `at`; `wire_len` is the length that the whole frame had.
pub(super) fn packet(bytes: &[u8], at: usize, wire_len: usize) -> Result<Packet, Skip> {
    match byte(bytes, at)? >> 4 {
        4 => v4(bytes, at, wire_len),
        6 => v6(bytes, at, wire_len),
        _ => Err(Skip::NotIp),
    }
}

fn v4(bytes: &[u8], at: usize, wire_len: usize) -> Result<Packet, Skip> {
    let header: [u8; 20] = array(bytes, at)?;
    let header_len = usize::from(header[0] & 0x0f) * 4;
    if header_len < header.len() {
        return Err(Skip::BadHeader);
    }
    let more_or_offset = u16::from_be_bytes([header[6], header[7]]) & 0x3fff;
    if header[9] != TCP {
        return Err(Skip::NotTcp);
    }
    if more_or_offset != 0 {
        return Err(Skip::Fragment);
    }
    // Segmentation offload leaves the total length at zero: the frame's end counts.
    let end = match u16::from_be_bytes([header[2], header[3]]) {
        0 => wire_len.max(bytes.len()),
        total if usize::from(total) < header_len => return Err(Skip::BadHeader),
        total => at + usize::from(total),
    };
    Ok(Packet {
        src: Ipv4Addr::new(header[12], header[13], header[14], header[15]).into(),
        dst: Ipv4Addr::new(header[16], header[17], header[18], header[19]).into(),
        ip_id: Some(u16::from_be_bytes([header[4], header[5]])),
        start: at + header_len,
        end,
    })
}

fn v6(bytes: &[u8], at: usize, wire_len: usize) -> Result<Packet, Skip> {
    const HEADER: usize = 40;
    let end = match u16_at(bytes, at + 4)? {
        // A jumbogram (RFC 2675) or offload.
        0 => wire_len.max(bytes.len()),
        payload => at + HEADER + usize::from(payload),
    };
    let src = Ipv6Addr::from(array::<16>(bytes, at + 8)?).into();
    let dst = Ipv6Addr::from(array::<16>(bytes, at + 24)?).into();
    let start = behind_extensions(bytes, byte(bytes, at + 6)?, at + HEADER)?;
    Ok(Packet {
        src,
        dst,
        ip_id: None,
        start,
        end,
    })
}

/// Walks the chain of extension headers (RFC 8200 §4) up to the TCP header.
fn behind_extensions(bytes: &[u8], first: u8, mut at: usize) -> Result<usize, Skip> {
    let mut next = first;
    for _ in 0..=EXTENSION_HEADERS_MAX {
        let len = match next {
            TCP => return Ok(at),
            // Hop-by-hop, routing, destination options, mobility, HIP, Shim6.
            0 | 43 | 60 | 135 | 139 | 140 => (usize::from(byte(bytes, at + 1)?) + 1) * 8,
            44 => {
                // An offset of zero with no more fragments is an atomic one (RFC 6946).
                if u16_at(bytes, at + 2)? & 0xfff9 != 0 {
                    return Err(Skip::Fragment);
                }
                8
            }
            // Authentication header (RFC 4302 §2.2): 4-byte words, minus two.
            51 => (usize::from(byte(bytes, at + 1)?) + 2) * 4,
            _ => return Err(Skip::NotTcp),
        };
        next = byte(bytes, at)?;
        at += len;
    }
    Err(Skip::BadHeader)
}
