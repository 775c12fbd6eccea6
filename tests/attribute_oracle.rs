//! Random valid attributes: what is read is what was sent, and bgpkit-parser reads the same.
#![allow(clippy::expect_used, clippy::unwrap_used, missing_docs)]

use std::net::Ipv4Addr;

use bgpkit_parser::models::{AsPathSegment, AsnLength, AttributeValue, Community, Origin};
use bgpkit_parser::parser::bgp::messages::parse_bgp_update_message;
use bgptap::bgp::{Context, Message, Update};
use bytes::Bytes;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use serde_json::{Value, json};

/// The attributes of a route, as their sender knows them.
#[derive(Clone, Debug)]
struct Route {
    as4: bool,
    origin: u8,
    /// Kinds of segments, 1 to 4, and their AS numbers.
    path: Vec<(u8, Vec<u32>)>,
    next_hop: Ipv4Addr,
    med: Option<u32>,
    local_pref: Option<u32>,
    atomic: bool,
    aggregator: Option<(u32, Ipv4Addr)>,
    communities: Option<Vec<u32>>,
    originator: Option<Ipv4Addr>,
    clusters: Option<Vec<u32>>,
    large: Option<Vec<[u32; 3]>>,
    otc: Option<u32>,
}

fn asn(as4: bool) -> BoxedStrategy<u32> {
    match as4 {
        true => (1..=u32::MAX).boxed(),
        false => (1..=0xffffu32).boxed(),
    }
}

fn host() -> impl Strategy<Value = Ipv4Addr> {
    (1..=126u8, any::<[u8; 3]>()).prop_map(|(a, [b, c, d])| Ipv4Addr::new(a, b, c, d))
}

prop_compose! {
    fn route()(as4 in any::<bool>())(
        as4 in Just(as4),
        origin in 0..3u8,
        path in vec((1..=4u8, vec(asn(as4), 1..8)), 0..4),
        next_hop in host(),
        (med, local_pref, otc) in any::<(Option<u32>, Option<u32>, Option<u32>)>(),
        atomic in any::<bool>(),
        aggregator in option::of((asn(as4), host())),
        communities in option::of(vec(any::<u32>(), 1..40)),
        originator in option::of(host()),
        clusters in option::of(vec(any::<u32>(), 1..5)),
        large in option::of(vec(any::<[u32; 3]>(), 1..30)),
    ) -> Route {
        Route {
            as4, origin, path, next_hop, med, local_pref, atomic, aggregator, communities,
            originator, clusters, large, otc,
        }
    }
}

impl Route {
    fn asn(&self, asn: u32) -> Vec<u8> {
        let octets = asn.to_be_bytes();
        octets[if self.as4 { 0 } else { 2 }..].to_vec()
    }

    /// Flags, type code and value of each attribute.
    fn attributes(&self) -> Vec<(u8, u8, Vec<u8>)> {
        let segment = |(kind, asns): &(u8, Vec<u32>)| {
            let count = u8::try_from(asns.len()).expect("short");
            let asns = asns.iter().flat_map(|asn| self.asn(*asn));
            [vec![*kind, count], asns.collect()].concat()
        };
        let numbers = |list: &[u32]| list.iter().flat_map(|n| n.to_be_bytes()).collect();
        let number = |n: u32| n.to_be_bytes().to_vec();
        let path: Vec<_> = self.path.iter().flat_map(segment).collect();
        let mut list = vec![
            (0x40, 1, vec![self.origin]),
            (0x40, 2, path),
            (0x40, 3, self.next_hop.octets().to_vec()),
        ];
        list.extend(self.med.map(|med| (0x80, 4, number(med))));
        list.extend(self.local_pref.map(|value| (0x40, 5, number(value))));
        list.extend(self.atomic.then(|| (0x40, 6, Vec::new())));
        list.extend(
            self.aggregator
                .map(|(asn, addr)| (0xc0, 7, [self.asn(asn), addr.octets().to_vec()].concat())),
        );
        list.extend(self.communities.as_ref().map(|c| (0xc0, 8, numbers(c))));
        list.extend(self.originator.map(|id| (0x80, 9, id.octets().to_vec())));
        list.extend(self.clusters.as_ref().map(|c| (0x80, 10, numbers(c))));
        list.extend(
            self.large
                .as_ref()
                .map(|c| (0xc0, 32, numbers(c.as_flattened()))),
        );
        list.extend(self.otc.map(|asn| (0xc0, 35, number(asn))));
        list
    }

    fn message(&self) -> Vec<u8> {
        let mut attributes = Vec::new();
        for (flags, code, value) in self.attributes() {
            let length = u16::try_from(value.len()).expect("short").to_be_bytes();
            attributes.extend([flags | 0x10, code]);
            attributes.extend(length);
            attributes.extend(value);
        }
        let length = u16::try_from(attributes.len())
            .expect("short")
            .to_be_bytes();
        let body = [&[0, 0], &length[..], &attributes, &[24, 198, 51, 100]].concat();
        let length = u16::try_from(19 + body.len()).expect("short").to_be_bytes();
        [&[0xff; 16][..], &length, &[2], &body].concat()
    }

    fn json(&self) -> Value {
        json!({
            "origin": self.origin, "path": self.path, "next_hop": self.next_hop, "med": self.med,
            "local_pref": self.local_pref, "atomic": self.atomic, "aggregator": self.aggregator,
            "communities": self.communities, "originator": self.originator,
            "clusters": self.clusters, "large": self.large, "otc": self.otc,
        })
    }
}

fn ours(update: &Update<'_>) -> Value {
    use bgptap::bgp::attribute::{OnlyToCustomer, SegmentKind};
    let kind = |kind| match kind {
        SegmentKind::Set => 1,
        SegmentKind::Sequence => 2,
        SegmentKind::ConfedSequence => 3,
        SegmentKind::ConfedSet => 4,
    };
    let path = update.path().expect("valid");
    let path: Vec<(u8, Vec<u32>)> = path
        .segments()
        .map(|s| (kind(s.kind), s.asns.collect()))
        .collect();
    let clusters = update.cluster_list();
    let large = update.large_communities();
    json!({
        "origin": update.origin().map(|origin| origin as u8),
        "path": path,
        "next_hop": update.next_hop(),
        "med": update.med(),
        "local_pref": update.local_pref(),
        "atomic": update.atomic_aggregate(),
        "aggregator": update.aggregator().map(|a| (a.asn, a.addr)),
        "communities": update.communities().map(|c| c.iter().map(|c| c.0).collect::<Vec<_>>()),
        "originator": update.originator_id(),
        "clusters": clusters.map(|c| c.iter().map(u32::from).collect::<Vec<_>>()),
        "large": large.map(|c| c.iter().map(|c| [c.global, c.local1, c.local2]).collect::<Vec<_>>()),
        "otc": update.get::<OnlyToCustomer>().map(|otc| otc.0),
    })
}

fn theirs(message: &[u8], as4: bool) -> Value {
    let width = if as4 {
        AsnLength::Bits32
    } else {
        AsnLength::Bits16
    };
    let body = Bytes::copy_from_slice(&message[19..]);
    let update = parse_bgp_update_message(body, false, &width).expect("valid");
    let mut json = json!({
        "origin": null, "path": null, "next_hop": null, "med": null, "local_pref": null,
        "atomic": false, "aggregator": null, "communities": null, "originator": null,
        "clusters": null, "large": null, "otc": null,
    });
    for attribute in update.attributes.iter() {
        let (key, value) = reading(attribute);
        json[key] = value;
    }
    json
}

fn reading(attribute: &AttributeValue) -> (&'static str, Value) {
    match attribute {
        AttributeValue::Origin(origin) => {
            let code = match origin {
                Origin::IGP => 0,
                Origin::EGP => 1,
                Origin::INCOMPLETE => 2,
            };
            ("origin", json!(code))
        }
        AttributeValue::AsPath(path) => {
            let segment = |segment: &AsPathSegment| match segment {
                AsPathSegment::AsSet(asns) => json!([1, numbers(asns)]),
                AsPathSegment::AsSequence(asns) => json!([2, numbers(asns)]),
                AsPathSegment::ConfedSequence(asns) => json!([3, numbers(asns)]),
                AsPathSegment::ConfedSet(asns) => json!([4, numbers(asns)]),
            };
            ("path", path.segments.iter().map(segment).collect())
        }
        AttributeValue::NextHop(addr) => ("next_hop", json!(addr)),
        AttributeValue::MultiExitDiscriminator(med) => ("med", json!(med)),
        AttributeValue::LocalPreference(value) => ("local_pref", json!(value)),
        AttributeValue::AtomicAggregate => ("atomic", json!(true)),
        AttributeValue::Aggregator { asn, id } => ("aggregator", json!((asn.to_u32(), id))),
        AttributeValue::Communities(list) => {
            let number = |community: &Community| match community {
                Community::NoExport => 0xffff_ff01,
                Community::NoAdvertise => 0xffff_ff02,
                Community::NoExportSubConfed => 0xffff_ff03,
                Community::Custom(asn, value) => asn.to_u32() << 16 | u32::from(*value),
            };
            ("communities", list.iter().map(number).collect())
        }
        AttributeValue::OriginatorId(id) => ("originator", json!(id)),
        AttributeValue::Clusters(list) => ("clusters", json!(list)),
        AttributeValue::LargeCommunities(list) => {
            let numbers = list.iter().map(|c| {
                let [local1, local2] = c.local_data;
                json!([c.global_admin, local1, local2])
            });
            ("large", numbers.collect())
        }
        AttributeValue::OnlyToCustomer(asn) => ("otc", json!(asn.to_u32())),
        other => panic!("not sent: {other:?}"),
    }
}

fn numbers(asns: &[bgpkit_parser::models::Asn]) -> Vec<u32> {
    asns.iter().map(|asn| asn.to_u32()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn what_is_read_is_what_was_sent(route in route()) {
        let message = route.message();
        let context = Context { as4: route.as4, ..Context::assumed() };
        let Ok(Message::Update(update)) = Message::parse(&message, &context) else {
            panic!("not an UPDATE");
        };
        prop_assert_eq!(ours(&update), route.json());
        let has_sets = route.path.iter().any(|(kind, _)| matches!(kind, 1 | 4));
        prop_assert_eq!(update.errors().total(), u16::from(has_sets), "RFC 9774 and nothing else");
        prop_assert_eq!(theirs(&message, route.as4), route.json());
    }
}
