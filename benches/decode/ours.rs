//! Our decoder.

use super::seen::{Seen, addr, aggregator, prefix, segment, sum, vpn};
use bgptap::bgp::attribute::{AsPath, MpReach, SegmentKind, View};
use bgptap::bgp::nlri::{NlriField, NlriIter, Prefix};
use bgptap::bgp::{Context, Message};

/// Goes through a message and everything in it.
#[inline]
pub(crate) fn visit(bytes: &[u8], context: &Context) -> Option<Seen> {
    let Ok(Message::Update(update)) = &Message::parse(bytes, context) else {
        return None;
    };
    let mut seen = Seen {
        announced: nlri(update.announced()),
        withdrawn: nlri(update.withdrawn()),
        ..Seen::default()
    };
    for (attribute, view) in update.views() {
        let value = match view {
            View::Origin(origin) => origin as u64,
            View::AsPath(path) => segments(path),
            View::As4Path(path) => segments(path.0),
            View::NextHop(next_hop) => next_hop.0.to_bits().into(),
            View::Med(med) => med.0.into(),
            View::LocalPref(preference) => preference.0.into(),
            View::AtomicAggregate(_) => 1,
            View::Aggregator(by) => aggregator(by.asn, by.addr.to_bits()),
            View::As4Aggregator(by) => aggregator(by.0.asn, by.0.addr.to_bits()),
            View::Communities(list) => sum(list.iter().map(|c| c.0.into())),
            View::OriginatorId(id) => id.0.to_bits().into(),
            View::ClusterList(list) => sum(list.iter().map(|id| id.to_bits().into())),
            View::ExtCommunities(list) => sum(list.iter().map(|c| u64::from_be_bytes(c.0))),
            View::LargeCommunities(list) => sum(list
                .iter()
                .map(|c| [c.global, c.local1, c.local2].map(u64::from).iter().sum())),
            View::MpReach(reach) => {
                seen.announced = seen.announced.wrapping_add(nlri(reach.nlri));
                next_hops(&reach)
            }
            View::MpUnreach(unreach) => {
                seen.withdrawn = seen.withdrawn.wrapping_add(nlri(unreach.nlri));
                0
            }
            View::Malformed(_) => return None,
            View::Unknown(value) => value.len() as u64,
            _ => 0,
        };
        seen.attribute(attribute.code, value);
    }
    Some(seen)
}

#[inline]
fn segments(path: AsPath<'_>) -> u64 {
    sum(path.segments().map(|s| {
        let kind = match s.kind {
            SegmentKind::Set => 1,
            SegmentKind::Sequence => 2,
            SegmentKind::ConfedSequence => 3,
            SegmentKind::ConfedSet => 4,
        };
        segment(kind, sum(s.asns.map(u64::from)))
    }))
}

#[inline]
fn next_hops(reach: &MpReach<'_>) -> u64 {
    sum(reach.next_hops.iter().map(addr))
}

#[inline(always)]
fn nlri(field: NlriField<'_>) -> u64 {
    match field.iter() {
        NlriIter::Ipv4(list) => prefixes(list),
        NlriIter::Ipv6(list) => prefixes(list),
        NlriIter::Vpn(list) => sum(list.map(|route| {
            let labels = route.labels.map(|labels| labels.iter());
            let labels = sum(labels.into_iter().flatten().map(|l| l.value().into()));
            let rd = u64::from_be_bytes(route.rd.0);
            vpn(prefix(route.prefix.addr, route.prefix.len), rd, labels)
        })),
        _ => 0,
    }
}

#[inline]
fn prefixes(list: impl Iterator<Item = Prefix>) -> u64 {
    sum(list.map(|p| prefix(p.addr, p.len)))
}
