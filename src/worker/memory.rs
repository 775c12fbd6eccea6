//! All memory that grows with traffic, taken at the start or bounded from it.

use super::DIRECTIONS_MAX;
use super::connection::Connection;
use super::handshakes::Handshake;
use crate::config::Limits;
use crate::rib::Ribs;
use crate::session::{Inference, Key};
use crate::sink::metrics::Metrics;
use crate::sink::totals;
use crate::stream::{Budget, classes_for, spill_arena};
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
        let (classes, zero) = (classes_for(limits.messages_read()), limits.zero_buffers);
        let lock = limits.lock_memory;
        Ok(Self {
            buffers: BufferPool::with(classes, zero, heap_max, lock)?,
            budget: Budget::with_spill(
                limits.held_frames_max,
                limits.kept_bytes_max.into(),
                spill_arena(limits.spill_bytes.into(), zero, lock)?,
            ),
        })
    }

    /// The buffers are locked: they are never paged out.
    #[must_use]
    pub fn locked(&self) -> bool {
        self.buffers.locked() && self.budget.spill.locked()
    }

    /// The most bytes that payload and connections may come to. Left out are frames, and what all tables may take
    /// ([`Limits::rib_bytes_max`]), which have limits of their own; what each session keeps for its tables is in it.
    #[must_use]
    pub fn bound(&self, limits: &Limits) -> u64 {
        // As large as with any frame, but for a few bytes; the map of keys has up to half of its room free.
        let connection = size_of::<Connection<Box<[u8]>>>()
            + size_of::<Inference>()
            + 4 * size_of::<(Key, usize)>();
        let handshake = size_of::<(Key, Handshake)>() + 4 * size_of::<(Key, u32)>();
        let direction = size_of::<totals::Direction>();
        let ribs = limits.keeps_ribs();
        let rib = if ribs { Ribs::session_bytes() } else { 0 };
        let tables = [
            // And as many that are over and have left tables.
            (limits.sessions_max, rib),
            (limits.sessions_max, connection),
            (limits.sessions_max, 2 * Metrics::direction_bytes()),
            // Two kinds.
            (limits.handshakes_max, 2 * handshake),
            // Kept for the summary, and copied once for it.
            (DIRECTIONS_MAX as u32, 2 * direction),
        ];
        let tables = tables.map(|(count, size)| u64::from(count) * size as u64);
        tables.iter().sum::<u64>()
            + self.buffers.capacity_bytes()
            + u64::from(limits.carry_heap_max)
            + self.budget.spill.capacity_bytes()
            + self.budget.bytes_max
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `live` prints: routes have a limit of their own, which is told beside it. Without tables, sessions keep
    /// nothing for them.
    #[test]
    fn the_bound_leaves_out_what_routes_may_take() {
        let bound = |rib, rib_bytes_max| {
            let limits = Limits {
                rib,
                rib_bytes_max,
                ..Limits::default()
            };
            let memory = Memory::new(&limits).expect("a small arena");
            memory.bound(&limits)
        };
        assert_eq!(bound(true, 1 << 20), bound(true, 1 << 40));
        assert!(
            bound(false, 1 << 30) < bound(true, 1 << 30),
            "each session's own"
        );
    }
}
