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
pub(crate) struct Labeled;

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
pub(super) fn take_bits<'a>(input: &mut Reader<'a>) -> Result<(u8, Reader<'a>), Fault> {
    let text = "NLRI does not fit the field";
    let bits = input.u8().ok_or(fault(text))?;
    let octets = input.take(usize::from(bits).div_ceil(8));
    Ok((bits, Reader::new(octets.ok_or(fault(text))?)))
}

/// What is left of an NLRI of `bits` bits whose first `head` octets were no prefix.
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
