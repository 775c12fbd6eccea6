//! The blocks that kernel and user space hand to each other, and views of the frames in them.

use super::block::{Packet, STATUS, Walk};
use memmap2::MmapRaw;
use std::cell::Cell;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

/// A mapped ring of blocks. Each belongs to the kernel or to us, as the status in it tells; ours
/// are those that the walk is in or that a [`Frame`] is a view of.
pub struct Ring {
    memory: MmapRaw,
    block_size: usize,
    blocks: Box<[Block]>,
    /// The block that the walk is in, or the next one that will come.
    next: Cell<usize>,
    walk: Cell<Option<Walk>>,
    /// Blocks that came and that no walk has begun in.
    ready: Cell<usize>,
    /// Blocks with frames that are held.
    kept: Cell<usize>,
    pressed: Cell<bool>,
}

/// What we have of a block.
#[derive(Default)]
struct Block {
    /// When it was found to be ours.
    since: Cell<Option<Instant>>,
    /// The walk is in it.
    open: Cell<bool>,
    /// Frames that are views of it, and how many of them are held.
    frames: Cell<u32>,
    held: Cell<u32>,
}

impl Block {
    fn is_ours(&self) -> bool {
        self.open.get() || self.frames.get() > 0
    }
}

impl Ring {
    /// A ring over memory of `blocks` blocks that all belong to the kernel.
    ///
    /// # Panics
    /// If the memory is smaller than that.
    pub(super) fn new(memory: MmapRaw, block_size: usize, blocks: usize) -> Self {
        assert!(
            block_size > STATUS + 4 && block_size.is_multiple_of(8),
            "a header fits and is aligned"
        );
        assert!(memory.len() / block_size >= blocks, "the blocks are mapped");
        Self {
            memory,
            block_size,
            blocks: (0..blocks).map(|_| Block::default()).collect(),
            next: Cell::new(0),
            walk: Cell::new(None),
            ready: Cell::new(0),
            kept: Cell::new(0),
            pressed: Cell::new(false),
        }
    }

    /// Looks which blocks the kernel has let go of by `now`; nothing of others is seen.
    pub fn look(&self, now: Instant) {
        let count = self.blocks.len();
        loop {
            let behind = usize::from(self.walk.get().is_some()) + self.ready.get();
            if behind >= count {
                return;
            }
            let index = (self.next.get() + behind) % count;
            let block = &self.blocks[index];
            if block.is_ours() {
                // Once round the ring: the kernel waits for this one.
                self.pressed.set(true);
                return;
            }
            // What the kernel wrote before it let go of the block is seen after this.
            if self.status(index).load(Ordering::Acquire) & libc::TP_STATUS_USER == 0 {
                return;
            }
            block.since.set(Some(now));
            self.ready.set(self.ready.get() + 1);
        }
    }

    /// The next packet, which stays next, and when its block was first seen. `None` if there is none in the
    /// blocks that [`Self::look`] has found.
    pub fn head(&self) -> Option<(Packet, Option<Instant>)> {
        loop {
            let index = self.next.get();
            let Some(walk) = self.walk.get() else {
                self.open(index)?;
                continue;
            };
            if let Some(packet) = walk.packet(self.bytes(index)) {
                return Some((packet, self.blocks[index].since.get()));
            }
            self.close(index);
        }
    }

    /// Takes the next packet.
    pub fn take(&self) -> Option<(Frame<'_>, Packet)> {
        let (packet, _) = self.head()?;
        let index = self.next.get();
        let block = &self.blocks[index];
        block.frames.set(block.frames.get() + 1);
        let frame = Frame {
            ring: self,
            block: index,
            start: packet.data.start,
            len: packet.data.len(),
            held: false,
        };
        self.walk
            .set(self.walk.get().and_then(|w| w.next(self.bytes(index))));
        if self.walk.get().is_none() {
            self.close(index);
        }
        Some((frame, packet))
    }

    /// Held frames stand in the kernel's way, or soon will: those that
    /// [want to be back](Frame::is_wanted_back) should go. Says so once.
    pub fn take_pressed(&self) -> bool {
        self.pressed.take()
    }

    /// Blocks in all.
    #[must_use]
    pub fn blocks(&self) -> usize {
        self.blocks.len()
    }

    /// Blocks that are not the kernel's.
    #[must_use]
    pub fn ours(&self) -> usize {
        self.blocks.iter().filter(|block| block.is_ours()).count()
    }

    /// The block that came last is not back yet: `poll` takes that for news (net/packet/af_packet.c,
    /// `packet_poll`).
    pub(super) fn last_is_ours(&self) -> bool {
        let count = self.blocks.len();
        let last = (self.next.get() + count - 1) % count;
        self.walk.get().is_some() || self.ready.get() > 0 || self.blocks[last].is_ours()
    }

    /// Begins to walk through a block, if it is there.
    fn open(&self, index: usize) -> Option<()> {
        self.ready.set(self.ready.get().checked_sub(1)?);
        self.blocks[index].open.set(true);
        let half = self.blocks.len() / 2;
        if self.blocks[(index + half) % self.blocks.len()].held.get() > 0 {
            self.pressed.set(true);
        }
        self.walk.set(Walk::begin(self.bytes(index)));
        if self.walk.get().is_none() {
            self.close(index);
        }
        Some(())
    }

    /// Ends the walk through a block.
    fn close(&self, index: usize) {
        self.walk.set(None);
        self.next.set((index + 1) % self.blocks.len());
        self.blocks[index].open.set(false);
        self.give_back_if_free(index);
    }

    fn give_back_if_free(&self, index: usize) {
        if !self.blocks[index].is_ours() {
            // What was read of the block was read before this.
            let status = self.status(index);
            status.store(libc::TP_STATUS_KERNEL, Ordering::Release);
        }
    }

    /// How many blocks the kernel can still fill before it needs this one.
    fn distance(&self, index: usize) -> usize {
        let count = self.blocks.len();
        // The block that the walk is in was filled last.
        let filled_next = self.next.get() + usize::from(self.walk.get().is_some());
        (index + 2 * count - filled_next) % count
    }

    fn status(&self, index: usize) -> &AtomicU32 {
        let place = index * self.block_size + STATUS;
        let pointer = self.memory.as_mut_ptr().wrapping_add(place);
        // SAFETY: the index is that of a block, `new` saw that all blocks are mapped and aligned
        // for their headers, and the mapping lives as long as `self`. Kernel and user space hand the
        // blocks to each other by this word, both atomically; we store to it only while no slice of the
        // block is alive (`give_back_if_free`).
        unsafe { AtomicU32::from_ptr(pointer.cast()) }
    }

    /// A block that is ours.
    fn bytes(&self, index: usize) -> &[u8] {
        debug_assert!(self.blocks[index].is_ours(), "nobody else writes it");
        let start = self.memory.as_ptr().wrapping_add(index * self.block_size);
        // SAFETY: the block is mapped, as in `status`. The kernel does not touch a block between
        // setting its status to TP_STATUS_USER and our giving it back; `look` has seen that
        // status of all that are ours, and callers drop the slice before they give the block back.
        unsafe { std::slice::from_raw_parts(start, self.block_size) }
    }
}

/// A view of a received frame. The block goes back to the kernel with the last one of its views.
pub struct Frame<'r> {
    ring: &'r Ring,
    block: usize,
    /// Where it lies in the block.
    start: usize,
    len: usize,
    held: bool,
}

impl Frame<'_> {
    /// The frame outlives its batch: it is held out of order.
    pub fn mark_held(&mut self) {
        if self.held {
            return;
        }
        self.held = true;
        let held = &self.ring.blocks[self.block].held;
        if held.get() == 0 {
            self.ring.kept.set(self.ring.kept.get() + 1);
        }
        held.set(held.get() + 1);
    }

    /// A copy of what is needed is better than holding the frame: half of the ring is filled since it
    /// came, or frames of a quarter of all blocks are held already, and none of this one.
    #[must_use]
    pub fn is_wanted_back(&self) -> bool {
        let (ring, count) = (self.ring, self.ring.blocks.len());
        let another = ring.blocks[self.block].held.get() == 0;
        ring.distance(self.block) < count / 2 || another && ring.kept.get() >= count.div_ceil(4)
    }
}

impl AsRef<[u8]> for Frame<'_> {
    fn as_ref(&self) -> &[u8] {
        let place = self.block * self.ring.block_size + self.start;
        let start = self.ring.memory.as_ptr().wrapping_add(place);
        // SAFETY: `Walk::packet` saw that the range lies in the block, and the block in the mapping,
        // which outlives `self.ring`. As long as this `Frame` lives the block counts it and so is
        // not the kernel's, and nothing here writes to it but its status, outside the range.
        unsafe { std::slice::from_raw_parts(start, self.len) }
    }
}

impl Drop for Frame<'_> {
    fn drop(&mut self) {
        let block = &self.ring.blocks[self.block];
        if self.held {
            block.held.set(block.held.get() - 1);
            if block.held.get() == 0 {
                self.ring.kept.set(self.ring.kept.get() - 1);
            }
        }
        block.frames.set(block.frames.get() - 1);
        self.ring.give_back_if_free(self.block);
    }
}

#[cfg(test)]
#[path = "ring_tests.rs"]
mod tests;
