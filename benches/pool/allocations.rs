//! Allocations and copies per message of each way of the bench `pool`. Only the naive ones have any.
#![allow(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
#![allow(clippy::unwrap_used, reason = "a bench that cannot go on has failed")]
#![allow(missing_docs, reason = "a program")]

mod ways;

use allocation_counter::measure;
use std::hint::black_box;
use ways::{MIXES, Pools, frames};

fn main() {
    let pools = Pools::new();
    for (mix, sizes) in MIXES {
        let frames = frames(sizes);
        println!("{mix}");
        for (name, copies, receive) in pools.ways() {
            let counted = measure(|| {
                black_box(frames.iter().map(|frame| receive(frame)).sum::<u64>());
            });
            let each = counted.count_total as f64 / frames.len() as f64;
            println!("  {name:<16}{each:>5.2} allocations, {copies} copies per message");
            assert_eq!(each, if name.starts_with("naive") { 3.0 } else { 0.0 });
        }
    }
}
