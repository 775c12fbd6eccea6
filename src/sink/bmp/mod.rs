//! BMP (RFC 7854, RFC 8671): routers on the mirror as if they spoke it themselves.
//!
//! What a router received is its Adj-RIB-In before any policy, what it sent its Adj-RIB-Out after all
//! policies; a session between two monitored routers is told of both. UPDATEs are passed on as they were on the wire.
//! A listener that comes late, comes back or could not keep up is told everything anew from the Adj-RIBs,
//! and so ends with the same tables.
//!
//! [`Bmp`] decides what is told, on the worker's thread; a [`Carrier`] brings it to its listener: to a station
//! by TCP ([`Station`]), or to Kafka.

mod carrier;
mod downs;
mod dump;
mod feed;
mod known;
pub mod message;
pub mod open;
mod pipe;
#[cfg(test)]
mod rehearsal;
mod router;
mod station;

pub use carrier::{Carrier, Fate, Ledger, RouterName};
pub use feed::Wanted;
pub use station::Station;

use self::message::Mirrored;
use crate::bgp::{Disposition, Message, MessageType};
use crate::rib::{Changes, Ribs};
use crate::session::{Direction, Session, State};
use crate::sink::deadline::Deadline;
use crate::sink::metrics::Output;
use crate::sink::routes::meta_of_session;
use crate::sink::writer::WhenFull;
use feed::{Feed, Untold};
use known::Known;
use router::{Heard, Router, Sessions, Voice, World};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// Routers that one feed has at a time; spoofed sessions could name any number.
pub(crate) const ROUTERS_MAX: usize = 1024;
/// Places of tables that are looked at on one tick of a live capture: some three milliseconds of work.
const PLACES_PER_TICK: usize = 2048;

/// Values of the label `reason` of `bgptap_output_dropped_total`.
const REASONS: [&str; 5] = [
    "queue_full",
    "disconnected",
    "late",
    "resync",
    "router_limit",
];

/// Which addresses are monitored routers, and which of them are the same router.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Routers {
    told: Vec<Vec<IpAddr>>,
}

impl Routers {
    /// Each list holds the addresses of one router. Without any, each address that speaks BGP is a router.
    #[must_use]
    pub const fn new(told: Vec<Vec<IpAddr>>) -> Self {
        Self { told }
    }

    /// The routers that were told.
    fn named(&self) -> impl Iterator<Item = RouterName> {
        let firsts = self.told.iter().filter_map(|router| router.first());
        firsts.map(|first| RouterName { address: *first })
    }

    /// The router that has an address.
    #[must_use]
    pub fn of(&self, address: IpAddr) -> Option<RouterName> {
        if self.told.is_empty() {
            return Some(RouterName { address });
        }
        let router = self.told.iter().find(|router| router.contains(&address))?;
        router.first().map(|first| RouterName { address: *first })
    }
}

/// Something that happened in a session.
#[derive(Clone, Copy)]
pub struct Seen<'a> {
    /// The session, as it is after that.
    pub session: &'a Session,
    /// Who said it.
    pub direction: Direction,
    /// When, nanoseconds since the epoch.
    pub ns: u64,
    /// The tables, as they are after that.
    pub ribs: Option<&'a Ribs>,
}

/// What is kept of a feed that was removed.
struct Gone {
    name: &'static str,
    ledger: Arc<dyn Ledger>,
    untold: Untold,
}

/// All BMP feeds.
pub struct Bmp {
    feeds: Vec<Feed>,
    /// Feeds that were removed: their carriers may still be at work.
    gone: Vec<Gone>,
    /// What listeners that are not wanted any more were not told, and will not be.
    lost: u64,
    sessions: Sessions,
    which: Routers,
    description: String,
    statistics_ns: u64,
    next_statistics_ns: u64,
}

impl Bmp {
    /// Feeds for these listeners. `host` is the name of this monitor, figures are told every `statistics`, or
    /// only at the end if that is zero.
    #[must_use]
    pub fn new(wanted: Vec<Wanted>, which: Routers, host: &str, statistics: Duration) -> Self {
        let mut bmp = Self {
            feeds: Vec::new(),
            gone: Vec::new(),
            lost: 0,
            sessions: Sessions::default(),
            which,
            description: format!(
                "bgptap {} on {host}: as seen on the wire",
                env!("CARGO_PKG_VERSION")
            ),
            statistics_ns: u64::try_from(statistics.as_nanos()).unwrap_or(u64::MAX),
            next_statistics_ns: 0,
        };
        bmp.change(wanted);
        bmp
    }

    /// Has these listeners from now on; what carried to others, to be closed. Whoever was there already goes
    /// on, and is told anew if its filters have changed.
    pub fn change(&mut self, wanted: Vec<Wanted>) -> Vec<Box<dyn Carrier>> {
        let mut before = std::mem::take(&mut self.feeds);
        for wanted in wanted {
            let same = before.iter().position(|feed| feed.is(&wanted.key));
            match (wanted.carrier, same) {
                (Some(carrier), _) => {
                    let mut feed = Feed::new(wanted.key, carrier, wanted.selection);
                    // Those that are known beforehand have their connections before their first session.
                    self.which.named().for_each(|name| feed.expect(name));
                    self.feeds.push(feed);
                }
                (None, Some(at)) => {
                    let mut feed = before.swap_remove(at);
                    feed.select(wanted.selection);
                    self.feeds.push(feed);
                }
                (None, None) => (),
            }
        }
        let retired = before.into_iter().map(|mut feed| {
            self.lost += feed.lost_for_good();
            feed.farewell();
            self.gone.push(Gone {
                name: feed.carrier.name(),
                ledger: feed.carrier.ledger(),
                untold: feed.untold(),
            });
            feed.carrier
        });
        retired.collect()
    }

    /// UPDATEs and routes of tables that the filters of each kind of feed have left out.
    pub fn filtered(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let mut all = BTreeMap::new();
        for feed in &self.feeds {
            *all.entry(feed.carrier.name()).or_default() += feed.selection.left_out();
        }
        all.into_iter()
    }

    /// A message was decoded, and did something to the Adj-RIB if that is known.
    pub fn message(
        &mut self,
        seen: &Seen<'_>,
        message: &Message<'_>,
        bytes: &[u8],
        changes: Option<&Changes>,
    ) {
        let (session, kind) = (seen.session, message.kind());
        let expired = changes.is_some_and(|changes| changes.expired > 0);
        let counts = matches!(
            kind,
            MessageType::Open | MessageType::Update | MessageType::Notification
        );
        if !counts && !expired || kind == MessageType::Update && session.has_ended() {
            return;
        }
        let known = match message {
            // What may come behind the end, and what says nothing, begin no session.
            Message::Open(_) | Message::Update(_) => self
                .sessions
                .entry(session.id)
                .or_insert_with(|| Known::new(session)),
            _ => match self.sessions.get_mut(&session.id) {
                Some(known) => known,
                None => return,
            },
        };
        known.take(session, seen.direction, message, bytes);
        match message {
            Message::Update(update) => {
                known.count(seen.direction, update, changes);
                self.bring_up(seen);
                let heard = Heard {
                    direction: seen.direction,
                    update,
                    bytes,
                    message,
                    changes,
                    meta: meta_of_session(session, seen.direction, seen.ns),
                    expired,
                    ns: seen.ns,
                };
                self.each(seen, |router, voice, world, known, side| {
                    router.update(voice, world, known, side, &heard);
                });
            }
            Message::Broken { .. } if kind == MessageType::Update => {
                self.mirror(seen, Mirrored::Errored, Some(bytes));
            }
            Message::RouteRefresh(_) if expired => {
                self.each(seen, |router, voice, world, known, side| {
                    router.tell_anew(voice, world, known, side, seen.ns);
                });
            }
            _ if message
                .errors()
                .iter()
                .any(|error| error.disposition >= Disposition::SessionReset) =>
            {
                self.mirror(seen, Mirrored::Errored, Some(bytes));
            }
            _ => (),
        }
    }

    /// The session's state changed.
    pub fn state(&mut self, seen: &Seen<'_>, state: State, reason: &str) {
        match state {
            State::Established => {
                let session = seen.session;
                self.sessions
                    .entry(session.id)
                    .or_insert_with(|| Known::new(session));
                self.bring_up(seen);
                self.each(seen, |router, voice, world, known, side| {
                    router.established(voice, world, known, side);
                });
            }
            State::Idle => self.forget(seen, reason),
            State::Connect | State::Active | State::OpenSent | State::OpenConfirm => (),
        }
    }

    /// The session is over, or nobody follows it any more: nothing is kept of it.
    pub fn forget(&mut self, seen: &Seen<'_>, reason: &str) {
        self.each(seen, |router, voice, world, known, side| {
            let down = known.down(side, seen.direction, reason);
            router.ended(voice, world, known, side, down, seen.ns);
        });
        self.sessions.remove(&seen.session.id);
    }

    /// The session is up from now on. Whoever listens gets to know of what was before first.
    fn bring_up(&mut self, seen: &Seen<'_>) {
        let is_up = |known: &Known| known.up_ns.is_some();
        if self.sessions.get(&seen.session.id).is_none_or(is_up) {
            return;
        }
        self.each_router(seen, |_, _, _, _, _| ());
        if let Some(known) = self.sessions.get_mut(&seen.session.id) {
            known.up_ns = Some(seen.ns);
        }
    }

    /// Bytes of a direction are missing, or were no messages.
    pub fn lost(&mut self, seen: &Seen<'_>) {
        self.mirror(seen, Mirrored::Lost, None);
    }

    fn mirror(&mut self, seen: &Seen<'_>, what: Mirrored, bytes: Option<&[u8]>) {
        self.each(seen, |router, voice, _, known, side| {
            router.mirror(voice, known, side, seen.direction, (what, bytes), seen.ns);
        });
    }

    /// Does something for each monitored router that is an end of the session, in each feed. Nobody is told of a session
    /// that has not come up, and no connection is made for it.
    fn each(
        &mut self,
        seen: &Seen<'_>,
        tell: impl FnMut(&mut Router, &mut Voice<'_>, &World<'_>, &Known, Direction),
    ) {
        let known = self.sessions.get(&seen.session.id);
        if known.is_some_and(|known| known.up_ns.is_some()) {
            self.each_router(seen, tell);
        }
    }

    /// The same, also of a session that is about to come up.
    fn each_router(
        &mut self,
        seen: &Seen<'_>,
        mut tell: impl FnMut(&mut Router, &mut Voice<'_>, &World<'_>, &Known, Direction),
    ) {
        let Some(known) = self.sessions.get(&seen.session.id) else {
            return;
        };
        let world = World {
            sessions: &self.sessions,
            which: &self.which,
            ribs: seen.ribs,
            description: &self.description,
            now_ns: seen.ns,
        };
        for feed in &mut self.feeds {
            for side in [0, 1] {
                let (own, other) = known.key.endpoints(side);
                let twice = side == 1 && self.which.of(own.addr) == self.which.of(other.addr);
                let name = self.which.of(own.addr).filter(|_| !twice);
                let Some(index) = name.and_then(|name| feed.router(name, &world)) else {
                    continue;
                };
                match feed.carrier.when_full() {
                    WhenFull::Wait => feed.settle(index, &world),
                    WhenFull::Drop => feed.introduce(index, &world),
                }
                if let Some((router, mut voice)) = feed.speaker(index) {
                    tell(router, &mut voice, &world, known, side);
                }
            }
        }
    }

    /// Time has passed: listeners that came, or have room again, are told what they have not been.
    pub fn advance(&mut self, ribs: Option<&Ribs>, now_ns: u64) {
        let due = self.statistics_ns > 0 && now_ns >= self.next_statistics_ns;
        if due {
            self.next_statistics_ns = now_ns.saturating_add(self.statistics_ns);
        }
        let (feeds, world) = self.parts(ribs, now_ns);
        for feed in feeds {
            feed.advance(&world);
            if due {
                feed.statistics(&world);
            }
            feed.carrier.flush();
        }
    }

    /// Hands over what was queued.
    pub fn flush(&mut self) {
        for feed in &mut self.feeds {
            feed.carrier.flush();
        }
    }

    /// The capture is over: everybody is told the last figures, and that this was all.
    pub fn finish(&mut self, ribs: Option<&Ribs>, now_ns: u64) {
        let (feeds, world) = self.parts(ribs, now_ns);
        for feed in feeds {
            if feed.carrier.when_full() == WhenFull::Wait {
                for index in 0..feed.routers.len() {
                    feed.settle(index, &world);
                }
            }
            feed.statistics(&world);
            feed.farewell();
        }
    }

    /// The feeds, and what there is to be told.
    fn parts<'a>(
        &'a mut self,
        ribs: Option<&'a Ribs>,
        now_ns: u64,
    ) -> (&'a mut Vec<Feed>, World<'a>) {
        let world = World {
            sessions: &self.sessions,
            which: &self.which,
            ribs,
            description: &self.description,
            now_ns,
        };
        (&mut self.feeds, world)
    }

    /// Begins to send what is left.
    pub fn begin_close(&mut self) {
        for feed in &mut self.feeds {
            feed.carrier.begin_close();
        }
    }

    /// Waits for that within some time, and hangs up.
    pub fn close(&mut self, until: Deadline) {
        self.begin_close();
        for feed in &mut self.feeds {
            feed.carrier.close(until);
        }
    }

    /// Of each listener, whether a file is read for it and it cannot be reached.
    pub fn are_broken(&self) -> impl Iterator<Item = bool> {
        self.feeds.iter().map(|feed| feed.carrier.is_broken())
    }

    /// Messages that were not told, and will not be made up for: of routers whose listener is not there now, and of those
    /// that there is no place for.
    pub fn lost_for_good(&mut self) -> u64 {
        let now: u64 = self.feeds.iter_mut().map(Feed::lost_for_good).sum();
        self.lost + now
    }

    /// The keys of those that cannot be reached.
    pub fn broken(&self) -> impl Iterator<Item = &str> {
        let feeds = self.feeds.iter();
        let broken = feeds.filter(|feed| feed.carrier.is_broken());
        broken.map(Feed::key)
    }

    /// What the metrics show of each feed: messages dropped because the queue was full, not delivered because
    /// a connection ended, or not taken by the end, not told because their listener was not there or not up to date (it
    /// gets the tables instead), and of routers that there is no place for.
    #[must_use]
    pub fn figures(&self) -> Vec<Output> {
        let output = |name, ledger: &dyn Ledger, untold: Untold, queue| {
            let fate = ledger.fate();
            let dropped = [
                fate.queue_full,
                fate.undelivered,
                fate.late,
                untold.missed,
                untold.no_place,
            ];
            Output {
                name,
                dropped: REASONS.into_iter().zip(dropped).collect(),
                queue,
            }
        };
        let feeds = self.feeds.iter().map(|feed| {
            let carrier = &feed.carrier;
            let ledger = carrier.ledger();
            output(carrier.name(), &*ledger, feed.untold(), carrier.queue())
        });
        let gone = self.gone.iter();
        let gone = gone.map(|gone| output(gone.name, &*gone.ledger, gone.untold, 0.0));
        feeds.chain(gone).collect()
    }

    /// What has become of the messages of each feed: the name of its output, how it fared, and what was wrong last.
    pub fn fates(&self) -> impl Iterator<Item = (&'static str, Fate, Option<String>)> {
        let told = |name, ledger: &dyn Ledger| (name, ledger.fate(), ledger.why());
        let carriers = self.feeds.iter().map(|feed| &feed.carrier);
        let there = carriers.map(move |carrier| told(carrier.name(), &*carrier.ledger()));
        let gone = self.gone.iter();
        there.chain(gone.map(move |gone| told(gone.name, &*gone.ledger)))
    }
}

#[cfg(test)]
mod tests;
