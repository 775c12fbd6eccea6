//! Each rule of reassembly on its own.

use super::*;

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
    bench
        .stream
        .resume(stamp, &mut bench.budget, &mut bench.seen);
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

#[test]
fn a_copy_that_contradicts_a_message_that_is_not_whole_yet_is_a_conflict() {
    let whole = update(&[7; 100]);
    let mut bench = Bench::new(5);
    bench.syn();
    bench.data(0, &whole[..60]);
    bench.data(0, &whole[..60]);
    assert_eq!(bench.stream.counters().conflicts, 0);
    let mut forged = whole.clone();
    forged[50] ^= 1;
    bench.data(0, &forged);
    assert_eq!(bench.stream.counters().conflicts, 1);
    assert_eq!(bench.seen.messages, [whole], "the first copy wins");
}

#[test]
fn bytes_acknowledged_but_never_captured_are_a_gap_without_waiting_for_more() {
    let sent = updates(3);
    let mut bench = Bench::new(1000);
    bench.syn();
    bench.data(0, &sent[0]);
    let end = sent[0].len();
    bench.ack(end + 500);
    bench.wait_ms(150);
    assert!(
        bench.seen.gaps.is_empty(),
        "the mirror may show the ACK first"
    );
    bench.wait_ms(100);
    assert!(bench.seen.gaps.is_empty(), "said once");
    bench.ack(end + 500);
    bench.wait_ms(1);
    assert_eq!(bench.seen.gaps[0].bytes, 500);
    assert_eq!(bench.seen.gaps[0].reason, GapReason::MirrorLoss);
    bench.data(end + 500, &sent[1]);
    bench.finish();
    assert_eq!(bench.seen.messages, sent[..2]);
}

#[test]
fn a_hole_that_the_receiver_has_selectively_acknowledged_is_the_loss_of_the_mirror() {
    // (what the receiver has beyond its acknowledgement, reason)
    for (sacked, reason) in [
        (Some(60..200), GapReason::MirrorLoss),
        (Some(100..200), GapReason::NetworkLoss),
        (None, GapReason::NetworkLoss),
    ] {
        let bytes = updates(8).concat();
        let mut bench = Bench::new(u32::MAX - 70);
        bench.syn();
        bench.data(0, &bytes[..60]);
        bench.data(100, &bytes[100..]);
        bench.wait_ms(1);
        bench.ack(60);
        if let Some(sacked) = sacked {
            let number = |offset: u32| bench.isn.wrapping_add(1 + offset);
            bench
                .stream
                .sacked(number(sacked.start), number(sacked.end));
        }
        bench.wait_ms(300);
        bench.wait_ms(300);
        let soon = bench.seen.gaps.len();
        assert_eq!(soon == 1, reason == GapReason::MirrorLoss);
        bench.wait_ms(11_000);
        assert_eq!(
            bench.seen.gaps.len(),
            soon,
            "what the receiver waits for may be sent again"
        );
        bench.finish();
        assert_eq!(bench.seen.gaps[0].reason, reason);
        assert_eq!(bench.seen.gaps[0].bytes, 40);
    }
}

#[test]
fn the_acknowledgement_of_a_fin_is_no_gap() {
    let bytes = message(4, &[]);
    for seen in [true, false] {
        let mut bench = Bench::new(1000);
        bench.syn();
        bench.data(0, &bytes);
        if seen {
            bench.flags(0x11, bytes.len() as i64, &[]);
        }
        bench.ack(bytes.len() + 1);
        bench.wait_ms(1000);
        bench.finish();
        assert!(bench.seen.gaps.is_empty());
    }
}

#[test]
fn data_behind_its_acknowledgement_is_no_gap() {
    let sent = updates(2);
    let bytes = sent.concat();
    let mut bench = Bench::new(1000);
    bench.syn();
    bench.data(0, &sent[0]);
    bench.ack(bytes.len());
    bench.wait_ms(50);
    bench.data(sent[0].len(), &sent[1]);
    bench.wait_ms(1000);
    bench.finish();
    assert_eq!((bench.seen.messages, bench.seen.gaps), (sent, vec![]));
}

#[test]
fn the_text_of_a_reset_is_not_part_of_the_stream() {
    let bytes = message(4, &[]);
    let mut bench = Bench::new(5);
    bench.syn();
    bench.data(0, &bytes);
    bench.flags(0x04, bytes.len() as i64, b"go away");
    bench.finish();
    assert!(bench.seen.malformed.is_empty());
    assert_eq!(bench.stream.ledger().discarded_window, 7);
    assert_eq!(bench.stream.counters().rst_ignored, 0);
}

#[test]
fn a_run_of_garbage_is_told_once() {
    let sent = updates(2);
    let mut bytes = sent[0].clone();
    bytes.extend([9; 310]);
    bytes.extend(&sent[1]);
    let mut bench = Bench::new(5);
    bench.syn();
    for (index, part) in bytes.chunks(31).enumerate() {
        bench.data(index * 31, part);
    }
    bench.finish();
    assert_eq!(bench.seen.malformed, [(310, MalformedReason::BadMarker)]);
    assert_eq!(bench.seen.messages, sent);
}

#[test]
fn every_cut_frame_is_named() {
    let sent: Vec<_> = (0..4).map(|i| update(&[i; 200])).collect();
    let bytes = sent.concat();
    let mut bench = Bench::new(5);
    bench.syn();
    // Frames of 100 bytes of which the capture kept 80.
    for at in (0..bytes.len() - 100).step_by(100) {
        bench.cut_data(at, &bytes[at..at + 80], 20);
    }
    bench.ack(bytes.len() - bytes.len() % 100);
    bench.wait_ms(1000);
    bench.finish();
    assert!(bench.seen.gaps.len() >= 8);
    assert!(
        bench
            .seen
            .gaps
            .iter()
            .all(|gap| gap.bytes == 20 && gap.reason == GapReason::CutFrame),
        "{:?}",
        bench.seen.gaps
    );
}

#[test]
fn each_message_has_the_time_of_the_frame_that_completed_it() {
    let sent = updates(4);
    let mut bench = Bench::new(5);
    bench.syn();
    bench.seen.wait = true;
    let mut at = 0;
    for message in &sent {
        bench.now_ns += 1_000_000_000;
        bench.data(at, message);
        at += message.len();
    }
    bench.seen.wait = false;
    bench.now_ns += 1_000_000_000;
    let stamp = bench.stamp();
    bench
        .stream
        .resume(stamp, &mut bench.budget, &mut bench.seen);
    let seconds: Vec<_> = bench
        .seen
        .times
        .iter()
        .map(|ns| ns / 1_000_000_000)
        .collect();
    assert_eq!(
        seconds,
        [1, 2, 3, 4],
        "not the time at which they were let go"
    );
}

#[test]
fn what_a_late_frame_completes_has_its_time_and_times_never_go_back() {
    let sent = updates(3);
    let (first, second) = (sent[0].len(), sent[0].len() + sent[1].len());
    let bytes = sent.concat();
    let mut bench = Bench::new(5);
    bench.syn();
    for (seconds, part) in [(1, 0..first), (2, second..bytes.len()), (3, first..second)] {
        bench.now_ns = seconds;
        bench.data(part.start, &bytes[part]);
    }
    // No receiver had the third message before the second.
    assert_eq!(bench.seen.times, [1, 3, 3]);
    assert_eq!(bench.seen.messages, sent);
}

#[test]
fn a_stream_whose_syn_was_overtaken_is_whole() {
    let sent = updates(4);
    let bytes = sent.concat();
    let mut bench = Bench::new(u32::MAX - 20);
    bench.data(40, &bytes[40..]);
    bench.syn();
    bench.data(0, &bytes[..40]);
    bench.finish();
    assert_eq!(bench.seen.messages, sent);
    assert!(bench.seen.malformed.is_empty());
    assert_eq!(bench.seen.searched, 0);
}

#[test]
fn a_stream_that_was_joined_in_disorder_is_put_right() {
    let sent = updates(4);
    let bytes = sent.concat();
    let mut bench = Bench::new(5);
    bench.data(60, &bytes[60..]);
    bench.data(0, &bytes[..60]);
    bench.finish();
    assert_eq!(bench.seen.messages, sent);
}

#[test]
fn a_stream_goes_on_behind_an_outage_of_more_than_a_window() {
    let sent = updates(8);
    let far = 3usize << 29;
    let mut bench = Bench::new(5);
    bench.syn();
    bench.data(0, &sent[0]);
    bench.now_ns += 2_000_000_000;
    let mut at = far;
    for message in &sent[1..] {
        bench.data(at, message);
        at += message.len();
    }
    bench.finish();
    let gap = bench.seen.gaps[0];
    assert_eq!(gap.reason, GapReason::Outage);
    // Two segments went by before it was sure.
    let before = sent[0].len();
    let missed = sent[1].len() + sent[2].len();
    assert_eq!(gap.bytes, (far - before + missed) as u64);
    assert_eq!(bench.seen.messages[1..], sent[3..]);
    assert_eq!(bench.stream.counters().out_of_window, 2);
}
