//! MPLS labels in NLRI (RFC 8277).

use core::slice;

use super::fault;
use crate::bgp::error::Fault;
use crate::bgp::nlri::Form;
use crate::bgp::reader::Reader;
use serde::{Serialize, Serializer};

/// The three octets of a label field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Label(pub [u8; 3]);

impl Label {
    /// The label, 20 bits (RFC 8277 §2.2).
    #[must_use]
    pub const fn value(self) -> u32 {
        self.bits() >> 4
    }

    /// The traffic class field, three bits; no meaning in NLRI (RFC 8277 §2.2).
    #[must_use]
    pub const fn traffic_class(self) -> u8 {
        self.0[2] >> 1 & 7
    }

    /// The S bit: bottom of the stack.
    #[must_use]
    pub const fn bottom(self) -> bool {
        self.0[2] & 1 == 1
    }

    /// All 24 bits: the VNI, where an EVPN route is about VXLAN or the like (RFC 8365 §5.1.3).
    #[must_use]
    pub const fn bits(self) -> u32 {
        let [a, b, c] = self.0;
        u32::from_be_bytes([0, a, b, c])
    }
}

/// The labels bound to one prefix, top of the stack first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Labels<'a> {
    bytes: &'a [[u8; 3]],
    withdrawn: bool,
}

/// What a withdrawal has for a label: as RFC 8277 §2.4 asks, and as some send it.
const COMPATIBILITY: [u32; 2] = [0x80_0000, 0];

impl<'a> Labels<'a> {
    /// Takes the labels off the front of `input`.
    ///
    /// * Announced, several labels not negotiated: one, whatever its S bit (RFC 8277 §2.2).
    /// * Announced, several labels negotiated: as many as the S bit says (§2.3).
    /// * Withdrawn: one field, whose value is to be ignored (§2.4). It is never taken for a
    ///   stack: 0x800000 has no S bit.
    ///
    /// # Errors
    /// `input` ends before the labels do.
    #[inline]
    pub(crate) fn take(input: &mut Reader<'a>, form: Form) -> Result<Self, Fault> {
        let text = "labels do not end within the NLRI";
        let bytes = if form.multiple_labels && !form.withdrawn {
            let (fields, _) = input.rest().as_chunks::<3>();
            let last = fields.iter().position(|field| Label(*field).bottom());
            let (stack, _) = fields.split_at(last.ok_or(fault(text))? + 1);
            input.take(stack.as_flattened().len());
            stack
        } else {
            let (only, rest) = input.rest().split_first_chunk().ok_or(fault(text))?;
            *input = Reader::new(rest);
            slice::from_ref(only)
        };
        Ok(Self {
            bytes,
            withdrawn: form.withdrawn,
        })
    }

    /// The labels; none in a withdrawal that names none (RFC 8277 §2.4: 0x800000; some send 0).
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Label> + Clone + use<'a> {
        let none = match self.bytes {
            [only] => self.withdrawn && COMPATIBILITY.contains(&Label(*only).bits()),
            _ => false,
        };
        let fields = if none { &[] } else { self.bytes };
        fields.iter().map(|field| Label(*field))
    }

    /// The label fields as sent, three octets each.
    #[must_use]
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.bytes.as_flattened()
    }
}

/// The 20-bit values.
impl Serialize for Labels<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter().map(Label::value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bgp::Family;

    fn take(bytes: &[u8], multiple: bool, withdrawn: bool) -> Option<(Vec<u32>, usize)> {
        let form = Form {
            multiple_labels: multiple,
            withdrawn,
            ..Form::new(Family::new(1, 4))
        };
        let mut input = Reader::new(bytes);
        let labels = Labels::take(&mut input, form).ok()?;
        Some((labels.iter().map(Label::value).collect(), input.len()))
    }

    #[test]
    fn one_label_unless_more_were_negotiated() {
        let stack = [0x00, 0x06, 0x40, 0x00, 0x0c, 0x81, 10];
        assert_eq!(take(&stack, false, false), Some((vec![100], 4)));
        assert_eq!(take(&stack, true, false), Some((vec![100, 200], 1)));
    }

    #[test]
    fn a_stack_without_bottom_cannot_be_delimited() {
        assert_eq!(take(&[0, 6, 0x40, 0, 0xc, 0x80, 10, 2], true, false), None);
        assert_eq!(take(&[0, 6], false, false), None);
        assert_eq!(take(&[], true, false), None);
    }

    #[test]
    fn a_withdrawal_has_one_field_whatever_is_in_it() {
        for multiple in [false, true] {
            let rest = |bytes: &[u8]| take(bytes, multiple, true);
            assert_eq!(rest(&[0x80, 0, 0, 10, 1, 1]), Some((vec![], 3)));
            assert_eq!(rest(&[0, 0, 0, 10, 1, 1]), Some((vec![], 3)));
            assert_eq!(rest(&[0, 6, 0x41, 10, 1, 1]), Some((vec![100], 3)));
        }
        // Announced, the same octets are a label each.
        assert_eq!(take(&[0x80, 0, 0], false, false), Some((vec![0x8_0000], 0)));
        assert_eq!(take(&[0, 0, 0], false, false), Some((vec![0], 0)));
    }

    #[test]
    fn fields_of_a_label() {
        let label = Label([0x12, 0x34, 0x5b]);
        assert_eq!((label.value(), label.bits()), (0x12345, 0x12_345b));
        assert_eq!((label.traffic_class(), label.bottom()), (5, true));
    }
}
