//! Link-layer types: the numbers of capture files and what bgptap makes of them.

use crate::capture::LinkType;

/// Link types that bgptap reads, for messages to people.
pub(super) const READABLE: &str =
    "Ethernet, Linux cooked (v1, v2), raw IP, null/loopback, PPP, Cisco HDLC and Frame Relay";

/// Maps a link type as files number it (<https://www.tcpdump.org/linktypes.html>).
///
/// 12 and 14 are what BSDs wrote for `DLT_RAW` before 101 was settled.
pub(super) fn supported(number: u32) -> Option<LinkType> {
    Some(match number {
        0 => LinkType::Null,
        1 => LinkType::Ethernet,
        9 => LinkType::Ppp,
        12 | 14 | 101 | 228 | 229 => LinkType::RawIp,
        50 | 104 => LinkType::CiscoHdlc,
        107 => LinkType::FrameRelay,
        108 => LinkType::Loop,
        113 => LinkType::LinuxSll,
        276 => LinkType::LinuxSll2,
        _ => return None,
    })
}

/// The name of a link type that is not read, where it is a common one.
pub(super) fn name(number: u32) -> &'static str {
    match number {
        6 => "IEEE802_5 (token ring)",
        10 => "FDDI",
        51 => "PPP_ETHER",
        100 => "ATM_RFC1483",
        105 => "IEEE802_11 (WLAN)",
        117 => "PFLOG",
        119 => "IEEE802_11_PRISM (WLAN)",
        123 => "SUNATM",
        127 => "IEEE802_11_RADIOTAP (WLAN)",
        147..=162 => "USER (private use)",
        166 => "PPP_PPPD",
        187 | 201 => "BLUETOOTH_HCI_H4",
        189 | 220 | 249 => "USB",
        192 => "PPI",
        195 | 215 | 230 => "IEEE802_15_4",
        227 => "CAN_SOCKETCAN",
        239 => "NFLOG",
        247 => "INFINIBAND",
        252 => "WIRESHARK_UPPER_PDU",
        253 => "NETLINK",
        _ => "unnamed",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_readable_type_has_a_number() {
        for (number, link) in [
            (0, LinkType::Null),
            (1, LinkType::Ethernet),
            (9, LinkType::Ppp),
            (12, LinkType::RawIp),
            (14, LinkType::RawIp),
            (50, LinkType::CiscoHdlc),
            (101, LinkType::RawIp),
            (104, LinkType::CiscoHdlc),
            (107, LinkType::FrameRelay),
            (108, LinkType::Loop),
            (113, LinkType::LinuxSll),
            (228, LinkType::RawIp),
            (229, LinkType::RawIp),
            (276, LinkType::LinuxSll2),
        ] {
            assert_eq!(supported(number), Some(link), "link type {number}");
        }
        assert_eq!(supported(105), None);
        assert_eq!(name(105), "IEEE802_11 (WLAN)");
        assert_eq!(name(u32::MAX), "unnamed");
    }
}
