//! TLVs in TLVs, with lengths that are right, or a little wrong, in the attributes and NLRI that
//! are made of such. The first octet says which, and how wide types and lengths are.
#![no_main]

use bgptap::bgp::nlri::Form;
use bgptap_fuzz::{context, family, visit_attribute, visit_nlri};
use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;

const DEPTH_MAX: usize = 5;
const BYTES_MAX: usize = 4000;

#[derive(Arbitrary, Debug)]
struct Input {
    selector: u8,
    /// Attribute code or family.
    holder: u8,
    /// What stands before the first one.
    head: Vec<u8>,
    list: Vec<Tlv>,
}

#[derive(Arbitrary, Debug)]
struct Tlv {
    kind: u16,
    /// Added to the length.
    lie: i8,
    before: Vec<u8>,
    inner: Vec<Tlv>,
}

/// Octets of types and of lengths.
#[derive(Clone, Copy)]
struct Widths(usize, usize);

impl Tlv {
    fn write(&self, out: &mut Vec<u8>, widths: Widths, depth: usize) {
        let mut value = self.before.clone();
        for inner in self.inner.iter().filter(|_| depth < DEPTH_MAX) {
            // A level below may be of the other width, as in a tunnel encapsulation.
            let below = if self.kind & 0x100 == 0 {
                widths
            } else {
                Widths(1, 1)
            };
            inner.write(&mut value, below, depth + 1);
        }
        value.truncate(BYTES_MAX);
        // Few lies: most TLVs are to be as they should.
        let lie = if self.lie % 8 == 0 {
            isize::from(self.lie)
        } else {
            0
        };
        let length = value.len().saturating_add_signed(lie);
        out.extend(&self.kind.to_be_bytes()[2 - widths.0..]);
        out.extend(&(length as u16).to_be_bytes()[2 - widths.1..]);
        out.extend(value);
    }
}

fuzz_target!(|input: Input| {
    let selector = input.selector;
    let widths = Widths(
        1 + usize::from(selector & 1),
        1 + usize::from(selector >> 1 & 1),
    );
    let mut bytes = input.head.clone();
    for tlv in &input.list {
        tlv.write(&mut bytes, widths, 0);
    }
    bytes.truncate(BYTES_MAX);
    if selector & 4 == 0 {
        visit_attribute(0xc0, input.holder, &bytes, &context(selector >> 3));
    } else {
        let form = Form {
            add_path: selector & 8 != 0,
            withdrawn: selector & 16 != 0,
            ..Form::new(family(input.holder))
        };
        visit_nlri(form, &bytes);
    }
});
