//! What interning costs in time: 100,000 VPNv4 routes with 10 route distinguishers and 100 labels, as
//! objects on the heap, as values in the entries, and as handles. `tests/interning.rs` has the bytes.
#![allow(
    missing_docs,
    reason = "criterion's macros generate what would need them"
)]
#![allow(clippy::unwrap_used, reason = "a bench that cannot go on has failed")]

#[path = "goals/said.rs"]
mod said;
#[path = "../tests/support/vpn.rs"]
mod vpn;

use bgptap::bgp::nlri::{Nlri, VpnPrefix};
use bgptap::bgp::{Context, Message};
use criterion::measurement::WallTime;
use criterion::{BatchSize, BenchmarkGroup, Criterion, Throughput, criterion_group};
use said::line::{Goal, Line};
use said::turns::{median, now};
use std::hint::black_box;
use std::time::Duration;
use vpn::{Boxed, CopiedSets, Inline, Interned, InternedPathIds, PlainPathIds, ROUTES, Random};
use vpn::{SharedSets, Table, updates};

/// The routes, decoded: what the tables cost is measured, not the decoder.
fn decoded(updates: &[Vec<u8>]) -> Vec<VpnPrefix<'_>> {
    let mut routes = Vec::with_capacity(ROUTES);
    for message in updates {
        let Ok(Message::Update(update)) = Message::parse(message, &Context::assumed()) else {
            panic!("an UPDATE of our own making");
        };
        let reach = update.mp_reach().unwrap();
        routes.extend(reach.nlri.iter().map(|nlri| match nlri {
            Nlri::Vpn(route) => route,
            other => panic!("not a VPN prefix: {other:?}"),
        }));
    }
    routes
}

fn group<'c>(criterion: &'c mut Criterion, name: &str) -> BenchmarkGroup<'c, WallTime> {
    let mut group = criterion.benchmark_group(name);
    group
        .throughput(Throughput::Elements(ROUTES as u64))
        .sample_size(10)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1));
    group
}

fn insert<T: Table>(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    routes: &[VpnPrefix<'_>],
) {
    group.bench_function(name, |bencher| {
        bencher.iter_batched(
            T::default,
            |table| filled(table, routes),
            BatchSize::LargeInput,
        );
    });
}

fn filled<T: Table>(mut table: T, routes: &[VpnPrefix<'_>]) -> T {
    routes
        .iter()
        .for_each(|route| table.insert(black_box(route)));
    table
}

/// All places of a table, in an order that it was not filled in.
fn order() -> Vec<usize> {
    let mut random = Random::new();
    (0..ROUTES)
        .map(|_| random.below(ROUTES as u32) as usize)
        .collect()
}

fn read_all<T: Table>(table: &T, order: &[usize]) -> u64 {
    order
        .iter()
        .fold(0u64, |sum, at| sum.wrapping_add(table.read(*at)))
}

fn read<T: Table>(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, routes: &[VpnPrefix<'_>]) {
    let (table, order) = (filled(T::default(), routes), order());
    group.bench_function(name, |bencher| {
        bencher.iter(|| read_all(&table, &order));
    });
}

/// Nanoseconds that each route takes to be inserted, to be read, and to be inserted and dropped.
fn turn<T: Table>(routes: &[VpnPrefix<'_>], order: &[usize]) -> [f64; 3] {
    let empty = T::default();
    let start = now();
    let table = filled(empty, routes);
    let inserted = now();
    black_box(read_all(black_box(&table), order));
    let read = now();
    drop(table);
    let times = [
        inserted - start,
        read - inserted,
        inserted - start + (now() - read),
    ];
    times.map(|time| time.as_nanos() as f64 / ROUTES as f64)
}

/// Handles beside objects on the heap: no slower, and 98 % less for the values themselves. `tests/interning.rs` has an
/// allocator confirm what the tables say of their values; in this program it would slow down the objects.
fn goals() {
    /// Turns of each.
    const ROUNDS: usize = 41;
    let updates = updates();
    let routes = decoded(&updates);
    let order = order();
    let (mut interned, mut boxed) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        interned.push(turn::<Interned>(&routes, &order));
        boxed.push(turn::<Boxed>(&routes, &order));
    }
    let line = |work: &str, unit, figures, most| {
        let work = format!("{work}, interned");
        Line::new(work, unit, "boxed", figures, Goal::AtMost(most))
    };
    let middle =
        |turns: &[[f64; 3]], at: usize| median(turns.iter().map(|turn| turn[at]).collect());
    let times = |at| (middle(&interned, at), middle(&boxed, at));
    let bytes = (
        filled(Interned::default(), &routes).values() as f64,
        filled(Boxed::default(), &routes).values() as f64,
    );
    said::say(&[
        line("insert a route", "ns", times(0), 1.0),
        line("insert a route and drop it", "ns", times(2), 1.0),
        line("read a route at random", "ns", times(1), 1.0),
        line("values of all routes", "bytes", bytes, 0.02),
    ]);
}

fn interning(criterion: &mut Criterion) {
    let updates = updates();
    let routes = decoded(&updates);
    let mut inserts = group(criterion, "insert a route");
    insert::<Boxed>(&mut inserts, "boxed", &routes);
    insert::<Inline>(&mut inserts, "inline", &routes);
    insert::<Interned>(&mut inserts, "interned", &routes);
    inserts.finish();

    let mut reads = group(criterion, "read a route at random");
    read::<Boxed>(&mut reads, "boxed", &routes);
    read::<Inline>(&mut reads, "inline", &routes);
    read::<Interned>(&mut reads, "interned", &routes);
    reads.finish();

    let mut sets = group(
        criterion,
        "decode an UPDATE and keep its attributes, per route",
    );
    sets.bench_function("copied", |bencher| {
        let fill = |mut table: CopiedSets| {
            table.fill(&updates);
            table
        };
        bencher.iter_batched(CopiedSets::default, fill, BatchSize::LargeInput);
    });
    sets.bench_function("shared", |bencher| {
        let fill = |mut table: SharedSets| {
            table.fill(&updates);
            table
        };
        bencher.iter_batched(SharedSets::default, fill, BatchSize::LargeInput);
    });
    sets.finish();

    let mut random = Random::new();
    let numbers: Vec<_> = (0..ROUTES).map(|_| 1 + random.below(64)).collect();
    let mut ids = group(criterion, "insert a path identifier");
    ids.bench_function("plain", |bencher| {
        let fill = |mut table: PlainPathIds| {
            table
                .0
                .extend(numbers.iter().map(|number| black_box(*number)));
            table
        };
        bencher.iter_batched(PlainPathIds::default, fill, BatchSize::LargeInput);
    });
    ids.bench_function("interned", |bencher| {
        let fill = |mut table: InternedPathIds| {
            for number in &numbers {
                let handle = table.cache.intern(0, black_box(number)).unwrap();
                table.handles.push(handle);
            }
            table
        };
        bencher.iter_batched(InternedPathIds::default, fill, BatchSize::LargeInput);
    });
    ids.finish();
}

criterion_group!(benches, interning);

fn main() {
    benches();
    Criterion::default().configure_from_args().final_summary();
    if said::are_asked_for() {
        goals();
    }
}
