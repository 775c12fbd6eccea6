//! The TCP header (RFC 9293 §3.1).

use super::segment::{Endpoint, Segment, TcpFlags};
use super::walk::{Cursor, Found};
use super::{Ports, Skip};

const HEADER: usize = 20;

pub(super) fn read(cursor: &mut Cursor<'_>, ports: &Ports) -> Result<Found, Skip> {
    let at = cursor.at;
    let [a, b, c, d] = cursor.peek()?;
    let (src_port, dst_port) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
    if !ports.contains(src_port) && !ports.contains(dst_port) {
        return Err(Skip::OtherPort);
    }
    if let Some(fragment) = cursor.fragment.take() {
        return Ok(Found::Fragment(fragment));
    }
    let header: [u8; HEADER] = cursor.take()?;
    let header_len = usize::from(header[12] >> 4) * 4;
    if header_len < HEADER {
        return Err(Skip::BadHeader);
    }
    cursor.skip(header_len - HEADER)?;
    let held_end = cursor.held_end();
    Ok(Found::Segment(Segment {
        src: Endpoint {
            addr: cursor.src,
            port: src_port,
        },
        dst: Endpoint {
            addr: cursor.dst,
            port: dst_port,
        },
        vlan: cursor.vlan,
        ip_id: cursor.ip_id,
        seq: u32::from_be_bytes([header[4], header[5], header[6], header[7]]),
        ack: u32::from_be_bytes([header[8], header[9], header[10], header[11]]),
        flags: TcpFlags(header[13]),
        window: u16::from_be_bytes([header[14], header[15]]),
        options: offset(at + HEADER)..offset(cursor.at),
        payload: offset(cursor.at)..offset(held_end),
        cut: offset(cursor.end.saturating_sub(held_end)),
    }))
}

/// An offset in a frame; frames are far below 4 GiB.
fn offset(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}
