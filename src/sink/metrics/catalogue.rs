//! Every metric there is, declared once.
//!
//! The exporter takes name, type and help from here, and the table in `docs/metrics.md` is made of it: a
//! unit test compares, and writes the page anew where `BGPTAP_METRICS_PAGE=write` is set.
//!
//! A new metric is one entry of [`metrics!`] and, where [`super::export`] tells figures of its kind, one
//! call that names it.

use super::tcp;
use prometheus_client::metrics::MetricType;

/// Labels of everything that is told of a session: one series for each direction, the sender first.
pub(super) const SESSION: [&str; 4] = ["peer", "peer_as", "local", "local_as"];

/// What a metric is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Goes up and down.
    Gauge,
    /// Only grows; its samples end in `_total`.
    Counter,
    /// A constant in labels; its sample ends in `_info`.
    Info,
    /// Classic buckets.
    Histogram,
}

impl Kind {
    /// What prometheus-client calls it.
    pub(super) fn metric_type(self) -> MetricType {
        match self {
            Self::Gauge => MetricType::Gauge,
            Self::Counter => MetricType::Counter,
            Self::Info => MetricType::Info,
            Self::Histogram => MetricType::Histogram,
        }
    }
}

/// One metric.
#[derive(Debug)]
pub struct Metric {
    /// Name of the family: without `_total` and `_info`.
    pub name: &'static str,
    /// Its type.
    pub kind: Kind,
    /// Told for each direction of a session: the labels of its two ends come before the other labels.
    pub session: bool,
    /// Names of its other labels, in their order.
    pub labels: &'static [&'static str],
    /// What it means, as the exporter says it.
    pub help: &'static str,
    /// What the page says beyond that, in Markdown.
    pub more: &'static str,
}

/// `NAME: kind "family", scope [labels], "help", "more";`, in the order of the page.
macro_rules! metrics {
    ($($id:ident: $kind:ident $name:literal, $scope:ident [$($label:literal),*], $help:literal, $more:literal;)*) => {
        $(pub(super) static $id: Metric = Metric {
            name: $name,
            kind: Kind::$kind,
            session: metrics!(@session $scope),
            labels: &[$($label),*],
            help: $help,
            more: $more,
        };)*

        /// All but those about the TCP, which have a table of their own.
        static DECLARED: &[&Metric] = &[$(&$id),*];
    };
    (@session session) => { true };
    (@session instance) => { false };
}

metrics! {
    BUILD: Info "bgptap_build", instance ["version"],
        "Version of bgptap", "";

    FRAMES: Counter "bgptap_frames", instance ["interface", "outcome"],
        "Frames by interface and what became of them",
        "`seen`, `redirected`, `received`, the reasons of the program, the drops of the kernel; with `--tap` \
         packets copied (`tap_ingress`, `tap_egress`), and copies lost (`tap_lost`)";
    FRAMES_HELD: Gauge "bgptap_frames_held", instance [],
        "Frames held out of order", "";
    POOL_FRAMES: Gauge "bgptap_pool_frames", instance ["state"],
        "Frames of the UMEM by where they are",
        "`free`, `given` (fill ring, kernel, RX ring), `batch`, `held`; `rx_ring`: those of `given` that wait in \
         an RX ring";
    POOL_UTILISATION: Gauge "bgptap_pool_utilisation_ratio", instance ["pool"],
        "Share of a pool in use, 0 to 1",
        "`umem` (RX rings, batch, held), `rx_ring` (the fullest ring at its worst since the last second), `held` \
         (of `--held-frames`, likewise), `ring_blocks` (AF_PACKET: blocks that are not with the kernel), \
         `buffers_SIZE` for straddling messages, `spill_SIZE` for payload taken out of frames";
    POOL_FALLBACKS: Counter "bgptap_pool_fallbacks", instance ["pool"],
        "Buffers taken from the heap because a pool was empty", "";

    CACHE_HITS: Counter "bgptap_cache_hits", instance ["cache"],
        "Values that a cache had already", "[memory.md](memory.md#caches) names the caches";
    CACHE_MISSES: Counter "bgptap_cache_misses", instance ["cache"],
        "Values that a cache had not", "";
    CACHE_EVICTIONS: Counter "bgptap_cache_evictions", instance ["cache"],
        "Entries that made room for others", "";
    CACHE_EXPIRED: Counter "bgptap_cache_expired", instance ["cache"],
        "Entries that nobody asked for any more", "";
    CACHE_UNINTERNED: Counter "bgptap_cache_uninterned", instance ["cache"],
        "Values stored unshared because all entries were in use", "";
    CACHE_ENTRIES: Gauge "bgptap_cache_entries", instance ["cache"],
        "Values in a cache", "";

    STREAM_BYTES: Counter "bgptap_stream_bytes", session ["state"],
        "TCP payload bytes by what became of them",
        "`captured`, `span`, `decoded`, `skipped` (bodies of messages not asked for), `duplicate`, `quarantined`, \
         `discarded`, `gap`";
    GAPS: Counter "bgptap_gaps", session [],
        "Holes in the TCP stream that were given up", "";
    TCP_ALARMS: Counter "bgptap_tcp_alarms", session ["event"],
        "Changes for the worse and for the better in the TCP under a session",
        "`zero_window`, `window_open`, `hold_margin_low`, `send_stalled`, `send_hold_expired`";

    MESSAGES: Counter "bgptap_messages", session ["type"],
        "BGP messages by type", "";
    PREFIXES: Counter "bgptap_prefixes", session ["afi", "safi", "action"],
        "Prefixes announced and withdrawn, by address family",
        "NLRI `announced` and `withdrawn`, of the families that are decoded";
    NLRI_UNDECODED_BYTES: Counter "bgptap_nlri_undecoded_bytes", session ["afi", "safi"],
        "Octets of NLRI of address families that are not decoded", "";
    ERRORS: Counter "bgptap_errors", session ["kind"],
        "Malformed attributes and messages by RFC 7606 disposition, and bytes that could not be framed by reason",
        "`session-reset`, `afi-safi-disable`, `treat-as-withdraw`, `nlri-discard`, `attribute-discard`, `ignore`; \
         `bad_marker`, `bad_length`, `before_first_header`, `after_gap`, `cut_message`, `limit`";
    ATTRIBUTE_ERRORS: Counter "bgptap_attribute_errors", session ["attribute", "kind"],
        "Malformed path attributes by RFC 7606 disposition",
        "those of the errors that concern a path attribute, by IANA's name (the type code where there is none); \
         only pairs that occurred, and when there are too many the rest is `other`";

    SESSION_STATE: Gauge "bgptap_session_state", session [],
        "State of the session as in MRT: 1 Idle, 2 Connect, 3 Active, 4 OpenSent, 5 OpenConfirm, 6 Established", "";
    SESSION_ESTABLISHED: Gauge "bgptap_session_established_timestamp_seconds", session [],
        "When the session became established, seconds since the epoch; 0 if it is not", "";
    SESSIONS: Gauge "bgptap_sessions", instance [],
        "TCP connections known now", "";
    HANDSHAKES: Gauge "bgptap_handshakes", instance [],
        "Connections of which only SYNs were seen", "";
    SEGMENTS_REFUSED: Counter "bgptap_segments_refused", instance [],
        "Segments of connections that there was no room for", "";
    EVICTED: Counter "bgptap_evicted", instance ["reason"],
        "Connections that went before they ended, by reason",
        "`handshake`, `silent`, `stale`, `one_sided`, `memory`, `idle` ([operations.md](operations.md#limits))";
    KEPT_BYTES: Gauge "bgptap_kept_bytes", instance [],
        "Payload kept outside frames: searched for a header, or waiting for an OPEN or for evidence of its encoding",
        "";

    RIB_PREFIXES: Gauge "bgptap_rib_prefixes", session ["afi", "safi"],
        "Routes in an Adj-RIB",
        "what the peer told, stale ones among them; absent without a table";
    RIB_STALE: Gauge "bgptap_rib_stale", session ["afi", "safi"],
        "Routes in an Adj-RIB that have to be announced again",
        "all of them while graceful restart keeps the table of a session that is over";
    RIB_COMPLETE: Gauge "bgptap_rib_complete", session ["afi", "safi"],
        "1 if an Adj-RIB is whole, 0 if it may lack routes or have too many",
        "[architecture.md](architecture.md#tables)";
    RIB_CHANGES: Counter "bgptap_rib_changes", session ["change"],
        "Routes by what messages did to them in the Adj-RIB",
        "`new`, `replaced`, `duplicate`, `refreshed`, `withdrawn`, `absent`, `expired`, `refused` \
         ([formats.md](formats.md#json-lines))";
    RIB_BYTES: Gauge "bgptap_rib_bytes", instance ["kind"],
        "Bytes that all Adj-RIBs take, and the most that they may take",
        "`tables`, `attributes`, `limit`";

    DECODE_LATENCY: Histogram "bgptap_decode_latency_seconds", instance [],
        "Time from the capture's timestamp of a frame to its messages being decoded", "";

    OUTPUT_DROPPED: Counter "bgptap_output_dropped", instance ["output", "reason"],
        "Events that an output lost", "";
    OUTPUT_QUEUE: Gauge "bgptap_output_queue_ratio", instance ["output"],
        "Share of an output's queue in use, 0 to 1", "";
    OUTPUT_FILTERED: Counter "bgptap_output_filtered", instance ["output"],
        "Events that the filters of an output left out", "";
    EVIDENCE_FILES: Counter "bgptap_evidence_files", instance ["outcome"],
        "Files of evidence written, and those of them removed again to make room", "`written`, `removed`";
}

/// By what each output may lose events: the values of both labels of [`OUTPUT_DROPPED`]. The exporter asserts that there
/// are no others, and the page is made of them.
pub(super) const LOSSES: [(&str, &[&str]); 8] = [
    ("json", &["queue_full", "write_error", "late"]),
    ("text", &["queue_full", "write_error", "late"]),
    ("mrt", &["queue_full", "write_error", "late"]),
    ("mrt_rib", &["queue_full", "write_error", "late"]),
    (
        "events",
        &["queue_full", "write_error", "late", "slow_listener"],
    ),
    (
        "bmp",
        &[
            "queue_full",
            "disconnected",
            "late",
            "resync",
            "router_limit",
        ],
    ),
    (
        "kafka",
        &[
            "queue_full",
            "write_error",
            "late",
            "undelivered",
            "disconnected",
            "resync",
            "router_limit",
        ],
    ),
    (
        "evidence",
        &[
            "queue_full",
            "write_error",
            "too_large",
            "without_frames",
            "frames_unrecorded",
            "late",
        ],
    ),
];

/// Whether an output is known to lose events by that.
pub(super) fn is_loss(output: &str, reason: &str) -> bool {
    let mut losses = LOSSES.iter();
    losses.any(|(name, reasons)| *name == output && reasons.contains(&reason))
}

/// Every metric, in the order of the page.
pub fn all() -> impl Iterator<Item = &'static Metric> {
    let tcp = tcp::COUNTERS.iter().chain(&tcp::GAUGES);
    DECLARED.iter().copied().chain(tcp.map(|row| &row.metric))
}

#[cfg(test)]
mod page;
