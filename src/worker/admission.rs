//! Which segments begin a connection, and which connections make room for others.

use super::connection::{Connection, Proof, nanoseconds};
use super::handshakes::Handshake;
use super::packet::Packet;
use super::{SILENT_TIMEOUT, Worker};
use crate::capture::{Frame, Stamp};
use crate::session::{Direction, Key};
use crate::wire::Segment;

/// When there is no room and nobody to make some, that is looked into again after so long.
const FULL_NS: u64 = 1_000_000_000;

/// Of connections of which one side is seen, those go first that have said least, up to so many messages.
const WORDS: u64 = 8;

/// One part in so many of the room there is becomes free at a time, so that finding it costs little for each.
const ROOM_SHARE: usize = 64;
/// Of those that hold memory a larger part goes: few connections may hold all of it.
const MEMORY_SHARE: usize = 2;

/// Ranks: those of the least go first.
const SILENT: u64 = 0;
const STALE: u64 = 1;
const ONE_SIDED: u64 = 2;
/// Those that go for their memory are ranked among themselves.
const MEMORY: u64 = 100;

/// Connections that went before they ended.
#[derive(Clone, Copy, Debug, Default)]
pub struct Evicted {
    /// Handshakes that newer ones pushed out.
    pub handshakes: u64,
    /// Connections without a message, to make room for others.
    pub silent: u64,
    /// Sessions of which nothing had come for long, to make room for others.
    pub stale: u64,
    /// Connections of which only one side had spoken by BGP, to make room for others.
    pub one_sided: u64,
    /// Connections without a message, or with those of one side, that held memory when it ran out.
    pub memory: u64,
    /// Nothing came for the idle timeout.
    pub idle: u64,
}

impl Evicted {
    /// Reasons with their counts, as the summary and the metrics name them.
    #[must_use]
    pub fn by_reason(&self) -> [(&'static str, u64); 6] {
        [
            ("handshake", self.handshakes),
            ("silent", self.silent),
            ("stale", self.stale),
            ("one_sided", self.one_sided),
            ("memory", self.memory),
            ("idle", self.idle),
        ]
    }
}

impl<F: Frame> Worker<F> {
    /// The connection of a segment: the one that is `known` by its key, or a new one if it begins one. `None` for
    /// segments that cannot begin one, and when there is no room.
    pub(super) fn connection(
        &mut self,
        key: Key,
        known: Option<usize>,
        direction: Direction,
        segment: &Segment,
        options: &[u8],
        stamp: Stamp,
    ) -> Option<usize> {
        let ended = known.is_some_and(|index| self.connections[index].has_ended());
        let bare = segment.payload.is_empty() && segment.cut == 0;
        let begins = segment.flags.syn()
            && known.is_none_or(|index| self.connections[index].is_new_epoch(direction, segment));
        // Whatever a SYN carries, it changes nothing about a session until its receiver
        // has answered it (RFC 5961 §4).
        if begins && (bare || known.is_some() && !ended) {
            if let Some(connection) = known.and_then(|index| self.connections.get_mut(index)) {
                connection.discard(direction, segment.payload.len() as u64);
            }
            self.handshakes
                .note(key, direction, segment, options, stamp, known.is_some());
            return None;
        }
        self.handshakes.note_answer(&key, direction, segment);
        if bare {
            if segment.flags.rst() && self.handshakes.reset(&key, direction, segment) {
                return None;
            }
            // Its numbers mean nothing to an older connection between the same ports.
            let handshakes = &mut self.handshakes;
            if handshakes.note_ack(&key, direction, segment, options, stamp) {
                return None;
            }
            return known;
        }
        // Where both sides are seen, the answer to a SYN would be seen too.
        let answer = !ended
            && known.is_some_and(|index| self.connections[index].proof() == Proof::BothSides);
        if let Some(handshake) = self.handshakes.completed(&key, direction, segment, answer) {
            return self.begin(key, direction, segment, handshake, known, stamp);
        }
        // A session that is over does not go on elsewhere: another one has begun, unseen.
        let goes_on =
            |index: &usize| !ended || self.connections[*index].goes_on(direction, segment);
        if !begins && known.as_ref().is_some_and(goes_on) {
            return known;
        }
        self.begin(key, direction, segment, Handshake::default(), known, stamp)
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
            let connection = &self.connections[index];
            let forged = handshake.syns.iter().flatten().count() == 1
                && !connection.has_ended()
                && connection.expects(direction, segment);
            if forged {
                // A SYN that its receiver did not answer changes nothing (RFC 5961 §4).
                return known;
            }
            self.close(index, "new_connection", stamp);
        } else if !self.make_room(stamp) {
            self.frames.refused += 1;
            self.frames.refused_bytes += segment.payload.len() as u64;
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

    /// Room for one more connection; others may have to go for it. A session of which both
    /// sides were heard stays, unless it fell silent long ago.
    pub(super) fn make_room(&mut self, stamp: Stamp) -> bool {
        if !self.is_full() {
            return true;
        }
        if self.now_ns < self.full_until_ns {
            return false;
        }
        let patience = nanoseconds(self.limits.stale_after);
        let rank = |connection: &Connection<Packet<F>>, now_ns: u64| {
            let age = now_ns.saturating_sub(connection.last_ns);
            match connection.proof() {
                Proof::Silent if age > FULL_NS => Some(SILENT),
                _ if age > patience => Some(STALE),
                Proof::Silent | Proof::OneSide => {
                    Some(ONE_SIDED + connection.delivered().min(WORDS))
                }
                Proof::BothSides => None,
            }
        };
        let count = (self.limits.sessions_max as usize).div_ceil(ROOM_SHARE);
        self.let_go(|_| count, stamp, rank);
        if self.is_full() {
            self.full_until_ns = self.now_ns.saturating_add(FULL_NS);
        }
        !self.is_full()
    }

    fn is_full(&self) -> bool {
        self.connections.len() >= self.limits.sessions_max as usize
    }

    /// Memory for what is kept outside frames has run out: connections that never said anything
    /// by BGP give theirs back, then those of which one side spoke, and if there are none, the
    /// connection that asked for more.
    pub(super) fn relieve(&mut self, index: usize, stamp: Stamp) {
        if self.budget.frames > self.budget.frames_low {
            self.relieve_frames(index, stamp);
        }
        let refused = self.buffers.refused();
        let short = self.budget.bytes > self.budget.bytes_max || refused != self.buffers_refused;
        self.buffers_refused = refused;
        if !short {
            return;
        }
        if self.now_ns >= self.short_until_ns {
            let share = |found: usize| found.div_ceil(MEMORY_SHARE);
            let mut let_go = 0;
            for proof in [Proof::Silent, Proof::OneSide] {
                if let_go == 0 {
                    let_go = self.let_go(share, stamp, |connection, _| {
                        let may_go = connection.proof() == proof && connection.keeps_memory();
                        may_go.then(|| MEMORY + connection.delivered().min(WORDS))
                    });
                }
            }
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

    /// The arena for held payload is full too: connections of which not both sides were heard give up
    /// their holes first, then the one that asked for more.
    fn relieve_frames(&mut self, index: usize, stamp: Stamp) {
        if self.now_ns >= self.scarce_until_ns {
            let doubtful: Vec<usize> = self
                .connections
                .iter()
                .filter(|(_, connection)| {
                    connection.holds_much() && connection.proof() != Proof::BothSides
                })
                .map(|(index, _)| index)
                .collect();
            if doubtful.is_empty() {
                self.scarce_until_ns = self.now_ns.saturating_add(FULL_NS);
            }
            for index in doubtful {
                if let Some((connection, mut shared)) = self.at_work(index) {
                    connection.trim(stamp, &mut shared);
                }
            }
        }
        if self.budget.frames > self.budget.frames_low
            && let Some((connection, mut shared)) = self.at_work(index)
        {
            connection.trim(stamp, &mut shared);
        }
    }

    /// Ends as many of the connections that may go as `share` says of how many there are: those of
    /// the least rank first, and of these those that were silent for longest. Returns how many.
    fn let_go(
        &mut self,
        share: impl Fn(usize) -> usize,
        stamp: Stamp,
        rank: impl Fn(&Connection<Packet<F>>, u64) -> Option<u64>,
    ) -> u64 {
        let now_ns = self.now_ns;
        let mut found: Vec<(u64, u64, usize)> = self
            .connections
            .iter()
            .filter_map(|(index, connection)| {
                Some((rank(connection, now_ns)?, connection.last_ns, index))
            })
            .collect();
        let count = share(found.len()).min(found.len());
        if count == 0 {
            return 0;
        }
        found.select_nth_unstable(count - 1);
        for (rank, _, index) in &found[..count] {
            let evicted = &mut self.evicted;
            *match *rank {
                SILENT => &mut evicted.silent,
                STALE => &mut evicted.stale,
                MEMORY.. => &mut evicted.memory,
                _ => &mut evicted.one_sided,
            } += 1;
            self.remove(*index, "evicted", stamp);
        }
        count as u64
    }

    fn remove(&mut self, index: usize, reason: &'static str, stamp: Stamp) {
        self.close(index, reason, stamp);
        let key = self.connections.remove(index).key();
        self.by_key.remove(&key);
        let (ribs, metrics) = (self.ribs.as_ref(), &self.outputs.metrics);
        self.kept.leave(&key, ribs, metrics);
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
    }
}
