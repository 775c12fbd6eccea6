//! Segments that came before their turn.

use super::budget::Budget;
use crate::capture::{Frame, Stamp};
use bgptap_umem::buffer::Buffer;

/// Payload held until the bytes before it come.
pub(super) struct Held<F> {
    /// First byte, in extended sequence numbers.
    pub(super) start: u64,
    /// First byte after it.
    pub(super) end: u64,
    /// When it came.
    pub(super) stamp: Stamp,
    /// Bytes behind it that the capture cut from the frame.
    pub(super) cut: u32,
    bytes: Bytes<F>,
}

enum Bytes<F> {
    /// The frame itself, and where the payload lies in it.
    Frame { frame: F, at: usize },
    /// A copy: frames are scarce, or another piece of the frame is held already.
    Spilled(Buffer),
}

impl<F: Frame> Held<F> {
    /// Holds the frame, or a copy of its payload if frames run low. `None` if there is no room for either.
    pub(super) fn frame(
        (start, end): (u64, u64),
        stamp: Stamp,
        mut frame: F,
        at: usize,
        budget: &mut Budget,
    ) -> Option<Self> {
        if budget.frames >= budget.frames_low || frame.is_wanted_back() {
            let bytes = frame.as_ref().get(at..at + (end - start) as usize)?;
            if let Some(held) = Self::copy(start, stamp, bytes, budget) {
                return Some(held);
            }
            if budget.frames >= budget.frames_max {
                budget.refused += 1;
                return None;
            }
        }
        budget.frames += 1;
        frame.mark_held();
        Some(Self {
            start,
            end,
            stamp,
            cut: 0,
            bytes: Bytes::Frame { frame, at },
        })
    }

    /// Holds a copy; `None` if there is no room.
    pub(super) fn copy(
        start: u64,
        stamp: Stamp,
        bytes: &[u8],
        budget: &mut Budget,
    ) -> Option<Self> {
        let mut copy = budget.spill.acquire(bytes.len())?;
        copy.copy_from_slice(bytes);
        budget.spilled += 1;
        Some(Self {
            start,
            end: start + bytes.len() as u64,
            stamp,
            cut: 0,
            bytes: Bytes::Spilled(copy),
        })
    }

    /// Lets go of the frame if its source wants it back and there is room for a copy.
    pub(super) fn spill(&mut self, budget: &mut Budget) {
        let Bytes::Frame { frame, .. } = &self.bytes else {
            return;
        };
        if !frame.is_wanted_back() {
            return;
        }
        if let Some(copy) = Self::copy(self.start, self.stamp, self.bytes(), budget) {
            self.release(budget);
            self.bytes = copy.bytes;
        }
    }

    /// Gives back what it took of the budget.
    pub(super) fn release(&self, budget: &mut Budget) {
        if matches!(self.bytes, Bytes::Frame { .. }) {
            budget.frames = budget.frames.saturating_sub(1);
        }
    }

    pub(super) fn len(&self) -> u64 {
        self.end - self.start
    }

    pub(super) fn bytes(&self) -> &[u8] {
        let length = usize::try_from(self.len()).unwrap_or(usize::MAX);
        match &self.bytes {
            Bytes::Frame { frame, at } => frame.as_ref().get(*at..*at + length).unwrap_or_default(),
            Bytes::Spilled(copy) => copy,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::StampSource;
    use bgptap_umem::buffer::{BufferPool, Class};
    use std::cell::Cell;

    /// A frame whose source may want it back, and that tells when it is gone.
    struct Lent<'a> {
        wanted: &'a Cell<bool>,
        gone: &'a Cell<bool>,
    }

    impl AsRef<[u8]> for Lent<'_> {
        fn as_ref(&self) -> &[u8] {
            b"..payload"
        }
    }

    impl Frame for Lent<'_> {
        fn is_wanted_back(&self) -> bool {
            self.wanted.get()
        }
    }

    impl Drop for Lent<'_> {
        fn drop(&mut self) {
            self.gone.set(true);
        }
    }

    fn budget(slots: usize) -> Budget {
        let class = Class {
            size: 64,
            count: slots,
        };
        let spill = BufferPool::with_heap_max(&[class], false, 0).expect("some bytes");
        Budget::with_spill(10, 0, spill)
    }

    const STAMP: Stamp = Stamp {
        ns: 1,
        source: StampSource::File,
    };

    #[test]
    fn a_frame_goes_when_its_source_wants_it_back_and_the_payload_stays() {
        let (wanted, gone) = (Cell::new(false), Cell::new(false));
        let mut budget = budget(1);
        let frame = Lent {
            wanted: &wanted,
            gone: &gone,
        };
        let mut held = Held::frame((5, 12), STAMP, frame, 2, &mut budget).expect("room");
        held.cut = 3;
        held.spill(&mut budget);
        assert!(!gone.get(), "nobody wants it");
        wanted.set(true);
        held.spill(&mut budget);
        assert!(gone.get());
        assert_eq!(
            (held.bytes(), held.start, held.end),
            (&b"payload"[..], 5, 12)
        );
        assert_eq!((held.cut, budget.frames, budget.spilled), (3, 0, 1));

        // There is no room for a second copy: the frame is held rather than the bytes lost.
        gone.set(false);
        let frame = Lent {
            wanted: &wanted,
            gone: &gone,
        };
        let mut second = Held::frame((5, 12), STAMP, frame, 2, &mut budget).expect("room");
        second.spill(&mut budget);
        assert!(!gone.get());
        assert_eq!((second.bytes(), budget.frames), (&b"payload"[..], 1));
        second.release(&mut budget);
        assert_eq!(budget.frames, 0);
    }
}
