//! What a capture tells of its frames: while it runs, and in the end.

use super::super::watch::{FRAMES, Watch, warn};
use crate::capture::xdp::Usage;
use crate::capture::{InterfaceCounts, Live, TapCounts};
use crate::sink::metrics::{Pool, Snapshot};
use crate::sink::totals::Frames;
use crate::wire::Skip;
use crate::worker::Outcome;
use bgptap_umem::xsk::Gauges;
use std::collections::BTreeMap;

pub(super) fn count_frames<S: Live>(source: &S, snapshot: &mut Snapshot) {
    snapshot.frames.clear();
    for (name, counts) in source.interfaces().iter().zip(source.counts()) {
        let mut outcomes = vec![
            ("seen", counts.seen),
            ("redirected", counts.redirected),
            ("received", counts.received),
        ];
        outcomes.extend(counts.other);
        outcomes.extend(counts.drops);
        snapshot.frames.push((name.clone(), outcomes));
    }
}

pub(super) fn describe_taps(taps: impl Iterator<Item = TapCounts>, snapshot: &mut Snapshot) {
    for ((_, outcomes), tap) in snapshot.frames.iter_mut().zip(taps) {
        outcomes.push(("tap_ingress", tap.ingress.copied));
        outcomes.push(("tap_egress", tap.egress.copied));
        outcomes.push(("tap_lost", tap.lost()));
    }
}

pub(super) fn describe_pool(gauges: &Gauges, pending: u64, snapshot: &mut Snapshot) {
    snapshot.frame_states = vec![
        ("free", gauges.free.into()),
        ("given", gauges.given.into()),
        ("batch", gauges.batch.into()),
        ("held", gauges.held.into()),
        ("rx_ring", pending),
    ];
    let waiting = u32::try_from(pending).unwrap_or(u32::MAX);
    let in_use = gauges.batch + gauges.held + waiting;
    snapshot.pools.push(Pool {
        name: "umem".into(),
        utilisation: f64::from(in_use) / f64::from(gauges.total),
        fallbacks: 0,
    });
}

pub(super) fn describe_usage(usages: &[Usage; 2], snapshot: &mut Snapshot, watch: &mut Watch) {
    for (which, usage) in FRAMES.iter().zip(usages) {
        snapshot.pools.push(Pool {
            name: which.0.into(),
            utilisation: usage.utilisation(),
            fallbacks: 0,
        });
        let warning = watch.frames(*which, usage);
        warn(warning);
    }
}

/// Blocks in all, and those that are not with the kernel.
#[allow(clippy::cast_precision_loss)]
pub(super) fn describe_blocks((all, ours): (usize, usize), snapshot: &mut Snapshot) {
    snapshot.pools.push(Pool {
        name: "ring_blocks".into(),
        utilisation: ours as f64 / all as f64,
        fallbacks: 0,
    });
}

pub(super) fn add_up(interfaces: &[InterfaceCounts], outcome: &Outcome) -> Frames {
    let mut frames = Frames {
        undissected: Skip::ALL
            .iter()
            .map(|skip| (skip.name(), outcome.frames.skipped[skip.index()]))
            .filter(|(_, count)| *count > 0)
            .collect(),
        ..Frames::default()
    };
    for counts in interfaces {
        frames.seen += counts.seen;
        frames.redirected += counts.redirected;
        frames.freezes += counts.freezes;
        add(&mut frames.other, &counts.other);
        add(&mut frames.drops, &counts.drops);
    }
    // As the worker counted them, not the sockets: the two must agree.
    frames.received = outcome.frames.received;
    frames
}

fn add(to: &mut BTreeMap<&'static str, u64>, from: &BTreeMap<&'static str, u64>) {
    for (name, count) in from {
        *to.entry(name).or_default() += count;
    }
}

pub(super) fn report_latency(outcome: &Outcome) {
    let latency = &outcome.latency;
    if latency.count() > 0 {
        let micros = |quantile| latency.quantile(quantile) as f64 / 1e3;
        eprintln!(
            "  latency     wire to decoded: p50 {:.1} µs, p99 {:.1} µs, p99.9 {:.1} µs",
            micros(0.5),
            micros(0.99),
            micros(0.999)
        );
    }
}
