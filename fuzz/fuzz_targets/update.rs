//! The body of an UPDATE. First octets: the context.
#![no_main]

use bgptap::bgp::MessageType;
use bgptap_fuzz::{context, selector, visit_body};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    if let Some((octets, body)) = input.split_first_chunk::<{ selector::LEN }>() {
        visit_body(MessageType::Update, body, &context(*octets));
    }
});
