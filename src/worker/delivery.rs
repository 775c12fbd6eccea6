//! Takes what a stream yields through the session to the outputs.

use super::archive;
use super::backlog::Backlog;
use crate::bgp::header::{HEADER_LEN, MAX_LEN};
use crate::bgp::{Header, Message, MessageSet, MessageType, OpenFacts};
use crate::capture::Stamp;
use crate::health::{Alarm, Health};
use crate::rib::{Ribs, Why};
use crate::session::{Direction, End, Session, Sight, State, Transfer};
use crate::sink::bmp::{Bmp, Seen};
use crate::sink::json::Meta;
use crate::sink::metrics;
use crate::sink::outputs::Outputs;
use crate::stream::{Framing, Gap, Handler, MalformedReason, Verdict};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

/// Counters of both directions; made when a direction has something to count.
pub(super) type Counters = [Option<Arc<metrics::Direction>>; 2];

/// The way of one direction's messages to the outputs.
pub(super) struct Delivery<'a> {
    pub(super) session: &'a mut Session,
    pub(super) counters: &'a mut Counters,
    pub(super) health: &'a mut Health,
    /// Messages of each direction that wait until it is known how they are encoded.
    pub(super) backlogs: &'a mut [Backlog; 2],
    pub(super) direction: Direction,
    /// The tables of all sessions, if they are kept.
    pub(super) ribs: Option<&'a mut Ribs>,
    pub(super) outputs: &'a mut Outputs,
    /// Messages that are told; others are read for the sake of the tables alone.
    pub(super) asked: MessageSet,
    /// How long a message may wait for the other side's OPEN.
    pub(super) open_wait_ns: u64,
    /// The time that waiting is measured by.
    pub(super) now_ns: u64,
    /// Messages taken.
    pub(super) delivered: u64,
}

impl Delivery<'_> {
    fn counters(&mut self) -> Arc<metrics::Direction> {
        let (peer, local) = self.session.key.endpoints(self.direction);
        let metrics = &self.outputs.metrics;
        let slot = &mut self.counters[self.direction & 1];
        Arc::clone(slot.get_or_insert_with(|| metrics.direction(peer.addr, local.addr)))
    }

    /// Moves the session's state on and tells about it.
    pub(super) fn see(&mut self, sight: Sight, reason: &str, stamp: Stamp) {
        if let Some(previous) = self.session.see(sight) {
            // An archive tells states itself, if it tells them.
            let told = !self.session.is_told();
            self.take_state(previous, told.then_some(reason), stamp);
        }
    }

    /// An archive says that the state has changed: that is told as it says, whatever messages have shown.
    pub(super) fn enter(&mut self, previous: State, state: State, stamp: Stamp) {
        if state < State::OpenSent && self.session.state >= State::OpenSent {
            self.end(End::Silent(archive::REASON), stamp);
        }
        self.session.enter(state);
        self.take_state(previous, Some(archive::REASON), stamp);
    }

    /// Takes note of a state that was entered, and tells of it if there is a reason to be told.
    fn take_state(&mut self, previous: State, reason: Option<&str>, stamp: Stamp) {
        let state = self.session.state;
        // Before the outputs, which may tell the tables that go on.
        if state == State::Established
            && let Some(ribs) = self.ribs.as_deref_mut()
        {
            ribs.established(self.session, stamp.ns);
        }
        let established = if state == State::Established {
            stamp.ns
        } else {
            0
        };
        for counters in self.counters.iter().flatten() {
            counters.state.set(state.number().into());
            counters.established_ns.store(established, Relaxed);
        }
        if let Some(reason) = reason {
            let seq = self.session.last_message(self.direction);
            let event = self.session.next_event();
            let host = std::mem::take(&mut self.outputs.host);
            let meta = meta(self.session, self.direction, stamp, seq, event, &host);
            self.outputs.state(&meta, state, previous, reason);
            self.outputs.host = host;
        }
        let reason = reason.unwrap_or_default();
        self.tell_bmp(stamp, |bmp, seen| bmp.state(seen, state, reason));
        if state == State::Established {
            for direction in [0, 1] {
                let began = self.session.begin_transfer(direction, stamp.ns);
                self.tell_transfer(direction, began, stamp);
            }
        }
    }

    /// The session has ended: what waited is told before.
    pub(super) fn end(&mut self, end: End, stamp: Stamp) {
        self.release_all();
        self.end_tables(end, stamp);
        let was_up = self.session.state == State::Established;
        self.see(Sight::End, end.reason(), stamp);
        for direction in [0, 1] {
            let stale = self.session.stale(direction, end);
            self.tell_transfer(direction, stale.filter(|_| was_up), stamp);
        }
    }

    /// Nothing more will be heard of the session, whether its end was told or not.
    pub(super) fn forget(&mut self, reason: &str, stamp: Stamp) {
        self.tell_bmp(stamp, |bmp, seen| bmp.forget(seen, reason));
    }

    /// With the session its tables end.
    fn end_tables(&mut self, end: End, stamp: Stamp) {
        let Some(ribs) = self.ribs.as_deref_mut() else {
            return;
        };
        if ribs.session(self.session.id).is_some() {
            ribs.end(self.session.id, end, stamp.ns);
            for counters in self.counters.iter().flatten() {
                counters.clear_ribs();
            }
        }
    }

    fn tell_bmp(&mut self, stamp: Stamp, tell: impl FnOnce(&mut Bmp, &Seen<'_>)) {
        if let Some(bmp) = &mut self.outputs.bmp {
            let seen = Seen {
                session: self.session,
                direction: self.direction,
                ns: stamp.ns,
                ribs: self.ribs.as_deref(),
            };
            tell(bmp, &seen);
        }
    }

    fn disturb_tables(&mut self, why: Why, stamp: Stamp) {
        if let Some(ribs) = self.ribs.as_deref_mut() {
            ribs.disturb(self.session, self.direction, why, stamp.ns);
        }
    }

    fn tell_transfer(&mut self, direction: Direction, transfer: Option<Transfer>, stamp: Stamp) {
        let Some(transfer) = transfer else { return };
        let seq = self.session.last_message(direction);
        let event = self.session.next_event();
        let host = std::mem::take(&mut self.outputs.host);
        let meta = meta(self.session, direction, stamp, seq, event, &host);
        self.outputs.transfer(&meta, &transfer);
        self.outputs.host = host;
    }

    /// Tells what the TCP under the session has come to.
    pub(super) fn alarm(&mut self, alarm: Alarm, stamp: Stamp) {
        self.release(self.direction);
        let counters = self.counters();
        let seq = self.session.last_message(self.direction);
        let event = self.session.next_event();
        let host = std::mem::take(&mut self.outputs.host);
        let meta = meta(self.session, self.direction, stamp, seq, event, &host);
        self.outputs.alarm(&meta, &counters, alarm);
        self.outputs.host = host;
    }

    fn see_message(&mut self, message: &Message<'_>, stamp: Stamp) {
        match message {
            // What cannot be read tells nothing about the session.
            Message::Broken { .. } => (),
            Message::Notification(message) => self.end(End::by(message), stamp),
            _ => self.see_kind(message.kind(), stamp),
        }
        let direction = self.direction;
        let transfer = self.session.take_transfer(direction, message, stamp.ns);
        self.tell_transfer(direction, transfer, stamp);
    }

    /// Most of what a message says about the session's state its type says already.
    fn see_kind(&mut self, kind: MessageType, stamp: Stamp) {
        match kind {
            MessageType::Open => self.see(self.session.sight_of_open(), "open", stamp),
            MessageType::Keepalive => {
                let sight = self.session.sight_of_keepalive(self.direction);
                self.see(sight, "keepalive", stamp);
            }
            MessageType::Update => self.see(Sight::Traffic, "update", stamp),
            MessageType::RouteRefresh => self.see(Sight::Traffic, "route_refresh", stamp),
            MessageType::Notification => self.end(End::Silent("notification"), stamp),
            MessageType::Unknown(_) => (),
        }
    }

    fn take_open(&mut self, message: &Message<'_>) {
        let Message::Open(open) = message else { return };
        let facts = OpenFacts::new(open);
        self.session.take_open(self.direction, facts);
        if let (Some(a), Some(b)) = (self.session.open(0), self.session.open(1)) {
            self.health.set_hold_time(a.hold_time.min(b.hold_time));
        }
        for (direction, slot) in self.counters.iter().enumerate() {
            let Some(counters) = slot else { continue };
            if let Some(sender) = self.session.open(direction) {
                counters.peer_as.store(sender.asn, Relaxed);
            }
            if let Some(receiver) = self.session.open(direction ^ 1) {
                counters.local_as.store(receiver.asn, Relaxed);
            }
        }
    }
}

/// What an OPEN that was not seen would have told is told by the messages themselves: they wait
/// until enough of them have come, but not for long.
impl Delivery<'_> {
    /// A message of a session of which an OPEN is missing.
    fn infer(&mut self, kind: MessageType, bytes: &[u8], stamp: Stamp, framing: Framing) {
        let direction = self.direction;
        if matches!(kind, MessageType::Open | MessageType::Notification) {
            // Nothing that comes later says anything about what came before.
            self.release_all();
        }
        if bytes.len() > usize::from(MAX_LEN) {
            self.session.note_extended(direction);
        }
        let before = *self.session.context(direction);
        let message = Message::parse_body(kind, body(bytes), &before);
        let waits = match &message {
            Message::Update(update) => self.session.weigh(direction, update),
            _ => self.session.has_open_questions(direction),
        };
        let backlog = &mut self.backlogs[direction & 1];
        if backlog.is_empty() && !waits {
            if *self.session.context(direction) == before {
                self.deliver(&message, bytes, stamp, framing);
            } else {
                self.read(bytes, stamp, framing);
            }
            return;
        }
        backlog.push(bytes, stamp, framing, self.now_ns);
        if backlog.is_full() || !waits {
            self.release(direction);
        }
    }

    /// Delivers what has waited in a direction, read as all that is known by now says.
    pub(super) fn release(&mut self, direction: Direction) {
        let backlog = std::mem::take(&mut self.backlogs[direction & 1]);
        if backlog.is_empty() {
            return;
        }
        self.session.settle(direction);
        let own = std::mem::replace(&mut self.direction, direction);
        for (bytes, stamp, framing) in backlog.messages() {
            self.read(bytes, stamp, framing);
        }
        self.direction = own;
    }

    pub(super) fn release_all(&mut self) {
        self.release(0);
        self.release(1);
    }

    /// Delivers what has waited for long enough, or need not wait any more.
    pub(super) fn release_due(&mut self) {
        for direction in [0, 1] {
            let answered = !self.session.has_open_questions(direction);
            if answered || self.backlogs[direction].is_due(self.now_ns) {
                self.release(direction);
            }
        }
    }

    /// Reads a message and delivers it.
    fn read(&mut self, bytes: &[u8], stamp: Stamp, framing: Framing) {
        let context = *self.session.context(self.direction);
        let message = Message::parse_body(kind(bytes), body(bytes), &context);
        self.deliver(&message, bytes, stamp, framing);
    }

    /// Tells the session and the outputs of a message.
    fn deliver(&mut self, message: &Message<'_>, bytes: &[u8], stamp: Stamp, framing: Framing) {
        let counters = self.counters();
        let context = *self.session.context(self.direction);
        let source = self.session.source(self.direction, message);
        self.take_open(message);
        let seq = self.session.next_message(self.direction);
        let changes = self
            .ribs
            .as_deref_mut()
            .and_then(|ribs| ribs.message(self.session, self.direction, message, stamp.ns));
        if !self.asked.contains(message.kind()) {
            self.outputs.skipped(&counters, message.kind());
            self.see_message(message, stamp);
            return;
        }
        let event = self.session.next_event();
        // Taken out for the time of the call, so that the event can borrow it.
        let host = std::mem::take(&mut self.outputs.host);
        let mut meta = meta(self.session, self.direction, stamp, seq, event, &host);
        meta.searched = framing == Framing::Searched;
        let (context, changes) = ((&context, source), changes.as_ref());
        self.outputs
            .message(&meta, &counters, message, context, bytes, changes);
        self.outputs.host = host;
        self.tell_bmp(stamp, |bmp, seen| {
            bmp.message(seen, message, bytes, changes);
        });
        self.see_message(message, stamp);
    }
}

/// The type of a message; the framer has checked the header.
fn kind(bytes: &[u8]) -> MessageType {
    MessageType::from_code(bytes.get(18).copied().unwrap_or(0))
}

fn body(bytes: &[u8]) -> &[u8] {
    bytes.get(HEADER_LEN..).unwrap_or_default()
}

impl Handler for Delivery<'_> {
    fn message(&mut self, bytes: &[u8], stamp: Stamp, framing: Framing) -> Verdict {
        let kind = kind(bytes);
        if kind == MessageType::Update
            && self
                .session
                .must_wait(self.direction, self.now_ns, self.open_wait_ns)
        {
            return Verdict::Wait;
        }
        // What restarts the hold timer (RFC 4271 §8.2.2, events 26 and 27; an OPEN sets it).
        if let MessageType::Open | MessageType::Update | MessageType::Keepalive = kind {
            self.health.message(self.direction, stamp.ns);
        }
        self.delivered += 1;
        if self.session.is_negotiated() || self.session.is_told() {
            self.read(bytes, stamp, framing);
        } else {
            self.infer(kind, bytes, stamp, framing);
        }
        Verdict::Next
    }

    fn skipped(&mut self, header: &Header, stamp: Stamp) {
        let counters = self.counters();
        self.health.message(self.direction, stamp.ns);
        self.session.next_message(self.direction);
        self.outputs.skipped(&counters, header.kind);
        self.see_kind(header.kind, stamp);
        self.delivered += 1;
    }

    fn gap(&mut self, gap: Gap, stamp: Stamp) {
        self.release(self.direction);
        self.disturb_tables(Why::Gap, stamp);
        let seq = self.session.last_message(self.direction);
        let event = self.session.next_event();
        let host = std::mem::take(&mut self.outputs.host);
        let meta = meta(self.session, self.direction, stamp, seq, event, &host);
        let counters = self.counters[self.direction & 1].as_deref();
        self.outputs.gap(&meta, counters, &gap);
        self.outputs.host = host;
        self.tell_bmp(stamp, Bmp::lost);
    }

    fn malformed(&mut self, bytes: u64, reason: MalformedReason, stamp: Stamp) {
        self.release(self.direction);
        self.disturb_tables(Why::Malformed, stamp);
        let counters = self.counters();
        let seq = self.session.last_message(self.direction);
        let event = self.session.next_event();
        let host = std::mem::take(&mut self.outputs.host);
        let meta = meta(self.session, self.direction, stamp, seq, event, &host);
        self.outputs.malformed(&meta, &counters, bytes, reason);
        self.outputs.host = host;
        self.tell_bmp(stamp, Bmp::lost);
    }

    fn stop_waiting(&mut self) {
        self.session.stop_waiting();
    }
}

/// Who said something, when, and how it is numbered.
fn meta<'a>(
    session: &Session,
    direction: Direction,
    stamp: Stamp,
    seq: u64,
    event_no: u64,
    host: &'a str,
) -> Meta<'a> {
    let (peer, local) = session.key.endpoints(direction);
    Meta {
        ts_ns: stamp.ns,
        ts_source: stamp.source.name(),
        peer: peer.addr,
        peer_port: peer.port,
        peer_asn: session.asn(direction),
        local: local.addr,
        local_port: local.port,
        local_asn: session.asn(direction ^ 1),
        session: session.id,
        seq,
        event_no,
        host,
        searched: false,
    }
}
