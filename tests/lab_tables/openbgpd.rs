//! What `bgpctl -j show rib … detail` says.

use crate::route::Route;
use crate::support::lab::canonical;
use crate::text::{list, number_of};
use serde_json::Value;

pub(crate) fn openbgpd(rib: &Value) -> Vec<Route> {
    let routes = rib.as_array().into_iter().flatten();
    routes
        .map(|route| {
            let text = |name: &str| route[name].as_str().unwrap_or_default().to_owned();
            let of = |kind: &str| {
                let attributes = route["attributes"].as_array();
                attributes.into_iter().flatten().find(|a| a["type"] == kind)
            };
            let aggregator = of("Aggregator");
            Route {
                prefix: canonical(&text("prefix")),
                origin: text("origin").to_lowercase(),
                path: text("aspath"),
                next_hop: text("exit_nexthop"),
                med: route["metric"].as_u64().filter(|med| *med != 0),
                aggregator: aggregator.map(|found| {
                    format!("{}:{}", found["AS"], found["router_id"].as_str().unwrap())
                }),
                atomic: Some(of("Atomic Aggregate").is_some()),
                communities: Some(list(&route["communities"], number_of)),
                large: Some(list(&route["large_communities"], str::to_owned)),
                extended: Some(list(&route["extended_communities"], named)),
                ..Route::default()
            }
        })
        .collect()
}

/// `rt 1:2` and `soo 1:2`, as others write them.
fn named(community: &str) -> String {
    community
        .replacen("rt ", "RT:", 1)
        .replacen("soo ", "SoO:", 1)
}
