//! What became of the frames of one interface, on their way to user space.

use std::collections::BTreeMap;

/// What one interface saw and passed on: `seen` = `other` + `redirected`, and
/// `redirected` = `received` + `drops` once the rings are empty.
#[derive(Clone, Debug, Default)]
pub struct InterfaceCounts {
    /// Frames that reached the program, or passed the filter.
    pub seen: u64,
    /// Frames handed to a socket.
    pub redirected: u64,
    /// Frames not handed to a socket, by reason.
    pub other: BTreeMap<&'static str, u64>,
    /// Frames that user space took.
    pub received: u64,
    /// Frames that the kernel dropped between the two, by its names.
    pub drops: BTreeMap<&'static str, u64>,
    /// Times that the ring of AF_PACKET stood still, since a block was not given back yet.
    pub freezes: u64,
}
