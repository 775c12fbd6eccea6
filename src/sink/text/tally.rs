//! What each direction has said, for the table at the end.

use crate::bgp::{Message, MessageType, NlriField};
use crate::session::State;
use crate::sink::json::Meta;
use crate::sink::totals::{Gaps, Messages, Prefixes};
use std::collections::HashMap;
use std::net::IpAddr;

/// Directions that are kept: as many as a summary lists.
const DIRECTIONS_MAX: usize = 65_536;

/// One direction: session and sender.
type Key = (u64, IpAddr, u16);

/// Figures of one direction.
#[derive(Clone, Debug, Default)]
pub(super) struct Spoken {
    /// AS of the sender, once its OPEN was seen.
    pub(super) asn: Option<u32>,
    pub(super) messages: Messages,
    pub(super) prefixes: Prefixes,
    pub(super) gaps: Gaps,
    /// Deviations in messages, and bytes without one, each time.
    pub(super) errors: u64,
}

impl Spoken {
    /// Messages of all types.
    pub(super) fn total(&self) -> u64 {
        let m = &self.messages;
        m.open + m.update + m.keepalive + m.notification + m.route_refresh + m.unknown
    }
}

/// The last state of a session, and why it ended if it did.
#[derive(Clone, Debug)]
pub(super) struct Standing {
    pub(super) state: State,
    pub(super) reason: String,
    /// It was up at some time.
    pub(super) was_up: bool,
}

#[derive(Debug, Default)]
pub(super) struct Tally {
    directions: HashMap<Key, Spoken>,
    sessions: HashMap<u64, Standing>,
}

impl Tally {
    /// What the sender has said in the session.
    pub(super) fn spoken(&self, session: u64, peer: IpAddr, port: u16) -> Option<&Spoken> {
        self.directions.get(&(session, peer, port))
    }

    /// Where the session stands.
    pub(super) fn standing(&self, session: u64) -> Option<&Standing> {
        self.sessions.get(&session)
    }

    pub(super) fn message(&mut self, meta: &Meta<'_>, message: &Message<'_>) {
        let Some(spoken) = self.of(meta) else { return };
        let messages = &mut spoken.messages;
        let count = match message.kind() {
            MessageType::Open => &mut messages.open,
            MessageType::Update => &mut messages.update,
            MessageType::Notification => &mut messages.notification,
            MessageType::Keepalive => &mut messages.keepalive,
            MessageType::RouteRefresh => &mut messages.route_refresh,
            MessageType::Unknown(_) => &mut messages.unknown,
        };
        *count += 1;
        spoken.errors += message.errors().len() as u64;
        if let Message::Update(update) = message {
            let count = |count: u64, field: NlriField<'_>| count + field.count() as u64;
            spoken.prefixes.announced += update.all_announced().fold(0, count);
            spoken.prefixes.withdrawn += update.all_withdrawn().fold(0, count);
        }
    }

    pub(super) fn state(&mut self, meta: &Meta<'_>, state: State, previous: State, reason: &str) {
        let room = self.sessions.len() < DIRECTIONS_MAX / 2;
        let was_up = previous == State::Established || state == State::Established;
        match self.sessions.get_mut(&meta.session) {
            Some(standing) => {
                standing.state = state;
                standing.was_up |= was_up;
                standing.reason.clear();
                standing.reason.push_str(reason);
            }
            None if room => {
                let standing = Standing {
                    state,
                    reason: reason.to_owned(),
                    was_up,
                };
                self.sessions.insert(meta.session, standing);
            }
            None => {}
        }
    }

    pub(super) fn gap(&mut self, meta: &Meta<'_>, bytes: u64) {
        if let Some(spoken) = self.of(meta) {
            spoken.gaps.count += 1;
            spoken.gaps.bytes += bytes;
        }
    }

    pub(super) fn malformed(&mut self, meta: &Meta<'_>) {
        if let Some(spoken) = self.of(meta) {
            spoken.errors += 1;
        }
    }

    fn of(&mut self, meta: &Meta<'_>) -> Option<&mut Spoken> {
        let key = (meta.session, meta.peer, meta.peer_port);
        if self.directions.len() >= DIRECTIONS_MAX && !self.directions.contains_key(&key) {
            return None;
        }
        let spoken = self.directions.entry(key).or_default();
        spoken.asn = meta.peer_asn.or(spoken.asn);
        Some(spoken)
    }
}
