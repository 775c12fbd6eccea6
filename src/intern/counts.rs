//! Reference counts that live outside of what they count.
//!
//! A handle that knows its cache would be a pointer larger. The counts of each kind are one
//! growing table for the whole process, so that a handle is its number in there and nothing else,
//! and still counts itself when it is cloned and dropped, on whatever thread.

use crossbeam_queue::SegQueue;
use std::num::{NonZeroU16, NonZeroU32};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

/// Counts in the first chunk; each further chunk has twice as many as the one before it.
const FIRST: u32 = 256;
/// Chunks for as many numbers as a `u32` has, but for the last few.
const CHUNKS: usize = 24;

/// The number of an entry, as small as its kind allows. Never zero: `Option` costs nothing.
pub trait Id: Copy + Eq + std::hash::Hash + std::fmt::Debug + Send + Sync {
    /// From a number that counts from 0; `None` if it is too large.
    fn new(number: u32) -> Option<Self>;
    /// The number that counts from 0.
    fn number(self) -> u32;
}

impl Id for NonZeroU16 {
    fn new(number: u32) -> Option<Self> {
        u16::try_from(number.checked_add(1)?)
            .ok()
            .and_then(Self::new)
    }

    fn number(self) -> u32 {
        u32::from(self.get()) - 1
    }
}

impl Id for NonZeroU32 {
    fn new(number: u32) -> Option<Self> {
        Self::new(number.checked_add(1)?)
    }

    fn number(self) -> u32 {
        self.get() - 1
    }
}

/// The counts of one kind.
pub struct Counts {
    chunks: [OnceLock<Box<[AtomicU32]>>; CHUNKS],
    next: AtomicU32,
    /// Numbers of caches that are gone.
    free: SegQueue<u32>,
}

impl Counts {
    pub(super) const fn new() -> Self {
        Self {
            chunks: [const { OnceLock::new() }; CHUNKS],
            next: AtomicU32::new(0),
            free: SegQueue::new(),
        }
    }

    /// A number that nobody has, with a count of nothing; `None` if `I` has no more of them.
    pub(super) fn take<I: Id>(&self) -> Option<I> {
        // To find out that the queue is empty takes a fence; to look first takes two loads.
        let freed = if self.free.is_empty() {
            None
        } else {
            self.free.pop()
        };
        let number = match freed {
            Some(number) => number,
            None => {
                let fits = |next: u32| I::new(next).and(next.checked_add(1));
                let order = Ordering::Relaxed;
                self.next.fetch_update(order, order, fits).ok()?
            }
        };
        let (chunk, _) = place(number);
        self.chunks.get(chunk)?.get_or_init(|| {
            let size = FIRST << chunk;
            (0..size).map(|_| AtomicU32::new(0)).collect()
        });
        I::new(number)
    }

    /// Nobody uses the number any more.
    pub(super) fn give_back(&self, number: u32) {
        self.free.push(number);
    }

    fn at(&self, number: u32) -> Option<&AtomicU32> {
        let (chunk, offset) = place(number);
        self.chunks.get(chunk)?.get()?.get(offset)
    }

    #[inline]
    pub(super) fn add(&self, number: u32) {
        if let Some(count) = self.at(number) {
            // As in `Arc`: whoever makes a reference from one has whatever that one had.
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[inline]
    pub(super) fn sub(&self, number: u32) {
        if let Some(count) = self.at(number) {
            count.fetch_sub(1, Ordering::Release);
        }
    }

    /// Handles to the entry. Once it is 0 only the entry's cache can make it more.
    #[inline]
    pub(super) fn count(&self, number: u32) -> u32 {
        self.at(number)
            .map_or(0, |count| count.load(Ordering::Acquire))
    }
}

/// Chunk, and place in it.
#[inline]
fn place(number: u32) -> (usize, usize) {
    let shifted = u64::from(number) + u64::from(FIRST);
    let chunk = shifted.ilog2() - FIRST.ilog2();
    (
        chunk as usize,
        (shifted - (u64::from(FIRST) << chunk)) as usize,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_follow_one_another() {
        assert_eq!(place(0), (0, 0));
        assert_eq!(place(255), (0, 255));
        assert_eq!(place(256), (1, 0));
        assert_eq!(place(767), (1, 511));
        assert_eq!(place(768), (2, 0));
        let mut expected = (0, 0);
        for number in 0..100_000 {
            assert_eq!(place(number), expected);
            expected.1 += 1;
            if expected.1 == (FIRST as usize) << expected.0 {
                expected = (expected.0 + 1, 0);
            }
        }
    }

    #[test]
    fn small_numbers_run_out_and_come_back() {
        let counts = Counts::new();
        for number in 0..u32::from(u16::MAX) {
            let id: NonZeroU16 = counts.take().expect("not the last");
            assert_eq!(id.number(), number);
        }
        assert_eq!(counts.take::<NonZeroU16>(), None);
        counts.give_back(77);
        assert_eq!(counts.take::<NonZeroU16>().map(Id::number), Some(77));
        counts.add(77);
        counts.add(77);
        counts.sub(77);
        assert_eq!((counts.count(77), counts.count(78)), (1, 0));
    }
}
