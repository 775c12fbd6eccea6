//! Datagrams come together whatever order their fragments come in, and every frame is counted.
#![allow(clippy::unwrap_used)]

use super::*;
use bgptap_umem::buffer::Class;
use proptest::prelude::*;
use std::net::{Ipv4Addr, Ipv6Addr};

fn fragments(limits: FragmentLimits) -> Fragments {
    let classes = [64, 2048, 65_535].map(|size| Class { size, count: 8 });
    Fragments::new(limits, BufferPool::new(&classes, false).unwrap())
}

fn piece(six: bool, id: u32, offset: u32, more: bool) -> Fragment {
    let (src, dst) = if six {
        (Ipv6Addr::LOCALHOST.into(), Ipv6Addr::UNSPECIFIED.into())
    } else {
        (Ipv4Addr::LOCALHOST.into(), Ipv4Addr::UNSPECIFIED.into())
    };
    Fragment {
        src,
        dst,
        id,
        protocol: 6,
        offset,
        more,
        payload: 0..0,
        cut: false,
        vlan: None,
    }
}

/// Inserts and returns the payload of the datagram that is complete, if one is.
fn insert(
    fragments: &mut Fragments,
    fragment: &Fragment,
    payload: &[u8],
    skipped: &mut Skipped,
) -> Option<Vec<u8>> {
    let whole = fragments.insert(fragment, payload, 0, skipped)?;
    let header = if fragment.src.is_ipv6() { 40 } else { 20 };
    Some(whole.datagram[header..].to_vec())
}

fn count(skipped: &Skipped, reason: Skip) -> u64 {
    skipped[reason.index()]
}

#[test]
fn the_header_is_that_of_a_whole_datagram() {
    let mut all = fragments(FragmentLimits::default());
    let mut skipped = Skipped::default();
    let mut first = piece(false, 0x0102, 0, true);
    (first.src, first.dst) = (
        Ipv4Addr::new(192, 0, 2, 1).into(),
        Ipv4Addr::new(192, 0, 2, 2).into(),
    );
    let last = Fragment {
        offset: 8,
        more: false,
        vlan: Some(7),
        ..first.clone()
    };
    assert!(all.insert(&first, &[1; 8], 0, &mut skipped).is_none());
    let whole = all.insert(&last, &[2; 3], 0, &mut skipped).unwrap();
    // RFC 791 §3.1, by hand: version, length 31, identification, no fragment, protocol 6, addresses.
    let header = [
        0x45, 0, 0, 31, 1, 2, 0, 0, 64, 6, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2,
    ];
    assert_eq!(whole.datagram[..20], header);
    assert_eq!(whole.datagram[20..], [1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2]);
    assert_eq!(whole.vlan, Some(7));
    assert_eq!(count(&skipped, Skip::FragmentAssembled), 1);
}

#[test]
fn in_ipv4_the_first_copy_of_a_byte_wins() {
    let mut all = fragments(FragmentLimits::default());
    let mut skipped = Skipped::default();
    let table: [(u32, bool, Vec<u8>); 4] = [
        (8, true, vec![2; 8]),
        // Covered by nothing but its ends.
        (0, true, vec![1; 24]),
        // Covered whole.
        (8, true, vec![9; 16]),
        (24, false, vec![3; 5]),
    ];
    let mut whole = None;
    for (offset, more, payload) in table {
        whole = insert(
            &mut all,
            &piece(false, 1, offset, more),
            &payload,
            &mut skipped,
        );
    }
    let expected = [vec![1; 8], vec![2; 8], vec![1; 8], vec![3; 5]].concat();
    assert_eq!(whole, Some(expected));
    assert_eq!(count(&skipped, Skip::FragmentDuplicate), 1);
    assert_eq!(count(&skipped, Skip::FragmentAssembled), 2);
}

/// RFC 5722 §4: silently discarded, also the constituent fragments not yet received.
#[test]
fn in_ipv6_an_overlap_voids_the_datagram() {
    let mut all = fragments(FragmentLimits::default());
    let mut skipped = Skipped::default();
    let mut add = |offset, more, payload: &[u8], skipped: &mut Skipped| {
        insert(&mut all, &piece(true, 1, offset, more), payload, skipped)
    };
    assert!(add(0, true, &[1; 16], &mut skipped).is_none());
    // The same again is no overlap (RFC 8200 §4.5).
    assert!(add(0, true, &[1; 16], &mut skipped).is_none());
    assert_eq!(count(&skipped, Skip::FragmentDuplicate), 1);
    assert!(add(8, true, &[2; 16], &mut skipped).is_none());
    assert_eq!(count(&skipped, Skip::FragmentOverlap), 2);
    assert!(add(16, false, &[3; 8], &mut skipped).is_none());
    assert_eq!(count(&skipped, Skip::FragmentOverlap), 3);
}

#[test]
fn a_datagram_ends_in_one_place() {
    for six in [false, true] {
        let mut all = fragments(FragmentLimits::default());
        let mut skipped = Skipped::default();
        let mut add = |offset, more, payload: &[u8]| {
            insert(
                &mut all,
                &piece(six, 1, offset, more),
                payload,
                &mut skipped,
            )
        };
        assert!(add(16, false, &[3; 8]).is_none());
        // Behind the end, and another end.
        assert!(add(24, true, &[4; 8]).is_none());
        assert!(add(8, false, &[4; 4]).is_none());
        let whole = add(0, true, &[1; 16]);
        assert_eq!(whole.is_some(), !six, "IPv6 is void, IPv4 goes on");
        assert_eq!(
            count(&skipped, Skip::FragmentOverlap),
            if six { 4 } else { 2 }
        );
    }
}

#[test]
fn what_cannot_be_a_fragment_is_refused() {
    let mut all = fragments(FragmentLimits::default());
    let mut skipped = Skipped::default();
    let mut add = |fragment: &Fragment, payload: &[u8]| {
        assert!(insert(&mut all, fragment, payload, &mut skipped).is_none());
    };
    add(&piece(false, 1, 8, true), &[]);
    add(&piece(false, 1, 8, true), &[0; 9]);
    // RFC 791 §3.1: the offset reaches further than the total length can.
    add(&piece(false, 1, 65_528, false), &[0; 8]);
    let cut = Fragment {
        cut: true,
        ..piece(false, 1, 0, true)
    };
    add(&cut, &[0; 8]);
    assert_eq!(count(&skipped, Skip::BadHeader), 3);
    assert_eq!(count(&skipped, Skip::Truncated), 1);
    assert!(all.datagrams.is_empty());
}

#[test]
fn what_waits_too_long_is_given_up() {
    let mut all = fragments(FragmentLimits::default());
    let mut skipped = Skipped::default();
    let second = 1_000_000_000;
    for (id, at) in [(1, 0), (2, 3 * second), (1, 4 * second)] {
        let offset = u32::try_from(at / second).unwrap() * 8;
        all.insert(&piece(false, id, offset, true), &[0; 8], at, &mut skipped);
    }
    all.expire(5 * second - 1, &mut skipped);
    assert_eq!(count(&skipped, Skip::FragmentTimeout), 0);
    all.expire(5 * second, &mut skipped);
    assert_eq!(count(&skipped, Skip::FragmentTimeout), 2);
    all.expire(9 * second, &mut skipped);
    assert_eq!(count(&skipped, Skip::FragmentTimeout), 3);
    assert_eq!((all.bytes, all.order.len()), (0, 0));
}

#[test]
fn many_small_pieces_are_too_many() {
    let mut all = fragments(FragmentLimits::default());
    let mut skipped = Skipped::default();
    for number in 0..=PIECES_MAX as u32 {
        all.insert(&piece(false, 1, number * 8, true), &[0; 8], 0, &mut skipped);
    }
    assert_eq!(count(&skipped, Skip::FragmentLimit), PIECES_MAX as u64 + 1);
    assert_eq!(all.bytes, 0);
}

/// A datagram of `units` × 8 bytes and a rest, cut at `cuts`.
fn cut_up(six: bool, id: u32, payload: &[u8], cuts: &[usize]) -> Vec<(Fragment, Vec<u8>)> {
    let mut ends: Vec<usize> = cuts
        .iter()
        .map(|cut| cut % (payload.len() / 8) * 8)
        .collect();
    ends.push(payload.len());
    ends.sort_unstable();
    ends.dedup();
    let mut start = 0;
    let mut out = Vec::new();
    for end in ends {
        if end > start {
            let more = end < payload.len();
            let fragment = piece(six, id, u32::try_from(start).unwrap(), more);
            out.push((fragment, payload[start..end].to_vec()));
            start = end;
        }
    }
    out
}

proptest! {
    /// RFC 815: whatever order they come in and however often, the datagram comes out, once.
    #[test]
    fn any_order_gives_the_datagram(
        payload in proptest::collection::vec(any::<u8>(), 9..3000),
        cuts in proptest::collection::vec(1usize..400, 1..12),
        six in any::<bool>(),
        order in any::<u64>(),
        again in any::<proptest::sample::Index>(),
    ) {
        let mut pieces = cut_up(six, 9, &payload, &cuts);
        prop_assume!(pieces.len() > 1);
        let distinct = pieces.len() as u64;
        let doubled = pieces[again.index(pieces.len())].clone();
        pieces.push(doubled);
        let mut key = order | 1;
        pieces.sort_by_cached_key(|_| {
            key = key.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            key >> 20
        });
        let mut all = fragments(FragmentLimits::default());
        let mut skipped = Skipped::default();
        let mut found = Vec::new();
        for (fragment, bytes) in &pieces {
            found.extend(insert(&mut all, fragment, bytes, &mut skipped));
        }
        prop_assert_eq!(found, vec![payload]);
        prop_assert_eq!(count(&skipped, Skip::FragmentAssembled), distinct - 1);
        // The copy came before the end, or after it, and then waits for a datagram of its own.
        all.finish(&mut skipped);
        let late = count(&skipped, Skip::FragmentDuplicate) + count(&skipped, Skip::FragmentPending);
        prop_assert_eq!(late, 1);
    }

    /// However hostile, memory stays within its bounds and no frame is counted twice or not at all.
    #[test]
    fn every_frame_is_counted_once(
        frames in proptest::collection::vec(
            (any::<bool>(), 0u32..6, 0u32..12, any::<bool>(), 0usize..40, 0u64..3, any::<bool>()),
            0..300,
        ),
    ) {
        let limits = FragmentLimits {
            datagrams_max: 4,
            bytes_max: 500,
            timeout: Duration::from_nanos(20),
        };
        let mut all = fragments(limits);
        let mut skipped = Skipped::default();
        let (mut now, mut wholes) = (0, 0);
        for (six, id, unit, more, length, step, cut) in &frames {
            now += step;
            all.expire(now, &mut skipped);
            let fragment = Fragment { cut: *cut && *step == 0, ..piece(*six, *id, unit * 8, *more) };
            let length = if *more { length / 8 * 8 } else { *length };
            wholes += u64::from(all.insert(&fragment, &vec![0xaa; length], now, &mut skipped).is_some());
            prop_assert!(all.datagrams.len() <= 4);
            prop_assert!(all.bytes <= 700);
            let held: usize = all.datagrams.values().map(Datagram::cost).sum();
            prop_assert_eq!(all.bytes, held);
        }
        all.finish(&mut skipped);
        prop_assert_eq!(skipped.iter().sum::<u64>() + wholes, frames.len() as u64);
        prop_assert!(all.pool.stats().all(|class| class.in_use == 0), "every buffer is back");
    }
}
