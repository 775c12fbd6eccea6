//! Tables whose sessions are over, of which there may be so many.

use super::budget::Budget;
use super::restart::Retained;
use super::session::Tables;
use crate::intern::AttrStore;
use crate::session::Pair;
use foldhash::fast::RandomState;
use std::collections::{BTreeMap, HashMap};

/// Where tables stand in line: the first go first. Those without routes stand before those with some, and older ones
/// before younger ones.
type Turn = (bool, u64);

/// Tables that wait for a restart, by who spoke.
pub(super) struct Waiting {
    by_pair: HashMap<Pair, (Turn, Retained), RandomState>,
    line: BTreeMap<Turn, Pair>,
    /// Those that have ever come.
    came: u64,
    max: usize,
}

impl Waiting {
    pub(super) fn new(max: usize) -> Self {
        Self {
            by_pair: HashMap::default(),
            line: BTreeMap::new(),
            came: 0,
            max,
        }
    }

    /// Bytes that one of them takes besides its tables, at most.
    pub(super) const fn each_bytes() -> usize {
        // A map has up to half of its room free, and is there twice while it grows; nodes of a tree may be half empty.
        4 * (size_of::<(Pair, (Turn, Retained))>() + size_of::<(Turn, Pair)>())
    }

    pub(super) fn contains(&self, pair: &Pair) -> bool {
        self.by_pair.contains_key(pair)
    }

    pub(super) fn tables(&self) -> impl Iterator<Item = &Tables> {
        self.by_pair.values().map(|(_, retained)| retained.tables())
    }

    /// Takes the place of what there was of the pair; if there are too many, others go.
    pub(super) fn insert(&mut self, pair: Pair, retained: Retained, budget: &mut Budget) {
        if let Some(older) = self.take(&pair) {
            older.drop_all(budget);
        }
        while self.by_pair.len() >= self.max {
            let first = self.line.first_key_value().map(|(_, pair)| *pair);
            let Some(gone) = first.and_then(|pair| self.take(&pair)) else {
                // There may be none at all.
                return retained.drop_all(budget);
            };
            gone.drop_all(budget);
        }
        self.came += 1;
        let turn = (retained.has_routes(), self.came);
        self.line.insert(turn, pair);
        self.by_pair.insert(pair, (turn, retained));
    }

    pub(super) fn take(&mut self, pair: &Pair) -> Option<Retained> {
        let (turn, retained) = self.by_pair.remove(pair)?;
        self.line.remove(&turn);
        Some(retained)
    }

    /// Drops what nobody waits for any more.
    pub(super) fn expire(&mut self, now_ns: u64, store: &AttrStore, budget: &mut Budget) {
        self.by_pair.retain(|_, (turn, retained)| {
            retained.expire(now_ns, store, budget);
            let over = retained.is_empty();
            if over {
                self.line.remove(turn);
            }
            !over
        });
        if self.by_pair.capacity() / 8 > self.by_pair.len() {
            self.by_pair.shrink_to(2 * self.by_pair.len());
        }
    }
}
