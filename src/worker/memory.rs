//! All memory that grows with traffic, taken at the start or bounded from it.

use crate::config::Limits;
use crate::stream::{Budget, CLASSES};
use bgptap_umem::buffer::BufferPool;

/// What a worker keeps payload in, beside the frames themselves.
pub struct Memory {
    /// For messages that straddle frames.
    pub buffers: BufferPool,
    /// For all else.
    pub budget: Budget,
}

impl Memory {
    /// Takes what the limits allow.
    ///
    /// # Errors
    /// The memory cannot be mapped.
    pub fn new(limits: &Limits) -> std::io::Result<Self> {
        let heap_max = limits.carry_heap_max.into();
        Ok(Self {
            buffers: BufferPool::with_heap_max(&CLASSES, false, heap_max)?,
            budget: Budget::new(
                limits.held_frames_max,
                limits.kept_bytes_max.into(),
                limits.spill_bytes.into(),
            )?,
        })
    }

    /// The most bytes that it may come to.
    #[must_use]
    pub fn bound(&self, limits: &Limits) -> u64 {
        self.buffers.capacity_bytes()
            + u64::from(limits.carry_heap_max)
            + self.budget.spill.capacity_bytes()
            + self.budget.bytes_max
    }
}
