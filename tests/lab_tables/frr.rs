//! What FRR's `show bgp … json` says.

use crate::route::Route;
use crate::support::lab::canonical;
use crate::text::{list, number_of};
use serde_json::Value;

/// Of `neighbors … received-routes` and `advertised-routes`, which leave much out.
pub(crate) fn adjacent(routes: &Value) -> Vec<Route> {
    let routes = routes.as_object().into_iter().flatten();
    routes
        .map(|(prefix, route)| {
            let origin = match text(&route["bgpOriginCode"]).as_str() {
                "i" => "igp",
                "e" => "egp",
                _ => "incomplete",
            };
            let global = route["nextHopGlobal"].as_str();
            Route {
                prefix: canonical(prefix),
                origin: origin.into(),
                path: text(&route["path"]),
                next_hop: global.map_or_else(|| text(&route["nextHop"]), ToOwned::to_owned),
                med: route["metric"].as_u64(),
                local_pref: route["locPrf"].as_u64(),
                ..Route::default()
            }
        })
        .collect()
}

/// Of `show bgp … json detail`, the routes that a neighbour has told, as they came in.
pub(crate) fn received(answer: &Value, neighbour: &str) -> Vec<Route> {
    let told = paths(answer).filter(|(_, _, path)| path["peer"]["peerId"] == neighbour);
    told.map(|(prefix, _, path)| route(prefix, path, "addpathRxId"))
        .collect()
}

/// The routes that a neighbour is told, as FRR keeps them.
pub(crate) fn advertised(answer: &Value, neighbour: &str) -> Vec<Route> {
    let told = paths(answer).filter(|(_, head, path)| {
        // Without ADD-PATH there is one for the prefix, which then knows to whom.
        let best = path["bestpath"]["overall"] == true;
        let to = |of: &Value| of["advertisedTo"].get(neighbour).is_some();
        to(path) || best && to(head)
    });
    // What was not learned is sent without FRR's weight and its word for an empty path.
    told.map(|(prefix, _, path)| {
        let mut route = route(prefix, path, "addpathTxIdAll");
        // Which next hop goes out is not decided here.
        route.next_hop.clear();
        if path["local"] == true {
            route.path.clear();
        }
        route
    })
    .collect()
}

/// Prefix, what is said of the prefix, what is said of a path.
fn paths(answer: &Value) -> impl Iterator<Item = (&String, &Value, &Value)> {
    let routes = answer["routes"].as_object().into_iter().flatten();
    routes.flat_map(|(prefix, entries)| {
        let entries = entries.as_array().map_or(&[][..], |entries| entries);
        let (head, paths) = entries.split_first().unwrap();
        paths.iter().map(move |path| (prefix, head, path))
    })
}

fn route(prefix: &str, path: &Value, path_id: &str) -> Route {
    let aggregator = path["aggregatorAs"].as_u64();
    let words = text(&path["extendedCommunity"]["string"]);
    let mut extended: Vec<_> = words.split_whitespace().map(ToOwned::to_owned).collect();
    extended.sort();
    Route {
        prefix: canonical(prefix),
        path_id: path[path_id].as_u64(),
        origin: text(&path["origin"]).to_lowercase(),
        path: text(&path["aspath"]["string"]),
        next_hop: text(&path["nexthops"][0]["ip"]),
        med: path["metric"].as_u64(),
        local_pref: path["locPrf"].as_u64(),
        aggregator: aggregator.map(|asn| format!("{asn}:{}", text(&path["aggregatorId"]))),
        atomic: Some(path["atomicAggregate"] == true),
        communities: Some(list(&path["community"]["list"], number_of)),
        large: Some(list(&path["largeCommunity"]["list"], str::to_owned)),
        extended: Some(extended),
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
