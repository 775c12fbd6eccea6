//! Attributes of a route in one form, whoever has read them: as ROUTE lines have them, and as bgpkit-parser does.
#![allow(unreachable_pub, reason = "a module of each test that names it")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![allow(dead_code, reason = "each test needs a part")]

use bgpkit_parser::models::{AsnLength, Attribute, AttributeValue, Attributes, NextHopAddress};
use serde_json::{Map, Value, json};
use std::net::Ipv4Addr;

/// Fields that ROUTE lines and this form have in common.
const SAME: [&str; 8] = [
    "origin",
    "next_hop",
    "med",
    "local_pref",
    "aggregator",
    "originator_id",
    "cluster_list",
    "otc",
];

/// The attributes of a ROUTE line. What explains others (names of communities), and AS4_PATH and AS4_AGGREGATOR, which
/// are in path and aggregator already, are left out.
pub fn of_ours(attributes: &Value) -> Value {
    let mut form = Map::new();
    for (name, value) in attributes.as_object().unwrap() {
        let (name, value) = match name.as_str() {
            same if SAME.contains(&same) => (same, value.clone()),
            "path_text" => ("path", value.clone()),
            "atomic_aggregate" => ("atomic", value.clone()),
            "community" => ("communities", joined(value)),
            "large_community" => ("large", joined(value)),
            "ext_community" => ("extended", each(value, |one| one["raw"].clone())),
            "ipv6_ext_community" => ("extended_ipv6", each(value, |one| one["raw"].clone())),
            "aigp" => ("aigp", value["metric"].clone()),
            "unknown_attributes" => (
                "unknown",
                each(value, |one| json!([one["code"], one["value"]])),
            ),
            "path" | "as4_path" | "as4_aggregator" | "community_names" => continue,
            other => panic!("{other} has no form here: {attributes}"),
        };
        form.insert(name.to_owned(), value);
    }
    Value::Object(form)
}

fn each(list: &Value, form: impl Fn(&Value) -> Value) -> Value {
    list.as_array().unwrap().iter().map(form).collect()
}

/// Lists of numbers as text with colons.
fn joined(list: &Value) -> Value {
    each(list, |one| {
        let parts = one.as_array().unwrap().iter().map(ToString::to_string);
        parts.collect::<Vec<_>>().join(":").into()
    })
}

/// The attributes that bgpkit-parser has read, of an UPDATE or of an entry in a table.
pub fn of_bgpkit(attributes: &Attributes) -> Value {
    let mut form = Map::new();
    let mut unknown = Vec::new();
    for attribute in attributes.clone().into_attributes_iter() {
        let attribute = &attribute;
        let (name, value) = match &attribute.value {
            AttributeValue::Origin(origin) => ("origin", origin.to_string().to_lowercase().into()),
            AttributeValue::AsPath(path) => ("path", path.to_string().into()),
            // RFC 4760 §3: ignored where MP_REACH_NLRI has one.
            AttributeValue::NextHop(_) if form.contains_key("next_hop") => continue,
            AttributeValue::NextHop(hop) => ("next_hop", hop.to_string().into()),
            AttributeValue::MpReachNlri(reach) => {
                ("next_hop", hops(reach.next_hop.unwrap()).into())
            }
            AttributeValue::MultiExitDiscriminator(med) => ("med", (*med).into()),
            AttributeValue::LocalPreference(preference) => ("local_pref", (*preference).into()),
            AttributeValue::AtomicAggregate => ("atomic", true.into()),
            AttributeValue::Aggregator { asn, id } => ("aggregator", format!("{asn}:{id}").into()),
            AttributeValue::OriginatorId(id) => ("originator_id", id.to_string().into()),
            AttributeValue::OnlyToCustomer(asn) => ("otc", asn.to_u32().into()),
            AttributeValue::Clusters(ids) => {
                let ids = ids.iter().map(|id| Ipv4Addr::from(*id).to_string());
                ("cluster_list", ids.collect())
            }
            AttributeValue::Communities(_) => (
                "communities",
                chunks(attribute, 4, |octets| numbers(octets, 2)),
            ),
            AttributeValue::LargeCommunities(_) => {
                ("large", chunks(attribute, 12, |octets| numbers(octets, 4)))
            }
            AttributeValue::ExtendedCommunities(_) => ("extended", chunks(attribute, 8, hex)),
            AttributeValue::Ipv6AddressSpecificExtendedCommunities(_) => {
                ("extended_ipv6", chunks(attribute, 20, hex))
            }
            // RFC 6793 §4.2.3: it counts if AGGREGATOR has AS_TRANS.
            AttributeValue::As4Aggregator { asn, id } => {
                let short = form.get("aggregator").and_then(Value::as_str);
                if !short.is_some_and(|short| short.starts_with("23456:")) {
                    continue;
                }
                ("aggregator", format!("{asn}:{id}").into())
            }
            AttributeValue::As4Path(_) | AttributeValue::MpUnreachNlri(_) => continue,
            _ => match (attribute.value.attr_code(), octets(attribute)) {
                // RFC 7311 §3: TLVs, of which type 1 is the metric.
                (26, value) => {
                    assert_eq!(value[..3], [1, 0, 11]);
                    let metric = u64::from_be_bytes(value[3..].try_into().unwrap());
                    ("aigp", metric.into())
                }
                (code, value) => {
                    unknown.push(json!([code, hex(&value)]));
                    continue;
                }
            },
        };
        form.insert(name.to_owned(), value);
    }
    if !unknown.is_empty() {
        form.insert("unknown".into(), unknown.into());
    }
    Value::Object(form)
}

fn hops(hop: NextHopAddress) -> String {
    match hop {
        NextHopAddress::Ipv6LinkLocal(global, local) => format!("{global},{local}"),
        other => other.addr().to_string(),
    }
}

/// The value of an attribute as it writes it of what it has understood.
fn octets(attribute: &Attribute) -> Vec<u8> {
    let all = attribute.encode(AsnLength::Bits32).unwrap();
    // RFC 4271 §4.3: a length of two octets with the fourth flag.
    let header = if all[0] & 0x10 == 0 { 3 } else { 4 };
    all[header..].to_vec()
}

fn chunks(attribute: &Attribute, size: usize, form: impl Fn(&[u8]) -> String) -> Value {
    octets(attribute).chunks(size).map(form).collect()
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

/// Numbers of `size` octets each.
fn numbers(octets: &[u8], size: usize) -> String {
    let number = |octets: &[u8]| {
        octets
            .iter()
            .fold(0_u32, |sum, octet| sum << 8 | u32::from(*octet))
    };
    let parts = octets.chunks(size).map(|part| number(part).to_string());
    parts.collect::<Vec<_>>().join(":")
}

/// One attribute of each kind that routes of networks have, next to the mandatory ones (`speakers::mandatory`);
/// with one that nobody knows.
pub const OTHERS: [(u8, u8, &[u8]); 14] = [
    (0x80, 4, &[0, 0, 0, 50]),
    (0x40, 5, &[0, 0, 0, 120]),
    (0x40, 6, &[]),
    (0xc0, 7, &[0, 0, 0xfd, 0xf3, 192, 0, 2, 9]),
    // 65001:7 and NO_EXPORT.
    (0xc0, 8, &[0xfd, 0xe9, 0, 7, 0xff, 0xff, 0xff, 1]),
    (0x80, 9, &[192, 0, 2, 5]),
    (0x80, 10, &[192, 0, 2, 6, 192, 0, 2, 7]),
    // Route targets of both widths of AS numbers and of an address, an encapsulation.
    (
        0xc0,
        16,
        &[
            0, 2, 0xfd, 0xe9, 0, 0, 0, 100, 1, 2, 192, 0, 2, 1, 0, 100, 2, 2, 0xfa, 0x56, 0xea, 3,
            0, 100, 3, 0x0c, 0, 0, 0, 0, 0, 8,
        ],
    ),
    (
        0xc0,
        25,
        &[
            0, 2, 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 100,
        ],
    ),
    (0x80, 26, &[1, 0, 11, 0, 0, 0, 0, 0, 0, 0, 99]),
    (
        0xc0,
        32,
        &[
            0xfa, 0x56, 0xea, 3, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0xfd, 0xe9, 0, 0, 0, 3, 0, 0, 0, 4,
        ],
    ),
    (0xc0, 35, &[0, 0, 0xfd, 0xe9]),
    (0xc0, 99, &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]),
    (0xc0, 213, &[0xff]),
];
