//! What a stream may hold, and what it counts.

use crate::bgp::MessageSet;
use crate::config::Limits;

/// What one direction may hold and wait for.
#[derive(Clone, Copy, Debug)]
pub struct StreamLimits {
    /// Frames of one direction.
    pub held_frames: u32,
    /// Bytes of one direction.
    pub held_bytes: u64,
    /// See [`Limits::gap_grace`].
    pub gap_grace_ns: u64,
    /// See [`Limits::one_sided_wait`].
    pub one_sided_ns: u64,
    /// Messages that are read.
    pub messages: MessageSet,
}

impl From<&Limits> for StreamLimits {
    fn from(limits: &Limits) -> Self {
        let ns =
            |duration: std::time::Duration| u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        Self {
            held_frames: limits.held_frames_per_session_max / 2,
            held_bytes: limits.held_bytes_per_stream_max.into(),
            gap_grace_ns: ns(limits.gap_grace),
            one_sided_ns: ns(limits.one_sided_wait),
            messages: limits.messages_read(),
        }
    }
}

/// What happened to segments, beside what happened to their bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Segments with bytes that had been seen before.
    pub retransmitted_segments: u64,
    /// Segments that came before their turn.
    pub out_of_order: u64,
    /// Most payload bytes, and most segments, that were held beyond a hole at a time.
    pub held_bytes_max: u64,
    /// See `held_bytes_max`.
    pub held_segments_max: u64,
    /// Copies that differ from the held bytes that were seen first.
    pub conflicts: u64,
    /// Segments too far from where the stream stands, or before its start.
    pub out_of_window: u64,
    /// RSTs outside the window (RFC 5961 §3).
    pub rst_ignored: u64,
}
