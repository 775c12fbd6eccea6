//! The headers before IP, for each link type.

use super::Skip;
use super::read::{array, byte, u16_at, u32_at};
use crate::capture::LinkType;

const IPV4: u16 = 0x0800;
const IPV6: u16 = 0x86dd;
const MPLS: u16 = 0x8847;
const MPLS_UPSTREAM: u16 = 0x8848;

/// VLAN tags that are followed; two are usual, three exist.
const VLAN_TAGS_MAX: usize = 8;
/// MPLS labels that are followed.
const LABELS_MAX: usize = 16;

/// Where the IP header begins, and the innermost VLAN id on the way to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Network {
    pub(super) at: usize,
    pub(super) vlan: Option<u16>,
}

impl Network {
    fn at(at: usize) -> Self {
        Self { at, vlan: None }
    }
}

/// Finds the IP header behind the link header. The IP version is left to the
/// IP header itself, which every caller reads anyway.
pub(super) fn network(bytes: &[u8], link: LinkType) -> Result<Network, Skip> {
    match link {
        LinkType::Ethernet => by_ether_type(bytes, u16_at(bytes, 12)?, 14),
        LinkType::LinuxSll => by_ether_type(bytes, u16_at(bytes, 14)?, 16),
        LinkType::LinuxSll2 => by_ether_type(bytes, u16_at(bytes, 0)?, 20),
        LinkType::RawIp => Ok(Network::at(0)),
        LinkType::Null => null(bytes),
        LinkType::Loop => family(u32_at(bytes, 0)?),
        LinkType::Ppp => ppp(bytes),
        LinkType::CiscoHdlc => hdlc(bytes),
        LinkType::FrameRelay => frame_relay(bytes),
    }
}

/// `at` is where the payload of `ether_type` begins.
fn by_ether_type(bytes: &[u8], mut ether_type: u16, mut at: usize) -> Result<Network, Skip> {
    let mut vlan = None;
    for _ in 0..=VLAN_TAGS_MAX {
        match ether_type {
            IPV4 | IPV6 => return Ok(Network { at, vlan }),
            MPLS | MPLS_UPSTREAM => {
                return behind_labels(bytes, at).map(|at| Network { at, vlan });
            }
            0x8100 | 0x88a8 | 0x9100 => {
                // A priority tag (id 0) names no VLAN (IEEE 802.1Q §9.6).
                let id = u16_at(bytes, at)? & 0x0fff;
                vlan = if id == 0 { vlan } else { Some(id) };
                ether_type = u16_at(bytes, at + 2)?;
                at += 4;
            }
            // Everything else, and below 0x0600 the length field of 802.3.
            _ => return Err(Skip::NotIp),
        }
    }
    Err(Skip::BadHeader)
}

/// Skips an MPLS label stack (RFC 3032 §2.1); a nibble tells what it carries.
fn behind_labels(bytes: &[u8], mut at: usize) -> Result<usize, Skip> {
    for _ in 0..LABELS_MAX {
        let bottom = byte(bytes, at + 2)? & 1 != 0;
        at += 4;
        if bottom {
            return Ok(at);
        }
    }
    Err(Skip::BadHeader)
}

/// DLT_NULL: the family is in the byte order of the host that captured, which
/// the file may not share; families are small numbers, so the order shows.
fn null(bytes: &[u8]) -> Result<Network, Skip> {
    let raw = u32_at(bytes, 0)?;
    family(if raw > 0xffff { raw.swap_bytes() } else { raw })
}

/// AF_INET is 2 everywhere; AF_INET6 is 10 on Linux, 24 on NetBSD and OpenBSD, 28 on
/// FreeBSD, 30 on macOS, 23 on Windows.
fn family(family: u32) -> Result<Network, Skip> {
    match family {
        2 | 10 | 23 | 24 | 28 | 30 => Ok(Network::at(4)),
        _ => Err(Skip::NotIp),
    }
}

/// RFC 1661 §2 and RFC 1662 §3.1: address and control field may be left out, and
/// the protocol is one byte if that byte is odd (§6.5, §6.6).
fn ppp(bytes: &[u8]) -> Result<Network, Skip> {
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
    match protocol {
        0x0021 | 0x0057 => Ok(Network::at(at)),
        0x0281 | 0x0283 => behind_labels(bytes, at).map(Network::at),
        _ => Err(Skip::NotIp),
    }
}

/// Cisco HDLC: address 0x0f (unicast) or 0x8f (broadcast), then an EtherType.
/// PPP in HDLC-like framing is told from it by its address 0xff.
fn hdlc(bytes: &[u8]) -> Result<Network, Skip> {
    match byte(bytes, 0)? {
        0x0f | 0x8f => by_ether_type(bytes, u16_at(bytes, 2)?, 4),
        0xff => ppp(bytes),
        _ => Err(Skip::NotIp),
    }
}

/// RFC 2427: Q.922 address of two bytes, control 0x03, then an NLPID; SNAP and
/// Ethernet types stand behind NLPID 0x80. Cisco puts an EtherType behind the address.
fn frame_relay(bytes: &[u8]) -> Result<Network, Skip> {
    let address: [u8; 2] = array(bytes, 0)?;
    if address[0] & 1 != 0 || address[1] & 1 == 0 {
        return Err(Skip::NotIp);
    }
    if byte(bytes, 2)? != 0x03 {
        return by_ether_type(bytes, u16_at(bytes, 2)?, 4);
    }
    // A zero pads to an even boundary.
    let at = if byte(bytes, 3)? == 0 { 4 } else { 3 };
    match byte(bytes, at)? {
        0xcc | 0x8e => Ok(Network::at(at + 1)),
        0x80 => match array(bytes, at + 1)? {
            [0, 0, 0] => by_ether_type(bytes, u16_at(bytes, at + 4)?, at + 6),
            _ => Err(Skip::NotIp),
        },
        _ => Err(Skip::NotIp),
    }
}
