//! What becomes of records that somebody else delivers.

use std::sync::atomic::AtomicU64;

/// What has become of records.
#[derive(Debug, Default)]
pub struct Delivered {
    /// Records that brokers have acknowledged.
    pub delivered: AtomicU64,
    /// Records that were given up.
    pub failed: AtomicU64,
}
