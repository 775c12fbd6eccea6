//! A whole message of any type, header included. First octet: the context.
#![no_main]

use bgptap::bgp::Message;
use bgptap_fuzz::{context, visit};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some((selector, bytes)) = input.split_first() else {
        return;
    };
    let context = context(*selector);
    if let Ok(message) = Message::parse(bytes, &context) {
        assert_eq!(message.length(), bytes.len());
        visit(&message, &context);
    }
});
