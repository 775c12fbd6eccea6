//! What interning saves, in bytes that an allocator counts: 100,000 VPNv4 routes with 10 route
//! distinguishers and 100 labels, kept three ways. `benches/interning.rs` has the times.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "inference/archive.rs"]
mod archive;
#[allow(unreachable_pub, reason = "a module of each test that names it")]
#[path = "support/skip.rs"]
mod skip;
#[path = "support/vpn.rs"]
mod vpn;

use allocation_counter::measure;
use bgptap::bgp::{Context, Message};
use bgptap::intern::{Cache, Handle, Kind, Value, constant};
use std::collections::{BTreeMap, HashSet};
use std::path::Path;
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

/// What sets keep of values that have at most eight octets: of each attribute those that are no constants, one
/// for each set that has it.
fn short_values<'a>(updates: impl IntoIterator<Item = &'a Vec<u8>>) -> BTreeMap<u8, Vec<Vec<u8>>> {
    let (mut sets, mut values) = (HashSet::new(), BTreeMap::<u8, Vec<Vec<u8>>>::new());
    for message in updates {
        let Ok(Message::Update(update)) = Message::parse(message, &Context::assumed()) else {
            continue;
        };
        let parts: Vec<_> = update
            .attributes()
            .filter(|attribute| ![14, 15].contains(&attribute.code))
            .map(|attribute| (attribute.code, attribute.value))
            .collect();
        if parts.is_empty() || !sets.insert(format!("{parts:?}")) {
            continue;
        }
        for (code, value) in parts {
            if value.len() <= 8 && constant(code, value).is_none() {
                values.entry(code).or_default().push(value.to_vec());
            }
        }
    }
    values
}

/// What a value of four octets costs as an entry of its cache, its share of the index and the counts included.
fn entry_bytes() -> u64 {
    const VALUES: u32 = 50_000;
    let (kept, bytes) = held(|| {
        let mut cache = Cache::<Value>::default();
        let mut handles = Vec::with_capacity(VALUES as usize);
        handles
            .extend((0..VALUES).map(|number| cache.intern(0, &number.to_be_bytes()[..]).unwrap()));
        (cache, handles)
    });
    assert_eq!(kept.0.stats().next().unwrap().misses, u64::from(VALUES));
    bytes / u64::from(VALUES) - size_of::<Handle<Value>>() as u64
}

/// An attribute in a set takes twelve bytes, with a value of up to eight octets inside. Were all values behind handles
/// of four bytes, it would take eight, and each different value an entry.
///
/// Prints for each attribute what that would come to; returns bytes in sets now, and then with all entries.
fn beside_handles(name: &str, entry: u64, values: &BTreeMap<u8, Vec<Vec<u8>>>) -> (u64, u64) {
    const PART: u64 = 12;
    const HANDLE_PART: u64 = 8;
    let (mut inside, mut handles) = (0, 0);
    println!(
        "{name}, {entry} bytes for an entry: attribute, sets with it, values, bytes inside, it alone as handle, all as handles"
    );
    for (code, values) in values {
        let sets = values.len() as u64;
        let different = values.iter().collect::<HashSet<_>>().len() as u64;
        let sizes = [
            PART * sets,
            PART * sets + entry * different,
            HANDLE_PART * sets + entry * different,
        ];
        println!(
            "  {code:>3} {sets:>6} {different:>6} {:>8} {:>8} {:>8}",
            sizes[0], sizes[1], sizes[2]
        );
        inside += sizes[0];
        handles += sizes[2];
    }
    println!("  all {inside} {handles}");
    (inside, handles)
}

/// MED, LOCAL_PREF, ORIGINATOR_ID, NEXT_HOP, AGGREGATOR, short lists: handles would gain next to nothing for a
/// route, and cost more where values do not recur.
#[test]
fn values_of_eight_octets_are_kept_in_the_sets() {
    let entry = entry_bytes();
    let (inside, handles) = beside_handles("routes of VPNs", entry, &short_values(&updates()));
    let gain = (inside as f64 - handles as f64) / ROUTES as f64;
    assert!(gain < 0.5, "{gain} bytes for each route");

    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus/mrt");
    if !corpus.is_dir() {
        return skip::skip("the corpus is not here");
    }
    let files = [
        "bgpstream/ris.rrc06.updates.1427846400.gz",
        "bgpdump/updates.20071015.1505.gz",
        "gobgpdump/arch3",
    ];
    let peers: Vec<_> = files
        .iter()
        .flat_map(|file| archive::peers(&corpus.join(file)))
        .collect();
    let updates = peers.iter().flat_map(|peer| &peer.updates);
    let (inside, handles) =
        beside_handles("churn of public archives", entry, &short_values(updates));
    assert!(handles > inside, "{handles} against {inside}");
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
