//! Metrics for tests: a little of everything.

use super::export::Exporter;
use super::{Direction, Metrics, Output, Pool, Snapshot};
use crate::bgp::Disposition;
use crate::health::Figures;
use crate::intern;
use crate::rib::Usage;
use crate::sink::evidence::Counts;
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

/// What `/metrics` says.
pub(super) fn text(metrics: Arc<Metrics>) -> String {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Exporter(metrics)));
    let mut text = String::new();
    encode(&mut text, &registry).expect("a String takes all");
    text
}

/// A direction between two hosts, of which everything is known.
pub(super) fn direction(metrics: &Metrics) -> Arc<Direction> {
    let peer = Ipv4Addr::new(192, 0, 2, 1).into();
    let local = Ipv4Addr::new(192, 0, 2, 2).into();
    let direction = metrics.direction(peer, local);
    direction.peer_as.store(65001, Relaxed);
    let mut tcp = Figures {
        mss: Some(1460),
        hold_margin_ms: Some(60_000),
        hold_margin_min_ms: Some(59_500),
        ..Figures::default()
    };
    tcp.rtt.samples = 1;
    tcp.timestamp_rtt.samples = 1;
    direction.take_tcp(&tcp, &Figures::default());
    direction.state.set(6);
    direction
}

/// Each metric has a sample at least.
pub(super) fn full() -> Arc<Metrics> {
    let metrics = Arc::new(Metrics::default());
    let direction = direction(&metrics);
    direction.messages[1].add(5);
    let family = direction.prefixes(1, 1);
    family.announced.add(7);
    family.set_rib(Some(7));
    direction.prefixes(1, 250).undecoded_bytes.add(8);
    direction
        .attribute_errors
        .add(2, Disposition::TreatAsWithdraw);
    metrics.publish(&Snapshot {
        frames: vec![("mon0".into(), vec![("seen", 9)])],
        frames_held: 3,
        frame_states: vec![("free", 4)],
        pools: vec![Pool {
            name: "umem".into(),
            utilisation: 0.5,
            fallbacks: 0,
        }],
        outputs: vec![Output {
            name: "json",
            dropped: vec![("queue_full", 2)],
            queue: 0.25,
        }],
        filtered: vec![("json", 3)],
        evidence: Some(Counts {
            files: 5,
            removed: 1,
            ..Counts::default()
        }),
        sessions: 1,
        evicted: vec![("idle", 1)],
        rib: Some(Usage::default()),
        caches: vec![intern::Stats {
            name: "as_path",
            hits: 8,
            entries: 2,
            ..intern::Stats::default()
        }],
        ..Snapshot::default()
    });
    metrics
}
