//! What has been said so far, and how the next message is to be decoded.

use super::key::{Direction, Key};
use super::state::{Sight, State};
use crate::bgp::{Context, OpenFacts};
use crate::sink::json::ContextSource;

/// Both directions of one connection between two BGP speakers.
///
/// A router that reconnects starts a new session, even from the same port.
pub struct Session {
    /// The endpoints.
    pub key: Key,
    /// Identifies the session in events.
    pub id: u64,
    /// State, as a bystander can tell it.
    pub state: State,
    opens: [Option<OpenFacts>; 2],
    contexts: [(Context, ContextSource); 2],
    keepalive_seen: [bool; 2],
    messages: [u64; 2],
    events: u64,
    /// The handshake was seen, so both OPENs have to come before any UPDATE.
    from_start: bool,
    open_wait: OpenWait,
    /// A FIN, RST or NOTIFICATION was seen: what is still delivered does not revive the session.
    ended: bool,
}

/// Whether an UPDATE has to wait for the other side's OPEN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum OpenWait {
    NotYet,
    Since(u64),
    Over,
}

impl Session {
    /// A session that was just seen for the first time. `epoch` is its first sequence number,
    /// `from_start` says that it began with a SYN.
    #[must_use]
    pub fn new(key: Key, epoch: u32, from_start: bool) -> Self {
        Self {
            key,
            id: key.session_id(epoch),
            state: State::Idle,
            opens: [None; 2],
            contexts: [(Context::assumed(), ContextSource::Assumed); 2],
            keepalive_seen: [false; 2],
            messages: [0; 2],
            events: 0,
            from_start,
            open_wait: OpenWait::NotYet,
            ended: false,
        }
    }

    /// The OPEN that was sent in a direction.
    #[must_use]
    pub fn open(&self, direction: Direction) -> Option<&OpenFacts> {
        self.opens[direction & 1].as_ref()
    }

    /// How messages of a direction are encoded, and how sure that is.
    #[must_use]
    pub fn context(&self, direction: Direction) -> (&Context, ContextSource) {
        let (context, source) = &self.contexts[direction & 1];
        (context, *source)
    }

    /// Takes note of an OPEN. Both together decide how the rest is encoded.
    pub fn take_open(&mut self, direction: Direction, facts: OpenFacts) {
        let (this, other) = (direction & 1, (direction & 1) ^ 1);
        self.opens[this] = Some(facts);
        self.keepalive_seen = [false; 2];
        if let Some(theirs) = &self.opens[other] {
            self.contexts[this].0 = Context::negotiate(&facts, theirs);
            self.contexts[other].0 = Context::negotiate(theirs, &facts);
            self.contexts[0].1 = ContextSource::Negotiated;
            self.contexts[1].1 = ContextSource::Negotiated;
        } else if !facts.as4 {
            // Whatever the other side said: without this side's consent there are two octets.
            self.contexts[this].0.as4 = false;
            self.contexts[other].0.as4 = false;
        }
    }

    /// Whether a message that needs both OPENs has to wait at `now_ns`: the other side's
    /// must have been sent before it, but may lie in a ring that has not been drained yet.
    pub fn must_wait(&mut self, direction: Direction, now_ns: u64, wait_ns: u64) -> bool {
        if wait_ns == 0 || !self.from_start || self.opens[(direction & 1) ^ 1].is_some() {
            return false;
        }
        match self.open_wait {
            OpenWait::NotYet => {
                self.open_wait = OpenWait::Since(now_ns);
                true
            }
            OpenWait::Since(start) if now_ns < start.saturating_add(wait_ns) => true,
            _ => {
                self.open_wait = OpenWait::Over;
                false
            }
        }
    }

    /// Waits no longer: there is nothing more to come.
    pub fn stop_waiting(&mut self) {
        self.open_wait = OpenWait::Over;
    }

    /// A FIN, a RST or a NOTIFICATION was seen.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.ended
    }

    /// Moves the state on; the previous one if it changed.
    pub fn see(&mut self, sight: Sight) -> Option<State> {
        if self.ended && sight != Sight::End && !matches!(sight, Sight::Open { .. }) {
            return None;
        }
        self.ended = sight == Sight::End;
        let previous = self.state;
        self.state = previous.after(sight);
        (self.state != previous).then_some(previous)
    }

    /// What an OPEN in `direction` is a sight of, after it has been taken.
    #[must_use]
    pub fn sight_of_open(&self) -> Sight {
        Sight::Open {
            both: self.opens.iter().all(Option::is_some),
        }
    }

    /// What a KEEPALIVE in `direction` is a sight of.
    pub fn sight_of_keepalive(&mut self, direction: Direction) -> Sight {
        self.keepalive_seen[direction & 1] = true;
        Sight::Keepalive {
            both: self.keepalive_seen == [true; 2],
            joined: self.opens == [None; 2] && !self.from_start,
        }
    }

    /// Counts a message; its number in the direction, from 1.
    pub fn next_message(&mut self, direction: Direction) -> u64 {
        let count = &mut self.messages[direction & 1];
        *count += 1;
        *count
    }

    /// Number of the last message in the direction; 0 before the first.
    #[must_use]
    pub fn last_message(&self, direction: Direction) -> u64 {
        self.messages[direction & 1]
    }

    /// Counts an event; its number in the session, from 1.
    pub fn next_event(&mut self) -> u64 {
        self.events += 1;
        self.events
    }
}
