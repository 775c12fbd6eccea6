//! VPLS: label blocks (RFC 4761 §3.2.2) and auto-discovery (RFC 6074 §3.2.2), with ADD-PATH.

use core::net::Ipv4Addr;

use super::part::{Label, RouteDistinguisher, Routed, fault, raw, take_path_id};
use super::{Codec, Form};
use crate::bgp::error::Fault;
use crate::bgp::reader::Reader;
use serde::ser::{Serialize, Serializer};

/// An NLRI of the family as delimited; [`Vpls::route`] reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vpls<'a> {
    /// Path identifier, where ADD-PATH was negotiated.
    pub path_id: Option<u32>,
    /// What is behind the length, as sent.
    pub value: &'a [u8],
}

/// The two kinds of NLRI, which differ in length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(tag = "nlri_type", rename_all = "kebab-case")]
pub enum VplsRoute {
    /// A block of labels for the sites of a VPLS (RFC 4761 §3.2.2).
    Vpls {
        /// Route distinguisher.
        rd: RouteDistinguisher,
        /// The site.
        ve_id: u16,
        /// The first site that the block is for.
        block_offset: u16,
        /// How many labels it has.
        block_size: u16,
        /// Its first label.
        #[serde(serialize_with = "value")]
        label_base: Label,
    },
    /// A router that takes part (RFC 6074 §3.2.2.1).
    BgpAd {
        /// Route distinguisher.
        rd: RouteDistinguisher,
        /// The router, or any number that is unique among them.
        pe_addr: Ipv4Addr,
    },
}

impl Vpls<'_> {
    /// The route; `None` if it has another length. RFC 6624 has such NLRI in this family,
    /// so that is no fault.
    #[must_use]
    pub fn route(&self) -> Option<VplsRoute> {
        let mut input = Reader::new(self.value);
        let rd = input.array().map(RouteDistinguisher)?;
        match self.value.len() {
            12 => Some(VplsRoute::BgpAd {
                rd,
                pe_addr: Ipv4Addr::from(input.u32()?),
            }),
            17 => Some(VplsRoute::Vpls {
                rd,
                ve_id: input.u16()?,
                block_offset: input.u16()?,
                block_size: input.u16()?,
                label_base: input.array().map(Label)?,
            }),
            _ => None,
        }
    }
}

/// Decoder of VPLS.
#[derive(Clone, Copy, Debug)]
pub struct VplsRoutes;

impl Codec for VplsRoutes {
    type Item<'a> = Vpls<'a>;

    fn take<'a>(input: &mut Reader<'a>, form: Form) -> Result<Vpls<'a>, Fault> {
        let path_id = take_path_id(input, form)?;
        let text = "VPLS NLRI does not fit the field";
        let length = usize::from(input.u16().ok_or(fault(text))?);
        let value = input.take(length).ok_or(fault(text))?;
        Ok(Vpls { path_id, value })
    }
}

impl Serialize for Vpls<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let path_id = self.path_id;
        match self.route() {
            Some(route) => Routed { route, path_id }.serialize(serializer),
            None => raw(serializer, "unknown", path_id, None, self.value),
        }
    }
}

fn value<S: Serializer>(label: &Label, serializer: S) -> Result<S::Ok, S::Error> {
    label.value().serialize(serializer)
}

#[cfg(test)]
mod tests {
    use super::super::vectors::{bytes, faults, json, one, with_path_id};
    use super::*;
    use crate::bgp::Family;
    use serde_json::json;

    /// From ExaBGP's `qa/encoding/conf-l2vpn.ci`: endpoint 5, base 10702, offset 1, size 8.
    #[test]
    fn a_label_block() {
        let hex = "0011 0001c0a8c901007b 0005 0001 0008 029ce1";
        assert_eq!(
            one(Family::VPLS, hex),
            json!({
                "nlri_type": "vpls",
                "rd": "192.168.201.1:123",
                "ve_id": 5,
                "block_offset": 1,
                "block_size": 8,
                "label_base": 10702,
            })
        );
        with_path_id(Family::VPLS, hex);
    }

    #[test]
    fn auto_discovery_has_another_length() {
        let hex = "000c 0000fde800000001 c0000201";
        assert_eq!(
            one(Family::VPLS, hex),
            json!({ "nlri_type": "bgp-ad", "rd": "65000:1", "pe_addr": "192.0.2.1" })
        );
    }

    /// RFC 6624 §3.1 has such NLRI, with TLVs, in the same family.
    #[test]
    fn other_lengths_keep_their_octets() {
        assert_eq!(
            one(Family::VPLS, "0003 010203"),
            json!({ "nlri_type": "unknown", "raw": "010203" })
        );
        let (form, cut) = (Form::new(Family::VPLS), bytes("0003 010203 0011 0001"));
        assert_eq!(faults(form, &cut), [(5, None)]);
        assert_eq!(json(form, &cut).len(), 1);
    }
}
