//! Answers to questions from outside, on the worker's tick.

use super::Worker;
use super::search::Search;
use crate::capture::Frame;
use crate::http::{Answer, Asked, Desk, PLACES_MAX, Question, RibQuestion};
use crate::rib::{AdjRib, Ribs, Route, Tables};
use crate::sink::json::{RouteWriter, write_session};

/// Questions that are answered on one tick.
const QUESTIONS: usize = 2;
/// Searches that go on at a time.
const SEARCHES_MAX: usize = 16;

impl<F: Frame> Worker<F> {
    /// Answers what is asked there from now on.
    pub fn answer_at(&mut self, desk: Desk) {
        self.desk = Some(desk);
    }

    /// Answers a few of the questions that wait; the loop does that on its tick.
    pub fn answer_questions(&mut self) {
        for _ in 0..QUESTIONS {
            if self.searches.len() >= SEARCHES_MAX {
                break;
            }
            let Some(Asked { question, reply }) = self.desk.as_ref().and_then(Desk::next) else {
                break;
            };
            let answer = match (question, &self.ribs) {
                (Question::Sessions { from, limit }, _) => Some(self.tell_sessions(from, limit)),
                (Question::Rib(_), None) => None,
                (Question::Rib(question), Some(ribs)) => {
                    if let Some(prefix) = question.prefix {
                        self.searches
                            .push_back(Search::new(question, prefix, reply));
                        continue;
                    }
                    tell_rib(ribs, &question)
                }
            };
            // Whoever asked may have gone.
            let _ = reply.send(answer);
        }
        self.search();
    }

    /// Goes on with the searches, the oldest first, as far as one tick goes.
    fn search(&mut self) {
        let Some(ribs) = &self.ribs else { return };
        let mut places = PLACES_MAX;
        while let Some(mut search) = self.searches.pop_front() {
            if search.is_in_vain() {
                continue;
            }
            match search.go_on(ribs, &mut places) {
                Some(answer) => search.answer(answer),
                None => return self.searches.push_front(search),
            }
        }
    }

    fn tell_sessions(&self, from: usize, limit: usize) -> Vec<u8> {
        let mut out = b"{\"sessions\":[".to_vec();
        let mut next = None;
        // Places in the slab are numbers that stay; at most as many as there are sessions.
        let mut left = limit;
        for (index, connection) in self.connections.iter().filter(|(index, _)| *index >= from) {
            if connection.delivered() == 0 {
                continue;
            }
            if left == 0 {
                next = Some(index);
                break;
            }
            left -= 1;
            separate(&mut out);
            write_session(&mut out, &connection.facts(self.now_ns, self.ribs.as_ref()));
        }
        end(&mut out, next);
        out
    }
}

/// The tables of a session that are asked for, with the directions that they are of.
pub(super) fn chosen<'a>(
    tables: &'a Tables,
    question: &'a RibQuestion,
) -> impl Iterator<Item = (usize, &'a AdjRib)> {
    let directions = [0, 1].into_iter().filter(|direction| {
        let (peer, _) = tables.key.endpoints(*direction);
        question.peer.is_none_or(|wanted| wanted == peer.addr)
    });
    let ribs = directions.flat_map(|direction| {
        let ribs = tables.direction(direction).ribs().iter();
        ribs.map(move |rib| (direction, rib))
    });
    ribs.filter(|(_, rib)| {
        let family = rib.family();
        question.afi.is_none_or(|afi| afi == family.afi.0)
            && question.safi.is_none_or(|safi| safi == family.safi.0)
    })
}

fn tell_rib(ribs: &Ribs, question: &RibQuestion) -> Answer {
    let tables = ribs.tables(question.session)?;
    let mut page = Page::default();
    page.tables(tables, question);
    let mut chosen = chosen(tables, question);
    let mut next = None;
    // All routes of one table only: a place means something in that one.
    if let (Some((direction, rib)), None) = (chosen.next(), chosen.next()) {
        let (mut left, end) = (question.limit, rib.places());
        let until = question.from.saturating_add(PLACES_MAX).min(end);
        let mut places = question.from..until;
        next = places.find(|place| {
            let Some(route) = rib.at(*place).filter(|_| left > 0) else {
                return left == 0;
            };
            left -= 1;
            page.route(ribs, (tables, direction, rib), &route);
            false
        });
        next = next.or((until < end).then_some(until));
    }
    Some(page.end(next))
}

/// An answer about tables while it is written.
#[derive(Default)]
pub(super) struct Page {
    writer: RouteWriter,
    pub(super) out: Vec<u8>,
}

impl Page {
    /// Which tables there are; routes come next.
    pub(super) fn tables(&mut self, tables: &Tables, question: &RibQuestion) {
        self.out.extend(b"{\"tables\":[");
        for (direction, rib) in chosen(tables, question) {
            separate(&mut self.out);
            self.writer.table(&mut self.out, tables, direction, rib);
            self.out.pop_if(|last| *last == b'\n');
        }
        self.out.extend(b"],\"routes\":[");
    }

    pub(super) fn route(
        &mut self,
        ribs: &Ribs,
        place: (&Tables, usize, &AdjRib),
        route: &Route<'_>,
    ) {
        separate(&mut self.out);
        self.writer.route(&mut self.out, ribs, place, route);
        self.out.pop_if(|last| *last == b'\n');
    }

    pub(super) fn end(mut self, next: Option<usize>) -> Vec<u8> {
        end(&mut self.out, next);
        self.out
    }
}

/// A comma, unless a list begins here.
fn separate(out: &mut Vec<u8>) {
    if out.last() != Some(&b'[') {
        out.push(b',');
    }
}

fn end(out: &mut Vec<u8>, next: Option<usize>) {
    out.push(b']');
    if let Some(next) = next {
        out.extend(format!(",\"next\":{next}").into_bytes());
    }
    out.extend(b"}\n");
}
