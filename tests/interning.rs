//! What interning saves, in bytes that an allocator counts: 100,000 VPNv4 routes with 10 route
//! distinguishers and 100 labels, kept three ways. `benches/interning.rs` has the times.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "support/vpn.rs"]
mod vpn;

use allocation_counter::measure;
use bgptap::intern::{Cache, Kind};
use vpn::{Boxed, CopiedSets, Inline, Interned, InternedPathIds, PlainPathIds, SharedSets};
use vpn::{DISTINGUISHERS, LABELS, ROUTES, Random, Table, routes, updates};

/// What `make` makes, and the bytes on the heap that it holds.
fn held<T>(make: impl FnOnce() -> T) -> (T, u64) {
    let mut made = None;
    let info = measure(|| made = Some(make()));
    (made.unwrap(), u64::try_from(info.bytes_current).unwrap())
}

fn fill<T: Table>(updates: &[Vec<u8>]) -> (T, u64) {
    held(|| {
        let mut table = T::default();
        routes(updates, |route| table.insert(route));
        table
    })
}

fn hit_rate<K: Kind>(cache: &Cache<K>) -> f64 {
    let stats = cache.stats().next().unwrap();
    stats.hits as f64 / (stats.hits + stats.misses) as f64
}

#[test]
fn handles_take_less_than_values_and_far_less_than_objects() {
    let updates = updates();
    let (boxed, boxed_bytes) = fill::<Boxed>(&updates);
    let (inline, inline_bytes) = fill::<Inline>(&updates);
    let (interned, interned_bytes) = fill::<Interned>(&updates);
    for at in 0..ROUTES {
        let sum = boxed.read(at);
        assert_eq!(inline.read(at), sum, "route {at}");
        assert_eq!(interned.read(at), sum, "route {at}");
    }

    let rds = interned.rds.stats().next().unwrap();
    let stacks = interned.stacks.stats().next().unwrap();
    assert_eq!((rds.entries, rds.misses), (10, DISTINGUISHERS.into()));
    assert_eq!((stacks.entries, stacks.misses), (100, LABELS.into()));
    assert_eq!(rds.hits + rds.misses, ROUTES as u64);
    assert_eq!((rds.evictions, rds.uninterned_total), (0, 0));

    // The values themselves: what is held beside the entries of the table.
    let beside = |bytes, entry: usize| bytes - (entry * ROUTES) as u64;
    let boxed_values = beside(boxed_bytes, Boxed::ENTRY);
    let interned_values = beside(interned_bytes, Interned::ENTRY);
    // What the bench goes by. The second table finds the counts of handles there.
    assert_eq!(boxed.values(), boxed_values);
    let (_, empty_bytes) = held(Interned::default);
    let (again, again_bytes) = fill::<Interned>(&updates);
    assert_eq!(again.values(), again_bytes - empty_bytes);
    println!(
        "boxed {boxed_bytes} B ({boxed_values} values), inline {inline_bytes} B, \
         interned {interned_bytes} B ({interned_values} values); hits {:.4} {:.4}",
        hit_rate(&interned.rds),
        hit_rate(&interned.stacks)
    );
    assert!(
        interned_values * 100 <= boxed_values * 2,
        "98 % below boxed"
    );
    assert!(
        interned_bytes < inline_bytes,
        "below inline, handles counted in"
    );
}

#[test]
fn a_path_identifier_gains_two_bytes_at_most() {
    let numbers = || {
        let mut random = Random::new();
        (0..ROUTES).map(move |_| 1 + random.below(64))
    };
    let (plain, plain_bytes) = held(|| PlainPathIds(numbers().collect()));
    let (interned, interned_bytes) = held(|| {
        let mut interned = InternedPathIds::default();
        interned.handles.reserve_exact(ROUTES);
        for number in numbers() {
            let handle = interned.cache.intern(0, &number).unwrap();
            interned.handles.push(handle);
        }
        interned
    });
    for (number, handle) in plain.0.iter().zip(&interned.handles) {
        assert_eq!(interned.cache.get(handle), Some(number));
    }
    println!("path identifiers: plain {plain_bytes} B, interned {interned_bytes} B");
    let saved = (plain_bytes - interned_bytes) as f64 / ROUTES as f64;
    assert!((1.8..=2.0).contains(&saved), "{saved} bytes for each route");
}

#[test]
fn routes_share_their_attributes() {
    let updates = updates();
    let (copied, copied_bytes) = held(|| {
        let mut copied = CopiedSets::default();
        copied.fill(&updates);
        copied
    });
    let (shared, shared_bytes) = held(|| {
        let mut shared = SharedSets::default();
        shared.fill(&updates);
        shared
    });
    let mut bytes = Vec::new();
    for (copy, set) in copied.0.iter().zip(&shared.sets) {
        bytes.clear();
        for attribute in shared.store.get(set) {
            // As the copies were made: the bit for long lengths, which the store leaves out, was set.
            bytes.extend([
                attribute.flags.0 | 0x10,
                attribute.code,
                attribute.value.len() as u8,
            ]);
            bytes.extend_from_slice(attribute.value);
        }
        assert_eq!(**copy, bytes[..]);
    }
    println!("attribute sets: copied {copied_bytes} B, shared {shared_bytes} B");
    for stats in shared.store.stats().filter(|stats| stats.misses > 0) {
        println!("  {stats:?}");
    }
    assert!(shared_bytes * 10 < copied_bytes, "a tenth at most");
}

/// Every handle gone and time gone on: the caches shrink to what they may always keep.
#[test]
fn what_no_route_needs_is_given_back() {
    let updates = updates();
    let mut shared = SharedSets::default();
    shared.fill(&updates);
    shared.sets.clear();
    for now in 1..40 {
        shared.store.advance(now * 1000);
    }
    let sets = shared.store.stats().next().unwrap();
    assert_eq!((sets.name, sets.entries), ("attribute_set", 1024));
    assert_eq!(sets.expired, sets.misses - 1024);
}

/// Routes that come and go in the steady state allocate nothing: their values are known.
#[test]
fn known_values_cost_no_allocation() {
    let updates = updates();
    let mut shared = SharedSets::default();
    shared.fill(&updates);
    let info = measure(|| {
        vpn::each_update(&updates, |update, reach| {
            let set = shared.store.store_update(update, Some(reach)).unwrap();
            assert_eq!(shared.store.next_hop(&set).map(<[u8]>::len), Some(12));
        });
    });
    assert_eq!(info.count_total, 0);
}
