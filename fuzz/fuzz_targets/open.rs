//! The body of an OPEN, or its parameters alone, in either encoding (RFC 9072), or two OPENs of one
//! session. First octet: which, and where the second one begins.
#![no_main]

use bgptap::bgp::{Context, MessageType};
use bgptap_fuzz::{visit_body, visit_opens};
use libfuzzer_sys::fuzz_target;

const FIXED: [u8; 9] = [4, 0xfb, 0xf0, 0, 180, 192, 0, 2, 1];

/// A body with these parameters, with lengths of one octet or of two.
fn with_parameters(parameters: &[u8], long: bool) -> Vec<u8> {
    let length = u16::try_from(parameters.len())
        .unwrap_or(u16::MAX)
        .to_be_bytes();
    let head = [255, 255, length[0], length[1]];
    let head = if long { &head[..] } else { &length[1..] };
    [&FIXED, head, parameters].concat()
}

fuzz_target!(|input: &[u8]| {
    let Some((selector, bytes)) = input.split_first() else {
        return;
    };
    let visit = |body: &[u8]| visit_body(MessageType::Open, body, &Context::assumed());
    match selector % 4 {
        0 => visit(bytes),
        1 => visit(&with_parameters(bytes, false)),
        2 => visit(&with_parameters(bytes, true)),
        _ => {
            let (one, other) = bytes.split_at(usize::from(selector >> 2).min(bytes.len()));
            visit_opens(&with_parameters(one, false), &with_parameters(other, false));
        }
    }
});
