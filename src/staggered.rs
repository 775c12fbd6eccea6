//! A hash table that grows a part at a time.
//!
//! A table that doubles at once makes one message in a million pay for moving a million entries. From
//! a hundred thousand entries on this one has parts, of which each doubles by itself. Their shares of the entries differ
//! by up to a factor of two, so that they double one after the other, evenly spread: while the number of entries
//! doubles, each part does so once, the largest first. What growing costs is the same for each entry then, and
//! the room that is free at any time is about the same share of all: in between the extremes of a table
//! that doubles.
//!
//! An entry that goes may leave a mark that takes room until its part is written anew. hashbrown doubles a table that
//! is more than half full of entries when marks take the rest; a table whose entries come and go would
//! be twice as large as one that has just been filled. Here such a part is tidied up: its entries go aside and come
//! back. A table of many parts keeps the place aside for the next time. A table of one part would be nearly doubled by
//! that, and gives it back: then replacing entries allocates once whenever a part is tidied up, which is at most once
//! for each thirty-second of its room.

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
/// So many entries are put into one part again.
const FEW: usize = WHOLE / SPARSE;
/// Parts with less room than this keep it.
const SMALL: usize = 1024;
/// A part is tidied up rather than grown if this share of its room comes free by that. While entries are replaced at
/// random, each of them pays for moving less than ten.
const WORTHWHILE: usize = 32;
/// The same if it must not grow: each pays for about twenty.
const PRESSING: usize = 64;
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

/// Whether there is room for an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Room {
    /// There is.
    Free,
    /// There is if its part is tidied up; to keep so many bytes more for the next time saves an allocation.
    Untidy(u64),
    /// Its part has to grow by up to so many bytes, for a moment at least.
    Full(u64),
}

/// Entries by their hashes. Hashes have 64 good bits, and those of an entry are always the same.
pub(crate) struct Staggered<T> {
    /// One, or `PARTS`.
    parts: SmallVec<[HashTable<T>; 1]>,
    /// Where entries of a part wait while it is tidied up; empty otherwise, and without room if there is one part.
    aside: Vec<T>,
    len: usize,
    /// Bytes of memory that it takes.
    bytes: u64,
    moves: u64,
}

impl<T> Staggered<T> {
    pub(crate) fn new() -> Self {
        Self {
            parts: smallvec![HashTable::new()],
            aside: Vec::new(),
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
        let aside = self.aside.capacity() * size_of::<T>();
        self.bytes = (tables + spilled + aside) as u64;
    }

    /// Whether there is room for an entry with this hash.
    pub(crate) fn room(&self, hash: u64) -> Room {
        let part = &self.parts[self.part_of(hash)];
        if part.len() < part.capacity() {
            Room::Free
        } else {
            self.room_beyond(part)
        }
    }

    #[cold]
    fn room_beyond(&self, part: &HashTable<T>) -> Room {
        if !would_free(part, WORTHWHILE) {
            // Twice as much, and until all is moved what there was before, too.
            return Room::Full((2 * part.allocation_size() as u64).max(FIRST));
        }
        let lacking = match self.is_whole() || is_half_empty(part) {
            true => 0,
            false => room_of(part).saturating_sub(self.aside.capacity()),
        };
        Room::Untidy((lacking * size_of::<T>()) as u64)
    }

    /// Tidies up the part where this hash belongs, if enough comes free by that for the work to pay. The memory that
    /// this takes besides, no more than the part, is kept only if the table has many parts, and `keep` says so.
    #[cold]
    pub(crate) fn tidy(&mut self, hash: u64, keep: bool, hash_of: impl Fn(&T) -> u64) -> bool {
        let keep = keep && !self.is_whole();
        let part = self.part_of(hash);
        let part = &mut self.parts[part];
        if !would_free(part, PRESSING) {
            return false;
        }
        if is_half_empty(part) {
            // Then hashbrown does it by itself, in place.
            part.reserve(part.capacity() - part.len() + 1, &hash_of);
        } else {
            let room = if keep { room_of(part) } else { part.len() };
            if self.aside.capacity() < room {
                self.aside = Vec::with_capacity(room);
            }
            self.aside.extend(part.drain());
            for entry in self.aside.drain(..) {
                part.insert_unique(hash_of(&entry), entry, &hash_of);
            }
            if !keep {
                self.aside = Vec::new();
            }
        }
        self.moves += 1;
        self.count_bytes();
        true
    }

    /// The smallest table of `hashbrown`: four places, with a byte for each and a group of sixteen behind them.
    const FIRST: u64 = 4 * size_of::<T>() as u64 + 4 + 16;

    /// Bytes that `more` entries may take more, about.
    pub(crate) fn growth_most(&self, more: usize) -> u64 {
        match &self.parts[..] {
            [whole] if self.len + more > whole.capacity() => self.bytes.max(Self::FIRST),
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
        match self.room(hash) {
            Room::Free => {}
            Room::Untidy(_) => {
                self.tidy(hash, true, &hash_of);
            }
            Room::Full(_) => return self.grow(hash, entry, hash_of),
        }
        let part = self.part_of(hash);
        self.parts[part].insert_unique(hash, entry, hash_of);
        self.len += 1;
    }

    #[cold]
    fn grow(&mut self, hash: u64, entry: T, hash_of: impl Fn(&T) -> u64) {
        if self.is_whole() && room_of(&self.parts[0]) >= WHOLE {
            self.split(&hash_of);
        }
        let part = self.part_of(hash);
        let part = &mut self.parts[part];
        part.insert_unique(hash, entry, hash_of);
        self.len += 1;
        // In the place of one that was removed there may still have been room.
        if part.len() < part.capacity() {
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

    /// Whether there is much more room than entries where this hash belongs, or too few entries for many parts.
    pub(crate) fn is_sparse(&self, hash: u64) -> bool {
        is_sparse(&self.parts[self.part_of(hash)]) || (!self.is_whole() && self.len <= FEW)
    }

    /// Gives back room wherever there is much more of it than entries.
    pub(crate) fn shrink(&mut self, hash_of: impl Fn(&T) -> u64) {
        if !self.is_whole() && self.len <= FEW {
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
        self.aside = Vec::new();
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

/// Entries that a part has room for if it has no marks of those that went.
fn room_of<T>(part: &HashTable<T>) -> usize {
    match part.num_buckets() {
        few @ ..=8 => few.saturating_sub(1),
        many => many / 8 * 7,
    }
}

/// Whether one of so many entries could be new once a part is tidy.
fn would_free<T>(part: &HashTable<T>, share: usize) -> bool {
    let room = room_of(part);
    part.len() < room && part.len() <= room - room / share
}

/// Whether hashbrown writes a part anew in place when it has no room.
fn is_half_empty<T>(part: &HashTable<T>) -> bool {
    part.len() < room_of(part) / 2
}

fn is_sparse<T>(part: &HashTable<T>) -> bool {
    // Its capacity leaves out what marks take up, which is given back, too.
    let (len, room) = (part.len(), room_of(part));
    room >= SMALL && len <= room / SPARSE
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    fn hash_of(entry: &u64) -> u64 {
        // SplitMix64, whose bits are all good.
        let mut hash = entry.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        hash ^ (hash >> 31)
    }

    fn filled(entries: u64) -> Staggered<u64> {
        let mut table = Staggered::new();
        (0..entries).for_each(|entry| table.insert(hash_of(&entry), entry, hash_of));
        table
    }

    fn has(table: &Staggered<u64>, n: u64) -> bool {
        table.find(hash_of(&n), |entry| *entry == n).is_some()
    }

    /// Entries come and go, several times as many as there are: the table stays as large as it was, but
    /// for the place aside of one with many parts, and holds just those that are left. At all sizes between two doublings.
    #[test]
    fn a_table_whose_entries_come_and_go_does_not_grow() {
        for entries in [
            300, 7000, 14_000, 57_000, 104_000, 114_000, 160_000, 250_000, 360_000,
        ] {
            let mut table = filled(entries);
            // A part close to full may double by chance: shares are even only on the average.
            let fresh = filled(entries + entries / 16).allocation_size();
            for gone in 0..8 * entries {
                let new = gone + entries;
                table
                    .remove(hash_of(&gone), |entry| *entry == gone)
                    .expect("it was there");
                table.insert(hash_of(&new), new, hash_of);
            }
            assert_eq!(table.len() as u64, entries);
            let mut left: Vec<u64> = table.iter().copied().collect();
            left.sort_unstable();
            assert!(
                left.into_iter().eq(8 * entries..9 * entries),
                "{entries} entries"
            );
            for entry in 8 * entries..9 * entries {
                assert_eq!(
                    table.find(hash_of(&entry), |known| *known == entry),
                    Some(&entry)
                );
            }
            let most = match table.is_whole() {
                true => fresh,
                false => fresh + fresh / 4,
            };
            let bytes = table.allocation_size();
            assert!(
                bytes <= most,
                "{entries} entries: {bytes} bytes, {fresh} when fresh"
            );
        }
    }

    /// As long as nothing has moved everything is at its place, which those rely on who go through a table by
    /// and by.
    #[test]
    fn tidying_up_counts_as_moving() {
        const ENTRIES: u64 = 50_000;
        let mut table = filled(ENTRIES);
        let place_of = |table: &Staggered<u64>, entry| {
            let mut places = 0..table.places();
            places.find(|place| table.at(*place) == Some(&entry))
        };
        // The first hundred stay, and the others are replaced.
        let stays: Vec<_> = (0..100).map(|entry| place_of(&table, entry)).collect();
        assert!(stays.iter().all(Option::is_some));
        let moves = table.moves();
        let mut gone = 100;
        while table.moves() == moves {
            table
                .remove(hash_of(&gone), |entry| *entry == gone)
                .expect("it was there");
            table.insert(hash_of(&(gone + ENTRIES)), gone + ENTRIES, hash_of);
            gone += 1;
            assert!(gone < 100 * ENTRIES, "no part was ever tidied up");
            if table.moves() == moves && gone % 1000 == 0 {
                for (entry, place) in (0..).zip(&stays) {
                    assert_eq!(place.and_then(|place| table.at(place)), Some(&entry));
                }
            }
        }
    }

    /// Whatever marks have been left, the room of a table that is nearly empty is given back.
    #[test]
    fn marks_do_not_keep_the_room_of_a_table_that_empties() {
        const ENTRIES: u64 = 50_000;
        let mut table = filled(ENTRIES);
        let full = table.allocation_size();
        // Replaced until no place is free, then taken out.
        let mut gone = 0;
        while let Room::Free = table.room(hash_of(&(gone + ENTRIES))) {
            table.remove(hash_of(&gone), |entry| *entry == gone);
            table.insert(hash_of(&(gone + ENTRIES)), gone + ENTRIES, hash_of);
            gone += 1;
        }
        for entry in gone..gone + ENTRIES - 10 {
            table.remove(hash_of(&entry), |known| *known == entry);
            if table.is_sparse(hash_of(&entry)) {
                table.shrink(hash_of);
            }
        }
        assert_eq!(table.len(), 10);
        assert!(table.allocation_size() < full / 16);
        assert!((gone + ENTRIES - 10..gone + ENTRIES).all(|entry| has(&table, entry)));
    }

    /// If a part must not grow it is tidied up as long as that pays, and the place aside may be given back.
    #[test]
    fn a_part_that_must_not_grow_is_tidied_up_while_that_pays() {
        let mut table = filled(110_100);
        let full = room_of(&table.parts[0]);
        assert_eq!(full, WHOLE, "96 % of it are taken");
        let (mut next, mut refused) = (110_100, 0);
        for gone in 0..480_000u64 {
            table
                .remove(hash_of(&gone), |entry| *entry == gone)
                .expect("it was there");
            let hash = hash_of(&next);
            let fits = table.room(hash) == Room::Free || table.tidy(hash, false, hash_of);
            refused += usize::from(!fits);
            assert!(fits, "{} of {full}", table.len());
            table.insert(hash, next, hash_of);
            assert_eq!(table.aside.capacity(), 0);
            next += 1;
        }
        assert_eq!((refused, table.len()), (0, 110_100));
        // Filled to the last place there is nothing to be gained.
        while table.len() < full && table.room(hash_of(&next)) == Room::Free {
            table.insert(hash_of(&next), next, hash_of);
            next += 1;
        }
        let pays = table.len() <= full - full / PRESSING;
        assert_eq!(table.tidy(hash_of(&next), false, hash_of), pays);
    }

    /// Through all changes of form, from nothing to many parts and back: what was put in and not taken out is there, once,
    /// by its hash, at a place, and in the iteration.
    #[test]
    fn it_holds_what_a_set_holds() {
        const MOST: u64 = 300_000;
        let mut table = filled(MOST);
        let (room, moves) = (table.allocation_size(), table.moves());
        assert!(!table.is_whole());
        for kept in [MOST, 100_000, 14_000, 2000, 100, 0] {
            for n in (kept..MOST).filter(|n| has(&table, *n)).collect::<Vec<_>>() {
                assert_eq!(table.remove(hash_of(&n), |entry| *entry == n), Some(n));
                if table.is_sparse(hash_of(&n)) {
                    table.shrink(hash_of);
                }
            }
            assert_eq!(table.len(), kept as usize);
            assert!((0..MOST).all(|n| has(&table, n) == (n < kept)));
            let all: HashSet<u64> = table.iter().copied().collect();
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
        const FROM: u64 = 200_000;
        let mut table = filled(FROM);
        let (first, mut grown) = (table.moves(), Vec::new());
        for n in FROM..2 * FROM {
            let before = table.moves();
            table.insert(hash_of(&n), n, hash_of);
            if table.moves() > before {
                grown.push(n);
            }
        }
        assert_eq!(table.moves() - first, PARTS as u64);
        let apart = grown.windows(2).map(|pair| pair[1] - pair[0]);
        let most = apart.max().expect("several");
        // As far as they are when there are twice as many, and half of that for chance.
        let even = 2 * FROM / PARTS as u64;
        assert!(most < even / 2 * 3, "{most}, evenly {even}");
        // What lies between a table that has just doubled and one that is about to.
        let each = table.allocation_size() as f64 / (2 * FROM) as f64;
        let (full, half) = (9.0 / 0.875, 9.0 / 0.4375);
        assert!(full * 1.2 < each && each < half * 0.85, "{each}");
    }

    /// A table without a bucket to spare takes an entry in the place of one that went, and nothing moves.
    #[test]
    fn what_goes_makes_room_for_what_comes() {
        for entries in [57_344, 229_376] {
            let mut table = filled(entries);
            let (room, moves) = (table.allocation_size(), table.moves());
            for n in 0..entries {
                table.remove(hash_of(&n), |entry| *entry == n);
                table.insert(hash_of(&n), n, hash_of);
                assert!(has(&table, n));
            }
            assert_eq!((table.allocation_size(), table.moves()), (room, moves));
        }
    }
}
