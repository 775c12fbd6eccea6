//! A lock-free pool of buffers in a few sizes.
//!
//! Each size class is an `ArrayQueue` of free slots in one locked mapping, behind a second, very short
//! one of those that came back last: a queue would hand out the coldest slot otherwise. Taking
//! and giving back are O(1) and never block; the pool never grows. When a class is empty the heap
//! serves, up to a bound, and that is counted.

use crossbeam_queue::ArrayQueue;
use memmap2::MmapMut;
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// One size of buffers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Class {
    /// Bytes of each buffer.
    pub size: usize,
    /// How many there are.
    pub count: usize,
}

/// How a class fares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClassStats {
    /// Bytes of each buffer.
    pub size: usize,
    /// How many there are.
    pub capacity: usize,
    /// How many are in use.
    pub in_use: usize,
    /// Times that the heap served because the class was empty.
    pub fallbacks: u64,
    /// Times that the class was empty and the heap might not serve.
    pub refused: u64,
}

/// Slots of a class that are handed out again before all others: as many as are in use at a time
/// where messages come one by one, so that they stay in the cache of the processor.
const WARM: usize = 4;

struct Slots {
    class: Class,
    warm: ArrayQueue<NonNull<u8>>,
    free: ArrayQueue<NonNull<u8>>,
    fallbacks: AtomicU64,
    refused: AtomicU64,
}

struct Inner {
    /// Of each class, ascending: side by side, since each request looks here first.
    sizes: Vec<usize>,
    /// In the same order.
    classes: Vec<Slots>,
    /// Times that the heap served because no class is large enough.
    too_long: AtomicU64,
    /// Bytes that the heap serves now, and the most that it may.
    heap: AtomicU64,
    heap_max: u64,
    refused: AtomicU64,
    zero_on_release: bool,
    locked: bool,
    // Dropped last: the slots point into it. Never touched through this field after set-up.
    _memory: MmapMut,
}

// SAFETY: a slot's pointer is owned by whoever popped it from its queue, one owner at a time,
// and points into `_memory`, which lives as long as `Inner`; the queues are themselves `Sync`.
unsafe impl Send for Inner {}
// SAFETY: as above; shared access only ever goes through the queues and atomics.
unsafe impl Sync for Inner {}

/// The pool. Clones share it.
#[derive(Clone)]
pub struct BufferPool(Arc<Inner>);

impl BufferPool {
    /// Makes all buffers. `classes` may come in any order; `zero_on_release` wipes each buffer
    /// when it is given back, those of the heap too.
    ///
    /// # Errors
    /// The memory cannot be mapped. That it cannot be locked is no error: see [`Self::locked`].
    pub fn new(classes: &[Class], zero_on_release: bool) -> std::io::Result<Self> {
        Self::with_heap_max(classes, zero_on_release, u64::MAX)
    }

    /// Like [`Self::new`]; the heap serves no more than `heap_max` bytes at a time. With 0 there
    /// is nothing beside the pool itself.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn with_heap_max(
        classes: &[Class],
        zero_on_release: bool,
        heap_max: u64,
    ) -> std::io::Result<Self> {
        let mut sorted = classes.to_vec();
        sorted.sort_by_key(|class| class.size);
        let total: usize = sorted.iter().map(|class| class.size * class.count).sum();
        let mut memory = MmapMut::map_anon(total.max(1))?;
        let locked = memory.lock().is_ok();
        let mut rest: &mut [u8] = &mut memory;
        let mut slots = Vec::with_capacity(sorted.len());
        for class in sorted {
            let free = ArrayQueue::new(class.count.max(1));
            for _ in 0..class.count {
                let (slot, behind) = rest.split_at_mut(class.size);
                rest = behind;
                // Cannot fail: the queue was made for as many.
                let _ = free.push(NonNull::from(slot).cast());
            }
            slots.push(Slots {
                class,
                warm: ArrayQueue::new(WARM),
                free,
                fallbacks: AtomicU64::new(0),
                refused: AtomicU64::new(0),
            });
        }
        Ok(Self(Arc::new(Inner {
            sizes: slots.iter().map(|slots| slots.class.size).collect(),
            classes: slots,
            too_long: AtomicU64::new(0),
            heap: AtomicU64::new(0),
            heap_max,
            refused: AtomicU64::new(0),
            zero_on_release,
            locked,
            _memory: memory,
        })))
    }

    /// A buffer of `len` bytes, from the smallest class that holds them; from the heap if that
    /// class is empty or none is large enough. What it contains is unspecified. `None` if the
    /// heap serves as much as it may already.
    #[must_use]
    #[inline]
    pub fn acquire(&self, len: usize) -> Option<Buffer> {
        match self.pooled(len) {
            Ok(buffer) => Some(buffer),
            Err(class) => self.lend(len, class),
        }
    }

    /// A buffer of the heap, if that may serve another one.
    #[cold]
    fn lend(&self, len: usize, class: usize) -> Option<Buffer> {
        let served = self.0.heap.fetch_add(len as u64, Relaxed) + len as u64;
        if served > self.0.heap_max {
            self.0.heap.fetch_sub(len as u64, Relaxed);
            self.0.refused.fetch_add(1, Relaxed);
            if let Some(slots) = self.0.classes.get(class) {
                slots.refused.fetch_add(1, Relaxed);
            }
            return None;
        }
        Some(self.heap(len, class))
    }

    /// Like [`Self::acquire`], whatever the heap serves already: for callers that keep a
    /// bound of their own.
    #[must_use]
    pub fn acquire_unbounded(&self, len: usize) -> Buffer {
        self.pooled(len).unwrap_or_else(|class| {
            self.0.heap.fetch_add(len as u64, Relaxed);
            self.heap(len, class)
        })
    }

    /// A buffer of the pool itself, or the class that is empty; one past the last if none is
    /// large enough.
    #[inline]
    fn pooled(&self, len: usize) -> Result<Buffer, usize> {
        let index = self.0.sizes.partition_point(|size| *size < len);
        let slots = self.0.classes.get(index).ok_or(index)?;
        let slot = slots.warm.pop().or_else(|| slots.free.pop());
        let slot = slot.ok_or(index)?;
        Ok(Buffer {
            len,
            store: Store::Pooled {
                slot,
                class: index,
                pool: Arc::clone(&self.0),
            },
        })
    }

    /// The bytes have been counted already; [`Drop`] takes them off.
    #[cold]
    fn heap(&self, len: usize, class: usize) -> Buffer {
        let counter = match self.0.classes.get(class) {
            Some(slots) => &slots.fallbacks,
            None => &self.0.too_long,
        };
        counter.fetch_add(1, Relaxed);
        Buffer {
            len,
            store: Store::Heap {
                bytes: vec![0; len].into_boxed_slice(),
                pool: Arc::clone(&self.0),
            },
        }
    }

    /// Times that there was no buffer at all.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.0.refused.load(Relaxed)
    }

    /// Times that the heap served because no class is large enough.
    #[must_use]
    pub fn too_long(&self) -> u64 {
        self.0.too_long.load(Relaxed)
    }

    /// Bytes that the heap serves now.
    #[must_use]
    pub fn heap_bytes(&self) -> u64 {
        self.0.heap.load(Relaxed)
    }

    /// Bytes of all buffers of the pool.
    #[must_use]
    pub fn capacity_bytes(&self) -> u64 {
        let bytes = |slots: &Slots| (slots.class.size * slots.class.count) as u64;
        self.0.classes.iter().map(bytes).sum()
    }

    /// The memory is locked: it is never paged out.
    #[must_use]
    pub fn locked(&self) -> bool {
        self.0.locked
    }

    /// How each class fares, smallest first.
    pub fn stats(&self) -> impl Iterator<Item = ClassStats> {
        self.0.classes.iter().map(|slots| ClassStats {
            size: slots.class.size,
            capacity: slots.class.count,
            in_use: (slots.class.count).saturating_sub(slots.free.len() + slots.warm.len()),
            fallbacks: slots.fallbacks.load(Relaxed),
            refused: slots.refused.load(Relaxed),
        })
    }
}

/// A buffer; it goes back to its pool when dropped, also when a panic unwinds.
pub struct Buffer {
    len: usize,
    store: Store,
}

enum Store {
    Pooled {
        slot: NonNull<u8>,
        class: usize,
        pool: Arc<Inner>,
    },
    Heap {
        bytes: Box<[u8]>,
        pool: Arc<Inner>,
    },
}

// SAFETY: the buffer is the only owner of its slot, and the slot's memory is kept by `pool`.
unsafe impl Send for Buffer {}

impl Buffer {
    /// The heap served it.
    #[must_use]
    pub fn is_fallback(&self) -> bool {
        matches!(self.store, Store::Heap { .. })
    }
}

impl Deref for Buffer {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        match &self.store {
            // SAFETY: the slot has at least `len` bytes (its class was chosen so), all of them
            // initialised (anonymous memory is zeroed), and this buffer owns it alone.
            Store::Pooled { slot, .. } => unsafe {
                std::slice::from_raw_parts(slot.as_ptr(), self.len)
            },
            Store::Heap { bytes, .. } => bytes,
        }
    }
}

impl DerefMut for Buffer {
    #[inline]
    fn deref_mut(&mut self) -> &mut [u8] {
        match &mut self.store {
            // SAFETY: as in `deref`; `&mut self` makes the access exclusive.
            Store::Pooled { slot, .. } => unsafe {
                std::slice::from_raw_parts_mut(slot.as_ptr(), self.len)
            },
            Store::Heap { bytes, .. } => bytes,
        }
    }
}

impl Drop for Buffer {
    #[inline]
    fn drop(&mut self) {
        let (Store::Pooled { pool, .. } | Store::Heap { pool, .. }) = &self.store;
        if pool.zero_on_release {
            // Only these bytes could be written: the rest of the slot is as clean as before.
            self.fill(0);
            // A write to memory that is about to be freed might be left out.
            std::hint::black_box(&mut **self);
        }
        match &self.store {
            Store::Pooled { slot, class, pool } => {
                let slots = &pool.classes[*class];
                if let Err(slot) = slots.warm.push(*slot) {
                    // Cannot fail: there is room for every slot of the class.
                    let _ = slots.free.push(slot);
                }
            }
            Store::Heap { bytes, pool } => {
                pool.heap.fetch_sub(bytes.len() as u64, Relaxed);
            }
        }
    }
}

#[cfg(test)]
mod tests;
