//! A field of NLRI. First octet: the family; second: how it is read.
#![no_main]

use bgptap::bgp::nlri::Form;
use bgptap_fuzz::{family, visit_nlri};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let &[selector, bits, ref bytes @ ..] = input else {
        return;
    };
    let form = Form {
        family: family(selector),
        add_path: bits & 1 != 0,
        multiple_labels: bits & 2 != 0,
        withdrawn: bits & 4 != 0,
    };
    visit_nlri(form, bytes);
});
