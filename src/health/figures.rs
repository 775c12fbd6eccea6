//! The figures of one direction, as metrics and the summary tell them.

use super::{Health, Rtt};
use crate::session::Direction;
use crate::stream::Counters;
use serde::Serialize;

/// How the TCP of one direction did. Times in microseconds and milliseconds, as named.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Figures {
    /// From data to their acknowledgement.
    pub rtt: RttFigures,
    /// From clock values to their echo.
    pub timestamp_rtt: RttFigures,
    /// Segments sent again by the sender.
    pub retransmitted: u64,
    /// Segments that the mirror showed twice.
    pub mirror_copies: u64,
    /// Keepalive and window probes.
    pub probes: u64,
    /// Segments that came before their turn.
    pub out_of_order: u64,
    /// Most bytes that waited behind a hole.
    pub held_bytes_max: u64,
    /// Most segments that waited behind a hole.
    pub held_segments_max: u64,
    /// Copies that differ from what was seen first.
    pub conflicts: u64,
    /// Segments far outside the window.
    pub out_of_window: u64,
    /// RSTs that no receiver would believe.
    pub resets_ignored: u64,
    /// Times that this sender closed its own window: it read too slowly.
    pub zero_windows: u64,
    /// For how long in all.
    pub zero_window_ms: u64,
    /// Window that it offers now.
    pub window: u32,
    /// Bytes under way now.
    pub in_flight: u32,
    /// Most bytes under way at a time.
    pub in_flight_max: u32,
    /// Largest segment that it takes, if its SYN was seen.
    pub mss: Option<u16>,
    /// Longest segment that it sent.
    pub segment_max: u32,
    /// Its segments carry MD5 signatures.
    pub md5: bool,
    /// Its segments carry an authentication option.
    pub authentication: bool,
    /// What is left of the hold time, if there is one and the session is established.
    pub hold_margin_ms: Option<u64>,
    /// The least that was left when a message came.
    pub hold_margin_min_ms: Option<u64>,
}

/// A round-trip time in microseconds.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct RttFigures {
    /// Smoothed (RFC 6298).
    pub smoothed_us: u64,
    /// The shortest.
    pub min_us: u64,
    /// How many samples it rests on; 0: nothing is known.
    pub samples: u64,
}

impl From<Rtt> for RttFigures {
    fn from(rtt: Rtt) -> Self {
        Self {
            smoothed_us: rtt.smoothed_ns / 1000,
            min_us: rtt.min_ns / 1000,
            samples: rtt.samples,
        }
    }
}

impl Figures {
    /// The figures of a direction at a time. `copies`: segments with old bytes that were copies of the mirror.
    #[must_use]
    pub fn new(
        health: &Health,
        direction: Direction,
        counters: &Counters,
        copies: u64,
        now_ns: u64,
    ) -> Self {
        let side = health.side(direction);
        let ms = |ns: u64| ns / 1_000_000;
        Self {
            rtt: side.rtt.into(),
            timestamp_rtt: side.timestamp_rtt.into(),
            retransmitted: counters.retransmitted_segments.saturating_sub(copies),
            mirror_copies: side.mirror_copies,
            probes: side.probes,
            out_of_order: counters.out_of_order,
            held_bytes_max: counters.held_bytes_max,
            held_segments_max: counters.held_segments_max,
            conflicts: counters.conflicts,
            out_of_window: counters.out_of_window,
            resets_ignored: counters.rst_ignored,
            zero_windows: side.zero_windows,
            zero_window_ms: ms(side.zero_window_until(now_ns)),
            window: side.window,
            in_flight: side.in_flight(),
            in_flight_max: side.in_flight_max,
            mss: side.mss,
            segment_max: side.segment_max,
            md5: side.md5,
            authentication: side.authentication,
            hold_margin_ms: health.margin_ns(direction, now_ns).map(ms),
            hold_margin_min_ms: health.margin_min_ns(direction).map(ms),
        }
    }
}
