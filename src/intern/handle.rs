//! References to cached values.

use super::counts::{Counts, Id};
use std::fmt;
use std::hash::{Hash, Hasher};

/// What a cache is made for.
pub trait Kind: 'static {
    /// What is cached.
    type Value;
    /// As small as the number of live values allows.
    type Id: Id;
    /// The classes of its values, each with limits and figures of its own.
    const CLASSES: &'static [Class];
    /// Bytes that a value takes on the heap.
    fn heap_bytes(value: &Self::Value) -> usize;
    /// The counts of all caches of this kind.
    fn counts() -> &'static Counts;
}

/// One class of values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Class {
    /// The label `cache` of its metrics.
    pub name: &'static str,
    /// So many entries stay, however long nobody has asked for them.
    pub min: u32,
    /// No more than so many entries are shared.
    pub max: u32,
    /// Entries that nobody refers to go when nobody has asked for them for so many seconds.
    pub idle_s: u32,
}

/// A reference to a cached value: as long as it lives the value stays where it is. A clone counts
/// as one more, dropping it as one less. To read the value takes the cache that it came from.
///
/// Handles that are equal mean the same value; the same value may have several, since
/// what there is no room for is not shared.
pub struct Handle<K: Kind>(K::Id);

impl<K: Kind> Handle<K> {
    /// One reference more to an entry.
    pub(super) fn to(id: K::Id) -> Self {
        K::counts().add(id.number());
        Self(id)
    }

    pub(super) fn number(&self) -> u32 {
        self.0.number()
    }
}

impl<K: Kind> Clone for Handle<K> {
    #[inline]
    fn clone(&self) -> Self {
        Self::to(self.0)
    }
}

impl<K: Kind> Drop for Handle<K> {
    #[inline]
    fn drop(&mut self) {
        K::counts().sub(self.0.number());
    }
}

impl<K: Kind> PartialEq for Handle<K> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl<K: Kind> Eq for Handle<K> {}

impl<K: Kind> Hash for Handle<K> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl<K: Kind> fmt::Debug for Handle<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0.number())
    }
}
