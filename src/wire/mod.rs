//! The headers of one frame, down to its TCP payload.
//!
//! [`dissect`] reads with bounds checked at every step, allocates nothing, and
//! trusts no length further than the frame that carries it.
//!
//! ```text
//! link            what a frame begins with, by link type        → the first header
//! walk            one header after the other, tables of what carries what
//! ether ip        Ethernet and its tags, IPv4 and IPv6
//! encapsulation/  MPLS, PPPoE, GRE, ERSPAN, UDP and what it carries
//! tcp             the last header                               → Segment
//! fragment(s)     pieces of datagrams, put together             → a datagram to dissect
//! ```

mod checksum;
mod encapsulation;
mod ether;
mod fragment;
mod fragments;
mod ip;
mod link;
pub mod mrt;
mod options;
mod ports;
mod read;
mod segment;
mod skip;
mod tcp;
#[cfg(test)]
mod tests;
mod walk;

pub use checksum::{Checksum, checksum};
pub use fragment::Fragment;
pub use fragments::{FragmentLimits, Fragments, Skipped, Whole};
pub use options::{SackBlocks, TcpOption, TcpOptions};
pub use ports::Ports;
pub use segment::{Endpoint, Segment, TcpFlags};
pub use skip::Skip;

use crate::capture::LinkType;
use walk::{Cursor, Found};

/// Finds the TCP segment in a frame, behind whatever it is wrapped in.
///
/// `wire_len` is the length that the frame had on the wire, `stripped_vlan` the
/// VLAN id that the card took out of it. The payload ends where the innermost IP header
/// says; what the frame holds behind it is padding, what it lacks is [`Segment::cut`].
///
/// # Errors
/// [`Skip`] says why the frame is no TCP segment of one of `ports`. For [`Skip::Fragment`],
/// [`fragment`] may tell more.
pub fn dissect(
    bytes: &[u8],
    link: LinkType,
    wire_len: u32,
    stripped_vlan: Option<u16>,
    ports: &Ports,
) -> Result<Segment, Skip> {
    match find(bytes, link, wire_len, stripped_vlan, ports)? {
        Found::Segment(segment) => Ok(segment),
        Found::Fragment(_) => Err(Skip::Fragment),
    }
}

/// The fragment in a frame for which [`dissect`] said [`Skip::Fragment`], if its datagram is
/// one that should be put together: its first fragment has a TCP port of BGP, or
/// its first fragment has not been seen yet and it may turn out to have one.
#[must_use]
pub fn fragment(
    bytes: &[u8],
    link: LinkType,
    wire_len: u32,
    stripped_vlan: Option<u16>,
    ports: &Ports,
) -> Option<Fragment> {
    match find(bytes, link, wire_len, stripped_vlan, ports) {
        Ok(Found::Fragment(fragment)) => Some(fragment),
        _ => None,
    }
}

fn find(
    bytes: &[u8],
    link: LinkType,
    wire_len: u32,
    stripped_vlan: Option<u16>,
    ports: &Ports,
) -> Result<Found, Skip> {
    let mut cursor = Cursor::new(bytes, wire_len as usize, stripped_vlan);
    let first = link::first(&mut cursor, bytes, link)?;
    walk::walk(&mut cursor, first, ports)
}
