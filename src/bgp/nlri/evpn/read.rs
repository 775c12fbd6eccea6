//! From the octets of an EVPN route to its fields.

use core::net::{Ipv4Addr, Ipv6Addr};

use super::Evpn;
use super::route::{EvpnLabels, EvpnRoute, Multicast, RouteKey};
use crate::bgp::attribute::ExtCommunity;
use crate::bgp::error::Fault;
use crate::bgp::family::Afi;
use crate::bgp::nlri::part::{
    Esi, MacAddr, RouteDistinguisher, fault, prefix, take_addr, take_typed,
};
use crate::bgp::reader::Reader;

/// Reads the value of a route of type `kind`. Octets behind the last field are a fault, too:
/// a length says exactly what a route has.
pub(super) fn route(kind: u8, value: &[u8]) -> Result<EvpnRoute<'_>, Fault> {
    let mut input = Reader::new(value);
    let (read, text): (Option<EvpnRoute<'_>>, _) = match kind {
        1 => (auto_discovery(&mut input), "malformed Ethernet A-D route"),
        2 => (mac_ip(&mut input), "malformed MAC/IP Advertisement route"),
        3 => (
            inclusive(&mut input),
            "malformed Inclusive Multicast Ethernet Tag route",
        ),
        4 => (segment(&mut input), "malformed Ethernet Segment route"),
        5 => (ip_prefix(&mut input), "malformed IP Prefix route"),
        6 => (
            selective(&mut input),
            "malformed Selective Multicast Ethernet Tag route",
        ),
        7 => (
            report(&mut input),
            "malformed Multicast Membership Report Synch route",
        ),
        8 => (leave(&mut input), "malformed Multicast Leave Synch route"),
        9 => (
            per_region(&mut input),
            "malformed Per-Region I-PMSI A-D route",
        ),
        10 => (s_pmsi(&mut input), "malformed S-PMSI A-D route"),
        11 => (leaf(&mut input), "malformed Leaf A-D route"),
        _ => return Ok(EvpnRoute::Unknown { kind, value }),
    };
    read.filter(|_| input.is_empty()).ok_or(fault(text))
}

fn rd(input: &mut Reader<'_>) -> Option<RouteDistinguisher> {
    input.array().map(RouteDistinguisher)
}

fn esi(input: &mut Reader<'_>) -> Option<Esi> {
    input.array().map(Esi)
}

/// Between `least` and `most` label fields, up to the end of the route.
fn labels<'a>(input: &mut Reader<'a>, least: usize, most: usize) -> Option<EvpnLabels<'a>> {
    let (fields, rest) = input.rest().as_chunks::<3>();
    if !rest.is_empty() || !(least..=most).contains(&fields.len()) {
        return None;
    }
    input.clear();
    Some(EvpnLabels(fields))
}

fn auto_discovery<'a>(input: &mut Reader<'a>) -> Option<EvpnRoute<'a>> {
    Some(EvpnRoute::EthernetAutoDiscovery {
        rd: rd(input)?,
        esi: esi(input)?,
        ethernet_tag: input.u32()?,
        labels: labels(input, 1, 1)?,
    })
}

fn mac_ip<'a>(input: &mut Reader<'a>) -> Option<EvpnRoute<'a>> {
    let (rd, esi, ethernet_tag) = (rd(input)?, esi(input)?, input.u32()?);
    // RFC 7432 §7.2: other lengths are out of scope.
    if input.u8()? != 48 {
        return None;
    }
    Some(EvpnRoute::MacIpAdvertisement {
        rd,
        esi,
        ethernet_tag,
        mac: input.array().map(MacAddr)?,
        ip: take_addr(input)?,
        labels: labels(input, 1, 2)?,
    })
}

fn inclusive<'a>(input: &mut Reader<'a>) -> Option<EvpnRoute<'a>> {
    Some(EvpnRoute::InclusiveMulticastEthernetTag {
        rd: rd(input)?,
        ethernet_tag: input.u32()?,
        originator: take_addr(input)??,
    })
}

fn segment<'a>(input: &mut Reader<'a>) -> Option<EvpnRoute<'a>> {
    Some(EvpnRoute::EthernetSegment {
        rd: rd(input)?,
        esi: esi(input)?,
        originator: take_addr(input)??,
    })
}

/// RFC 9136 §3.1: prefix and gateway have the full length of an address, the same for both;
/// the length of the route says which.
fn ip_prefix<'a>(input: &mut Reader<'a>) -> Option<EvpnRoute<'a>> {
    let (rd, esi, ethernet_tag, len) = (rd(input)?, esi(input)?, input.u32()?, input.u8()?);
    let v6 = input.len() > 4 + 4 + 3;
    let (afi, octets) = if v6 {
        (Afi::IPV6, input.take(16)?)
    } else {
        (Afi::IPV4, input.take(4)?)
    };
    let (covered, rest) = octets.split_at_checked(usize::from(len).div_ceil(8))?;
    let (prefix, host_bits) = prefix(afi, len, covered)?;
    let gateway = if v6 {
        input.array().map(|b: [u8; 16]| Ipv6Addr::from(b).into())?
    } else {
        input.array().map(|b: [u8; 4]| Ipv4Addr::from(b).into())?
    };
    Some(EvpnRoute::IpPrefix {
        rd,
        esi,
        ethernet_tag,
        prefix,
        gateway,
        labels: labels(input, 1, 1)?,
        host_bits: host_bits || rest.iter().any(|octet| *octet != 0),
    })
}

/// RFC 9251 §9.1: tag, source, group, originator; each address behind its length.
fn multicast(input: &mut Reader<'_>) -> Option<Multicast> {
    Some(Multicast {
        ethernet_tag: input.u32()?,
        source: take_addr(input)?,
        group: take_addr(input)?,
        originator: take_addr(input)??,
    })
}

fn selective<'a>(input: &mut Reader<'a>) -> Option<EvpnRoute<'a>> {
    Some(EvpnRoute::SelectiveMulticastEthernetTag {
        rd: rd(input)?,
        multicast: multicast(input)?,
        flags: input.u8()?,
    })
}

fn report<'a>(input: &mut Reader<'a>) -> Option<EvpnRoute<'a>> {
    Some(EvpnRoute::MulticastMembershipReportSynch {
        rd: rd(input)?,
        esi: esi(input)?,
        multicast: multicast(input)?,
        flags: input.u8()?,
    })
}

fn leave<'a>(input: &mut Reader<'a>) -> Option<EvpnRoute<'a>> {
    let (rd, esi, multicast) = (rd(input)?, esi(input)?, multicast(input)?);
    // RFC 9251 §9.3: reserved, to be ignored.
    input.u32()?;
    Some(EvpnRoute::MulticastLeaveSynch {
        rd,
        esi,
        multicast,
        maximum_response_time: input.u8()?,
        flags: input.u8()?,
    })
}

fn per_region<'a>(input: &mut Reader<'a>) -> Option<EvpnRoute<'a>> {
    Some(EvpnRoute::PerRegionIPmsiAd {
        rd: rd(input)?,
        ethernet_tag: input.u32()?,
        region_id: input.array().map(ExtCommunity)?,
    })
}

fn s_pmsi<'a>(input: &mut Reader<'a>) -> Option<EvpnRoute<'a>> {
    Some(EvpnRoute::SPmsiAd {
        rd: rd(input)?,
        multicast: multicast(input)?,
    })
}

fn leaf<'a>(input: &mut Reader<'a>) -> Option<EvpnRoute<'a>> {
    let (kind, value) = take_typed(input)?;
    let key = Evpn {
        path_id: None,
        kind,
        value,
    };
    Some(EvpnRoute::LeafAd {
        route_key: RouteKey(key),
        originator: take_addr(input)??,
    })
}
