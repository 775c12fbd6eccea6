//! Route distinguishers and stacks of labels, which many routes have in common.

use super::budget::Budget;
use crate::intern::{Cache, Distinguisher, Handle, Kind, LabelStack, Stats};

/// The caches of what keys repeat.
#[derive(Default)]
pub(super) struct Recurring {
    distinguishers: Cache<Distinguisher>,
    labels: Cache<LabelStack>,
}

/// What a route takes beside its entry: room, and what it has in common with others.
pub(super) struct Room<'a> {
    pub(super) budget: &'a mut Budget,
    pub(super) recurring: &'a mut Recurring,
}

impl Room<'_> {
    /// The distinguisher, shared; `None` if there is no room for one more.
    pub(super) fn distinguisher(&mut self, value: &[u8; 8]) -> Option<Handle<Distinguisher>> {
        share(&mut self.recurring.distinguishers, value, self.budget)
    }

    /// The stack, shared; `None` if there is no room for one more.
    pub(super) fn labels(&mut self, stack: &[u8]) -> Option<Handle<LabelStack>> {
        share(&mut self.recurring.labels, stack, self.budget)
    }

    /// The distinguisher, if any route has it.
    pub(super) fn known(&mut self, value: &[u8; 8]) -> Option<Handle<Distinguisher>> {
        self.recurring.distinguishers.known(0, value)
    }
}

fn share<K, Q>(cache: &mut Cache<K>, value: &Q, budget: &mut Budget) -> Option<Handle<K>>
where
    K: Kind,
    K::Value: std::borrow::Borrow<Q>,
    Q: Eq + std::hash::Hash + ToOwned<Owned: Into<K::Value>> + ?Sized,
{
    if let Some(known) = cache.known(0, value) {
        return Some(known);
    }
    if !budget.fits(cache.growth(1)) {
        return None;
    }
    let before = cache.bytes();
    let shared = cache.share(0, value);
    budget.resized(before, cache.bytes());
    shared
}

impl Recurring {
    /// The octets of a distinguisher.
    pub(super) fn distinguisher(&self, handle: &Handle<Distinguisher>) -> &[u8] {
        self.distinguishers.get(handle).map_or(&[], |value| value)
    }

    /// The octets of a stack.
    pub(super) fn labels(&self, handle: &Handle<LabelStack>) -> &[u8] {
        self.labels.get(handle).map_or(&[], |value| value)
    }

    /// Time goes on; see [`Cache::advance`].
    pub(super) fn advance(&mut self, now_s: u32, budget: &mut Budget) {
        let before = self.distinguishers.bytes() + self.labels.bytes();
        self.distinguishers.advance(now_s);
        self.labels.advance(now_s);
        let after = self.distinguishers.bytes() + self.labels.bytes();
        budget.resized(before, after);
    }

    /// How the caches fare.
    pub(super) fn stats(&self) -> impl Iterator<Item = Stats> + '_ {
        self.distinguishers.stats().chain(self.labels.stats())
    }
}
