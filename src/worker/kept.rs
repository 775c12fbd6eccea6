//! Figures of tables: those of sessions, and those that are kept for a restart though their session is over.

use crate::rib::{AdjRib, Ribs};
use crate::session::Key;
use crate::sink::metrics::{Direction, Metrics};
use std::sync::Arc;

/// Directions whose figures outlive their session, at most: a series is for people, and whoever wants to fill
/// memory with them can begin sessions and break them off.
const DIRECTIONS_MAX: usize = 1024;

/// Says how large tables are, how many of their routes are stale, and whether they are whole.
pub(super) fn publish_tables(counters: &Direction, ribs: &[AdjRib]) {
    for rib in ribs {
        let family = counters.prefixes(rib.family().afi.0, rib.family().safi.0);
        family.set_rib(Some(rib.len() as u64));
        family.rib_stale.set(rib.stale() as u64);
        family.rib_complete.set(rib.partial().is_none().into());
    }
}

/// The counters that go on because tables are kept.
#[derive(Default)]
pub(super) struct Kept {
    counters: Vec<Arc<Direction>>,
}

impl Kept {
    /// A connection is over: what is counted of it goes, unless it has left tables.
    pub(super) fn leave(&mut self, key: &Key, ribs: Option<&Ribs>, metrics: &Metrics) {
        let (a, b) = key.endpoints(0);
        if ribs.is_some_and(|ribs| ribs.keeps(key)) && self.counters.len() + 2 <= DIRECTIONS_MAX {
            for (peer, local) in [(a, b), (b, a)] {
                self.counters.push(metrics.direction(peer.addr, local.addr));
            }
        } else {
            metrics.forget_unused(a.addr, b.addr);
        }
    }

    /// Says how the tables stand that are kept, and forgets those that are not kept any more. Sessions have to publish
    /// theirs afterwards: they may have taken tables over.
    pub(super) fn publish(&mut self, ribs: Option<&Ribs>, metrics: &Metrics) {
        let before = std::mem::take(&mut self.counters);
        for tables in ribs.into_iter().flat_map(Ribs::retained) {
            for direction in [0, 1] {
                let ribs = tables.direction(direction).ribs();
                if ribs.is_empty() || self.counters.len() >= DIRECTIONS_MAX {
                    continue;
                }
                let (peer, local) = tables.key.endpoints(direction);
                let counters = metrics.direction(peer.addr, local.addr);
                publish_tables(&counters, ribs);
                self.counters.push(counters);
            }
        }
        for gone in before {
            let (peer, local) = (gone.peer, gone.local);
            if !self.counters.iter().any(|kept| Arc::ptr_eq(kept, &gone)) {
                gone.clear_ribs();
            }
            drop(gone);
            metrics.forget_unused(peer, local);
        }
    }
}
