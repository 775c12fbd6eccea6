//! The body of an UPDATE. First octet: the context.
#![no_main]

use bgptap::bgp::MessageType;
use bgptap_fuzz::{context, visit_body};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    if let Some((selector, body)) = input.split_first() {
        visit_body(MessageType::Update, body, &context(*selector));
    }
});
