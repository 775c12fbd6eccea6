//! Finding messages again after lost bytes, and what must not be taken for one.

use super::*;

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
}

#[test]
fn a_lone_message_is_believed_when_nothing_follows_it_for_a_while() {
    let mut bench = Bench::new(5);
    bench.now_ns = 7_000_000_000;
    bench.data(0, &message(4, &[]));
    bench.wait_ms(100);
    assert!(bench.seen.messages.is_empty(), "its end may lie ahead");
    bench.wait_ms(150);
    assert_eq!(bench.seen.messages, [message(4, &[])]);
    assert_eq!(bench.seen.times, [7_000_000_000], "the time of its frame");
    assert_eq!(bench.seen.searched, 1);
}

#[test]
fn the_pause_of_a_sender_in_the_middle_of_a_message_confirms_nothing() {
    // The head of an UPDATE, up to behind a whole KEEPALIVE inside it; then a pause.
    let inner = [vec![1; 30], message(4, &[]), vec![1; 60]].concat();
    let whole = update(&inner);
    let pause = whole.len() - 60;
    let mut bench = Bench::new(5);
    bench.data(0, &whole[..pause]);
    bench.wait_ms(1000);
    assert!(bench.seen.messages.is_empty());
    bench.data(pause, &whole[pause..]);
    bench.wait_ms(1000);
    assert_eq!(bench.seen.messages, [whole]);
}

#[test]
fn whole_messages_between_two_holes_are_found() {
    // One alone in its segment, one behind the end of another, two in a row.
    let (a, b, c) = (update(&[1; 90]), update(&[2; 70]), message(4, &[]));
    let far = 5000;
    for (island, found) in [
        (a.clone(), vec![a.clone()]),
        ([&a[40..], &b].concat(), vec![b.clone()]),
        ([&a[40..], &b, &c].concat(), vec![b.clone(), c.clone()]),
        ([&a[40..], &b, &c[..5]].concat(), vec![b.clone()]),
        ([&a[40..], &c].concat(), vec![c.clone()]),
    ] {
        let mut bench = Bench::new(5);
        bench.syn();
        bench.data(far, &island);
        bench.data(2 * far, &message(4, &[]));
        bench.finish();
        let last = message(4, &[]);
        let expected: Vec<_> = found.iter().chain([&last]).cloned().collect();
        assert_eq!(bench.seen.messages, expected);
        assert_eq!(bench.seen.searched, expected.len());
    }
}

#[test]
fn messages_packed_into_an_attribute_are_not_emitted_however_many_they_are() {
    // Fifty KEEPALIVEs in a row, each confirming the one before it; then the attribute goes on.
    let keepalives = message(4, &[]).repeat(50);
    let inner = [keepalives, vec![3; 11]].concat();
    let sent = [update(&inner), update(&[9; 40]), message(3, &[6, 4])];
    let bytes = sent.concat();
    // The header is lost, and more or less of what follows; whatever the segments.
    for lost in 1..sent[0].len() {
        for size in [19, 100, 536] {
            let mut bench = Bench::new(5);
            bench.syn();
            for (index, part) in bytes[lost..].chunks(size).enumerate() {
                bench.data(lost + index * size, part);
                bench.wait_ms(1);
            }
            bench.ack(bytes.len());
            bench.finish();
            assert_eq!(
                bench.seen.messages,
                sent[1..],
                "{lost} lost, segments of {size}"
            );
        }
    }
}

#[test]
fn framing_is_exact_again_beyond_the_longest_message() {
    let sent: Vec<_> = (0..60).map(|i| update(&[i; 180])).collect();
    let bytes = sent.concat();
    let mut bench = Bench::new(5);
    bench.syn();
    bench.data(100, &bytes[100..]);
    bench.finish();
    assert_eq!(bench.seen.messages, sent[1..]);
    // The message in which the search began ends at most 4096 bytes behind its start.
    let length = sent[0].len();
    let first = length - 100;
    let expected = (0..59).filter(|i| first + i * length < 4096).count();
    assert_eq!(bench.seen.searched, expected);
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
fn a_message_found_at_a_hole_does_not_wait_across_it() {
    let (first, second) = (update(&[1; 90]), update(&[2; 200]));
    let mut bench = Bench::new(5);
    bench.syn();
    bench.seen.wait = true;
    // Behind a hole a whole message and the head of another; behind the next hole what
    // would complete it, if the hole were not there.
    bench.data(500, &[&first[..], &second[..100]].concat());
    bench.data(2000, &second[100..]);
    bench.ack(2000 + second.len() - 100);
    bench.wait_ms(300);
    bench.finish();
    assert_eq!(bench.seen.messages, [first]);
    assert_eq!(bench.seen.gaps.len(), 2);
}
