//! What `gobgp neighbor … adj-in` and `adj-out` say.

use crate::route::Route;
use crate::support::lab::canonical;
use serde_json::Value;

/// The list for people: `ID PREFIX NEXT-HOP AS AS... AGE [{ATTRIBUTES}]`, below a head.
pub(crate) fn list(text: &str) -> Vec<Route> {
    let routes = text.lines().skip(1).filter_map(|line| {
        let mut words = line.split('[').next()?.split_whitespace();
        let path_id = words.next()?.parse().ok()?;
        let (prefix, next_hop) = (words.next()?, words.next()?);
        let mut path: Vec<_> = words.collect();
        path.pop()?;
        Some(Route {
            prefix: canonical(prefix),
            path_id: Some(path_id),
            path: path.join(" "),
            next_hop: next_hop.into(),
            ..Route::default()
        })
    });
    routes.collect()
}

pub(crate) fn table(table: &Value) -> Vec<Route> {
    let routes = table.as_object().into_iter().flatten();
    routes
        .flat_map(|(prefix, paths)| {
            let paths = paths.as_array().unwrap().iter();
            paths.map(|path| route(&canonical(prefix), &path["attrs"]))
        })
        .collect()
}

fn route(prefix: &str, attributes: &Value) -> Route {
    let list = attributes.as_array().unwrap();
    let of = |code: u64| {
        list.iter()
            .find(|a| a["type"] == code)
            .unwrap_or(&Value::Null)
    };
    let items = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let segments = items(&of(2)["as_paths"]).into_iter().map(|segment| {
        let asns = items(&segment["asns"]);
        let asns: Vec<String> = asns.iter().map(Value::to_string).collect();
        match segment["segment_type"].as_u64() {
            Some(1) => format!("{{{}}}", asns.join(",")),
            _ => asns.join(" "),
        }
    });
    let path: Vec<String> = segments.collect();
    let communities = items(&of(8)["communities"]).into_iter().map(|community| {
        let community = community.as_u64().unwrap();
        format!("{}:{}", community >> 16, community & 0xffff)
    });
    let mut communities: Vec<String> = communities.collect();
    communities.sort();
    let large = items(&of(32)["value"]).into_iter();
    let mut large: Vec<String> = large
        .map(|l| format!("{}:{}:{}", l["ASN"], l["LocalData1"], l["LocalData2"]))
        .collect();
    large.sort();
    let extended = items(&of(16)["value"]).into_iter().map(|community| {
        let value = community["value"].as_str().unwrap_or_default();
        match community["subtype"].as_u64() {
            Some(2) => format!("RT:{value}"),
            Some(3) => format!("SoO:{value}"),
            _ => community.to_string(),
        }
    });
    let mut extended: Vec<String> = extended.collect();
    extended.sort();
    let next_hop = of(14)["nexthop"].as_str().or(of(3)["nexthop"].as_str());
    let aggregator = of(7);
    Route {
        prefix: prefix.into(),
        path_id: None,
        local_pref: of(5)["value"].as_u64(),
        aggregator: aggregator["address"]
            .as_str()
            .map(|address| format!("{}:{address}", aggregator["as"])),
        atomic: Some(!of(6).is_null()),
        origin: match of(1)["value"].as_u64() {
            Some(0) => "igp".into(),
            Some(1) => "egp".into(),
            _ => "incomplete".into(),
        },
        path: path.join(" "),
        next_hop: next_hop.unwrap_or_default().into(),
        med: of(4)["metric"].as_u64(),
        communities: Some(communities),
        large: Some(large),
        extended: Some(extended),
    }
}
