//! Our reading.

use bgptap::bgp::Update;
use bgptap::bgp::attribute::ext_community::{Administrator, ExtValue};
use bgptap::bgp::attribute::{
    Aggregator, As4Aggregator, ExtCommunity, Ipv6ExtCommunities, MergedPath, OnlyToCustomer,
    Segment, SegmentKind,
};
use serde_json::{Value, json};

use crate::route::Path;

fn segments<'a>(list: impl Iterator<Item = Segment<'a>>) -> Path {
    let kind = |kind| match kind {
        SegmentKind::Set => 1,
        SegmentKind::Sequence => 2,
        SegmentKind::ConfedSequence => 3,
        SegmentKind::ConfedSet => 4,
    };
    list.map(|s| (kind(s.kind), s.asns.collect())).collect()
}

pub(crate) fn path(path: &MergedPath<'_>) -> Path {
    segments(path.segments())
}

/// A community put together again from what was read, where that is all of it.
fn ext_bits(community: ExtCommunity) -> u64 {
    let (high, low) = community.kind();
    let head = u64::from(high) << 56 | u64::from(low) << 48;
    match community.value() {
        // In two octets and four, or the other way round.
        ExtValue::Specific { admin, local } => match (admin, high & 0x3f) {
            (Administrator::As(asn), 0) => head | u64::from(asn) << 32 | u64::from(local),
            (Administrator::As(asn), _) => head | u64::from(asn) << 16 | u64::from(local),
            (Administrator::Address(addr), _) => {
                head | u64::from(addr.to_bits()) << 16 | u64::from(local)
            }
        },
        ExtValue::LinkBandwidth { asn, bits } => head | u64::from(asn) << 32 | u64::from(bits),
        _ => community.to_bits(),
    }
}

pub(crate) fn reading(update: &Update<'_>) -> Value {
    let clusters = update.cluster_list();
    let large = update.large_communities();
    let ext = update.ext_communities();
    let ipv6_ext = update.get::<Ipv6ExtCommunities<'_>>();
    let ipv6_octets = |c: bgptap::bgp::attribute::Ipv6ExtCommunity| {
        let (high, low) = c.kind();
        [
            &[high, low][..],
            &c.address().octets(),
            &c.local().to_be_bytes(),
        ]
        .concat()
    };
    json!({
        "origin": update.origin().map(|origin| origin as u8),
        "path": update.as_path().map(|path| segments(path.segments())),
        "next_hop": update.next_hop(),
        "med": update.med(),
        "local_pref": update.local_pref(),
        "atomic": update.atomic_aggregate(),
        "aggregator": update.get::<Aggregator>().map(|a| (a.asn, a.addr)),
        "communities": update.communities().map(|c| c.iter().map(|c| c.0).collect::<Vec<_>>()),
        "originator": update.originator_id(),
        "clusters": clusters.map(|c| c.iter().map(u32::from).collect::<Vec<_>>()),
        "ext": ext.map(|c| c.iter().map(ext_bits).collect::<Vec<_>>()),
        "as4_path": update.as4_path().map(|path| segments(path.segments())),
        "as4_aggregator": update.get::<As4Aggregator>().map(|a| (a.0.asn, a.0.addr)),
        "ipv6_ext": ipv6_ext.map(|c| c.iter().map(ipv6_octets).collect::<Vec<_>>()),
        "large": large.map(|c| c.iter().map(|c| [c.global, c.local1, c.local2]).collect::<Vec<_>>()),
        "otc": update.get::<OnlyToCustomer>().map(|otc| otc.0),
    })
}
