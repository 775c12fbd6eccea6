//! Which routers have a place, and what becomes of the others.

use super::super::rehearsal::{Lines, router};
use super::super::router::Sessions;
use super::super::{Routers, known::Known};
use super::*;
use crate::session::{Key, Session};
use crate::wire::{Endpoint, Segment};

/// A session between two of them, which is up.
fn session(a: u8, b: u8) -> Known {
    let ends = [a, b].map(|last| Endpoint {
        addr: router(last).address,
        port: 179,
    });
    let (key, _) = Key::of(&Segment::between(ends[0], ends[1]));
    let mut known = Known::new(&Session::new(key, 0, true));
    known.up_ns = Some(0);
    known
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
        (2, "for 192.0.2.3"),
        (2, "type 4"),
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

    // One that has not come up keeps no place.
    let mut early = session(2, 5);
    early.up_ns = None;
    sessions.insert(3, early);
    sessions.insert(2, session(3, 4));
    let at = world(&sessions, &which, 3 * LOOK_NS);
    let index = feed.router(router(4), &at).expect("one has gone");
    feed.introduce(index, &at);
    let told = [(1, "type 5 at last"), (1, "for 192.0.2.4"), (1, "type 4")];
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
