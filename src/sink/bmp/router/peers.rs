//! Which peers of a router its listener is told to be up, and that they are down.

use super::{Router, Told, Voice, World};
use crate::session::Direction;
use crate::sink::bmp::dump::Dump;
use crate::sink::bmp::known::Known;
use crate::sink::bmp::message::{self, Down, PeerHeader, PeerUp};
use std::net::IpAddr;

impl Router {
    /// The listener has been told that the session is up, and nothing else since then.
    pub(super) fn knows(&self, known: &Known, side: Direction) -> bool {
        let told = self.peers.get(&known.neighbour(side));
        told.is_some_and(|told| told.session == known.id)
    }

    pub(super) fn take_back(
        &mut self,
        voice: &mut Voice<'_>,
        world: &World<'_>,
        address: IpAddr,
        ns: u64,
    ) {
        let Some(told) = self.forget(address) else {
            return;
        };
        let header = world.sessions.get(&told.session).and_then(|known| {
            let side = world.side_of(&self.name, known)?;
            Some(known.header(side, side ^ 1, ns))
        });
        let header = header.unwrap_or(PeerHeader {
            address,
            asn: 0,
            bgp_id: std::net::Ipv4Addr::UNSPECIFIED,
            sent: false,
            two_octet: false,
            ns,
        });
        self.down(voice, &header, Down::NotTold);
    }

    /// Tells that a peer is down, and keeps that until the listener has it for sure.
    fn down(&mut self, voice: &mut Voice<'_>, header: &PeerHeader, down: Down<'_>) {
        let mut message = Vec::new();
        message::peer_down(&mut message, header, down);
        voice
            .carrier
            .send(self.line, &mut |out| out.extend(&message));
        self.downs.note(header.address, message);
    }

    /// A peer is down: nothing more is told of its tables.
    fn forget(&mut self, address: IpAddr) -> Option<Told> {
        let told = self.peers.remove(&address)?;
        self.dump.take_if(|dump| dump.session == told.session);
        self.to_dump.retain(|dump| dump.session != told.session);
        Some(told)
    }

    /// Tells that a session is up; `tables`: with all that its sides have told each other so far.
    pub(super) fn up(
        &mut self,
        voice: &mut Voice<'_>,
        world: &World<'_>,
        known: &Known,
        side: Direction,
        tables: bool,
    ) {
        let Some(since_ns) = known.up_ns else { return };
        let address = known.neighbour(side);
        if let Some(told) = self.peers.get(&address) {
            if told.session == known.id {
                return;
            }
            let other = world.sessions.get(&told.session);
            let other = other.and_then(|other| other.up_ns);
            if other > Some(since_ns) {
                // The older of two between the same addresses: a listener cannot tell them apart.
                return;
            }
            self.take_back(voice, world, address, since_ns);
        }
        let (own, other) = known.key.endpoints(side);
        let (sent, received) = (known.open(side), known.open(side ^ 1));
        let up = PeerUp {
            local: (own.addr, own.port),
            remote_port: other.port,
            sent: &sent,
            received: &received,
            text: known.remark(side),
        };
        let header = known.header(side, side ^ 1, since_ns);
        voice
            .carrier
            .send(self.line, &mut |out| up.write(out, &header));
        let told = Told {
            session: known.id,
            claims: known.claims(),
        };
        self.peers.insert(address, told);
        self.downs.forget(address);
        if tables {
            self.to_dump.push_back(Dump::new(known.id, side));
        }
    }

    /// Whether messages of the session can be told right now; tells that it is up if nobody has yet.
    pub(super) fn is_told(
        &mut self,
        voice: &mut Voice<'_>,
        world: &World<'_>,
        known: &Known,
        side: Direction,
    ) -> bool {
        if !self.is_in_step(voice.carrier) || known.up_ns.is_none() {
            return false;
        }
        let address = known.neighbour(side);
        if let Some(told) = self.peers.get(&address)
            && told.session == known.id
        {
            if told.claims == known.claims() {
                return true;
            }
            // How it is read turned out to be otherwise: what was told is void.
            self.take_back(voice, world, address, known.up_ns.unwrap_or(0));
            self.up(voice, world, known, side, true);
            return true;
        }
        if self.to_tell.contains(&known.id) {
            return false;
        }
        // Routes from before a graceful restart, which the receiver keeps.
        let tables = world
            .ribs
            .and_then(|ribs| ribs.session(known.id))
            .is_some_and(|tables| {
                let ribs = [0, 1].map(|direction| tables.direction(direction).ribs());
                ribs.into_iter().flatten().any(|rib| rib.stale() > 0)
            });
        self.up(voice, world, known, side, tables);
        self.knows(known, side)
    }

    /// The session has come up.
    pub(in crate::sink::bmp) fn established(
        &mut self,
        voice: &mut Voice<'_>,
        world: &World<'_>,
        known: &Known,
        side: Direction,
    ) {
        self.is_told(voice, world, known, side);
    }

    /// What the listener has of a session is not what its sides have any more.
    pub(in crate::sink::bmp) fn tell_anew(
        &mut self,
        voice: &mut Voice<'_>,
        world: &World<'_>,
        known: &Known,
        side: Direction,
        ns: u64,
    ) {
        if self.knows(known, side) && self.is_in_step(voice.carrier) {
            self.take_back(voice, world, known.neighbour(side), ns);
            self.up(voice, world, known, side, true);
        }
    }

    /// The session has ended. Another one between the same addresses, which could not be told apart from it, has its
    /// place from now on.
    pub(in crate::sink::bmp) fn ended(
        &mut self,
        voice: &mut Voice<'_>,
        world: &World<'_>,
        known: &Known,
        side: Direction,
        down: Down<'_>,
        ns: u64,
    ) {
        self.to_tell.retain(|id| *id != known.id);
        let in_step = self.is_in_step(voice.carrier);
        if !self.knows(known, side) {
            return;
        }
        let address = known.neighbour(side);
        self.forget(address);
        if in_step || self.epoch != 0 && self.introduced {
            let header = known.header(side, side ^ 1, ns);
            self.down(voice, &header, down);
        }
        if let Some(heir) = self.youngest(world, address, known.id)
            && !self.to_tell.contains(&heir)
        {
            self.to_tell.push_back(heir);
        }
    }

    /// The session with a neighbour that came up last, beside the one that is over.
    fn youngest(&self, world: &World<'_>, neighbour: IpAddr, over: u64) -> Option<u64> {
        let sessions = world.sessions.values().filter(|known| known.id != over);
        let sessions = sessions.filter(|known| {
            let side = world.side_of(&self.name, known);
            side.is_some_and(|side| known.neighbour(side) == neighbour)
        });
        let up = sessions.filter_map(|known| Some((known.up_ns?, known.id)));
        up.max().map(|(_, id)| id)
    }
}
