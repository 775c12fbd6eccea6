//! Bytes of a BMP stream: framed from where a message may begin, and each message read to its end.
#![no_main]

use bgptap::bgp::{Context, MessageType};
use bgptap::capture::bmp::framing::{Framed, find_start};
use bgptap::capture::bmp::message::{Message, Reason};
use bgptap_fuzz::visit_body;
use libfuzzer_sys::fuzz_target;

/// A BGP message within a BMP message.
fn visit(whole: &[u8], message: &[u8], kind: MessageType) {
    let (from, to) = (whole.as_ptr_range(), message.as_ptr_range());
    assert!(from.start <= to.start && to.end <= from.end);
    let body = message.get(19..).expect("it has a header");
    visit_body(kind, body, &Context::assumed());
}

fuzz_target!(|input: &[u8]| {
    let mut rest = input;
    while let Some(at) = find_start(rest) {
        rest = rest.get(at..).expect("within");
        let length = match Framed::of(rest) {
            Framed::Whole(length) => length,
            Framed::Partial => return,
            Framed::Not => panic!("a start that is none"),
        };
        let (whole, behind) = rest.split_at(length);
        rest = behind;
        match Message::parse(whole) {
            Ok(Message::Monitoring { update, .. }) => visit(whole, update, MessageType::Update),
            Ok(Message::Up(up)) => {
                visit(whole, up.sent, MessageType::Open);
                visit(whole, up.received, MessageType::Open);
            }
            Ok(Message::Down {
                reason: Reason::Sent(message) | Reason::Received(message),
                ..
            }) => visit(whole, message, MessageType::Notification),
            _ => (),
        }
    }
});
