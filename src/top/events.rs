//! The last events, as they came.

use serde::Deserialize;
use std::borrow::Cow;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

/// Events of all sessions that are kept.
const TAIL_MAX: usize = 2000;
/// Bytes of them.
const TAIL_BYTES: usize = 16 << 20;
/// Events of one session that are kept.
const SESSION_MAX: usize = 32;
/// Bytes of them, unless the newest is longer alone.
const SESSION_BYTES: usize = 64 << 10;
/// Sessions of which events are kept.
const SESSIONS_MAX: usize = 512;

/// One event.
#[derive(Clone, Debug)]
pub struct Event {
    /// What it is known by.
    pub head: Head,
    /// The JSON line.
    pub line: String,
}

/// The fields that every event has.
#[derive(Clone, Debug, PartialEq)]
pub struct Head {
    /// UPDATE, …
    pub kind: String,
    /// Seconds since the epoch.
    pub timestamp: f64,
    /// Sender.
    pub peer: String,
    /// Receiver.
    pub local: String,
    /// Session.
    pub session: String,
}

#[derive(Deserialize)]
struct RawHead<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    timestamp: f64,
    #[serde(borrow)]
    peer: Cow<'a, str>,
    #[serde(borrow)]
    local: Cow<'a, str>,
    #[serde(borrow)]
    session: Cow<'a, str>,
}

impl Event {
    /// Reads a line; `None` if it is no event.
    #[must_use]
    pub fn parse(line: &str) -> Option<Self> {
        let head: RawHead<'_> = serde_json::from_str(line).ok()?;
        Some(Self {
            head: Head {
                kind: head.kind.into_owned(),
                timestamp: head.timestamp,
                peer: head.peer.into_owned(),
                local: head.local.into_owned(),
                session: head.session.into_owned(),
            },
            line: line.to_owned(),
        })
    }

    /// Bytes that went missing, or are in no message.
    #[must_use]
    pub fn is_loss(&self) -> bool {
        matches!(self.head.kind.as_str(), "GAP" | "MALFORMED")
    }
}

/// Events, newest last, bounded in number and bytes.
#[derive(Debug, Default)]
pub struct Ring {
    events: VecDeque<Arc<Event>>,
    bytes: usize,
}

impl Ring {
    fn push(&mut self, event: Arc<Event>, most: usize, bytes: usize) {
        self.bytes += event.line.len();
        self.events.push_back(event);
        while self.events.len() > most || (self.bytes > bytes && self.events.len() > 1) {
            let gone = self.events.pop_front();
            self.bytes -= gone.map_or(0, |event| event.line.len());
        }
    }

    /// Newest last.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Arc<Event>> {
        self.events.iter()
    }

    /// How many.
    #[must_use]
    pub fn len(&self) -> usize {
        self.events.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }
}

/// The last events of all sessions, and of each.
#[derive(Debug, Default)]
pub struct Events {
    /// Of all.
    pub tail: Ring,
    sessions: HashMap<String, Ring>,
    /// Events that came.
    pub count: u64,
}

impl Events {
    /// Takes lines.
    pub fn take(&mut self, lines: &[u8]) {
        for line in lines.split(|byte| *byte == b'\n') {
            let line = std::str::from_utf8(line).unwrap_or_default();
            if let Some(event) = Event::parse(line) {
                self.push(Arc::new(event));
            }
        }
    }

    fn push(&mut self, event: Arc<Event>) {
        self.count += 1;
        let id = &event.head.session;
        if !self.sessions.contains_key(id) {
            if self.sessions.len() >= SESSIONS_MAX {
                self.forget_the_quietest();
            }
            self.sessions.insert(id.clone(), Ring::default());
        }
        if let Some(ring) = self.sessions.get_mut(id) {
            ring.push(Arc::clone(&event), SESSION_MAX, SESSION_BYTES);
        }
        self.tail.push(event, TAIL_MAX, TAIL_BYTES);
    }

    /// Drops the events of the session that was heard of longest ago.
    fn forget_the_quietest(&mut self) {
        let newest = |ring: &Ring| ring.events.back().map_or(0.0, |event| event.head.timestamp);
        let quiet = self.sessions.iter();
        let quiet = quiet.min_by(|(_, a), (_, b)| newest(a).total_cmp(&newest(b)));
        if let Some(id) = quiet.map(|(id, _)| id.clone()) {
            self.sessions.remove(&id);
        }
    }

    /// The last events of a session.
    #[must_use]
    pub fn of(&self, session: &str) -> Option<&Ring> {
        self.sessions.get(session)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(session: usize, at: usize, more: &str) -> String {
        format!(
            r#"{{"type":"UPDATE","timestamp":{at}.5,"peer":"::1","local":"::2","session":"{session:016x}","more":"{more}"}}"#
        )
    }

    #[test]
    fn a_busy_session_does_not_push_out_what_a_quiet_one_said() {
        let mut events = Events::default();
        events.take(line(1, 0, "").as_bytes());
        for at in 1..=2 * TAIL_MAX {
            events.take(line(2, at, "").as_bytes());
        }
        assert_eq!(events.tail.len(), TAIL_MAX);
        let of = |session: usize| events.of(&format!("{session:016x}")).map(Ring::len);
        assert_eq!((of(1), of(2), of(3)), (Some(1), Some(SESSION_MAX), None));
    }

    #[test]
    fn memory_is_bounded() {
        let mut events = Events::default();
        let long = "x".repeat(100_000);
        for at in 0..10 {
            events.take(line(1, at, &long).as_bytes());
        }
        let ring = events.of("0000000000000001").expect("heard of");
        assert_eq!(ring.len(), 1, "one may be longer than all may be");
        for session in 2..SESSIONS_MAX + 2 {
            events.take(line(session, 100 + session, "").as_bytes());
        }
        assert!(
            events.of("0000000000000001").is_none(),
            "it was the quietest"
        );
        assert_eq!(events.sessions.len(), SESSIONS_MAX);
    }

    #[test]
    fn what_is_no_event_is_passed_over() {
        let mut events = Events::default();
        events.take(b"\n{}\n[1]\nx\n\xff\n");
        assert_eq!((events.count, events.tail.is_empty()), (0, true));
    }
}
