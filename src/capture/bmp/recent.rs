//! A sequence number of each connection, for those that were spoken of last.

use super::Direction;
use std::collections::HashMap;

/// Numbers that are kept at most; the last half of that is kept in any case.
pub(super) const RECENT_MAX: usize = 16_384;

type Numbers = HashMap<Direction, u32, foldhash::fast::RandomState>;

/// When the young ones are many enough, the old ones are forgotten, and the young ones are old.
#[derive(Debug, Default)]
pub(super) struct Recent {
    young: Numbers,
    old: Numbers,
}

impl Recent {
    pub(super) fn insert(&mut self, key: Direction, number: u32) {
        if self.young.len() >= RECENT_MAX / 2 {
            self.old = std::mem::take(&mut self.young);
        }
        self.old.remove(&key);
        self.young.insert(key, number);
    }

    pub(super) fn get(&self, key: &Direction) -> Option<u32> {
        self.young.get(key).or_else(|| self.old.get(key)).copied()
    }

    pub(super) fn forget(&mut self, key: &Direction) {
        self.young.remove(key);
        self.old.remove(key);
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }
}
