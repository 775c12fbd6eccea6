//! Frames that lie in memory, and a worker's way through them: for what is counted or timed.

use super::synth::BEGIN_NS;
use bgptap::capture::{Captured, Frame, LinkType, Stamp, StampSource};

/// Frames that a worker is given at a time, as a capture does.
const BATCH: usize = 256;

/// A frame that borrows its bytes, as those of AF_XDP and mapped files do.
pub struct View<'a>(pub &'a [u8]);

impl AsRef<[u8]> for View<'_> {
    fn as_ref(&self) -> &[u8] {
        self.0
    }
}

impl Frame for View<'_> {}

/// A frame of Ethernet, the `number`th: each comes a microsecond after the one before it.
fn captured(bytes: &[u8], number: u64, source: StampSource) -> Captured<View<'_>> {
    Captured {
        frame: View(bytes),
        stamp: Stamp {
            ns: BEGIN_NS + number * 1000,
            source,
        },
        link: LinkType::Ethernet,
        wire_len: bytes.len() as u32,
        interface: 0,
        vlan: None,
        continues: false,
    }
}

/// Frames with the number of the first of them, in batches that `take` empties.
pub fn batches<'a>(
    frames: &[&'a [u8]],
    first: u64,
    source: StampSource,
    mut take: impl FnMut(&mut Vec<Captured<View<'a>>>),
) {
    let mut batch = Vec::with_capacity(BATCH);
    for (at, group) in (first..).step_by(BATCH).zip(frames.chunks(BATCH)) {
        let numbered = group.iter().zip(at..);
        batch.extend(numbered.map(|(bytes, number)| captured(bytes, number, source)));
        take(&mut batch);
    }
}

/// The frames of a pcap file (little-endian).
pub fn frames(file: &[u8]) -> Vec<&[u8]> {
    let mut rest = &file[24..];
    let mut list = Vec::new();
    while let Some((head, behind)) = rest.split_at_checked(16) {
        let length = u32::from_le_bytes([head[8], head[9], head[10], head[11]]);
        let (frame, next) = behind.split_at(length as usize);
        list.push(frame);
        rest = next;
    }
    list
}
