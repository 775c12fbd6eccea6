//! Multicast VPN routes (RFC 6514 §4) and multicast distribution trees (RFC 6037 §4).

use std::net::IpAddr;

use proptest::option;
use proptest::prelude::*;
use serde_json::json;

use crate::source::{Source, addr, maybe_with_bits, octets, rd, typed};

pub(crate) fn mvpn(v6: bool) -> BoxedStrategy<Source> {
    prop_oneof![
        intra_as(v6),
        inter_as(),
        s_pmsi(v6),
        leaf(v6),
        source_active(v6),
        join(v6, 6, "shared-tree-join"),
        join(v6, 7, "source-tree-join"),
    ]
    .boxed()
}

fn intra_as(v6: bool) -> BoxedStrategy<Source> {
    (rd(), addr(v6))
        .prop_map(|((rd, text), originator)| {
            let json = json!({
                "nlri_type": "intra-as-i-pmsi-ad",
                "rd": text,
                "originator": originator.to_string(),
            });
            typed(1, [&rd[..], &octets(originator)].concat(), json)
        })
        .boxed()
}

fn inter_as() -> BoxedStrategy<Source> {
    (rd(), any::<u32>())
        .prop_map(|((rd, text), source_as)| {
            let json = json!({
                "nlri_type": "inter-as-i-pmsi-ad",
                "rd": text,
                "source_as": source_as,
            });
            typed(2, [&rd[..], &source_as.to_be_bytes()].concat(), json)
        })
        .boxed()
}

type Flow = (Option<IpAddr>, Option<IpAddr>);

fn flow(v6: bool, wildcards: bool) -> impl Strategy<Value = Flow> {
    let weight = if wildcards { 0.8 } else { 0.999 };
    let part = move || option::weighted(weight, addr(v6));
    (part(), part())
}

fn flow_octets((source, group): Flow) -> Vec<u8> {
    [maybe_with_bits(source), maybe_with_bits(group)].concat()
}

fn text(addr: Option<IpAddr>) -> Option<String> {
    addr.map(|addr| addr.to_string())
}

/// Wildcards are possible (RFC 6625 §2).
fn s_pmsi(v6: bool) -> BoxedStrategy<Source> {
    (rd(), flow(v6, true), addr(v6))
        .prop_map(|((rd, name), flow, originator)| {
            let json = json!({
                "nlri_type": "s-pmsi-ad",
                "rd": name,
                "source": text(flow.0),
                "group": text(flow.1),
                "originator": originator.to_string(),
            });
            let value = [&rd[..], &flow_octets(flow), &octets(originator)];
            typed(3, value.concat(), json)
        })
        .boxed()
}

fn leaf(v6: bool) -> BoxedStrategy<Source> {
    (prop_oneof![inter_as(), s_pmsi(v6)], addr(v6))
        .prop_map(|(key, originator)| {
            let json = json!({
                "nlri_type": "leaf-ad",
                "route_key": key.json,
                "originator": originator.to_string(),
            });
            typed(4, [key.octets, octets(originator)].concat(), json)
        })
        .boxed()
}

fn source_active(v6: bool) -> BoxedStrategy<Source> {
    (rd(), flow(v6, false))
        .prop_map(|((rd, name), flow)| {
            let json = json!({
                "nlri_type": "source-active-ad",
                "rd": name,
                "source": text(flow.0),
                "group": text(flow.1),
            });
            typed(5, [&rd[..], &flow_octets(flow)].concat(), json)
        })
        .boxed()
}

fn join(v6: bool, kind: u8, nlri_type: &'static str) -> BoxedStrategy<Source> {
    (rd(), any::<u32>(), flow(v6, false))
        .prop_map(move |((rd, name), source_as, flow)| {
            let json = json!({
                "nlri_type": nlri_type,
                "rd": name,
                "source_as": source_as,
                "source": text(flow.0),
                "group": text(flow.1),
            });
            let value = [&rd[..], &source_as.to_be_bytes(), &flow_octets(flow)];
            typed(kind, value.concat(), json)
        })
        .boxed()
}

pub(crate) fn mdt() -> BoxedStrategy<Source> {
    (rd(), addr(false), addr(false))
        .prop_map(|((rd, name), source, group)| Source {
            octets: [&[128], &rd[..], &octets(source), &octets(group)].concat(),
            json: json!({
                "nlri_type": "mdt",
                "rd": name,
                "source": source.to_string(),
                "group": group.to_string(),
            }),
        })
        .boxed()
}
