//! Frames of other link types as Ethernet frames.
//!
//! The link header is taken off and an Ethernet header put in its place, with
//! one locally administered address for each end of a conversation.

use crate::capture::LinkType;

/// Length of an Ethernet header without tags.
pub(super) const ETHERNET_LEN: usize = 14;

pub(super) const IPV4: u16 = 0x0800;
pub(super) const IPV6: u16 = 0x86dd;
const MPLS: u16 = 0x8847;

/// Addresses of the two ends, from the locally administered range (IEEE 802 §8.2).
const LOWER_END: [u8; 6] = [0x02, 0, 0, 0, 0, 0x01];
const UPPER_END: [u8; 6] = [0x02, 0, 0, 0, 0, 0x02];

/// Writes `frame` as an Ethernet frame to `out`; false if its link header
/// announces nothing that Ethernet is made to carry here (IP or MPLS).
pub(super) fn to_ethernet(link: LinkType, frame: &[u8], out: &mut Vec<u8>) -> bool {
    let Some((ethertype, payload)) = payload(link, frame) else {
        return false;
    };
    let (destination, source) = if source_is_lower(ethertype, payload) {
        (UPPER_END, LOWER_END)
    } else {
        (LOWER_END, UPPER_END)
    };
    out.clear();
    out.extend_from_slice(&destination);
    out.extend_from_slice(&source);
    out.extend_from_slice(&ethertype.to_be_bytes());
    out.extend_from_slice(payload);
    true
}

/// What a frame carries, as (EtherType, bytes).
fn payload(link: LinkType, frame: &[u8]) -> Option<(u16, &[u8])> {
    match link {
        LinkType::Ethernet => Some((be16(frame, 12)?, frame.get(ETHERNET_LEN..)?)),
        LinkType::LinuxSll => known(be16(frame, 14)?, frame.get(16..)?),
        LinkType::LinuxSll2 => known(be16(frame, 0)?, frame.get(20..)?),
        LinkType::RawIp => by_version(frame),
        // The family's number differs between systems; the IP version does not.
        LinkType::Null | LinkType::Loop => by_version(frame.get(4..)?),
        LinkType::Ppp => ppp(frame),
        LinkType::CiscoHdlc => match frame.first()? {
            0xff => ppp(frame),
            _ => known(be16(frame, 2)?, frame.get(4..)?),
        },
        LinkType::FrameRelay => frame_relay(frame),
        LinkType::Mrt => None,
    }
}

/// PPP in HDLC-like framing (RFC 1662), its address, control and protocol fields possibly compressed.
fn ppp(frame: &[u8]) -> Option<(u16, &[u8])> {
    let frame = frame.strip_prefix(&[0xff, 0x03]).unwrap_or(frame);
    // A protocol's first octet is even, its last one odd (RFC 1661 §2).
    let (protocol, rest) = match frame {
        [low, rest @ ..] if low & 1 == 1 => (u16::from(*low), rest),
        [high, low, rest @ ..] => (u16::from_be_bytes([*high, *low]), rest),
        _ => return None,
    };
    let ethertype = match protocol {
        0x0021 => IPV4,
        0x0057 => IPV6,
        0x0281 => MPLS,
        _ => return None,
    };
    Some((ethertype, rest))
}

/// RFC 2427 with a two-octet address, or Cisco's own encapsulation (an EtherType follows the address).
fn frame_relay(frame: &[u8]) -> Option<(u16, &[u8])> {
    match frame.get(2..)? {
        [0x03, 0xcc, rest @ ..] => Some((IPV4, rest)),
        [0x03, 0x8e, rest @ ..] => Some((IPV6, rest)),
        // Padding, NLPID SNAP, organisation 0: an EtherType.
        [0x03, 0x00, 0x80, 0, 0, 0, high, low, rest @ ..] => {
            known(u16::from_be_bytes([*high, *low]), rest)
        }
        [high, low, rest @ ..] => known(u16::from_be_bytes([*high, *low]), rest),
        _ => None,
    }
}

fn known(ethertype: u16, rest: &[u8]) -> Option<(u16, &[u8])> {
    matches!(ethertype, IPV4 | IPV6 | MPLS | 0x8100 | 0x88a8).then_some((ethertype, rest))
}

fn by_version(packet: &[u8]) -> Option<(u16, &[u8])> {
    match packet.first()? >> 4 {
        4 => Some((IPV4, packet)),
        6 => Some((IPV6, packet)),
        _ => None,
    }
}

/// Which end sends: the one with the lower IP address, or the other.
fn source_is_lower(ethertype: u16, packet: &[u8]) -> bool {
    let (source, destination) = match ethertype {
        IPV4 => (packet.get(12..16), packet.get(16..20)),
        IPV6 => (packet.get(8..24), packet.get(24..40)),
        _ => (None, None),
    };
    source <= destination
}

fn be16(bytes: &[u8], at: usize) -> Option<u16> {
    let field = bytes.get(at..)?.first_chunk()?;
    Some(u16::from_be_bytes(*field))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ipv4(source: u8, destination: u8) -> Vec<u8> {
        let mut packet = vec![0; 20];
        packet[0] = 0x45;
        packet[15] = source;
        packet[19] = destination;
        packet
    }

    fn ipv6() -> Vec<u8> {
        let mut packet = vec![0; 40];
        packet[0] = 0x60;
        packet[8] = 0xff;
        packet
    }

    #[test]
    fn every_link_header_is_replaced() {
        let sll = |ethertype: [u8; 2]| [&[0; 14][..], &ethertype].concat();
        let sll2 = |ethertype: [u8; 2]| [&ethertype[..], &[0; 18]].concat();
        for (link, header, ethertype) in [
            (LinkType::LinuxSll, sll([0x08, 0]), IPV4),
            (LinkType::LinuxSll, sll([0x86, 0xdd]), IPV6),
            (LinkType::LinuxSll2, sll2([0x08, 0]), IPV4),
            (LinkType::LinuxSll2, sll2([0x86, 0xdd]), IPV6),
            (LinkType::RawIp, vec![], IPV4),
            (LinkType::RawIp, vec![], IPV6),
            (LinkType::Null, vec![2, 0, 0, 0], IPV4),
            (LinkType::Null, vec![30, 0, 0, 0], IPV6),
            (LinkType::Loop, vec![0, 0, 0, 2], IPV4),
            (LinkType::Ppp, vec![0xff, 0x03, 0x00, 0x21], IPV4),
            (LinkType::Ppp, vec![0x00, 0x57], IPV6),
            (LinkType::Ppp, vec![0x21], IPV4),
            (LinkType::CiscoHdlc, vec![0x0f, 0x00, 0x08, 0x00], IPV4),
            (LinkType::CiscoHdlc, vec![0xff, 0x03, 0x00, 0x57], IPV6),
            (LinkType::FrameRelay, vec![0x18, 0x41, 0x03, 0xcc], IPV4),
            (
                LinkType::FrameRelay,
                vec![0x18, 0x41, 0x03, 0x00, 0x80, 0, 0, 0, 0x86, 0xdd],
                IPV6,
            ),
            (LinkType::FrameRelay, vec![0x18, 0x41, 0x08, 0x00], IPV4),
        ] {
            let packet = if ethertype == IPV4 {
                ipv4(1, 2)
            } else {
                ipv6()
            };
            let mut out = vec![0xee; 3];
            let frame = [header, packet.clone()].concat();
            assert!(
                to_ethernet(link, &frame, &mut out),
                "{link:?} {ethertype:#x}"
            );
            assert_eq!(out[12..14], ethertype.to_be_bytes(), "{link:?}");
            assert_eq!(out[14..], packet, "{link:?}");
        }
    }

    #[test]
    fn each_end_has_one_address() {
        let mut there = Vec::new();
        let mut back = Vec::new();
        assert!(to_ethernet(LinkType::RawIp, &ipv4(1, 2), &mut there));
        assert!(to_ethernet(LinkType::RawIp, &ipv4(2, 1), &mut back));
        assert_eq!(there[..6], back[6..12]);
        assert_eq!(there[6..12], back[..6]);
        assert_ne!(there[..6], there[6..12]);
        // Locally administered, not a group.
        assert_eq!(there[0] & 0x03, 0x02);
    }

    #[test]
    fn what_cannot_be_carried_is_refused() {
        let mut out = Vec::new();
        for (link, frame) in [
            (LinkType::RawIp, &[][..]),
            (LinkType::RawIp, &[0x15]),
            (LinkType::Null, &[2, 0, 0]),
            (LinkType::Ppp, &[0xff, 0x03, 0xc0, 0x21, 1]),
            (LinkType::CiscoHdlc, &[0x8f, 0, 0x80, 0x35, 0]),
            (LinkType::FrameRelay, &[0x18, 0x41, 0x03]),
            (LinkType::LinuxSll, &[0; 15]),
            (LinkType::LinuxSll2, &[0x08, 0, 1]),
        ] {
            assert!(!to_ethernet(link, frame, &mut out), "{link:?} {frame:?}");
        }
    }
}
