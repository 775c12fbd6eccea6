//! What it costs to get a message from a frame to a decoder, eight ways, for the sizes that messages
//! have (`docs/memory.md` says where the mix comes from):
//!
//! * *naive*: a buffer for the frame, one for the payload in order and one for the message, each from
//!   the heap, and a copy into each; *naive, one copy*: the same, of which only the last is written to;
//! * *mutex*: one copy into a buffer of a pool behind a lock;
//! * *two atomic steps*: one copy between two atomic steps and nothing else: the floor of what a pool shared among threads
//!   can cost;
//! * *pool*: one copy into a buffer of [`BufferPool`], one out at a time; with seventeen out beside it, so that it comes from
//!   the queue and not from a warm slot; and wiped when it is given back;
//! * *frame*: the decoder reads the frame.
//!
//! The bench `pool_allocations` has the allocations of each: what counts them would cost the naive way more
//! than its allocations do.
#![allow(
    missing_docs,
    reason = "criterion's macros generate what would need them"
)]
#![allow(clippy::unwrap_used, reason = "a bench that cannot go on has failed")]

#[path = "../goals/said.rs"]
mod said;
mod ways;

use criterion::{Criterion, Throughput, criterion_group};
use said::line::{Goal, Line};
use said::turns::interleaved;
use std::hint::black_box;
use std::time::Duration;
use ways::{FLOOR, MIXES, NAIVE, POOL, Pools, frames};

fn pool(criterion: &mut Criterion) {
    let pools = Pools::new();
    for (mix, sizes) in MIXES {
        let frames = frames(sizes);
        let mut group = criterion.benchmark_group(format!("receive {mix}"));
        group
            .throughput(Throughput::Elements(frames.len() as u64))
            .sample_size(15)
            .warm_up_time(Duration::from_millis(200))
            .measurement_time(Duration::from_millis(600));
        for (name, _, receive) in pools.ways() {
            group.bench_function(name, |bencher| {
                bencher.iter(|| frames.iter().map(|frame| receive(frame)).sum::<u64>());
            });
        }
        group.finish();
    }
}

/// The pool has to be at least 60 % below the naive way for all messages of at most so many octets.
const SMALL: u16 = 256;

/// The pool beside the naive way. Where the goal does not hold, the line says how far below naive any pool could get.
fn line(mix: &str, sizes: &[u16], of: impl Fn(&str) -> f64) -> Line {
    let goal = if sizes.iter().all(|size| *size <= SMALL) {
        Goal::AtMost(0.4)
    } else {
        Goal::None
    };
    let work = format!("receive {mix}, lock-free pool");
    let line = Line::new(work, "ns", NAIVE, (of(POOL), of(NAIVE)), goal);
    if line.holds() != Some(false) {
        return line;
    }
    let below = (1.0 - of(FLOOR) / of(NAIVE)) * 100.0;
    let work = format!("{} ({FLOOR} alone: {below:.0} % below naive)", line.work);
    Line { work, ..line }
}

fn goals() {
    let pools = Pools::new();
    let ways = pools.ways();
    let lines = MIXES.map(|(mix, sizes)| {
        let frames = frames(sizes);
        let frames = &frames[..];
        let runs = ways.iter().map(|(_, _, receive)| {
            let run = move || {
                black_box(frames.iter().map(|frame| receive(frame)).sum::<u64>());
            };
            Box::new(run) as Box<dyn FnMut() + '_>
        });
        let medians = interleaved(&mut runs.collect::<Vec<_>>());
        line(mix, sizes, |name| {
            let at = ways.iter().position(|way| way.0 == name).unwrap();
            medians[at] / frames.len() as f64
        })
    });
    said::say(&lines);
}

criterion_group!(benches, pool);

fn main() {
    benches();
    Criterion::default().configure_from_args().final_summary();
    if said::are_asked_for() {
        goals();
    }
}
