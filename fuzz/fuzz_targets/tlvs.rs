//! TLVs in TLVs, with lengths that are right, or falsified, in the attributes and NLRI that are
//! made of such. First octets: the context, then what holds the TLVs; the rest is a program
//! (`tlv`).
#![no_main]

use bgptap_fuzz::{context, holder, selector, tlv};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some((octets, [kind, which, program @ ..])) =
        input.split_first_chunk::<{ selector::LEN }>()
    else {
        return;
    };
    holder(*kind, *which, &tlv::compose(program), &context(*octets));
});
