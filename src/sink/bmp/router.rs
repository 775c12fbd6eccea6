//! One monitored router: what its listener has been told, and how that is brought up to date.

mod messages;
mod peers;

use super::Routers;
use super::carrier::{Carrier, RouterName};
use super::downs::Downs;
use super::dump::{Dump, Progress};
use super::known::Known;
use super::message;
use super::open::Claims;
use crate::filter::Selection;
use crate::rib::Ribs;
use crate::session::Direction;
use std::collections::{HashMap, HashSet, VecDeque};
use std::net::IpAddr;

pub(super) use messages::Heard;

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
    /// Those of them that no tables have made up for as yet.
    behind: u64,
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
            behind: 0,
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

    /// A message could not be told.
    pub(super) const fn miss(&mut self) {
        self.missed += 1;
        self.behind += 1;
    }

    /// Messages that its listener was not told, nor given the tables for, as it is now.
    pub(super) fn lost_for_good(&mut self, carrier: &mut dyn Carrier) -> u64 {
        match self.is_in_step(carrier) && !self.is_behind() {
            true => 0,
            false => self.behind,
        }
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

    /// Nobody knows any more which peers the listener believes to be up: it takes leave of the router, and hears of it
    /// as of another one.
    fn begin_anew(&mut self, voice: &mut Voice<'_>) {
        self.farewell(voice);
        voice.carrier.reopen(self.line, &self.name);
        self.peers.clear();
        self.downs.clear();
        self.epoch = 0;
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
                self.behind = 0;
                return;
            }
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
