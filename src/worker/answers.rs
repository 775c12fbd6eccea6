//! Answers to questions from outside, on the worker's tick.

use super::Worker;
use crate::capture::Frame;
use crate::http::{Answer, Desk, PLACES_MAX, Question, RibQuestion};
use crate::rib::{AdjRib, Ribs, Route, RouteKey, Tables};
use crate::sink::json::{RouteWriter, write_session};

/// Questions that are answered on one tick.
const QUESTIONS: usize = 2;

impl<F: Frame> Worker<F> {
    /// Answers what is asked there from now on.
    pub fn answer_at(&mut self, desk: Desk) {
        self.desk = Some(desk);
    }

    /// Answers a few of the questions that wait; the loop does that on its tick.
    pub fn answer_questions(&self) {
        let Some(desk) = &self.desk else { return };
        for _ in 0..QUESTIONS {
            let Some(asked) = desk.next() else { return };
            let answer = match &asked.question {
                Question::Sessions { from, limit } => Some(self.tell_sessions(*from, *limit)),
                Question::Rib(question) => {
                    let ribs = self.ribs.as_ref();
                    ribs.and_then(|ribs| tell_rib(ribs, question))
                }
            };
            // Whoever asked may have gone.
            let _ = asked.reply.send(answer);
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

fn tell_rib(ribs: &Ribs, question: &RibQuestion) -> Answer {
    let tables = ribs.session(question.session)?;
    let chosen: Vec<_> = [0, 1]
        .into_iter()
        .filter(|direction| {
            let (peer, _) = tables.key.endpoints(*direction);
            question.peer.is_none_or(|wanted| wanted == peer.addr)
        })
        .flat_map(|direction| {
            let ribs = tables.direction(direction).ribs().iter();
            ribs.map(move |rib| (direction, rib))
        })
        .filter(|(_, rib)| {
            let family = rib.family();
            question.afi.is_none_or(|afi| afi == family.afi.0)
                && question.safi.is_none_or(|safi| safi == family.safi.0)
        })
        .collect();
    let mut page = Page {
        ribs,
        tables,
        writer: RouteWriter::default(),
        out: b"{\"tables\":[".to_vec(),
        left: question.limit,
    };
    for (direction, rib) in &chosen {
        separate(&mut page.out);
        page.writer.table(&mut page.out, tables, *direction, rib);
        page.out.pop_if(|last| *last == b'\n');
    }
    page.out.extend(b"],\"routes\":[");
    let mut next = None;
    for (direction, rib) in &chosen {
        next = next.or(match question.prefix {
            Some(prefix) if !rib.has_path_ids() => {
                let found = if question.exact {
                    rib.get(&prefix)
                } else {
                    rib.longest_match(&prefix)
                };
                found
                    .into_iter()
                    .for_each(|route| page.route(*direction, rib, &route));
                None
            }
            // All routes of one table only: a place means something in that one.
            _ if chosen.len() > 1 => None,
            prefix => page.routes(*direction, rib, question.from, |route| {
                prefix.is_none_or(|prefix| match route.key {
                    RouteKey::Prefix(is) => (is.addr, is.len) == (prefix.addr, prefix.len),
                    RouteKey::Labeled(_) | RouteKey::Octets(_) => false,
                })
            }),
        });
    }
    end(&mut page.out, next);
    Some(page.out)
}

struct Page<'a> {
    ribs: &'a Ribs,
    tables: &'a Tables,
    writer: RouteWriter,
    out: Vec<u8>,
    left: usize,
}

impl Page<'_> {
    fn route(&mut self, direction: usize, rib: &AdjRib, route: &Route<'_>) {
        separate(&mut self.out);
        let place = (self.tables, direction, rib);
        self.writer.route(&mut self.out, self.ribs, place, route);
        self.out.pop_if(|last| *last == b'\n');
    }

    /// Routes from a place on; the place to go on from.
    fn routes(
        &mut self,
        direction: usize,
        rib: &AdjRib,
        from: usize,
        is: impl Fn(&Route<'_>) -> bool,
    ) -> Option<usize> {
        let until = from.saturating_add(PLACES_MAX);
        for place in from..until.min(rib.places()) {
            if self.left == 0 {
                return Some(place);
            }
            if let Some(route) = rib.at(place).filter(&is) {
                self.left -= 1;
                self.route(direction, rib, &route);
            }
        }
        (until < rib.places()).then_some(until)
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
