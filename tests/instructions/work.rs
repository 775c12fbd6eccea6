//! The work whose instructions are counted, on inputs that are always the same.

#[path = "../../benches/goals/files.rs"]
#[allow(dead_code, reason = "the bench needs more of it")]
mod files;
#[path = "../../benches/decode/ours.rs"]
mod ours;
#[path = "reassembly.rs"]
mod reassembly;
#[path = "../../benches/decode/seen.rs"]
#[allow(dead_code, reason = "the bench needs more of it")]
mod seen;
#[path = "tables.rs"]
mod tables;
#[path = "../../benches/goals/talks.rs"]
mod talks;
#[path = "../../benches/decode/workload.rs"]
#[allow(dead_code, reason = "the bench needs more of it")]
mod workload;

use super::support;
use super::support::synth::Synth;
use super::support::view::{View, batches, frames};
use bgptap::bgp::Context;
use bgptap::capture::StampSource;
use bgptap::config::Limits;
use bgptap::sink::json::Format;
use bgptap::sink::metrics::Metrics;
use bgptap::sink::outputs::{JsonLines, Outputs};
use bgptap::sink::writer::{WhenFull, Writer};
use bgptap::wire::Ports;
use bgptap::worker::{Memory, Worker};
use std::hint::black_box;
use std::sync::Arc;

/// Under the name by which the bench knows it.
mod bench {
    pub(super) use super::workload;
}

/// A worker of frames that lie in memory.
type Work<'a> = Worker<View<'a>>;

/// All there is.
pub(crate) const NAMES: [&str; 14] = [
    "decode a: typical v4",
    "decode b: packed v4",
    "decode c: MP v6",
    "decode d: VPNv4",
    "decode e: recorded session",
    "reassembly: messages that straddle",
    "reassembly: out of order",
    "worker: counting",
    "worker: tables",
    "worker: tables, IPv6",
    "worker: tables, routes replaced",
    "worker: tables, routes withdrawn",
    "worker: tables, recorded session",
    "worker: JSON, out of order",
];

/// What callgrind counts; it knows it by its name.
#[inline(never)]
fn measured(work: &mut dyn FnMut()) {
    work();
}

/// Prepares the work of that name, and does it.
pub(crate) fn run(name: &str) {
    if let Some(workload) = name.strip_prefix("decode ") {
        decode(workload);
    } else if let Some(order) = name.strip_prefix("reassembly: ") {
        reassembly::run(order == "out of order");
    } else if let Some(change) = name.strip_prefix("worker: tables, ") {
        tables::run(change);
    } else {
        worker(name.ends_with("order"), !name.ends_with("counting"));
    }
}

fn decode(name: &str) {
    let workloads = workload::all().0;
    let workload = workloads
        .iter()
        .find(|workload| workload.name == name)
        .expect("a workload of the bench");
    let context = Context {
        as4: workload.as4,
        ..Context::assumed()
    };
    let mut decoded = 0;
    measured(&mut || {
        for message in &workload.messages {
            decoded += usize::from(black_box(ours::visit(message, &context)).is_some());
        }
    });
    assert_eq!(decoded, workload.messages.len());
}

/// Frames to counters, with `tables` to Adj-RIBs too, with `events` to JSON; and with `events`, every fourth frame of a session comes late.
fn worker(events: bool, tables: bool) {
    const FRAMES: u32 = 8192;
    let mut file = Vec::new();
    let shape = Synth {
        frames: FRAMES,
        sessions: 4,
        gap_ns: 1000,
    };
    shape.write(&mut file).expect("memory");
    let mut frames = frames(&file);
    if events {
        frames
            .chunks_exact_mut(16)
            .for_each(|group| group.swap(4, 8));
    }
    let json = events.then(|| JsonLines {
        writer: Writer::start(std::io::sink(), WhenFull::Wait, 16).expect("a thread"),
        raw: false,
        format: Format::default(),
        selection: bgptap::filter::Selection::default(),
    });
    let limits = Limits {
        rib: tables,
        ..Limits::default()
    };
    let mut worker = worker_to(json, limits);
    measured(&mut || {
        batches(&frames, 0, StampSource::Xdp, |batch| worker.batch(batch));
    });
    assert_eq!(worker.outputs.totals.messages.update, u64::from(FRAMES));
}

/// A worker that writes events to JSON, or none.
fn worker_to<'a>(json: Option<JsonLines>, limits: Limits) -> Work<'a> {
    let outputs = Outputs::new(Arc::new(Metrics::default()), json, "monitor".into());
    let memory = Memory::new(&limits).expect("memory");
    Worker::new(limits, Ports::new(&[179]), outputs, memory)
}
