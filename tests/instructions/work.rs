//! The work whose instructions are counted, on inputs that are always the same.

#[path = "../../benches/decode/ours.rs"]
mod ours;
#[path = "reassembly.rs"]
mod reassembly;
#[path = "../../benches/decode/seen.rs"]
#[allow(dead_code, reason = "the bench needs more of it")]
mod seen;
#[path = "../../benches/decode/workload.rs"]
#[allow(dead_code, reason = "the bench needs more of it")]
mod workload;

use super::support::synth::Synth;
use super::support::view::{batches, frames};
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

/// All there is.
pub(crate) const NAMES: [&str; 9] = [
    "decode a: typical v4",
    "decode b: packed v4",
    "decode c: MP v6",
    "decode d: VPNv4",
    "reassembly: messages that straddle",
    "reassembly: out of order",
    "worker: counting",
    "worker: tables",
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
    let outputs = Outputs::new(Arc::new(Metrics::default()), json, "monitor".into());
    let limits = Limits {
        rib: tables,
        ..Limits::default()
    };
    let memory = Memory::new(&limits).expect("memory");
    let mut worker = Worker::new(limits, Ports::new(&[179]), outputs, memory);
    measured(&mut || {
        batches(&frames, 0, StampSource::Xdp, |batch| worker.batch(batch));
    });
    assert_eq!(worker.outputs.totals.messages.update, u64::from(FRAMES));
}
