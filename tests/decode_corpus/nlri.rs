//! NLRI of all families in the shapes of those who state what is in them.

use bgptap::bgp::nlri::part::Labels;
use bgptap::bgp::nlri::{EvpnLabels, EvpnRoute};
use bgptap::bgp::{Family, Nlri, NlriField, Prefix};
use serde_json::{Value, json};

/// Whether the truth states what is in the NLRI of the family. tshark 4.0 gives no fields for
/// VPN-IPv6.
pub(crate) fn in_truth(family: Family) -> bool {
    matches!(
        (family.afi.0, family.safi.0),
        (1 | 2, 1 | 2 | 4) | (1, 128) | (25, 70)
    )
}

/// Our reading of a field in the shape of the truth.
pub(crate) fn as_truth(field: NlriField<'_>) -> impl Iterator<Item = Value> {
    field.iter().map(move |nlri| {
        let (mut item, path_id) = match nlri {
            Nlri::Ipv4(prefix) | Nlri::Ipv6(prefix) => prefix_item(prefix),
            Nlri::Labeled(labeled) => {
                let (mut item, path_id) = prefix_item(labeled.prefix);
                item["labels"] = stack(labeled.labels).into();
                (item, path_id)
            }
            Nlri::Vpn(vpn) => {
                let (mut item, path_id) = prefix_item(vpn.prefix);
                item["rd"] = vpn.rd.to_string().into();
                item["labels"] = stack(vpn.labels.expect("SAFI 128")).into();
                (item, path_id)
            }
            Nlri::EvpnRoutes(evpn) => {
                let mut item = evpn_item(evpn.route().expect("readable"));
                item["route_type"] = evpn.kind.to_string().into();
                (item, evpn.path_id)
            }
            other => panic!("not in the truth: {other:?}"),
        };
        let family = field.family();
        item["afi"] = family.afi.0.into();
        item["safi"] = family.safi.0.into();
        if let Some(id) = path_id {
            item["path_id"] = id.into();
        }
        item
    })
}

fn prefix_item(prefix: Prefix) -> (Value, Option<u32>) {
    (json!({ "prefix": prefix.to_string() }), prefix.path_id)
}

/// `20 (bottom)`, as tshark writes it.
fn stack(labels: Labels<'_>) -> String {
    let text = |label: bgptap::bgp::nlri::part::Label| {
        let bottom = if label.bottom() { " (bottom)" } else { "" };
        format!("{}{bottom}", label.value())
    };
    labels.iter().map(text).collect::<Vec<_>>().join(",")
}

fn octets(bytes: &[u8]) -> Value {
    let pairs: Vec<_> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    pairs.join(":").into()
}

fn evpn_item(route: EvpnRoute<'_>) -> Value {
    let label = |labels: EvpnLabels<'_>| {
        let first = labels.iter().next().expect("a label");
        first.value().to_string()
    };
    match route {
        EvpnRoute::EthernetAutoDiscovery {
            rd,
            esi,
            ethernet_tag,
            labels,
        } => json!({
            "rd": octets(&rd.0),
            "esi": esi.to_string(),
            "etag": ethernet_tag.to_string(),
            "label1": label(labels),
        }),
        EvpnRoute::MacIpAdvertisement {
            rd,
            esi,
            ethernet_tag,
            mac,
            ip,
            labels,
        } => {
            let bits = ip.map_or(0, |ip| if ip.is_ipv4() { 32 } else { 128 });
            let mut item = json!({
                "rd": octets(&rd.0),
                "esi": esi.to_string(),
                "etag": ethernet_tag.to_string(),
                "mac": mac.to_string(),
                "ip_bits": bits.to_string(),
                "label1": label(labels),
            });
            if let Some(ip) = ip {
                item["ip"] = ip.to_string().into();
            }
            item
        }
        EvpnRoute::InclusiveMulticastEthernetTag {
            rd,
            ethernet_tag,
            originator,
        } => json!({
            "rd": octets(&rd.0),
            "etag": ethernet_tag.to_string(),
            "ip_bits": if originator.is_ipv4() { "32" } else { "128" },
            "ip": originator.to_string(),
        }),
        EvpnRoute::EthernetSegment {
            rd,
            esi,
            originator,
        } => json!({
            "rd": octets(&rd.0),
            "esi": esi.to_string(),
            "ip_bits": if originator.is_ipv4() { "32" } else { "128" },
            "ip": originator.to_string(),
        }),
        EvpnRoute::IpPrefix {
            rd,
            esi,
            ethernet_tag,
            prefix,
            ..
        } => json!({
            "rd": octets(&rd.0),
            "esi": esi.to_string(),
            "etag": ethernet_tag.to_string(),
            "prefix_bits": prefix.len.to_string(),
            "ip": prefix.addr.to_string(),
        }),
        other => panic!("no such route in the corpus: {other:?}"),
    }
}

/// ExaBGP's JSON for an NLRI in the shape of ours; nothing for the families that are compared
/// elsewhere.
pub(crate) fn from_exabgp(family: &str, item: &Value) -> Option<Value> {
    let mut ours = match family {
        "ipv4 unicast" | "ipv4 multicast" | "ipv6 unicast" | "ipv6 multicast" => {
            if item["path-information"].is_null() {
                return Some(item["nlri"].clone());
            }
            json!({ "prefix": item["nlri"] })
        }
        "ipv4 mpls-vpn" | "ipv6 mpls-vpn" => {
            // A label, and the three octets that it stands in.
            let pairs = item["label"].as_array().expect("labels").iter();
            let labels: Value = pairs.map(|pair| pair[0].clone()).collect();
            json!({ "prefix": item["nlri"], "rd": item["rd"], "labels": labels })
        }
        "ipv4 mcast-vpn" | "ipv6 mcast-vpn" => from_exabgp_mvpn(item),
        "ipv4 mup" | "ipv6 mup" => from_exabgp_mup(item),
        "ipv4 sr-policy" | "ipv6 sr-policy" => json!({
            "nlri_type": "sr-policy",
            "distinguisher": item["distinguisher"],
            "color": item["color"],
            "endpoint": item["endpoint"],
        }),
        "l2vpn vpls" => json!({
            "nlri_type": "vpls",
            "rd": item["rd"],
            "ve_id": item["endpoint"],
            "block_offset": item["offset"],
            "block_size": item["size"],
            "label_base": item["base"],
        }),
        _ => return None,
    };
    if let Some(id) = item["path-information"].as_str() {
        let id: std::net::Ipv4Addr = id.parse().expect("four numbers");
        ours["path_id"] = u32::from(id).into();
    }
    Some(ours)
}

/// A number that ExaBGP gives as text.
fn number(text: &Value) -> Value {
    let text = text.as_str().expect("text");
    text.parse::<u32>().expect("a number").into()
}

fn from_exabgp_mvpn(item: &Value) -> Value {
    let name = match item["code"].as_u64() {
        Some(5) => "source-active-ad",
        Some(6) => "shared-tree-join",
        Some(7) => "source-tree-join",
        other => panic!("no such route in the vectors: {other:?}"),
    };
    let mut ours = json!({
        "nlri_type": name,
        "rd": item["rd"],
        "source": item["source"],
        "group": item["group"],
    });
    if item.get("source-as").is_some() {
        ours["source_as"] = number(&item["source-as"]);
    }
    ours
}

fn from_exabgp_mup(item: &Value) -> Value {
    let prefix = || {
        let addr = item["prefix_ip"].as_str().expect("an address");
        Value::from(format!("{addr}/{}", item["prefix_ip_len"]))
    };
    match item["code"].as_u64() {
        Some(1) => json!({
            "nlri_type": "interwork-segment-discovery",
            "rd": item["rd"],
            "prefix": prefix(),
        }),
        Some(2) => json!({
            "nlri_type": "direct-segment-discovery",
            "rd": item["rd"],
            "address": item["ip"],
        }),
        Some(3) => {
            let mut ours = json!({
                "nlri_type": "type-1-session-transformed",
                "rd": item["rd"],
                "prefix": prefix(),
                "teid": number(&item["teid"]),
                "qfi": number(&item["qfi"]),
                "endpoint": item["endpoint_ip"],
            });
            if item["source_ip_len"] != 0 {
                ours["source"] = item["source_ip"].clone();
            }
            ours
        }
        Some(4) => {
            let mut ours = json!({
                "nlri_type": "type-2-session-transformed",
                "rd": item["rd"],
                "endpoint": item["endpoint_ip"],
                "teid": number(&item["teid"]),
            });
            let endpoint = item["endpoint_ip"].as_str().expect("an address");
            let addr_bits = if endpoint.contains(':') { 128 } else { 32 };
            let teid_bits = item["endpoint_len"].as_u64().expect("a length") - addr_bits;
            if teid_bits != 32 {
                ours["teid_len"] = teid_bits.into();
            }
            ours
        }
        other => panic!("no such route in the vectors: {other:?}"),
    }
}
