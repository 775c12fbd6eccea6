//! Which segments begin a connection, and which connections make room for others.

use super::connection::{Connection, nanoseconds};
use super::handshakes::Handshake;
use super::packet::Packet;
use super::{SILENT_TIMEOUT, Worker};
use crate::capture::{Frame, Stamp};
use crate::session::{Direction, Key};
use crate::wire::Segment;

/// When there is no room and nobody to make some, that is looked into again after so long.
const FULL_NS: u64 = 1_000_000_000;

/// A share of the connections that may go is let go at a time, so that finding them costs little for each.
const ROOM_SHARE: usize = 16;
/// The same for memory: few connections may hold all of it.
const MEMORY_SHARE: usize = 2;

/// Connections that went before they ended.
#[derive(Clone, Copy, Debug, Default)]
pub struct Evicted {
    /// Handshakes that newer ones pushed out.
    pub handshakes: u64,
    /// Connections without a message, to make room for others.
    pub silent: u64,
    /// Sessions of which nothing had come for long, to make room for others.
    pub stale: u64,
    /// Connections without a message that held memory when it ran out.
    pub memory: u64,
    /// Nothing came for the idle timeout.
    pub idle: u64,
}

impl Evicted {
    /// Reasons with their counts, as the summary and the metrics name them.
    #[must_use]
    pub fn by_reason(&self) -> [(&'static str, u64); 5] {
        [
            ("handshake", self.handshakes),
            ("silent", self.silent),
            ("stale", self.stale),
            ("memory", self.memory),
            ("idle", self.idle),
        ]
    }
}

impl<F: Frame> Worker<F> {
    /// The connection of a segment; a new one if it begins one. `None` for segments that
    /// cannot begin one, and when there is no room.
    pub(super) fn connection(
        &mut self,
        key: Key,
        direction: Direction,
        segment: &Segment,
        options: &[u8],
        stamp: Stamp,
    ) -> Option<usize> {
        let known = self.by_key.get(&key).copied();
        if segment.payload.is_empty() && segment.cut == 0 {
            let begins = |index: usize| self.connections[index].is_new_epoch(direction, segment);
            if segment.flags.syn() && known.is_none_or(begins) {
                self.handshakes
                    .note(key, direction, segment, options, stamp);
                return None;
            }
            if segment.flags.rst() && known.is_none() {
                self.handshakes.reset(&key);
            }
            // Its numbers mean nothing to an older connection between the same ports.
            let handshakes = &mut self.handshakes;
            if handshakes.note_ack(&key, direction, segment, options, stamp) {
                return None;
            }
            return known;
        }
        if let Some(handshake) = self.handshakes.completed(&key, direction, segment) {
            return self.begin(key, direction, segment, handshake, known, stamp);
        }
        match known {
            Some(index) if self.connections[index].is_new_epoch(direction, segment) => {
                self.begin(key, direction, segment, Handshake::default(), known, stamp)
            }
            Some(index) => Some(index),
            None => self.begin(key, direction, segment, Handshake::default(), None, stamp),
        }
    }

    /// Makes a connection, in the place of an older one between the same ports if there is one.
    fn begin(
        &mut self,
        key: Key,
        direction: Direction,
        segment: &Segment,
        handshake: Handshake,
        known: Option<usize>,
        stamp: Stamp,
    ) -> Option<usize> {
        if let Some(index) = known {
            let forged = handshake.syns.iter().flatten().count() == 1
                && self.connections[index].expects(direction, segment);
            if forged {
                // A SYN that its receiver did not answer changes nothing (RFC 5961 §4).
                return known;
            }
            self.close(index, "new_connection", stamp);
        } else if !self.make_room(stamp) {
            self.frames.refused += 1;
            return None;
        }
        let syns = handshake.syns.into_iter().enumerate();
        let mut seen: Vec<_> = syns.filter_map(|(side, syn)| Some((side, syn?))).collect();
        seen.sort_by_key(|(_, syn)| syn.stamp.ns);
        seen.extend(handshake.ack);
        let first = seen.first().map_or(segment, |(_, syn)| &syn.segment);
        let connection = Connection::new(key, first, &self.limits, &self.buffers);
        let index = match known {
            Some(index) => {
                self.connections[index] = connection;
                index
            }
            None => self.connections.insert(connection),
        };
        self.by_key.insert(key, index);
        for (side, part) in seen {
            let (connection, mut shared) = self.at_work(index)?;
            connection.handshake(side, &part, &mut shared);
        }
        Some(index)
    }

    /// Room for one more connection; others may have to go for it. Whoever has said
    /// something by BGP stays, unless it fell silent long ago.
    fn make_room(&mut self, stamp: Stamp) -> bool {
        if self.connections.len() < self.limits.sessions_max as usize {
            return true;
        }
        if self.now_ns < self.full_until_ns {
            return false;
        }
        let silent = self.let_go(ROOM_SHARE, stamp, |connection, _| {
            connection.delivered() == 0
        });
        self.evicted.silent += silent;
        if silent == 0 {
            let patience = nanoseconds(self.limits.stale_after);
            let stale = self.let_go(ROOM_SHARE, stamp, |connection, now_ns| {
                now_ns.saturating_sub(connection.last_ns) > patience
            });
            self.evicted.stale += stale;
        }
        let room = self.connections.len() < self.limits.sessions_max as usize;
        if !room {
            self.full_until_ns = self.now_ns.saturating_add(FULL_NS);
        }
        room
    }

    /// Memory for what is kept outside frames has run out: connections that never said anything
    /// by BGP give theirs back, and if there are none, the connection that asked for more.
    pub(super) fn relieve(&mut self, index: usize, stamp: Stamp) {
        let refused = self.buffers.refused();
        let short = self.budget.bytes > self.budget.bytes_max || refused != self.buffers_refused;
        self.buffers_refused = refused;
        if !short {
            return;
        }
        if self.now_ns >= self.short_until_ns {
            let let_go = self.let_go(MEMORY_SHARE, stamp, |connection, _| {
                connection.delivered() == 0 && connection.keeps_memory()
            });
            self.evicted.memory += let_go;
            if let_go == 0 {
                self.short_until_ns = self.now_ns.saturating_add(FULL_NS);
            }
        }
        if self.budget.bytes > self.budget.bytes_max
            && let Some((connection, mut shared)) = self.at_work(index)
        {
            connection.shed(stamp, &mut shared);
        }
    }

    /// Ends a share of the connections that may go, those first that were silent for longest.
    fn let_go(
        &mut self,
        share: usize,
        stamp: Stamp,
        may_go: impl Fn(&Connection<Packet<F>>, u64) -> bool,
    ) -> u64 {
        let now_ns = self.now_ns;
        let mut found: Vec<(u64, usize)> = self
            .connections
            .iter()
            .filter(|(_, connection)| may_go(connection, now_ns))
            .map(|(index, connection)| (connection.last_ns, index))
            .collect();
        let count = found.len().div_ceil(share);
        if count == 0 {
            return 0;
        }
        found.select_nth_unstable(count - 1);
        for (_, index) in &found[..count] {
            self.remove(*index, "evicted", stamp);
        }
        count as u64
    }

    fn remove(&mut self, index: usize, reason: &'static str, stamp: Stamp) {
        self.close(index, reason, stamp);
        let connection = self.connections.remove(index);
        self.by_key.remove(&connection.key());
    }

    /// Ends connections of which nothing has come for long.
    pub(super) fn expire(&mut self, stamp: Stamp) {
        let (idle, silent) = (
            nanoseconds(self.limits.idle_timeout),
            nanoseconds(SILENT_TIMEOUT),
        );
        let now = self.now_ns;
        let expired: Vec<usize> = self
            .connections
            .iter()
            .filter(|(_, connection)| {
                let timeout = if connection.delivered() > 0 {
                    idle
                } else {
                    silent
                };
                now.saturating_sub(connection.last_ns) > timeout
            })
            .map(|(index, _)| index)
            .collect();
        for index in expired {
            self.remove(index, "idle_timeout", stamp);
            self.evicted.idle += 1;
        }
        self.outputs.metrics.forget_unused();
    }
}
