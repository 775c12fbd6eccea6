//! What Adj-RIBs take, counted by the allocator: a million IPv4 routes, and a steady churn over them.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "support/full_table.rs"]
mod full_table;
#[path = "support/speakers.rs"]
mod speakers;

use allocation_counter::measure;
use bgptap::bgp::Family;
use full_table::FullTable;
use speakers::{BASIC, Speakers, update};

/// Bytes of the heap that `make` holds in the end.
fn held<T>(make: impl FnOnce() -> T) -> (T, u64) {
    let mut made = None;
    let info = measure(|| made = Some(make()));
    (made.unwrap(), u64::try_from(info.bytes_current).unwrap())
}

#[test]
fn a_million_routes_take_32_bytes_each_and_share_their_attributes() {
    const ROUTES: u32 = 1_000_000;
    let table = FullTable::new(ROUTES);
    let bodies = table.announcements(0);
    // First the attributes alone: their routes go as soon as they came.
    let withdrawals = table.withdrawals();
    let (mut talk, shared) = held(|| {
        let mut talk = Speakers::new(&BASIC);
        for (body, gone) in bodies.iter().zip(&withdrawals) {
            talk.update(body);
            talk.update(gone);
        }
        talk
    });
    let routes = measure(|| {
        for body in &bodies {
            let changes = talk.update(body);
            assert_eq!((changes.refused, changes.absent), (0, 0));
        }
    });
    let routes = u64::try_from(routes.bytes_current).unwrap();
    let rib = talk.rib(Family::IPV4_UNICAST).unwrap();
    assert_eq!((rib.len(), rib.partial()), (ROUTES as usize, None));
    let (all, each) = (shared + routes, routes as f64 / f64::from(ROUTES));
    let usage = talk.ribs.usage();
    println!(
        "{ROUTES} routes: {all} B in all, {shared} B of attributes ({} sets), {each:.2} B for each route; \
         by our own count {} + {}",
        bodies.len(),
        usage.tables,
        usage.attributes
    );
    assert!(each <= 32.0, "{each} bytes for each route");
    // The limit of memory is kept by this count: it must not fall short by more than the allocator's rounding.
    let counted = usage.tables + usage.attributes;
    assert!(counted * 20 >= all * 19, "{counted} counted of {all}");
    // Nor be too high, which would refuse routes that there is memory for.
    assert!(counted * 10 <= all * 11, "{counted} counted of {all}");
}

/// Routes replaced, withdrawn and announced again, with attributes that are known: nothing is allocated.
#[test]
fn churn_over_a_full_table_allocates_nothing() {
    const ROUTES: u32 = 200_000;
    let table = FullTable::new(ROUTES);
    let (first, second) = (table.announcements(0), table.announcements(1));
    let withdrawals = table.withdrawals();
    let mut talk = Speakers::new(&BASIC);
    for body in first.iter().chain(&second) {
        talk.update(body);
    }
    let mut changes = [0u64; 4];
    let info = measure(|| {
        for (at, body) in first.iter().enumerate() {
            changes[0] += u64::from(talk.update(body).replaced);
            changes[1] += u64::from(talk.update(body).duplicate);
            changes[2] += u64::from(talk.update(&withdrawals[at]).withdrawn);
            changes[3] += u64::from(talk.update(&second[at]).new);
        }
    });
    assert_eq!(changes, [u64::from(ROUTES); 4]);
    assert_eq!(
        info.count_total,
        0,
        "allocations in {} messages",
        4 * first.len()
    );
}

/// Routes go and others come, five times as many as there are: the table stays as large as it was.
/// Parts of it are tidied up by way of a place aside, which is taken once.
#[test]
fn a_table_whose_routes_are_exchanged_stays_as_large_as_it_was() {
    // Groups of eight; 31,500 to 200,000 routes cover all sizes between two doublings of a part.
    for groups in [3900, 5500, 7900, 25_000] {
        let table = FullTable::new(groups * 8 * 5);
        let (bodies, withdrawals) = (table.announcements_with(groups), table.withdrawals());
        let groups = groups as usize;
        let mut talk = Speakers::new(&BASIC);
        for body in &bodies[..groups] {
            talk.update(body);
        }
        let mut exchange = |range: std::ops::Range<usize>| {
            measure(|| {
                for at in range {
                    assert_eq!(talk.update(&withdrawals[at]).withdrawn, 8);
                    assert_eq!(talk.update(&bodies[at + groups]).new, 8);
                }
            })
        };
        // Each part grows once more at most, by chance, and takes its place aside.
        let begin = exchange(0..2 * groups);
        let steady = exchange(2 * groups..4 * groups);
        let rib = talk.rib(Family::IPV4_UNICAST).unwrap();
        assert_eq!((rib.len(), rib.partial()), (8 * groups, None));
        let each = talk.ribs.usage().tables as f64 / (8 * groups) as f64;
        println!(
            "{} routes: {each:.1} B each after exchanging all five times; {} allocations, then {}",
            8 * groups,
            begin.count_total,
            steady.count_total
        );
        assert!(
            each <= 32.0,
            "{each} bytes for each of {} routes",
            8 * groups
        );
        assert!(
            steady.count_total <= 16,
            "{} allocations",
            steady.count_total
        );
    }
}

/// What is new takes memory, and nothing else does: one piece for each set that nobody had, one for each value in
/// it that nobody had, and now and then more room in a cache.
#[test]
fn new_attributes_are_all_that_is_allocated() {
    const ROUTES: u32 = 50_000;
    let table = FullTable::new(ROUTES);
    let mut talk = Speakers::new(&BASIC);
    for body in table.announcements(0) {
        talk.update(&body);
    }
    let stored = |talk: &Speakers| talk.ribs.caches().map(|cache| cache.misses).sum::<u64>();
    let (news, before) = (table.announcements(2), stored(&talk));
    let info = measure(|| {
        for body in &news {
            assert!(talk.update(body).replaced > 0);
        }
    });
    let (sets, stored) = (news.len() as u64, stored(&talk) - before);
    println!(
        "{} allocations for {sets} new sets and {} new values",
        info.count_total,
        stored - sets
    );
    assert!(stored > sets, "sets and values are new");
    assert!(
        (stored..stored + 32).contains(&info.count_total),
        "{} allocations, {stored} new",
        info.count_total
    );
    let empty = update(&[], &[], &[]);
    assert_eq!(
        measure(|| assert_eq!(talk.update(&empty).new, 0)).count_total,
        0,
        "End-of-RIB"
    );
}
