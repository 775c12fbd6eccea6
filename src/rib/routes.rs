//! A hash table of routes that keeps to a budget.

use super::budget::Budget;
use super::entry::{Entry, State};
use crate::intern::AttrSet;
use crate::staggered::{Room, Staggered};
use foldhash::fast::RandomState;
use smallvec::SmallVec;
use std::hint::black_box;

/// Routes of a message that are looked for together.
pub(super) const TOGETHER: usize = 16;

/// What an announcement came to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Announced {
    /// The route was not there.
    New,
    /// It was, with these attributes, `stale` or not; `rest` says that something else than them is new, a label for
    /// example.
    Replaced {
        old: AttrSet,
        stale: bool,
        rest: bool,
    },
    /// It was there just so.
    Duplicate,
    /// The same, but it was stale.
    Refreshed,
    /// There is no room for it.
    Refused,
}

pub(super) struct Routes<E: Entry> {
    table: Staggered<E>,
    hasher: RandomState,
    layout: E::Layout,
    stale: usize,
}

/// Keys with their hashes, until there are enough of them to be looked for together.
pub(super) type Batch<K> = SmallVec<[(u64, K); TOGETHER]>;

impl<E: Entry> Routes<E> {
    pub(super) fn new(layout: E::Layout) -> Self {
        Self {
            table: Staggered::new(),
            hasher: RandomState::default(),
            layout,
            stale: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.table.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.table.len() == 0
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
        self.table.places()
    }

    /// How often routes have got other places: when the table grew, shrank, or was tidied up.
    pub(super) fn moves(&self) -> u64 {
        self.table.moves()
    }

    pub(super) fn at(&self, place: usize) -> Option<&E> {
        self.table.at(place)
    }

    pub(super) fn hash_of(&self, key: E::Key<'_>) -> u64 {
        E::hash_of(&self.hasher, self.layout, key)
    }

    pub(super) fn announce(
        &mut self,
        key: E::Key<'_>,
        attributes: &AttrSet,
        seconds: u32,
        budget: &mut Budget,
    ) -> Announced {
        let hash = self.hash_of(key);
        self.announce_hashed((hash, key), attributes, seconds, budget)
    }

    /// Looks for routes without telling anything of them. What of a large table is not in the processor's
    /// cache takes its time to come, but not much more for all routes of a message than for one if all are asked
    /// for before anything is done with the first.
    pub(super) fn look_ahead(&self, batch: &Batch<E::Key<'_>>) {
        if !self.table.is_large() || batch.len() < 2 {
            return;
        }
        for (hash, key) in batch {
            let found = self.table.find(*hash, |entry| entry.is(self.layout, *key));
            black_box(found.is_some());
        }
    }

    pub(super) fn announce_hashed(
        &mut self,
        (hash, key): (u64, E::Key<'_>),
        attributes: &AttrSet,
        seconds: u32,
        budget: &mut Budget,
    ) -> Announced {
        let layout = self.layout;
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
        Announced::Replaced {
            old,
            stale: state.stale(),
            rest,
        }
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
        if !self.make_room(hash, heap, budget) {
            return Announced::Refused;
        }
        budget.resized(0, heap);
        let before = self.table.allocation_size();
        let entry = E::new(key, attributes.clone(), State::since(seconds));
        let (layout, hasher) = (self.layout, &self.hasher);
        self.table
            .insert(hash, entry, |entry| entry.hash(hasher, layout));
        budget.resized(before, self.table.allocation_size());
        Announced::New
    }

    /// Whether there is room for a route with `heap` bytes besides, once what can be done for it is done.
    fn make_room(&mut self, hash: u64, heap: u64, budget: &mut Budget) -> bool {
        match self.table.room(hash) {
            Room::Free => budget.fits(heap),
            Room::Full(more) if budget.fits(heap + more) => true,
            Room::Untidy(more) => {
                self.tidy(hash, budget.fits(heap + more), budget) && budget.fits(heap)
            }
            Room::Full(_) => budget.fits(heap) && self.tidy(hash, false, budget),
        }
    }

    #[cold]
    fn tidy(&mut self, hash: u64, keep: bool, budget: &mut Budget) -> bool {
        let before = self.table.allocation_size();
        let (layout, hasher) = (self.layout, &self.hasher);
        let tidied = self
            .table
            .tidy(hash, keep, |entry| entry.hash(hasher, layout));
        budget.resized(before, self.table.allocation_size());
        tidied
    }

    /// Whether the route was there.
    pub(super) fn withdraw(&mut self, key: E::Key<'_>, budget: &mut Budget) -> bool {
        self.take(key, budget).is_some()
    }

    /// Takes a route out.
    pub(super) fn take(&mut self, key: E::Key<'_>, budget: &mut Budget) -> Option<E> {
        self.take_hashed((self.hash_of(key), key), budget)
    }

    pub(super) fn take_hashed(
        &mut self,
        (hash, key): (u64, E::Key<'_>),
        budget: &mut Budget,
    ) -> Option<E> {
        let layout = self.layout;
        let gone = self.table.remove(hash, |entry| entry.is(layout, key))?;
        self.stale -= usize::from(gone.state().stale());
        budget.resized(gone.heap(), 0);
        if self.table.is_sparse(hash) {
            self.shrink(budget);
        }
        Some(gone)
    }

    #[cold]
    fn shrink(&mut self, budget: &mut Budget) {
        let before = self.table.allocation_size();
        let (layout, hasher) = (self.layout, &self.hasher);
        self.table.shrink(|entry| entry.hash(hasher, layout));
        budget.resized(before, self.table.allocation_size());
    }

    /// From now on all routes are stale until they are announced again.
    pub(super) fn mark_stale(&mut self) {
        if self.stale == self.table.len() {
            return;
        }
        for entry in self.table.iter_mut() {
            entry.set_state(entry.state().with_stale(true));
        }
        self.stale = self.table.len();
    }

    /// Nothing is stale.
    pub(super) fn unmark_stale(&mut self) {
        if std::mem::take(&mut self.stale) > 0 {
            for entry in self.table.iter_mut() {
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
        budget.resized(self.table.allocation_size() + heap, 0);
        self.table = Staggered::new();
        self.stale = 0;
    }
}
