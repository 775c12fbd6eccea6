//! What a receiver would not take does not move a stream; what it would is not lost.
//!
//! RFC 9293 §3.10.7.4 (acceptable segments) and RFC 5961 decide; a bystander differs only where it
//! may have missed what the receiver has said.

use super::*;
use crate::stream::position::UNHEARD_NS;

/// A stream whose receiver has acknowledged the first message and offers `window` bytes.
fn heard(sent: &[Vec<u8>], window: u64) -> Bench {
    let mut bench = Bench::new(u32::MAX - 100);
    bench.now_ns = 1_000_000_000;
    bench.syn();
    bench.data(0, &sent[0]);
    bench.offered(window);
    bench.ack(sent[0].len());
    bench
}

#[test]
fn forged_data_or_fin_beyond_the_window_moves_nothing() {
    for flags in [0x10, 0x11] {
        for far in [1 << 17, 1 << 20, 1 << 29] {
            let sent = updates(3);
            let mut bench = heard(&sent, 1 << 16);
            let length = sent[0].len();
            for again in 0..100 {
                bench.flags(flags, i64::from(far) + again * 9000, &[7; 100]);
                bench.wait_ms(1);
            }
            // The receiver goes on where it was: it has seen none of these, or refused them.
            bench.wait_ms(300);
            bench.ack(length);
            bench.wait_ms(700_000);
            bench.data(length, &sent[1]);
            bench.data(length + sent[1].len(), &sent[2]);
            bench.finish();
            assert_eq!(bench.seen.messages, sent, "{flags} {far}");
            assert!(bench.seen.gaps.is_empty());
            assert_eq!(bench.stream.counters().out_of_window, 100);
            assert_eq!(bench.stream.ledger().discarded_window, 10_000);
        }
    }
}

#[test]
fn a_segment_beyond_the_window_counts_once_an_acknowledgement_reaches_it() {
    // The mirror lost more than a window of both directions.
    let sent = updates(4);
    let mut bench = heard(&sent, 1 << 16);
    let far = sent[0].len() + (1 << 20);
    bench.data(far, &sent[1]);
    assert_eq!(bench.stream.ledger().unproven, sent[1].len() as u64);
    assert_eq!(bench.budget.frames, 1);
    bench.wait_ms(5);
    bench.ack(far + sent[1].len());
    assert_eq!(bench.stream.ledger().unproven, 0);
    bench.data(far + sent[1].len(), &sent[2]);
    bench.wait_ms(300);
    bench.data(far + sent[1].len() + sent[2].len(), &sent[3]);
    bench.finish();
    assert_eq!(bench.seen.messages, sent);
    assert_eq!(bench.seen.gaps.len(), 1);
    assert_eq!(bench.seen.gaps[0].bytes, 1 << 20);
    assert_eq!(bench.seen.gaps[0].reason, GapReason::MirrorLoss);
    assert_eq!(bench.stream.counters().out_of_window, 0);
}

#[test]
fn a_segment_beyond_the_window_of_a_receiver_that_fell_silent_counts_in_the_end() {
    let sent = updates(2);
    let mut bench = heard(&sent, 1 << 16);
    let far = sent[0].len() + (1 << 20);
    bench.data(far, &sent[1]);
    bench.wait_ms(UNHEARD_NS / 1_000_000 - 1000);
    assert_eq!(bench.seen.messages.len(), 1);
    // Now it counts as shown, and the hole before it has its own time to wait.
    bench.wait_ms(2000);
    bench.wait_ms(2 * UNHEARD_NS / 1_000_000);
    bench.wait_ms(1000);
    assert_eq!(bench.seen.gaps[0].reason, GapReason::OneSided);
    bench.finish();
    assert_eq!(bench.seen.messages, sent);
}

#[test]
fn a_hole_that_the_receiver_waits_for_is_waited_for() {
    // A sender that backs off sends again after 15 seconds; others sent on meanwhile.
    let bytes = updates(6).concat();
    let mut bench = Bench::new(1000);
    bench.now_ns = 1_000_000_000;
    bench.syn();
    bench.data(0, &bytes[..40]);
    bench.data(90, &bytes[90..]);
    bench.wait_ms(1);
    bench.ack(40);
    bench.wait_ms(15_000);
    assert!(bench.seen.gaps.is_empty());
    bench.data(40, &bytes[40..90]);
    bench.finish();
    assert_eq!(bench.seen.messages, updates(6));
    assert!(bench.seen.gaps.is_empty());
}

#[test]
fn a_hole_that_the_receiver_never_passed_is_the_loss_of_the_network() {
    let bytes = updates(6).concat();
    let mut bench = Bench::new(1000);
    bench.now_ns = 1_000_000_000;
    bench.syn();
    bench.data(0, &bytes[..40]);
    bench.data(90, &bytes[90..]);
    bench.wait_ms(1);
    bench.ack(40);
    bench.wait_ms(5_000);
    bench.finish();
    assert_eq!(bench.seen.gaps[0].reason, GapReason::NetworkLoss);
    assert_eq!(bench.seen.gaps[0].bytes, 50);
}

#[test]
fn pure_acknowledgements_do_not_postpone_a_hole_at_the_end() {
    // A cut frame is the last one; the other direction is not seen.
    let sent = updates(2);
    let mut bench = Bench::new(1000);
    bench.now_ns = 1_000_000_000;
    bench.syn();
    let length = sent[0].len();
    bench.cut_data(0, &sent[0][..length - 5], 5);
    for _ in 0..6 {
        bench.wait_ms(2_000);
        bench.data(length, &[]);
    }
    assert_eq!(bench.seen.gaps.len(), 1);
    assert_eq!(bench.seen.gaps[0].reason, GapReason::CutFrame);
}

#[test]
fn a_stream_that_moved_is_found_by_what_the_receiver_acknowledges() {
    // Nobody saw the old connection end and the new one begin; it lies behind the old one.
    let sent = updates(5);
    for (heard_there, messages) in [(true, 3), (false, 0)] {
        let mut bench = heard(&sent, 1 << 16);
        bench.wait_ms(2_000);
        let mut at = -(1 << 29);
        for message in &sent[1..] {
            bench.flags(0x10, at, message);
            at += message.len() as i64;
            let behind = bench.isn.wrapping_add(1).wrapping_add_signed(at as i32);
            bench
                .stream
                .note_ack(if heard_there { behind } else { 0x7777_7777 });
            bench.wait_ms(1);
        }
        bench.finish();
        assert_eq!(bench.seen.messages.len(), 1 + messages, "{heard_there}");
        let moved = bench
            .seen
            .gaps
            .iter()
            .filter(|gap| gap.reason == GapReason::Outage);
        assert_eq!(moved.count(), usize::from(heard_there));
    }
}

#[test]
fn memory_that_garbage_took_is_given_back() {
    // A stream without a header among 9,000 bytes keeps none of them.
    let mut bench = Bench::new(1000);
    bench.data(0, &[0x55; 9000]);
    let kept = bench.budget.bytes;
    assert!(
        kept < 1000,
        "{kept} bytes of capacity for what was passed over"
    );
    bench.data(9000, &[0xff; 100]);
    assert!(bench.budget.bytes >= 100, "what is kept is charged");
    bench.finish();
}

#[test]
fn an_acknowledgement_of_bytes_that_were_never_sent_is_refuted_by_the_next_one() {
    let sent = updates(3);
    let mut bench = heard(&sent, 1 << 16);
    let length = sent[0].len();
    bench.ack(length + 60_000);
    bench.wait_ms(300);
    bench.ack(length);
    bench.data(length, &sent[1]);
    bench.data(length + sent[1].len(), &sent[2]);
    bench.ack(length + sent[1].len() + sent[2].len());
    bench.wait_ms(1000);
    bench.finish();
    assert_eq!(bench.seen.messages, sent);
    assert!(bench.seen.gaps.is_empty());
}

#[test]
fn a_reset_at_what_the_receiver_expects_counts() {
    let sent = updates(3);
    let mut bench = heard(&sent, 1 << 16);
    let length = sent[0].len();
    bench.data(length, &sent[1]);
    // The receiver has not got the second message.
    bench.flags(0x04, length as i64, &[]);
    assert_eq!(bench.stream.counters().rst_ignored, 0);
    bench.flags(0x04, length as i64 - 1, &[]);
    assert_eq!(bench.stream.counters().rst_ignored, 1);
}

#[test]
fn many_segments_may_wait_behind_one_that_is_lost() {
    let sent = updates(600);
    let mut bench = heard(&sent, 1 << 20);
    let mut at = sent[0].len() + sent[1].len();
    for message in &sent[2..] {
        bench.data(at, message);
        at += message.len();
    }
    bench.data(sent[0].len(), &sent[1]);
    bench.finish();
    assert_eq!(bench.seen.messages, sent);
    assert!(bench.seen.gaps.is_empty());
}

#[test]
fn a_search_that_gave_up_bytes_for_want_of_memory_doubts_what_follows() {
    // A message begins in what is given up, and holds rows of messages up to its end, which lies further from
    // the start of the search than a message is long.
    let inner = message(4, &[]).repeat(210);
    let bytes = [update(&[7; 100]), update(&inner), update(&[8; 10])].concat();
    let mut bench = Bench::new(1000);
    bench.data(0, &bytes[5..3000]);
    let stamp = bench.stamp();
    bench.stream.shed(stamp, &mut bench.budget, &mut bench.seen);
    bench.check();
    bench.data(2995, &bytes[3000..]);
    bench.wait_ms(1000);
    bench.finish();
    let doubted = |told: &Vec<u8>| *told != message(4, &[]);
    assert!(
        bench.seen.exact.iter().all(doubted),
        "what was in an attribute is beyond doubt"
    );
}
