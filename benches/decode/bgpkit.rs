//! bgpkit-parser. It has no VPN prefixes: it reads their octets as IPv4 prefixes.

use super::seen::{Seen, addr, aggregator, prefix, segment, sum};
use bgpkit_parser::models::{
    AsPath, AsPathSegment, AsnLength, AttributeValue, BgpMessage, Community, ExtendedCommunity,
    NetworkPrefix, NextHopAddress,
};
use bgpkit_parser::parser::bgp::messages::parse_bgp_message;
use bytes::Bytes;

pub(crate) fn visit(bytes: &Bytes, as4: bool) -> Option<Seen> {
    let width = if as4 {
        AsnLength::Bits32
    } else {
        AsnLength::Bits16
    };
    let mut input = bytes.clone();
    let Ok(BgpMessage::Update(update)) = parse_bgp_message(&mut input, false, &width) else {
        return None;
    };
    let mut seen = Seen {
        announced: prefixes(&update.announced_prefixes),
        withdrawn: prefixes(&update.withdrawn_prefixes),
        ..Seen::default()
    };
    for value in &update.attributes {
        attribute(&mut seen, value);
    }
    Some(seen)
}

fn attribute(seen: &mut Seen, value: &AttributeValue) {
    let (code, value) = match value {
        AttributeValue::Origin(origin) => (1, *origin as u64),
        AttributeValue::AsPath(path) => (2, segments(path)),
        AttributeValue::As4Path(path) => (17, segments(path)),
        AttributeValue::NextHop(next_hop) => (3, addr(*next_hop)),
        AttributeValue::MultiExitDiscriminator(med) => (4, (*med).into()),
        AttributeValue::LocalPreference(preference) => (5, (*preference).into()),
        AttributeValue::AtomicAggregate => (6, 1),
        AttributeValue::Aggregator { asn, id } => (7, aggregator(asn.to_u32(), id.to_bits())),
        AttributeValue::As4Aggregator { asn, id } => (18, aggregator(asn.to_u32(), id.to_bits())),
        AttributeValue::Communities(list) => (8, sum(list.iter().map(community))),
        AttributeValue::OriginatorId(id) => (9, id.to_bits().into()),
        AttributeValue::Clusters(list) => (10, sum(list.iter().map(|id| (*id).into()))),
        AttributeValue::ExtendedCommunities(list) => (16, sum(list.iter().map(extended))),
        AttributeValue::LargeCommunities(list) => {
            let fields = |c: &bgpkit_parser::models::LargeCommunity| {
                let [first, second] = c.local_data.map(u64::from);
                u64::from(c.global_admin) + first + second
            };
            (32, sum(list.iter().map(fields)))
        }
        AttributeValue::MpReachNlri(reach) => {
            seen.announced = seen.announced.wrapping_add(prefixes(&reach.prefixes));
            (14, reach.next_hop.map_or(0, next_hops))
        }
        AttributeValue::MpUnreachNlri(unreach) => {
            seen.withdrawn = seen.withdrawn.wrapping_add(prefixes(&unreach.prefixes));
            (15, 0)
        }
        AttributeValue::Unknown(raw) => (raw.code, raw.bytes.len() as u64),
        _ => (0, 0),
    };
    seen.attribute(code, value);
}

fn prefixes(list: &[NetworkPrefix]) -> u64 {
    sum(list
        .iter()
        .map(|p| prefix(p.prefix.addr(), p.prefix.prefix_len())))
}

fn segments(path: &AsPath) -> u64 {
    sum(path.segments.iter().map(|s| {
        let (kind, asns) = match s {
            AsPathSegment::AsSet(asns) => (1, asns),
            AsPathSegment::AsSequence(asns) => (2, asns),
            AsPathSegment::ConfedSequence(asns) => (3, asns),
            AsPathSegment::ConfedSet(asns) => (4, asns),
        };
        segment(kind, sum(asns.iter().map(|asn| asn.to_u32().into())))
    }))
}

fn community(community: &Community) -> u64 {
    match community {
        Community::NoExport => 0xffff_ff01,
        Community::NoAdvertise => 0xffff_ff02,
        Community::NoExportSubConfed => 0xffff_ff03,
        Community::Custom(asn, value) => u64::from(asn.to_u32() << 16 | u32::from(*value)),
    }
}

/// Those that the workloads have.
fn extended(community: &ExtendedCommunity) -> u64 {
    match community {
        ExtendedCommunity::TransitiveTwoOctetAs(c) => {
            let local = u32::from_be_bytes(c.local_admin);
            u64::from(c.subtype) << 48 | u64::from(c.global_admin.to_u32()) << 32 | u64::from(local)
        }
        ExtendedCommunity::Raw(octets) => u64::from_be_bytes(*octets),
        _ => 0,
    }
}

fn next_hops(next_hop: NextHopAddress) -> u64 {
    match next_hop {
        NextHopAddress::Ipv4(v4) => addr(v4.into()),
        NextHopAddress::Ipv6(v6) | NextHopAddress::VpnIpv6(_, v6) => addr(v6.into()),
        NextHopAddress::Ipv6LinkLocal(global, local)
        | NextHopAddress::VpnIpv6LinkLocal(_, global, _, local) => {
            addr(global.into()).wrapping_add(addr(local.into()))
        }
    }
}
