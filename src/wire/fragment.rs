//! One fragment of an IP datagram (RFC 791 §3.2, RFC 8200 §4.5).

use std::net::IpAddr;
use std::ops::Range;

use super::walk::Layer;

/// A fragment of a datagram that may hold BGP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fragment {
    /// The sender of the datagram.
    pub src: IpAddr,
    /// Its receiver.
    pub dst: IpAddr,
    /// What all fragments of the datagram share; 16 bits for IPv4.
    pub id: u32,
    /// The protocol of the datagram's payload, also shared in IPv4.
    pub protocol: u8,
    /// Where the fragment belongs in the datagram's payload, a multiple of 8.
    pub offset: u32,
    /// It is not the last one.
    pub more: bool,
    /// Where its bytes lie in the frame.
    pub payload: Range<usize>,
    /// The frame does not hold all of it, so the datagram cannot be put together.
    pub cut: bool,
    /// As in [`super::Segment::vlan`].
    pub vlan: Option<u16>,
}

/// Whether datagrams with this inside are put together: what leads to TCP, but for
/// UDP (see there).
pub(super) fn is_put_together(inside: Layer) -> bool {
    matches!(
        inside,
        Layer::Tcp | Layer::Gre | Layer::IpInIp | Layer::Extension | Layer::Authentication
    )
}
