//! The headers of one frame, down to its TCP payload.
//!
//! [`dissect`] reads with bounds checked at every step, allocates nothing, and
//! trusts no length further than the frame that carries it.

mod ip;
mod link;
mod options;
mod ports;
mod read;
mod segment;
mod skip;
#[cfg(test)]
mod tests;

pub use options::{SackBlocks, TcpOption, TcpOptions};
pub use ports::Ports;
pub use segment::{Endpoint, Segment, TcpFlags};
pub use skip::Skip;

use crate::capture::LinkType;
use read::{array, u16_at};

/// Finds the TCP segment in a frame.
///
/// `wire_len` is the length that the frame had on the wire, `stripped_vlan` the
/// VLAN id that the card took out of it. The payload ends where the IP header
/// says; what the frame holds behind it is padding, what it lacks is [`Segment::cut`].
///
/// # Errors
/// [`Skip`] says why the frame is no TCP segment of one of `ports`.
pub fn dissect(
    bytes: &[u8],
    link: LinkType,
    wire_len: u32,
    stripped_vlan: Option<u16>,
    ports: &Ports,
) -> Result<Segment, Skip> {
    let network = link::network(bytes, link)?;
    let packet = ip::packet(bytes, network.at, wire_len as usize)?;
    let at = packet.start;
    let (src_port, dst_port) = (u16_at(bytes, at)?, u16_at(bytes, at + 2)?);
    if !ports.contains(src_port) && !ports.contains(dst_port) {
        return Err(Skip::OtherPort);
    }
    let header: [u8; 20] = array(bytes, at)?;
    let header_len = usize::from(header[12] >> 4) * 4;
    let payload_at = at + header_len;
    if header_len < header.len() || payload_at > packet.end {
        return Err(Skip::BadHeader);
    }
    if payload_at > bytes.len() {
        return Err(Skip::Truncated);
    }
    let held_end = packet.end.min(bytes.len());
    Ok(Segment {
        src: Endpoint {
            addr: packet.src,
            port: src_port,
        },
        dst: Endpoint {
            addr: packet.dst,
            port: dst_port,
        },
        vlan: network.vlan.or(stripped_vlan),
        ip_id: packet.ip_id,
        seq: u32::from_be_bytes([header[4], header[5], header[6], header[7]]),
        ack: u32::from_be_bytes([header[8], header[9], header[10], header[11]]),
        flags: TcpFlags(header[13]),
        window: u16::from_be_bytes([header[14], header[15]]),
        options: offset(at + header.len())..offset(payload_at),
        payload: offset(payload_at)..offset(held_end),
        cut: offset(packet.end - held_end),
    })
}

/// An offset in a frame; frames are far below 4 GiB.
fn offset(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}
