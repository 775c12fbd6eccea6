//! BGP-LS: nodes, links, prefixes and SRv6 SIDs of a topology (RFC 9552 §5.2, RFC 9514 §6), with
//! ADD-PATH; in a VPN (SAFI 72) behind a route distinguisher.

pub(in crate::bgp) mod descriptor;

use super::part::{HOST_BITS, RouteDistinguisher, fault, has_host_bits, raw, take_path_id};
use super::{Codec, Form, Prefix, check_each};
use crate::bgp::error::{Disposition, Fault};
use crate::bgp::family::Safi;
use crate::bgp::reader::Reader;
use crate::bgp::text::{Hex, List, Show};
use crate::bgp::tlv::{Table, Tlv, Tlvs, Value};
use descriptor::{
    BGP_ROUTER_ID, IGP_ROUTER_ID, IP_REACHABILITY, LOCAL_NODE, REMOTE_NODE, SRV6_SID,
};
use serde::ser::{Serialize, SerializeMap, Serializer};

/// An object of a topology as delimited; [`LinkState::object`] reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkState<'a> {
    /// Path identifier, where ADD-PATH was negotiated.
    pub path_id: Option<u32>,
    /// NLRI type.
    pub kind: u16,
    /// The VPN that it belongs to (SAFI 72).
    pub rd: Option<RouteDistinguisher>,
    /// What is behind type, length and route distinguisher, as sent.
    pub value: &'a [u8],
}

/// What all types of NLRI of RFC 9552 and RFC 9514 have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LsObject<'a> {
    /// Where the router knows it from; see [`LsObject::protocol_name`].
    pub protocol: u8,
    /// Identifier of the instance of that protocol.
    pub identifier: u64,
    descriptors: Tlvs<'a>,
}

impl LinkState<'_> {
    /// The name of the type: `node`, `link`, `ipv4-prefix`, `ipv6-prefix`, `srv6-sid`.
    #[must_use]
    pub const fn type_name(&self) -> Option<&'static str> {
        Some(match self.kind {
            1 => "node",
            2 => "link",
            3 => "ipv4-prefix",
            4 => "ipv6-prefix",
            6 => "srv6-sid",
            _ => return None,
        })
    }

    fn table(&self) -> Option<&'static Table> {
        Some(match self.kind {
            1 | 2 => &descriptor::LINK,
            3 => &descriptor::PREFIX_V4,
            4 => &descriptor::PREFIX_V6,
            6 => &descriptor::SID,
            _ => return None,
        })
    }

    /// TLVs that must be there (RFC 9552 §5.2, RFC 9514 §6).
    const fn mandatory(&self) -> &'static [u16] {
        match self.kind {
            1 => &[LOCAL_NODE],
            2 => &[LOCAL_NODE, REMOTE_NODE],
            3 | 4 => &[LOCAL_NODE, IP_REACHABILITY],
            _ => &[LOCAL_NODE, SRV6_SID],
        }
    }
}

impl<'a> LinkState<'a> {
    /// The object; `None` if the type is not known or it is too short for one.
    #[must_use]
    pub fn object(&self) -> Option<LsObject<'a>> {
        let mut input = Reader::new(self.value);
        Some(LsObject {
            protocol: input.u8()?,
            identifier: input.array().map(u64::from_be_bytes)?,
            descriptors: Tlvs::new(input.rest(), self.table()?),
        })
    }

    /// What is wrong with an NLRI that was delimited (RFC 9552 §8.2.2). A type that is not known
    /// is no fault (§5.2).
    fn fault(&self) -> Option<Fault> {
        self.table()?;
        let Some(object) = self.object() else {
            return Some(discard("BGP-LS NLRI is shorter than its identifier"));
        };
        if object.descriptors.worst().is_some() {
            return Some(discard("malformed descriptor in a BGP-LS NLRI"));
        }
        let found = |kind: &u16| object.descriptors.find(*kind).is_some();
        let named = |kind| {
            let nodes = object.node(kind);
            let id = |nodes: Tlvs<'_>| {
                nodes.find(IGP_ROUTER_ID).is_some() || nodes.find(BGP_ROUTER_ID).is_some()
            };
            nodes.is_none_or(id)
        };
        if !self.mandatory().iter().all(found) || !named(LOCAL_NODE) || !named(REMOTE_NODE) {
            return Some(discard("BGP-LS NLRI without a mandatory descriptor"));
        }
        let nodes = [LOCAL_NODE, REMOTE_NODE].map(|kind| object.node(kind));
        let mut lists = nodes.into_iter().flatten().chain([object.descriptors]);
        if !lists.all(in_order) {
            return Some(discard("descriptors of a BGP-LS NLRI out of order"));
        }
        // RFC 9552 §5.2.3.2 has the prefix as IGPs and RFC 4271 §4.3 have it.
        match *object.descriptors.find(IP_REACHABILITY)?.value {
            [len, ref octets @ ..] if has_host_bits(len, octets) => Some(HOST_BITS),
            _ => None,
        }
    }
}

/// RFC 9552 §5.1: ascending by type, then by length, then by value.
fn in_order(tlvs: Tlvs<'_>) -> bool {
    tlvs.map(|tlv| (tlv.kind, tlv.value.len(), tlv.value))
        .is_sorted()
}

/// RFC 9552 §8.2.2: where the next NLRI can be found, only this one is lost.
const fn discard(text: &'static str) -> Fault {
    fault(text).with(Disposition::NlriDiscard)
}

impl<'a> LsObject<'a> {
    /// IANA's name of the protocol, in short form (RFC 9552 §5.2, RFC 9086 §4).
    #[must_use]
    pub const fn protocol_name(&self) -> Option<&'static str> {
        Some(match self.protocol {
            1 => "isis-level-1",
            2 => "isis-level-2",
            3 => "ospfv2",
            4 => "direct",
            5 => "static",
            6 => "ospfv3",
            7 => "bgp",
            8 => "rsvp-te",
            9 => "segment-routing",
            _ => return None,
        })
    }

    /// Descriptors of the node, or of that end of a link where it is known.
    #[must_use]
    pub fn local_node(&self) -> Option<Tlvs<'a>> {
        self.node(LOCAL_NODE)
    }

    /// Descriptors of the far end of a link.
    #[must_use]
    pub fn remote_node(&self) -> Option<Tlvs<'a>> {
        self.node(REMOTE_NODE)
    }

    fn node(&self, kind: u16) -> Option<Tlvs<'a>> {
        match self.descriptors.find(kind)?.get("tlvs")? {
            Value::Tlvs(tlvs) => Some(tlvs),
            _ => None,
        }
    }

    /// The prefix, of an NLRI that is about one.
    #[must_use]
    pub fn prefix(&self) -> Option<Prefix> {
        match self.descriptors.find(IP_REACHABILITY)?.get("value")? {
            Value::Prefix(prefix) => Some(prefix),
            _ => None,
        }
    }

    /// All descriptors, those of nodes included.
    #[must_use]
    pub const fn descriptors(&self) -> Tlvs<'a> {
        self.descriptors
    }

    fn own(&self) -> impl Iterator<Item = Tlv<'a>> + use<'a> {
        self.descriptors
            .filter(|tlv| ![LOCAL_NODE, REMOTE_NODE].contains(&tlv.kind))
    }
}

/// Decoder of BGP-LS.
#[derive(Clone, Copy, Debug)]
pub struct LinkStates;

impl Codec for LinkStates {
    type Item<'a> = LinkState<'a>;

    fn take<'a>(input: &mut Reader<'a>, form: Form) -> Result<LinkState<'a>, Fault> {
        let path_id = take_path_id(input, form)?;
        // RFC 9552 §8.2.2: nothing behind it can be found.
        let text = "BGP-LS NLRI does not fit the field";
        let fault = fault(text).with(Disposition::AfiSafiDisable);
        let kind = input.u16().ok_or(fault)?;
        let length = usize::from(input.u16().ok_or(fault)?);
        let mut value = Reader::new(input.take(length).ok_or(fault)?);
        // One that is cut leaves too little for an object, too: the others can be found.
        let rd = match form.family.safi {
            Safi::LINK_STATE_VPN => value.array().map(RouteDistinguisher),
            _ => None,
        };
        Ok(LinkState {
            path_id,
            kind,
            rd,
            value: value.rest(),
        })
    }

    fn check(field: &[u8], form: Form, report: &mut dyn FnMut(Fault)) {
        check_each(field, report, |input| {
            Self::take(input, form).map(|item| item.fault())
        });
    }
}

/// `{"nlri_type", "path_id", "rd", "protocol_id", "protocol", "identifier", "prefix",
/// "local_node", "remote_node", "descriptors"}` with those that are there.
impl Serialize for LinkState<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (Some(name), Some(object)) = (self.type_name(), self.object()) else {
            let unknown = self.type_name().is_none();
            let name = if unknown { "unknown" } else { "malformed" };
            return raw(serializer, name, self.path_id, Some(self.kind), self.value);
        };
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("nlri_type", name)?;
        if let Some(path_id) = self.path_id {
            map.serialize_entry("path_id", &path_id)?;
        }
        if let Some(rd) = self.rd {
            map.serialize_entry("rd", &rd)?;
        }
        map.serialize_entry("protocol_id", &object.protocol)?;
        if let Some(protocol) = object.protocol_name() {
            map.serialize_entry("protocol", protocol)?;
        }
        map.serialize_entry("identifier", &object.identifier)?;
        if let Some(prefix) = object.prefix() {
            map.serialize_entry("prefix", &Show(prefix))?;
        }
        if let Some(node) = object.local_node() {
            map.serialize_entry("local_node", &node)?;
        }
        if let Some(node) = object.remote_node() {
            map.serialize_entry("remote_node", &node)?;
        }
        if object.own().next().is_some() {
            map.serialize_entry("descriptors", &List(|| object.own()))?;
        }
        let mut all = object.descriptors;
        all.by_ref().for_each(drop);
        if !all.unread().is_empty() {
            map.serialize_entry("raw", &Hex(all.unread()))?;
        }
        map.end()
    }
}

#[cfg(test)]
mod tests;
