//! Mobile user plane routes (draft-ietf-bess-mup-safi §3.1), with ADD-PATH.

use core::net::IpAddr;

use super::part::{
    HOST_BITS, RouteDistinguisher, addr, fault, hex, prefix, routed, show, take_addr, take_path_id,
    take_typed,
};
use super::{Codec, Form, Prefix, check_typed};
use crate::bgp::error::{Disposition, Fault};
use crate::bgp::family::Afi;
use crate::bgp::reader::Reader;
use serde::ser::{Serialize, Serializer};

/// A mobile user plane route as delimited; [`Mup::route`] reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mup<'a> {
    /// Path identifier, where ADD-PATH was negotiated.
    pub path_id: Option<u32>,
    /// IPv4 or IPv6.
    pub afi: Afi,
    /// Architecture type; 1 is 3GPP 5G.
    pub architecture: u8,
    /// Route type.
    pub kind: u16,
    /// What is specific to the route type, as sent.
    pub value: &'a [u8],
}

/// A route of one of the types for the architecture 3GPP 5G.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(tag = "nlri_type", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum MupRoute<'a> {
    /// Type 1: a prefix of the network that an interwork segment is attached to.
    InterworkSegmentDiscovery {
        /// Route distinguisher.
        rd: RouteDistinguisher,
        /// The prefix.
        #[serde(serialize_with = "show")]
        prefix: Prefix,
        /// Bits behind the prefix were set.
        #[serde(skip)]
        host_bits: bool,
    },
    /// Type 2: a router that has a direct segment.
    DirectSegmentDiscovery {
        /// Route distinguisher.
        rd: RouteDistinguisher,
        /// The router.
        address: IpAddr,
    },
    /// Type 3: a session, from the network to the user equipment.
    #[serde(rename = "type-1-session-transformed")]
    Type1SessionTransformed {
        /// Route distinguisher.
        rd: RouteDistinguisher,
        /// The user equipment.
        #[serde(serialize_with = "show")]
        prefix: Prefix,
        /// Tunnel endpoint identifier.
        teid: u32,
        /// QoS flow identifier.
        qfi: u8,
        /// Where the tunnel ends.
        endpoint: IpAddr,
        /// Where it begins, if that is said.
        #[serde(skip_serializing_if = "Option::is_none")]
        source: Option<IpAddr>,
        /// TLVs of later versions of the draft (§3.1.5).
        #[serde(skip_serializing_if = "MupTlvs::is_empty")]
        tlvs: MupTlvs<'a>,
        /// Bits behind the prefix were set.
        #[serde(skip)]
        host_bits: bool,
    },
    /// Type 4: sessions, from the user equipment to the network.
    #[serde(rename = "type-2-session-transformed")]
    Type2SessionTransformed {
        /// Route distinguisher.
        rd: RouteDistinguisher,
        /// Where the tunnels end.
        endpoint: IpAddr,
        /// Which tunnels.
        #[serde(flatten)]
        teid: Teid,
        /// TLVs of later versions of the draft (§3.1.5).
        #[serde(skip_serializing_if = "MupTlvs::is_empty")]
        tlvs: MupTlvs<'a>,
        /// Bits behind the identifier were set.
        #[serde(skip)]
        host_bits: bool,
    },
    /// A type or an architecture that is not known.
    Unknown {
        /// Architecture type.
        architecture: u8,
        /// Route type.
        #[serde(rename = "type")]
        kind: u16,
        /// What is specific to it, as sent.
        #[serde(rename = "raw", serialize_with = "hex")]
        value: &'a [u8],
    },
}

/// The upper bits of a tunnel endpoint identifier; all 32 of them stand for one tunnel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Teid {
    /// The identifier; bits beyond the length are zero.
    pub teid: u32,
    /// Length in bits.
    #[serde(rename = "teid_len", skip_serializing_if = "is_whole")]
    pub len: u8,
}

fn is_whole(len: &u8) -> bool {
    *len == 32
}

const ARCHITECTURE_3GPP_5G: u8 = 1;

impl<'a> Mup<'a> {
    /// The route. [`MupRoute::Unknown`] if its type or architecture is not known: that is no
    /// fault (RFC 7606 §5.4).
    ///
    /// # Errors
    /// It is not what its type asks for; the route is then to be treated as withdrawn, as its
    /// length still says where the next one begins (RFC 7606 §2).
    pub fn route(&self) -> Result<MupRoute<'a>, Fault> {
        let mut input = Reader::new(self.value);
        let read = match (self.architecture, self.kind) {
            (ARCHITECTURE_3GPP_5G, 1) => self.interwork(&mut input),
            (ARCHITECTURE_3GPP_5G, 2) => self.direct(&mut input),
            (ARCHITECTURE_3GPP_5G, 3) => self.type_1(&mut input),
            (ARCHITECTURE_3GPP_5G, 4) => self.type_2(&mut input),
            (architecture, kind) => {
                return Ok(MupRoute::Unknown {
                    architecture,
                    kind,
                    value: self.value,
                });
            }
        };
        let text = "malformed MUP route";
        read.filter(|_| input.is_empty())
            .ok_or(fault(text).with(Disposition::TreatAsWithdraw))
    }

    fn interwork(&self, input: &mut Reader<'a>) -> Option<MupRoute<'a>> {
        let rd = input.array().map(RouteDistinguisher)?;
        let (prefix, host_bits) = self.prefix(input)?;
        Some(MupRoute::InterworkSegmentDiscovery {
            rd,
            prefix,
            host_bits,
        })
    }

    fn direct(&self, input: &mut Reader<'a>) -> Option<MupRoute<'a>> {
        let rd = input.array().map(RouteDistinguisher)?;
        let address = addr(input.take(self.addr_octets())?)?;
        Some(MupRoute::DirectSegmentDiscovery { rd, address })
    }

    /// The source address came late to the draft, so that it may be missing with its length.
    fn type_1(&self, input: &mut Reader<'a>) -> Option<MupRoute<'a>> {
        let rd = input.array().map(RouteDistinguisher)?;
        let (prefix, host_bits) = self.prefix(input)?;
        let (teid, qfi) = (input.u32()?, input.u8()?);
        let endpoint = take_addr(input)??;
        let source = if input.is_empty() {
            None
        } else {
            take_addr(input)?
        };
        Some(MupRoute::Type1SessionTransformed {
            rd,
            prefix,
            teid,
            qfi,
            endpoint,
            source,
            tlvs: MupTlvs::take(input)?,
            host_bits,
        })
    }

    /// The length covers the address, which is whole, and then the identifier.
    fn type_2(&self, input: &mut Reader<'a>) -> Option<MupRoute<'a>> {
        let rd = input.array().map(RouteDistinguisher)?;
        let octets = self.addr_octets();
        let len = usize::from(input.u8()?).checked_sub(8 * octets)?;
        let endpoint = addr(input.take(octets)?)?;
        let sent = input.take(len.div_ceil(8))?;
        let mut bytes = [0; 4];
        bytes.get_mut(..sent.len())?.copy_from_slice(sent);
        let len = u8::try_from(len).ok()?;
        let below = u32::MAX.checked_shr(len.into()).unwrap_or(0);
        let bits = u32::from_be_bytes(bytes);
        let teid = bits & !below;
        Some(MupRoute::Type2SessionTransformed {
            rd,
            endpoint,
            teid: Teid { teid, len },
            tlvs: MupTlvs::take(input)?,
            host_bits: bits & below != 0,
        })
    }

    fn prefix(&self, input: &mut Reader<'a>) -> Option<(Prefix, bool)> {
        let len = input.u8()?;
        let octets = input.take(usize::from(len).div_ceil(8))?;
        prefix(self.afi, len, octets)
    }

    fn addr_octets(&self) -> usize {
        if self.afi == Afi::IPV6 { 16 } else { 4 }
    }
}

/// The TLVs that end a session transformed route: one octet each for type and length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MupTlvs<'a>(&'a [u8]);

impl<'a> MupTlvs<'a> {
    /// What is left of a route, if it is TLVs to its end.
    fn take(input: &mut Reader<'a>) -> Option<Self> {
        let tlvs = Self(input.rest());
        while !input.is_empty() {
            take_typed(input)?;
        }
        Some(tlvs)
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Type and value of each, in wire order.
    pub fn iter(&self) -> impl Iterator<Item = (u8, &'a [u8])> + Clone + use<'a> {
        let mut input = Reader::new(self.0);
        core::iter::from_fn(move || take_typed(&mut input))
    }
}

impl Serialize for MupTlvs<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter().map(|(kind, value)| Tlv { kind, value }))
    }
}

#[derive(serde::Serialize)]
struct Tlv<'a> {
    #[serde(rename = "type")]
    kind: u8,
    #[serde(rename = "raw", serialize_with = "hex")]
    value: &'a [u8],
}

impl MupRoute<'_> {
    /// What is wrong with a route that can be read.
    fn inspect(&self) -> Option<Fault> {
        let (no_teid, host_bits) = match self {
            Self::InterworkSegmentDiscovery { host_bits, .. } => (false, *host_bits),
            Self::Type1SessionTransformed {
                teid, host_bits, ..
            } => (*teid == 0, *host_bits),
            Self::Type2SessionTransformed {
                teid, host_bits, ..
            } => (teid.teid == 0 && teid.len > 0, *host_bits),
            Self::DirectSegmentDiscovery { .. } | Self::Unknown { .. } => (false, false),
        };
        if no_teid {
            // §3.1.3.1, §3.1.4.1: zero makes the route malformed.
            let text = "MUP route with a tunnel endpoint identifier of zero";
            return Some(fault(text).with(Disposition::TreatAsWithdraw));
        }
        host_bits.then_some(HOST_BITS)
    }
}

/// Octets before what is specific to the route type: architecture, type and length.
const HEAD: usize = 4;

/// Decoder of mobile user plane routes.
#[derive(Clone, Copy, Debug)]
pub struct MupRoutes;

impl Codec for MupRoutes {
    type Item<'a> = Mup<'a>;

    fn take<'a>(input: &mut Reader<'a>, form: Form) -> Result<Mup<'a>, Fault> {
        let path_id = take_path_id(input, form)?;
        let text = "MUP route does not fit the field";
        let [architecture, high, low, length] = input.array().ok_or(fault(text))?;
        let value = input.take(usize::from(length)).ok_or(fault(text))?;
        Ok(Mup {
            path_id,
            afi: form.family.afi,
            architecture,
            kind: u16::from_be_bytes([high, low]),
            value,
        })
    }

    fn check(field: &[u8], form: Form, report: &mut dyn FnMut(Fault)) {
        check_typed::<Self>(field, form, HEAD, report, |item| {
            item.route().map_or_else(Some, |route| route.inspect())
        });
    }
}

impl Serialize for Mup<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let kind = Some(self.kind);
        routed(serializer, self.route(), self.path_id, kind, self.value)
    }
}

#[cfg(test)]
mod tests {
    use super::super::vectors::{bytes, faults, json, one, with_path_id};
    use super::*;
    use crate::bgp::Family;
    use serde_json::{Value, json};

    const V4: Family = Family::IPV4_MUP;
    const V6: Family = Family::IPV6_MUP;
    const WITHDRAW: Option<Disposition> = Some(Disposition::TreatAsWithdraw);
    const RD: &str = "0000006400000064";

    fn mup(family: Family, hex: &str) -> Value {
        with_path_id(family, hex);
        one(family, hex)
    }

    /// Sent by GoBGP 3.10 for `isd 10.0.0.0/20` and `dsd 10.0.0.1`, `dsd 2001:db8::7`.
    #[test]
    fn discovery_routes() {
        assert_eq!(
            mup(V4, "0100010c 0000006400000064 14 0a0000"),
            json!({
                "nlri_type": "interwork-segment-discovery",
                "rd": "100:100",
                "prefix": "10.0.0.0/20",
            })
        );
        assert_eq!(
            mup(V4, "0100020c 0000006400000064 0a000001"),
            json!({
                "nlri_type": "direct-segment-discovery",
                "rd": "100:100",
                "address": "10.0.0.1",
            })
        );
        let v6 = mup(
            V6,
            "01000218 0000006400000064 20010db8000000000000000000000007",
        );
        assert_eq!(v6["address"], "2001:db8::7");
    }

    /// Sent by GoBGP 3.10 for `t1st 192.168.0.1/32 teid 12345 qfi 9 endpoint 10.0.0.1`, which
    /// knows of no source; with one, from ExaBGP's `qa/encoding/conf-srv6-mup-v3.ci`.
    #[test]
    fn type_1_session_transformed() {
        let expected = json!({
            "nlri_type": "type-1-session-transformed",
            "rd": "100:100",
            "prefix": "192.168.0.1/32",
            "teid": 12345,
            "qfi": 9,
            "endpoint": "10.0.0.1",
        });
        let sent = "01000317 0000006400000064 20c0a80001 00003039 09 200a000001";
        assert_eq!(mup(V4, sent), expected);
        let empty = "01000318 0000006400000064 20c0a80001 00003039 09 200a000001 00";
        assert_eq!(mup(V4, empty), expected);
        let source = mup(
            V4,
            "0100031c 0000006400000064 20c0a80002 00003039 09 200a000001 200a000101",
        );
        assert_eq!(source["source"], "10.0.1.1");
    }

    /// Sent by GoBGP 3.10 for `t2st 2001:db8::2 teid 7`; a part of the identifier from GoBMP's
    /// `pkg/mup/mup_test.go`, "Type 2 ST IPv4 TEID length 10" and "length 0".
    #[test]
    fn type_2_session_transformed() {
        assert_eq!(
            mup(
                V6,
                "0100041d 0000006400000064 a0 20010db8000000000000000000000002 00000007"
            ),
            json!({
                "nlri_type": "type-2-session-transformed",
                "rd": "100:100",
                "endpoint": "2001:db8::2",
                "teid": 7,
            })
        );
        let part = mup(V4, "0100040f 0000006400000064 2a 0a0a0a01 6440");
        assert_eq!(
            (&part["teid"], &part["teid_len"]),
            (&json!(0x6440_0000), &json!(10))
        );
        let none = mup(V4, "0100040d 0000006400000064 20 0a0a0a01");
        assert_eq!((&none["teid"], &none["teid_len"]), (&json!(0), &json!(0)));
    }

    /// GoBMP, `pkg/mup/mup_test.go`, "Type 2 ST with all TLV types", without the third, and
    /// "Type 1 ST with unknown TLV".
    #[test]
    fn tlvs_keep_their_octets() {
        let route = mup(
            V4,
            "01000424 0000006400000064 40 0a0a0a01 00000064
             0105000000c809 02040a141e28 c804deadbeef",
        );
        assert_eq!(
            route["tlvs"],
            json!([
                { "type": 1, "raw": "000000c809" },
                { "type": 2, "raw": "0a141e28" },
                { "type": 200, "raw": "deadbeef" },
            ])
        );
        let route = mup(
            V4,
            "0100031d 0000006400000064 18c06400 00000064 09 200a0a0a01 00 c804deadbeef",
        );
        assert_eq!(route["tlvs"], json!([{ "type": 200, "raw": "deadbeef" }]));
    }

    /// FRR's `tests/bgpd/test_bgp_mup_nlri.c`: what is skipped there as to be withdrawn.
    #[test]
    fn the_malformed_routes_of_frr() {
        let check = |family, hex: &str| {
            let hex = hex.replace("RD", RD);
            assert_eq!(
                faults(Form::new(family), &bytes(&hex)),
                [(4, WITHDRAW)],
                "{hex}"
            );
            json(Form::new(family), &bytes(&hex)).remove(0)
        };
        for hex in [
            "0100010e RD 21 c0a8010000",        // isd-prefix-len-overflow
            "01000310 RD 00 00000001 09 21 00", // t1st-ep-len-overflow
            "0100020d RD 0a000001 00",          // dsd-wrong-size
            "01000316 RD 00 00000001 09 200a010203 20 0a09", // t1st-src-truncated
            "01000310 RD 00 00000001 09 18 00", // t1st-ep-len-24
            "01000317 RD 00 00000001 09 200a010203 180a0909", // t1st-src-len-24
        ] {
            assert_eq!(check(V4, hex)["nlri_type"], "malformed");
        }
        let long = format!("0100011a RD 81 {}", "00".repeat(17));
        assert_eq!(check(V6, &long)["nlri_type"], "malformed");
        // t1st-teid-zero, t2st-teid-zero and t2st-v4-teid-pad-only can be read.
        for hex in [
            "01000314 RD 00 00000000 09 200a010203 00",
            "01000411 RD 40 0a020001 00000000",
            "0100040e RD 23 0a020001 1f",
        ] {
            assert_eq!(check(V4, hex)["teid"], 0);
        }
    }

    /// The same file: "unknown-arch-type", "unknown-route-type", "t2st-v4-teid-padded",
    /// "truncated-header" and "body-overflow".
    #[test]
    fn unknown_routes_padding_and_ends_as_in_frr() {
        let form = Form::new(V4);
        let field = bytes("ff00010c 0000006400000001 18c0a801 01000504 deadbeef");
        assert_eq!(faults(form, &field), []);
        assert_eq!(
            json(form, &field)[1],
            json!({ "nlri_type": "unknown", "architecture": 1, "type": 5, "raw": "deadbeef" })
        );
        let padded = bytes("0100040e 0000006400000001 23 0a020001 ff");
        assert_eq!(faults(form, &padded), [(4, Some(Disposition::Ignore))]);
        let item = &json(form, &padded)[0];
        assert_eq!(
            (&item["teid"], &item["teid_len"]),
            (&json!(0xe000_0000_u32), &json!(3))
        );
        for hex in ["010001", "01000114 0000006400000001 18c0a801"] {
            assert_eq!(faults(form, &bytes(hex)), [(0, None)]);
        }
    }
}
