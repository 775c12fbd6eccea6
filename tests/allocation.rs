//! In steady state nothing is allocated per frame: not by dissection, reassembly, decoding,
//! metrics, Adj-RIBs, JSON encoding or the lines for people.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use allocation_counter::measure;
use bgptap::capture::StampSource;
use bgptap::config::Limits;
use bgptap::filter::{Filter, Selection};
use bgptap::sink::evidence::{self, Evidence};
use bgptap::sink::metrics::Metrics;
use bgptap::sink::outputs::{JsonLines, MrtRecords, Outputs};
use bgptap::sink::text::{Options, TextLines, TextWriter};
use bgptap::sink::writer::{WhenFull, Writer};
use bgptap::wire::Ports;
use bgptap::worker::{Memory, Worker};
use std::sync::Arc;
use support::synth::{FRAME_LEN, Synth, set_prefix};
use support::view::{self, View, batches};

/// Prefixes in the tables.
const PREFIXES: u32 = 4096;

/// The frames of a synthetic capture, each with one UPDATE.
fn frames(count: u32) -> Vec<Vec<u8>> {
    let mut file = Vec::new();
    let shape = Synth {
        frames: count,
        sessions: 4,
        gap_ns: 1000,
    };
    shape.write(&mut file).unwrap();
    let frames = view::frames(&file).into_iter().zip(0u32..);
    let frames = frames.map(|(frame, number)| {
        let mut frame: [u8; FRAME_LEN] = frame.try_into().unwrap();
        // The same prefixes again and again: a table that grows takes memory, one that is full does not.
        set_prefix(&mut frame, number % PREFIXES);
        frame.to_vec()
    });
    frames.collect()
}

fn outputs(json: bool, filter: Option<&str>) -> Outputs {
    let filter = filter.map(|text| Filter::parse(text).expect("an expression"));
    let selection: Selection = filter.into_iter().collect();
    let json = json.then(|| JsonLines {
        writer: Writer::start(std::io::sink(), WhenFull::Wait, 16).unwrap(),
        raw: true,
        format: bgptap::sink::json::Format::Ris,
        selection: selection.clone(),
    });
    let mrt = || MrtRecords {
        writer: Writer::start(std::io::sink(), WhenFull::Wait, 16).unwrap(),
        selection: selection.clone(),
    };
    let mrt = json.is_some().then(mrt);
    let mut outputs = Outputs::new(Arc::new(Metrics::default()), json, "monitor".into());
    outputs.mrt = mrt;
    outputs
}

fn allocations(json: bool, reorder: bool) -> (u64, u64) {
    filtered(json, reorder, None).0
}

/// Allocations and UPDATEs, and how many events the filter left out.
fn filtered(json: bool, reorder: bool, filter: Option<&str>) -> ((u64, u64), u64) {
    let mut frames = frames(20_000);
    if reorder {
        // Within each session: four sessions take turns.
        for group in frames.chunks_exact_mut(16) {
            group.swap(4, 8);
        }
    }
    let limits = Limits::default();
    let memory = Memory::new(&limits).unwrap();
    let mut worker = Worker::new(limits, Ports::new(&[179]), outputs(json, filter), memory);
    // Sessions, buffers and hash tables come into being with the first frames.
    feed(&mut worker, &frames[..10_000]);
    let steady = feed(&mut worker, &frames[10_000..]);
    let json = worker.outputs.json.as_ref();
    let left_out = json.map_or(0, |json| json.selection.left_out());
    ((steady, worker.outputs.totals.messages.update), left_out)
}

/// Allocations while the worker goes through the frames in batches.
fn feed<'a>(worker: &mut Worker<View<'a>>, frames: &'a [Vec<u8>]) -> u64 {
    let frames: Vec<_> = frames.iter().map(Vec::as_slice).collect();
    let mut allocations = 0;
    // Each frame before these had one.
    let first = worker.outputs.totals.messages.update;
    batches(&frames, first, StampSource::Xdp, |batch| {
        allocations += measure(|| worker.batch(batch)).count_total;
    });
    allocations
}

#[test]
fn counting_allocates_nothing() {
    let (steady, updates) = allocations(false, false);
    assert_eq!(updates, 20_000, "every frame was decoded");
    assert_eq!(steady, 0, "allocations in a batch of the steady state");
}

#[test]
fn writing_json_and_mrt_allocates_nothing() {
    let (steady, updates) = allocations(true, false);
    assert_eq!(updates, 20_000);
    assert_eq!(steady, 0);
}

#[test]
fn writing_lines_for_people_allocates_nothing() {
    for (coloured, verbose) in [(false, false), (true, true)] {
        let frames = frames(20_000);
        let limits = Limits::default();
        let memory = Memory::new(&limits).unwrap();
        let mut outputs = outputs(false, None);
        outputs.text = Some(TextLines {
            writer: Writer::start(std::io::sink(), WhenFull::Wait, 16).unwrap(),
            lines: TextWriter::new(Options {
                coloured,
                verbose,
                names: std::iter::empty().collect(),
            }),
            selection: Selection::default(),
        });
        let mut worker = Worker::new(limits, Ports::new(&[179]), outputs, memory);
        feed(&mut worker, &frames[..10_000]);
        let steady = feed(&mut worker, &frames[10_000..]);
        assert_eq!(worker.outputs.totals.messages.update, 20_000);
        assert_eq!(steady, 0, "coloured {coloured}, verbose {verbose}");
    }
}

#[test]
fn selecting_by_every_kind_of_test_allocates_nothing() {
    // Each part is asked in turn, for none of those before the last fits.
    let none = "session 0000000000000000 or type gap or peer 203.0.113.1 or local-as 7 or origin-as 7 \
                or family evpn or prefix longer 203.0.113.0/24 or next-hop 203.0.113.1 or community *:7 \
                or community 7:7:7 or community rt:7:* or aspath '_7_7_7_' or (not only-changes and eor) \
                or errors";
    for (last, most) in [("type update", false), ("eor", true)] {
        let expr = format!("{none} or {last}");
        let ((steady, updates), left_out) = filtered(true, false, Some(&expr));
        assert_eq!((steady, updates), (0, 20_000), "{expr}");
        assert_eq!(left_out >= 20_000, most, "{expr}: {left_out} left out");
    }
}

#[test]
fn keeping_evidence_allocates_nothing() {
    let frames = frames(20_000);
    let folder = support::Scratch::new("allocation");
    let options = evidence::Options {
        folder: folder.path("evidence"),
        // Each session soon has its share of the memory, and goes on with its oldest block.
        before: std::time::Duration::from_secs(10),
        memory: 1 << 20,
        disk: 1 << 20,
    };
    let limits = Limits::default();
    let memory = Memory::new(&limits).unwrap();
    let mut outputs = outputs(false, None);
    outputs.evidence = Some(Evidence::start(&options, WhenFull::Wait).unwrap());
    let mut worker = Worker::new(limits, Ports::new(&[179]), outputs, memory);
    feed(&mut worker, &frames[..10_000]);
    let steady = feed(&mut worker, &frames[10_000..]);
    let kept = worker.outputs.evidence.as_ref().unwrap().counts();
    assert_eq!((steady, kept.unrecorded), (0, 0));
}

#[test]
fn holding_frames_out_of_order_allocates_nothing() {
    let (steady, updates) = allocations(false, true);
    assert_eq!(updates, 20_000);
    assert_eq!(steady, 0);
}
