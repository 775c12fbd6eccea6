//! A field of NLRI. First octets: the context of its session, the family, and how it is read.
#![no_main]

use bgptap_fuzz::{context, form, selector, visit_nlri};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some((octets, [which, bits, bytes @ ..])) = input.split_first_chunk::<{ selector::LEN }>()
    else {
        return;
    };
    visit_nlri(form(*which, *bits), bits >> 3, bytes, &context(*octets));
});
