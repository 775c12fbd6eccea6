//! One monitored router: what its listener has been told, and how that is brought up to date.

use super::Routers;
use super::carrier::{Carrier, RouterName};
use super::downs::Downs;
use super::dump::{Dump, Progress};
use super::known::Known;
use super::message::{self, Down, Mirrored, PeerHeader, PeerUp, Statistic};
use super::open::Claims;
use crate::bgp::{Disposition, Message, Update};
use crate::filter::{Event, Selection, What};
use crate::rib::{Changes, Ribs};
use crate::session::Direction;
use crate::sink::json::Meta;
use crate::sink::rebuild;
use std::collections::{HashMap, HashSet, VecDeque};
use std::net::IpAddr;

pub(super) type Sessions = HashMap<u64, Known, foldhash::fast::RandomState>;

/// What there is to be told, whoever listens.
#[derive(Clone, Copy)]
pub(super) struct World<'a> {
    pub(super) sessions: &'a Sessions,
    /// Which addresses are which router's.
    pub(super) which: &'a Routers,
    /// The tables, if there are any.
    pub(super) ribs: Option<&'a Ribs>,
    /// What this monitor says of itself.
    pub(super) description: &'a str,
    /// Nanoseconds since the epoch.
    pub(super) now_ns: u64,
}

impl World<'_> {
    /// The routers that have sessions which are up.
    pub(super) fn routers(&self) -> HashSet<IpAddr> {
        let sessions = self.sessions.values();
        let sessions = sessions.filter(|known| known.up_ns.is_some());
        let ends = sessions.flat_map(|known| [0, 1].map(|side| known.key.endpoints(side).0.addr));
        let routers = ends.filter_map(|address| self.which.of(address));
        routers.map(|router| router.address).collect()
    }

    /// Which direction of a session is what a router sends.
    fn side_of(&self, name: &RouterName, known: &Known) -> Option<Direction> {
        [0, 1].into_iter().find(|side| {
            let (own, _) = known.key.endpoints(*side);
            self.which.of(own.addr).as_ref() == Some(name)
        })
    }
}

/// The least time between two attempts to bring a listener that cannot keep up back up to date.
const RETRY_NS: u64 = 5_000_000_000;

/// What the listener was told of a peer.
struct Told {
    session: u64,
    claims: Option<Claims>,
}

/// A monitored router and the line to whoever listens.
pub(super) struct Router {
    pub(super) name: RouterName,
    line: usize,
    epoch: u64,
    losses: u64,
    /// The listener was told who the router is.
    introduced: bool,
    /// What was told is not true any more, or nothing was told: all is told anew.
    out_of_step: bool,
    retry_ns: u64,
    /// By address, as in per-peer headers.
    peers: HashMap<IpAddr, Told>,
    /// Peers that the listener may still believe to be up.
    downs: Downs,
    /// Sessions that are still to be told with their tables.
    to_tell: VecDeque<u64>,
    dump: Option<Dump>,
    /// Tables of sessions that were told otherwise.
    to_dump: VecDeque<Dump>,
    /// Messages that were not told because the listener was not there, or not up to date.
    pub(super) missed: u64,
}

/// Where messages go, and which.
pub(super) struct Voice<'a> {
    pub(super) carrier: &'a mut dyn Carrier,
    /// Which routes the listener is told.
    pub(super) selection: &'a mut Selection,
}

impl Router {
    pub(super) fn new(name: RouterName, line: usize) -> Self {
        Self {
            name,
            line,
            epoch: 0,
            losses: 0,
            introduced: false,
            out_of_step: true,
            retry_ns: 0,
            peers: HashMap::new(),
            downs: Downs::default(),
            to_tell: VecDeque::new(),
            dump: None,
            to_dump: VecDeque::new(),
            missed: 0,
        }
    }

    /// Whether the listener is there and has been told all, or will be in turn.
    pub(super) fn is_in_step(&mut self, carrier: &mut dyn Carrier) -> bool {
        let epoch = carrier.epoch(self.line);
        if epoch != self.epoch {
            self.epoch = epoch;
            self.introduced = false;
            self.out_of_step = true;
            self.retry_ns = 0;
            if !carrier.is_log() {
                self.peers.clear();
                self.downs.clear();
            }
        }
        let losses = carrier.losses(self.line);
        if losses != self.losses {
            self.losses = losses;
            self.out_of_step = true;
        }
        self.epoch != 0 && !self.out_of_step
    }

    /// The carrier's line.
    pub(super) const fn line(&self) -> usize {
        self.line
    }

    /// Its listener has heard of it.
    pub(super) const fn is_introduced(&self) -> bool {
        self.introduced
    }

    /// Something waits to be told.
    pub(super) fn is_behind(&self) -> bool {
        self.dump.is_some() || !self.to_dump.is_empty() || !self.to_tell.is_empty()
    }

    /// All has to be told anew: it is to be told otherwise.
    pub(super) const fn unsettle(&mut self) {
        self.out_of_step = true;
        self.retry_ns = 0;
    }

    /// Waits for somebody who listens; `false` if nobody does.
    pub(super) fn await_listener(&self, carrier: &mut dyn Carrier) -> bool {
        carrier.await_listener(self.line)
    }

    /// Begins to tell everything anew, if that is needed and there is somebody who listens and has room.
    pub(super) fn get_in_step(&mut self, voice: &mut Voice<'_>, world: &World<'_>) {
        let now_ns = world.now_ns;
        // Asked first: what has left the queue by now is among the losses if it is lost.
        let settled = self.downs.are_open() && voice.carrier.is_settled(self.line);
        if self.is_in_step(voice.carrier) {
            if settled {
                self.downs.clear();
            }
            return;
        }
        if self.epoch == 0 || now_ns < self.retry_ns || !voice.carrier.has_room(self.line) {
            return;
        }
        if self.downs.are_too_many() {
            self.begin_anew(voice);
            if self.is_in_step(voice.carrier) || self.epoch == 0 {
                return;
            }
        }
        self.out_of_step = false;
        self.retry_ns = now_ns.saturating_add(RETRY_NS);
        self.dump = None;
        self.to_dump.clear();
        if !self.introduced {
            self.introduced = true;
            let name = self.name.address.to_string();
            let description = world.description;
            voice.carrier.send(self.line, &mut |out| {
                message::initiation(out, description, &name);
            });
        }
        for message in self.downs.messages() {
            voice
                .carrier
                .send(self.line, &mut |out| out.extend(message));
        }
        // What the listener still believes is taken back, so that nothing stays that was withdrawn meanwhile.
        let gone: Vec<IpAddr> = self.peers.keys().copied().collect();
        for address in gone {
            self.take_back(voice, world, address, now_ns);
        }
        let sessions = world.sessions.values();
        let mut up: Vec<(u64, u64)> = sessions
            .filter(|known| world.side_of(&self.name, known).is_some())
            .filter_map(|known| known.up_ns.map(|since| (since, known.id)))
            .collect();
        up.sort_unstable();
        self.to_tell = up.into_iter().map(|(_, id)| id).collect();
    }

    fn take_back(&mut self, voice: &mut Voice<'_>, world: &World<'_>, address: IpAddr, ns: u64) {
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

    /// Nobody knows any more which peers the listener believes to be up: it takes leave of the router, and hears of it
    /// as of another one.
    fn begin_anew(&mut self, voice: &mut Voice<'_>) {
        self.farewell(voice);
        voice.carrier.reopen(self.line, &self.name);
        self.peers.clear();
        self.downs.clear();
        self.epoch = 0;
    }

    /// A peer is down: nothing more is told of its tables.
    fn forget(&mut self, address: IpAddr) -> Option<Told> {
        let told = self.peers.remove(&address)?;
        self.dump.take_if(|dump| dump.session == told.session);
        self.to_dump.retain(|dump| dump.session != told.session);
        Some(told)
    }

    /// Goes on with what waits, until there is no room or `places` places of tables were looked at.
    pub(super) fn go_on(&mut self, voice: &mut Voice<'_>, world: &World<'_>, places: &mut usize) {
        while *places > 0 && self.is_in_step(voice.carrier) && voice.carrier.has_room(self.line) {
            if let Some(dump) = &mut self.dump {
                let line = self.line;
                let told = world.sessions.get(&dump.session).zip(world.ribs);
                let progress = told.map_or(Progress::Done, |(known, ribs)| {
                    let carrier = &mut *voice.carrier;
                    let mut send =
                        |encode: &mut dyn FnMut(&mut Vec<u8>)| carrier.send(line, encode);
                    dump.go_on(known, ribs, places, voice.selection, &mut send)
                });
                if progress == Progress::Done {
                    self.dump = None;
                }
            } else if let Some(next) = self.to_dump.pop_front() {
                self.dump = Some(next);
            } else if let Some(id) = self.to_tell.pop_front() {
                *places = places.saturating_sub(1);
                if let Some(known) = world.sessions.get(&id)
                    && let Some(side) = world.side_of(&self.name, known)
                {
                    self.up(voice, world, known, side, true);
                }
            } else {
                return;
            }
        }
    }

    /// Tells that a session is up; `tables`: with all that its sides have told each other so far.
    fn up(
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
    fn is_told(
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
        self.peers
            .get(&address)
            .is_some_and(|told| told.session == known.id)
    }

    /// The session has come up.
    pub(super) fn established(
        &mut self,
        voice: &mut Voice<'_>,
        world: &World<'_>,
        known: &Known,
        side: Direction,
    ) {
        self.is_told(voice, world, known, side);
    }

    /// What the listener has of a session is not what its sides have any more.
    pub(super) fn tell_anew(
        &mut self,
        voice: &mut Voice<'_>,
        world: &World<'_>,
        known: &Known,
        side: Direction,
        ns: u64,
    ) {
        let address = known.neighbour(side);
        let told = self
            .peers
            .get(&address)
            .is_some_and(|told| told.session == known.id);
        if told && self.is_in_step(voice.carrier) {
            self.take_back(voice, world, address, ns);
            self.up(voice, world, known, side, true);
        }
    }

    /// The session has ended. Another one between the same addresses, which could not be told apart from it, has its
    /// place from now on.
    pub(super) fn ended(
        &mut self,
        voice: &mut Voice<'_>,
        world: &World<'_>,
        known: &Known,
        side: Direction,
        down: Down<'_>,
        ns: u64,
    ) {
        self.to_tell.retain(|id| *id != known.id);
        let address = known.neighbour(side);
        let in_step = self.is_in_step(voice.carrier);
        if self
            .peers
            .get(&address)
            .is_none_or(|told| told.session != known.id)
        {
            return;
        }
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

    /// A message of a session that is up.
    pub(super) fn update(
        &mut self,
        voice: &mut Voice<'_>,
        world: &World<'_>,
        known: &Known,
        side: Direction,
        heard: &Heard<'_>,
    ) {
        if !self.is_told(voice, world, known, side) {
            self.missed += 1;
            return;
        }
        let header = known.header(side, heard.direction, heard.ns);
        let line = self.line;
        let (carrier, selection) = (&mut *voice.carrier, &mut *voice.selection);
        let mut send = |encode: &mut dyn FnMut(&mut Vec<u8>)| carrier.send(line, encode);
        let worst = heard.update.errors().worst();
        if worst >= Some(Disposition::TreatAsWithdraw) {
            let errored = Mirrored::Errored;
            send(&mut |out| message::route_mirroring(out, &header, errored, Some(heard.bytes)));
            if worst == Some(Disposition::TreatAsWithdraw) {
                for field in rebuild::withdrawn_by(heard.update) {
                    send(&mut |out| {
                        message::route_monitoring(out, &header, |out| {
                            rebuild::withdraw(out, &field);
                        });
                    });
                }
            }
            return;
        }
        if heard.is_selected(selection) {
            send(&mut |out| {
                message::route_monitoring(out, &header, |out| out.extend(heard.bytes));
            });
        } else if heard.replaces() {
            // What the listener may have been told of these routes holds no longer.
            for field in rebuild::withdrawn_by(heard.update) {
                send(&mut |out| {
                    message::route_monitoring(out, &header, |out| {
                        rebuild::withdraw(out, &field);
                    });
                });
            }
        }
        if heard.expired {
            // The receiver has dropped routes that nobody withdrew (RFC 4724 §4.2, RFC 7313 §4).
            self.tell_anew(voice, world, known, side, heard.ns);
        }
    }

    /// Something of a direction is missing, or could not be used: told to whoever follows the session.
    pub(super) fn mirror(
        &mut self,
        voice: &mut Voice<'_>,
        known: &Known,
        side: Direction,
        direction: Direction,
        what: (Mirrored, Option<&[u8]>),
        ns: u64,
    ) {
        let address = known.neighbour(side);
        let told = self
            .peers
            .get(&address)
            .is_some_and(|told| told.session == known.id);
        if told && self.is_in_step(voice.carrier) {
            let header = known.header(side, direction, ns);
            let (what, bytes) = what;
            voice.carrier.send(self.line, &mut |out| {
                message::route_mirroring(out, &header, what, bytes);
            });
        }
    }

    /// Tells figures about all peers.
    pub(super) fn statistics(&mut self, voice: &mut Voice<'_>, world: &World<'_>) {
        if !self.is_in_step(voice.carrier) {
            return;
        }
        for told in self.peers.values() {
            let Some(known) = world.sessions.get(&told.session) else {
                continue;
            };
            let Some(side) = world.side_of(&self.name, known) else {
                continue;
            };
            let header = known.header(side, side ^ 1, world.now_ns);
            voice.carrier.send(self.line, &mut |out| {
                message::statistics(out, &header, |figures| {
                    figures_of(figures, known, side, world.ribs);
                });
            });
        }
    }

    /// The last word (RFC 7854 §4.5).
    pub(super) fn farewell(&mut self, voice: &mut Voice<'_>) {
        if self.is_in_step(voice.carrier) || self.epoch != 0 && self.introduced {
            voice
                .carrier
                .say_last(self.line, &mut |out| message::termination(out));
        }
    }

    #[cfg(test)]
    pub(super) fn kept(&self) -> usize {
        self.peers.len() + self.to_tell.len() + self.to_dump.len()
    }
}

/// An UPDATE that came.
pub(super) struct Heard<'a> {
    pub(super) direction: Direction,
    pub(super) update: &'a Update<'a>,
    pub(super) bytes: &'a [u8],
    pub(super) message: &'a Message<'a>,
    pub(super) changes: Option<&'a Changes>,
    pub(super) meta: Meta<'static>,
    /// Stale routes went with it.
    pub(super) expired: bool,
    pub(super) ns: u64,
}

impl Heard<'_> {
    /// Whether it is told as it is. What ends a transfer concerns all routes.
    fn is_selected(&self, selection: &mut Selection) -> bool {
        let (meta, what) = (&self.meta, What::Message(self.message, self.changes));
        selection.is_empty()
            || self.update.eor().is_some()
            || selection.wants(&Event { meta, what })
    }

    /// Routes that were there before may not be there any more, or not so.
    fn replaces(&self) -> bool {
        self.changes
            .is_none_or(|changes| changes.replaced + changes.withdrawn > 0)
    }
}

fn figures_of(
    figures: &mut message::Figures<'_>,
    known: &Known,
    side: Direction,
    ribs: Option<&Ribs>,
) {
    let received = side & 1 ^ 1;
    let counts = known.counts[received];
    figures.counter(Statistic::DuplicateAnnouncements, counts.duplicates);
    figures.counter(Statistic::DuplicateWithdrawals, counts.absent);
    figures.counter(Statistic::TreatedAsWithdraw, counts.treated_as_withdraw);
    let tables = ribs.and_then(|ribs| ribs.session(known.id));
    for (direction, all, one) in [
        (received, Statistic::AdjRibIn, Statistic::FamilyIn),
        (side & 1, Statistic::AdjRibOut, Statistic::FamilyOut),
    ] {
        let ribs = tables.map_or(&[][..], |tables| tables.direction(direction).ribs());
        let total: u64 = ribs.iter().map(|rib| rib.len() as u64).sum();
        figures.gauge(all, total);
        for rib in ribs {
            let family = rib.family();
            figures.family(one, family.afi.0, family.safi.0, rib.len() as u64);
        }
    }
}
