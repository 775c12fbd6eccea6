//! A search for the routes to a prefix, in all tables that are asked for.
//!
//! Where a prefix alone tells routes apart, its route is found at once. In all other tables any number of routes
//! may be to it, told apart by path identifiers, distinguishers or what else is in the NLRI. There all
//! places are looked at, so many on each tick that the capture does not wait for it.

use super::answers::{Page, chosen};
use crate::bgp::{Family, Prefix};
use crate::http::{Answer, RibQuestion};
use crate::rib::{AdjRib, Moves, Ribs, Route, Tables};
use tokio::sync::oneshot;

/// One search, and how far it has come.
pub(super) struct Search {
    question: RibQuestion,
    prefix: Prefix,
    reply: oneshot::Sender<Answer>,
    page: Page,
    /// Tables that are still to be looked at, the next one last; `None` before the first step.
    left: Option<Vec<(usize, Family)>>,
    /// In the table that is looked at.
    at: At,
    /// Routes found so far, those of other pages included.
    found: usize,
}

/// How far one table has been looked at, and what the answer was before.
#[derive(Clone, Copy, Default)]
struct At {
    place: usize,
    /// [`AdjRib::moves`] when the table was begun. If it is something else now, routes have other places.
    moves: Option<Moves>,
    /// Of the longest prefix that was found.
    longest: u8,
    /// Octets of the answer, and routes found, before this table.
    before: (usize, usize),
}

impl Search {
    pub(super) fn new(
        question: RibQuestion,
        prefix: Prefix,
        reply: oneshot::Sender<Answer>,
    ) -> Self {
        Self {
            question,
            prefix,
            reply,
            page: Page::default(),
            left: None,
            at: At::default(),
            found: 0,
        }
    }

    /// Nobody waits for the answer any more.
    pub(super) fn is_in_vain(&self) -> bool {
        self.reply.is_closed()
    }

    pub(super) fn answer(self, answer: Answer) {
        // Whoever asked may have gone.
        let _ = self.reply.send(answer);
    }

    /// Looks at no more than `budget` places, which it takes off; the answer once all is looked at.
    pub(super) fn go_on(&mut self, ribs: &Ribs, budget: &mut usize) -> Option<Answer> {
        let Some(tables) = ribs.tables(self.question.session) else {
            return Some(None);
        };
        if self.left.is_none() {
            self.page.tables(tables, &self.question);
            let chosen = chosen(tables, &self.question).map(|(side, rib)| (side, rib.family()));
            let mut left: Vec<_> = chosen.collect();
            left.reverse();
            self.left = Some(left);
            self.begin_table();
        }
        while let Some((direction, family)) = self.left.as_ref().and_then(|left| left.last()) {
            let direction = *direction;
            // It may be gone since.
            let rib = tables.direction(direction).rib(*family);
            if let Some(rib) = rib
                && !self.table(ribs, (tables, direction, rib), budget)
            {
                return None;
            }
            self.left.as_mut().and_then(Vec::pop);
            self.begin_table();
        }
        let end = self.question.from.saturating_add(self.question.limit);
        let next = (self.found > end).then_some(end);
        Some(Some(std::mem::take(&mut self.page).end(next)))
    }

    fn begin_table(&mut self) {
        self.at = At {
            before: (self.page.out.len(), self.found),
            ..At::default()
        };
    }

    /// Whether the table has been looked at to its end.
    fn table(&mut self, ribs: &Ribs, place: (&Tables, usize, &AdjRib), budget: &mut usize) -> bool {
        let (_, _, rib) = place;
        if rib.is_by_prefix() {
            let found = if self.question.exact {
                rib.get(&self.prefix)
            } else {
                rib.longest_match(&self.prefix)
            };
            found
                .into_iter()
                .for_each(|route| self.take(ribs, place, &route));
            return true;
        }
        if self.at.moves != Some(rib.moves()) {
            self.forget_table();
            self.at.place = 0;
            self.at.moves = Some(rib.moves());
        }
        let until = rib.places().min(self.at.place.saturating_add(*budget));
        *budget -= until - self.at.place;
        for number in self.at.place..until {
            if let Some(route) = rib.at(number) {
                self.look_at(ribs, place, &route);
            }
        }
        self.at.place = until;
        until == rib.places()
    }

    fn look_at(&mut self, ribs: &Ribs, place: (&Tables, usize, &AdjRib), route: &Route<'_>) {
        let (_, _, rib) = place;
        let Some(is) = rib.prefix(&route.key) else {
            return;
        };
        let shortest = if self.question.exact {
            self.prefix.len
        } else {
            self.at.longest
        };
        if is.len < shortest || !is.covers(&self.prefix) {
            return;
        }
        if is.len > self.at.longest {
            // Those before have turned out not to be the longest.
            self.forget_table();
            self.at.longest = is.len;
        }
        self.take(ribs, place, route);
    }

    /// A route that belongs to the answer, unless that has as many already.
    fn take(&mut self, ribs: &Ribs, place: (&Tables, usize, &AdjRib), route: &Route<'_>) {
        let page = self.question.from..self.question.from.saturating_add(self.question.limit);
        if page.contains(&self.found) {
            self.page.route(ribs, place, route);
        }
        self.found += 1;
    }

    /// As if nothing had been found in this table.
    fn forget_table(&mut self) {
        let (octets, found) = self.at.before;
        self.page.out.truncate(octets);
        self.found = found;
        self.at.longest = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rib::conversation::Conversation;
    use serde_json::Value;
    use std::collections::BTreeSet;

    const ROUTES: u32 = 3000;

    /// Goes on with a search until its answer is there: the path identifiers of what was found.
    fn finish(mut search: Search, talk: &Conversation) -> Vec<u64> {
        let answer = loop {
            if let Some(answer) = search.go_on(&talk.ribs, &mut 100) {
                break answer.expect("the session is there");
            }
        };
        let answer: Value = serde_json::from_slice(&answer).expect("JSON");
        let routes = answer["routes"].as_array().expect("a list").iter();
        routes
            .map(|route| route["path_id"].as_u64().expect("a path"))
            .collect()
    }

    /// Routes are exchanged until those that stay have other places, as many as before: each is found nevertheless, and
    /// once.
    #[test]
    fn routes_that_move_meanwhile_are_found_once() {
        let mut talk = Conversation::of_paths();
        talk.say(0..ROUTES, true);
        let question = RibQuestion {
            session: talk.session.id,
            peer: None,
            afi: None,
            safi: None,
            prefix: None,
            exact: true,
            from: 0,
            limit: usize::MAX,
        };
        let prefix = Prefix {
            addr: [10, 0, 0, 1].into(),
            len: 32,
            path_id: None,
        };
        let begin = || Search::new(question.clone(), prefix, oneshot::channel().0);
        assert_eq!(finish(begin(), &talk).len(), ROUTES as usize);

        let mut search = begin();
        let (places, moves) = (talk.rib().places(), talk.rib().moves());
        assert_eq!(search.go_on(&talk.ribs, &mut (places / 2)), None);
        assert!(search.found > 1000, "half of it: {}", search.found);
        let mut gone = 0;
        while talk.rib().moves() == moves {
            talk.say(gone..gone + 1, false);
            talk.say(ROUTES + gone..ROUTES + gone + 1, true);
            gone += 1;
            assert!(gone < 1_000_000, "they never move");
        }
        assert_eq!(talk.rib().places(), places, "nothing but the moves tells");
        let found = finish(search, &talk);
        assert_eq!(found.len(), ROUTES as usize);
        let expected: BTreeSet<u64> = (gone..ROUTES + gone).map(u64::from).collect();
        assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), expected);
    }
}
