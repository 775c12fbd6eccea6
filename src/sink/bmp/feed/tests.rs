//! Which routers have a place, and what becomes of the others.

use super::super::carrier::{Fate, Ledger};
use super::super::router::Sessions;
use super::super::{Routers, known::Known};
use super::*;
use crate::session::{Key, Session};
use crate::sink::writer::WhenFull;
use crate::wire::{Endpoint, Segment};
use std::sync::{Arc, Mutex};

/// What was done with lines: what each told, and those that it got in others' places.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<(usize, String)>>>);

impl Lines {
    fn note(&self, line: usize, what: impl Into<String>) {
        let mut notes = self.0.lock().expect("no panic");
        notes.push((line, what.into()));
    }

    fn take(&self) -> Vec<(usize, String)> {
        std::mem::take(&mut *self.0.lock().expect("no panic"))
    }
}

struct Nothing;

impl Ledger for Nothing {
    fn fate(&self) -> Fate {
        Fate::default()
    }
}

impl Carrier for Lines {
    fn name(&self) -> &'static str {
        "test"
    }
    fn open(&mut self, router: &RouterName) -> usize {
        let line = self.0.lock().expect("no panic").len();
        self.note(line, format!("for {}", router.address));
        line
    }
    fn reopen(&mut self, line: usize, router: &RouterName) {
        self.note(line, format!("for {}", router.address));
    }
    fn epoch(&mut self, _: usize) -> u64 {
        1
    }
    fn losses(&self, _: usize) -> u64 {
        0
    }
    fn has_room(&self, _: usize) -> bool {
        true
    }
    fn send(&mut self, line: usize, encode: &mut dyn FnMut(&mut Vec<u8>)) {
        let mut message = Vec::new();
        encode(&mut message);
        self.note(line, format!("type {}", message[5]));
    }
    fn await_listener(&mut self, _: usize) -> bool {
        true
    }
    fn flush(&mut self) {}
    fn when_full(&self) -> WhenFull {
        WhenFull::Drop
    }
    fn is_log(&self) -> bool {
        false
    }
    fn is_broken(&self) -> bool {
        false
    }
    fn ledger(&self) -> Arc<dyn Ledger> {
        Arc::new(Nothing)
    }
    fn queue(&self) -> f64 {
        0.0
    }
    fn close(&mut self) {}
}

fn router(last: u8) -> RouterName {
    RouterName {
        address: [192, 0, 2, last].into(),
    }
}

/// A session between two of them.
fn session(a: u8, b: u8) -> Known {
    let ends = [a, b].map(|last| Endpoint {
        addr: router(last).address,
        port: 179,
    });
    let (key, _) = Key::of(&Segment::between(ends[0], ends[1]));
    Known::new(&Session::new(key, 0, true))
}

/// Routers that have no session any more make room, but those that were named; of others what is not told is counted.
#[test]
fn places_are_given_to_those_who_have_sessions() {
    let lines = Lines::default();
    let carrier = Box::new(lines.clone());
    let mut feed = Feed::new("test".into(), carrier, Selection::default());
    feed.routers_max = 3;
    let mut sessions = Sessions::default();
    let which = Routers::default();
    fn world<'a>(sessions: &'a Sessions, which: &'a Routers, now_ns: u64) -> World<'a> {
        World {
            sessions,
            which,
            ribs: None,
            description: "test",
            now_ns,
        }
    }
    feed.expect(router(1));
    sessions.insert(1, session(2, 3));
    for last in [2, 3] {
        let at = world(&sessions, &which, LOOK_NS);
        let index = feed.router(router(last), &at).expect("there is a place");
        feed.introduce(index, &at);
    }
    let told = [
        (0, "for 192.0.2.1"),
        (1, "for 192.0.2.2"),
        (1, "type 4"),
        (3, "for 192.0.2.3"),
        (3, "type 4"),
    ];
    assert_eq!(
        lines.take(),
        told.map(|(line, what)| (line, what.to_owned()))
    );

    // All are at work, or were named.
    assert_eq!(
        feed.router(router(4), &world(&sessions, &which, 2 * LOOK_NS)),
        None
    );
    assert_eq!(feed.untold().no_place, 1);
    sessions.clear();
    // A place is not looked for all the time.
    assert_eq!(
        feed.router(router(4), &world(&sessions, &which, 2 * LOOK_NS)),
        None
    );
    assert_eq!(feed.untold().no_place, 2);

    sessions.insert(2, session(3, 4));
    let at = world(&sessions, &which, 3 * LOOK_NS);
    let index = feed.router(router(4), &at).expect("one has gone");
    feed.introduce(index, &at);
    let told = [(1, "type 5"), (1, "for 192.0.2.4"), (1, "type 4")];
    assert_eq!(
        lines.take(),
        told.map(|(line, what)| (line, what.to_owned()))
    );
    assert_eq!(feed.router(router(4), &at), Some(index));
    assert_eq!(
        feed.router(router(3), &at),
        Some(2),
        "it has kept its place"
    );
    assert_eq!(feed.untold().no_place, 2);
}
