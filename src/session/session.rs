//! What has been said so far, and how the next message is to be decoded.

use super::inference::Inference;
use super::key::{Direction, Key};
use super::state::{Sight, State};
use super::transfer::{self, End, Progress, Transfer};
use crate::bgp::family::{FamilySet, KNOWN};
use crate::bgp::{Context, Message, OpenFacts, Possible, Update};
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
    contexts: [Context; 2],
    /// What the messages themselves say, while an OPEN is missing.
    inference: Option<Box<Inference>>,
    transfers: [Progress; 2],
    keepalive_seen: [bool; 2],
    messages: [u64; 2],
    events: u64,
    /// The handshake or an OPEN was seen, so both OPENs have to come before any UPDATE.
    from_start: bool,
    open_wait: OpenWait,
    /// AS numbers as an archive tells them; 0 is none.
    told: Option<[u32; 2]>,
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
            contexts: [Context::assumed(); 2],
            inference: None,
            transfers: [Progress::default(); 2],
            keepalive_seen: [false; 2],
            messages: [0; 2],
            events: 0,
            from_start,
            open_wait: OpenWait::NotYet,
            told: None,
            ended: false,
        }
    }

    /// The OPEN that was sent in a direction.
    #[must_use]
    pub fn open(&self, direction: Direction) -> Option<&OpenFacts> {
        self.opens[direction & 1].as_ref()
    }

    /// The AS number of the sender of a direction: from its OPEN, or as an archive tells it.
    #[must_use]
    pub fn asn(&self, direction: Direction) -> Option<u32> {
        let told = self.told.map(|asns| asns[direction & 1]);
        let open = self.open(direction).map(|open| open.asn);
        open.or(told.filter(|asn| *asn != 0))
    }

    /// An archive tells how the next message of a direction is encoded, and the AS numbers of its sender
    /// and its receiver.
    pub fn tell(&mut self, direction: Direction, asns: [u32; 2], as4: bool, add_path: bool) {
        let this = direction & 1;
        self.told = Some(if this == 0 { asns } else { [asns[1], asns[0]] });
        let context = &mut self.contexts[this];
        context.as4 = as4;
        context.extended = true;
        context.add_path = if add_path {
            KNOWN.into_iter().collect()
        } else {
            FamilySet::EMPTY
        };
    }

    /// Messages come from an archive, which tells how they are encoded.
    #[must_use]
    pub fn is_told(&self) -> bool {
        self.told.is_some()
    }

    /// An archive tells the state.
    pub fn enter(&mut self, state: State) {
        self.state = state;
    }

    /// How messages of a direction are encoded, as far as that is known.
    #[must_use]
    pub fn context(&self, direction: Direction) -> &Context {
        &self.contexts[direction & 1]
    }

    /// Both OPENs were seen.
    #[must_use]
    pub fn is_negotiated(&self) -> bool {
        self.opens.iter().all(Option::is_some)
    }

    /// Whether extended messages may come in a direction; `None` while nobody knows. The
    /// receiver's OPEN decides alone (RFC 8654 §4).
    #[must_use]
    pub fn extended(&self, direction: Direction) -> Option<bool> {
        self.open(direction ^ 1).map(|open| open.extended_message)
    }

    /// What the reading of a message rests on.
    #[must_use]
    pub fn source(&self, direction: Direction, message: &Message<'_>) -> ContextSource {
        if self.is_told() {
            return ContextSource::Archive;
        }
        if self.is_negotiated() {
            return ContextSource::Negotiated;
        }
        let supported = self
            .inference
            .as_ref()
            .is_some_and(|inference| match message {
                Message::Update(update) if update.eor().is_none() => {
                    inference.supports(direction, update)
                }
                _ => inference.has_evidence(direction),
            });
        if supported {
            ContextSource::Inferred
        } else {
            ContextSource::Assumed
        }
    }

    /// Takes note of an OPEN. Both together decide how the rest is encoded.
    ///
    /// A second OPEN in a direction begins another session: what was said before it is void.
    pub fn take_open(&mut self, direction: Direction, facts: OpenFacts) {
        let this = direction & 1;
        if self.opens[this].is_some() {
            self.opens = [None; 2];
        }
        if self.opens == [None; 2] {
            self.transfers = [Progress::default(); 2];
        }
        self.opens[this] = Some(facts);
        self.inference = None;
        self.keepalive_seen = [false; 2];
        self.from_start = true;
        self.open_wait = OpenWait::NotYet;
        let [low, high] = [self.opens[0].as_ref(), self.opens[1].as_ref()];
        self.contexts = [Context::expected(low, high), Context::expected(high, low)];
    }

    /// Takes what an UPDATE, read with [`Self::context`], says about how it is encoded, while an
    /// OPEN is missing. Whether it should wait for more evidence.
    pub fn weigh(&mut self, direction: Direction, update: &Update<'_>) -> bool {
        let (sender, receiver) = (self.open(direction), self.open(direction ^ 1));
        let possible = Possible::new(sender, receiver);
        let inference = self.inference.get_or_insert_default();
        if inference.weigh(direction, update, possible) {
            for (side, context) in self.contexts.iter_mut().enumerate() {
                inference.apply(side, context);
            }
        }
        inference.is_open(direction)
    }

    /// A message of such a length came: extended ones are in use.
    pub fn note_extended(&mut self, direction: Direction) {
        self.contexts[direction & 1].extended = true;
    }

    /// Something is asked about the encoding of a direction and not answered yet.
    #[must_use]
    pub fn has_open_questions(&self, direction: Direction) -> bool {
        let inference = self.inference.as_ref();
        inference.is_some_and(|inference| inference.is_open(direction))
    }

    /// No more evidence is waited for.
    pub fn settle(&mut self, direction: Direction) {
        if let Some(inference) = &mut self.inference {
            inference.settle(direction);
        }
    }

    /// Whether a message that needs both OPENs has to wait at `now_ns`: the other side's
    /// must have been sent before it, but may lie in a ring that has not been drained yet.
    pub fn must_wait(&mut self, direction: Direction, now_ns: u64, wait_ns: u64) -> bool {
        if wait_ns == 0
            || self.is_told()
            || !self.from_start
            || self.opens[(direction & 1) ^ 1].is_some()
        {
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

    /// The session came up: what a direction's transfer begins with, if both OPENs were seen.
    pub fn begin_transfer(&mut self, direction: Direction, ns: u64) -> Option<Transfer> {
        let this = direction & 1;
        let (sender, receiver) = (self.opens[this].as_ref()?, self.opens[this ^ 1].as_ref()?);
        Some(self.transfers[this].begin(sender, receiver, ns))
    }

    /// What a message says about the transfer of its direction.
    pub fn take_transfer(
        &mut self,
        direction: Direction,
        message: &Message<'_>,
        ns: u64,
    ) -> Option<Transfer> {
        let enhanced = self
            .opens
            .iter()
            .flatten()
            .all(|open| open.enhanced_refresh);
        self.transfers[direction & 1].take(message, enhanced, ns)
    }

    /// What becomes of the routes of a direction when the session ends.
    #[must_use]
    pub fn stale(&self, direction: Direction, end: End) -> Option<Transfer> {
        transfer::stale(end, self.open(direction), self.open(direction ^ 1))
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
