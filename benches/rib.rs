//! A table like the Internet's in an Adj-RIB, and in a `BTreeMap` with the same attribute store:
//! announced, replaced, withdrawn, looked up. `tests/rib_memory.rs` has the bytes.
#![allow(
    missing_docs,
    reason = "criterion's macros generate what would need them"
)]
#![allow(clippy::unwrap_used, reason = "a bench that cannot go on has failed")]

#[path = "../tests/support/full_table.rs"]
mod full_table;
#[path = "../tests/support/speakers.rs"]
mod speakers;

use bgptap::bgp::{Context, Family, Prefix, Update};
use bgptap::intern::{AttrSet, AttrStore};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use full_table::FullTable;
use speakers::{BASIC, Speakers};
use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::Duration;

const ROUTES: u32 = 1_000_000;

/// Name, what came before, and what is measured.
type Case<'a> = (&'static str, &'a [&'a [Vec<u8>]], &'a [Vec<u8>]);

/// What a table without this project's would be.
#[derive(Default)]
struct Plain {
    routes: BTreeMap<Prefix, (AttrSet, u32)>,
    store: AttrStore,
}

impl Plain {
    fn update(&mut self, body: &[u8]) {
        let update = Update::parse(body, &Context::assumed());
        for prefix in update.withdrawn().prefixes() {
            self.routes.remove(&prefix);
        }
        if update.announced().is_empty() {
            return;
        }
        let set = self.store.store_update(&update, None).unwrap();
        for prefix in update.announced().prefixes() {
            self.routes.insert(prefix, (set.clone(), 0));
        }
    }

    fn longest_match(&self, prefix: &Prefix) -> Option<&AttrSet> {
        let mut shorter = (0..=prefix.len).rev().map(|len| prefix.cut(len));
        shorter.find_map(|prefix| self.routes.get(&prefix).map(|route| &route.0))
    }
}

fn filled(bodies: &[&[Vec<u8>]]) -> (Speakers, Plain) {
    let (mut talk, mut plain) = (Speakers::new(&BASIC), Plain::default());
    for body in bodies.iter().copied().flatten() {
        talk.update(body);
        plain.update(body);
    }
    (talk, plain)
}

/// Bytes by the count that `--rib-memory` is kept by.
fn tell_bytes(bodies: &[Vec<u8>]) {
    let usage = filled(&[bodies]).0.ribs.usage();
    let each = |bytes: u64| bytes as f64 / f64::from(ROUTES);
    println!(
        "{ROUTES} routes: {:.1} bytes each in the table, {:.1} for the attributes that they share ({} sets)",
        each(usage.tables),
        each(usage.attributes),
        bodies.len()
    );
}

fn updates(criterion: &mut Criterion) {
    let table = FullTable::new(ROUTES);
    let (first, second) = (table.announcements(0), table.announcements(1));
    tell_bytes(&first);
    let gone = table.withdrawals();
    let mut group = criterion.benchmark_group("rib");
    group
        .throughput(Throughput::Elements(ROUTES.into()))
        .sample_size(10)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(2));
    let cases: [Case<'_>; 4] = [
        ("announce", &[], &first),
        // The second set of attributes is known: what is measured is the table.
        ("replace", &[&second, &first], &second),
        ("repeat", &[&first], &first),
        ("withdraw", &[&first], &gone),
    ];
    for (name, before, bodies) in cases {
        group.bench_function(format!("{name}/adj_rib"), |bencher| {
            bencher.iter_batched_ref(
                || filled(before).0,
                |talk| {
                    bodies.iter().for_each(|body| {
                        black_box(talk.update(body));
                    });
                },
                BatchSize::PerIteration,
            );
        });
        group.bench_function(format!("{name}/btree"), |bencher| {
            bencher.iter_batched_ref(
                || filled(before).1,
                |plain| bodies.iter().for_each(|body| plain.update(body)),
                BatchSize::PerIteration,
            );
        });
    }
}

fn lookups(criterion: &mut Criterion) {
    let table = FullTable::new(ROUTES);
    let bodies = table.announcements(0);
    let (talk, plain) = filled(&[&bodies]);
    let rib = talk.rib(Family::IPV4_UNICAST).unwrap();
    // Known prefixes in another order, and hosts that most of them do not cover.
    let known: Vec<Prefix> = plain.routes.keys().step_by(7).copied().collect();
    let hosts: Vec<Prefix> = known
        .iter()
        .map(|prefix| Prefix { len: 32, ..*prefix })
        .collect();
    let mut group = criterion.benchmark_group("rib_lookup");
    group
        .throughput(Throughput::Elements(known.len() as u64))
        .sample_size(10)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1));
    group.bench_function("exact/adj_rib", |bencher| {
        bencher.iter(|| {
            known
                .iter()
                .filter(|prefix| rib.get(prefix).is_some())
                .count()
        });
    });
    group.bench_function("exact/btree", |bencher| {
        bencher.iter(|| {
            known
                .iter()
                .filter(|prefix| plain.routes.contains_key(prefix))
                .count()
        });
    });
    group.bench_function("longest/adj_rib", |bencher| {
        bencher.iter(|| {
            hosts
                .iter()
                .filter(|host| rib.longest_match(host).is_some())
                .count()
        });
    });
    group.bench_function("longest/btree", |bencher| {
        bencher.iter(|| {
            hosts
                .iter()
                .filter(|host| plain.longest_match(host).is_some())
                .count()
        });
    });
}

criterion_group!(benches, updates, lookups);
criterion_main!(benches);
