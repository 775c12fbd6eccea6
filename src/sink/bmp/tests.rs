//! What listeners are told of sessions that come and go, and what is kept of those.

use super::rehearsal::{Lines, router};
use super::*;
use crate::bgp::header::HEADER_LEN;
use crate::session::{Key, Sight};
use crate::wire::{Endpoint, Segment};

/// An End-of-RIB of IPv4 unicast.
const UPDATE: [u8; 4] = [0; 4];
/// Cease.
const NOTIFICATION: [u8; 2] = [6, 2];

/// Feeds with one listener, and sessions that speak.
struct Scene {
    bmp: Bmp,
    lines: Lines,
    now_ns: u64,
}

/// A session between two routers, and how far its state goes.
fn session(a: u8, b: u8) -> Session {
    let [a, b] = [a, b].map(|last| Endpoint {
        addr: router(last).address,
        port: 179,
    });
    let (key, _) = Key::of(&Segment::between(a, b));
    Session::new(key, 0, false)
}

impl Scene {
    fn new() -> Self {
        let lines = Lines::default();
        let wanted = Wanted {
            key: "test".into(),
            carrier: Some(Box::new(lines.clone())),
            selection: crate::filter::Selection::default(),
        };
        Self {
            bmp: Bmp::new(vec![wanted], Routers::default(), "test", Duration::ZERO),
            lines,
            now_ns: 1,
        }
    }

    fn seen<'a>(&self, session: &'a Session) -> Seen<'a> {
        Seen {
            session,
            direction: 0,
            ns: self.now_ns,
            ribs: None,
        }
    }

    /// A message as the worker has it: told first, then the session's state moves on.
    fn say(&mut self, session: &mut Session, kind: MessageType, body: &[u8], sight: Sight) {
        let context = *session.context(0);
        let message = Message::parse_body(kind, body, &context);
        let bytes = [&[0xff; HEADER_LEN], body].concat();
        let seen = self.seen(session);
        self.bmp.message(&seen, &message, &bytes, None);
        self.see(session, sight, "message");
    }

    fn see(&mut self, session: &mut Session, sight: Sight, reason: &str) {
        if session.see(sight).is_some() {
            let state = session.state;
            self.bmp.state(&self.seen(session), state, reason);
        }
    }

    fn update(&mut self, session: &mut Session) {
        self.say(session, MessageType::Update, &UPDATE, Sight::Traffic);
    }

    fn open(&mut self, session: &mut Session) {
        let body = [4, 0xfb, 0xf0, 0, 90, 192, 0, 2, 1, 0];
        let sight = Sight::Open { both: false };
        self.say(session, MessageType::Open, &body, sight);
    }

    fn notify(&mut self, session: &mut Session) {
        let kind = MessageType::Notification;
        self.say(session, kind, &NOTIFICATION, Sight::End);
    }

    fn end(&mut self, session: &mut Session) {
        self.see(session, Sight::End, "fin");
    }

    /// Time goes on for as long as it takes until everything is told anew.
    fn advance(&mut self) {
        self.now_ns += 10_000_000_000;
        self.bmp.advance(None, self.now_ns);
    }

    /// What was told on one line since the last time.
    fn told(&self, line: usize) -> Vec<String> {
        let all = self.lines.take().into_iter();
        let own = all.filter(|(of, _)| *of == line);
        own.map(|(_, what)| what).collect()
    }

    /// All that is remembered because of sessions.
    fn kept(&self) -> usize {
        let routers = self.bmp.feeds.iter().flat_map(|feed| &feed.routers);
        self.bmp.sessions.len() + routers.map(Router::kept).sum::<usize>()
    }
}

/// A peer that went down while nothing could be told is told to be down as soon as it can.
#[test]
fn a_peer_down_that_was_lost_is_told_again() {
    let mut scene = Scene::new();
    let mut talk = session(1, 2);
    scene.update(&mut talk);
    let up = ["for 192.0.2.1", "type 4", "type 3 192.0.2.2"];
    assert_eq!(scene.told(0)[..3], up);
    scene.lines.set_full(true);
    scene.end(&mut talk);
    scene.advance();
    assert_eq!(scene.told(0), [""; 0]);
    scene.lines.set_full(false);
    scene.advance();
    assert_eq!(scene.told(0), ["type 2 192.0.2.2"]);
    scene.advance();
    assert_eq!(scene.told(0), [""; 0], "it has arrived");
}

/// What was queued may be lost later: until it has left the queue, nobody knows.
#[test]
fn a_peer_down_that_is_lost_on_its_way_is_told_again() {
    let mut scene = Scene::new();
    scene.lines.set_waiting(true);
    let (mut talk, mut other) = (session(1, 2), session(1, 3));
    scene.update(&mut talk);
    scene.update(&mut other);
    scene.end(&mut talk);
    scene.end(&mut other);
    scene.update(&mut other);
    scene.advance();
    scene.told(0);
    scene.lines.lose();
    scene.advance();
    // That one is up again is told with all that is.
    assert!(scene.told(0).starts_with(&["type 2 192.0.2.2".to_owned()]));
    scene.lines.set_waiting(false);
    scene.advance();
    scene.told(0);
    scene.lines.lose();
    scene.advance();
    let told = scene.told(0);
    assert!(!told.contains(&"type 2 192.0.2.2".to_owned()), "{told:?}");
}

/// More than can be remembered: the listener hears of the router as of a new one.
#[test]
fn a_listener_of_whom_nothing_is_known_begins_anew() {
    let mut scene = Scene::new();
    scene.lines.set_waiting(true);
    let mut stays = session(1, 2);
    scene.update(&mut stays);
    for number in 0..1000_u32 {
        let [.., a, b] = number.to_be_bytes();
        let mut talk = session(1, 3);
        let ends = [router(1).address, [10, 0, a, b].into()];
        let ends = ends.map(|addr| Endpoint { addr, port: 179 });
        talk.key = Key::of(&Segment::between(ends[0], ends[1])).0;
        talk.id = 1000 + u64::from(number);
        scene.update(&mut talk);
        scene.end(&mut talk);
    }
    scene.lines.take();
    scene.lines.lose();
    scene.advance();
    let index = scene.bmp.feeds[0].routers.iter();
    let mut index = index.filter(|at| at.name == router(1));
    let line = index.next().expect("it has a place").line();
    let told = [
        "type 5 at last",
        "for 192.0.2.1",
        "type 4",
        "type 3 192.0.2.2",
    ];
    assert_eq!(scene.told(line), told);
}

/// Whatever a session has come to, nothing is left of it when it is over.
#[test]
fn nothing_is_kept_of_sessions_that_are_over() {
    let mut scene = Scene::new();
    for number in 0..300_u64 {
        let mut talk = session(1, 2);
        talk.id = number;
        match number % 6 {
            0 => scene.update(&mut talk),
            1 => scene.open(&mut talk),
            // Joined at its end.
            2 => scene.notify(&mut talk),
            3 => {
                scene.update(&mut talk);
                scene.end(&mut talk);
                // The other side had something to say, too.
                scene.notify(&mut talk);
            }
            // It cannot be read.
            4 => {
                let kind = MessageType::Update;
                scene.say(&mut talk, kind, &[0xff; 4], Sight::Syn);
            }
            // Its connection was given up without a word.
            _ => {
                scene.update(&mut talk);
                scene.bmp.forget(&scene.seen(&talk), "evicted");
                continue;
            }
        }
        scene.end(&mut talk);
        assert!(scene.kept() <= 2, "{number}: {}", scene.kept());
    }
    scene.advance();
    assert_eq!(scene.kept(), 0);
}

/// A connection to the station is made for a router that has a session, not for whoever wants one.
#[test]
fn only_sessions_that_come_up_open_lines() {
    let mut scene = Scene::new();
    let mut talk = session(1, 2);
    scene.see(&mut talk, Sight::Syn, "syn");
    scene.open(&mut talk);
    scene.see(&mut talk, Sight::Open { both: true }, "open");
    scene.bmp.lost(&scene.seen(&talk));
    scene.end(&mut talk);
    scene.notify(&mut talk);
    scene.advance();
    assert_eq!(scene.lines.take(), []);
    scene.open(&mut talk);
    scene.update(&mut talk);
    assert_eq!(scene.told(0)[..2], ["for 192.0.2.1", "type 4"]);
}
