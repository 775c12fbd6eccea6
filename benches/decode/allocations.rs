//! Allocations per message of each decoder of the bench `decode`, on its workloads. Ours are none.
#![allow(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
#![allow(missing_docs, reason = "a program")]

mod bgpkit;
#[allow(dead_code, reason = "how peers differ is told by the other bench")]
mod decoders;
mod netgauze;
mod ours;
mod routecore;
mod seen;
mod workload;

use allocation_counter::measure;
use std::hint::black_box;

fn main() {
    for mut workload in workload::all().0 {
        println!("{}", workload.name);
        decoders::agree(&mut workload, |_| {});
        for mut decoder in decoders::all(workload.as4) {
            let counted = measure(|| {
                black_box(decoder.run(&workload.messages));
            });
            let allocations = counted.count_total as f64 / workload.messages.len() as f64;
            println!(
                "  {:<18}{allocations:>8.2} allocations per message",
                decoder.name()
            );
            assert!(decoder.name() != "bgptap" || allocations == 0.0);
        }
    }
}
