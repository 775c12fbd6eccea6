//! Which segments belong together.

use crate::wire::{Endpoint, Segment};
use std::hash::Hasher;
use std::net::IpAddr;

/// One of the two directions of a session, as an index: 0 is what the lower endpoint sends.
pub type Direction = usize;

/// Two addresses, lower first, and the VLAN if it tells sessions apart: what sessions have in common that
/// follow one another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Pair {
    low: IpAddr,
    high: IpAddr,
    vlan: Option<u16>,
}

/// The unordered pair of endpoints, lower first.
///
/// The VLAN belongs to the key of link-local addresses only: they are unique per
/// link, while mirrors often tag one direction of a session and not the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    low: Endpoint,
    high: Endpoint,
    vlan: Option<u16>,
}

impl Key {
    /// The key of a segment's session, and the segment's direction in it.
    #[must_use]
    pub fn of(segment: &Segment) -> (Self, Direction) {
        Self::with_vlan(segment, false)
    }

    /// The same; with `always` the VLAN belongs to every key, so that sessions between the same
    /// addresses and ports on different VLANs are kept apart.
    #[must_use]
    pub fn with_vlan(segment: &Segment, always: bool) -> (Self, Direction) {
        let (low, high, direction) = if segment.src <= segment.dst {
            (segment.src, segment.dst, 0)
        } else {
            (segment.dst, segment.src, 1)
        };
        let counts = always || is_link_local(segment.src.addr);
        let vlan = segment.vlan.filter(|_| counts);
        (Self { low, high, vlan }, direction)
    }

    /// Sender and receiver of a direction.
    #[must_use]
    pub fn endpoints(&self, direction: Direction) -> (Endpoint, Endpoint) {
        if direction == 0 {
            (self.low, self.high)
        } else {
            (self.high, self.low)
        }
    }

    /// The two addresses. `None` if they are the same: then the ports alone tell the directions apart, and
    /// the next session may have others.
    #[must_use]
    pub fn pair(&self) -> Option<Pair> {
        (self.low.addr != self.high.addr).then_some(Pair {
            low: self.low.addr,
            high: self.high.addr,
            vlan: self.vlan,
        })
    }

    /// Identifies one TCP connection between these endpoints.
    ///
    /// `epoch` is the first sequence number that was seen of the connection: the identifier is the same for all
    /// captures that begin with the same segment of it. One that joins later has another.
    #[must_use]
    pub fn session_id(&self, epoch: u32) -> u64 {
        let mut hash = fnv::FnvHasher::default();
        for end in [self.low, self.high] {
            match end.addr {
                IpAddr::V4(addr) => hash.write(&addr.octets()),
                IpAddr::V6(addr) => hash.write(&addr.octets()),
            }
            hash.write(&end.port.to_be_bytes());
        }
        hash.write(&self.vlan.unwrap_or(0).to_be_bytes());
        hash.write(&epoch.to_be_bytes());
        hash.finish()
    }
}

fn is_link_local(addr: IpAddr) -> bool {
    match addr {
        IpAddr::V4(addr) => addr.is_link_local(),
        IpAddr::V6(addr) => addr.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment(src: &str, dst: &str, vlan: Option<u16>) -> Segment {
        let end = |text: &str| {
            let socket: std::net::SocketAddr = text.parse().expect("an address with port");
            Endpoint {
                addr: socket.ip(),
                port: socket.port(),
            }
        };
        Segment {
            vlan,
            ..Segment::between(end(src), end(dst))
        }
    }

    #[test]
    fn both_directions_have_one_key() {
        let (there, a) = Key::of(&segment("10.0.0.1:179", "10.0.0.2:4000", Some(7)));
        let (back, b) = Key::of(&segment("10.0.0.2:4000", "10.0.0.1:179", None));
        assert_eq!(there, back, "the VLAN is not part of the key");
        assert_eq!((a, b), (0, 1));
        assert_eq!(there.endpoints(0).0.port, 179);
        assert_eq!(there.endpoints(1).0.port, 4000);
        assert_ne!(there.session_id(1), there.session_id(2));
    }

    #[test]
    fn the_vlan_belongs_to_every_key_if_asked_for() {
        let key = |vlan| {
            let segment = segment("10.0.0.1:179", "10.0.0.2:4000", vlan);
            Key::with_vlan(&segment, true).0
        };
        assert_ne!(key(Some(1)), key(Some(2)));
        assert_ne!(key(Some(1)), key(None));
        assert_eq!(key(Some(1)), key(Some(1)));
    }

    #[test]
    fn link_local_sessions_on_two_vlans_are_two() {
        let key = |vlan| Key::of(&segment("[fe80::1]:179", "[fe80::2]:4000", vlan)).0;
        assert_ne!(key(Some(1)), key(Some(2)));
        assert_ne!(key(Some(1)).session_id(9), key(Some(2)).session_id(9));
    }
}
