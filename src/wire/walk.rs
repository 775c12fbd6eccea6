//! The walk from the first header of a frame to TCP.
//!
//! Each header is one step: it is read at the cursor and says which one comes
//! next. What carries what is written once, in the tables of this file; an
//! encapsulation is a file with its `read`, a [`Layer`], and a line in a table.
//!
//! The steering program (`bpf/steer.bpf.c`) makes the same steps with the same
//! bounds, and a test holds the two against each other.

use std::net::{IpAddr, Ipv4Addr};

use super::fragment::Fragment;
use super::segment::Segment;
use super::{Ports, Skip, encapsulation, ether, ip, tcp};

/// Headers that are followed: each VLAN tag, MPLS label and extension header is
/// one. The deepest that networks are known to build is about 20.
pub(super) const HEADERS_MAX: usize = 24;
/// No header is looked for further into a frame.
pub(super) const HEADER_BYTES_MAX: usize = 3072;

/// The header that comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layer {
    /// MAC addresses and an EtherType.
    Ethernet,
    /// The rest of a VLAN tag, behind its EtherType.
    Vlan,
    /// One label of a stack.
    Mpls,
    /// PPPoE session, with the protocol field of PPP.
    Pppoe,
    /// IPv4 or IPv6, as the first nibble tells.
    Ip,
    /// The same, inside another datagram.
    IpInIp,
    /// An IPv6 extension header that counts its length in 8 bytes.
    Extension,
    /// The IPv6 fragment header.
    FragmentHeader,
    /// The authentication header.
    Authentication,
    Gre,
    ErspanII,
    ErspanIII,
    Udp,
    Vxlan,
    VxlanGpe,
    Geneve,
    Tcp,
    /// The middle of a datagram whose headers are in another frame.
    Piece,
}

/// What a walk came to.
pub(super) enum Found {
    /// A segment from or to a port of BGP.
    Segment(Segment),
    /// A piece of a datagram that may hold one.
    Fragment(Fragment),
}

/// Where the walk is, and what it has learnt on its way.
pub(super) struct Cursor<'a> {
    /// The frame, up to where the innermost datagram ends: what follows is padding.
    bytes: &'a [u8],
    /// Where the next header begins.
    pub(super) at: usize,
    /// Where the innermost datagram ends as its header tells it: beyond `bytes` if
    /// the capture, or a mirror that copies only the start of frames, cut it.
    pub(super) end: usize,
    /// The innermost VLAN id that is not that of a tunnel's own way.
    pub(super) vlan: Option<u16>,
    pub(super) src: IpAddr,
    pub(super) dst: IpAddr,
    /// Identification of the innermost IPv4 header.
    pub(super) ip_id: Option<u16>,
    /// The outermost fragment on the way here.
    pub(super) fragment: Option<Fragment>,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(bytes: &'a [u8], wire_len: usize, stripped_vlan: Option<u16>) -> Self {
        Self {
            bytes,
            at: 0,
            end: wire_len.max(bytes.len()),
            vlan: stripped_vlan,
            src: Ipv4Addr::UNSPECIFIED.into(),
            dst: Ipv4Addr::UNSPECIFIED.into(),
            ip_id: None,
            fragment: None,
        }
    }

    /// The next `N` bytes, which stay next.
    pub(super) fn peek<const N: usize>(&self) -> Result<[u8; N], Skip> {
        let rest = self.bytes.get(self.at..).ok_or(Skip::Truncated)?;
        rest.first_chunk().copied().ok_or(Skip::Truncated)
    }

    /// The next `N` bytes.
    pub(super) fn take<const N: usize>(&mut self) -> Result<[u8; N], Skip> {
        let taken = self.peek()?;
        self.at += N;
        Ok(taken)
    }

    /// The next byte, which stays next.
    pub(super) fn peek_byte(&self) -> Result<u8, Skip> {
        self.peek().map(|[byte]| byte)
    }

    /// Passes over bytes, which must be there.
    pub(super) fn skip(&mut self, len: usize) -> Result<(), Skip> {
        self.at += len;
        if self.at > self.bytes.len() {
            return Err(Skip::Truncated);
        }
        Ok(())
    }

    /// The datagram ends here, as its header says.
    pub(super) fn end_at(&mut self, end: usize) {
        self.end = end;
        self.bytes = self.bytes.get(..end).unwrap_or(self.bytes);
    }

    /// Where the bytes end that the frame holds of the innermost datagram.
    pub(super) fn held_end(&self) -> usize {
        self.bytes.len()
    }

    /// What comes next was carried from elsewhere: the VLAN of the tunnel's own way,
    /// and its addresses, say nothing about it.
    pub(super) fn enter_tunnel(&mut self) {
        self.vlan = None;
    }
}

/// Walks from `layer` to TCP.
pub(super) fn walk(
    cursor: &mut Cursor<'_>,
    mut layer: Layer,
    ports: &Ports,
) -> Result<Found, Skip> {
    for _ in 0..HEADERS_MAX {
        if cursor.at > HEADER_BYTES_MAX {
            break;
        }
        layer = match layer {
            Layer::Ethernet => ether::frame(cursor)?,
            Layer::Vlan => ether::tag(cursor)?,
            Layer::Mpls => encapsulation::mpls::read(cursor)?,
            Layer::Pppoe => encapsulation::pppoe::read(cursor)?,
            Layer::Ip => ip::read(cursor)?,
            Layer::IpInIp => encapsulation::ip_in_ip::read(cursor)?,
            Layer::Extension => ip::extension(cursor)?,
            Layer::FragmentHeader => ip::fragment_header(cursor)?,
            Layer::Authentication => ip::authentication(cursor)?,
            Layer::Gre => encapsulation::gre::read(cursor)?,
            Layer::ErspanII => encapsulation::erspan::read_ii(cursor)?,
            Layer::ErspanIII => encapsulation::erspan::read_iii(cursor)?,
            Layer::Udp => encapsulation::udp::read(cursor)?,
            Layer::Vxlan => encapsulation::vxlan::read(cursor)?,
            Layer::VxlanGpe => encapsulation::vxlan::read_gpe(cursor)?,
            Layer::Geneve => encapsulation::geneve::read(cursor)?,
            Layer::Tcp => return tcp::read(cursor, ports),
            Layer::Piece => {
                let piece = cursor.fragment.take().ok_or(Skip::Fragment)?;
                return Ok(Found::Fragment(piece));
            }
        };
    }
    Err(Skip::TooDeep)
}

/// What an EtherType announces (IEEE 802 numbers), in Ethernet and in all that borrow its types.
pub(super) fn by_ether_type(ether_type: u16) -> Result<Layer, Skip> {
    match ether_type {
        // The first nibble tells the version anyway.
        0x0800 | 0x86dd => Ok(Layer::Ip),
        // IEEE 802.1Q, 802.1ad, and what was used before it.
        0x8100 | 0x88a8 | 0x9100 => Ok(Layer::Vlan),
        // Downstream and upstream assigned labels (RFC 5332 §3).
        0x8847 | 0x8848 => Ok(Layer::Mpls),
        0x8864 => Ok(Layer::Pppoe),
        // Transparent Ethernet bridging (RFC 1701 §4).
        0x6558 => Ok(Layer::Ethernet),
        // Everything else, and below 0x0600 the length field of 802.3.
        _ => Err(Skip::NotIp),
    }
}

/// What the protocol or next-header field of IP announces (IANA protocol numbers).
pub(super) fn by_protocol(protocol: u8) -> Result<Layer, Skip> {
    match protocol {
        6 => Ok(Layer::Tcp),
        4 | 41 => Ok(Layer::IpInIp),
        17 => Ok(Layer::Udp),
        47 => Ok(Layer::Gre),
        // Hop-by-hop, routing, destination options, mobility, HIP, Shim6.
        0 | 43 | 60 | 135 | 139 | 140 => Ok(Layer::Extension),
        44 => Ok(Layer::FragmentHeader),
        51 => Ok(Layer::Authentication),
        // Also 50, ESP: what follows is encrypted.
        _ => Err(Skip::NotTcp),
    }
}

/// What a UDP destination port announces.
pub(super) fn by_udp_port(port: u16) -> Result<Layer, Skip> {
    match port {
        // RFC 7348 §5; 8472 is what Linux took before that.
        4789 | 8472 => Ok(Layer::Vxlan),
        // draft-ietf-nvo3-vxlan-gpe §3.1.
        4790 => Ok(Layer::VxlanGpe),
        // RFC 8926 §3.3.
        6081 => Ok(Layer::Geneve),
        // RFC 7510 §3.
        6635 => Ok(Layer::Mpls),
        _ => Err(Skip::NotTcp),
    }
}

/// What the protocol field of PPP announces (RFC 1661 §2, RFC 3032 §4.3).
pub(super) fn by_ppp_protocol(protocol: u16) -> Result<Layer, Skip> {
    match protocol {
        0x0021 | 0x0057 => Ok(Layer::Ip),
        0x0281 | 0x0283 => Ok(Layer::Mpls),
        _ => Err(Skip::NotIp),
    }
}
