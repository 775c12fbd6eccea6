//! The header that a frame begins with, for each link type.

use super::Skip;
use super::read::{array, byte, u16_at, u32_at};
use super::walk::{Cursor, Layer, by_ether_type, by_ppp_protocol};
use crate::capture::LinkType;

/// Passes over the link header and says which header follows.
pub(super) fn first(cursor: &mut Cursor<'_>, bytes: &[u8], link: LinkType) -> Result<Layer, Skip> {
    let (at, layer) = match link {
        LinkType::Ethernet => (0, Layer::Ethernet),
        LinkType::LinuxSll => (16, by_ether_type(u16_at(bytes, 14)?)?),
        LinkType::LinuxSll2 => (20, by_ether_type(u16_at(bytes, 0)?)?),
        LinkType::RawIp => (0, Layer::Ip),
        LinkType::Null => null(bytes)?,
        LinkType::Loop => family(u32_at(bytes, 0)?)?,
        LinkType::Ppp => ppp(bytes)?,
        LinkType::CiscoHdlc => hdlc(bytes)?,
        LinkType::FrameRelay => frame_relay(bytes)?,
        LinkType::Mrt => return Err(Skip::Archive),
    };
    cursor.at = at;
    Ok(layer)
}
/// DLT_NULL: the family is in the byte order of the host that captured, which
/// the file may not share; families are small numbers, so the order shows.
fn null(bytes: &[u8]) -> Result<(usize, Layer), Skip> {
    let raw = u32_at(bytes, 0)?;
    family(if raw > 0xffff { raw.swap_bytes() } else { raw })
}

/// AF_INET is 2 everywhere; AF_INET6 is 10 on Linux, 24 on NetBSD and OpenBSD, 28 on
/// FreeBSD, 30 on macOS, 23 on Windows.
fn family(family: u32) -> Result<(usize, Layer), Skip> {
    match family {
        2 | 10 | 23 | 24 | 28 | 30 => Ok((4, Layer::Ip)),
        _ => Err(Skip::NotIp),
    }
}

/// RFC 1661 §2 and RFC 1662 §3.1: address and control field may be left out, and
/// the protocol is one byte if that byte is odd (§6.5, §6.6).
fn ppp(bytes: &[u8]) -> Result<(usize, Layer), Skip> {
    let at = if bytes.starts_with(&[0xff, 0x03]) {
        2
    } else {
        0
    };
    let first = byte(bytes, at)?;
    let (protocol, at) = if first & 1 != 0 {
        (u16::from(first), at + 1)
    } else {
        (u16_at(bytes, at)?, at + 2)
    };
    Ok((at, by_ppp_protocol(protocol)?))
}

/// Cisco HDLC: address 0x0f (unicast) or 0x8f (broadcast), then an EtherType.
/// PPP in HDLC-like framing is told from it by its address 0xff.
fn hdlc(bytes: &[u8]) -> Result<(usize, Layer), Skip> {
    match byte(bytes, 0)? {
        0x0f | 0x8f => Ok((4, by_ether_type(u16_at(bytes, 2)?)?)),
        0xff => ppp(bytes),
        _ => Err(Skip::NotIp),
    }
}

/// RFC 2427: Q.922 address of two bytes, control 0x03, then an NLPID; SNAP and
/// Ethernet types stand behind NLPID 0x80. Cisco puts an EtherType behind the address.
fn frame_relay(bytes: &[u8]) -> Result<(usize, Layer), Skip> {
    let address: [u8; 2] = array(bytes, 0)?;
    if address[0] & 1 != 0 || address[1] & 1 == 0 {
        return Err(Skip::NotIp);
    }
    if byte(bytes, 2)? != 0x03 {
        return Ok((4, by_ether_type(u16_at(bytes, 2)?)?));
    }
    // A zero pads to an even boundary.
    let at = if byte(bytes, 3)? == 0 { 4 } else { 3 };
    match byte(bytes, at)? {
        0xcc | 0x8e => Ok((at + 1, Layer::Ip)),
        0x80 => match array(bytes, at + 1)? {
            [0, 0, 0] => Ok((at + 6, by_ether_type(u16_at(bytes, at + 4)?)?)),
            _ => Err(Skip::NotIp),
        },
        _ => Err(Skip::NotIp),
    }
}
