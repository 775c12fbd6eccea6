//! Whether handles would save anything for values of up to eight octets, of which sets of attributes keep a copy. By
//! itself: numbers of handles are one sequence for the whole process.
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
use bgptap::intern::{Cache, Handle, Value, constant};
use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use vpn::{ROUTES, updates};

/// What `make` makes, and the bytes on the heap that it holds.
fn held<T>(make: impl FnOnce() -> T) -> (T, u64) {
    let mut made = None;
    let info = measure(|| made = Some(make()));
    (made.unwrap(), u64::try_from(info.bytes_current).unwrap())
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
