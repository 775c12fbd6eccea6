//! The last frames of a session, in blocks of memory that all sessions share.
//!
//! Records lie one behind the other across the blocks, so a frame may be longer than a block. The
//! oldest block can go at any time: each knows where the first record that begins in it is.

use crate::capture::LinkType;
use std::collections::VecDeque;

/// Octets of a block: what a session takes at least.
pub(super) const BLOCK: usize = 16 * 1024;
/// Octets of a record before the frame's.
const HEAD: usize = 8 + 4 + 4 + 2 + 2;

/// Links by the number that a record has for them.
const LINKS: [LinkType; 9] = [
    LinkType::Ethernet,
    LinkType::LinuxSll,
    LinkType::LinuxSll2,
    LinkType::RawIp,
    LinkType::Null,
    LinkType::Loop,
    LinkType::Ppp,
    LinkType::CiscoHdlc,
    LinkType::FrameRelay,
];

/// What is known of a frame beside its octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) ns: u64,
    pub(super) wire_len: u32,
    pub(super) link: LinkType,
    pub(super) interface: u16,
}

/// A piece of the memory.
pub(super) struct Block {
    bytes: Box<[u8]>,
    used: usize,
    /// Where the first record begins that begins here.
    first: Option<usize>,
    /// When the newest frame came of which a part is here.
    newest_ns: u64,
}

impl Block {
    pub(super) fn new() -> Self {
        Self {
            bytes: vec![0; BLOCK].into_boxed_slice(),
            used: 0,
            first: None,
            newest_ns: 0,
        }
    }

    fn clear(&mut self) {
        self.used = 0;
        self.first = None;
        self.newest_ns = 0;
    }

    fn filled(&self) -> &[u8] {
        self.bytes.get(..self.used).unwrap_or_default()
    }
}

/// Frames of one session, oldest first.
#[derive(Default)]
pub(super) struct Ring {
    blocks: VecDeque<Block>,
}

impl Ring {
    pub(super) fn blocks(&self) -> usize {
        self.blocks.len()
    }

    pub(super) fn newest_ns(&self) -> u64 {
        self.blocks.back().map_or(0, |block| block.newest_ns)
    }

    /// Blocks that a frame of `len` octets takes beside those that are there.
    pub(super) fn missing(&self, len: usize) -> usize {
        let room = self.blocks.back().map_or(0, |block| BLOCK - block.used);
        (HEAD + len).saturating_sub(room).div_ceil(BLOCK)
    }

    /// The oldest block, if it holds nothing newer than `ns`, or whatever it holds if `ns` is not given.
    /// The newest one stays.
    pub(super) fn take_oldest(&mut self, until_ns: Option<u64>) -> Option<Block> {
        let front = self.blocks.front()?;
        if self.blocks.len() < 2 || until_ns.is_some_and(|ns| front.newest_ns > ns) {
            return None;
        }
        let mut block = self.blocks.pop_front()?;
        block.clear();
        Some(block)
    }

    /// Adds room for a frame; the block holds nothing yet.
    pub(super) fn add(&mut self, mut block: Block) {
        block.clear();
        self.blocks.push_back(block);
    }

    /// Adds a frame, for which as many blocks were added before as were [`Self::missing`]. `at` is the
    /// block that was the last one before that.
    pub(super) fn push(&mut self, head: Head, bytes: &[u8], added: usize) {
        let mut at = self.blocks.len().saturating_sub(added + 1);
        if self.blocks.get(at).is_some_and(|block| block.used == BLOCK) {
            at += 1;
        }
        if let Some(block) = self.blocks.get_mut(at) {
            block.first.get_or_insert(block.used);
        }
        let link = LINKS.iter().position(|link| *link == head.link);
        let len = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        let mut record = [0; HEAD];
        record[..8].copy_from_slice(&head.ns.to_le_bytes());
        record[8..12].copy_from_slice(&head.wire_len.to_le_bytes());
        record[12..16].copy_from_slice(&len.to_le_bytes());
        record[16..18].copy_from_slice(&head.interface.to_le_bytes());
        record[18] = link.and_then(|link| u8::try_from(link).ok()).unwrap_or(0);
        for mut part in [&record[..], bytes] {
            while let Some(block) = self.blocks.get_mut(at).filter(|_| !part.is_empty()) {
                let (here, rest) = part.split_at(part.len().min(BLOCK - block.used));
                if let Some(room) = block.bytes.get_mut(block.used..block.used + here.len()) {
                    room.copy_from_slice(here);
                }
                block.used += here.len();
                block.newest_ns = block.newest_ns.max(head.ns);
                part = rest;
                at += usize::from(block.used == BLOCK);
            }
        }
    }

    /// Takes all blocks.
    pub(super) fn take(&mut self) -> VecDeque<Block> {
        std::mem::take(&mut self.blocks)
    }

    /// Has `read` look at the frames in order; `buffer` is where each is put together.
    pub(super) fn each<E>(
        blocks: &VecDeque<Block>,
        buffer: &mut Vec<u8>,
        mut read: impl FnMut(Head, &[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let Some(start) = blocks.iter().position(|block| block.first.is_some()) else {
            return Ok(());
        };
        let mut skip = blocks.get(start).and_then(|block| block.first).unwrap_or(0);
        buffer.clear();
        for block in blocks.iter().skip(start) {
            buffer.extend_from_slice(block.filled().get(skip..).unwrap_or_default());
            skip = 0;
            let mut done = 0;
            while let Some((head, len)) = buffer.get(done..).and_then(parse) {
                let Some(frame) = buffer.get(done + HEAD..done + HEAD + len) else {
                    break;
                };
                read(head, frame)?;
                done += HEAD + len;
            }
            buffer.drain(..done);
        }
        Ok(())
    }
}

/// The head of a record, and the octets of its frame.
fn parse(bytes: &[u8]) -> Option<(Head, usize)> {
    let record: &[u8; HEAD] = bytes.first_chunk()?;
    let word = |at: usize| {
        u32::from_le_bytes([record[at], record[at + 1], record[at + 2], record[at + 3]])
    };
    let head = Head {
        ns: u64::from(word(0)) | u64::from(word(4)) << 32,
        wire_len: word(8),
        interface: u16::from_le_bytes([record[16], record[17]]),
        link: *LINKS.get(usize::from(record[18]))?,
    };
    Some((head, usize::try_from(word(12)).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn frames(blocks: &VecDeque<Block>) -> Vec<(u64, Vec<u8>)> {
        let mut list = Vec::new();
        let read = |head: Head, bytes: &[u8]| {
            list.push((head.ns, bytes.to_vec()));
            Ok::<_, ()>(())
        };
        Ring::each(blocks, &mut Vec::new(), read).expect("nothing fails");
        list
    }

    proptest! {
        /// What is read are the newest frames, whole and in order, however many blocks went.
        #[test]
        fn frames_come_back(
            sizes in prop::collection::vec(prop_oneof![0usize..2000, 16_300usize..16_400, 30_000usize..70_000], 1..60),
            gone in 0usize..12,
        ) {
            let mut ring = Ring::default();
            let mut all = Vec::new();
            for (ns, size) in (0u64..).zip(sizes) {
                let bytes: Vec<u8> = (0..size).map(|i| (i as u64 + ns * 7) as u8).collect();
                let missing = ring.missing(size);
                for _ in 0..missing {
                    ring.add(Block::new());
                }
                let head = Head { ns, wire_len: 1, link: LinkType::Ppp, interface: 3 };
                ring.push(head, &bytes, missing);
                all.push((ns, bytes));
                prop_assert_eq!(ring.newest_ns(), ns);
            }
            for _ in 0..gone {
                ring.take_oldest(None);
            }
            let left = frames(&ring.take());
            prop_assert!(all.ends_with(&left));
            if gone == 0 {
                prop_assert_eq!(left.len(), all.len());
            }
        }
    }

    #[test]
    fn blocks_go_when_all_in_them_is_old() {
        let mut ring = Ring::default();
        for ns in 0..4 {
            let missing = ring.missing(BLOCK - HEAD);
            for _ in 0..missing {
                ring.add(Block::new());
            }
            let head = Head {
                ns,
                wire_len: 0,
                link: LinkType::Ethernet,
                interface: 0,
            };
            ring.push(head, &[0; BLOCK - HEAD], missing);
        }
        assert_eq!(ring.blocks(), 4);
        assert!(ring.take_oldest(Some(0)).is_some());
        assert!(ring.take_oldest(Some(0)).is_none(), "the next is newer");
        assert_eq!(frames(&ring.take()).len(), 3);
    }
}
