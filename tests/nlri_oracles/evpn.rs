//! EVPN routes: RFC 7432 §7, RFC 9136 §3.1, RFC 9251 §9, RFC 9572 §3.

use std::net::IpAddr;

use proptest::option;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::source::{
    Source, addr, any_addr, maybe_with_bits, network, octets, rd, typed, with_bits,
};

pub(crate) fn route() -> BoxedStrategy<Source> {
    prop_oneof![
        auto_discovery(),
        mac_ip(),
        inclusive(),
        segment(),
        ip_prefix(),
        selective(),
        report(),
        leave(),
        per_region(),
        s_pmsi(),
        leaf(),
    ]
    .boxed()
}

fn colons(octets: &[u8]) -> Value {
    let pairs: Vec<_> = octets.iter().map(|octet| format!("{octet:02x}")).collect();
    pairs.join(":").into()
}

/// Label fields, as MPLS labels and as VNI.
fn fields(json: &mut Value, fields: &[[u8; 3]]) {
    let number = |f: &[u8; 3]| u32::from_be_bytes([0, f[0], f[1], f[2]]);
    json["labels"] = fields.iter().map(|f| number(f) >> 4).collect();
    json["vnis"] = fields.iter().map(number).collect();
}

fn auto_discovery() -> BoxedStrategy<Source> {
    (rd(), any::<[u8; 10]>(), any::<u32>(), any::<[u8; 3]>())
        .prop_map(|((rd, text), esi, tag, label)| {
            let mut json = json!({
                "nlri_type": "ethernet-auto-discovery",
                "rd": text,
                "esi": colons(&esi),
                "ethernet_tag": tag,
            });
            fields(&mut json, &[label]);
            let value = [&rd[..], &esi, &tag.to_be_bytes(), &label].concat();
            typed(1, value, json)
        })
        .boxed()
}

fn mac_ip() -> BoxedStrategy<Source> {
    let labels = (any::<[u8; 3]>(), option::of(any::<[u8; 3]>()));
    let host = (any::<[u8; 6]>(), option::of(any_addr()));
    (rd(), any::<[u8; 10]>(), any::<u32>(), host, labels)
        .prop_map(|((rd, text), esi, tag, (mac, ip), (first, second))| {
            let labels: Vec<_> = [first].into_iter().chain(second).collect();
            let mut json = json!({
                "nlri_type": "mac-ip-advertisement",
                "rd": text,
                "esi": colons(&esi),
                "ethernet_tag": tag,
                "mac": colons(&mac),
            });
            if let Some(ip) = ip {
                json["ip"] = ip.to_string().into();
            }
            fields(&mut json, &labels);
            let value = [
                &rd[..],
                &esi,
                &tag.to_be_bytes(),
                &[48],
                &mac,
                &maybe_with_bits(ip),
                &labels.concat(),
            ];
            typed(2, value.concat(), json)
        })
        .boxed()
}

fn inclusive() -> BoxedStrategy<Source> {
    (rd(), any::<u32>(), any_addr())
        .prop_map(|((rd, text), tag, originator)| {
            let json = json!({
                "nlri_type": "inclusive-multicast-ethernet-tag",
                "rd": text,
                "ethernet_tag": tag,
                "originator": originator.to_string(),
            });
            let value = [&rd[..], &tag.to_be_bytes(), &with_bits(originator)];
            typed(3, value.concat(), json)
        })
        .boxed()
}

fn segment() -> BoxedStrategy<Source> {
    (rd(), any::<[u8; 10]>(), any_addr())
        .prop_map(|((rd, text), esi, originator)| {
            let json = json!({
                "nlri_type": "ethernet-segment",
                "rd": text,
                "esi": colons(&esi),
                "originator": originator.to_string(),
            });
            let value = [&rd[..], &esi, &with_bits(originator)];
            typed(4, value.concat(), json)
        })
        .boxed()
}

/// With one overlay index at most (RFC 9136 §3.2).
fn ip_prefix() -> BoxedStrategy<Source> {
    let route = |v6: bool| (network(v6), addr(v6));
    let prefix = any::<bool>().prop_flat_map(route);
    let index = (any::<bool>(), any::<[u8; 10]>());
    (rd(), index, any::<u32>(), prefix, any::<[u8; 3]>())
        .prop_map(
            |((rd, text), (by_segment, esi), tag, (network, gateway), label)| {
                let gateway = match gateway {
                    IpAddr::V4(_) if by_segment => IpAddr::from([0; 4]),
                    IpAddr::V6(_) if by_segment => IpAddr::from([0; 16]),
                    gateway => gateway,
                };
                let esi = if by_segment { esi } else { [0; 10] };
                let mut json = json!({
                    "nlri_type": "ip-prefix",
                    "rd": text,
                    "esi": colons(&esi),
                    "ethernet_tag": tag,
                    "prefix": network.text(),
                    "gateway": gateway.to_string(),
                });
                fields(&mut json, &[label]);
                let value = [
                    &rd[..],
                    &esi,
                    &tag.to_be_bytes(),
                    &[network.len],
                    &octets(network.addr),
                    &octets(gateway),
                    &label,
                ];
                typed(5, value.concat(), json)
            },
        )
        .boxed()
}

type Traffic = (u32, Option<IpAddr>, Option<IpAddr>, IpAddr);

/// Tag, source, group and originator, each address of the family of the traffic.
fn traffic() -> impl Strategy<Value = Traffic> {
    any::<bool>().prop_flat_map(|v6| {
        let any_of = || option::weighted(0.8, addr(v6));
        (any::<u32>(), any_of(), any_of(), any_addr())
    })
}

fn traffic_octets((tag, source, group, originator): Traffic) -> Vec<u8> {
    [
        tag.to_be_bytes().to_vec(),
        maybe_with_bits(source),
        maybe_with_bits(group),
        with_bits(originator),
    ]
    .concat()
}

fn traffic_json(name: &str, rd: &str, (tag, source, group, originator): Traffic) -> Value {
    json!({
        "nlri_type": name,
        "rd": rd,
        "ethernet_tag": tag,
        "source": source.map(|addr| addr.to_string()),
        "group": group.map(|addr| addr.to_string()),
        "originator": originator.to_string(),
    })
}

fn selective() -> BoxedStrategy<Source> {
    (rd(), traffic(), any::<u8>())
        .prop_map(|((rd, text), traffic, flags)| {
            let mut json = traffic_json("selective-multicast-ethernet-tag", &text, traffic);
            json["flags"] = flags.into();
            let value = [&rd[..], &traffic_octets(traffic), &[flags]];
            typed(6, value.concat(), json)
        })
        .boxed()
}

fn report() -> BoxedStrategy<Source> {
    (rd(), any::<[u8; 10]>(), traffic(), any::<u8>())
        .prop_map(|((rd, text), esi, traffic, flags)| {
            let mut json = traffic_json("multicast-membership-report-synch", &text, traffic);
            json["esi"] = colons(&esi);
            json["flags"] = flags.into();
            let value = [&rd[..], &esi, &traffic_octets(traffic), &[flags]];
            typed(7, value.concat(), json)
        })
        .boxed()
}

fn leave() -> BoxedStrategy<Source> {
    let times = (any::<[u8; 4]>(), any::<u8>(), any::<u8>());
    (rd(), any::<[u8; 10]>(), traffic(), times)
        .prop_map(|((rd, text), esi, traffic, (reserved, time, flags))| {
            let mut json = traffic_json("multicast-leave-synch", &text, traffic);
            json["esi"] = colons(&esi);
            json["maximum_response_time"] = time.into();
            json["flags"] = flags.into();
            let value = [
                &rd[..],
                &esi,
                &traffic_octets(traffic),
                &reserved,
                &[time, flags],
            ];
            typed(8, value.concat(), json)
        })
        .boxed()
}

fn per_region() -> BoxedStrategy<Source> {
    (rd(), any::<u32>(), any::<u16>(), any::<u32>())
        .prop_map(|((rd, text), tag, asn, number)| {
            // RFC 9572 §3.1: in the format of an extended community; here a route target.
            let json = json!({
                "nlri_type": "per-region-i-pmsi-ad",
                "rd": text,
                "ethernet_tag": tag,
                "region_id": format!("RT:{asn}:{number}"),
            });
            let value = [
                &rd[..],
                &tag.to_be_bytes(),
                &[0, 2],
                &asn.to_be_bytes(),
                &number.to_be_bytes(),
            ];
            typed(9, value.concat(), json)
        })
        .boxed()
}

fn s_pmsi() -> BoxedStrategy<Source> {
    (rd(), traffic())
        .prop_map(|((rd, text), traffic)| {
            let json = traffic_json("s-pmsi-ad", &text, traffic);
            typed(10, [&rd[..], &traffic_octets(traffic)].concat(), json)
        })
        .boxed()
}

/// An answer to a route of any other type.
fn leaf() -> BoxedStrategy<Source> {
    let answered = prop_oneof![inclusive(), s_pmsi(), per_region()];
    (answered, any_addr())
        .prop_map(|(key, originator)| {
            let json = json!({
                "nlri_type": "leaf-ad",
                "route_key": key.json,
                "originator": originator.to_string(),
            });
            typed(11, [key.octets, with_bits(originator)].concat(), json)
        })
        .boxed()
}
