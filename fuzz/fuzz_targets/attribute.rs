//! The value of an attribute. First octet: its code; then its flags and the context.
#![no_main]

use bgptap_fuzz::{context, visit_attribute};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let &[code, flags, selector, ref value @ ..] = input else {
        return;
    };
    visit_attribute(flags, code, value, &context(selector));
});
