//! Multicast VPN routes (RFC 6514 §4), with ADD-PATH.

use core::net::IpAddr;

use super::part::{
    RouteDistinguisher, addr, fault, hex, raw, routed, take_addr, take_path_id, take_typed,
};
use super::{Codec, Form, check_typed};
use crate::bgp::error::Fault;
use crate::bgp::reader::Reader;
use serde::ser::{Serialize, Serializer};

/// A multicast VPN route as delimited; [`Mvpn::route`] reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mvpn<'a> {
    /// Path identifier, where ADD-PATH was negotiated.
    pub path_id: Option<u32>,
    /// Route type.
    pub kind: u8,
    /// What is specific to the route type, as sent.
    pub value: &'a [u8],
}

/// A route of one of the types of RFC 6514 §4.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(tag = "nlri_type", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum MvpnRoute<'a> {
    /// Type 1 (RFC 6514 §4.1).
    #[serde(rename = "intra-as-i-pmsi-ad")]
    IntraAsIPmsiAd {
        /// Route distinguisher.
        rd: RouteDistinguisher,
        /// The router that the route comes from.
        originator: IpAddr,
    },
    /// Type 2 (§4.2).
    #[serde(rename = "inter-as-i-pmsi-ad")]
    InterAsIPmsiAd {
        /// Route distinguisher.
        rd: RouteDistinguisher,
        /// The AS that the route comes from.
        source_as: u32,
    },
    /// Type 3 (§4.3).
    #[serde(rename = "s-pmsi-ad")]
    SPmsiAd {
        /// Route distinguisher.
        rd: RouteDistinguisher,
        /// What the tunnel carries; wildcards are possible (RFC 6625 §2).
        #[serde(flatten)]
        flow: MvpnFlow,
        /// The router that the route comes from.
        originator: IpAddr,
    },
    /// Type 4 (§4.4).
    LeafAd {
        /// The route that this one answers.
        route_key: MvpnRouteKey<'a>,
        /// Who answers.
        originator: IpAddr,
    },
    /// Type 5 (§4.5).
    SourceActiveAd {
        /// Route distinguisher.
        rd: RouteDistinguisher,
        /// What is being sent.
        #[serde(flatten)]
        flow: MvpnFlow,
    },
    /// Type 6 (§4.6); the source is the rendezvous point.
    SharedTreeJoin {
        /// Route distinguisher.
        rd: RouteDistinguisher,
        /// AS of the source.
        source_as: u32,
        /// What is wanted.
        #[serde(flatten)]
        flow: MvpnFlow,
    },
    /// Type 7 (§4.6).
    SourceTreeJoin {
        /// Route distinguisher.
        rd: RouteDistinguisher,
        /// AS of the source.
        source_as: u32,
        /// What is wanted.
        #[serde(flatten)]
        flow: MvpnFlow,
    },
    /// A type that is not known.
    Unknown {
        /// Route type.
        #[serde(rename = "type")]
        kind: u8,
        /// What is specific to it, as sent.
        #[serde(rename = "raw", serialize_with = "hex")]
        value: &'a [u8],
    },
}

/// Multicast traffic of a VPN.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct MvpnFlow {
    /// The source; none stands for any.
    pub source: Option<IpAddr>,
    /// The group; none stands for any.
    pub group: Option<IpAddr>,
}

/// The NLRI of the route that a Leaf A-D route answers, which is its key (RFC 6514 §4.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MvpnRouteKey<'a>(pub Mvpn<'a>);

impl<'a> Mvpn<'a> {
    /// The route. [`MvpnRoute::Unknown`] if its type is not known: that is no fault
    /// (RFC 7606 §5.4).
    ///
    /// # Errors
    /// It is not what its type asks for.
    pub fn route(&self) -> Result<MvpnRoute<'a>, Fault> {
        let (kind, value) = (self.kind, self.value);
        let mut input = Reader::new(value);
        let read = match kind {
            1..=3 => discovery(kind, &mut input),
            4 => leaf(&mut input),
            5..=7 => customer(kind, &mut input),
            _ => return Ok(MvpnRoute::Unknown { kind, value }),
        };
        // Octets behind the last field are a fault, too.
        read.filter(|_| input.is_empty())
            .ok_or(fault("malformed MVPN route"))
    }
}

/// The address that fills the rest of the route.
fn rest_addr(input: &mut Reader<'_>) -> Option<IpAddr> {
    let addr = addr(input.rest())?;
    input.clear();
    Some(addr)
}

fn flow(input: &mut Reader<'_>) -> Option<MvpnFlow> {
    Some(MvpnFlow {
        source: take_addr(input)?,
        group: take_addr(input)?,
    })
}

fn discovery<'a>(kind: u8, input: &mut Reader<'a>) -> Option<MvpnRoute<'a>> {
    let rd = input.array().map(RouteDistinguisher)?;
    Some(match kind {
        1 => MvpnRoute::IntraAsIPmsiAd {
            rd,
            originator: rest_addr(input)?,
        },
        2 => MvpnRoute::InterAsIPmsiAd {
            rd,
            source_as: input.u32()?,
        },
        _ => MvpnRoute::SPmsiAd {
            rd,
            flow: flow(input)?,
            originator: rest_addr(input)?,
        },
    })
}

fn leaf<'a>(input: &mut Reader<'a>) -> Option<MvpnRoute<'a>> {
    let (kind, value) = take_typed(input)?;
    let key = Mvpn {
        path_id: None,
        kind,
        value,
    };
    Some(MvpnRoute::LeafAd {
        route_key: MvpnRouteKey(key),
        originator: rest_addr(input)?,
    })
}

fn customer<'a>(kind: u8, input: &mut Reader<'a>) -> Option<MvpnRoute<'a>> {
    let rd = input.array().map(RouteDistinguisher)?;
    if kind == 5 {
        let flow = flow(input)?;
        return Some(MvpnRoute::SourceActiveAd { rd, flow });
    }
    let (source_as, flow) = (input.u32()?, flow(input)?);
    Some(if kind == 6 {
        MvpnRoute::SharedTreeJoin {
            rd,
            source_as,
            flow,
        }
    } else {
        MvpnRoute::SourceTreeJoin {
            rd,
            source_as,
            flow,
        }
    })
}

/// Octets before what is specific to the route type: type and length.
const HEAD: usize = 2;

/// Decoder of multicast VPN routes.
#[derive(Clone, Copy, Debug)]
pub struct MvpnRoutes;

impl Codec for MvpnRoutes {
    type Item<'a> = Mvpn<'a>;

    fn take<'a>(input: &mut Reader<'a>, form: Form) -> Result<Mvpn<'a>, Fault> {
        let path_id = take_path_id(input, form)?;
        let text = "MVPN route does not fit the field";
        let (kind, value) = take_typed(input).ok_or(fault(text))?;
        Ok(Mvpn {
            path_id,
            kind,
            value,
        })
    }

    fn check(field: &[u8], form: Form, report: &mut dyn FnMut(Fault)) {
        check_typed::<Self>(field, form, HEAD, report, |item| item.route().err());
    }
}

impl Serialize for Mvpn<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let kind = Some(self.kind.into());
        routed(serializer, self.route(), self.path_id, kind, self.value)
    }
}

impl Serialize for MvpnRouteKey<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.kind {
            // No Leaf A-D route answers another: what claims so is shown as it came.
            4 => raw(serializer, "malformed", None, Some(4), self.0.value),
            _ => self.0.serialize(serializer),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::vectors::{bytes, faults, json, one, with_path_id};
    use super::*;
    use crate::bgp::Family;
    use serde_json::{Value, json};

    fn mvpn(hex: &str) -> Value {
        with_path_id(Family::IPV4_MVPN, hex);
        one(Family::IPV4_MVPN, hex)
    }

    /// OpenDaylight, `IntraAsIPmsiADHandlerTest` and `InterASIPmsiADHandlerTest`.
    #[test]
    fn types_1_and_2_i_pmsi() {
        assert_eq!(
            mvpn("010c 0001010203040102 01000001"),
            json!({ "nlri_type": "intra-as-i-pmsi-ad", "rd": "1.2.3.4:258", "originator": "1.0.0.1" })
        );
        assert_eq!(
            mvpn("020c 0001010203040102 00000001"),
            json!({ "nlri_type": "inter-as-i-pmsi-ad", "rd": "1.2.3.4:258", "source_as": 1 })
        );
    }

    /// OpenDaylight, `SPmsiADHandlerTest`; wildcards as RFC 6625 §2 has them.
    #[test]
    fn type_3_s_pmsi() {
        assert_eq!(
            mvpn("0316 0001010203040102 200a00000a 200c00000c 01000001"),
            json!({
                "nlri_type": "s-pmsi-ad",
                "rd": "1.2.3.4:258",
                "source": "10.0.0.10",
                "group": "12.0.0.12",
                "originator": "1.0.0.1",
            })
        );
        let any = mvpn("030e 0001010203040102 00 00 01000001");
        assert_eq!(
            (&any["source"], &any["group"]),
            (&Value::Null, &Value::Null)
        );
    }

    /// OpenDaylight, `LeafADHandlerTest`.
    #[test]
    fn type_4_leaf() {
        assert_eq!(
            mvpn("0412 020c 0001010203040102 00000001 01000001"),
            json!({
                "nlri_type": "leaf-ad",
                "route_key": {
                    "nlri_type": "inter-as-i-pmsi-ad",
                    "rd": "1.2.3.4:258",
                    "source_as": 1,
                },
                "originator": "1.0.0.1",
            })
        );
        let nested = mvpn("040a 0404 04020000 01000001");
        assert_eq!(nested["route_key"]["nlri_type"], "malformed");
    }

    /// ExaBGP, `qa/encoding/conf-mvpn.ci`.
    #[test]
    fn types_5_to_7_customer_routes() {
        assert_eq!(
            mvpn("0512 0000fde80001869f 200a630c04 20effbffe4"),
            json!({
                "nlri_type": "source-active-ad",
                "rd": "65000:99999",
                "source": "10.99.12.4",
                "group": "239.251.255.228",
            })
        );
        assert_eq!(
            mvpn("0616 0000fde80001869f 0000fde8 200a63c701 20effbffe4"),
            json!({
                "nlri_type": "shared-tree-join",
                "rd": "65000:99999",
                "source_as": 65000,
                "source": "10.99.199.1",
                "group": "239.251.255.228",
            })
        );
        let v6 = one(
            Family::IPV6_MVPN,
            "072e 0000fde80001869f 0000fde8 80fd120000000000000000000000000002
             80ff0e0000000000000000000000000001",
        );
        assert_eq!(v6["nlri_type"], "source-tree-join");
        assert_eq!(
            (&v6["source"], &v6["group"]),
            (&json!("fd12::2"), &json!("ff0e::1"))
        );
    }

    #[test]
    fn unknown_types_are_no_fault_and_malformed_routes_end_nothing() {
        let (form, field) = (
            Form::new(Family::IPV4_MVPN),
            bytes("4301 07 010b 00010102030401 02010000 020c 0001010203040102 00000001"),
        );
        assert_eq!(faults(form, &field), [(5, None)]);
        let items = json(form, &field);
        assert_eq!(
            items[0],
            json!({ "nlri_type": "unknown", "type": 67, "raw": "07" })
        );
        assert_eq!(items[1]["nlri_type"], "malformed");
        assert_eq!(items[2]["nlri_type"], "inter-as-i-pmsi-ad");
        assert_eq!(faults(form, &bytes("0101")), [(0, None)]);
    }
}
