//! The fields of the lines of `--json` that filters ask for.

use bgpkit_parser::models::NetworkPrefix;
use serde_json::Value;
use std::net::IpAddr;

/// Values of a field that is an array, or none.
pub fn items<'v>(value: &'v Value, name: &str) -> impl Iterator<Item = &'v Value> + use<'v> {
    value[name].as_array().into_iter().flatten()
}

pub fn is_one_of(event: &Value, kinds: &[&str]) -> bool {
    kinds.iter().any(|kind| event["type"] == *kind)
}

pub fn address(event: &Value, name: &str) -> IpAddr {
    event[name].as_str().unwrap().parse().unwrap()
}

/// Announcements and withdrawals.
fn routes(event: &Value) -> impl Iterator<Item = &Value> {
    items(event, "announcements").chain(items(event, "withdrawals"))
}

/// Of what families an event is.
pub fn families(event: &Value) -> Vec<(u64, u64)> {
    let pair = |pair: &Value| (pair[0].as_u64().unwrap(), pair[1].as_u64().unwrap());
    let of = |value: &Value| Some((value["afi"].as_u64()?, value["safi"].as_u64()?));
    let mut found: Vec<_> = routes(event).filter_map(of).collect();
    if is_one_of(event, &["UPDATE"]) && !event["eor"].is_null() {
        found.push(pair(&event["eor"]));
    }
    if is_one_of(event, &["ROUTE_REFRESH", "TRANSFER"]) {
        found.extend(of(event));
        found.extend(items(event, "families").map(pair));
    }
    found
}

pub fn prefixes(event: &Value) -> Vec<NetworkPrefix> {
    let all = routes(event).flat_map(|list| items(list, "prefixes"));
    let text = all.filter_map(|prefix| prefix.as_str().or_else(|| prefix["prefix"].as_str()));
    text.map(|text| text.parse().unwrap()).collect()
}

pub fn next_hops(event: &Value) -> Vec<IpAddr> {
    let listed = items(event, "announcements").map(|list| &list["next_hop"]);
    let all = [&event["next_hop"]].into_iter().chain(listed);
    let text = all
        .filter_map(Value::as_str)
        .flat_map(|hops| hops.split(','));
    text.map(|hop| hop.parse().unwrap()).collect()
}

/// The numbers in what a path has at a place: a set has several. What is of a confederation is an object.
fn numbers(part: &Value) -> Vec<u64> {
    match part {
        Value::Array(set) => set.iter().flat_map(numbers).collect(),
        Value::Object(segment) => segment.values().flat_map(numbers).collect(),
        _ => part.as_u64().into_iter().collect(),
    }
}

/// What lies between this AS and the confederation: the first or the last part of a path.
fn outside(event: &Value) -> impl DoubleEndedIterator<Item = &Value> {
    let parts = event["path"].as_array().into_iter().flatten();
    parts.filter(|part| !part.is_object())
}

pub fn first_as(event: &Value) -> Vec<u64> {
    outside(event).next().map(numbers).unwrap_or_default()
}

pub fn origin_as(event: &Value) -> Vec<u64> {
    outside(event).next_back().map(numbers).unwrap_or_default()
}

pub fn any_as(event: &Value) -> Vec<u64> {
    numbers(&event["path"])
}

/// A side's AS number: in lines it is a string.
pub fn as_of(event: &Value, name: &str) -> Vec<u64> {
    let text = event[name].as_str();
    text.map(|asn| asn.parse().unwrap()).into_iter().collect()
}

/// All communities as filters have them: plain, large, and extended ones by their octets.
pub fn communities(event: &Value) -> Vec<String> {
    let parts = |list: &Value| {
        let parts = list.as_array().unwrap().iter().map(Value::to_string);
        parts.collect::<Vec<_>>().join(":")
    };
    let plain = items(event, "community").chain(items(event, "large_community"));
    let extended = items(event, "ext_community").map(|one| &one["raw"]);
    let extended = extended.map(|raw| format!("0x{}", raw.as_str().unwrap()));
    plain.map(parts).chain(extended).collect()
}
