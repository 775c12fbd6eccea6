//! netgauze-bgp-pkt.

use super::seen::{Seen, addr, aggregator, prefix, segment, sum, vpn};
use netgauze_bgp_pkt::BgpMessage;
use netgauze_bgp_pkt::community::{ExtendedCommunity, TransitiveTwoOctetExtendedCommunity};
use netgauze_bgp_pkt::nlri::{Ipv4MplsVpnUnicastAddress, Ipv4UnicastAddress, Ipv6UnicastAddress};
use netgauze_bgp_pkt::path_attribute::{
    Aggregator, As4PathSegment, AsPath, MpReach, MpUnreach, Origin, PathAttributeValue,
};
use netgauze_bgp_pkt::wire::deserializer::BgpParsingContext;
use netgauze_parse_utils::reader::SliceReader;
use netgauze_parse_utils::traits::ParseFromWithOneInput;
use std::net::Ipv6Addr;

pub(crate) fn context(as4: bool) -> BgpParsingContext {
    if as4 {
        BgpParsingContext::default()
    } else {
        BgpParsingContext::asn2_default()
    }
}

pub(crate) fn visit(bytes: &[u8], context: &mut BgpParsingContext) -> Option<Seen> {
    let parsed = BgpMessage::parse(&mut SliceReader::new(bytes), context);
    let Ok(BgpMessage::Update(update)) = parsed else {
        return None;
    };
    let mut seen = Seen {
        announced: ipv4(update.nlri()),
        withdrawn: ipv4(update.withdraw_routes()),
        ..Seen::default()
    };
    for path_attribute in update.path_attributes() {
        attribute(&mut seen, path_attribute.value());
    }
    Some(seen)
}

fn attribute(seen: &mut Seen, value: &PathAttributeValue) {
    use PathAttributeValue as Value;
    let (code, value) = match value {
        Value::Origin(Origin::IGP) => (1, 0),
        Value::Origin(Origin::EGP) => (1, 1),
        Value::Origin(Origin::Incomplete) => (1, 2),
        Value::AsPath(AsPath::As4PathSegments(list)) => (2, segments(list)),
        Value::AsPath(AsPath::As2PathSegments(list)) => {
            let asns = |asns: &[u16]| sum(asns.iter().map(|asn| (*asn).into()));
            let list = list
                .iter()
                .map(|s| segment(s.segment_type() as u8, asns(s.as_numbers())));
            (2, sum(list))
        }
        Value::As4Path(path) => (17, segments(path.segments())),
        Value::NextHop(next_hop) => (3, next_hop.next_hop().to_bits().into()),
        Value::MultiExitDiscriminator(med) => (4, med.metric().into()),
        Value::LocalPreference(preference) => (5, preference.metric().into()),
        Value::AtomicAggregate(_) => (6, 1),
        Value::Aggregator(Aggregator::As2Aggregator(by)) => {
            (7, aggregator((*by.asn()).into(), by.origin().to_bits()))
        }
        Value::Aggregator(Aggregator::As4Aggregator(by)) => {
            (7, aggregator(*by.asn(), by.origin().to_bits()))
        }
        Value::Communities(list) => (8, sum(list.communities().iter().map(|c| c.value().into()))),
        Value::Originator(id) => (9, id.id().to_bits().into()),
        Value::ClusterList(list) => (
            10,
            sum(list
                .cluster_list()
                .iter()
                .map(|id| id.id().to_bits().into())),
        ),
        Value::ExtendedCommunities(list) => (16, sum(list.communities().iter().map(extended))),
        Value::LargeCommunities(list) => {
            let fields = list.communities().iter().map(|c| {
                let fields = [c.global_admin(), c.local_data1(), c.local_data2()];
                fields.map(u64::from).iter().sum()
            });
            (32, sum(fields))
        }
        Value::MpReach(reach) => (14, announced(seen, reach)),
        Value::MpUnreach(unreach) => {
            withdrawn(seen, unreach);
            (15, 0)
        }
        Value::UnknownAttribute(raw) => (raw.code(), raw.value().len() as u64),
        _ => (0, 0),
    };
    seen.attribute(code, value);
}

/// The sum over the next hops.
fn announced(seen: &mut Seen, reach: &MpReach) -> u64 {
    let local = |local: &Option<Ipv6Addr>| local.map_or(0, |local| addr(local.into()));
    let (next_hops, nlri) = match reach {
        MpReach::Ipv4Unicast {
            next_hop,
            next_hop_local,
            nlri,
        } => (
            addr(*next_hop).wrapping_add(local(next_hop_local)),
            ipv4(nlri),
        ),
        MpReach::Ipv6Unicast {
            next_hop_global,
            next_hop_local,
            nlri,
        } => {
            let global = addr((*next_hop_global).into());
            (global.wrapping_add(local(next_hop_local)), ipv6(nlri))
        }
        MpReach::Ipv4MplsVpnUnicast { next_hop, nlri } => (addr(next_hop.next_hop()), vpnv4(nlri)),
        _ => (0, 0),
    };
    seen.announced = seen.announced.wrapping_add(nlri);
    next_hops
}

fn withdrawn(seen: &mut Seen, unreach: &MpUnreach) {
    let nlri = match unreach {
        MpUnreach::Ipv4Unicast { nlri } => ipv4(nlri),
        MpUnreach::Ipv6Unicast { nlri } => ipv6(nlri),
        MpUnreach::Ipv4MplsVpnUnicast { nlri } => vpnv4(nlri),
        _ => 0,
    };
    seen.withdrawn = seen.withdrawn.wrapping_add(nlri);
}

fn ipv4(list: &[Ipv4UnicastAddress]) -> u64 {
    sum(list.iter().map(|nlri| {
        let net = nlri.network().address();
        prefix(net.addr().into(), net.prefix_len())
    }))
}

fn ipv6(list: &[Ipv6UnicastAddress]) -> u64 {
    sum(list.iter().map(|nlri| {
        let net = nlri.network().address();
        prefix(net.addr().into(), net.prefix_len())
    }))
}

fn vpnv4(list: &[Ipv4MplsVpnUnicastAddress]) -> u64 {
    sum(list.iter().map(|nlri| {
        let net = nlri.network().address();
        let labels = sum(nlri.label_stack().iter().map(|label| {
            let [a, b, c] = *label.value();
            u64::from(u32::from_be_bytes([0, a, b, c]) >> 4)
        }));
        vpn(
            prefix(net.addr().into(), net.prefix_len()),
            nlri.rd().into(),
            labels,
        )
    }))
}

fn segments(list: &[As4PathSegment]) -> u64 {
    let asns = |asns: &[u32]| sum(asns.iter().map(|asn| (*asn).into()));
    sum(list
        .iter()
        .map(|s| segment(s.segment_type() as u8, asns(s.as_numbers()))))
}

/// Those that the workloads have.
fn extended(community: &ExtendedCommunity) -> u64 {
    use TransitiveTwoOctetExtendedCommunity as TwoOctets;
    let two_octets =
        |kind: u64, asn: u16, number: u32| kind << 48 | u64::from(asn) << 32 | u64::from(number);
    match *community {
        ExtendedCommunity::TransitiveTwoOctet(TwoOctets::RouteTarget {
            global_admin,
            local_admin,
        }) => two_octets(2, global_admin, local_admin),
        ExtendedCommunity::TransitiveTwoOctet(TwoOctets::RouteOrigin {
            global_admin,
            local_admin,
        }) => two_octets(3, global_admin, local_admin),
        _ => 0,
    }
}
