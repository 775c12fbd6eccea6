//! Sessions as BMP tells of them: who they are of, and who speaks of them.

use super::message::{PerPeer, Up};
use super::record::Sides;
use crate::bgp::OpenFacts;
use std::net::{IpAddr, Ipv4Addr};

/// Who tells whom, over however many connections: the router, the station, and the port of BMP.
pub(super) type Feed = (IpAddr, IpAddr, u16);

/// One peer of one router, as its messages name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Id {
    pub(super) feed: Feed,
    pub(super) kind: u8,
    pub(super) distinguisher: [u8; 8],
    pub(super) address: IpAddr,
}

/// A session: its two addresses, the lower one first.
pub(super) type Pair = [IpAddr; 2];

/// What was told of a session. Ends are numbered as in [`Pair`].
#[derive(Clone, Debug, Default)]
pub(super) struct Conversation {
    /// What tells it from the one before it.
    pub(super) identity: Identity,
    /// It is up.
    pub(super) live: bool,
    /// Counts the sessions between these addresses.
    pub(super) number: u64,
    /// Of which of them each end has said that it is up.
    pub(super) joined: [u64; 2],
    /// Who speaks for each end.
    pub(super) owner: [Option<Id>; 2],
    /// Which end tells what each end sends.
    pub(super) teller: [Option<usize>; 2],
}

/// What tells sessions between two addresses apart, by end. Whoever tells of one need not have its OPENs as they were,
/// nor its ports: what is not known is as good as the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Identity {
    /// AS number and BGP identifier.
    speakers: [Option<(u32, Ipv4Addr)>; 2],
    ports: [Option<u16>; 2],
}

impl Identity {
    /// What the router at `end` tells; `opens` are what it has sent and received.
    pub(super) fn new(end: usize, up: &Up<'_>, opens: [Option<&OpenFacts>; 2]) -> Self {
        let mut speakers = opens.map(|open| open.map(|open| (open.asn, open.bgp_id)));
        let mut ports = up.ports.map(|port| (port != 0).then_some(port));
        speakers.rotate_left(end);
        ports.rotate_left(end);
        Self { speakers, ports }
    }

    /// Takes what the other one knows besides; false if it is of another session.
    pub(super) fn merge(&mut self, other: &Self) -> bool {
        let is_same = agree(&self.speakers, &other.speakers) && agree(&self.ports, &other.ports);
        if is_same {
            for end in [0, 1] {
                self.speakers[end] = self.speakers[end].or(other.speakers[end]);
                self.ports[end] = self.ports[end].or(other.ports[end]);
            }
        }
        is_same
    }
}

/// Nothing that both know is different.
fn agree<T: PartialEq>(one: &[Option<T>; 2], other: &[Option<T>; 2]) -> bool {
    one.iter().zip(other).all(|pair| match pair {
        (Some(one), Some(other)) => one == other,
        _ => true,
    })
}

impl Id {
    pub(super) fn new(feed: Feed, peer: &PerPeer) -> Self {
        Self {
            feed,
            kind: peer.kind,
            distinguisher: peer.distinguisher,
            address: peer.address,
        }
    }
}

impl Conversation {
    /// Nobody speaks for that end any more.
    pub(super) fn leave(&mut self, end: usize) {
        self.owner[end & 1] = None;
        for teller in &mut self.teller {
            *teller = teller.filter(|teller| *teller != end);
        }
    }

    /// There is nothing left to be remembered.
    pub(super) fn is_over(&self) -> bool {
        !self.live && self.owner == [None; 2]
    }
}

pub(super) fn pair(sides: &Sides) -> Pair {
    let (local, peer) = (sides.local.0, sides.peer.0);
    [local.min(peer), local.max(peer)]
}

/// Which end the router is that tells.
pub(super) fn end_of(sides: &Sides) -> usize {
    usize::from(sides.local.0 > sides.peer.0)
}

/// What stands for the router's own address while that is not known: the one that it sends BMP from, which is
/// one of its own and keeps the peers of several routers apart. Both addresses of a record are of one family.
pub(super) fn stand_in(router: IpAddr, peer: IpAddr) -> IpAddr {
    match (router, peer) {
        (IpAddr::V4(router), IpAddr::V6(_)) => router.to_ipv6_mapped().into(),
        (IpAddr::V6(_), IpAddr::V4(_)) => Ipv4Addr::UNSPECIFIED.into(),
        _ => router,
    }
}
