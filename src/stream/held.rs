//! Segments that came before their turn.

use crate::capture::{Frame, Stamp};

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
    /// A second piece of a frame that is held elsewhere already.
    Copy(Box<[u8]>),
}

impl<F: Frame> Held<F> {
    pub(super) fn frame(start: u64, end: u64, stamp: Stamp, mut frame: F, at: usize) -> Self {
        frame.mark_held();
        Self {
            start,
            end,
            stamp,
            cut: 0,
            bytes: Bytes::Frame { frame, at },
        }
    }

    pub(super) fn copy(start: u64, stamp: Stamp, bytes: &[u8]) -> Self {
        Self {
            start,
            end: start + bytes.len() as u64,
            stamp,
            cut: 0,
            bytes: Bytes::Copy(bytes.into()),
        }
    }

    pub(super) fn len(&self) -> u64 {
        self.end - self.start
    }

    pub(super) fn bytes(&self) -> &[u8] {
        let length = usize::try_from(self.len()).unwrap_or(usize::MAX);
        match &self.bytes {
            Bytes::Frame { frame, at } => frame.as_ref().get(*at..*at + length).unwrap_or_default(),
            Bytes::Copy(bytes) => bytes,
        }
    }
}
