use super::*;
use crate::bgp::Message;
use crate::bgp::OpenFacts;

const NONE_SEEN: Possible = Possible {
    as4: true,
    add_path: None,
    multiple_labels: None,
};
const V4: Family = Family::IPV4_UNICAST;

/// An UPDATE of ORIGIN, an AS_PATH, NEXT_HOP and IPv4 NLRI.
fn update(path: &[u8], nlri: &[u8]) -> Vec<u8> {
    let length = u8::try_from(path.len()).expect("short");
    let head = [0x40, 1, 1, 0, 0x40, 3, 4, 192, 0, 2, 1, 0x40, 2, length];
    let attributes = [&head, path].concat();
    let length = u16::try_from(attributes.len()).expect("short");
    [&[0, 0], &length.to_be_bytes(), &attributes[..], nlri].concat()
}

const FOUR: &[u8] = &[2, 2, 0, 0, 0xfb, 0xf0, 0, 3, 0, 1];
const TWO: &[u8] = &[2, 2, 0xfb, 0xf0, 0x5b, 0xa0];
/// 10.0.0.0/8 and 192.0.2.0/24, plain and as path 1.
const PLAIN: &[u8] = &[8, 10, 24, 192, 0, 2];
const MARKED: &[u8] = &[0, 0, 0, 1, 8, 10, 0, 0, 0, 1, 24, 192, 0, 2];
/// 8.0.0.0/5 and six more; or 198.51.100.0/24 of path 0x05080600.
const EITHER: &[u8] = &[5, 8, 6, 0x0c, 24, 198, 51, 100];

/// Weighs UPDATEs one after the other, each read as the ones before it say.
fn weigh(inference: &mut Inference, direction: Direction, bodies: &[Vec<u8>]) -> Context {
    let mut context = Context::assumed();
    for body in bodies {
        inference.apply(direction, &mut context);
        let update = Update::parse(body, &context);
        inference.weigh(direction, &update, NONE_SEEN);
    }
    inference.apply(direction, &mut context);
    context
}

#[test]
fn two_messages_that_agree_are_enough() {
    let mut inference = Inference::default();
    let body = update(FOUR, PLAIN);
    weigh(&mut inference, 0, std::slice::from_ref(&body));
    assert!(inference.is_open(0));
    let context = weigh(&mut inference, 0, &[body]);
    assert!(!inference.is_open(0));
    assert_eq!(context, Context::assumed());
}

#[test]
fn the_width_of_as_numbers_is_one_for_both_directions() {
    let mut inference = Inference::default();
    let body = update(TWO, PLAIN);
    assert!(!weigh(&mut inference, 0, &[body.clone(), body]).as4);
    let mut other = Context::assumed();
    inference.apply(1, &mut other);
    assert!(!other.as4);
    assert!(other.add_path.is_empty());
}

#[test]
fn path_identifiers_are_asked_for_in_each_direction() {
    let mut inference = Inference::default();
    let marked = update(FOUR, MARKED);
    let context = weigh(&mut inference, 0, &[marked.clone(), marked]);
    assert!(context.add_path.contains(V4));
    let plain = update(FOUR, PLAIN);
    let context = weigh(&mut inference, 1, &[plain.clone(), plain]);
    assert!(context.add_path.is_empty());
}

/// What can be read either way is read plainly, until something can only be read with identifiers.
#[test]
fn the_verdict_turns_with_the_first_message_that_tells() {
    let mut inference = Inference::default();
    let either = vec![update(FOUR, EITHER); 5];
    assert!(weigh(&mut inference, 0, &either).add_path.is_empty());
    assert!(inference.is_open(0));
    let body = update(FOUR, EITHER);
    let context = Context::assumed();
    let read = Update::parse(&body, &context);
    assert!(
        !inference.supports(0, &read),
        "nothing speaks against identifiers: {:?} {:?}",
        inference.widths,
        inference.directions[0].families[0]
    );
    let context = weigh(&mut inference, 0, &[update(FOUR, MARKED)]);
    assert!(context.add_path.contains(V4));
    assert!(inference.supports(0, &read));
}

/// An answer that was believed is doubted again, but one damaged message does not turn it.
#[test]
fn one_message_does_not_turn_what_many_say() {
    let mut inference = Inference::default();
    weigh(&mut inference, 0, &vec![update(FOUR, PLAIN); 10]);
    assert!(!inference.is_open(0));
    let context = weigh(&mut inference, 0, &[update(FOUR, MARKED)]);
    assert!(inference.is_open(0), "asked anew");
    assert!(context.add_path.is_empty());
    weigh(&mut inference, 0, &[update(FOUR, PLAIN)]);
    // A settled question is not asked while all reads well.
    inference.settle(0);
    assert!(!inference.is_open(0));
}

#[test]
fn counting_on_does_not_lose_the_lead() {
    let mut votes = Votes::default();
    votes.count(|answer| answer == 1);
    for _ in 0..10_000 {
        votes.count(|answer| answer <= 1);
    }
    assert_eq!((votes.winner(), votes.lead()), (Some(1), 1));
}

/// RFC 8277 §2.3: many routes with one label say nothing about stacks; the first stack does.
#[test]
fn the_first_stack_of_labels_decides() {
    let mut votes = Votes::default();
    let (one, stack) = (Reading::Plain as usize, Reading::Labels as usize);
    for _ in 0..20 {
        votes.count(|answer| answer == one || answer == stack);
    }
    assert_eq!((votes.winner(), votes.settled), (Some(one), true));
    votes.count(|answer| answer == stack);
    assert_eq!(votes.winner(), Some(stack));
    votes.count(|answer| answer == one || answer == stack);
    assert_eq!((votes.winner(), votes.settled), (Some(stack), true));
}

#[test]
fn a_message_that_no_answer_fits_says_nothing() {
    let mut votes = Votes::default();
    votes.count(|_| false);
    assert_eq!(votes.winner(), None);
    assert!(!votes.settled);
}

/// RFC 7911 §4: whoever does not offer to send identifiers sends none, whatever its bytes look like.
#[test]
fn what_an_open_rules_out_is_not_asked() {
    let body = [4, 0xfb, 0xf4, 0, 180, 192, 0, 2, 1, 0];
    let Message::Open(open) =
        Message::parse_body(crate::bgp::MessageType::Open, &body, &Context::assumed())
    else {
        panic!("not an OPEN");
    };
    let facts = OpenFacts::new(&open);
    let possible = Possible::new(Some(&facts), None);
    assert!(!possible.as4);
    let mut inference = Inference::default();
    let context = Context::expected(Some(&facts), None);
    let body = update(FOUR, MARKED);
    let weighed = inference.weigh(0, &Update::parse(&body, &context), possible);
    assert!(!weighed && !inference.is_open(0));
}
