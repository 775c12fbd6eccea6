//! Mobile user plane routes (draft-ietf-bess-mup-safi §3.1), with ADD-PATH.

use core::net::IpAddr;

use super::part::{
    HOST_BITS, RouteDistinguisher, Routed, addr, fault, hex, prefix, raw, show, take_addr,
    take_path_id, take_typed,
};
use super::{Codec, Form, Prefix, check_each};
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
pub(crate) struct MupRoutes;

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
        check_each(field, report, |input| {
            let item = Self::take(input, form)?;
            let head = HEAD + if form.add_path { 4 } else { 0 };
            let found = item.route().map_or_else(Some, |route| route.inspect());
            Ok(found.map(|fault| fault.shifted(head)))
        });
    }
}

impl Serialize for Mup<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let path_id = self.path_id;
        match self.route() {
            Ok(route) => Routed { route, path_id }.serialize(serializer),
            Err(_) => raw(
                serializer,
                "malformed",
                path_id,
                Some(self.kind),
                self.value,
            ),
        }
    }
}
