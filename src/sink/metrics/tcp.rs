//! Metrics about the TCP of each direction: one table, so that names, help and values cannot drift apart.

use crate::health::Figures;

/// One metric of each direction.
pub(super) struct Metric {
    /// Name without `_total`.
    pub name: &'static str,
    /// What it means.
    pub help: &'static str,
    /// What the value is multiplied with.
    pub scale: f64,
    /// Reads it; `None` if nothing is known.
    pub value: fn(&Figures) -> Option<u64>,
}

const fn metric(
    name: &'static str,
    help: &'static str,
    scale: f64,
    value: fn(&Figures) -> Option<u64>,
) -> Metric {
    Metric {
        name,
        help,
        scale,
        value,
    }
}

const MICRO: f64 = 1e-6;
const MILLI: f64 = 1e-3;

/// What only grows.
pub(super) const COUNTERS: [Metric; 9] = [
    metric(
        "bgptap_retransmissions",
        "Segments that the sender sent again",
        1.0,
        |f| Some(f.retransmitted),
    ),
    metric(
        "bgptap_tcp_mirror_copies",
        "Segments that the mirror showed twice",
        1.0,
        |f| Some(f.mirror_copies),
    ),
    metric(
        "bgptap_tcp_probes",
        "Keepalive and window probes",
        1.0,
        |f| Some(f.probes),
    ),
    metric(
        "bgptap_tcp_out_of_order_segments",
        "Segments that came before their turn",
        1.0,
        |f| Some(f.out_of_order),
    ),
    metric(
        "bgptap_tcp_conflicts",
        "Copies of bytes that differ from what was seen first",
        1.0,
        |f| Some(f.conflicts),
    ),
    metric(
        "bgptap_tcp_out_of_window_segments",
        "Segments too far from where the stream stands",
        1.0,
        |f| Some(f.out_of_window),
    ),
    metric(
        "bgptap_tcp_resets_ignored",
        "RSTs outside the window",
        1.0,
        |f| Some(f.resets_ignored),
    ),
    metric(
        "bgptap_tcp_zero_windows",
        "Times that the sender closed its own receive window: it reads too slowly",
        1.0,
        |f| Some(f.zero_windows),
    ),
    metric(
        "bgptap_tcp_zero_window_seconds",
        "Time that the sender kept its own receive window closed",
        MILLI,
        |f| Some(f.zero_window_ms),
    ),
];

/// What goes up and down. Left out while nothing is known.
pub(super) const GAUGES: [Metric; 12] = [
    metric(
        "bgptap_tcp_rtt_seconds",
        "Smoothed time from data to their acknowledgement, as both pass the mirror port",
        MICRO,
        |f| (f.rtt.samples > 0).then_some(f.rtt.smoothed_us),
    ),
    metric(
        "bgptap_tcp_rtt_min_seconds",
        "Shortest time from data to their acknowledgement",
        MICRO,
        |f| (f.rtt.samples > 0).then_some(f.rtt.min_us),
    ),
    metric(
        "bgptap_tcp_timestamp_rtt_seconds",
        "Smoothed time from a clock value to its echo (RFC 7323)",
        MICRO,
        |f| (f.timestamp_rtt.samples > 0).then_some(f.timestamp_rtt.smoothed_us),
    ),
    metric(
        "bgptap_tcp_in_flight_bytes",
        "Bytes sent and not acknowledged",
        1.0,
        |f| Some(f.in_flight.into()),
    ),
    metric(
        "bgptap_tcp_in_flight_max_bytes",
        "Most bytes sent and not acknowledged at a time",
        1.0,
        |f| Some(f.in_flight_max.into()),
    ),
    metric(
        "bgptap_tcp_window_bytes",
        "Receive window that the sender offers; unscaled if a SYN was missed",
        1.0,
        |f| Some(f.window.into()),
    ),
    metric(
        "bgptap_tcp_held_max_bytes",
        "Most bytes that waited behind a hole",
        1.0,
        |f| Some(f.held_bytes_max),
    ),
    metric(
        "bgptap_tcp_mss_bytes",
        "Largest segment that the sender takes, from its SYN",
        1.0,
        |f| f.mss.map(Into::into),
    ),
    metric(
        "bgptap_tcp_segment_max_bytes",
        "Longest segment that the sender sent",
        1.0,
        |f| Some(f.segment_max.into()),
    ),
    metric(
        "bgptap_tcp_signed",
        "1 if segments carry an MD5 signature or an authentication option, else 0",
        1.0,
        |f| Some((f.md5 || f.authentication).into()),
    ),
    metric(
        "bgptap_hold_margin_seconds",
        "What is left of the hold time until the other side ends the session",
        MILLI,
        |f| f.hold_margin_ms,
    ),
    metric(
        "bgptap_hold_margin_min_seconds",
        "The least that was left of the hold time when a message came",
        MILLI,
        |f| f.hold_margin_min_ms,
    ),
];
