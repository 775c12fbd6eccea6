//! What decoding costs per message, on the recorded session: framing excluded, every prefix and
//! attribute visited, beside adding up every byte (the least that any decoder must do).
#![allow(
    missing_docs,
    reason = "criterion's macros generate what would need them"
)]

use bgptap::bgp::{Context, Message};
use bgptap::capture::pcap::PcapSource;
use bgptap::capture::{Polled, Source};
use bgptap::wire::{Ports, dissect};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use std::time::Duration;

const RECORDING: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/lab-session.pcap");

/// The UPDATEs that lie whole at the start of a segment.
fn updates() -> Vec<Vec<u8>> {
    let mut source = PcapSource::open(&[RECORDING]).expect("the recording is in the repository");
    let ports = Ports::new(&[179]);
    let mut batch = Vec::new();
    let mut updates = Vec::new();
    loop {
        let polled = source
            .poll(&mut batch, Duration::ZERO)
            .expect("the recording is whole");
        for captured in batch.drain(..) {
            let bytes = captured.frame.as_ref();
            let Ok(segment) = dissect(bytes, captured.link, captured.wire_len, None, &ports) else {
                continue;
            };
            let payload = &bytes[segment.payload.start as usize..segment.payload.end as usize];
            let length = payload
                .get(16..18)
                .map_or(0, |l| usize::from(u16::from_be_bytes([l[0], l[1]])));
            if payload.get(18) == Some(&2) && (19..=payload.len()).contains(&length) {
                updates.push(payload[..length].to_vec());
            }
        }
        if polled == Polled::End {
            return updates;
        }
    }
}

fn visit(bytes: &[u8], context: &Context) -> u64 {
    let Ok(Message::Update(update)) = Message::parse(bytes, context) else {
        return 0;
    };
    let mut sum = 0;
    for field in update.all_announced().chain(update.all_withdrawn()) {
        sum += field.prefixes().map(|p| u64::from(p.len)).sum::<u64>();
    }
    sum + update.attributes().map(|a| u64::from(a.code)).sum::<u64>()
}

fn decode(criterion: &mut Criterion) {
    let updates = updates();
    let context = Context::assumed();
    let mut group = criterion.benchmark_group("UPDATEs of the recorded session");
    group.throughput(Throughput::Elements(updates.len() as u64));
    group.bench_function("parse and visit", |bencher| {
        bencher.iter(|| {
            let sums = updates
                .iter()
                .map(|update| visit(black_box(update), &context));
            sums.sum::<u64>()
        });
    });
    group.bench_function("add up every byte", |bencher| {
        bencher.iter(|| {
            let sum = |update: &Vec<u8>| update.iter().map(|b| u64::from(*b)).sum::<u64>();
            black_box(updates.iter().map(sum).sum::<u64>())
        });
    });
    group.finish();
}

criterion_group!(benches, decode);
criterion_main!(benches);
