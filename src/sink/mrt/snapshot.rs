//! Snapshots of all tables, taken piece by piece.
//!
//! A table of a million routes takes a good while to be written, and frames do not wait. So live a
//! snapshot goes on a few thousand routes at a time: a route that changes meanwhile is told as it is when its
//! turn comes. If a part of a table grows, shrinks or is tidied up, so that routes change places, that table is told anew: no route
//! is missing, but some are there twice. From files a snapshot is taken at once.

use super::NS_PER_S;
use super::table::{Peer, Place, RouteRecords, write_peers};
use crate::bgp::Family;
use crate::filter::Selection;
use crate::rib::{Moves, Ribs, Tables};
use crate::sink::deadline::Deadline;
use crate::sink::routes::{RouteFilter, meta_of_table};
use crate::sink::writer::Writer;
use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::num::NonZeroU64;
use std::time::Duration;

/// Places of tables that are looked at each time: a millisecond or two.
const SLICE: usize = 8192;
/// A writer that is so far behind gets no more for now.
const QUEUE_MAX: f64 = 0.5;

/// Chunks that the writer has to have room for, so that no record is lost: the end of a snapshot takes as many.
const ROOM: usize = 2;
/// How long the end of a capture waits for a snapshot that is being taken.
const COMPLETE_WITHIN: Duration = Duration::from_secs(20);
const PAUSE: Duration = Duration::from_millis(1);

/// Writes all tables, again and again or at the end.
pub struct TableDumps {
    /// Where they go: a file for each snapshot.
    pub writer: Writer,
    /// Which routes are told.
    pub selection: Selection,
    filter: RouteFilter,
    every: Option<NonZeroU64>,
    next_ns: u64,
    current: Option<Snapshot>,
    records: RouteRecords,
    /// Snapshots that were completed.
    completed: u64,
}

/// One that is being taken.
struct Snapshot {
    at_ns: u64,
    /// What is left, the next last.
    parts: Vec<Part>,
    /// Place in the table that is being written, and how often its routes had moved when it was begun.
    place: usize,
    moves: Option<Moves>,
    sequence: u32,
}

enum Part {
    /// Who told one router something.
    Peers(IpAddr, Ipv4Addr, Vec<Peer>),
    /// What one of them told.
    Table {
        session: u64,
        direction: usize,
        family: Family,
        peer: u16,
    },
}

impl TableDumps {
    /// Snapshots by `writer` at each multiple of so many nanoseconds, counted from the epoch.
    #[must_use]
    pub fn new(writer: Writer, every: Option<NonZeroU64>) -> Self {
        Self {
            writer,
            selection: Selection::default(),
            filter: RouteFilter::default(),
            every,
            next_ns: 0,
            current: None,
            records: RouteRecords::default(),
            completed: 0,
        }
    }

    /// Snapshots that were completed.
    #[must_use]
    pub const fn completed(&self) -> u64 {
        self.completed
    }

    /// A snapshot is being taken.
    #[must_use]
    pub const fn is_busy(&self) -> bool {
        self.current.is_some()
    }

    /// From now on snapshots are taken at each multiple of so many nanoseconds.
    pub fn set_interval(&mut self, every: Option<NonZeroU64>) {
        if self.every != every {
            self.every = every;
            self.next_ns = 0;
        }
    }

    /// The time is `now_ns`: begins a snapshot if it is due, and goes on with one; `at_once` to its end.
    pub fn advance(&mut self, ribs: &Ribs, now_ns: u64, at_once: bool) {
        // One that is due while another is being taken comes behind that.
        if self.current.is_none() && self.is_due(now_ns) {
            self.begin(ribs, now_ns);
        }
        while self.current.is_some() && (at_once || self.writer.queue_ratio() < QUEUE_MAX) {
            self.go_on(ribs);
            if !at_once {
                return;
            }
        }
    }

    /// Completes what was begun; with `last` takes one more snapshot, of how it all has ended.
    pub fn finish(&mut self, ribs: &Ribs, now_ns: u64, last: bool) {
        self.complete(ribs);
        if last {
            self.begin(ribs, now_ns);
            self.complete(ribs);
        }
    }

    fn complete(&mut self, ribs: &Ribs) {
        let until = Deadline::after(COMPLETE_WITHIN);
        while self.current.is_some() {
            if self.writer.room() >= ROOM {
                self.go_on(ribs);
                continue;
            }
            if until.has_passed() {
                // Half a snapshot would look like a whole one.
                self.current = None;
                let why = "the last snapshot could not be completed in time";
                let why = io::Error::new(io::ErrorKind::TimedOut, why);
                return self.writer.abandon(why);
            }
            self.writer.wake();
            std::thread::sleep(PAUSE);
        }
    }

    fn is_due(&mut self, now_ns: u64) -> bool {
        let Some(every) = self.every else {
            return false;
        };
        if now_ns < self.next_ns {
            return false;
        }
        let began = self.next_ns > 0;
        self.next_ns = (now_ns / every + 1).saturating_mul(every.get());
        began
    }

    fn begin(&mut self, ribs: &Ribs, now_ns: u64) {
        self.writer.cut(now_ns);
        self.current = Some(Snapshot {
            at_ns: now_ns,
            parts: plan(ribs),
            place: 0,
            moves: None,
            sequence: 0,
        });
    }

    /// Writes the next slice, as far as the writer has room for it.
    fn go_on(&mut self, ribs: &Ribs) {
        let Some(mut snapshot) = self.current.take() else {
            return;
        };
        let mut left = SLICE;
        while left > 0 && self.writer.room() >= ROOM {
            let Some(part) = snapshot.parts.pop() else {
                // The next one is another file, so that this one is finished now.
                self.writer.cut(snapshot.at_ns + 1);
                self.completed += 1;
                return;
            };
            if let Some(part) = snapshot.write(part, ribs, self, &mut left) {
                snapshot.parts.push(part);
            }
        }
        self.current = Some(snapshot);
    }
}

impl Snapshot {
    /// Writes a part; what is left of it if it was too much.
    fn write(
        &mut self,
        part: Part,
        ribs: &Ribs,
        dumps: &mut TableDumps,
        left: &mut usize,
    ) -> Option<Part> {
        let seconds = self.at_ns / NS_PER_S;
        let (session, direction, family, peer) = match &part {
            Part::Peers(local, id, peers) => {
                let writer = &mut dumps.writer;
                writer.event(self.at_ns, |out| {
                    write_peers(out, seconds, *local, *id, peers);
                });
                *left = left.saturating_sub(peers.len() + 1);
                return None;
            }
            Part::Table {
                session,
                direction,
                family,
                peer,
            } => (*session, *direction, *family, *peer),
        };
        // It may have ended meanwhile.
        let tables = ribs.session(session);
        let rib = tables.and_then(|tables| {
            let meta = meta_of_table(tables, direction, self.at_ns);
            Some((tables.direction(direction).rib(family)?, meta))
        });
        let Some((rib, meta)) = rib else {
            self.moves = None;
            return None;
        };
        if self.moves != Some(rib.moves()) {
            self.place = 0;
            self.moves = Some(rib.moves());
        }
        let until = rib.places().min(self.place.saturating_add(*left));
        let mut looked_at = self.place;
        while looked_at < until && dumps.writer.room() >= ROOM {
            let route = rib.at(looked_at);
            looked_at += 1;
            let Some(route) = route else { continue };
            let selection = &mut dumps.selection;
            if !(dumps.filter).selects(selection, &meta, (ribs, rib), &route) {
                continue;
            }
            let place = Place {
                seconds,
                sequence: self.sequence,
                peer,
            };
            self.sequence = self.sequence.wrapping_add(1);
            let records = &mut dumps.records;
            let write = |out: &mut Vec<u8>| records.write(out, place, ribs, rib, &route);
            dumps.writer.event(self.at_ns, write);
        }
        *left = left.saturating_sub((looked_at - self.place).max(1));
        self.place = looked_at;
        if looked_at < rib.places() {
            return Some(part);
        }
        self.moves = None;
        None
    }
}

/// What is to be written, the first last: router by router, who told it something, and what.
fn plan(ribs: &Ribs) -> Vec<Part> {
    let mut routers: BTreeMap<IpAddr, Vec<(Peer, &Tables, usize)>> = BTreeMap::new();
    for tables in ribs.sessions() {
        for direction in [0, 1] {
            if tables.direction(direction).ribs().is_empty() {
                continue;
            }
            let (peer, local) = tables.key.endpoints(direction);
            let open = tables.opens[direction].as_ref();
            let peer = Peer {
                address: peer.addr,
                id: open.map_or(Ipv4Addr::UNSPECIFIED, |open| open.bgp_id),
                asn: tables.asns[direction].unwrap_or(0),
            };
            let told = routers.entry(local.addr).or_default();
            told.push((peer, tables, direction));
        }
    }
    let mut parts = Vec::new();
    for (local, mut told) in routers {
        told.sort_by_key(|(peer, tables, _)| (*peer, tables.session));
        // A peer's number has two octets.
        told.truncate(usize::from(u16::MAX));
        let open = told
            .iter()
            .find_map(|(_, tables, direction)| tables.opens[direction ^ 1]);
        let id = open.map_or(Ipv4Addr::UNSPECIFIED, |open| open.bgp_id);
        let peers = told.iter().map(|(peer, _, _)| *peer).collect();
        parts.push(Part::Peers(local, id, peers));
        for ((_, tables, direction), peer) in told.iter().zip(0..) {
            let families = tables
                .direction(*direction)
                .ribs()
                .iter()
                .map(|rib| rib.family());
            parts.extend(families.map(|family| Part::Table {
                session: tables.session,
                direction: *direction,
                family,
                peer,
            }));
        }
    }
    parts.reverse();
    parts
}
