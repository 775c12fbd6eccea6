//! A lock-free pool of buffers in a few sizes.
//!
//! Each size class is an `ArrayQueue` of free slots in one locked mapping. In front of it are a few
//! warm slots, of which the first that is free is handed out: a queue would hand out the coldest
//! otherwise. Taking and giving back are O(1) and never block; the pool never grows. When a class is
//! empty the heap serves, up to a bound, and that is counted.
//!
//! A warm slot costs two atomic steps, one to take it and one to give it back, both on one word. The
//! reference that keeps the memory where it is stays with the slot: it is not counted up and down.

use crossbeam_queue::ArrayQueue;
use memmap2::MmapMut;
use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize};

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

/// Slots of a class that are handed out before all others: more than are in use at a time where messages
/// come one by one, so that they stay in the cache of the processor.
const WARM: u32 = 16;
/// In [`Slots::warm`]: the pool has no handle any more.
const CLOSED: u32 = 1 << 31;

/// The slots of a class: one behind the other, the warm ones first.
struct Slots {
    class: Class,
    first: NonNull<u8>,
    /// A bit for each warm slot that is free. Each of them, as each buffer, owns a reference to
    /// [`Inner`], until the last handle to the pool goes and takes these references back.
    warm: AtomicU32,
    free: ArrayQueue<NonNull<u8>>,
    fallbacks: AtomicU64,
    refused: AtomicU64,
}

impl Slots {
    /// `memory` is to be kept, and left alone, for as long as there are slots in it.
    fn new(class: Class, memory: &mut [u8]) -> Self {
        assert_eq!(memory.len(), class.size * class.count, "room for all slots");
        let warm = class.count.min(WARM as usize);
        let slots = Self {
            class,
            first: NonNull::from(memory).cast(),
            warm: AtomicU32::new((1 << warm) - 1),
            free: ArrayQueue::new(class.count.max(1)),
            fallbacks: AtomicU64::new(0),
            refused: AtomicU64::new(0),
        };
        for number in warm..class.count {
            // Cannot fail: the queue was made for as many.
            let _ = slots.free.push(slots.slot(number));
        }
        slots
    }

    /// The start of a slot.
    #[inline]
    fn slot(&self, number: usize) -> NonNull<u8> {
        debug_assert!(number < self.class.count);
        // SAFETY: `first` is the start of memory for `count` slots, as `new` makes sure, and all numbers come from
        // there: those in the queue, and those of the bits that were set at first.
        unsafe { self.first.add(number * self.class.size) }
    }

    /// Takes the first warm slot that is free.
    #[inline]
    fn take_warm(&self) -> Option<u32> {
        // Only handles take slots, so that it is not closed.
        let mut free = self.warm.load(Relaxed);
        while free != 0 {
            let rest = free & (free - 1);
            match (self.warm).compare_exchange_weak(free, rest, Acquire, Relaxed) {
                Ok(_) => return Some(free.trailing_zeros()),
                Err(now) => free = now,
            }
        }
        None
    }

    fn in_use(&self) -> usize {
        let warm = self.warm.load(Relaxed).count_ones() as usize;
        self.class.count.saturating_sub(self.free.len() + warm)
    }
}

struct Inner {
    /// For lengths of so many bits the class that serves the shortest of them, see [`bits`].
    start: [u8; usize::BITS as usize + 1],
    /// Ascending by size.
    classes: Vec<Slots>,
    /// Times that the heap served because no class is large enough.
    too_long: AtomicU64,
    /// Bytes that the heap serves now, and the most that it may.
    heap: AtomicU64,
    heap_max: u64,
    refused: AtomicU64,
    zero_on_release: bool,
    locked: bool,
    /// [`BufferPool`]s.
    handles: AtomicUsize,
    // Dropped last: the slots point into it. Never touched through this field after set-up.
    _memory: MmapMut,
}

// SAFETY: a slot is owned by whoever popped its pointer from its queue or cleared its bit, one owner at a time,
// and lies in `_memory`, which lives as long as `Inner`; queues and bits are themselves `Sync`.
unsafe impl Send for Inner {}
// SAFETY: as above; shared access only ever goes through queues and atomics.
unsafe impl Sync for Inner {}

impl Inner {
    #[inline]
    fn class(&self, number: u32) -> Option<&Slots> {
        self.classes.get(number as usize)
    }

    /// The smallest class that is large enough; one past the last if none is.
    #[inline]
    fn class_of(&self, len: usize) -> u32 {
        let mut number = u32::from(self.start[bits(len)]);
        // Right at once where sizes are powers of two.
        while self
            .class(number)
            .is_some_and(|slots| slots.class.size < len)
        {
            number += 1;
        }
        number
    }
}

/// Bits that it takes to count from 0 to below `len`: lengths up to a power of two have the same, so that
/// their class is found without a search.
#[inline]
const fn bits(len: usize) -> usize {
    (usize::BITS - len.saturating_sub(1).leading_zeros()) as usize
}

/// See [`Inner::start`]; `classes` ascend.
fn starts(classes: &[Slots]) -> [u8; usize::BITS as usize + 1] {
    std::array::from_fn(|wanted| {
        let short = classes
            .iter()
            .take_while(|slots| bits(slots.class.size) < wanted);
        u8::try_from(short.count()).unwrap_or(u8::MAX)
    })
}

/// The pool. Clones share it; buffers may outlive them all.
pub struct BufferPool(Arc<Inner>);

impl Clone for BufferPool {
    fn clone(&self) -> Self {
        self.0.handles.fetch_add(1, Relaxed);
        Self(Arc::clone(&self.0))
    }
}

impl Drop for BufferPool {
    fn drop(&mut self) {
        if self.0.handles.fetch_sub(1, AcqRel) > 1 {
            return;
        }
        for slots in &self.0.classes {
            let free = slots.warm.swap(CLOSED, AcqRel);
            for _ in 0..free.count_ones() {
                // SAFETY: the pointer is that of an `Arc`. The slot owned the reference that goes here, and as its
                // bit is cleared nobody else will take it back; `self.0` is one more that is still there.
                unsafe { Arc::decrement_strong_count(Arc::as_ptr(&self.0)) };
            }
        }
    }
}

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
        Self::with(classes, zero_on_release, heap_max, true)
    }

    /// Like [`Self::with_heap_max`], and unless it is to `lock` the memory, that is taken from the
    /// system page by page, as it is used.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn with(
        classes: &[Class],
        zero_on_release: bool,
        heap_max: u64,
        lock: bool,
    ) -> std::io::Result<Self> {
        let mut sorted = classes.to_vec();
        sorted.sort_by_key(|class| class.size);
        let total: usize = sorted.iter().map(|class| class.size * class.count).sum();
        let mut memory = MmapMut::map_anon(total.max(1))?;
        // Miri, which the tests are run with too, knows no locked memory.
        let locked = lock && !cfg!(miri) && memory.lock().is_ok();
        let mut rest: &mut [u8] = &mut memory;
        let mut slots = Vec::with_capacity(sorted.len());
        for class in sorted {
            let (memory, behind) = rest.split_at_mut(class.size * class.count);
            rest = behind;
            slots.push(Slots::new(class, memory));
        }
        let warm: u32 = slots
            .iter()
            .map(|s| s.warm.load(Relaxed).count_ones())
            .sum();
        let inner = Arc::new(Inner {
            start: starts(&slots),
            classes: slots,
            too_long: AtomicU64::new(0),
            heap: AtomicU64::new(0),
            heap_max,
            refused: AtomicU64::new(0),
            zero_on_release,
            locked,
            handles: AtomicUsize::new(1),
            _memory: memory,
        });
        let pool = Self(inner);
        (0..warm).for_each(|_| pool.refer());
        Ok(pool)
    }

    /// A buffer of `len` bytes, from the smallest class that holds them; from the heap if that
    /// class is empty or none is large enough. What it contains is unspecified. `None` if the
    /// heap serves as much as it may already.
    #[must_use]
    #[inline]
    pub fn acquire(&self, len: usize) -> Option<Buffer> {
        let class = self.0.class_of(len);
        let taken = match self.warm(class) {
            Some(taken) => taken,
            None => self.elsewhere(len, class)?,
        };
        Some(self.buffer(len, class, taken))
    }

    /// Like [`Self::acquire`], whatever the heap serves already: for callers that keep a
    /// bound of their own.
    #[must_use]
    pub fn acquire_unbounded(&self, len: usize) -> Buffer {
        let class = self.0.class_of(len);
        let pooled = self.warm(class).or_else(|| self.queued(class));
        let taken = pooled.unwrap_or_else(|| {
            self.0.heap.fetch_add(len as u64, Relaxed);
            self.heap(len, class)
        });
        self.buffer(len, class, taken)
    }

    #[inline]
    fn buffer(&self, len: usize, class: u32, taken: Taken) -> Buffer {
        // SAFETY: the pointer is that of an `Arc`, and what was taken came with a reference of its own.
        let pool = unsafe { Arc::from_raw(Arc::as_ptr(&self.0)) };
        Buffer {
            start: taken.start,
            len,
            class,
            slot: taken.slot,
            pool: ManuallyDrop::new(pool),
        }
    }

    /// The first warm slot of a class that is free.
    #[inline]
    fn warm(&self, class: u32) -> Option<Taken> {
        let slots = self.0.class(class)?;
        let slot = slots.take_warm()?;
        Some(Taken {
            start: slots.slot(slot as usize),
            slot,
        })
    }

    /// What there is when no warm slot is free.
    #[cold]
    fn elsewhere(&self, len: usize, class: u32) -> Option<Taken> {
        self.queued(class).or_else(|| self.lend(len, class))
    }

    fn queued(&self, class: u32) -> Option<Taken> {
        let start = self.0.class(class)?.free.pop()?;
        self.refer();
        Some(Taken {
            start,
            slot: QUEUED,
        })
    }

    /// From the heap, if that may serve another one.
    fn lend(&self, len: usize, class: u32) -> Option<Taken> {
        let served = self.0.heap.fetch_add(len as u64, Relaxed) + len as u64;
        if served > self.0.heap_max {
            self.0.heap.fetch_sub(len as u64, Relaxed);
            self.0.refused.fetch_add(1, Relaxed);
            if let Some(slots) = self.0.class(class) {
                slots.refused.fetch_add(1, Relaxed);
            }
            return None;
        }
        Some(self.heap(len, class))
    }

    /// The bytes have been counted already; [`Drop`] takes them off.
    #[cold]
    fn heap(&self, len: usize, class: u32) -> Taken {
        let counter = match self.0.class(class) {
            Some(slots) => &slots.fallbacks,
            None => &self.0.too_long,
        };
        counter.fetch_add(1, Relaxed);
        let bytes = Box::leak(vec![0_u8; len].into_boxed_slice());
        self.refer();
        Taken {
            start: NonNull::from(bytes).cast(),
            slot: HEAP,
        }
    }

    /// One reference more to the pool.
    fn refer(&self) {
        let _ = ManuallyDrop::new(Arc::clone(&self.0));
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
            in_use: slots.in_use(),
            fallbacks: slots.fallbacks.load(Relaxed),
            refused: slots.refused.load(Relaxed),
        })
    }
}

/// Memory for one buffer, with a reference to [`Inner`] that is to be the buffer's.
#[derive(Clone, Copy)]
struct Taken {
    start: NonNull<u8>,
    slot: u32,
}

/// A buffer; it goes back to its pool when dropped, also when a panic unwinds.
pub struct Buffer {
    start: NonNull<u8>,
    len: usize,
    class: u32,
    /// Number of the warm slot in the class, [`QUEUED`] or [`HEAP`].
    slot: u32,
    /// Taken out by [`Drop`], and nobody else.
    pool: ManuallyDrop<Arc<Inner>>,
}

/// A slot that goes back to the queue of its class.
const QUEUED: u32 = u32::MAX;
/// A boxed slice, of no class.
const HEAP: u32 = u32::MAX - 1;

// SAFETY: the buffer is the only owner of its slot or of its boxed slice, and the slot's memory is kept by `pool`.
unsafe impl Send for Buffer {}

impl Buffer {
    /// The heap served it.
    #[must_use]
    pub const fn is_fallback(&self) -> bool {
        self.slot == HEAP
    }
}

impl Deref for Buffer {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        // SAFETY: a slot has at least `len` bytes (its class was chosen so), all of them initialised (anonymous
        // memory is zeroed), a boxed slice exactly as many; either way they are this buffer's alone.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.len) }
    }
}

impl DerefMut for Buffer {
    #[inline]
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: as in `deref`; `&mut self` makes the access exclusive.
        unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr(), self.len) }
    }
}

impl Drop for Buffer {
    #[inline]
    fn drop(&mut self) {
        if self.pool.zero_on_release {
            // Only these bytes could be written: the rest of the slot is as clean as before.
            self.fill(0);
            // A write to memory that is about to be freed might be left out.
            std::hint::black_box(&mut **self);
        }
        if self.slot < WARM
            && let Some(slots) = self.pool.class(self.class)
        {
            // The bit is not set, as the slot is this buffer's: adding it sets it, in one step.
            let before = slots.warm.fetch_add(1 << self.slot, Release);
            if before & CLOSED == 0 {
                // The reference is the slot's again; the pool may be gone already.
                return;
            }
        } else {
            self.give_back();
        }
        // SAFETY: a buffer is dropped once, and nothing uses the field afterwards.
        unsafe { ManuallyDrop::drop(&mut self.pool) };
    }
}

impl Buffer {
    /// To where it came from, if that is no warm slot.
    #[cold]
    fn give_back(&mut self) {
        if self.slot == HEAP {
            let bytes = NonNull::slice_from_raw_parts(self.start, self.len);
            // SAFETY: `heap` made it of a boxed slice of that length, which nobody else has.
            drop(unsafe { Box::from_raw(bytes.as_ptr()) });
            self.pool.heap.fetch_sub(self.len as u64, Relaxed);
        } else if let Some(slots) = self.pool.class(self.class) {
            // Cannot fail: there is room for every slot of the class.
            let _ = slots.free.push(self.start);
        }
    }
}

#[cfg(test)]
mod tests;
