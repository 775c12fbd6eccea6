//! What a frame costs the worker by AF_XDP and by AF_PACKET: processor time of the whole process, from the
//! ring to the decoded UPDATE, at a rate that both keep up with.
//!
//! `cargo bench --bench backends` (root). Both run by turns, so that both meet the same machine. What the
//! kernel does for a frame before it is in the ring is in neither figure: it counts for whoever is
//! interrupted.

use std::fs;
use support::Scratch;
use support::net::{Live, Net, TAP, allowed};
use support::synth::Synth;

#[path = "../tests/support/mod.rs"]
mod support;

const BACKENDS: [&str; 2] = ["xdp", "af-packet"];
const ROUNDS: usize = 5;
const FRAMES: u32 = 200_000;
const RATE: &str = "50000";

/// Processor time for each received frame, and how many were dropped.
fn run(backend: &str, scratch: &Scratch, file: &std::path::Path) -> (f64, u64) {
    let net = Net::new();
    let live = Live::start(&net.mon, TAP, scratch, &["--backend", backend]);
    let before = live.processor_time();
    net.replay(file, &["--rate", RATE]);
    let spent = live.processor_time() - before;
    let summary = live.stop();
    let received = summary["frames"]["received"].as_f64().unwrap_or(f64::NAN);
    let drops = summary["frames"]["drops"].as_object();
    let dropped = drops.map_or(0, |drops| drops.values().filter_map(|n| n.as_u64()).sum());
    assert_eq!(summary["unaccounted"]["frames"], 0, "{summary}");
    (spent.as_nanos() as f64 / received, dropped)
}

fn main() {
    if !allowed() {
        return;
    }
    let scratch = Scratch::new("backends");
    let file = scratch.path("synth.pcap");
    let shape = Synth {
        frames: FRAMES,
        sessions: 16,
        gap_ns: 10_000,
    };
    let mut target = std::io::BufWriter::new(fs::File::create(&file).expect("a scratch file"));
    shape.write(&mut target).expect("room for the frames");
    drop(target);
    let mut costs = [Vec::new(), Vec::new()];
    let mut dropped = [0; 2];
    for _ in 0..ROUNDS {
        for (number, backend) in BACKENDS.iter().enumerate() {
            let (cost, drops) = run(backend, &scratch, &file);
            costs[number].push(cost);
            dropped[number] += drops;
        }
    }
    println!(
        "ns of processor time a frame, median of {ROUNDS} rounds of {FRAMES} frames, {RATE}/s"
    );
    let medians = costs.map(|mut costs| {
        costs.sort_unstable_by(f64::total_cmp);
        costs[costs.len() / 2]
    });
    for (number, backend) in BACKENDS.iter().enumerate() {
        println!(
            "{backend:10} {:8.0}   {} dropped",
            medians[number], dropped[number]
        );
    }
    println!("ratio      {:8.2}", medians[1] / medians[0]);
}
