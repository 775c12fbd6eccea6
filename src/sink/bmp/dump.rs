//! The tables of a session, told piece by piece.

use super::known::Known;
use super::message;
use crate::filter::Selection;
use crate::rib::{AdjRib, Moves, Ribs, Route, RouteKey};
use crate::session::Direction;
use crate::sink::rebuild;
use crate::sink::routes::{RouteFilter, meta_of_table};
use foldhash::fast::FixedState;
use std::hash::BuildHasher;

/// Places of a table that are looked at in one piece: routes among them that share attributes share UPDATEs.
const PIECE: usize = 2048;

/// Queues one message.
pub(super) type Send<'a> = &'a mut dyn FnMut(&mut dyn FnMut(&mut Vec<u8>));

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    GoesOn,
    Done,
}

/// How far the tables of a session have been told.
///
/// Whatever is told on the wire meanwhile is told as it comes, so what the listener knows of a route is never
/// older than what is told of it here; and a route at a place behind this one is still to come, unless
/// the table was moved: then it is told from the start.
pub(super) struct Dump {
    pub(super) session: u64,
    side: Direction,
    /// Which table: those of what was received first.
    table: usize,
    place: usize,
    /// [`AdjRib::moves`] of the table when it was begun.
    moves: Option<Moves>,
}

impl Dump {
    pub(super) fn new(session: u64, side: Direction) -> Self {
        Self {
            session,
            side,
            table: 0,
            place: 0,
            moves: None,
        }
    }

    /// Tells one more piece of what is selected.
    pub(super) fn go_on(
        &mut self,
        known: &Known,
        ribs: &Ribs,
        places: &mut usize,
        selection: &mut Selection,
        send: Send<'_>,
    ) -> Progress {
        let Some(tables) = ribs.session(self.session) else {
            return Progress::Done;
        };
        let directions = [self.side ^ 1, self.side];
        let mut all = directions.into_iter().flat_map(|direction| {
            let ribs = tables.direction(direction).ribs();
            ribs.iter().map(move |rib| (direction, rib))
        });
        let Some((direction, rib)) = all.nth(self.table) else {
            return Progress::Done;
        };
        if self.place == 0 || self.moves != Some(rib.moves()) {
            self.place = 0;
            self.moves = Some(rib.moves());
        }
        let until = (self.place + PIECE.min(*places)).min(rib.places());
        *places = places.saturating_sub((until - self.place).max(1));
        let teller = Teller {
            known,
            ribs,
            rib,
            side: self.side,
            direction,
        };
        let meta = meta_of_table(tables, direction, 0);
        let mut filter = RouteFilter::default();
        let fits = |route: &Route<'_>| filter.selects(selection, &meta, (ribs, rib), route);
        teller.tell(self.place..until, fits, send);
        self.place = until;
        if until >= rib.places() {
            let header = known.header(self.side, direction, rib.end_of_rib_ns().unwrap_or(0));
            send(&mut |out| {
                message::route_monitoring(out, &header, |out| {
                    rebuild::end_of_rib(out, rib.family());
                });
            });
            self.table += 1;
            self.place = 0;
        }
        Progress::GoesOn
    }
}

struct Teller<'a> {
    known: &'a Known,
    ribs: &'a Ribs,
    rib: &'a AdjRib,
    side: Direction,
    direction: Direction,
}

impl Teller<'_> {
    fn tell(
        &self,
        places: std::ops::Range<usize>,
        fits: impl FnMut(&Route<'_>) -> bool,
        send: Send<'_>,
    ) {
        let hasher = FixedState::default();
        let mut routes: Vec<(u64, Route<'_>)> = places
            .filter_map(|place| self.rib.at(place))
            .filter(fits)
            .map(|route| (hasher.hash_one((route.attributes, route.since_s)), route))
            .collect();
        routes.sort_unstable_by_key(|(hash, _)| *hash);
        let same = |a: &(u64, Route<'_>), b: &(u64, Route<'_>)| {
            a.1.attributes == b.1.attributes && a.1.since_s == b.1.since_s
        };
        for group in routes.chunk_by(same) {
            self.tell_group(group, send);
        }
    }

    /// Routes that share attributes and the time of their announcement.
    fn tell_group(&self, group: &[(u64, Route<'_>)], send: Send<'_>) {
        let Some((_, first)) = group.first() else {
            return;
        };
        let attributes = self.ribs.attributes(first.attributes);
        let ns = first.since_s.saturating_mul(1_000_000_000);
        let header = self.known.header(self.side, self.direction, ns);
        let keys: Vec<RouteKey<'_>> = group.iter().map(|(_, route)| route.key).collect();
        let mut left = keys.as_slice();
        while !left.is_empty() {
            let mut told = 0;
            send(&mut |out| {
                let start = out.len();
                message::route_monitoring(out, &header, |out| {
                    let (family, context) = (self.rib.family(), self.rib.context());
                    told = rebuild::announce(out, self.ribs, family, context, &attributes, left);
                });
                if told == 0 {
                    out.truncate(start);
                }
            });
            // A route that fits no message was none: it came in one.
            left = left.get(told.max(1)..).unwrap_or_default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bgp::header::HEADER_LEN;
    use crate::rib::conversation::Conversation;
    use std::collections::HashMap;

    /// Tells the table, and does something after each piece; how often each route was told.
    fn dump(
        talk: &mut Conversation,
        mut meanwhile: impl FnMut(&mut Conversation, u32),
    ) -> HashMap<u32, u64> {
        let mut dump = Dump::new(talk.session.id, 1);
        let known = Known::new(&talk.session);
        let mut told = HashMap::new();
        for piece in 0..100_000 {
            let mut take = |encode: &mut dyn FnMut(&mut Vec<u8>)| {
                let mut message = Vec::new();
                encode(&mut message);
                for route in routes(&message) {
                    *told.entry(route).or_default() += 1;
                }
            };
            let mut selection = Selection::default();
            let mut places = usize::MAX;
            let progress = dump.go_on(&known, &talk.ribs, &mut places, &mut selection, &mut take);
            if progress == Progress::Done {
                return told;
            }
            meanwhile(talk, piece);
        }
        panic!("it never ends");
    }

    /// The routes of an UPDATE of RFC 4271 §4.3, by their numbers.
    fn routes(message: &[u8]) -> Vec<u32> {
        let Some(body) = message.get(message::COMMON_LEN + message::PER_PEER_LEN + HEADER_LEN..)
        else {
            return Vec::new();
        };
        assert_eq!(body[..2], [0, 0], "nothing is withdrawn");
        let attributes = usize::from(u16::from_be_bytes([body[2], body[3]]));
        let nlri = body[4 + attributes..].as_chunks::<5>();
        assert!(nlri.1.is_empty());
        let number = |nlri: &[u8; 5]| u32::from_be_bytes([0, nlri[2], nlri[3], nlri[4]]);
        nlri.0.iter().map(number).collect()
    }

    /// While nothing moves each route is told once.
    #[test]
    fn a_table_that_rests_is_told_once() {
        let mut talk = Conversation::new();
        talk.say(0..150_000, true);
        let told = dump(&mut talk, |_, _| ());
        assert_eq!(told.len(), 150_000);
        assert!((0..150_000).all(|route| told.get(&route) == Some(&1)));
    }

    /// A table becomes one of many parts, and each part doubles, while others of its routes are exchanged: each route
    /// that stays is told, no more often than routes have moved, and none that had gone before.
    #[test]
    fn a_table_that_grows_meanwhile_is_told_whole() {
        const STAY: u32 = 110_000;
        const MOST: u32 = 300_000;
        let mut talk = Conversation::new();
        talk.say(0..STAY + 1000, true);
        talk.say(STAY..STAY + 1000, false);
        let (mut next, moves) = (STAY + 1000, talk.rib().moves().count());
        let told = dump(&mut talk, |talk, _| {
            if next < MOST {
                talk.say(next..next + 1000, true);
                talk.say(next..next + 100, false);
                next += 1000;
            }
        });
        let moved = talk.rib().moves().count() - moves;
        assert!(moved >= 16, "each part had to grow: {moved}");
        assert!(next >= MOST, "it went on for as long as the table grew");
        assert!((0..STAY).all(|route| told.contains_key(&route)));
        // What came meanwhile may be told here too, but was told as it came.
        assert!(told.keys().all(|route| *route < MOST));
        assert!((STAY..STAY + 1000).all(|route| !told.contains_key(&route)));
        assert!(told.values().all(|times| *times <= 1 + moved));
    }
}
