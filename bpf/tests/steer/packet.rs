//! Packets made by hand, layer by layer: each function puts its header in front.

pub(crate) const TCP: u8 = 6;
pub(crate) const UDP: u8 = 17;
pub(crate) const IPV4: u16 = 0x0800;
pub(crate) const IPV6: u16 = 0x86dd;
pub(crate) const ARP: u16 = 0x0806;
/// IEEE 802.1Q and 802.1ad.
pub(crate) const VLAN: u16 = 0x8100;
pub(crate) const SERVICE_VLAN: u16 = 0x88a8;

/// A segment of 19 bytes, the length of a KEEPALIVE.
pub(crate) fn tcp(source: u16, destination: u16) -> Vec<u8> {
    let mut segment = Vec::new();
    segment.extend(source.to_be_bytes());
    segment.extend(destination.to_be_bytes());
    segment.extend([0, 0, 0, 1, 0, 0, 0, 2]); // sequence, acknowledgement
    segment.extend([5 << 4, 0x18, 0xff, 0xff, 0, 0, 0, 0]);
    segment.extend([0xff; 16]);
    segment.extend([0, 19, 4]);
    segment
}

/// `fragment` is the field of flags and offset.
pub(crate) fn ipv4(protocol: u8, options: &[u8], fragment: u16, payload: &[u8]) -> Vec<u8> {
    let header = 20 + options.len();
    let mut packet = vec![0x40 | (header / 4) as u8, 0xc0];
    packet.extend(((header + payload.len()) as u16).to_be_bytes());
    packet.extend([0, 1]);
    packet.extend(fragment.to_be_bytes());
    packet.extend([1, protocol, 0, 0]);
    packet.extend([192, 0, 2, 1, 192, 0, 2, 2]);
    packet.extend(options);
    packet.extend(payload);
    packet
}

pub(crate) fn ipv6(next: u8, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x6c, 0, 0, 0];
    packet.extend((payload.len() as u16).to_be_bytes());
    packet.extend([next, 1]);
    for host in [1, 2] {
        packet.extend([0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, host]);
    }
    packet.extend(payload);
    packet
}

/// A header of type hop-by-hop, routing or destination options, `units` × 8 bytes longer than 8.
pub(crate) fn extension(next: u8, units: u8, payload: &[u8]) -> Vec<u8> {
    let mut header = vec![next, units];
    header.resize(8 + usize::from(units) * 8, 0);
    header.extend(payload);
    header
}

/// `offset` in units of 8 bytes, as RFC 8200 section 4.5 counts.
pub(crate) fn fragment(next: u8, offset: u16, more: bool, payload: &[u8]) -> Vec<u8> {
    let mut header = vec![next, 0];
    header.extend((offset << 3 | u16::from(more)).to_be_bytes());
    header.extend([0, 0, 0, 7]);
    header.extend(payload);
    header
}

/// An authentication header with a 12-byte ICV: 24 bytes, so length 4 (RFC 4302, section 2.2).
pub(crate) fn authentication(next: u8, payload: &[u8]) -> Vec<u8> {
    let mut header = vec![next, 4];
    header.resize(24, 0);
    header.extend(payload);
    header
}

/// `tags` from the outside in: EtherType and TCI.
pub(crate) fn ethernet(tags: &[(u16, u16)], ethertype: u16, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1];
    for (proto, tci) in tags {
        frame.extend(proto.to_be_bytes());
        frame.extend(tci.to_be_bytes());
    }
    frame.extend(ethertype.to_be_bytes());
    frame.extend(payload);
    frame
}

/// The plain case: BGP over IPv4.
pub(crate) fn bgp_v4() -> Vec<u8> {
    ethernet(&[], IPV4, &ipv4(TCP, &[], 0, &tcp(40000, 179)))
}

/// The plain case: BGP over IPv6.
pub(crate) fn bgp_v6() -> Vec<u8> {
    ethernet(&[], IPV6, &ipv6(TCP, &tcp(179, 40000)))
}
