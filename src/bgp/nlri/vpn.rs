//! Prefixes of VPNs (RFC 4364 §4.3.4, RFC 4659 §3.2), with ADD-PATH.

use super::labeled::{rest_as_prefix, serialize_labels, serialize_prefix, take_bits};
use super::part::{HOST_BITS, Labels, RouteDistinguisher, fault, take_path_id};
use super::{Codec, Form, Prefix, check_each};
use crate::bgp::error::Fault;
use crate::bgp::family::Safi;
use crate::bgp::reader::Reader;
use serde::ser::{Serialize, SerializeMap, Serializer};

/// A prefix of a VPN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VpnPrefix<'a> {
    /// The prefix, with its path identifier.
    pub prefix: Prefix,
    /// What makes the prefix unique.
    pub rd: RouteDistinguisher,
    /// The labels (SAFI 128); routes for the upstream multicast hop (SAFI 129) have none,
    /// RFC 6514 §10.
    pub labels: Option<Labels<'a>>,
}

/// Decoder of VPN prefixes.
pub(crate) struct Vpn;

impl Codec for Vpn {
    type Item<'a> = VpnPrefix<'a>;

    fn take<'a>(input: &mut Reader<'a>, form: Form) -> Result<VpnPrefix<'a>, Fault> {
        read(input, form).map(|(item, _)| item)
    }

    fn check(field: &[u8], form: Form, report: &mut dyn FnMut(Fault)) {
        check_each(field, report, |input| {
            read(input, form).map(|(_, host_bits)| host_bits.then_some(HOST_BITS))
        });
    }
}

/// One NLRI, and whether bits behind the prefix are set.
fn read<'a>(input: &mut Reader<'a>, form: Form) -> Result<(VpnPrefix<'a>, bool), Fault> {
    let path_id = take_path_id(input, form)?;
    let (bits, mut octets) = take_bits(input)?;
    let whole = octets.len();
    let labels = match form.family.safi {
        Safi::VPN_MULTICAST => None,
        _ => Some(Labels::take(&mut octets, form)?),
    };
    let text = "route distinguisher does not fit the NLRI";
    let rd = RouteDistinguisher(octets.array().ok_or(fault(text))?);
    let (prefix, host_bits) = rest_as_prefix(form, bits, whole - octets.len(), octets)?;
    let prefix = Prefix { path_id, ..prefix };
    Ok((VpnPrefix { prefix, rd, labels }, host_bits))
}

/// `{"prefix", "path_id", "rd", "labels"}`, path identifier and labels if there are any.
impl Serialize for VpnPrefix<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        serialize_prefix(&mut map, &self.prefix)?;
        map.serialize_entry("rd", &self.rd)?;
        if let Some(labels) = &self.labels {
            serialize_labels(&mut map, labels)?;
        }
        map.end()
    }
}
