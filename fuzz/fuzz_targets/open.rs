//! The body of an OPEN, or its parameters alone, in either encoding (RFC 9072). First octet: which.
#![no_main]

use bgptap::bgp::{Context, MessageType};
use bgptap_fuzz::visit_body;
use libfuzzer_sys::fuzz_target;

const FIXED: [u8; 9] = [4, 0xfb, 0xf0, 0, 180, 192, 0, 2, 1];

fuzz_target!(|input: &[u8]| {
    let Some((selector, bytes)) = input.split_first() else {
        return;
    };
    let long = u16::try_from(bytes.len()).unwrap_or(u16::MAX).to_be_bytes();
    let body = match selector % 3 {
        0 => bytes.to_vec(),
        1 => [&FIXED, &[long[1]][..], bytes].concat(),
        _ => [&FIXED, &[255, 255, long[0], long[1]][..], bytes].concat(),
    };
    visit_body(MessageType::Open, &body, &Context::assumed());
});
