//! A hash table that grows a part at a time.
//!
//! A table that doubles at once makes one message in a million pay for moving a million entries. From
//! a hundred thousand entries on this one has parts, of which each doubles by itself. Their shares of the entries differ
//! by up to a factor of two, so that they double one after the other, evenly spread: while the number of entries
//! doubles, each part does so once, the largest first. What growing costs is the same for each entry then, and
//! the room that is free at any time is about the same share of all: in between the extremes of a table
//! that doubles.

use hashbrown::HashTable;
use smallvec::{SmallVec, smallvec};

/// Parts of a large table.
const PARTS: usize = 16;
/// Entries up to which there is one part: what hashbrown holds in 2^17 buckets.
const WHOLE: usize = (1 << 17) / 8 * 7;
/// With more entries than this a table is hardly in the processor's caches.
const CACHED: usize = 1 << 14;
/// A part with fewer entries than this share of its room gives room back.
const SPARSE: usize = 8;
/// Parts with less room than this keep it.
const SMALL: usize = 1024;
/// The smallest table: what the first entry takes, at most.
const FIRST: u64 = 512;
/// Which of the parts of a large table a hash belongs to: `PARTS * (2^u - 1)`, where `u`, from 0 to 1, is made of
/// bits that hashbrown does not look at. So part `n` has a share of about `1 / (PARTS + n)`: it is full, and doubles,
/// when all have `PARTS + n` times as many entries as a constant.
const fn share(hash: u64) -> usize {
    let u = (hash >> 32) & 0xffff;
    // 2^u - 1 is u (0.6565 + 0.3435 u), but for two thousandths.
    let power = (u * (43_024 + ((22_512 * u) >> 16))) >> 16;
    // Less than 2^16.
    ((power * PARTS as u64) >> 16) as usize
}

/// Entries by their hashes. Hashes have 64 good bits, and those of an entry are always the same.
pub(crate) struct Staggered<T> {
    /// One, or `PARTS`.
    parts: SmallVec<[HashTable<T>; 1]>,
    len: usize,
    /// Bytes of memory that it takes.
    bytes: u64,
    moves: u64,
}

impl<T> Staggered<T> {
    pub(crate) fn new() -> Self {
        Self {
            parts: smallvec![HashTable::new()],
            len: 0,
            bytes: 0,
            moves: 0,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// What is looked for has to come from afar.
    pub(crate) fn is_large(&self) -> bool {
        self.len > CACHED
    }

    fn is_whole(&self) -> bool {
        self.parts.len() == 1
    }

    /// Bytes of memory that it takes.
    pub(crate) fn allocation_size(&self) -> u64 {
        self.bytes
    }

    fn count_bytes(&mut self) {
        let tables: usize = self.parts.iter().map(HashTable::allocation_size).sum();
        let spilled = if self.parts.spilled() {
            PARTS * size_of::<HashTable<T>>()
        } else {
            0
        };
        self.bytes = (tables + spilled) as u64;
    }

    /// Bytes that an entry with this hash may take more, for a moment at least: none if there is room for it.
    pub(crate) fn growth(&self, hash: u64) -> u64 {
        let part = &self.parts[self.part_of(hash)];
        if part.len() < part.capacity() {
            0
        } else {
            // Twice as much, and until all is moved what there was before, too.
            (2 * part.allocation_size() as u64).max(FIRST)
        }
    }

    /// Bytes that `more` entries may take more, about.
    pub(crate) fn growth_most(&self, more: usize) -> u64 {
        match &self.parts[..] {
            [whole] if self.len + more > whole.capacity() => self.bytes,
            [_] => 0,
            // As if the largest part were full: that depends on the entries, and it has no more than an eighth.
            _ => self.bytes / 8,
        }
    }

    pub(crate) fn find(&self, hash: u64, is: impl FnMut(&T) -> bool) -> Option<&T> {
        self.parts[self.part_of(hash)].find(hash, is)
    }

    pub(crate) fn find_mut(&mut self, hash: u64, is: impl FnMut(&T) -> bool) -> Option<&mut T> {
        let part = self.part_of(hash);
        self.parts[part].find_mut(hash, is)
    }

    /// Puts in an entry that is not there.
    pub(crate) fn insert(&mut self, hash: u64, entry: T, hash_of: impl Fn(&T) -> u64) {
        if self.is_whole() && self.len >= WHOLE {
            self.split(&hash_of);
        }
        let part = self.part_of(hash);
        let part = &mut self.parts[part];
        let was_full = part.len() == part.capacity();
        part.insert_unique(hash, entry, hash_of);
        self.len += 1;
        // In the place of one that was removed there may still have been room.
        if was_full && part.len() < part.capacity() {
            self.moves += 1;
            self.count_bytes();
        }
    }

    /// Takes an entry out.
    pub(crate) fn remove(&mut self, hash: u64, is: impl FnMut(&T) -> bool) -> Option<T> {
        let part = self.part_of(hash);
        let (gone, _) = self.parts[part].find_entry(hash, is).ok()?.remove();
        self.len -= 1;
        Some(gone)
    }

    /// Whether there is much more room than entries where this hash belongs.
    pub(crate) fn is_sparse(&self, hash: u64) -> bool {
        is_sparse(&self.parts[self.part_of(hash)])
    }

    /// Gives back room wherever there is much more of it than entries.
    pub(crate) fn shrink(&mut self, hash_of: impl Fn(&T) -> u64) {
        if !self.is_whole() && self.len <= WHOLE / SPARSE {
            let mut whole = HashTable::with_capacity(2 * self.len);
            for entry in self.parts.drain(..).flatten() {
                whole.insert_unique(hash_of(&entry), entry, &hash_of);
            }
            self.parts = smallvec![whole];
            self.moves += 1;
        }
        for part in self.parts.iter_mut().filter(|part| is_sparse(part)) {
            part.shrink_to(2 * part.len(), &hash_of);
            self.moves += 1;
        }
        self.count_bytes();
    }

    /// Keeps the entries of which `keep` says yes.
    pub(crate) fn retain(&mut self, mut keep: impl FnMut(&mut T) -> bool) {
        for part in &mut self.parts {
            part.retain(&mut keep);
        }
        self.len = self.parts.iter().map(HashTable::len).sum();
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.parts.iter().flatten()
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.parts.iter_mut().flatten()
    }

    /// Places of entries; an entry stays at its place until some of them move.
    pub(crate) fn places(&self) -> usize {
        let buckets = self.parts.iter().map(HashTable::num_buckets);
        buckets.max().unwrap_or(0) * self.parts.len()
    }

    /// How often entries have got other places: when a part grew, shrank, or was tidied up.
    pub(crate) fn moves(&self) -> u64 {
        self.moves
    }

    /// The entry at a place.
    pub(crate) fn at(&self, place: usize) -> Option<&T> {
        let (bucket, part) = (place / self.parts.len(), place % self.parts.len());
        self.parts[part].get_bucket(bucket)
    }

    fn part_of(&self, hash: u64) -> usize {
        // With one part that is always the first.
        share(hash) & (self.parts.len() - 1)
    }

    #[cold]
    fn split(&mut self, hash_of: &impl Fn(&T) -> u64) {
        let whole = self.parts.pop().unwrap_or_default();
        // A little more than their shares.
        let room = (0..PARTS).map(|part| WHOLE * 3 / 2 / (PARTS + part));
        self.parts.extend(room.map(HashTable::with_capacity));
        for entry in whole {
            let hash = hash_of(&entry);
            let part = self.part_of(hash);
            self.parts[part].insert_unique(hash, entry, hash_of);
        }
        self.moves += 1;
        self.count_bytes();
    }
}

fn is_sparse<T>(part: &HashTable<T>) -> bool {
    let (len, room) = (part.len(), part.capacity());
    room >= SMALL && len <= room / SPARSE
}

#[cfg(test)]
mod tests {
    use super::*;
    use foldhash::fast::FixedState;
    use std::collections::HashSet;
    use std::hash::BuildHasher;

    fn hash(entry: &u32) -> u64 {
        FixedState::default().hash_one(entry)
    }

    fn filled(entries: u32) -> Staggered<u32> {
        let mut table = Staggered::new();
        (0..entries).for_each(|n| table.insert(hash(&n), n, hash));
        table
    }

    fn has(table: &Staggered<u32>, n: u32) -> bool {
        table.find(hash(&n), |entry| *entry == n).is_some()
    }

    /// Through all changes of form, from nothing to many parts and back: what was put in and not taken out is there, once,
    /// by its hash, at a place, and in the iteration.
    #[test]
    fn it_holds_what_a_set_holds() {
        const MOST: u32 = 300_000;
        let mut table = filled(MOST);
        let (room, moves) = (table.allocation_size(), table.moves());
        assert!(!table.is_whole());
        for kept in [MOST, 100_000, 14_000, 2000, 100, 0] {
            for n in (kept..MOST).filter(|n| has(&table, *n)).collect::<Vec<_>>() {
                assert_eq!(table.remove(hash(&n), |entry| *entry == n), Some(n));
                if table.is_sparse(hash(&n)) {
                    table.shrink(hash);
                }
            }
            assert_eq!(table.len(), kept as usize);
            assert!((0..MOST).all(|n| has(&table, n) == (n < kept)));
            let all: HashSet<u32> = table.iter().copied().collect();
            let places = (0..table.places()).filter_map(|place| table.at(place));
            assert_eq!(places.copied().collect::<HashSet<_>>(), all);
            assert_eq!(all, (0..kept).collect());
        }
        assert!(table.is_whole());
        assert!(table.allocation_size() < room / 16 && table.moves() > moves);
    }

    /// While the number of entries doubles each part doubles once, and no entry pays for more than its share of
    /// the whole.
    #[test]
    fn parts_double_one_after_the_other() {
        const FROM: u32 = 200_000;
        let mut table = filled(FROM);
        let (first, mut grown) = (table.moves(), Vec::new());
        for n in FROM..2 * FROM {
            let before = table.moves();
            table.insert(hash(&n), n, hash);
            if table.moves() > before {
                grown.push(n);
            }
        }
        assert_eq!(table.moves() - first, PARTS as u64);
        let apart = grown.windows(2).map(|pair| pair[1] - pair[0]);
        let most = apart.max().expect("several");
        // As far as they are when there are twice as many, and half of that for chance.
        let even = 2 * FROM / PARTS as u32;
        assert!(most < even / 2 * 3, "{most}, evenly {even}");
        // What lies between a table that has just doubled and one that is about to.
        let each = table.allocation_size() as f64 / f64::from(2 * FROM);
        let (full, half) = (5.0 / 0.875, 5.0 / 0.4375);
        assert!(full * 1.2 < each && each < half * 0.85, "{each}");
    }

    /// A table without a bucket to spare takes an entry in the place of one that went, and nothing moves.
    #[test]
    fn what_goes_makes_room_for_what_comes() {
        for entries in [WHOLE as u32, 229_376] {
            let mut table = filled(entries);
            let (room, moves) = (table.allocation_size(), table.moves());
            for n in 0..entries {
                table.remove(hash(&n), |entry| *entry == n);
                table.insert(hash(&n), n, hash);
                assert!(has(&table, n));
            }
            assert_eq!((table.allocation_size(), table.moves()), (room, moves));
        }
    }
}
