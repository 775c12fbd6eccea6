//! Reassembly against the contiguous stream, and each rule on its own.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::capture::{Frame, StampSource};
use crate::wire::{Endpoint, Segment, TcpFlags};
use bgptap_umem::buffer::{BufferPool, Class};
use proptest::prelude::*;
use std::net::Ipv4Addr;

#[derive(Clone)]
struct Bytes(Vec<u8>);

impl AsRef<[u8]> for Bytes {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Frame for Bytes {}

#[derive(Default)]
struct Collector {
    messages: Vec<Vec<u8>>,
    gaps: Vec<Gap>,
    malformed: Vec<(u64, MalformedReason)>,
    wait: bool,
}

impl Handler for Collector {
    fn message(&mut self, message: &[u8], _: Stamp) -> Verdict {
        if self.wait {
            return Verdict::Wait;
        }
        self.messages.push(message.to_vec());
        Verdict::Next
    }
    fn gap(&mut self, gap: Gap, _: Stamp) {
        self.gaps.push(gap);
    }
    fn malformed(&mut self, bytes: u64, reason: MalformedReason, _: Stamp) {
        self.malformed.push((bytes, reason));
    }
    fn stop_waiting(&mut self) {
        self.wait = false;
    }
}

/// A stream with its collector; checks both equations after every step.
struct Bench {
    stream: Stream<Bytes>,
    seen: Collector,
    held: u32,
    isn: u32,
    now_ns: u64,
}

impl Bench {
    fn new(isn: u32) -> Self {
        let limits = crate::config::Limits::default();
        let few = CLASSES.map(|class| Class { count: 2, ..class });
        let pool = BufferPool::new(&few, false).unwrap();
        Self {
            stream: Stream::new((&limits).into(), pool),
            seen: Collector::default(),
            held: 0,
            isn,
            now_ns: 0,
        }
    }

    fn stamp(&self) -> Stamp {
        Stamp {
            ns: self.now_ns,
            source: StampSource::File,
        }
    }

    fn flags(&mut self, flags: u8, offset: i64, payload: &[u8]) {
        let end = |port| Endpoint {
            addr: Ipv4Addr::LOCALHOST.into(),
            port,
        };
        // Offset 0 is the byte behind the SYN.
        let sequence = self.isn.wrapping_add(1).wrapping_add_signed(offset as i32);
        let segment = Segment {
            src: end(179),
            dst: end(40000),
            vlan: None,
            seq: sequence,
            ack: 0,
            flags: TcpFlags(flags),
            window: 0,
            options: 0..0,
            payload: 0..payload.len() as u32,
            cut: 0,
        };
        self.stream.count_captured(payload.len() as u64);
        let stamp = self.stamp();
        let frame = Bytes(payload.to_vec());
        self.stream
            .segment(frame, &segment, stamp, &mut self.held, &mut self.seen);
        self.check();
    }

    fn syn(&mut self) {
        self.flags(0x02, -1, &[]);
    }

    fn data(&mut self, offset: usize, payload: &[u8]) {
        self.flags(0x10, offset as i64, payload);
    }

    fn ack(&mut self, offset: usize) {
        let ack = self.isn.wrapping_add(1).wrapping_add(offset as u32);
        let stamp = self.stamp();
        self.stream
            .acked(ack, stamp, &mut self.held, &mut self.seen);
        self.check();
    }

    fn wait_ms(&mut self, milliseconds: u64) {
        self.now_ns += milliseconds * 1_000_000;
        let stamp = self.stamp();
        self.stream
            .tick(self.now_ns, stamp, &mut self.held, &mut self.seen);
        self.check();
    }

    fn finish(&mut self) {
        let stamp = self.stamp();
        self.stream.finish(stamp, &mut self.held, &mut self.seen);
        self.check();
        assert_eq!(self.held, 0, "no frame is held after the end");
    }

    fn check(&self) {
        let l = self.stream.ledger();
        let kept = l.decoded + l.skipped + l.quarantined + l.pending;
        let explained = kept + l.duplicate + l.discarded_window + l.discarded_limit;
        assert_eq!(l.captured, explained, "captured: {l:?}");
        assert_eq!(l.span, kept + l.gap + l.open_hole, "span: {l:?}");
    }
}

fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0xff; 16];
    bytes.extend((19 + body.len() as u16).to_be_bytes());
    bytes.push(kind);
    bytes.extend_from_slice(body);
    bytes
}

fn updates(count: usize) -> Vec<Vec<u8>> {
    (0..count)
        .map(|i| message(2, &vec![i as u8; 10 + i * 7 % 50]))
        .collect()
}

#[test]
fn in_order_out_of_order_and_doubled_segments_give_each_message_once() {
    let messages = updates(6);
    let bytes = messages.concat();
    let cut = bytes.len() / 3;
    for order in [[0, 1, 2], [0, 2, 1], [2, 1, 0], [1, 0, 2]] {
        let mut bench = Bench::new(u32::MAX - 40);
        bench.syn();
        for part in order {
            let (from, to) = (
                part * cut,
                if part == 2 {
                    bytes.len()
                } else {
                    (part + 1) * cut
                },
            );
            bench.data(from, &bytes[from..to]);
            bench.data(from, &bytes[from..to]);
        }
        assert_eq!(bench.seen.messages, messages, "order {order:?}");
        assert_eq!(bench.stream.ledger().duplicate, bytes.len() as u64);
        bench.finish();
        assert!(bench.seen.gaps.is_empty() && bench.seen.malformed.is_empty());
    }
}

#[test]
fn a_fin_with_data_is_counted_and_its_data_framed() {
    let bytes = message(3, &[6, 2]);
    let mut bench = Bench::new(7);
    bench.syn();
    bench.flags(0x11, 0, &bytes);
    bench.finish();
    assert_eq!(bench.seen.messages, [bytes]);
}

#[test]
fn an_acknowledged_hole_is_given_up_after_the_grace_and_not_before() {
    let messages = updates(6);
    let bytes = messages.concat();
    let hole = messages[0].len()..messages[0].len() + messages[1].len();
    let mut bench = Bench::new(1000);
    bench.syn();
    bench.data(0, &bytes[..hole.start]);
    bench.data(hole.end, &bytes[hole.end..]);
    bench.ack(bytes.len());
    bench.wait_ms(100);
    assert!(bench.seen.gaps.is_empty(), "the grace is not over");
    bench.wait_ms(200);
    let gap = bench.seen.gaps[0];
    assert_eq!(
        (gap.bytes, gap.reason),
        (hole.len() as u64, GapReason::MirrorLoss)
    );
    assert_eq!(bench.seen.messages[0], messages[0]);
    assert_eq!(bench.seen.messages[1..], messages[2..]);
    bench.finish();
}

#[test]
fn holes_behind_one_another_share_one_grace() {
    let bytes = updates(12).concat();
    let mut bench = Bench::new(1000);
    bench.syn();
    for hole in 0..5 {
        bench.data(hole * 60 + 30, &bytes[hole * 60 + 30..hole * 60 + 60]);
    }
    bench.ack(300);
    bench.wait_ms(250);
    assert_eq!(
        bench.seen.gaps.len(),
        5,
        "one acknowledgement confirms them all"
    );
    bench.finish();
}

#[test]
fn a_late_copy_within_the_grace_is_no_gap() {
    let messages = updates(3);
    let bytes = messages.concat();
    let mut bench = Bench::new(1000);
    bench.syn();
    bench.data(40, &bytes[40..]);
    bench.ack(bytes.len());
    bench.wait_ms(150);
    bench.data(0, &bytes[..40]);
    bench.wait_ms(1000);
    bench.finish();
    assert!(bench.seen.gaps.is_empty());
    assert_eq!(bench.seen.messages, messages);
}

#[test]
fn a_hole_that_nobody_acknowledges_is_given_up_in_the_end() {
    let bytes = updates(3).concat();
    let mut bench = Bench::new(1000);
    bench.syn();
    bench.data(40, &bytes[40..]);
    bench.wait_ms(9_000);
    assert!(bench.seen.gaps.is_empty());
    bench.wait_ms(2_000);
    assert_eq!(bench.seen.gaps[0].reason, GapReason::OneSided);
    assert_eq!(
        bench.seen.gaps[0].bytes, 40,
        "loss right behind the SYN is seen"
    );
}

#[test]
fn a_hole_inside_a_message_costs_that_message_only() {
    let messages = [message(2, &[1; 300]), message(2, &[2; 50]), message(4, &[])];
    let bytes = messages.concat();
    let mut bench = Bench::new(5);
    bench.syn();
    bench.data(0, &bytes[..100]);
    bench.data(200, &bytes[200..]);
    bench.finish();
    // The header of the first message tells where the second begins: no search is needed.
    assert_eq!(bench.seen.messages, messages[1..]);
    assert_eq!(bench.stream.ledger().quarantined, 219);
}

#[test]
fn a_joined_stream_starts_at_its_first_confirmed_header() {
    let messages = updates(4);
    let bytes = messages.concat();
    let mut bench = Bench::new(5);
    let skip = 10;
    bench.data(skip, &bytes[skip..]);
    bench.finish();
    assert_eq!(bench.seen.messages, messages[1..]);
    let reason = MalformedReason::BeforeFirstHeader;
    assert_eq!(
        bench.seen.malformed,
        [((messages[0].len() - skip) as u64, reason)]
    );

    let mut bench = Bench::new(5);
    bench.data(0, &messages[0]);
    assert_eq!(
        bench.seen.messages.len(),
        1,
        "a message that fills its segment is believed"
    );
}

#[test]
fn markers_inside_attributes_are_not_mistaken_for_messages() {
    // A body that holds a header of a plausible KEEPALIVE at every possible place.
    for at in 0..120 {
        let mut body = vec![7u8; 150];
        body[at..at + 19].copy_from_slice(&message(4, &[]));
        let messages = [
            message(2, &body),
            message(2, &body),
            message(4, &[]),
            message(4, &[]),
        ];
        let bytes = messages.concat();
        let mut bench = Bench::new(5);
        bench.syn();
        // The first header and more is lost.
        bench.data(15, &bytes[15..]);
        bench.finish();
        for message in &bench.seen.messages {
            assert!(
                messages.contains(message),
                "invented with the marker at {at}"
            );
            assert!(
                message.len() > 19 || bench.seen.messages.len() <= 3,
                "a KEEPALIVE out of an attribute, marker at {at}"
            );
        }
        let keepalives = bench.seen.messages.iter().filter(|m| m.len() == 19).count();
        assert!(keepalives <= 2, "marker at {at}");
    }
}

#[test]
fn contents_of_an_unconfirmed_message_are_not_emitted() {
    // A gap, then the head of an UPDATE whose contents look like messages, then a gap.
    let fake = message(4, &[]);
    let body = [vec![1; 30], fake.clone(), fake.clone(), vec![1; 200]].concat();
    let update = message(2, &body);
    let mut bench = Bench::new(0);
    bench.syn();
    bench.data(500, &update[..120]);
    bench.data(500 + update.len(), &message(2, &[3; 40]));
    bench.finish();
    assert!(!bench.seen.messages.contains(&fake), "invented");
}

#[test]
fn garbage_is_passed_over_and_counted() {
    let messages = updates(3);
    let mut bytes = messages[0].clone();
    bytes.extend([9; 31]);
    bytes.extend(messages[1..].concat());
    let mut bench = Bench::new(5);
    bench.syn();
    bench.data(0, &bytes);
    bench.finish();
    assert_eq!(bench.seen.messages, messages);
    assert_eq!(bench.seen.malformed[0], (31, MalformedReason::BadMarker));
}

#[test]
fn a_message_that_waits_is_delivered_before_what_follows_it() {
    let messages = updates(5);
    let bytes = messages.concat();
    let mut bench = Bench::new(5);
    bench.syn();
    bench.seen.wait = true;
    bench.data(0, &bytes[..30]);
    bench.data(30, &bytes[30..90]);
    bench.data(90, &bytes[90..]);
    assert!(bench.stream.waiting());
    assert!(bench.seen.messages.is_empty());
    bench.seen.wait = false;
    let stamp = bench.stamp();
    bench.stream.resume(stamp, &mut bench.seen);
    bench.check();
    assert_eq!(bench.seen.messages, messages);
}

#[test]
fn a_reset_counts_only_inside_the_window() {
    let mut bench = Bench::new(5);
    bench.syn();
    bench.data(0, &message(4, &[]));
    bench.flags(0x04, 19, &[]);
    assert_eq!(bench.stream.counters().rst_ignored, 0);
    bench.flags(0x04, 5000, &[]);
    assert_eq!(bench.stream.counters().rst_ignored, 1);
}

#[test]
fn differing_copies_are_counted_and_the_first_wins() {
    let messages = updates(3);
    let bytes = messages.concat();
    let mut bench = Bench::new(5);
    bench.syn();
    bench.data(40, &bytes[40..]);
    let mut forged = bytes.clone();
    forged[50] ^= 1;
    bench.data(0, &forged);
    bench.finish();
    assert_eq!(bench.stream.counters().conflicts, 1);
    assert_eq!(bench.seen.messages, messages);
}

/// One segment of a random capture: where, how long, and whether it is lost.
fn segments(length: usize) -> impl Strategy<Value = Vec<(usize, usize, u8)>> {
    prop::collection::vec((0..length, 1usize..400, any::<u8>()), 0..12)
}

fn stream_of(seeds: &[(u8, u16)]) -> Vec<Vec<u8>> {
    seeds
        .iter()
        .map(|(kind, length)| match kind % 4 {
            0 => message(4, &[]),
            _ => message(2, &vec![*kind; 4 + usize::from(length % 600)]),
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6_000))]

    /// Whatever the cuts, copies, overlaps and order: the messages of the contiguous stream.
    #[test]
    fn any_way_of_cutting_gives_the_same_messages(
        seeds in prop::collection::vec(any::<(u8, u16)>(), 1..12),
        isn in any::<u32>(),
        cuts in prop::collection::vec(1usize..300, 1..40),
        swaps in prop::collection::vec((0usize..60, 0usize..60), 0..20),
        copies in segments(3000),
    ) {
        let messages = stream_of(&seeds);
        let bytes = messages.concat();
        let mut parts = Vec::new();
        let mut from = 0;
        for cut in cuts.iter().cycle() {
            if from == bytes.len() {
                break;
            }
            let to = (from + cut).min(bytes.len());
            parts.push(from..to);
            from = to;
        }
        for (at, length, _) in copies {
            if at < bytes.len() {
                parts.push(at..(at + length).min(bytes.len()));
            }
        }
        for (a, b) in swaps {
            let count = parts.len();
            parts.swap(a % count, b % count);
        }
        let mut bench = Bench::new(isn);
        bench.syn();
        for part in parts {
            bench.data(part.start, &bytes[part]);
        }
        bench.finish();
        prop_assert_eq!(&bench.seen.messages, &messages);
        prop_assert!(bench.seen.gaps.is_empty());
        prop_assert!(bench.seen.malformed.is_empty());
    }

    /// With loss: never a message that was not sent, in order, and every message that no hole
    /// touches and that a header confirms; gaps are exactly the bytes that were lost.
    #[test]
    fn loss_costs_only_what_was_lost(
        seeds in prop::collection::vec(any::<(u8, u16)>(), 1..14),
        isn in any::<u32>(),
        cuts in prop::collection::vec((1usize..300, any::<u8>()), 1..40),
    ) {
        let messages = stream_of(&seeds);
        let bytes = messages.concat();
        let mut bench = Bench::new(isn);
        bench.syn();
        let mut lost = vec![false; bytes.len()];
        let mut from = 0;
        for (cut, fate) in cuts.iter().cycle() {
            if from == bytes.len() {
                break;
            }
            let to = (from + cut).min(bytes.len());
            if fate % 8 == 0 {
                lost[from..to].fill(true);
            } else {
                bench.data(from, &bytes[from..to]);
            }
            from = to;
        }
        bench.finish();
        // In order and never invented.
        let mut expected = messages.iter();
        for message in &bench.seen.messages {
            prop_assert!(expected.any(|sent| sent == message), "not sent, or not in this order");
        }
        // Loss at the very end leaves no trace in the sequence space.
        let seen_to = lost.iter().rposition(|lost| !lost).map_or(0, |last| last + 1);
        let missing = lost[..seen_to].iter().filter(|lost| **lost).count() as u64;
        prop_assert_eq!(bench.seen.gaps.iter().map(|gap| gap.bytes).sum::<u64>(), missing);
        // Untouched messages with an untouched header behind them are all there.
        let mut at = 0;
        let mut due = 0;
        for message in &messages {
            let end = at + message.len();
            let confirmed = lost.get(at..end + 19).is_some_and(|range| !range.contains(&true));
            due += usize::from(confirmed);
            at = end;
        }
        prop_assert!(bench.seen.messages.len() >= due, "{} of {due}", bench.seen.messages.len());
    }
}
