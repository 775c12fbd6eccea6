//! What decoding costs per message: ours, other decoders in Rust, and adding up every byte, which
//! is the least that any decoder must do.
//!
//! Every decoder gets the same messages, header included, and visits every NLRI and every value of every
//! attribute; the sums over what it saw must be equal, but for the pairs of a workload and a peer that
//! [`decoders::APART`] names, whose rows say so. The decoders take turns, many short rounds
//! of each, timed by the processor time of the thread: what else runs on the machine then slows all
//! of them alike, and ratios of medians are steady where times are not.
//!
//! Allocations are counted by another program, `decode_allocations`, since counting would slow those
//! that allocate; this one has it run at its end.
#![allow(
    clippy::cast_precision_loss,
    reason = "times and counts are far below 2^52"
)]
#![allow(missing_docs, reason = "a program")]

mod bgpkit;
mod decoders;
mod netgauze;
mod ours;
mod routecore;
mod seen;
mod turns;
mod workload;

use bytes::Bytes;
use decoders::{Agreement, add_up, agree};
use std::hint::black_box;
use std::process::Command;
use turns::interleaved;
use workload::Workload;

fn measure(mut workload: Workload) {
    println!("\n{}", workload.name);
    let agreements = agree(&mut workload, |text| println!("  {text}"));
    let messages = &workload.messages;
    let count = messages.len() as f64;
    let bytes: usize = messages.iter().map(Bytes::len).sum();
    println!("  {count} messages of {:.0} octets", bytes as f64 / count);

    let mut decoders = decoders::all(workload.as4);
    let names: Vec<_> = decoders.iter().map(|decoder| decoder.name()).collect();
    let sums: Vec<_> = decoders
        .iter_mut()
        .map(|decoder| decoder.run(messages))
        .collect();
    for ((name, sum), agreement) in names.iter().zip(&sums).zip(&agreements) {
        let comparable = matches!(agreement, Agreement::Whole);
        assert!(
            !comparable || *sum == sums[0],
            "{name} has seen something else"
        );
    }

    let mut runs: Vec<Box<dyn FnMut() + '_>> = vec![Box::new(|| {
        black_box(add_up(black_box(messages)));
    })];
    for decoder in &mut decoders {
        runs.push(Box::new(|| {
            black_box(decoder.run(black_box(messages)));
        }));
    }
    let times = interleaved(&mut runs);
    drop(runs);
    let per_message = |time: f64| time / count;
    let (floor, ours) = (per_message(times[0]), per_message(times[1]));
    println!("  {:<18}{floor:>9.1} ns per message", "every byte");
    for ((name, time), agreement) in names.iter().zip(&times[1..]).zip(&agreements) {
        let time = per_message(*time);
        let remark = match agreement {
            Agreement::Whole => agreement.to_string(),
            Agreement::Apart(_) => {
                let reason = decoders::reason(workload.name, name).unwrap_or_default();
                format!("NOT COMPARABLE: {reason} ({agreement})")
            }
        };
        let (of_ours, of_floor) = (time / ours, time / floor);
        println!(
            "  {name:<18}{time:>9.1} ns per message {of_ours:>7.2} x ours {of_floor:>7.2} x every byte  {remark}"
        );
    }
}

fn main() {
    let wanted: Vec<_> = std::env::args()
        .skip(1)
        .filter(|arg| !arg.starts_with('-'))
        .collect();
    let (workloads, missing) = workload::all();
    for name in missing {
        println!("skipped, its files are not here: {name}");
    }
    let chosen =
        |w: &Workload| wanted.is_empty() || wanted.iter().any(|part| w.name.starts_with(part));
    workloads.into_iter().filter(chosen).for_each(measure);
    count_allocations();
}

/// Has the other program built and run, in the same profile.
fn count_allocations() {
    println!("\nallocations");
    // Cargo names itself to what it starts; who starts this program by hand has one in the path.
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    let status = Command::new(cargo)
        .args(["bench", "--quiet", "--manifest-path", manifest])
        .args(["--bench", "decode_allocations"])
        .status();
    let counted = status.expect("cargo runs").success();
    assert!(
        counted,
        "allocations were not counted, or ours are not none"
    );
}
