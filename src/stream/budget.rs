//! What all streams together may keep.

use bgptap_umem::buffer::{BufferPool, Class};

/// Payload of held segments is copied into slots of these sizes when frames run low: short
/// messages, segments of an ordinary MTU, jumbo frames, super-frames.
const SPILL_SIZES: [usize; 4] = [256, 2048, 9216, 65_536];

/// An arena for held payload: a quarter of `bytes` goes to each size, and the heap lends nothing.
/// `zero`: what was held is wiped when it is given back. `lock`: it is locked, and so taken at once.
///
/// # Errors
/// The memory cannot be mapped.
pub fn spill_arena(bytes: u64, zero: bool, lock: bool) -> std::io::Result<BufferPool> {
    let share = usize::try_from(bytes).unwrap_or(usize::MAX) / SPILL_SIZES.len();
    let classes = SPILL_SIZES.map(|size| Class {
        size,
        count: share / size,
    });
    BufferPool::with(&classes, zero, 0, lock)
}

/// Shared by all streams of a worker.
pub struct Budget {
    /// Frames held out of order now.
    pub frames: u32,
    /// Beyond so many, payload is copied out of its frame.
    pub frames_low: u32,
    /// Beyond so many, nothing is held.
    pub frames_max: u32,
    /// Bytes kept outside frames now: what is searched, and what waits for an OPEN or until it is
    /// known how it is encoded.
    pub bytes: u64,
    /// What that may come to.
    pub bytes_max: u64,
    /// Memory, locked, for held payload when frames run low.
    pub spill: BufferPool,
    /// Segments whose payload was copied there, ever.
    pub spilled: u64,
    /// Out-of-order segments that there was no room for, ever.
    pub refused: u64,
}

impl Budget {
    /// A budget of which nothing is used, with a spill arena of its own.
    ///
    /// # Errors
    /// The memory cannot be mapped.
    pub fn new(frames_max: u32, bytes_max: u64, spill_bytes: u64) -> std::io::Result<Self> {
        let spill = spill_arena(spill_bytes, false, true)?;
        Ok(Self::with_spill(frames_max, bytes_max, spill))
    }

    /// A budget of which nothing is used, with a spill arena that may be shared.
    #[must_use]
    pub fn with_spill(frames_max: u32, bytes_max: u64, spill: BufferPool) -> Self {
        Self {
            frames: 0,
            frames_low: frames_max / 2,
            frames_max,
            bytes: 0,
            bytes_max,
            spill,
            spilled: 0,
            refused: 0,
        }
    }

    /// Who kept `before` bytes keeps `now` bytes.
    pub(crate) fn charge(&mut self, before: u64, now: u64) {
        self.bytes = (self.bytes + now).saturating_sub(before);
    }
}
