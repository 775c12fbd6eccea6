//! The ring with a kernel played by the test: runs under Miri, which checks the `unsafe` of `ring.rs`.

use super::*;
use crate::packet::block::tests::{Written, write};
use memmap2::MmapMut;

const BLOCK: usize = 4096;

/// Blocks, and what the kernel would do to them.
struct Kernel {
    ring: Ring,
    /// The block that it fills next.
    at: Cell<usize>,
}

impl Kernel {
    fn new(blocks: usize) -> Self {
        let memory = MmapMut::map_anon(blocks * BLOCK).expect("some KiB");
        Self {
            ring: Ring::new(memory.into(), BLOCK, blocks),
            at: Cell::new(0),
        }
    }

    fn status(&self, index: usize) -> u32 {
        self.ring.status(index).load(Ordering::Acquire)
    }

    /// Fills the next block and lets go of it; false if it is not the kernel's.
    fn fill(&self, frames: &[&[u8]]) -> bool {
        let at = self.at.get();
        if self.status(at) != libc::TP_STATUS_KERNEL {
            return false;
        }
        let written = frames.iter().map(|bytes| Written {
            bytes,
            seconds: 1,
            status: libc::TP_STATUS_USER,
            tci: 0,
        });
        let mut block = vec![0; BLOCK];
        write(&mut block, &written.collect::<Vec<_>>());
        let start = self.ring.memory.as_mut_ptr().wrapping_add(at * BLOCK);
        // SAFETY: the block is the kernel's, which this is: the ring has no view of it.
        unsafe { start.copy_from_nonoverlapping(block.as_ptr(), BLOCK) };
        let status = self.ring.status(at);
        status.store(libc::TP_STATUS_USER, Ordering::Release);
        self.at.set((at + 1) % self.ring.blocks());
        true
    }
}

/// Takes what is there.
fn take(ring: &Ring) -> Vec<Frame<'_>> {
    ring.look(Instant::now());
    std::iter::from_fn(|| ring.take().map(|(frame, _)| frame)).collect()
}

#[test]
fn a_block_goes_back_with_the_last_of_its_frames() {
    let kernel = Kernel::new(4);
    assert!(take(&kernel.ring).is_empty(), "nothing came yet");
    assert!(kernel.fill(&[b"one", b"two"]) && kernel.fill(&[b"three"]));
    let mut frames = take(&kernel.ring);
    let bytes: Vec<&[u8]> = frames.iter().map(AsRef::as_ref).collect();
    assert_eq!(bytes, [&b"one"[..], b"two", b"three"]);
    assert_eq!(kernel.ring.ours(), 2);
    frames.remove(0);
    assert_eq!(kernel.status(0), libc::TP_STATUS_USER);
    frames.remove(0);
    assert_eq!(kernel.status(0), libc::TP_STATUS_KERNEL);
    assert_eq!(kernel.status(1), libc::TP_STATUS_USER);
    assert_eq!(frames[0].as_ref(), b"three");
    drop(frames);
    assert_eq!(kernel.ring.ours(), 0);
}

#[test]
fn a_block_that_is_walked_through_stays_even_if_its_frames_go_at_once() {
    let kernel = Kernel::new(4);
    kernel.fill(&[b"one", b"two"]);
    assert!(kernel.ring.take().is_none(), "nobody has looked");
    let now = Instant::now();
    kernel.ring.look(now);
    drop(kernel.ring.take());
    assert_eq!(kernel.status(0), libc::TP_STATUS_USER);
    kernel.ring.look(now + std::time::Duration::from_secs(1));
    let (packet, since) = kernel.ring.head().expect("the second");
    assert_eq!((packet.ns, since), (1_000_000_005, Some(now)));
    drop(kernel.ring.take());
    assert_eq!(kernel.status(0), libc::TP_STATUS_KERNEL);
    // Without packets there is nothing to wait for.
    kernel.fill(&[]);
    kernel.ring.look(now);
    assert!(kernel.ring.head().is_none());
    assert_eq!(kernel.status(1), libc::TP_STATUS_KERNEL);
}

#[test]
fn held_frames_are_wanted_back_before_the_kernel_needs_their_block() {
    let kernel = Kernel::new(8);
    kernel.fill(&[b"held"]);
    let ring = &kernel.ring;
    let mut held = take(ring).pop().expect("it came");
    assert!(!held.is_wanted_back());
    held.mark_held();
    for round in 1..4 {
        kernel.fill(&[b"passes"]);
        drop(take(ring));
        assert!(!ring.take_pressed() && !held.is_wanted_back(), "{round}");
    }
    kernel.fill(&[b"passes"]);
    drop(take(ring));
    assert!(ring.take_pressed(), "half of the ring is filled");
    assert!(held.is_wanted_back());
    assert!(!ring.take_pressed(), "said once");
    for _ in 5..8 {
        assert!(kernel.fill(&[b"passes"]));
        drop(take(ring));
    }
    assert!(!kernel.fill(&[b"lost"]), "the kernel stops at the block");
    assert!(take(ring).is_empty() && ring.take_pressed());
    assert_eq!(held.as_ref(), b"held");
    drop(held);
    assert!(kernel.fill(&[b"goes on"]));
    assert_eq!(take(ring)[0].as_ref(), b"goes on");
}

#[test]
fn frames_of_a_quarter_of_the_blocks_may_be_held() {
    let kernel = Kernel::new(8);
    for _ in 0..3 {
        kernel.fill(&[b"one", b"two"]);
    }
    let mut frames = take(&kernel.ring);
    frames[0].mark_held();
    assert!(!frames[2].is_wanted_back());
    frames[2].mark_held();
    frames[2].mark_held();
    assert!(!frames[3].is_wanted_back(), "its block is kept anyway");
    assert!(frames[4].is_wanted_back(), "that would be a third block");
    drop(frames);
    assert_eq!((kernel.ring.kept.get(), kernel.ring.ours()), (0, 0));
}
