//! Puts frames into what networks carry frames in, header by header.
//!
//! Written from the RFCs and not from our own reader; tshark confirms what it makes.

/// EtherTypes.
pub const IPV4: u16 = 0x0800;
pub const IPV6: u16 = 0x86dd;
pub const VLAN: u16 = 0x8100;
pub const SERVICE_VLAN: u16 = 0x88a8;
pub const OLD_QINQ: u16 = 0x9100;
pub const MPLS: u16 = 0x8847;
pub const PPPOE: u16 = 0x8864;
pub const TEB: u16 = 0x6558;

const GRE: u8 = 47;
const UDP: u8 = 17;

/// A way to carry a frame: its name, and the frame around the frame.
pub type Wrap = (&'static str, fn(&[u8]) -> Vec<u8>);

/// All of them. What carries datagrams rather than frames leaves frames without a datagram out.
pub const WRAPS: &[Wrap] = &[
    ("plain", <[u8]>::to_vec),
    ("vlan", |frame| tagged(&[(VLAN, 0x6064)], frame)),
    ("qinq", |frame| {
        tagged(&[(SERVICE_VLAN, 200), (VLAN, 100)], frame)
    }),
    ("qinq 0x9100", |frame| {
        tagged(&[(OLD_QINQ, 3), (OLD_QINQ, 2), (VLAN, 1)], frame)
    }),
    ("mpls", |frame| {
        ethernet(MPLS, &labels(&[16, 17, 18], datagram(frame)))
    }),
    ("qinq and mpls", |frame| {
        let inner = ethernet(MPLS, &labels(&[1000, 2000], datagram(frame)));
        tagged(&[(SERVICE_VLAN, 200), (VLAN, 100)], &inner)
    }),
    ("pseudowire", |frame| {
        ethernet(MPLS, &labels(&[16, 17], &control_word(frame)))
    }),
    ("pppoe", |frame| ethernet(PPPOE, &pppoe(frame))),
    ("gre", |frame| {
        ip_gre(&gre(0, ether_type(frame), datagram(frame)))
    }),
    ("gre with all fields", |frame| {
        ip_gre(&gre(0xb0, ether_type(frame), datagram(frame)))
    }),
    ("gre over ipv6", |frame| {
        ethernet(
            IPV6,
            &ipv6(GRE, &gre(0x20, ether_type(frame), datagram(frame))),
        )
    }),
    ("mpls in gre", |frame| {
        ip_gre(&gre(0, MPLS, &labels(&[77], datagram(frame))))
    }),
    ("nvgre", |frame| ip_gre(&gre(0x20, TEB, frame))),
    ("erspan i", |frame| ip_gre(&gre(0, 0x88be, frame))),
    ("erspan ii", |frame| {
        ip_gre(&gre(0x10, 0x88be, &erspan_ii(frame)))
    }),
    ("erspan iii", |frame| {
        ip_gre(&gre(0x10, 0x22eb, &erspan_iii(false, frame)))
    }),
    ("erspan iii with a subheader", |frame| {
        ip_gre(&gre(0x10, 0x22eb, &erspan_iii(true, frame)))
    }),
    ("vxlan", |frame| {
        ethernet(IPV4, &ipv4(UDP, &udp(4789, &vxlan(frame))))
    }),
    ("vxlan over ipv6", |frame| {
        ethernet(IPV6, &ipv6(UDP, &udp(4789, &vxlan(frame))))
    }),
    ("vxlan-gpe", |frame| {
        let protocol = if ether_type(frame) == IPV4 { 1 } else { 2 };
        let header = [0x0c, 0, 0, protocol, 0, 0, 42, 0];
        ethernet(
            IPV4,
            &ipv4(UDP, &udp(4790, &[&header, datagram(frame)].concat())),
        )
    }),
    ("geneve", |frame| {
        ethernet(IPV4, &ipv4(UDP, &udp(6081, &geneve(frame))))
    }),
    ("mpls in udp", |frame| {
        ethernet(
            IPV4,
            &ipv4(UDP, &udp(6635, &labels(&[500], datagram(frame)))),
        )
    }),
    ("ip in ipv4", |frame| {
        ethernet(IPV4, &ipv4(ip_protocol(frame), datagram(frame)))
    }),
    ("ip in ipv6", |frame| {
        ethernet(IPV6, &ipv6(ip_protocol(frame), datagram(frame)))
    }),
    ("extension headers", |frame| {
        // Hop-by-hop options of 16 bytes, destination options of 8, around IP in IPv6.
        let options = [&[ip_protocol(frame), 0, 1, 4, 0, 0, 0, 0], datagram(frame)].concat();
        let hop_by_hop = [&[60, 1, 1, 12][..], &[0; 12], &options].concat();
        ethernet(IPV6, &ipv6(0, &hop_by_hop))
    }),
    ("erspan of vxlan of a tagged label", |frame| {
        let inner = tagged(
            &[(VLAN, 7)],
            &ethernet(MPLS, &labels(&[5], datagram(frame))),
        );
        let middle = ethernet(IPV4, &ipv4(UDP, &udp(4789, &vxlan(&inner))));
        let outer = ip_gre(&gre(0x10, 0x88be, &erspan_ii(&middle)));
        tagged(&[(VLAN, 4000)], &outer)
    }),
];

/// The EtherType of an untagged frame.
pub fn ether_type(frame: &[u8]) -> u16 {
    u16::from_be_bytes([frame[12], frame[13]])
}

/// What an untagged frame carries, with the padding if there is some.
pub fn datagram(frame: &[u8]) -> &[u8] {
    &frame[14..]
}

/// Whether a frame carries IP: what carries datagrams cannot carry the others.
pub fn is_ip(frame: &[u8]) -> bool {
    matches!(ether_type(frame), IPV4 | IPV6)
}

fn ip_protocol(frame: &[u8]) -> u8 {
    if ether_type(frame) == IPV4 { 4 } else { 41 }
}

/// A frame of our own.
pub fn ethernet(ether_type: u16, payload: &[u8]) -> Vec<u8> {
    let addresses = [2, 0, 0, 0, 0xee, 2, 2, 0, 0, 0, 0xee, 1];
    [&addresses[..], &ether_type.to_be_bytes(), payload].concat()
}

/// Tags from the outside in, with what comes before the id in the tag.
pub fn tagged(tags: &[(u16, u16)], frame: &[u8]) -> Vec<u8> {
    let mut out = frame[..12].to_vec();
    for (kind, control) in tags {
        out.extend(kind.to_be_bytes());
        out.extend(control.to_be_bytes());
    }
    out.extend(&frame[12..]);
    out
}

/// RFC 3032 §2.1: label, traffic class, bottom of stack, time to live.
pub fn labels(values: &[u32], payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for (at, label) in values.iter().enumerate() {
        let bottom = u32::from(at + 1 == values.len());
        out.extend((label << 12 | bottom << 8 | 64).to_be_bytes());
    }
    out.extend(payload);
    out
}

/// RFC 4448 §4.6: four zero bits, flags and a sequence number that may be zero.
pub fn control_word(frame: &[u8]) -> Vec<u8> {
    [&[0, 0, 0, 0], frame].concat()
}

/// RFC 2516 §4: version and type, code, session, length; then PPP's protocol.
pub fn pppoe(frame: &[u8]) -> Vec<u8> {
    let protocol = if ether_type(frame) == IPV4 {
        [0, 0x21]
    } else {
        [0, 0x57]
    };
    let length = (2 + datagram(frame).len() as u16).to_be_bytes();
    [&[0x11, 0, 0, 9], &length[..], &protocol, datagram(frame)].concat()
}

/// RFC 2784 §2, RFC 2890 §2: `flags` as in the first byte, and a word for each.
pub fn gre(flags: u8, protocol: u16, payload: &[u8]) -> Vec<u8> {
    let words = [0x80, 0x20, 0x10]
        .iter()
        .filter(|flag| flags & **flag != 0)
        .count();
    let mut out = vec![flags, 0];
    out.extend(protocol.to_be_bytes());
    // A checksum of zero is wrong, but tshark does not mind, nor does a mirror.
    out.extend([0, 0, 0, 1].repeat(words));
    out.extend(payload);
    out
}

fn ip_gre(gre: &[u8]) -> Vec<u8> {
    ethernet(IPV4, &ipv4(GRE, gre))
}

/// draft-foschiano-erspan-03 §4.2: version 1, VLAN 5, session 10, port index 3.
pub fn erspan_ii(frame: &[u8]) -> Vec<u8> {
    [&[0x10, 5, 0, 10, 0, 0, 0, 3], frame].concat()
}

/// §4.3: version 2, VLAN 5, session 10, a timestamp, then an Ethernet frame (P, frame type 0).
pub fn erspan_iii(subheader: bool, frame: &[u8]) -> Vec<u8> {
    let header = [0x20, 5, 0, 10, 1, 2, 3, 4, 0, 0, 0x80, u8::from(subheader)];
    let more: &[u8] = if subheader {
        &[0x08, 0, 0, 0, 1, 2, 3, 4]
    } else {
        &[]
    };
    [&header, more, frame].concat()
}

/// RFC 7348 §5: the identifier is valid; network 42.
pub fn vxlan(frame: &[u8]) -> Vec<u8> {
    [&[0x08, 0, 0, 0, 0, 0, 42, 0], frame].concat()
}

/// RFC 8926 §3.4, with one option of eight bytes.
pub fn geneve(frame: &[u8]) -> Vec<u8> {
    let header = [2, 0, 0x65, 0x58, 0, 0, 42, 0];
    let option = [0xff, 0xff, 0x01, 1, 0, 0, 0, 0];
    [&header[..], &option, frame].concat()
}

/// To `port`; a checksum of zero says that there is none.
pub fn udp(port: u16, payload: &[u8]) -> Vec<u8> {
    let mut out = 51_515_u16.to_be_bytes().to_vec();
    out.extend(port.to_be_bytes());
    out.extend((8 + payload.len() as u16).to_be_bytes());
    out.extend([0, 0]);
    out.extend(payload);
    out
}

/// From 198.51.100.1 to 198.51.100.2, checksum included.
pub fn ipv4(protocol: u8, payload: &[u8]) -> Vec<u8> {
    ipv4_fragment(protocol, 7, 0, payload)
}

/// `place` is the field of flags and offset.
pub fn ipv4_fragment(protocol: u8, id: u16, place: u16, payload: &[u8]) -> Vec<u8> {
    let mut out = vec![0x45, 0];
    out.extend((20 + payload.len() as u16).to_be_bytes());
    out.extend(id.to_be_bytes());
    out.extend(place.to_be_bytes());
    out.extend([64, protocol, 0, 0, 198, 51, 100, 1, 198, 51, 100, 2]);
    let sum: u32 = out
        .chunks(2)
        .map(|word| u32::from(u16::from_be_bytes([word[0], word[1]])))
        .sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    let checksum = !((folded & 0xffff) + (folded >> 16)) as u16;
    out[10..12].copy_from_slice(&checksum.to_be_bytes());
    out.extend(payload);
    out
}

/// From 2001:db8::1 to 2001:db8::2.
pub fn ipv6(next: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = vec![0x60, 0, 0, 0];
    out.extend((payload.len() as u16).to_be_bytes());
    out.extend([next, 64]);
    for host in [1, 2] {
        out.extend([0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, host]);
    }
    out.extend(payload);
    out
}

/// RFC 8200 §4.5: `offset` in units of eight bytes.
pub fn ipv6_fragment(next: u8, id: u32, offset: u16, more: bool, payload: &[u8]) -> Vec<u8> {
    let mut out = vec![next, 0];
    out.extend((offset << 3 | u16::from(more)).to_be_bytes());
    out.extend(id.to_be_bytes());
    out.extend(payload);
    out
}

/// The datagram of an untagged frame in fragments of `size` payload bytes at most, a multiple of 8,
/// each in a frame. IPv4 headers are without options here; what IPv6 has before TCP is fragmented too.
pub fn fragmented(frame: &[u8], size: usize, id: u32) -> Vec<Vec<u8>> {
    let header_len = if ether_type(frame) == IPV4 { 20 } else { 40 };
    let (header, rest) = datagram(frame).split_at(header_len);
    let field = if ether_type(frame) == IPV4 {
        &header[2..4]
    } else {
        &header[4..6]
    };
    let said = usize::from(u16::from_be_bytes([field[0], field[1]]));
    // Without the padding.
    let payload = &rest[..if ether_type(frame) == IPV4 {
        said - 20
    } else {
        said
    }];
    let pieces = payload.chunks(size).enumerate();
    pieces
        .map(|(number, piece)| {
            let (units, more) = (
                (number * size / 8) as u16,
                (number + 1) * size < payload.len(),
            );
            let mut header = header.to_vec();
            if ether_type(frame) == IPV4 {
                header[2..4].copy_from_slice(&(20 + piece.len() as u16).to_be_bytes());
                header[4..6].copy_from_slice(&(id as u16).to_be_bytes());
                header[6..8].copy_from_slice(&(units | u16::from(more) << 13).to_be_bytes());
                return ethernet(IPV4, &[&header, piece].concat());
            }
            let piece = ipv6_fragment(header[6], id, units, more, piece);
            header[4..6].copy_from_slice(&(piece.len() as u16).to_be_bytes());
            header[6] = 44;
            ethernet(IPV6, &[header, piece].concat())
        })
        .collect()
}
