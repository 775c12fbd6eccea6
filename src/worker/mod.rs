//! The loop that carries frames from a source to the outputs.
//!
//! One thread does it all, from the ring to the encoded output, so a frame is in the
//! cache once. What blocks is behind the outputs' queues.

mod admission;
mod answers;
mod archive;
mod backlog;
mod connection;
mod delivery;
mod handshakes;
mod kept;
mod memory;
mod packet;
mod parts;
mod search;

pub use admission::Evicted;
pub use memory::Memory;

use crate::capture::{Captured, Frame, Interrupted, Polled, Source, Stamp, StampSource};
use crate::config::Limits;
use crate::http::Desk;
use crate::rib::Ribs;
use crate::session::Key;
use crate::sink::metrics::{Recorder, Snapshot};
use crate::sink::outputs::{Outputs, Totals};
use crate::sink::totals;
use crate::stream::Budget;
use crate::wire::{Fragments, Ports, Skipped};
use bgptap_umem::buffer::BufferPool;
use connection::{Connection, END_OF_CAPTURE, Proof, Shared};
use handshakes::Handshakes;
use kept::Kept;
use packet::Packet;
use parts::Partial;
use search::Search;
use slab::Slab;
use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Frames that a batch has room for; sources append fewer at a time.
const BATCH: usize = 4096;
/// How often timers are looked at.
const TICK_NS: u64 = 20_000_000;
/// How often the TCP of all sessions is looked at.
const ALARM_NS: u64 = 1_000_000_000;
/// How long a source may wait for frames at a time.
const IDLE_WAIT: Duration = Duration::from_millis(20);
/// How often figures are published.
const PUBLISH_INTERVAL: Duration = Duration::from_secs(1);
/// Connections that never spoke BGP are forgotten sooner than sessions.
const SILENT_TIMEOUT: Duration = Duration::from_secs(60);
/// Directions listed one by one in the summary; of the rest there is a sum.
const DIRECTIONS_MAX: usize = 65_536;
/// So many of them may be of connections of which not both sides were heard: a flood makes as many as it likes.
const DIRECTIONS_DOUBTFUL_MAX: usize = DIRECTIONS_MAX / 2;

/// Frames as user space counts them.
#[derive(Clone, Debug, Default)]
pub struct FrameCounts {
    /// Frames taken from the source.
    pub received: u64,
    /// Frames by the reason for which no segment was found in them.
    pub skipped: Skipped,
    /// Frames that held a segment.
    pub segments: u64,
    /// Segments of connections that there was no room for.
    pub refused: u64,
    /// Payload of these, bytes.
    pub refused_bytes: u64,
}

/// What a run came to.
pub struct Outcome {
    /// Frames.
    pub frames: FrameCounts,
    /// Every direction of every session.
    pub directions: Vec<totals::Direction>,
    /// Those that are not listed.
    pub unlisted: totals::Unlisted,
    /// Connections that went before they ended.
    pub evicted: Evicted,
    /// Over the whole run.
    pub totals: Totals,
    /// Captures that broke off.
    pub interrupted: Vec<Interrupted>,
    /// How long it took.
    pub duration: Duration,
    /// Time from capture to decoded message.
    pub latency: Recorder,
    /// What each side has told the other, if that was kept.
    pub ribs: Option<Ribs>,
}

/// Carries frames of one kind to the outputs.
pub struct Worker<F> {
    limits: Limits,
    ports: Ports,
    /// What is told.
    pub outputs: Outputs,
    connections: Slab<Connection<Packet<F>>>,
    by_key: HashMap<Key, usize, foldhash::fast::RandomState>,
    handshakes: Handshakes,
    evicted: Evicted,
    /// Connections that wait for time to pass.
    ticking: Vec<usize>,
    tick: u64,
    /// What each side has told the other, if that is kept.
    ribs: Option<Ribs>,
    /// What is said of tables whose sessions are over.
    kept: Kept,
    /// Where questions from outside wait, if any are answered.
    desk: Option<Desk>,
    searches: VecDeque<Search>,
    budget: Budget,
    /// See [`BufferPool::refused`], as it was the last time.
    buffers_refused: u64,
    /// No room for connections, nor for memory, will be looked for before.
    full_until_ns: u64,
    short_until_ns: u64,
    scarce_until_ns: u64,
    next_alarm_ns: u64,
    now_ns: u64,
    next_tick_ns: u64,
    frames: FrameCounts,
    directions: Vec<totals::Direction>,
    unlisted: totals::Unlisted,
    /// Directions listed of connections of which not both sides were heard.
    doubtful_listed: usize,
    latency: Recorder,
    /// A frame that goes on in the next buffer.
    partial: Partial,
    /// What has come so far of a fragment in several buffers.
    collected: Vec<u8>,
    /// What evidence needs to know of the frame at hand.
    seen: Option<parts::Origin>,
    /// Datagrams that are not complete.
    fragments: Fragments,
    /// Buffers for messages that straddle frames.
    buffers: BufferPool,
    /// The frames come from a wire, not from a file.
    live: bool,
    snapshot: Snapshot,
}

impl<F: Frame> Worker<F> {
    /// A worker that has seen nothing.
    #[must_use]
    pub fn new(limits: Limits, ports: Ports, outputs: Outputs, memory: Memory) -> Self {
        let handshakes_max = limits.handshakes_max;
        Self {
            ports,
            outputs,
            connections: Slab::new(),
            by_key: HashMap::default(),
            handshakes: Handshakes::new(handshakes_max),
            evicted: Evicted::default(),
            ticking: Vec::new(),
            tick: 0,
            ribs: limits
                .keeps_ribs()
                .then(|| Ribs::new(limits.rib_bytes_max).with_retained_max(limits.sessions_max)),
            kept: Kept::default(),
            desk: None,
            searches: VecDeque::new(),
            budget: memory.budget,
            buffers_refused: 0,
            full_until_ns: 0,
            short_until_ns: 0,
            scarce_until_ns: 0,
            next_alarm_ns: 0,
            now_ns: 0,
            next_tick_ns: 0,
            frames: FrameCounts::default(),
            directions: Vec::new(),
            unlisted: totals::Unlisted::default(),
            doubtful_listed: 0,
            latency: Recorder::default(),
            partial: Partial::None,
            collected: Vec::new(),
            seen: None,
            fragments: Fragments::new(limits.fragments, memory.buffers.clone()),
            limits,
            buffers: memory.buffers,
            live: false,
            snapshot: Snapshot::default(),
        }
    }

    /// Works until the source ends, `stop` is set or there is nobody left to write for.
    ///
    /// `gather` adds to the snapshot what only the caller can tell, about once a second.
    pub fn run<S: Source<Frame = F>>(
        &mut self,
        source: &mut S,
        stop: &AtomicBool,
        mut gather: impl FnMut(&mut S, &mut Snapshot),
    ) -> Vec<Interrupted> {
        let mut batch = Vec::with_capacity(BATCH);
        let mut interrupted = Vec::new();
        // Who asks at once finds every series there is.
        self.snapshot_now(|snapshot| gather(source, snapshot));
        let mut published = Instant::now();
        let mut wait = Duration::ZERO;
        while !stop.load(Ordering::Relaxed) && !self.outputs.are_for_nobody() {
            match source.poll(&mut batch, wait) {
                Ok(Polled::Frames) => {
                    self.batch(&mut batch);
                    wait = Duration::ZERO;
                }
                // Before the wait, not after it: the frame that ends it should not wait for that.
                Ok(Polled::Idle) => {
                    self.idle(source.clock());
                    wait = IDLE_WAIT;
                }
                Ok(Polled::End) => break,
                Err(error) => interrupted.push(error),
            }
            if source.wants_frames_back() {
                self.spill();
            }
            self.outputs.take_over();
            if published.elapsed() >= PUBLISH_INTERVAL {
                published = Instant::now();
                self.snapshot_now(|snapshot| gather(source, snapshot));
            }
        }
        interrupted
    }

    /// Takes what is left in the rings of a source that nothing is steered to any more.
    pub fn drain<S: Source<Frame = F>>(&mut self, source: &mut S) -> Option<Interrupted> {
        let mut batch = Vec::with_capacity(BATCH);
        loop {
            match source.poll(&mut batch, Duration::from_millis(10)) {
                Ok(Polled::Frames) => self.batch(&mut batch),
                Ok(Polled::Idle | Polled::End) => return None,
                Err(error) => return Some(error),
            }
            if source.wants_frames_back() {
                self.spill();
            }
        }
    }

    /// Works through one batch and empties it.
    pub fn batch(&mut self, batch: &mut Vec<Captured<F>>) {
        for captured in batch.drain(..) {
            let stamp = captured.stamp;
            self.advance(stamp);
            let before = self.outputs.totals.messages.update;
            self.frame(captured);
            self.live = stamp.source != StampSource::File;
            if self.live {
                let decoded = self.outputs.totals.messages.update - before;
                if decoded > 0 {
                    self.latency
                        .record(wall_clock_ns().saturating_sub(stamp.ns), decoded);
                }
            }
        }
    }

    /// Copies what is held in frames that their source wants back. Whoever holds frames waits for time to pass.
    fn spill(&mut self) {
        for index in &self.ticking {
            if let Some(connection) = self.connections.get_mut(*index) {
                connection.spill(&mut self.budget);
            }
        }
    }

    /// Nothing came: whatever waits for time to pass is looked at, and output goes out.
    fn idle(&mut self, clock: StampSource) {
        if self.live {
            let stamp = Stamp {
                ns: wall_clock_ns().max(self.now_ns),
                source: clock,
            };
            self.advance(stamp);
        } else {
            // No clock runs before the first frame, but who asks is told that there is nothing yet.
            self.answer_questions();
        }
        self.outputs.flush();
    }

    /// Moves the clock on. It never goes back: files and rings may be slightly out of order.
    fn advance(&mut self, stamp: Stamp) {
        self.now_ns = self.now_ns.max(stamp.ns);
        if self.now_ns < self.next_tick_ns {
            return;
        }
        self.next_tick_ns = self.now_ns.saturating_add(TICK_NS);
        self.fragments.expire(self.now_ns, &mut self.frames.skipped);
        self.tick += 1;
        let mut ticking = std::mem::take(&mut self.ticking);
        ticking.retain(|index| {
            let tick = self.tick;
            self.at_work(*index)
                .is_some_and(|(connection, mut shared)| {
                    connection.is_listed(tick) && connection.tick(stamp, &mut shared)
                })
        });
        self.ticking = ticking;
        self.answer_questions();
        if let (Some(dumps), Some(ribs)) = (&mut self.outputs.tables, &self.ribs) {
            // A file has time.
            dumps.advance(ribs, self.now_ns, !self.live);
        }
        if let Some(bmp) = &mut self.outputs.bmp {
            bmp.advance(self.ribs.as_ref(), self.now_ns);
        }
        if self.now_ns >= self.next_alarm_ns {
            self.next_alarm_ns = self.now_ns.saturating_add(ALARM_NS);
            self.look_for_alarms(stamp);
            self.outputs.advance(self.now_ns);
            if let Some(ribs) = &mut self.ribs {
                ribs.advance(self.now_ns);
            }
            // By the time of the capture: a file is read with the same outcome on any machine.
            self.expire(stamp);
        }
    }

    fn look_for_alarms(&mut self, stamp: Stamp) {
        let mut shared = Shared {
            limits: &self.limits,
            outputs: &mut self.outputs,
            ribs: self.ribs.as_mut(),
            budget: &mut self.budget,
            now_ns: self.now_ns,
        };
        for (_, connection) in &mut self.connections {
            connection.look_for_alarms(stamp, &mut shared);
        }
    }

    /// A connection with what it needs for its work.
    fn at_work(&mut self, index: usize) -> Option<(&mut Connection<Packet<F>>, Shared<'_>)> {
        let connection = self.connections.get_mut(index)?;
        let shared = Shared {
            limits: &self.limits,
            outputs: &mut self.outputs,
            ribs: self.ribs.as_mut(),
            budget: &mut self.budget,
            now_ns: self.now_ns,
        };
        Some((connection, shared))
    }

    /// Ends a connection and keeps its figures.
    fn close(&mut self, index: usize, reason: &'static str, stamp: Stamp) {
        let Some(connection) = self.connections.get_mut(index) else {
            return;
        };
        let mut shared = Shared {
            limits: &self.limits,
            outputs: &mut self.outputs,
            ribs: self.ribs.as_mut(),
            budget: &mut self.budget,
            now_ns: self.now_ns,
        };
        let told = connection.finish(reason, stamp, &mut shared);
        let doubtful = connection.proof() != Proof::BothSides;
        for direction in told.into_iter().flatten() {
            let room = self.directions.len() < DIRECTIONS_MAX;
            if room && (!doubtful || self.doubtful_listed < DIRECTIONS_DOUBTFUL_MAX) {
                self.doubtful_listed += usize::from(doubtful);
                self.directions.push(direction);
            } else {
                self.unlisted.add(&direction);
            }
        }
    }

    fn stamp_now(&self) -> Stamp {
        Stamp {
            ns: self.now_ns,
            source: StampSource::File,
        }
    }

    fn snapshot_now(&mut self, gather: impl FnOnce(&mut Snapshot)) {
        self.kept.publish(self.ribs.as_ref(), &self.outputs.metrics);
        for (_, connection) in &mut self.connections {
            connection.publish(self.now_ns, self.ribs.as_ref());
        }
        self.latency.publish(&self.outputs.metrics.latency);
        let mut snapshot = std::mem::take(&mut self.snapshot);
        snapshot.frames_held = self.budget.frames.into();
        self.evicted.handshakes = self.handshakes.ends.evicted;
        snapshot.refused = self.frames.refused;
        snapshot.evicted = self.evicted.by_reason().to_vec();
        snapshot.handshakes = self.handshakes.len() as u64;
        snapshot.kept_bytes = self.budget.bytes;
        snapshot.sessions = self.connections.len() as u64;
        snapshot.outputs.clear();
        snapshot.caches.clear();
        snapshot.rib = self.ribs.as_ref().map(Ribs::usage);
        if let Some(ribs) = &self.ribs {
            snapshot.caches.extend(ribs.caches());
        }
        snapshot.pools.clear();
        for (name, pool) in [("buffers", &self.buffers), ("spill", &self.budget.spill)] {
            snapshot.pools.extend(pool.stats().map(|class| {
                #[allow(clippy::cast_precision_loss)]
                crate::sink::metrics::Pool {
                    name: format!("{name}_{}", class.size),
                    utilisation: class.in_use as f64 / class.capacity.max(1) as f64,
                    fallbacks: class.fallbacks,
                }
            }));
        }
        snapshot.outputs.extend(self.outputs.status());
        snapshot.filtered.clear();
        snapshot.filtered.extend(self.outputs.filtered());
        self.outputs.describe_evidence(&mut snapshot);
        gather(&mut snapshot);
        self.outputs.metrics.publish(&snapshot);
        self.snapshot = snapshot;
    }

    /// Ends all connections and tells what it all came to.
    pub fn finish(mut self, interrupted: Vec<Interrupted>, started: Instant) -> (Outcome, Outputs) {
        let stamp = self.stamp_now();
        let mut open: Vec<usize> = self.connections.iter().map(|(index, _)| index).collect();
        open.sort_unstable();
        for index in open {
            self.close(index, END_OF_CAPTURE, stamp);
        }
        self.fragments.finish(&mut self.frames.skipped);
        if let (Some(dumps), Some(ribs)) = (&mut self.outputs.tables, &self.ribs) {
            dumps.finish(ribs, self.now_ns, !self.live);
        }
        if let Some(bmp) = &mut self.outputs.bmp {
            bmp.finish(self.ribs.as_ref(), self.now_ns);
        }
        self.outputs.flush();
        self.latency.publish(&self.outputs.metrics.latency);
        let outcome = Outcome {
            frames: self.frames,
            directions: self.directions,
            unlisted: self.unlisted,
            evicted: Evicted {
                handshakes: self.handshakes.ends.evicted,
                ..self.evicted
            },
            totals: self.outputs.totals.clone(),
            interrupted,
            duration: started.elapsed(),
            latency: self.latency,
            ribs: self.ribs,
        };
        (outcome, self.outputs)
    }
}

/// Tables follow UPDATEs: without these there is nothing to keep.
fn wall_clock_ns() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| {
            u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
        })
}
