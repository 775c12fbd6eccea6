//! Metrics about the TCP of each direction: one table, so that names, help and values cannot drift apart.

use super::catalogue::{Kind, Metric};
use crate::health::Figures;

/// One metric of each direction.
#[derive(Debug)]
pub(super) struct Row {
    /// Its name, and what it means.
    pub metric: Metric,
    /// What the value is multiplied with.
    pub scale: f64,
    /// Reads it; `None` if nothing is known.
    pub value: fn(&Figures) -> Option<u64>,
}

const fn counter(
    name: &'static str,
    help: &'static str,
    scale: f64,
    value: fn(&Figures) -> Option<u64>,
) -> Row {
    row(Kind::Counter, name, help, scale, value)
}

const fn gauge(
    name: &'static str,
    help: &'static str,
    scale: f64,
    value: fn(&Figures) -> Option<u64>,
) -> Row {
    row(Kind::Gauge, name, help, scale, value)
}

const fn row(
    kind: Kind,
    name: &'static str,
    help: &'static str,
    scale: f64,
    value: fn(&Figures) -> Option<u64>,
) -> Row {
    Row {
        metric: Metric {
            name,
            kind,
            session: true,
            labels: &[],
            help,
            more: "",
        },
        scale,
        value,
    }
}

const MICRO: f64 = 1e-6;
const MILLI: f64 = 1e-3;

/// What only grows.
pub(super) static COUNTERS: [Row; 9] = [
    counter(
        "bgptap_retransmissions",
        "Segments that the sender sent again",
        1.0,
        |f| Some(f.retransmitted),
    ),
    counter(
        "bgptap_tcp_mirror_copies",
        "Segments that the mirror showed twice",
        1.0,
        |f| Some(f.mirror_copies),
    ),
    counter(
        "bgptap_tcp_probes",
        "Keepalive and window probes",
        1.0,
        |f| Some(f.probes),
    ),
    counter(
        "bgptap_tcp_out_of_order_segments",
        "Segments that came before their turn",
        1.0,
        |f| Some(f.out_of_order),
    ),
    counter(
        "bgptap_tcp_conflicts",
        "Copies of bytes that differ from what was seen first",
        1.0,
        |f| Some(f.conflicts),
    ),
    counter(
        "bgptap_tcp_out_of_window_segments",
        "Segments too far from where the stream stands",
        1.0,
        |f| Some(f.out_of_window),
    ),
    counter(
        "bgptap_tcp_resets_ignored",
        "RSTs outside the window",
        1.0,
        |f| Some(f.resets_ignored),
    ),
    counter(
        "bgptap_tcp_zero_windows",
        "Times that the sender closed its own receive window: it reads too slowly",
        1.0,
        |f| Some(f.zero_windows),
    ),
    counter(
        "bgptap_tcp_zero_window_seconds",
        "Time that the sender kept its own receive window closed",
        MILLI,
        |f| Some(f.zero_window_ms),
    ),
];

/// The gauge that has a meaning in established sessions only.
pub(super) const HOLD_MARGIN: &str = "bgptap_hold_margin_seconds";

/// What goes up and down. Left out while nothing is known: the MSS where the SYN was missed, round-trip times
/// before the first sample, the margin of a session that is not established or has no hold time.
pub(super) static GAUGES: [Row; 12] = [
    gauge(
        "bgptap_tcp_rtt_seconds",
        "Smoothed time from data to their acknowledgement, as both pass the mirror port",
        MICRO,
        |f| (f.rtt.samples > 0).then_some(f.rtt.smoothed_us),
    ),
    gauge(
        "bgptap_tcp_rtt_min_seconds",
        "Shortest time from data to their acknowledgement",
        MICRO,
        |f| (f.rtt.samples > 0).then_some(f.rtt.min_us),
    ),
    gauge(
        "bgptap_tcp_timestamp_rtt_seconds",
        "Smoothed time from a clock value to its echo (RFC 7323)",
        MICRO,
        |f| (f.timestamp_rtt.samples > 0).then_some(f.timestamp_rtt.smoothed_us),
    ),
    gauge(
        "bgptap_tcp_in_flight_bytes",
        "Bytes sent and not acknowledged",
        1.0,
        |f| Some(f.in_flight.into()),
    ),
    gauge(
        "bgptap_tcp_in_flight_max_bytes",
        "Most bytes sent and not acknowledged at a time",
        1.0,
        |f| Some(f.in_flight_max.into()),
    ),
    gauge(
        "bgptap_tcp_window_bytes",
        "Receive window that the sender offers; unscaled if a SYN was missed",
        1.0,
        |f| Some(f.window.into()),
    ),
    gauge(
        "bgptap_tcp_held_max_bytes",
        "Most bytes that waited behind a hole",
        1.0,
        |f| Some(f.held_bytes_max),
    ),
    gauge(
        "bgptap_tcp_mss_bytes",
        "Largest segment that the sender takes, from its SYN",
        1.0,
        |f| f.mss.map(Into::into),
    ),
    gauge(
        "bgptap_tcp_segment_max_bytes",
        "Longest segment that the sender sent",
        1.0,
        |f| Some(f.segment_max.into()),
    ),
    gauge(
        "bgptap_tcp_signed",
        "1 if segments carry an MD5 signature or an authentication option, else 0",
        1.0,
        |f| Some((f.md5 || f.authentication).into()),
    ),
    gauge(
        HOLD_MARGIN,
        "What is left of the hold time until the other side ends the session; absent where none is established",
        MILLI,
        |f| f.hold_margin_ms,
    ),
    gauge(
        "bgptap_hold_margin_min_seconds",
        "The least that was left of the hold time when a message came",
        MILLI,
        |f| f.hold_margin_min_ms,
    ),
];
