//! A hash table of routes that keeps to a budget.

use super::budget::Budget;
use super::entry::{Entry, State};
use crate::intern::AttrSet;
use foldhash::fast::RandomState;
use hashbrown::HashTable;

/// A table with fewer routes than this share of its room gives room back.
const SPARSE: usize = 8;
/// Tables with less room than this keep it.
const SMALL: usize = 1024;
/// The smallest table: what the first route takes, at most.
const FIRST: u64 = 512;

/// What an announcement came to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Announced {
    /// The route was not there.
    New,
    /// It was, with these attributes; `rest` says that something else than them is new, a label for example.
    Replaced { old: AttrSet, rest: bool },
    /// It was there just so.
    Duplicate,
    /// The same, but it was stale.
    Refreshed,
    /// There is no room for it.
    Refused,
}

pub(super) struct Routes<E: Entry> {
    table: HashTable<E>,
    hasher: RandomState,
    layout: E::Layout,
    stale: usize,
    moves: u64,
}

impl<E: Entry> Routes<E> {
    pub(super) fn new(layout: E::Layout) -> Self {
        Self {
            table: HashTable::new(),
            hasher: RandomState::default(),
            layout,
            stale: 0,
            moves: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.table.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    pub(super) fn stale(&self) -> usize {
        self.stale
    }

    pub(super) fn layout(&self) -> E::Layout {
        self.layout
    }

    /// The place of a route, and what it holds.
    pub(super) fn find(&self, key: E::Key<'_>) -> Option<&E> {
        let hash = E::hash_of(&self.hasher, self.layout, key);
        self.table.find(hash, |entry| entry.is(self.layout, key))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &E> {
        self.table.iter()
    }

    /// Places of routes; a route stays at its place until the table moves.
    pub(super) fn places(&self) -> usize {
        self.table.num_buckets()
    }

    /// How often routes have got other places: when the table grew, shrank, or was tidied up.
    pub(super) fn moves(&self) -> u64 {
        self.moves
    }

    pub(super) fn at(&self, place: usize) -> Option<&E> {
        self.table.get_bucket(place)
    }

    pub(super) fn announce(
        &mut self,
        key: E::Key<'_>,
        attributes: &AttrSet,
        seconds: u32,
        budget: &mut Budget,
    ) -> Announced {
        let (layout, hasher) = (self.layout, &self.hasher);
        let hash = E::hash_of(hasher, layout, key);
        let Some(entry) = self.table.find_mut(hash, |entry| entry.is(layout, key)) else {
            return self.add(key, hash, attributes, seconds, budget);
        };
        let state = entry.state();
        self.stale -= usize::from(state.stale());
        let before = entry.heap();
        let rest = entry.take_rest(key);
        budget.resized(before, entry.heap());
        if !rest && entry.attributes() == attributes {
            entry.set_state(state.with_stale(false));
            return if state.stale() {
                Announced::Refreshed
            } else {
                Announced::Duplicate
            };
        }
        entry.set_state(State::since(seconds));
        let old = entry.set_attributes(attributes.clone());
        Announced::Replaced { old, rest }
    }

    fn add(
        &mut self,
        key: E::Key<'_>,
        hash: u64,
        attributes: &AttrSet,
        seconds: u32,
        budget: &mut Budget,
    ) -> Announced {
        let heap = E::heap_of(key);
        if !self.make_room(heap, budget) {
            return Announced::Refused;
        }
        budget.resized(0, heap);
        let entry = E::new(key, attributes.clone(), State::since(seconds));
        let (layout, hasher) = (self.layout, &self.hasher);
        self.table
            .insert_unique(hash, entry, |entry| entry.hash(hasher, layout));
        Announced::New
    }

    /// Room for one more route, and `heap` bytes beside the table.
    fn make_room(&mut self, heap: u64, budget: &mut Budget) -> bool {
        if self.table.len() < self.table.capacity() {
            return budget.fits(heap);
        }
        // Twice as much, and for a moment what there was before, too.
        let before = self.table.allocation_size() as u64;
        if !budget.fits((2 * before).max(FIRST) + heap) {
            return false;
        }
        self.moves += 1;
        let (layout, hasher) = (self.layout, &self.hasher);
        self.table.reserve(1, |entry| entry.hash(hasher, layout));
        budget.resized(before, self.table.allocation_size() as u64);
        true
    }

    /// Whether the route was there.
    pub(super) fn withdraw(&mut self, key: E::Key<'_>, budget: &mut Budget) -> bool {
        self.take(key, budget).is_some()
    }

    /// Takes a route out.
    pub(super) fn take(&mut self, key: E::Key<'_>, budget: &mut Budget) -> Option<E> {
        let layout = self.layout;
        let hash = E::hash_of(&self.hasher, layout, key);
        let found = self.table.find_entry(hash, |entry| entry.is(layout, key));
        let (gone, _) = found.ok()?.remove();
        self.stale -= usize::from(gone.state().stale());
        budget.resized(gone.heap(), 0);
        self.shrink(budget);
        Some(gone)
    }

    fn shrink(&mut self, budget: &mut Budget) {
        let (len, room) = (self.table.len(), self.table.capacity());
        if room < SMALL || len > room / SPARSE {
            return;
        }
        self.moves += 1;
        let before = self.table.allocation_size() as u64;
        let (layout, hasher) = (self.layout, &self.hasher);
        self.table
            .shrink_to(2 * len, |entry| entry.hash(hasher, layout));
        budget.resized(before, self.table.allocation_size() as u64);
    }

    /// From now on all routes are stale until they are announced again.
    pub(super) fn mark_stale(&mut self) {
        if self.stale == self.table.len() {
            return;
        }
        for entry in &mut self.table {
            entry.set_state(entry.state().with_stale(true));
        }
        self.stale = self.table.len();
    }

    /// Nothing is stale.
    pub(super) fn unmark_stale(&mut self) {
        if std::mem::take(&mut self.stale) > 0 {
            for entry in &mut self.table {
                entry.set_state(entry.state().with_stale(false));
            }
        }
    }

    /// Drops what is stale; how many that were.
    pub(super) fn drop_stale(&mut self, budget: &mut Budget) -> usize {
        let stale = std::mem::take(&mut self.stale);
        if stale > 0 {
            self.drop_where(budget, |entry| entry.state().stale());
        }
        stale
    }

    /// Drops all routes of which `is` says yes; these are stale ones.
    pub(super) fn drop_stale_where(
        &mut self,
        budget: &mut Budget,
        mut is: impl FnMut(&AttrSet) -> bool,
    ) {
        let before = self.table.len();
        self.drop_where(budget, |entry| {
            entry.state().stale() && is(entry.attributes())
        });
        self.stale -= before - self.table.len();
    }

    fn drop_where(&mut self, budget: &mut Budget, mut is: impl FnMut(&E) -> bool) {
        self.table.retain(|entry| {
            let goes = is(entry);
            if goes {
                budget.resized(entry.heap(), 0);
            }
            !goes
        });
        self.shrink(budget);
    }

    /// Gives back all that it took; it holds nothing afterwards.
    pub(super) fn release(&mut self, budget: &mut Budget) {
        let heap: u64 = self.table.iter().map(Entry::heap).sum();
        budget.resized(self.table.allocation_size() as u64 + heap, 0);
        self.table = HashTable::new();
        self.stale = 0;
    }
}
