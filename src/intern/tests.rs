//! What a cache promises.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::bgp::attribute::{Attribute, Flags};
use crate::bgp::{Context, Update};
use proptest::prelude::*;
use std::collections::HashMap;

fn limits(min: u32, max: u32) -> [Class; 1] {
    [Class {
        name: "test",
        min,
        max,
        idle_s: 10,
    }]
}

fn stacks(min: u32, max: u32) -> LabelStacks {
    LabelStacks::with_classes(&limits(min, max))
}

fn stats<K: Kind>(cache: &Cache<K>) -> Stats {
    cache.stats().next().unwrap()
}

#[test]
fn the_least_recently_used_makes_room() {
    let mut cache = stacks(0, 3);
    for value in [b"a", b"b", b"c", b"a", b"d"] {
        cache.intern(0, &value[..]).unwrap();
    }
    let is = |cache: &LabelStacks, wanted: &[u8]| cache.values().any(|v| **v == *wanted);
    assert!(is(&cache, b"a"), "asked for again");
    assert!(!is(&cache, b"b"), "the oldest");
    let stats = stats(&cache);
    assert_eq!((stats.entries, stats.hits, stats.misses), (3, 1, 4));
    assert_eq!((stats.evictions, stats.uninterned_total), (1, 0));
}

#[test]
fn what_is_referred_to_is_never_evicted() {
    let mut cache = stacks(0, 2);
    let held = [
        cache.intern(0, &b"a"[..]).unwrap(),
        cache.intern(0, &b"b"[..]).unwrap(),
    ];
    for i in 0..100u32 {
        let other = cache.intern(0, &i.to_be_bytes()[..]).unwrap();
        assert_eq!(&**cache.get(&other).unwrap(), &i.to_be_bytes());
    }
    assert_eq!(&**cache.get(&held[0]).unwrap(), b"a");
    assert_eq!(&**cache.get(&held[1]).unwrap(), b"b");
    assert_eq!(cache.intern(0, &b"a"[..]).unwrap(), held[0]);
    let figures = stats(&cache);
    assert_eq!((figures.evictions, figures.uninterned_total), (0, 100));
    assert!(figures.uninterned <= 2, "the dead ones went");
    drop(held);
    cache.intern(0, &b"c"[..]).unwrap();
    assert_eq!(stats(&cache).evictions, 1);
}

#[test]
fn time_takes_what_nobody_asks_for_down_to_the_minimum() {
    let mut cache = stacks(2, 100);
    let held = cache.intern(0, &b"held"[..]).unwrap();
    for i in 0..9u8 {
        cache.intern(0, &[i][..]).unwrap();
    }
    cache.advance(10);
    assert_eq!(stats(&cache).entries, 10, "not due yet");
    cache.intern(0, &[5u8][..]).unwrap();
    cache.advance(11);
    assert_eq!(stats(&cache).entries, 2);
    assert_eq!(stats(&cache).expired, 8);
    let left: Vec<_> = cache.values().map(|value| value.to_vec()).collect();
    assert!(
        left.contains(&b"held".to_vec()) && left.contains(&vec![5]),
        "{left:?}"
    );
    drop(held);
    cache.advance(1000);
    assert_eq!(stats(&cache).entries, 2, "the minimum stays");
}

#[test]
fn a_handle_of_another_cache_reads_nothing() {
    let (mut one, mut other) = (stacks(0, 9), stacks(0, 9));
    let a = one.intern(0, &b"a"[..]).unwrap();
    let b = other.intern(0, &b"a"[..]).unwrap();
    assert_ne!(a, b);
    assert_eq!((one.get(&b), other.get(&a)), (None, None));
}

#[test]
fn handles_may_outlive_their_cache_and_go_on_other_threads() {
    let mut cache = stacks(0, 9);
    let held = cache.intern(0, &b"a"[..]).unwrap();
    let theirs = held.clone();
    std::thread::spawn(move || drop(theirs)).join().unwrap();
    drop(cache);
    let mut next = stacks(0, 9);
    for i in 0..50u8 {
        let new = next.intern(0, &[i][..]).unwrap();
        assert_ne!(new, held, "its number is not given to anybody");
    }
}

#[test]
fn handles_are_small() {
    assert_eq!(size_of::<Handle<Distinguisher>>(), 2);
    assert_eq!(size_of::<Option<Handle<LabelStack>>>(), 2);
    assert_eq!(size_of::<Option<AttrSet>>(), 4);
    assert_eq!(size_of::<attributes::Part>(), 12);
}

const fn attribute(code: u8, value: &[u8]) -> Attribute<'_> {
    Attribute {
        flags: Flags(0x40),
        code,
        value,
    }
}

#[test]
fn constants_take_no_memory_of_their_own() {
    for value in [&[0][..], &[1], &[2]] {
        assert_eq!(constant(1, value), Some(value));
    }
    assert_eq!(constant(6, &[]), Some(&[][..]));
    assert_eq!(constant(1, &[3]), None);
    let mut store = AttrStore::default();
    let set = store
        .store([attribute(1, &[2]), attribute(6, &[])])
        .unwrap();
    let read: Vec<_> = store.get(&set).collect();
    assert!(std::ptr::eq(read[0].value, constant(1, &[2]).unwrap()));
}

#[test]
fn sets_share_their_values_and_release_them() {
    let path = [2, 2, 0, 0, 0, 1, 0, 0, 0, 2];
    let mut store = AttrStore::default();
    let sets: Vec<_> = (0..10u8)
        .map(|med| {
            store
                .store([attribute(2, &path), attribute(4, &[0, 0, 0, med])])
                .unwrap()
        })
        .collect();
    let figures = |store: &AttrStore, name| store.stats().find(|s| s.name == name).unwrap();
    assert_eq!(figures(&store, "attribute_set").entries, 10);
    let paths = figures(&store, "as_path");
    assert_eq!((paths.entries, paths.hits, paths.misses), (1, 9, 1));
    for (med, set) in (0u8..).zip(&sets) {
        let read: Vec<_> = store.get(set).collect();
        assert_eq!(read, [attribute(2, &path), attribute(4, &[0, 0, 0, med])]);
    }
}

/// Values of this test alone: numbers are dealt out to all caches of a kind, those of other tests, too.
enum Alone {}

impl Kind for Alone {
    type Value = Box<[u8]>;
    type Id = std::num::NonZeroU32;
    const CLASSES: &'static [Class] = &[Class {
        name: "alone",
        min: 0,
        max: 10_000,
        idle_s: 10,
    }];

    fn heap_bytes(_: &Self::Value) -> usize {
        0
    }

    fn counts() -> &'static Counts {
        static COUNTS: Counts = Counts::new();
        &COUNTS
    }
}

/// Whoever keeps to a limit asks for the growth, and gives back what turns out to be too large.
#[test]
fn what_is_given_back_takes_no_more_than_was_said() {
    let mut cache = Cache::<Alone>::default();
    let mut kept = Vec::new();
    for number in 0..2000u32 {
        let most = cache.bytes() + cache.growth(1);
        let handle = cache.intern(0, &number.to_be_bytes()[..]).unwrap();
        let place = handle.number();
        drop(handle);
        assert!(cache.drop_unused(place));
        let bytes = cache.bytes();
        assert!(bytes <= most, "{number} kept: {bytes} of {most}");
        // The free number is in use again, and later ones are new.
        kept.push(cache.intern(0, &number.to_be_bytes()[..]).unwrap());
    }
    assert_eq!(cache.values().count(), kept.len());
}

#[test]
fn how_a_length_is_written_is_not_part_of_an_attribute() {
    let mut store = AttrStore::default();
    let long = |flags| Attribute {
        flags: Flags(flags),
        ..attribute(8, &[1; 12])
    };
    let set = store.store([long(0xc0)]).unwrap();
    assert_eq!(store.store([long(0xd0)]).unwrap(), set);
    assert_ne!(
        store.store([long(0xe0)]).unwrap(),
        set,
        "the Partial bit is"
    );
}

/// Of MP_REACH_NLRI the next hop stays, the NLRI do not: UPDATEs about other prefixes have the same set.
#[test]
fn routes_of_an_update_share_its_attributes_without_its_nlri() {
    let update = |last: u8| {
        let mut reach = vec![0, 2, 1, 16];
        reach.extend([0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
        reach.extend([0, 48, 0x20, 1, 0xd, 0xb8, 0, last]);
        let mut attributes = vec![
            0x40, 1, 1, 0, 0x40, 2, 0, 0x40, 3, 4, 192, 0, 2, 1, 0x80, 14,
        ];
        attributes.push(reach.len() as u8);
        attributes.extend(reach);
        let mut body = vec![0, 0, 0, attributes.len() as u8];
        body.extend(attributes);
        body.extend([24, 10, 0, last]);
        body
    };
    let context = Context::assumed();
    let (one, other) = (update(1), update(2));
    let [one, other] = [&one, &other].map(|body| Update::parse(body, &context));
    let mut store = AttrStore::default();
    let v6 = store.store_update(&one, one.mp_reach().as_ref()).unwrap();
    assert_eq!(
        store.store_update(&other, other.mp_reach().as_ref()),
        Some(v6.clone())
    );
    assert_eq!(store.next_hop(&v6).map(<[u8]>::len), Some(16));
    let codes: Vec<_> = store.get(&v6).map(|a| a.code).collect();
    assert_eq!(codes, [1, 2, 14]);
    let v4 = store.store_update(&one, None).unwrap();
    assert_eq!(store.store_update(&other, None), Some(v4.clone()));
    assert_eq!(store.next_hop(&v4), Some(&[192, 0, 2, 1][..]));
    let codes: Vec<_> = store.get(&v4).map(|a| a.code).collect();
    assert_eq!(codes, [1, 2, 3]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Whatever is stored, held, dropped and however time goes: every handle reads what was
    /// stored through it, the limits hold, and every request is counted once.
    #[test]
    fn handles_read_what_was_stored(
        steps in prop::collection::vec((0u8..5, 0u16..40), 1..300),
        max in 1u32..12,
    ) {
        let mut cache = stacks(2.min(max), max);
        let mut held: Vec<(Handle<LabelStack>, u16)> = Vec::new();
        let (mut now, mut asked) = (0, 0);
        for (step, value) in steps {
            match step {
                0..=2 => {
                    asked += 1;
                    let handle = cache.intern(0, &value.to_be_bytes()[..]).unwrap();
                    if step > 0 {
                        held.push((handle, value));
                    }
                }
                3 if !held.is_empty() => {
                    held.swap_remove(usize::from(value) % held.len());
                }
                _ => {
                    now += u32::from(value);
                    cache.advance(now);
                }
            }
            let mut shared: HashMap<u16, &Handle<LabelStack>> = HashMap::new();
            for (handle, value) in &held {
                prop_assert_eq!(&**cache.get(handle).unwrap(), &value.to_be_bytes());
                shared.insert(*value, handle);
            }
            let figures = stats(&cache);
            prop_assert!(figures.entries <= u64::from(max));
            prop_assert_eq!(figures.hits + figures.misses, asked);
            let distinct = shared.len() as u64;
            prop_assert!(figures.entries + figures.uninterned >= distinct);
            prop_assert_eq!(
                figures.entries + figures.evictions + figures.expired,
                figures.misses - figures.uninterned_total
            );
        }
        drop(held);
        for _ in 0..4 {
            now += 11;
            cache.advance(now);
        }
        prop_assert_eq!(stats(&cache).uninterned, 0, "all that was not shared is gone");
        prop_assert!(stats(&cache).entries <= u64::from(2.min(max)));
    }

    /// A store gives back what it was given, in order, and the same set for the same attributes.
    #[test]
    fn a_store_gives_back_what_it_was_given(
        sets in prop::collection::vec(
            prop::collection::vec((0u8..45, 0u8..8, prop::collection::vec(0u8..3, 0..14)), 0..6),
            1..40,
        ),
    ) {
        let mut store = AttrStore::default();
        let mut seen = Vec::new();
        for set in &sets {
            let attributes = set.iter().map(|(code, flags, value)| Attribute {
                flags: Flags(flags << 5),
                code: *code,
                value,
            });
            let handle = store.store(attributes.clone()).unwrap();
            prop_assert!(store.get(&handle).eq(attributes));
            seen.push((set, handle));
        }
        for (one, a) in &seen {
            for (other, b) in &seen {
                prop_assert_eq!(one == other, a == b);
            }
        }
    }
}

#[test]
fn what_must_be_shared_is_never_stored_twice() {
    let mut cache = stacks(0, 2);
    let held = [
        cache.share(0, &b"a"[..]).unwrap(),
        cache.share(0, &b"b"[..]).unwrap(),
    ];
    assert_eq!(cache.share(0, &b"c"[..]), None, "all are in use");
    assert_eq!(cache.known(0, &b"c"[..]), None);
    assert_eq!(cache.share(0, &b"a"[..]).as_ref(), Some(&held[0]));
    let figures = stats(&cache);
    assert_eq!((figures.uninterned, figures.uninterned_total), (0, 1));
    assert_eq!((figures.hits, figures.misses), (1, 3));
    drop(held);
    let c = cache.share(0, &b"c"[..]).expect("one of the others goes");
    assert_eq!(cache.known(0, &b"c"[..]), Some(c));
    assert_eq!(stats(&cache).evictions, 1);
}
