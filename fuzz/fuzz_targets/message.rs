//! A whole message of any type, header included. First octets: the context.
#![no_main]

use bgptap::bgp::Message;
use bgptap_fuzz::{context, selector, visit};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some((octets, bytes)) = input.split_first_chunk::<{ selector::LEN }>() else {
        return;
    };
    let context = context(*octets);
    if let Ok(message) = Message::parse(bytes, &context) {
        assert_eq!(message.length(), bytes.len());
        visit(&message, &context);
    }
});
