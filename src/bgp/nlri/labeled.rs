//! Prefixes with MPLS labels (RFC 8277), IPv4 and IPv6, with ADD-PATH.

use super::part::{HOST_BITS, Labels, fault, prefix, take_path_id};
use super::{Codec, Form, Prefix, check_each};
use crate::bgp::error::Fault;
use crate::bgp::reader::Reader;
use crate::bgp::text::Show;
use serde::ser::{Serialize, SerializeMap, Serializer};

/// A prefix and the labels bound to it (RFC 8277 §2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LabeledPrefix<'a> {
    /// The prefix, with its path identifier.
    pub prefix: Prefix,
    /// The labels.
    pub labels: Labels<'a>,
}

/// Decoder of labeled prefixes.
#[derive(Clone, Copy, Debug)]
pub struct Labeled;

impl Codec for Labeled {
    type Item<'a> = LabeledPrefix<'a>;

    fn take<'a>(input: &mut Reader<'a>, form: Form) -> Result<LabeledPrefix<'a>, Fault> {
        read(input, form).map(|(item, _)| item)
    }

    fn check(field: &[u8], form: Form, report: &mut dyn FnMut(Fault)) {
        check_each(field, report, |input| {
            read(input, form).map(|(_, host_bits)| host_bits.then_some(HOST_BITS))
        });
    }
}

/// One NLRI, and whether bits behind the prefix are set.
fn read<'a>(input: &mut Reader<'a>, form: Form) -> Result<(LabeledPrefix<'a>, bool), Fault> {
    let path_id = take_path_id(input, form)?;
    let (bits, mut octets) = take_bits(input)?;
    let labels = Labels::take(&mut octets, form)?;
    let (prefix, host_bits) = rest_as_prefix(form, bits, labels.as_bytes().len(), octets)?;
    let prefix = Prefix { path_id, ..prefix };
    Ok((LabeledPrefix { prefix, labels }, host_bits))
}

/// The length in bits that an NLRI begins with, and the octets that it covers.
#[inline]
pub(super) fn take_bits<'a>(input: &mut Reader<'a>) -> Result<(u8, Reader<'a>), Fault> {
    let text = "NLRI does not fit the field";
    let bits = input.u8().ok_or(fault(text))?;
    let octets = input.take(usize::from(bits).div_ceil(8));
    Ok((bits, Reader::new(octets.ok_or(fault(text))?)))
}

/// What is left of an NLRI of `bits` bits whose first `head` octets were no prefix.
#[inline]
pub(super) fn rest_as_prefix(
    form: Form,
    bits: u8,
    head: usize,
    octets: Reader<'_>,
) -> Result<(Prefix, bool), Fault> {
    let read = || {
        // A length that ends inside the head leaves less than no bit.
        let len = usize::from(bits).checked_sub(8 * head)?;
        prefix(form.family.afi, u8::try_from(len).ok()?, octets.rest())
    };
    read().ok_or(fault("prefix length beyond the address length"))
}

/// `{"prefix", "path_id", "labels"}`, the latter two if there are any.
impl Serialize for LabeledPrefix<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        serialize_prefix(&mut map, &self.prefix)?;
        serialize_labels(&mut map, &self.labels)?;
        map.end()
    }
}

pub(super) fn serialize_prefix<M: SerializeMap>(
    map: &mut M,
    prefix: &Prefix,
) -> Result<(), M::Error> {
    map.serialize_entry("prefix", &Show(prefix))?;
    if let Some(path_id) = prefix.path_id {
        map.serialize_entry("path_id", &path_id)?;
    }
    Ok(())
}

pub(super) fn serialize_labels<M: SerializeMap>(
    map: &mut M,
    labels: &Labels<'_>,
) -> Result<(), M::Error> {
    if labels.iter().len() > 0 {
        map.serialize_entry("labels", labels)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::vectors::{bytes, faults, json, one, with_path_id};
    use super::*;
    use crate::bgp::Family;
    use crate::bgp::error::Disposition;
    use serde_json::json;

    const V4: Family = Family::IPV4_LABELED;
    const V6: Family = Family::IPV6_LABELED;

    /// From bgp-aigp-2.pcap of tcpdump, which prints "123.1.1.0/24, label:20 (bottom)".
    const TCPDUMP: &str = "30 000141 7b0101";

    #[test]
    fn a_prefix_and_its_label() {
        let expected = json!({ "prefix": "123.1.1.0/24", "labels": [20] });
        assert_eq!(one(V4, TCPDUMP), expected);
        with_path_id(V4, TCPDUMP);
        let v6 = json!({ "prefix": "2001:db8::/32", "labels": [3] });
        assert_eq!(one(V6, "38 000031 20010db8"), v6);
    }

    /// RFC 8277 §2.2: where several labels were not negotiated there is one, and its S bit is
    /// ignored. FRR and BIRD look at it and take the prefix for labels.
    #[test]
    fn the_s_bit_is_ignored_unless_several_labels_were_negotiated() {
        let hex = "38 000030 20010db9";
        let expected = json!({ "prefix": "2001:db9::/32", "labels": [3] });
        assert_eq!(one(V6, hex), expected);
        let form = Form {
            multiple_labels: true,
            ..Form::new(V6)
        };
        // With several labels the next three octets, 20010d, end the stack: /8 is left.
        let stack = json!({ "prefix": "b900::/8", "labels": [3, 0x20010d >> 4] });
        assert_eq!(json(form, &bytes(hex)), [stack]);
    }

    #[test]
    fn a_withdrawal_has_no_stack() {
        let form = Form {
            withdrawn: true,
            multiple_labels: true,
            ..Form::new(V4)
        };
        let expected = json!({ "prefix": "10.1.1.0/24" });
        // RFC 8277 §2.4, and what FRR sent before 8.5.
        for hex in ["30 800000 0a0101", "30 000000 0a0101"] {
            assert_eq!(json(form, &bytes(hex)), std::slice::from_ref(&expected));
        }
    }

    #[test]
    fn host_bits_are_masked_and_reported_once() {
        let field = bytes("2c 000141 7bffff  2c 000141 7cffff");
        let form = Form::new(V4);
        assert_eq!(faults(form, &field), [(0, Some(Disposition::Ignore))]);
        let prefixes: Vec<_> = json(form, &field)
            .iter()
            .map(|item| item["prefix"].clone())
            .collect();
        assert_eq!(prefixes, ["123.255.240.0/20", "124.255.240.0/20"]);
    }

    #[test]
    fn lengths_that_cannot_be() {
        let form = Form::new(V4);
        // No room for the label; 33 bits of address; beyond the field.
        for hex in ["17 000141", "39 000141 0a00000001", "30 000141 0a00"] {
            assert_eq!(faults(form, &bytes(hex)), [(0, None)], "{hex}");
            assert_eq!(json(form, &bytes(hex)), [json!(null); 0]);
        }
        // 18 bits are three octets, but not the 24 bits that the label has.
        assert_eq!(faults(form, &bytes("12 000141")), [(0, None)]);
    }
}
