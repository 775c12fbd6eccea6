//! Messages that nobody asked for: counted, never put together.

use super::*;
use crate::bgp::{MessageSet, MessageType};
use proptest::prelude::*;

const UPDATE: u8 = 2;
const KEEPALIVE: u8 = 4;

/// A stream that reads UPDATEs only, with a pool of its own.
fn bench() -> (Bench, BufferPool) {
    let limits = crate::config::Limits {
        messages: MessageSet::NONE.with(MessageType::Update),
        // Tables would have more read than is asked for.
        rib: false,
        ..Default::default()
    };
    let pool = BufferPool::new(&CLASSES.map(|c| Class { count: 0, ..c }), false).unwrap();
    let mut bench = Bench::new(0);
    bench.stream = Stream::new((&limits).into(), pool.clone());
    (bench, pool)
}

/// Buffers that were asked for, ever: the pool has none of its own.
fn acquired(pool: &BufferPool) -> u64 {
    pool.stats().map(|c| c.fallbacks).sum()
}

#[test]
fn a_body_that_nobody_asked_for_is_skipped_however_it_is_cut() {
    let open = message(1, &[7; 40]);
    let wanted = update(&[1; 8]);
    let stream = [open.clone(), message(KEEPALIVE, &[]), wanted.clone(), open].concat();
    for cut in 0..=stream.len() {
        let (mut bench, pool) = bench();
        bench.syn();
        bench.data(0, &stream[..cut]);
        bench.data(cut, &stream[cut..]);
        assert_eq!(
            bench.seen.messages,
            std::slice::from_ref(&wanted),
            "cut at {cut}"
        );
        assert_eq!(bench.seen.skipped, [1, KEEPALIVE, 1], "cut at {cut}");
        let ledger = bench.stream.ledger();
        assert_eq!(ledger.skipped, 80, "both bodies");
        assert_eq!(ledger.decoded, 3 * 19 + wanted.len() as u64);
        let update_at = 59 + 19;
        let straddles = (update_at + 1..update_at + wanted.len()).contains(&cut);
        assert_eq!(acquired(&pool), u64::from(straddles), "cut at {cut}");
    }
}

#[test]
fn a_hole_in_a_skipped_body_hides_no_message() {
    let wanted = update(&[1; 8]);
    let stream = [message(1, &[7; 60]), wanted.clone()].concat();
    let (mut bench, _) = bench();
    bench.syn();
    bench.data(0, &stream[..30]);
    bench.data(50, &stream[50..]);
    bench.ack(stream.len());
    bench.wait_ms(300);
    assert_eq!(bench.seen.gaps.len(), 1);
    assert_eq!(bench.seen.messages, [wanted]);
    assert_eq!(bench.seen.malformed, []);
    assert_eq!(bench.stream.ledger().skipped, 40, "without the hole");
}

#[test]
fn a_stream_that_is_joined_skips_too() {
    let stream: Vec<u8> = (0..40)
        .flat_map(|i| [message(1, &[i; 200]), update(&[i; 8])].concat())
        .collect();
    let (mut bench, pool) = bench();
    bench.data(100, &stream[100..]);
    bench.wait_ms(300);
    bench.finish();
    assert_eq!(bench.seen.messages.len(), 40);
    assert_eq!(bench.seen.skipped, [1; 39]);
    assert_eq!(acquired(&pool), 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Whatever the mix and the segments, what is asked for comes out as if all were, in order;
    /// the rest is counted; `Bench` checks both equations at every step.
    #[test]
    fn what_is_asked_for_is_the_same_as_ever(
        kinds in prop::collection::vec((1u8..7, 0usize..90), 1..30),
        cuts in prop::collection::vec(1usize..120, 1..60),
    ) {
        let body = |kind, length| match kind {
            UPDATE => update(&vec![length as u8; length]),
            KEEPALIVE => message(KEEPALIVE, &[]),
            // Long enough for every type, and without a marker.
            _ => message(kind, &vec![kind; 10 + length]),
        };
        let all: Vec<_> = kinds.iter().map(|(kind, length)| body(*kind, *length)).collect();
        let stream = all.concat();
        let (mut bench, _) = bench();
        bench.syn();
        let mut at = 0;
        for cut in cuts.iter().cycle() {
            let end = (at + cut).min(stream.len());
            bench.data(at, &stream[at..end]);
            at = end;
            if at == stream.len() {
                break;
            }
        }
        let (wanted, others): (Vec<_>, Vec<_>) = all.into_iter().partition(|m| m[18] == UPDATE);
        prop_assert_eq!(&bench.seen.messages, &wanted);
        let codes: Vec<_> = others.iter().map(|m| m[18]).collect();
        prop_assert_eq!(&bench.seen.skipped, &codes);
        let bodies: usize = others.iter().map(|m| m.len() - 19).sum();
        prop_assert_eq!(bench.stream.ledger().skipped, bodies as u64);
    }
}
