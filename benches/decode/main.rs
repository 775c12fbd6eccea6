//! What decoding costs per message: ours, other decoders in Rust, and adding up every byte, which
//! is the least that any decoder must do.
//!
//! Every decoder gets the same messages, header included, and visits every NLRI and every value of every
//! attribute; the sums over what it saw must be equal. The decoders take turns, many short rounds
//! of each, timed by the processor time of the thread: what else runs on the machine then slows all
//! of them alike, and ratios of medians are steady where times are not.
//!
//! `cargo bench --bench decode_allocations` counts allocations. It is another program, since
//! counting would slow those that allocate.
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
mod workload;

use bytes::Bytes;
use decoders::{Agreement, agree};
use nix::time::{ClockId, clock_gettime};
use std::hint::black_box;
use std::time::Duration;
use workload::Workload;

/// Turns of each decoder.
const ROUNDS: usize = 41;
/// A turn goes through the messages again until about this time has passed.
const TURN: Duration = Duration::from_millis(2);

/// Processor time of this thread.
fn now() -> Duration {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID)
        .expect("Linux has this clock")
        .into()
}

fn time(run: &mut dyn FnMut(), times: u32) -> Duration {
    let start = now();
    for _ in 0..times {
        run();
    }
    now() - start
}

/// The median time of each per run, in nanoseconds.
fn interleaved(runs: &mut [Box<dyn FnMut() + '_>]) -> Vec<f64> {
    let times: Vec<_> = runs
        .iter_mut()
        .map(|run| {
            run();
            let once = time(run, 3) / 3;
            (TURN.as_nanos() / once.as_nanos().max(1)).clamp(1, 10_000) as u32
        })
        .collect();
    let mut turns = vec![Vec::with_capacity(ROUNDS); runs.len()];
    for _ in 0..ROUNDS {
        for ((run, times), turns) in runs.iter_mut().zip(&times).zip(&mut turns) {
            turns.push(time(run, *times).as_nanos() as f64 / f64::from(*times));
        }
    }
    let median = |mut list: Vec<f64>| {
        list.sort_by(f64::total_cmp);
        list[list.len() / 2]
    };
    turns.into_iter().map(median).collect()
}

fn add_up(messages: &[Bytes]) -> u64 {
    let sum = |message: &Bytes| {
        black_box(message)
            .iter()
            .map(|b| u64::from(*b))
            .sum::<u64>()
    };
    messages.iter().map(sum).sum()
}

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
            Agreement::Whole => "checksums equal".to_owned(),
            Agreement::Apart {
                refused,
                attributes,
                nlri,
            } => format!(
                "NOT COMPARABLE: {refused} refused, {attributes} other attributes, {nlri} other NLRI"
            ),
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
}
