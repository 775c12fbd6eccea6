//! The attributes of a random route, as their sender knows them, and the octets that say it.

use std::net::Ipv4Addr;

use bgptap::bgp::Context;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

/// Kinds of segments, 1 to 4, and their AS numbers.
pub(crate) type Path = Vec<(u8, Vec<u32>)>;

#[derive(Clone, Debug)]
pub(crate) struct Route {
    pub(crate) as4: bool,
    origin: u8,
    pub(crate) path: Path,
    next_hop: Ipv4Addr,
    med: Option<u32>,
    local_pref: Option<u32>,
    atomic: bool,
    aggregator: Option<(u32, Ipv4Addr)>,
    communities: Option<Vec<u32>>,
    originator: Option<Ipv4Addr>,
    clusters: Option<Vec<u32>>,
    ext: Option<Vec<u64>>,
    /// Only where AS numbers have two octets (RFC 6793 §4.1).
    pub(crate) as4_path: Option<Path>,
    as4_aggregator: Option<(u32, Ipv4Addr)>,
    ipv6_ext: Option<Vec<[u8; 20]>>,
    large: Option<Vec<[u32; 3]>>,
    otc: Option<u32>,
}

fn asn(as4: bool) -> BoxedStrategy<u32> {
    match as4 {
        true => (1..=u32::MAX).boxed(),
        // One that stands for others now and then (RFC 6793 §4.2.2).
        false => prop_oneof![3 => 1..=0xffffu32, 1 => Just(23456)].boxed(),
    }
}

fn host() -> impl Strategy<Value = Ipv4Addr> {
    (1..=126u8, any::<[u8; 3]>()).prop_map(|(a, [b, c, d])| Ipv4Addr::new(a, b, c, d))
}

/// Of every kind that others read, and of any.
fn ext_community() -> impl Strategy<Value = u64> {
    const KINDS: [u8; 10] = [0, 1, 2, 3, 6, 0x40, 0x41, 0x42, 0x43, 0x80];
    let kind = prop_oneof![4 => select(&KINDS[..]), 1 => any::<u8>()];
    let community = (kind, 0..16u8, any::<[u8; 6]>());
    community
        .prop_map(|(kind, low, [a, b, c, d, e, f])| [kind, low, a, b, c, d, e, f])
        .prop_filter("see `flow_actions_are_of_type_0x80`", |octets| {
            !matches!(octets, [0x40, 6..=9, ..])
        })
        .prop_map(u64::from_be_bytes)
}

fn path(as4: bool, kinds: u8) -> impl Strategy<Value = Path> {
    vec((1..=kinds, vec(asn(as4), 1..8)), 0..4)
}

prop_compose! {
    fn lists()(
        communities in option::of(vec(any::<u32>(), 1..40)),
        clusters in option::of(vec(any::<u32>(), 1..5)),
        ext in option::of(vec(ext_community(), 1..20)),
        ipv6_ext in option::of(vec(any::<[u8; 20]>(), 1..5)),
        large in option::of(vec(any::<[u32; 3]>(), 1..30)),
    ) -> (Option<Vec<u32>>, Option<Vec<u32>>, Option<Vec<u64>>, Option<Vec<[u8; 20]>>, Option<Vec<[u32; 3]>>) {
        (communities, clusters, ext, ipv6_ext, large)
    }
}

prop_compose! {
    /// With AS numbers of one of these widths, and segments of so many kinds.
    pub(crate) fn route_of(widths: &'static [bool], kinds: u8)(as4 in select(widths))(
        as4 in Just(as4),
        origin in 0..3u8,
        path in path(as4, kinds),
        next_hop in host(),
        (med, local_pref, otc) in any::<(Option<u32>, Option<u32>, Option<u32>)>(),
        atomic in any::<bool>(),
        aggregator in option::of((asn(as4), host())),
        originator in option::of(host()),
        // RFC 6793 §6: an AS4_PATH of no segments is malformed.
        as4_path in option::of(self::path(true, 2).prop_filter("of some", |p| !p.is_empty())),
        as4_aggregator in option::of((asn(true), host())),
        (communities, clusters, ext, ipv6_ext, large) in lists(),
    ) -> Route {
        Route {
            as4, origin, path, next_hop, med, local_pref, atomic, aggregator, communities,
            originator, clusters, ext, ipv6_ext, large, otc,
            as4_path: as4_path.filter(|_| !as4),
            as4_aggregator: as4_aggregator.filter(|_| !as4),
        }
    }
}

fn numbers(list: &[u32]) -> Vec<u8> {
    list.iter().flat_map(|n| n.to_be_bytes()).collect()
}

fn asn_octets(asn: u32, as4: bool) -> Vec<u8> {
    asn.to_be_bytes()[if as4 { 0 } else { 2 }..].to_vec()
}

fn path_octets(path: &Path, as4: bool) -> Vec<u8> {
    let segment = |(kind, asns): &(u8, Vec<u32>)| {
        let count = u8::try_from(asns.len()).expect("short");
        let asns = asns.iter().flat_map(|asn| asn_octets(*asn, as4));
        [vec![*kind, count], asns.collect()].concat()
    };
    path.iter().flat_map(segment).collect()
}

fn aggregator_octets((asn, addr): (u32, Ipv4Addr), as4: bool) -> Vec<u8> {
    [asn_octets(asn, as4), addr.octets().to_vec()].concat()
}

pub(crate) fn route() -> impl Strategy<Value = Route> {
    route_of(&[false, true], 4)
}

impl Route {
    pub(crate) fn context(&self) -> Context {
        Context {
            as4: self.as4,
            ..Context::assumed()
        }
    }

    /// RFC 6793 §4.2.3: where both aggregators are there, and the AS number of the one is no
    /// substitute.
    pub(crate) fn as4_attributes_are_ignored(&self) -> bool {
        let plain = self.aggregator.map(|(asn, _)| asn);
        self.as4_path.is_none()
            || self.as4_aggregator.is_some() && plain.is_some_and(|asn| asn != 23456)
    }

    /// Flags, type code and value of each attribute.
    fn attributes(&self) -> Vec<(u8, u8, Vec<u8>)> {
        let number = |n: u32| n.to_be_bytes().to_vec();
        let mut list = vec![
            (0x40, 1, vec![self.origin]),
            (0x40, 2, path_octets(&self.path, self.as4)),
            (0x40, 3, self.next_hop.octets().to_vec()),
        ];
        list.extend(self.med.map(|med| (0x80, 4, number(med))));
        list.extend(self.local_pref.map(|value| (0x40, 5, number(value))));
        list.extend(self.atomic.then(|| (0x40, 6, Vec::new())));
        let by = self.aggregator.map(|by| aggregator_octets(by, self.as4));
        list.extend(by.map(|by| (0xc0, 7, by)));
        list.extend(self.communities.as_ref().map(|c| (0xc0, 8, numbers(c))));
        list.extend(self.originator.map(|id| (0x80, 9, id.octets().to_vec())));
        list.extend(self.clusters.as_ref().map(|c| (0x80, 10, numbers(c))));
        let ext = |list: &Vec<u64>| list.iter().flat_map(|c| c.to_be_bytes()).collect();
        list.extend(self.ext.as_ref().map(|c| (0xc0, 16, ext(c))));
        let as4_path = self.as4_path.as_ref().map(|p| path_octets(p, true));
        list.extend(as4_path.map(|path| (0xc0, 17, path)));
        let by = self.as4_aggregator.map(|by| aggregator_octets(by, true));
        list.extend(by.map(|by| (0xc0, 18, by)));
        list.extend(
            self.ipv6_ext
                .as_ref()
                .map(|c| (0xc0, 25, c.as_flattened().to_vec())),
        );
        let large = self.large.as_ref().map(|c| numbers(c.as_flattened()));
        list.extend(large.map(|large| (0xc0, 32, large)));
        list.extend(self.otc.map(|asn| (0xc0, 35, number(asn))));
        list
    }

    pub(crate) fn message(&self) -> Vec<u8> {
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

    pub(crate) fn json(&self) -> Value {
        let ipv6_ext = self
            .ipv6_ext
            .as_ref()
            .map(|list| list.iter().map(|c| c.to_vec()).collect::<Vec<_>>());
        json!({
            "origin": self.origin, "path": self.path, "next_hop": self.next_hop, "med": self.med,
            "local_pref": self.local_pref, "atomic": self.atomic, "aggregator": self.aggregator,
            "communities": self.communities, "originator": self.originator,
            "clusters": self.clusters, "ext": self.ext, "as4_path": self.as4_path,
            "as4_aggregator": self.as4_aggregator, "ipv6_ext": ipv6_ext,
            "large": self.large, "otc": self.otc,
        })
    }
}

/// The form of [`Route::json`] with nothing in it.
pub(crate) fn nothing() -> Value {
    json!({
        "origin": null, "path": null, "next_hop": null, "med": null, "local_pref": null,
        "atomic": false, "aggregator": null, "communities": null, "originator": null,
        "clusters": null, "ext": null, "as4_path": null, "as4_aggregator": null,
        "ipv6_ext": null, "large": null, "otc": null,
    })
}
