//! The UMEM as a pool of frames.

use super::{FRAME_SIZE, Mode, XskError};
use crossbeam_queue::ArrayQueue;
use std::cell::Cell;
use std::io;
use std::num::NonZeroU32;
use xsk_rs::config::{FrameSize, QueueSize, UmemConfig};
use xsk_rs::{FrameDesc, Umem};

/// How a pool is made.
#[derive(Clone, Copy, Debug)]
pub struct PoolOptions {
    /// Frames in all.
    pub frames: u32,
    /// Entries of each fill ring, a power of two.
    pub fill_ring: u32,
    /// Ask for huge pages; ordinary ones serve if there are none.
    pub huge_pages: bool,
}

/// One memory-locked UMEM. Its frames are handed out as [`Frame`]s and come back when those drop.
pub struct FramePool {
    umem: Umem,
    free: ArrayQueue<FrameDesc>,
    total: u32,
    given: Cell<u32>,
    batch: Cell<u32>,
    held: Cell<u32>,
    locked: Result<(), io::Error>,
    huge_pages: bool,
    /// That of its first socket, which is that of all.
    mode: Cell<Option<Mode>>,
}

/// Where the frames are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gauges {
    /// Frames in all.
    pub total: u32,
    /// Free.
    pub free: u32,
    /// In a fill ring, with the kernel or in an RX ring.
    pub given: u32,
    /// Being worked on.
    pub batch: u32,
    /// Held out of order.
    pub held: u32,
}

impl Gauges {
    /// Every frame is somewhere, and only once.
    #[must_use]
    pub fn conserved(&self) -> bool {
        self.free + self.given + self.batch + self.held == self.total
    }
}

impl FramePool {
    /// Maps the memory, registers it and tries to lock it.
    ///
    /// # Errors
    /// The memory cannot be had or the kernel does not register it. That it cannot be locked
    /// is no error: see [`Self::locked`].
    pub fn new(options: &PoolOptions) -> Result<Self, XskError> {
        let step = "registering the UMEM";
        let invalid = |error: &dyn std::fmt::Display| {
            XskError::new(
                step,
                io::Error::new(io::ErrorKind::InvalidInput, error.to_string()),
            )
        };
        let ring = QueueSize::new(options.fill_ring).map_err(|error| invalid(&error))?;
        let config = UmemConfig::builder()
            .frame_size(FrameSize::new(FRAME_SIZE).map_err(|error| invalid(&error))?)
            .fill_queue_size(ring)
            .build()
            .map_err(|error| invalid(&error))?;
        let frames = NonZeroU32::new(options.frames)
            .ok_or_else(|| invalid(&"a pool needs at least one frame"))?;
        let huge = options
            .huge_pages
            .then(|| Umem::new(config, frames, true).ok())
            .flatten();
        let huge_pages = huge.is_some();
        let (umem, descriptors) = match huge {
            Some(made) => made,
            None => Umem::new(config, frames, false)
                .map_err(|error| XskError::new(step, source_of(&error)))?,
        };
        let free = ArrayQueue::new(descriptors.len());
        for descriptor in &descriptors {
            // Cannot fail: the queue was made for as many.
            let _ = free.push(*descriptor);
        }
        let locked = descriptors
            .first()
            .map_or(Ok(()), |first| lock(&umem, first, options.frames));
        Ok(Self {
            umem,
            free,
            total: options.frames,
            given: Cell::new(0),
            batch: Cell::new(0),
            held: Cell::new(0),
            locked,
            huge_pages,
            mode: Cell::new(None),
        })
    }

    /// The memory is locked, or why it could not be.
    ///
    /// # Errors
    /// What `mlock` said; ENOMEM and EPERM mean the limit `ulimit -l` without CAP_IPC_LOCK.
    pub fn locked(&self) -> Result<(), &io::Error> {
        self.locked.as_ref().copied()
    }

    /// The memory consists of huge pages.
    #[must_use]
    pub fn huge_pages(&self) -> bool {
        self.huge_pages
    }

    /// Bytes of all frames.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        u64::from(self.total) * u64::from(FRAME_SIZE)
    }

    /// Where the frames are now.
    #[must_use]
    pub fn gauges(&self) -> Gauges {
        Gauges {
            total: self.total,
            free: u32::try_from(self.free.len()).unwrap_or(u32::MAX),
            given: self.given.get(),
            batch: self.batch.get(),
            held: self.held.get(),
        }
    }

    pub(super) fn mode(&self) -> Option<Mode> {
        self.mode.get()
    }

    pub(super) fn set_mode(&self, mode: Mode) {
        self.mode.set(Some(mode));
    }

    pub(super) fn umem(&self) -> &Umem {
        &self.umem
    }

    /// Takes free descriptors to give them to the kernel.
    pub(super) fn take_free(&self, into: &mut Vec<FrameDesc>, most: usize) {
        while into.len() < most {
            let Some(descriptor) = self.free.pop() else {
                return;
            };
            into.push(descriptor);
        }
    }

    /// Puts back descriptors that the kernel had no room for.
    pub(super) fn return_free(&self, descriptors: &[FrameDesc]) {
        for descriptor in descriptors {
            // Cannot fail: the queue has room for every descriptor there is.
            let _ = self.free.push(*descriptor);
        }
    }

    pub(super) fn count_given(&self, frames: usize) {
        self.given
            .set(self.given.get() + u32::try_from(frames).unwrap_or(u32::MAX));
    }

    /// Wraps a descriptor that has just been taken from an RX ring.
    pub(super) fn received(&self, descriptor: FrameDesc) -> Frame<'_> {
        self.given.set(self.given.get() - 1);
        self.batch.set(self.batch.get() + 1);
        Frame {
            pool: self,
            descriptor,
            held: false,
        }
    }
}

/// Locks the whole region, whose start the first descriptor tells.
fn lock(umem: &Umem, first: &FrameDesc, frames: u32) -> Result<(), io::Error> {
    // SAFETY: the descriptor is this UMEM's own, and nobody has been given a frame yet.
    let data = unsafe { umem.data(first) };
    let start = data.contents().as_ptr().wrapping_sub(first.addr());
    let length = frames as usize * FRAME_SIZE as usize;
    // SAFETY: the range is the UMEM's own mapping: it begins `addr` bytes before the first frame's
    // data and has `frames` frames. Locking pages does not change what they hold.
    let status = unsafe { libc::mlock(start.cast(), length) };
    if status == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// The error number behind one of xsk-rs' errors.
pub(super) fn source_of(error: &dyn std::error::Error) -> io::Error {
    error
        .source()
        .and_then(|source| source.downcast_ref::<io::Error>())
        .and_then(io::Error::raw_os_error)
        .map_or_else(
            || io::Error::other(error.to_string()),
            io::Error::from_raw_os_error,
        )
}

/// A received frame. It goes back to the pool when dropped; it cannot be copied.
pub struct Frame<'p> {
    pool: &'p FramePool,
    descriptor: FrameDesc,
    held: bool,
}

impl Frame<'_> {
    /// The frame outlives its batch: it is held out of order.
    pub fn mark_held(&mut self) {
        if !self.held {
            self.held = true;
            self.pool.batch.set(self.pool.batch.get() - 1);
            self.pool.held.set(self.pool.held.get() + 1);
        }
    }

    /// Takes the `N` bytes right below the packet, where an XDP program leaves its metadata, and
    /// wipes them: if the program has no room for metadata the next time this slot is used,
    /// the old ones must not be taken for new. `None` if the frame does not have so many.
    pub fn take_metadata<const N: usize>(&mut self) -> Option<[u8; N]> {
        if self.descriptor.addr() % (FRAME_SIZE as usize) < N {
            return None;
        }
        let start = self
            .as_ref()
            .as_ptr()
            .wrapping_sub(N)
            .cast_mut()
            .cast::<[u8; N]>();
        // SAFETY: at least `N` bytes of the same frame lie below the packet, within the UMEM's own
        // mapping. While this `Frame` lives neither the kernel nor anybody else touches the frame, and
        // `&mut self` excludes slices of it. A byte array has no alignment to keep.
        Some(unsafe { start.replace([0; N]) })
    }

    /// The packet goes on in the next frame of the batch.
    pub(super) fn continues(&self) -> bool {
        self.descriptor.has_more_frames()
    }
}

impl AsRef<[u8]> for Frame<'_> {
    fn as_ref(&self) -> &[u8] {
        // SAFETY: the descriptor came from an RX ring of this UMEM, and as long as this `Frame`
        // lives it is in no ring: neither the kernel nor anybody else writes the frame.
        unsafe { self.pool.umem.data(&self.descriptor) }.contents()
    }
}

impl Drop for Frame<'_> {
    fn drop(&mut self) {
        let gauge = if self.held {
            &self.pool.held
        } else {
            &self.pool.batch
        };
        gauge.set(gauge.get() - 1);
        // Cannot fail: the queue has room for every descriptor there is.
        let _ = self.pool.free.push(self.descriptor);
    }
}
