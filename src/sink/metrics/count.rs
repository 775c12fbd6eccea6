//! Counters that one thread writes and another reads.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// A number that only the worker changes and the exporter reads.
///
/// With a single writer a plain load and store suffices, so that counting costs
/// what an ordinary addition costs: no locked instruction in the packet path.
#[derive(Debug, Default)]
pub struct Count(AtomicU64);

impl Count {
    /// Adds `n`. Only the worker may call it.
    pub fn add(&self, n: u64) {
        self.0.store(self.0.load(Relaxed).wrapping_add(n), Relaxed);
    }

    /// Sets the value. Only the worker may call it.
    pub fn set(&self, value: u64) {
        self.0.store(value, Relaxed);
    }

    /// The value now.
    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}
