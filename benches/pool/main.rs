//! What it costs to get a message from a frame to a decoder, seven ways, for the sizes that messages
//! have (`docs/memory.md` says where the mix comes from):
//!
//! * *naive*: a buffer for the frame, one for the payload in order and one for the message, each from
//!   the heap, and a copy into each; *naive, one copy*: the same, of which only the last is written to;
//! * *mutex*: one copy into a buffer of a pool behind a lock;
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

mod ways;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::time::Duration;
use ways::{MIXES, Pools, frames};

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
        pools.each(|(name, _, receive)| {
            group.bench_function(name, |bencher| {
                bencher.iter(|| frames.iter().map(|frame| receive(frame)).sum::<u64>());
            });
        });
        group.finish();
    }
}

criterion_group!(benches, pool);
criterion_main!(benches);
