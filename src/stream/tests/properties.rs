//! Random streams, cut, doubled, mixed up and robbed at random.

use super::*;
use crate::bgp::header::{HEADER_LEN, Header, plausible};
use proptest::prelude::*;

/// What an attribute may hold to confuse a search.
fn nasty() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..40),
        (1usize..6).prop_map(|count| message(4, &[]).repeat(count)),
        (1usize..40).prop_map(|count| vec![0xff; count]),
        (19u16..4097, 1u8..6).prop_map(|(length, kind)| header(length, kind)),
        prop::collection::vec(any::<u8>(), 0..60).prop_map(|value| update(&value)),
    ];
    prop::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat())
}

fn header(length: u16, kind: u8) -> Vec<u8> {
    let mut bytes = vec![0xff; 16];
    bytes.extend(length.to_be_bytes());
    bytes.push(kind);
    bytes
}

fn plain() -> impl Strategy<Value = Vec<u8>> {
    (any::<u8>(), 0usize..600).prop_map(|(byte, length)| vec![byte; length])
}

/// Messages of which some hold the given values.
fn sent(value: impl Strategy<Value = Vec<u8>>) -> impl Strategy<Value = Vec<Vec<u8>>> {
    let one = prop_oneof![
        1 => Just(message(4, &[])),
        4 => value.prop_map(|value| update(&value)),
    ];
    prop::collection::vec(one, 1..14)
}

/// Ranges that cover `length` bytes, as long as `sizes` says, over and over.
fn ranges(length: usize, sizes: &[usize]) -> Vec<std::ops::Range<usize>> {
    let mut parts = Vec::new();
    let mut from = 0;
    for size in sizes.iter().cycle() {
        if from == length {
            break;
        }
        let to = (from + size).min(length);
        parts.push(from..to);
        from = to;
    }
    parts
}

/// Where each message lies in the stream.
fn places(messages: &[Vec<u8>]) -> Vec<std::ops::Range<usize>> {
    let mut at = 0;
    let mut place = |message: &Vec<u8>| {
        at += message.len();
        at - message.len()..at
    };
    messages.iter().map(&mut place).collect()
}

/// `found` is a part of `all`, in order.
fn in_order(found: &[Vec<u8>], all: &[Vec<u8>]) -> bool {
    let mut rest = all.iter();
    found.iter().all(|message| rest.any(|sent| sent == message))
}

/// Contents of a message lead, as messages would, to where the next message begins, or to the end. If the
/// header before them is lost, nobody can tell them from messages.
fn perfect_forgery(messages: &[Vec<u8>]) -> bool {
    let bytes = messages.concat();
    let starts: Vec<_> = places(messages).iter().map(|place| place.start).collect();
    let begins = |at: usize| {
        bytes
            .get(at..)
            .is_some_and(|rest| Header::parse(rest).is_ok())
    };
    let may_begin = |at: &usize| !starts.contains(at) && plausible(&bytes[*at..], 0xfeff);
    let mut inside = (0..bytes.len()).filter(may_begin);
    inside.any(|mut at| {
        while !starts.contains(&at) && begins(at) {
            at += usize::from(u16::from_be_bytes([bytes[at + 16], bytes[at + 17]]));
        }
        starts.contains(&at) || at + HEADER_LEN > bytes.len()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6_000, max_global_rejects: 6_000, ..ProptestConfig::default() })]

    /// Whatever the cuts, copies, overlaps and order: the messages of the contiguous stream.
    #[test]
    fn any_way_of_cutting_gives_the_same_messages(
        messages in sent(prop_oneof![plain(), nasty()]),
        isn in any::<u32>(),
        sizes in prop::collection::vec(1usize..300, 1..40),
        swaps in prop::collection::vec((0usize..60, 0usize..60), 0..20),
        copies in prop::collection::vec((0usize..3000, 1usize..400), 0..12),
        syn_at in 0usize..3,
    ) {
        let bytes = messages.concat();
        let mut parts = ranges(bytes.len(), &sizes);
        let within = copies.into_iter().filter(|(at, _)| *at < bytes.len());
        parts.extend(within.map(|(at, length)| at..(at + length).min(bytes.len())));
        for (a, b) in swaps {
            let count = parts.len();
            parts.swap(a % count, b % count);
        }
        // Data may overtake the SYN, if no other data does.
        let overtaken = syn_at == 1;
        let mut bench = Bench::new(isn);
        if !overtaken {
            bench.syn();
        }
        for (index, part) in parts.into_iter().enumerate() {
            bench.data(part.start, &bytes[part]);
            if overtaken && index == 0 {
                bench.syn();
            }
        }
        bench.finish();
        prop_assert_eq!(&bench.seen.messages, &messages);
        prop_assert!(bench.seen.gaps.is_empty());
        prop_assert!(bench.seen.malformed.is_empty());
    }

    /// With loss: exactly the messages that no hole touches, and the gaps are the bytes lost.
    #[test]
    fn loss_costs_exactly_what_was_lost(
        messages in sent(plain()),
        isn in any::<u32>(),
        sizes in prop::collection::vec(1usize..300, 1..40),
        fates in prop::collection::vec(any::<u8>(), 1..60),
        pause_ms in prop_oneof![Just(0u64), Just(300)],
    ) {
        let bytes = messages.concat();
        let mut bench = Bench::new(isn);
        bench.syn();
        let mut lost = vec![false; bytes.len()];
        for (part, fate) in ranges(bytes.len(), &sizes).into_iter().zip(fates.iter().cycle()) {
            if fate % 8 == 0 {
                lost[part].fill(true);
                continue;
            }
            bench.data(part.start, &bytes[part.clone()]);
            bench.ack(part.end);
            if fate % 8 == 1 {
                bench.wait_ms(pause_ms);
            }
        }
        bench.ack(bytes.len());
        bench.finish();
        let whole = |place: &std::ops::Range<usize>| !lost[place.clone()].contains(&true);
        let untouched: Vec<_> = places(&messages).into_iter().filter(whole).map(|place| bytes[place].to_vec()).collect();
        prop_assert_eq!(&bench.seen.messages, &untouched);
        let missing = lost.iter().filter(|lost| **lost).count() as u64;
        // A single byte at the very end may have been a FIN.
        let fin = u64::from(lost.ends_with(&[false, true]) || lost == [true]);
        let gaps = bench.seen.gaps.iter().map(|gap| gap.bytes).sum::<u64>();
        prop_assert!(gaps == missing || gaps + fin == missing, "{gaps} of {missing}");
    }

    /// A capture that begins in the midst of a session loses the message that it begins in.
    #[test]
    fn a_joined_stream_loses_only_the_message_that_it_begins_in(
        messages in sent(plain()),
        isn in any::<u32>(),
        sizes in prop::collection::vec(1usize..300, 1..40),
        begin in any::<prop::sample::Index>(),
    ) {
        let bytes = messages.concat();
        let begin = begin.index(bytes.len());
        let mut bench = Bench::new(isn);
        for part in ranges(bytes.len() - begin, &sizes) {
            bench.data(begin + part.start, &bytes[begin + part.start..begin + part.end]);
        }
        bench.finish();
        let whole = places(&messages).into_iter().filter(|place| place.start >= begin);
        let expected: Vec<_> = whole.map(|place| bytes[place].to_vec()).collect();
        prop_assert_eq!(&bench.seen.messages, &expected);
    }

    /// One hole, anywhere, in a stream whose attributes are full of markers, headers and messages:
    /// nothing is emitted that was not sent.
    #[test]
    fn nothing_is_invented_behind_a_hole(
        messages in sent(nasty().prop_map(|value| [value, vec![0; 19]].concat())),
        isn in any::<u32>(),
        sizes in prop::collection::vec(1usize..300, 1..40),
        hole in (any::<prop::sample::Index>(), 1usize..500),
    ) {
        // What claims to be longer than what holds it does not reach the end.
        let messages = [messages, vec![update(&[0; 4000]), update(&[0; 4000])]].concat();
        prop_assume!(!perfect_forgery(&messages));
        let bytes = messages.concat();
        let from = hole.0.index(bytes.len());
        let to = (from + hole.1).min(bytes.len());
        let mut bench = Bench::new(isn);
        bench.syn();
        for part in ranges(bytes.len(), &sizes) {
            for piece in [part.start..part.end.min(from), part.start.max(to)..part.end] {
                if !piece.is_empty() {
                    bench.data(piece.start, &bytes[piece]);
                }
            }
        }
        bench.finish();
        prop_assert!(in_order(&bench.seen.messages, &messages), "invented or out of order");
        // All before the hole, whatever they hold.
        let before = places(&messages).iter().filter(|place| place.end <= from).count();
        prop_assert!(bench.seen.messages.len() >= before);
    }

    /// Many holes in such a stream: what is not marked as searched for was sent.
    #[test]
    fn what_is_exact_was_sent(
        messages in sent(nasty()),
        isn in any::<u32>(),
        sizes in prop::collection::vec(1usize..300, 1..40),
        fates in prop::collection::vec(any::<u8>(), 1..60),
    ) {
        let bytes = messages.concat();
        let mut bench = Bench::new(isn);
        bench.syn();
        for (part, fate) in ranges(bytes.len(), &sizes).into_iter().zip(fates.iter().cycle()) {
            if fate % 8 != 0 {
                bench.data(part.start, &bytes[part]);
            }
        }
        bench.finish();
        prop_assert!(in_order(&bench.seen.exact, &messages), "invented or out of order");
    }
}
