//! Both streams of a connection with their session.

use super::backlog::Backlog;
use super::delivery::{Counters, Delivery};
use super::handshakes::{Options, Syn};
use super::kept::publish_tables;
use crate::capture::{Frame, Stamp};
use crate::config::Limits;
use crate::health::{Figures, Health};
use crate::rib::Ribs;
use crate::session::{Direction, End, Key, Session, Sight, State};
use crate::sink::json::{DirectionFacts, SessionFacts};
use crate::sink::outputs::Outputs;
use crate::sink::totals;
use crate::stream::{Budget, Ledger, Stream};
use crate::wire::mrt::Archived;
use crate::wire::{Checksum, Segment, TcpFlags, TcpOption, TcpOptions};
use bgptap_umem::buffer::BufferPool;

/// One TCP connection, from its first segment to its end.
pub(super) struct Connection<F> {
    session: Session,
    streams: [Stream<F>; 2],
    counters: Counters,
    health: Health,
    backlogs: [Backlog; 2],
    /// Bytes of the budget that the backlogs have taken.
    charged: u64,
    published: [Ledger; 2],
    /// Segments that the mirror showed twice: no retransmissions, though their bytes are old.
    mirror_copies: [u64; 2],
    told: [Figures; 2],
    /// Segments with right and with wrong checksums.
    checksums: [Checksums; 2],
    /// When the last frame came, nanoseconds since the epoch.
    pub(super) last_ns: u64,
    delivered: u64,
    /// It stands in the worker's list of those to whom time matters.
    listed: bool,
    /// The last tick that reached it.
    ticked: u64,
    /// Sequence numbers that the next messages of an archive are given.
    archived: [u32; 2],
}

/// How often the checksums of a direction were right.
#[derive(Clone, Copy, Debug, Default)]
struct Checksums {
    right: u32,
    wrong: u32,
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
            backlogs: &mut $self.backlogs,
            direction,
            ribs: $shared.ribs.as_deref_mut(),
            outputs: $shared.outputs,
            asked: $shared.limits.messages,
            open_wait_ns: nanoseconds($shared.limits.open_wait),
            now_ns: $shared.now_ns,
            delivered: 0,
        };
        let $delivery = &mut delivery;
        let result = $body;
        $self.delivered += delivery.delivered;
        let backlogs = $self.backlogs[0].memory() + $self.backlogs[1].memory();
        let charged = std::mem::replace(&mut $self.charged, backlogs);
        $shared.budget.charge(charged, backlogs);
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
            backlogs: [Backlog::default(), Backlog::default()],
            charged: 0,
            published: [Ledger::default(); 2],
            mirror_copies: [0; 2],
            told: [Figures::default(); 2],
            checksums: Default::default(),
            last_ns: 0,
            delivered: 0,
            listed: false,
            ticked: 0,
            archived: [0; 2],
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
        let repeated = self.streams[this].counters().retransmitted_segments;
        let believed = with_delivery!(self, direction, shared, |stream, delivery| stream.segment(
            frame,
            segment,
            stamp,
            shared.budget,
            delivery
        ));
        // Whoever is believed, or goes on elsewhere itself, says where the other side stands.
        if segment.flags.ack() && (believed || self.streams[this].has_strayed_to(segment)) {
            self.streams[other].note_ack(segment.ack);
        }
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
        if believed && segment.flags.rst() {
            with_delivery!(self, direction, shared, |_stream, delivery| delivery
                .end(End::Silent("rst"), stamp));
        }
        self.close_at_fin(direction, stamp, shared);
    }

    /// A FIN ends the session once its receiver has all that was sent before it (RFC 9293 §3.10.7.4): one
    /// behind a hole may be forged, or the data before it late.
    fn close_at_fin(&mut self, direction: Direction, stamp: Stamp, shared: &mut Shared<'_>) {
        if self.streams[direction & 1].is_closed() && !self.session.has_ended() {
            with_delivery!(self, direction, shared, |_stream, delivery| delivery
                .end(End::Silent("fin"), stamp));
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
            if let Some(extended) = self.session.extended(direction) {
                self.streams[direction].set_extended(extended);
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
            self.close_at_fin(direction, stamp, shared);
        }
        with_delivery!(self, 0, shared, |_stream, delivery| delivery.release_due());
        self.listed = self.is_waiting();
        self.listed
    }

    /// Something waits for time to pass.
    fn is_waiting(&self) -> bool {
        self.streams.iter().any(Stream::wants_ticks)
            || self.backlogs.iter().any(|backlog| !backlog.is_empty())
    }

    /// Time matters to the connection, and nobody has noted that yet.
    pub(super) fn wants_ticks(&mut self) -> bool {
        let news = !self.listed && self.is_waiting();
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

    /// The connection begins with a record of an archive: both streams lie ready for messages of any length.
    pub(super) fn begin_archived(&mut self, first: &Segment) {
        let syn = Segment {
            flags: TcpFlags(TcpFlags::SYN),
            ..first.clone()
        };
        self.archived = [first.seq.wrapping_add(1); 2];
        for stream in &mut self.streams {
            stream.begin(&syn);
            stream.set_extended(true);
        }
    }

    /// What a record says of the messages of its direction.
    pub(super) fn tell(
        &mut self,
        direction: Direction,
        record: &Archived,
        shared: &mut Shared<'_>,
    ) {
        self.last_ns = shared.now_ns;
        let (as4, add_path) = (record.as4, record.add_path);
        self.session.tell(direction, record.asns, as4, add_path);
    }

    /// The sequence number of the next message from an archive, which has so many bytes.
    pub(super) fn next_archived(&mut self, direction: Direction, length: u64) -> u32 {
        let next = &mut self.archived[direction & 1];
        // A message has 65,535 bytes at most, a record not many more.
        let length = u32::try_from(length).unwrap_or(u32::MAX);
        std::mem::replace(next, next.wrapping_add(length))
    }

    /// Takes a message from an archive.
    pub(super) fn archived(
        &mut self,
        direction: Direction,
        frame: F,
        segment: &Segment,
        stamp: Stamp,
        shared: &mut Shared<'_>,
    ) {
        with_delivery!(self, direction, shared, |stream, delivery| stream.segment(
            frame,
            segment,
            stamp,
            shared.budget,
            delivery
        ));
    }

    /// Takes a change of state from an archive.
    pub(super) fn archived_state(
        &mut self,
        direction: Direction,
        (previous, state): (State, State),
        stamp: Stamp,
        shared: &mut Shared<'_>,
    ) {
        with_delivery!(self, direction, shared, |_stream, delivery| delivery
            .enter(previous, state, stamp));
    }

    /// The session is over: what comes now belongs to it only if it goes on where it stood.
    pub(super) fn has_ended(&self) -> bool {
        self.session.has_ended()
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

    pub(super) fn note_checksum(&mut self, direction: Direction, sum: Checksum) {
        let seen = &mut self.checksums[direction & 1];
        match sum {
            Checksum::Right => seen.right = seen.right.saturating_add(1),
            Checksum::Wrong => seen.wrong = seen.wrong.saturating_add(1),
            Checksum::Partial | Checksum::Unknown => (),
        }
    }

    /// Wrong checksums are exceptions. Where nobody makes them one may be right by chance.
    pub(super) fn has_right_checksums(&self, direction: Direction) -> bool {
        let seen = &self.checksums[direction & 1];
        seen.right >= 2 && seen.wrong < seen.right / 2
    }

    /// Payload that is not looked at.
    pub(super) fn discard(&mut self, direction: Direction, bytes: u64) {
        let stream = &mut self.streams[direction & 1];
        stream.count_captured(bytes);
        stream.refuse(bytes);
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

    /// It holds more segments than is fair while frames are scarce.
    pub(super) fn holds_much(&self) -> bool {
        self.streams.iter().any(Stream::holds_much)
    }

    /// Gives up holes until it holds no more than is fair.
    pub(super) fn trim(&mut self, stamp: Stamp, shared: &mut Shared<'_>) {
        for direction in [0, 1] {
            with_delivery!(self, direction, shared, |stream, delivery| stream.trim(
                stamp,
                shared.budget,
                delivery
            ));
        }
    }

    /// Gives up what it keeps beside frames.
    pub(super) fn shed(&mut self, stamp: Stamp, shared: &mut Shared<'_>) {
        with_delivery!(self, 0, shared, |_stream, delivery| delivery.release_all());
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
        reason: &'static str,
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
        with_delivery!(self, 0, shared, |_stream, delivery| delivery.release_all());
        // The end of a capture says nothing about the session.
        if reason != END_OF_CAPTURE && self.delivered > 0 {
            let end = End::Silent(reason);
            with_delivery!(self, 0, shared, |_stream, delivery| delivery
                .end(end, stamp));
        }
        if reason != END_OF_CAPTURE {
            with_delivery!(self, 0, shared, |_stream, delivery| delivery
                .forget(reason, stamp));
        }
        if reason != END_OF_CAPTURE
            && let Some(ribs) = &mut shared.ribs
        {
            // Whatever was not told of its end.
            ribs.end(self.session.id, End::Silent("evicted"), shared.now_ns);
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

    /// What a session is told about when somebody asks.
    pub(super) fn facts<'a>(&'a self, now_ns: u64, ribs: Option<&'a Ribs>) -> SessionFacts<'a> {
        SessionFacts {
            session: &self.session,
            tables: ribs.and_then(|ribs| ribs.tables(self.session.id)),
            last_ns: self.last_ns,
            directions: [0, 1].map(|direction| DirectionFacts {
                bytes: self.streams[direction].ledger().into(),
                tcp: self.figures(direction, now_ns),
                counters: self.counters[direction].as_deref(),
            }),
        }
    }

    fn figures(&self, direction: Direction, now_ns: u64) -> Figures {
        let counters = self.streams[direction & 1].counters();
        let copies = self.mirror_copies[direction & 1];
        let mut figures = Figures::new(&self.health, direction, counters, copies, now_ns);
        if self.session.state != State::Established {
            // No session is left that could run out of time.
            figures.hold_margin_ms = None;
        }
        figures
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
            if let Some(tables) = tables {
                publish_tables(&counters, tables.direction(direction).ribs());
            }
        }
    }

    /// Copies what is held in frames that their source wants back.
    pub(super) fn spill(&mut self, budget: &mut Budget) {
        for stream in &mut self.streams {
            stream.spill(budget);
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
