//! The tables of a session, told piece by piece.

use super::known::Known;
use super::message;
use crate::filter::Selection;
use crate::rib::{AdjRib, Ribs, Route, RouteKey};
use crate::session::Direction;
use crate::sink::rebuild;
use crate::sink::routes::{RouteFilter, meta_of_table};
use foldhash::fast::FixedState;
use std::hash::BuildHasher;

/// Places of a table that are looked at in one piece: routes among them that share attributes share UPDATEs.
const PIECE: usize = 2048;

/// Queues one message.
type Send<'a> = &'a mut dyn FnMut(&mut dyn FnMut(&mut Vec<u8>));

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
    moves: u64,
}

impl Dump {
    pub(super) fn new(session: u64, side: Direction) -> Self {
        Self {
            session,
            side,
            table: 0,
            place: 0,
            moves: 0,
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
        if self.place == 0 || self.moves != rib.moves() {
            self.place = 0;
            self.moves = rib.moves();
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
