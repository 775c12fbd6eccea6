//! A hash table that grows a part at a time.
//!
//! A table that doubles at once makes one message in a million pay for moving a million entries. From
//! some thousands of entries on this one has parts, of which each doubles by itself. Their shares of the entries differ
//! by up to a factor of two, so that they double one after the other, evenly spread: while the number of entries
//! doubles, each part does so once, the largest first. What growing costs is the same for each entry then, and
//! the room that is free at any time is about the same share of all: in between the extremes of a table
//! that doubles.

use hashbrown::HashTable;
use smallvec::{SmallVec, smallvec};

/// Parts of a large table.
const PARTS: usize = 16;
/// Entries up to which there is one part: what hashbrown holds in 2^14 buckets.
const WHOLE: usize = (1 << 14) / 8 * 7;
/// A part with fewer entries than this share of its room gives room back.
const SPARSE: usize = 8;
/// Parts with less room than this keep it.
const SMALL: usize = 1024;
/// The smallest table: what the first entry takes, at most.
const FIRST: u64 = 512;
/// Which part a hash belongs to, by eight of its bits that hashbrown does not look at.
const PART_OF: [u8; 256] = shares();

/// Part `n` has a share of `1 / (PARTS + n)`: it is full, and doubles, when all have `PARTS + n` times
/// as many entries as it has room for.
const fn shares() -> [u8; 256] {
    const ONE: usize = 1 << 20;
    let mut ends = [0; PARTS];
    let (mut part, mut sum) = (0, 0);
    while part < PARTS {
        sum += ONE / (PARTS + part);
        ends[part] = sum;
        part += 1;
    }
    let mut of = [0; 256];
    let (mut part, mut at) = (0, 0);
    while at < of.len() {
        while at * sum >= ends[part] * of.len() {
            part += 1;
        }
        #[allow(clippy::cast_possible_truncation, reason = "below PARTS")]
        {
            of[at] = part as u8;
        }
        at += 1;
    }
    of
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

    /// So many entries that they hardly are in the processor's cache.
    pub(crate) fn is_large(&self) -> bool {
        self.parts.len() > 1
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
        if !self.is_large() && self.len >= WHOLE {
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
        if self.is_large() && self.len <= WHOLE / SPARSE {
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
        let [_, _, byte, ..] = hash.to_be_bytes();
        // With one part that is always the first.
        usize::from(PART_OF[usize::from(byte)]) & (self.parts.len() - 1)
    }

    #[cold]
    fn split(&mut self, hash_of: &impl Fn(&T) -> u64) {
        let whole = self.parts.pop().unwrap_or_default();
        self.parts
            .resize_with(PARTS, || HashTable::with_capacity(WHOLE / PARTS));
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
