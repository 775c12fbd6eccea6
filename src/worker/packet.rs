//! What streams are fed from: frames, and datagrams put together from several.

use crate::capture::Frame;
use bgptap_umem::buffer::Buffer;

/// Bytes that hold a segment.
pub(super) enum Packet<F> {
    /// As captured.
    Frame(F),
    /// Put together from fragments.
    Assembled(Buffer),
}

impl<F: Frame> AsRef<[u8]> for Packet<F> {
    fn as_ref(&self) -> &[u8] {
        match self {
            Self::Frame(frame) => frame.as_ref(),
            Self::Assembled(buffer) => buffer,
        }
    }
}

impl<F: Frame> Frame for Packet<F> {
    fn mark_held(&mut self) {
        if let Self::Frame(frame) = self {
            frame.mark_held();
        }
    }
    fn is_wanted_back(&self) -> bool {
        match self {
            Self::Frame(frame) => frame.is_wanted_back(),
            Self::Assembled(_) => false,
        }
    }
}
