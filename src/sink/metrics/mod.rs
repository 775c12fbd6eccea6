//! Counters for Prometheus, as FORMATS names them.
//!
//! The worker counts in plain single-writer cells ([`Count`], [`Direction`]) and
//! publishes a [`Snapshot`] of slower figures about once a second; the exporter
//! reads both when it is scraped. Nothing here is locked per frame.

mod attribute_errors;
mod catalogue;
mod count;
mod direction;

mod export;
#[cfg(test)]
mod fixture;
mod latency;
mod server;
mod status;
mod tcp;

pub use attribute_errors::{AttributeErrors, label as attribute_label};
pub use catalogue::{Kind, Metric, all as catalogue};
pub use count::Count;
pub use direction::{
    BYTE_STATES, Direction, ERROR_KINDS, MESSAGE_TYPES, Prefixes as FamilyCounters,
};
pub use latency::{Recorder, Shared as SharedLatency};
pub use server::{Listener, Server};
pub use status::About;

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

/// Figures that are gathered, not counted: published by the worker about once a second.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// Frames by interface and outcome.
    pub frames: Vec<(String, Vec<(&'static str, u64)>)>,
    /// Frames held out of order now.
    pub frames_held: u64,
    /// Frames of the UMEM and of its rings by where they are.
    pub frame_states: Vec<(&'static str, u64)>,
    /// Pools.
    pub pools: Vec<Pool>,
    /// Caches of values that recur.
    pub caches: Vec<crate::intern::Stats>,
    /// What Adj-RIBs take, if they are kept.
    pub rib: Option<crate::rib::Usage>,
    /// Outputs that can lose events.
    pub outputs: Vec<Output>,
    /// Events that the filters of an output left out, by output.
    pub filtered: Vec<(&'static str, u64)>,
    /// What has become of evidence, if it is kept.
    pub evidence: Option<crate::sink::evidence::Counts>,
    /// Sessions known now.
    pub sessions: u64,
    /// Connections of which only SYNs were seen.
    pub handshakes: u64,
    /// Bytes kept outside frames.
    pub kept_bytes: u64,
    /// Segments of connections that there was no room for.
    pub refused: u64,
    /// Connections that went before they ended, by reason.
    pub evicted: Vec<(&'static str, u64)>,
}

/// State of one pool.
#[derive(Clone, Debug, Default)]
pub struct Pool {
    /// `umem`, `rx_ring`, `held`, `buffers_SIZE` or `spill_SIZE`.
    pub name: String,
    /// Share in use, 0 to 1.
    pub utilisation: f64,
    /// Times that the heap had to serve instead.
    pub fallbacks: u64,
}

/// State of one output.
#[derive(Clone, Debug, Default)]
pub struct Output {
    /// `json`, …
    pub name: &'static str,
    /// Events lost, by reason.
    pub dropped: Vec<(&'static str, u64)>,
    /// Share of its queue in use, 0 to 1.
    pub queue: f64,
}

impl Output {
    /// Adds what there is of the same output elsewhere.
    pub fn add(&mut self, other: Self) {
        for (reason, count) in other.dropped {
            match self.dropped.iter_mut().find(|(same, _)| *same == reason) {
                Some((_, sum)) => *sum += count,
                None => self.dropped.push((reason, count)),
            }
        }
        self.queue = self.queue.max(other.queue);
    }
}

/// Everything that the exporter shows.
#[derive(Debug, Default)]
pub struct Metrics {
    directions: Mutex<HashMap<(IpAddr, IpAddr), Arc<Direction>>>,
    snapshot: Mutex<Snapshot>,
    /// Wire-to-decoded latency.
    pub latency: SharedLatency,
}

impl Metrics {
    /// The counters of what `peer` sends to `local`; made when asked for the first time.
    ///
    /// Called once per direction of a session, not per frame: it takes a lock.
    pub fn direction(&self, peer: IpAddr, local: IpAddr) -> Arc<Direction> {
        let mut directions = self
            .directions
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let entry = directions
            .entry((peer, local))
            .or_insert_with(|| Arc::new(Direction::new(peer, local)));
        Arc::clone(entry)
    }

    /// Forgets what is counted between two addresses, both ways, unless a session still uses it:
    /// called when a session goes, so that the number of series is bounded by the sessions.
    pub fn forget_unused(&self, a: IpAddr, b: IpAddr) {
        let mut directions = self
            .directions
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        for key in [(a, b), (b, a)] {
            if directions
                .get(&key)
                .is_some_and(|direction| Arc::strong_count(direction) == 1)
            {
                directions.remove(&key);
            }
        }
    }

    /// Memory that one direction takes.
    #[must_use]
    pub const fn direction_bytes() -> usize {
        // The map has up to half of its room free; an `Arc` counts twice.
        size_of::<Direction>() + 2 * size_of::<usize>() + 4 * size_of::<(IpAddr, IpAddr, usize)>()
    }

    /// Replaces the gathered figures.
    pub fn publish(&self, snapshot: &Snapshot) {
        let mut shared = self.snapshot.lock().unwrap_or_else(PoisonError::into_inner);
        shared.clone_from(snapshot);
    }

    fn directions(&self) -> Vec<Arc<Direction>> {
        let directions = self
            .directions
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<_> = directions.values().map(Arc::clone).collect();
        // A stable order makes two scrapes comparable.
        all.sort_by_key(|direction| (direction.peer, direction.local));
        all
    }

    /// The figures that were published last.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let shared = self.snapshot.lock().unwrap_or_else(PoisonError::into_inner);
        shared.clone()
    }
}
