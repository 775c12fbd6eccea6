use super::*;
use crate::wire::{Endpoint, TcpFlags};
use proptest::prelude::*;

const SYN: u8 = 2;
const FIN: u8 = 1;
const RST: u8 = 4;

#[derive(Default)]
struct Messages(Vec<Vec<u8>>);

impl Sink for Messages {
    fn message(&mut self, bytes: &[u8], _: &mut Tally) {
        self.0.push(bytes.to_vec());
    }
}

fn segment(flags: u8, seq: u32) -> Segment {
    let end = |host| Endpoint {
        addr: [192, 0, 2, host].into(),
        port: 1790,
    };
    Segment {
        flags: TcpFlags(flags),
        seq,
        ..Segment::between(end(1), end(2))
    }
}

/// Route Monitoring with an empty UPDATE and `more` octets of an attribute that nobody knows.
fn monitoring(more: usize) -> Vec<u8> {
    let attributes = [
        &[0xd0, 99][..],
        &u16::try_from(more).expect("short").to_be_bytes(),
    ]
    .concat();
    let mut update = vec![0xff; 16];
    let length = 23 + attributes.len() + more;
    update.extend(u16::try_from(length).expect("short").to_be_bytes());
    update.extend([2, 0, 0]);
    update.extend(
        u16::try_from(attributes.len() + more)
            .expect("short")
            .to_be_bytes(),
    );
    update.extend(attributes);
    update.resize(length, 0xee);
    let mut bytes = vec![3];
    bytes.extend(u32::try_from(48 + length).expect("short").to_be_bytes());
    bytes.push(0);
    bytes.extend([0; 10]);
    bytes.extend([0; 12]);
    bytes.extend([192, 0, 2, 9]);
    bytes.extend([0; 16]);
    bytes.extend(update);
    bytes
}

/// A stream under test, and what it came to.
struct Run {
    stream: Stream,
    tally: Tally,
    messages: Messages,
    over: bool,
}

impl Run {
    /// Begins with a segment that has no payload of its own.
    fn new(flags: u8, seq: u32) -> Self {
        Self {
            stream: Stream::new(first_byte(&segment(flags, seq)), flags == SYN),
            tally: Tally::default(),
            messages: Messages::default(),
            over: false,
        }
    }

    fn take(&mut self, flags: u8, seq: u32, payload: &[u8]) {
        let (tally, messages) = (&mut self.tally, &mut self.messages);
        self.over |= self
            .stream
            .segment(&segment(flags, seq), payload, tally, messages);
    }

    fn finish(mut self, closed: bool) -> (Vec<Vec<u8>>, Tally) {
        self.stream
            .finish(closed, &mut self.tally, &mut self.messages);
        assert_eq!(self.stream.kept(), 0, "nothing is kept behind the end");
        (self.messages.0, self.tally)
    }
}

#[test]
fn what_is_joined_in_its_middle_begins_with_a_message() {
    let mut run = Run::new(0, 1000);
    run.take(0, 1000, &[7; 30]);
    run.take(0, 1030, &monitoring(3));
    let (messages, tally) = run.finish(false);
    assert_eq!(messages, [monitoring(3)]);
    assert_eq!((tally.joined, tally.before), (1, 30));
    assert!(!tally.is_damaged());
}

#[test]
fn a_hole_costs_what_lies_in_it_and_is_told() {
    let all: Vec<_> = (0..6).map(monitoring).collect();
    let bytes = all.concat();
    let mut run = Run::new(SYN, u32::MAX);
    // The second and a part of the third message are missing.
    let (from, to) = (all[0].len(), all[0].len() + all[1].len() + 10);
    run.take(0, 0, &bytes[..from]);
    run.take(0, u32::try_from(to).expect("short"), &bytes[to..]);
    assert_eq!(run.messages.0.len(), 1, "a hole is waited for");
    let (messages, tally) = run.finish(false);
    assert_eq!(messages, [&all[..1], &all[3..]].concat());
    assert_eq!((tally.holes, tally.missing), (1, (to - from) as u64));
    assert_eq!(tally.passed, (all[2].len() - 10) as u64);
    assert!(tally.is_damaged());
}

#[test]
fn what_is_no_message_is_passed_over_and_told() {
    let mut run = Run::new(SYN, 9);
    let bytes = [&monitoring(1)[..], b"no message", &monitoring(2)].concat();
    run.take(0, 10, &bytes);
    let (messages, tally) = run.finish(false);
    assert_eq!(messages, [monitoring(1), monitoring(2)]);
    assert_eq!((tally.out_of_step, tally.passed), (1, 10));
}

#[test]
fn a_fin_ends_it_once_all_has_come() {
    let mut run = Run::new(SYN, 0);
    let (one, two) = (monitoring(1), monitoring(2));
    let second = 1 + u32::try_from(one.len()).expect("short");
    run.take(FIN, second, &two);
    assert!(!run.over);
    run.take(0, 1, &one);
    assert!(run.over);
    assert_eq!(run.finish(true).0, [one, two]);
}

#[test]
fn a_reset_counts_where_the_stream_stands() {
    let mut run = Run::new(SYN, 0);
    run.take(0, 1, &monitoring(1)[..20]);
    run.take(RST, 500, &[]);
    assert!(!run.over, "a forged one");
    run.take(RST, 21, &[]);
    assert!(run.over);
    let (messages, tally) = run.finish(true);
    assert_eq!((messages.len(), tally.passed), (0, 20));
    assert!(tally.is_damaged());
}

#[test]
fn the_end_of_the_capture_in_a_message_is_no_damage_that_of_the_stream_is() {
    for (flags, damaged) in [(0, false), (FIN, true)] {
        let mut run = Run::new(SYN, 0);
        run.take(flags, 1, &monitoring(1)[..20]);
        let over = run.over;
        let (_, tally) = run.finish(over);
        assert_eq!(tally.is_damaged(), damaged);
        assert_eq!(tally.pending + tally.passed, 20);
    }
}

#[test]
fn what_a_fin_says_was_sent_and_never_came_is_missing() {
    let mut run = Run::new(SYN, 0);
    run.take(FIN, 101, &[]);
    let (_, tally) = run.finish(false);
    assert_eq!((tally.holes, tally.missing), (1, 100));
}

#[test]
fn a_syn_begins_another_stream_unless_it_is_the_same_again() {
    let run = Run::new(SYN, 77);
    assert!(!run.stream.is_over_by(&segment(SYN, 77)));
    assert!(run.stream.is_over_by(&segment(SYN, 78)));
    assert!(!run.stream.is_over_by(&segment(0, 78)));
    assert!(Run::new(0, 77).stream.is_over_by(&segment(SYN, 77)));
}

#[test]
fn behind_a_hole_no_more_is_held_than_is_allowed() {
    let piece = monitoring(60_000);
    let mut run = Run::new(SYN, 0);
    let mut seq = 101;
    for _ in 0..200 {
        run.take(0, seq, &piece);
        seq += u32::try_from(piece.len()).expect("short");
        assert!(run.stream.kept() <= HELD_BYTES_MAX + piece.len());
    }
    assert_eq!((run.tally.holes, run.tally.missing), (1, 100));
    assert_eq!(run.messages.0.len(), 200, "none of them was lost");
}

#[test]
fn small_segments_are_held_for_what_they_take() {
    let mut run = Run::new(SYN, 0);
    for number in 0..1000 {
        run.take(0, 101 + 2 * number, &[3]);
    }
    assert_eq!(run.stream.kept(), 1000 * (1 + SEGMENT_BYTES));
    run.finish(false);
}

#[test]
fn a_far_segment_is_of_another_connection() {
    let mut run = Run::new(SYN, 0);
    run.take(0, 1, &monitoring(1));
    run.take(0, 1 << 30, &monitoring(2));
    run.take(
        0,
        (1 << 30) + u32::try_from(monitoring(2).len()).expect("short"),
        &monitoring(3),
    );
    let (messages, tally) = run.finish(false);
    assert_eq!(messages.len(), 3);
    assert_eq!(
        (tally.holes, tally.missing),
        (1, 0),
        "how much is missing nobody knows"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    /// However a stream is cut, doubled and mixed up, wherever its numbers begin: the same messages.
    #[test]
    fn any_way_of_cutting_gives_the_same_messages(
        sizes in prop::collection::vec(0usize..300, 1..30),
        isn in any::<u32>(),
        near_wrap in any::<bool>(),
        cuts in prop::collection::vec(1usize..200, 1..40),
        swaps in prop::collection::vec((0usize..90, 0usize..90), 0..40),
        copies in prop::collection::vec((0usize..6000, 1usize..400), 0..12),
    ) {
        let isn = if near_wrap { u32::MAX - isn % 2000 } else { isn };
        let sent: Vec<_> = sizes.iter().map(|size| monitoring(*size)).collect();
        let bytes = sent.concat();
        let (mut ranges, mut at) = (Vec::new(), 0);
        for cut in cuts.iter().cycle() {
            if at == bytes.len() {
                break;
            }
            let end = (at + cut).min(bytes.len());
            ranges.push(at..end);
            at = end;
        }
        for (from, length) in copies {
            let from = from.min(bytes.len() - 1);
            let at = from % ranges.len();
            ranges.insert(at, from..(from + length).min(bytes.len()));
        }
        for (a, b) in swaps {
            let count = ranges.len();
            ranges.swap(a % count, b % count);
        }
        let mut run = Run::new(SYN, isn);
        for range in ranges {
            let seq = isn.wrapping_add(1).wrapping_add(u32::try_from(range.start).expect("short"));
            run.take(0, seq, &bytes[range]);
        }
        let (messages, tally) = run.finish(false);
        prop_assert_eq!(messages, sent);
        prop_assert!(!tally.is_damaged());
        prop_assert_eq!(tally.pending + tally.before + tally.joined, 0);
    }

    /// Each byte that was captured is in a message or counted; nothing panics.
    #[test]
    fn bytes_of_no_protocol_are_counted(
        pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..100), 1..20),
        syn in any::<bool>(),
        whole in prop::collection::vec(any::<bool>(), 20),
    ) {
        let mut run = Run::new(if syn { SYN } else { 0 }, 0);
        let (mut seq, mut total) = (u32::from(syn), 0);
        for (piece, whole) in pieces.iter().zip(whole) {
            let piece = if whole { &monitoring(piece.len()) } else { piece };
            run.take(0, seq, piece);
            seq += u32::try_from(piece.len()).expect("short");
            total += piece.len() as u64;
        }
        let (messages, tally) = run.finish(false);
        let used: usize = messages.iter().map(Vec::len).sum();
        prop_assert_eq!(used as u64 + tally.passed + tally.before + tally.pending, total);
    }
}
