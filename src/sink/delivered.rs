//! What becomes of records that somebody else delivers.

use std::sync::atomic::AtomicU64;
use std::sync::{Mutex, PoisonError};

/// What has become of records.
#[derive(Debug, Default)]
pub struct Delivered {
    /// Records that brokers have acknowledged.
    pub delivered: AtomicU64,
    /// Records that were given up.
    pub failed: AtomicU64,
    /// What was wrong last.
    why: Mutex<Option<String>>,
}

impl Delivered {
    /// Something is wrong with the delivery; nothing need be lost yet.
    pub fn complain(&self, why: String) {
        *self.why.lock().unwrap_or_else(PoisonError::into_inner) = Some(why);
    }

    /// The last complaint.
    #[must_use]
    pub fn why(&self) -> Option<String> {
        let why = self.why.lock();
        why.unwrap_or_else(PoisonError::into_inner).clone()
    }
}
