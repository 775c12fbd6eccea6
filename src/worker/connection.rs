//! Both streams of a connection with their session.

use super::delivery::{Counters, Delivery};
use super::handshakes::{Options, Syn};
use crate::capture::{Frame, Stamp};
use crate::config::Limits;
use crate::health::{Figures, Health};
use crate::rib::{End, Ribs};
use crate::session::{Direction, Key, Session, Sight, State};
use crate::sink::json::ContextSource;
use crate::sink::outputs::Outputs;
use crate::sink::totals;
use crate::stream::{Budget, Ledger, Stream};
use crate::wire::{Segment, TcpOption, TcpOptions};
use bgptap_umem::buffer::BufferPool;

/// One TCP connection, from its first segment to its end.
pub(super) struct Connection<F> {
    session: Session,
    streams: [Stream<F>; 2],
    counters: Counters,
    health: Health,
    published: [Ledger; 2],
    /// Segments that the mirror showed twice: no retransmissions, though their bytes are old.
    mirror_copies: [u64; 2],
    told: [Figures; 2],
    /// When the last frame came, nanoseconds since the epoch.
    pub(super) last_ns: u64,
    delivered: u64,
    /// It stands in the worker's list of those to whom time matters.
    listed: bool,
    /// The last tick that reached it.
    ticked: u64,
}

/// What all connections share while a frame is worked on.
pub(super) struct Shared<'a> {
    pub(super) limits: &'a Limits,
    pub(super) outputs: &'a mut Outputs,
    /// The tables of all sessions, if they are kept.
    pub(super) ribs: Option<&'a mut Ribs>,
    /// What all streams together may keep.
    pub(super) budget: &'a mut Budget,
    /// The time now: the newest timestamp seen.
    pub(super) now_ns: u64,
}

/// Splits a connection into a stream and the delivery of what it yields.
macro_rules! with_delivery {
    ($self:ident, $direction:expr, $shared:ident, |$stream:ident, $delivery:ident| $body:expr) => {{
        let direction = $direction & 1;
        let $stream = &mut $self.streams[direction];
        let mut delivery = Delivery {
            session: &mut $self.session,
            counters: &mut $self.counters,
            health: &mut $self.health,
            direction,
            ribs: $shared.ribs.as_deref_mut(),
            outputs: $shared.outputs,
            open_wait_ns: nanoseconds($shared.limits.open_wait),
            now_ns: $shared.now_ns,
            delivered: 0,
        };
        let $delivery = &mut delivery;
        let result = $body;
        $self.delivered += delivery.delivered;
        result
    }};
}

/// What was heard of a connection by BGP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Proof {
    Silent,
    OneSide,
    BothSides,
}

impl<F: Frame> Connection<F> {
    pub(super) fn new(key: Key, first: &Segment, limits: &Limits, pool: &BufferPool) -> Self {
        Self {
            session: Session::new(key, first.seq, first.flags.syn()),
            streams: [
                Stream::new(limits.into(), pool.clone()),
                Stream::new(limits.into(), pool.clone()),
            ],
            counters: [None, None],
            health: Health::default(),
            published: [Ledger::default(); 2],
            mirror_copies: [0; 2],
            told: [Figures::default(); 2],
            last_ns: 0,
            delivered: 0,
            listed: false,
            ticked: 0,
        }
    }

    /// The segment begins another connection between the same endpoints.
    pub(super) fn is_new_epoch(&self, direction: Direction, segment: &Segment) -> bool {
        self.streams[direction & 1].is_new_epoch(segment)
    }

    /// Messages delivered so far.
    pub(super) fn delivered(&self) -> u64 {
        self.delivered
    }

    pub(super) fn segment(
        &mut self,
        direction: Direction,
        frame: F,
        segment: &Segment,
        stamp: Stamp,
        shared: &mut Shared<'_>,
    ) {
        self.last_ns = shared.now_ns;
        let before = self.delivered;
        if segment.flags.syn() && self.delivered == 0 {
            with_delivery!(self, direction, shared, |_stream, delivery| delivery.see(
                Sight::Syn,
                "syn",
                stamp
            ));
        }
        let (this, other) = (direction & 1, (direction & 1) ^ 1);
        let options = Options::of(frame.as_ref(), segment);
        if segment.flags.ack() {
            self.streams[other].note_ack(segment.ack);
        }
        let repeated = self.streams[this].counters().retransmitted_segments;
        let believed = with_delivery!(self, direction, shared, |stream, delivery| stream.segment(
            frame,
            segment,
            stamp,
            shared.budget,
            delivery
        ));
        if believed {
            let copy = self
                .health
                .segment(direction, segment, options.bytes(), stamp.ns);
            let repeats = self.streams[this].counters().retransmitted_segments > repeated;
            self.mirror_copies[this] += u64::from(copy && repeats);
            if let Some(alarm) = self.health.window_opened(direction) {
                with_delivery!(self, direction, shared, |_stream, delivery| delivery
                    .alarm(alarm, stamp));
            }
            self.acknowledge(direction, segment, options.bytes(), stamp, shared);
        }
        if self.delivered != before {
            self.after_messages(stamp, shared);
        }
        if believed && (segment.flags.rst() || segment.flags.fin()) {
            let reason = if segment.flags.rst() { "rst" } else { "fin" };
            with_delivery!(self, direction, shared, |_stream, delivery| delivery.see(
                Sight::End,
                reason,
                stamp
            ));
        }
    }

    /// Tells the other direction what its receiver says of it.
    fn acknowledge(
        &mut self,
        direction: Direction,
        segment: &Segment,
        options: &[u8],
        stamp: Stamp,
        shared: &mut Shared<'_>,
    ) {
        if !segment.flags.ack() || segment.flags.rst() {
            return;
        }
        let window = self.health.window_at_most(direction, segment);
        for option in TcpOptions::new(options) {
            if let TcpOption::Sack(blocks) = option {
                for (from, to) in blocks.iter() {
                    self.streams[(direction & 1) ^ 1].sacked(from, to);
                }
            }
        }
        with_delivery!(self, direction ^ 1, shared, |stream, delivery| {
            stream.offered(window);
            stream.acked(segment.ack, stamp, shared.budget, delivery);
        });
    }

    /// An OPEN may have come: other lengths are allowed now, and a message that waited may go on.
    fn after_messages(&mut self, stamp: Stamp, shared: &mut Shared<'_>) {
        for direction in [0, 1] {
            let (context, source) = self.session.context(direction);
            if source == ContextSource::Negotiated {
                self.streams[direction].set_extended(context.extended);
            }
        }
        self.resume(stamp, shared);
    }

    fn resume(&mut self, stamp: Stamp, shared: &mut Shared<'_>) {
        for direction in [0, 1] {
            if self.streams[direction].waiting() {
                with_delivery!(self, direction, shared, |stream, delivery| stream.resume(
                    stamp,
                    shared.budget,
                    delivery
                ));
            }
        }
    }

    /// Time has passed. Whether more of it matters.
    pub(super) fn tick(&mut self, stamp: Stamp, shared: &mut Shared<'_>) -> bool {
        self.resume(stamp, shared);
        for direction in [0, 1] {
            with_delivery!(self, direction, shared, |stream, delivery| stream.tick(
                shared.now_ns,
                stamp,
                shared.budget,
                delivery
            ));
        }
        self.listed = self.streams.iter().any(Stream::wants_ticks);
        self.listed
    }

    /// Time matters to the connection, and nobody has noted that yet.
    pub(super) fn wants_ticks(&mut self) -> bool {
        let news = !self.listed && self.streams.iter().any(Stream::wants_ticks);
        self.listed |= news;
        news
    }

    /// It was noted that time matters to it, and this tick has not reached it yet.
    pub(super) fn is_listed(&mut self, tick: u64) -> bool {
        self.listed && std::mem::replace(&mut self.ticked, tick) != tick
    }

    /// Tells what has become of the TCP under an established session.
    pub(super) fn look_for_alarms(&mut self, stamp: Stamp, shared: &mut Shared<'_>) {
        if self.session.state != State::Established {
            return;
        }
        for direction in [0, 1] {
            if let Some(alarm) = self.health.alarm(direction, shared.now_ns) {
                with_delivery!(self, direction, shared, |_stream, delivery| delivery
                    .alarm(alarm, stamp));
            }
        }
    }

    /// The connection of a handshake that was seen before it: a segment of that.
    pub(super) fn handshake(&mut self, direction: Direction, syn: &Syn, shared: &mut Shared<'_>) {
        self.last_ns = shared.now_ns;
        let stamp = syn.stamp;
        self.health
            .segment(direction, &syn.segment, syn.options(), stamp.ns);
        with_delivery!(self, direction, shared, |stream, delivery| {
            if syn.segment.flags.syn() {
                delivery.see(Sight::Syn, "syn", stamp);
            }
            stream.begin(&syn.segment);
        });
    }

    /// The session is over: what comes now belongs to it only if it goes on where it stood.
    pub(super) fn has_ended(&self) -> bool {
        self.session.has_ended()
    }

    pub(super) fn session(&self) -> &Session {
        &self.session
    }

    pub(super) fn key(&self) -> Key {
        self.session.key
    }

    /// The segment lies where a direction stands.
    pub(super) fn expects(&self, direction: Direction, segment: &Segment) -> bool {
        self.streams[direction & 1].expects(segment.seq)
    }

    /// The same, or what it acknowledges does where nothing was seen of its direction.
    pub(super) fn goes_on(&self, direction: Direction, segment: &Segment) -> bool {
        let (this, other) = (
            &self.streams[direction & 1],
            &self.streams[(direction & 1) ^ 1],
        );
        this.expects(segment.seq) || this.is_unknown() && other.expects(segment.ack)
    }

    /// How much speaks for its being a session.
    pub(super) fn proof(&self) -> Proof {
        let spoke = |stream: &Stream<F>| stream.ledger().decoded > 0;
        match self.streams.iter().filter(|stream| spoke(stream)).count() {
            0 => Proof::Silent,
            1 => Proof::OneSide,
            _ => Proof::BothSides,
        }
    }

    /// It keeps payload beside frames.
    pub(super) fn keeps_memory(&self) -> bool {
        self.streams
            .iter()
            .any(|stream| stream.ledger().pending > 0)
    }

    /// Gives up what it keeps beside frames.
    pub(super) fn shed(&mut self, stamp: Stamp, shared: &mut Shared<'_>) {
        for direction in [0, 1] {
            with_delivery!(self, direction, shared, |stream, delivery| stream.shed(
                stamp,
                shared.budget,
                delivery
            ));
        }
    }

    /// Nothing more will come: what is complete is delivered, what is missing becomes a gap.
    pub(super) fn finish(
        &mut self,
        reason: &str,
        stamp: Stamp,
        shared: &mut Shared<'_>,
    ) -> [Option<totals::Direction>; 2] {
        self.session.stop_waiting();
        self.resume(stamp, shared);
        for direction in [0, 1] {
            with_delivery!(self, direction, shared, |stream, delivery| stream.finish(
                stamp,
                shared.budget,
                delivery
            ));
        }
        // The end of a capture says nothing about the session.
        if reason != END_OF_CAPTURE && self.delivered > 0 {
            with_delivery!(self, 0, shared, |_stream, delivery| delivery.see(
                Sight::End,
                reason,
                stamp
            ));
        }
        if reason != END_OF_CAPTURE
            && let Some(ribs) = &mut shared.ribs
        {
            // Whatever was not told of its end.
            ribs.end(self.session.id, End::Unknown, shared.now_ns);
        }
        self.publish(shared.now_ns, shared.ribs.as_deref());
        let (key, id) = (self.session.key, self.session.id);
        let now_ns = shared.now_ns;
        [0, 1].map(|direction| {
            let ledger = self.streams[direction].ledger();
            (ledger.captured > 0 || ledger.gap > 0).then(|| {
                let (peer, local) = key.endpoints(direction);
                totals::Direction::new(id, peer, local, ledger, self.figures(direction, now_ns))
            })
        })
    }

    fn figures(&self, direction: Direction, now_ns: u64) -> Figures {
        let counters = self.streams[direction & 1].counters();
        let copies = self.mirror_copies[direction & 1];
        Figures::new(&self.health, direction, counters, copies, now_ns)
    }

    /// Adds to the counters what the ledgers have gained since the last time.
    pub(super) fn publish(&mut self, now_ns: u64, ribs: Option<&Ribs>) {
        let tables = ribs.and_then(|ribs| ribs.session(self.session.id));
        for direction in [0, 1] {
            let Some(counters) = self.counters[direction].clone() else {
                continue;
            };
            let now = *self.streams[direction].ledger();
            let then = std::mem::replace(&mut self.published[direction], now);
            let gained = bytes_by_state(&now).into_iter().zip(bytes_by_state(&then));
            for (counter, (now, then)) in counters.bytes.iter().zip(gained) {
                counter.add(now.saturating_sub(then));
            }
            let figures = self.figures(direction, now_ns);
            counters.take_tcp(&figures, &self.told[direction]);
            self.told[direction] = figures;
            for rib in tables
                .iter()
                .flat_map(|tables| tables.direction(direction).ribs())
            {
                let family = counters.prefixes(rib.family().afi.0, rib.family().safi.0);
                family.set_rib(Some(rib.len() as u64));
                family.rib_stale.set(rib.stale() as u64);
                family.rib_complete.set(rib.partial().is_none().into());
            }
        }
    }

    /// Counts payload bytes as they come in; the ledger must explain them.
    pub(super) fn count_captured(&mut self, direction: Direction, bytes: u64) {
        self.streams[direction & 1].count_captured(bytes);
    }
}

/// The reason with which a connection is finished when the capture ends.
pub(super) const END_OF_CAPTURE: &str = "end_of_capture";

/// In the order of [`crate::sink::metrics::BYTE_STATES`].
fn bytes_by_state(ledger: &Ledger) -> [u64; 8] {
    [
        ledger.captured,
        ledger.span,
        ledger.decoded,
        ledger.skipped,
        ledger.duplicate,
        ledger.quarantined,
        ledger.discarded_window + ledger.discarded_limit,
        ledger.gap,
    ]
}

pub(super) fn nanoseconds(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
