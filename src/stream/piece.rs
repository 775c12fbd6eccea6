//! The payload of one segment on its way into place.

use crate::capture::Stamp;

/// Payload of one frame: where it lies in the frame and in sequence space.
#[derive(Clone, Copy)]
pub(super) struct Piece {
    pub(super) at: usize,
    pub(super) start: u64,
    pub(super) end: u64,
    /// Bytes behind `end` that the capture cut.
    pub(super) cut: u32,
    /// A FIN follows.
    pub(super) fin: bool,
    pub(super) stamp: Stamp,
}

impl Piece {
    pub(super) fn len(&self) -> u64 {
        self.end - self.start
    }

    /// What is cut behind `until`.
    pub(super) fn cut_at(&self, until: u64) -> u32 {
        if until == self.end { self.cut } else { 0 }
    }
}

/// Whether two runs of bytes, each with its first sequence number, contradict each other.
pub(super) fn differ(a: (u64, &[u8]), b: (u64, &[u8])) -> bool {
    let (early, late) = (
        a.0.max(b.0),
        (a.0 + a.1.len() as u64).min(b.0 + b.1.len() as u64),
    );
    if early >= late {
        return false;
    }
    let range = |start: u64| (early - start) as usize..(late - start) as usize;
    a.1.get(range(a.0)) != b.1.get(range(b.0))
}
