//! Takes what a stream yields through the session to the outputs.

use crate::bgp::header::HEADER_LEN;
use crate::bgp::{Header, Message, MessageType, OpenFacts};
use crate::capture::Stamp;
use crate::health::{Alarm, Health};
use crate::rib::{End, Ribs, Why};
use crate::session::{Direction, Session, Sight, State};
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
    pub(super) direction: Direction,
    pub(super) ribs: Option<&'a mut Ribs>,
    pub(super) outputs: &'a mut Outputs,
    /// How long a message may wait for the other side's OPEN.
    pub(super) open_wait_ns: u64,
    /// The time that waiting is measured by.
    pub(super) now_ns: u64,
    /// Messages delivered.
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
        if sight == Sight::End {
            self.end_tables(end_of(reason), stamp);
        }
        let Some(previous) = self.session.see(sight) else {
            return;
        };
        let state = self.session.state;
        let established = if state == State::Established {
            stamp.ns
        } else {
            0
        };
        for counters in self.counters.iter().flatten() {
            counters.state.set(state.number().into());
            counters.established_ns.store(established, Relaxed);
        }
        let seq = self.session.last_message(self.direction);
        let event = self.session.next_event();
        let host = std::mem::take(&mut self.outputs.host);
        let meta = meta(self.session, self.direction, stamp, seq, event, &host);
        self.outputs.state(&meta, state, previous, reason);
        self.outputs.host = host;
    }

    /// Tells what the TCP under the session has come to.
    pub(super) fn alarm(&mut self, alarm: Alarm, stamp: Stamp) {
        let counters = self.counters();
        let seq = self.session.last_message(self.direction);
        let event = self.session.next_event();
        let host = std::mem::take(&mut self.outputs.host);
        let meta = meta(self.session, self.direction, stamp, seq, event, &host);
        self.outputs.alarm(&meta, &counters, alarm);
        self.outputs.host = host;
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

    fn disturb_tables(&mut self, why: Why, stamp: Stamp) {
        if let Some(ribs) = self.ribs.as_deref_mut() {
            ribs.disturb(self.session, self.direction, why, stamp.ns);
        }
    }

    fn see_message(&mut self, message: &Message<'_>, stamp: Stamp) {
        if let Message::Notification(notification) = message {
            // First: that it is a NOTIFICATION does not tell of which kind.
            let hard = (notification.code, notification.subcode) == HARD_RESET;
            self.end_tables(End::Notification { hard }, stamp);
        }
        // What cannot be read tells nothing about the session.
        if !matches!(message, Message::Broken { .. }) {
            self.see_kind(message.kind(), stamp);
        }
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
            MessageType::Notification => self.see(Sight::End, "notification", stamp),
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

impl Handler for Delivery<'_> {
    fn message(&mut self, bytes: &[u8], stamp: Stamp, framing: Framing) -> Verdict {
        let is_update = bytes.get(18) == Some(&MessageType::Update.code());
        if is_update
            && self
                .session
                .must_wait(self.direction, self.now_ns, self.open_wait_ns)
        {
            return Verdict::Wait;
        }
        let counters = self.counters();
        let (context, source) = self.session.context(self.direction);
        let context = *context;
        // The framer has checked the header.
        let kind = MessageType::from_code(bytes.get(18).copied().unwrap_or(0));
        let message =
            Message::parse_body(kind, bytes.get(HEADER_LEN..).unwrap_or_default(), &context);
        self.take_open(&message);
        // What restarts the hold timer (RFC 4271 §8.2.2, events 26 and 27; an OPEN sets it).
        if let MessageType::Open | MessageType::Update | MessageType::Keepalive = kind {
            self.health.message(self.direction, stamp.ns);
        }
        let seq = self.session.next_message(self.direction);
        let event = self.session.next_event();
        let changes = self
            .ribs
            .as_deref_mut()
            .and_then(|ribs| ribs.message(self.session, self.direction, &message, stamp.ns));
        // Taken out for the time of the call, so that the event can borrow it.
        let host = std::mem::take(&mut self.outputs.host);
        let mut meta = meta(self.session, self.direction, stamp, seq, event, &host);
        meta.searched = framing == Framing::Searched;
        let context = (&context, source);
        let changes = changes.as_ref();
        self.outputs
            .message(&meta, &counters, &message, context, bytes, changes);
        self.outputs.host = host;
        self.see_message(&message, stamp);
        self.delivered += 1;
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
        self.disturb_tables(Why::Gap, stamp);
        let seq = self.session.last_message(self.direction);
        let event = self.session.next_event();
        let host = std::mem::take(&mut self.outputs.host);
        let meta = meta(self.session, self.direction, stamp, seq, event, &host);
        let counters = self.counters[self.direction & 1].as_deref();
        self.outputs.gap(&meta, counters, &gap);
        self.outputs.host = host;
    }

    fn malformed(&mut self, bytes: u64, reason: MalformedReason, stamp: Stamp) {
        self.disturb_tables(Why::Malformed, stamp);
        let counters = self.counters();
        let seq = self.session.last_message(self.direction);
        let event = self.session.next_event();
        let host = std::mem::take(&mut self.outputs.host);
        let meta = meta(self.session, self.direction, stamp, seq, event, &host);
        self.outputs.malformed(&meta, &counters, bytes, reason);
        self.outputs.host = host;
    }

    fn stop_waiting(&mut self) {
        self.session.stop_waiting();
    }
}

/// Cease, Hard Reset (RFC 8538 §3).
const HARD_RESET: (u8, u8) = (6, 9);

/// What the reason of a session's end says about its routes.
fn end_of(reason: &str) -> End {
    match reason {
        "fin" | "rst" | "new_connection" => End::Lost,
        // One whose body was skipped: nobody knows of which kind.
        "notification" => End::Notification { hard: true },
        _ => End::Unknown,
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
        peer_asn: session.open(direction).map(|open| open.asn),
        local: local.addr,
        local_port: local.port,
        local_asn: session.open(direction ^ 1).map(|open| open.asn),
        session: session.id,
        seq,
        event_no,
        host,
        searched: false,
    }
}
