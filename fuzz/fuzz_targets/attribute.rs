//! The value of an attribute. First octets: the context, then its code and flags.
#![no_main]

use bgptap_fuzz::{context, selector, visit_attribute};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some((octets, [code, flags, value @ ..])) = input.split_first_chunk::<{ selector::LEN }>()
    else {
        return;
    };
    visit_attribute(*flags, *code, value, &context(*octets));
});
