//! Multicast distribution trees (RFC 6037 §4), with ADD-PATH.

use core::net::Ipv4Addr;

use super::labeled::take_bits;
use super::part::{RouteDistinguisher, fault, take_path_id};
use super::{Codec, Form};
use crate::bgp::error::Fault;
use crate::bgp::reader::Reader;
use serde::Serialize;

/// A router and the group that it multicasts a VPN's traffic to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "nlri_type", rename = "mdt")]
pub struct Mdt {
    /// Path identifier, where ADD-PATH was negotiated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path_id: Option<u32>,
    /// Route distinguisher.
    pub rd: RouteDistinguisher,
    /// The router.
    pub source: Ipv4Addr,
    /// The group.
    pub group: Ipv4Addr,
}

/// Length of an NLRI in bits: route distinguisher and two addresses.
const BITS: u8 = 128;

/// Decoder of multicast distribution trees.
#[derive(Clone, Copy, Debug)]
pub struct MdtRoutes;

impl Codec for MdtRoutes {
    type Item<'a> = Mdt;

    fn take(input: &mut Reader<'_>, form: Form) -> Result<Mdt, Fault> {
        let path_id = take_path_id(input, form)?;
        let (bits, mut octets) = take_bits(input)?;
        let read = |octets: &mut Reader<'_>| {
            Some(Mdt {
                path_id,
                rd: octets.array().map(RouteDistinguisher)?,
                source: Ipv4Addr::from(octets.u32()?),
                group: Ipv4Addr::from(octets.u32()?),
            })
        };
        let text = "MDT NLRI is not of 128 bits";
        read(&mut octets)
            .filter(|_| bits == BITS)
            .ok_or(fault(text))
    }
}

#[cfg(test)]
mod tests {
    use super::super::vectors::{bytes, faults, json, one, with_path_id};
    use super::*;
    use crate::bgp::Family;
    use serde_json::json;

    /// tcpdump reads these octets as "RD: 65000:1 (= 0.0.0.1), VPN IP Address: 10.0.0.1,
    /// MC Group Address: 232.0.0.1".
    #[test]
    fn a_router_and_its_group() {
        let hex = "80 0000fde800000001 0a000001 e8000001";
        assert_eq!(
            one(Family::MDT, hex),
            json!({
                "nlri_type": "mdt",
                "rd": "65000:1",
                "source": "10.0.0.1",
                "group": "232.0.0.1",
            })
        );
        with_path_id(Family::MDT, hex);
    }

    #[test]
    fn another_length_ends_the_field() {
        let form = Form::new(Family::MDT);
        for hex in [
            "60 0000fde800000001 0a000001",
            "7f 0000fde800000001 0a000001 e8000001",
            "88 0000fde800000001 0a000001 e8000001 00",
        ] {
            assert_eq!(faults(form, &bytes(hex)), [(0, None)], "{hex}");
            assert!(json(form, &bytes(hex)).is_empty());
        }
    }
}
