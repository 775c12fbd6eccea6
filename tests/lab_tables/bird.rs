//! What BIRD's `show route … all` says.

use crate::route::Route;
use crate::support::lab::canonical;

/// `PREFIX unicast [..]` or `PREFIX blackhole [..]`, then lines with attributes; further paths of a prefix leave it out.
pub(crate) fn bird(text: &str) -> Vec<Route> {
    let mut routes: Vec<Route> = Vec::new();
    for line in text.lines() {
        // The space is there without a value, too.
        if let Some((name, value)) = line.trim_start().split_once(": ")
            && line.starts_with('\t')
        {
            let Some(route) = routes.last_mut() else {
                continue;
            };
            let value = value.trim();
            match name {
                "BGP.origin" => route.origin = value.to_lowercase(),
                "BGP.as_path" => route.path = value.into(),
                "BGP.next_hop" => route.next_hop = value.split(' ').next().unwrap().into(),
                "BGP.med" => route.med = value.parse().ok(),
                "BGP.community" => route.communities = Some(tuples(value)),
                "BGP.large_community" => route.large = Some(tuples(value)),
                "BGP.ext_community" => {
                    let named = value.replace("(rt", "(RT").replace("(ro", "(SoO");
                    route.extended = Some(tuples(&named));
                }
                "BGP.local_pref" => route.local_pref = value.parse().ok(),
                "BGP.atomic_aggr" => route.atomic = Some(true),
                "BGP.aggregator" => {
                    let (address, asn) = value.split_once(" AS").unwrap();
                    route.aggregator = Some(format!("{asn}:{address}"));
                }
                _ => {}
            }
        } else if line.contains(" unicast [") || line.contains(" blackhole [") {
            let prefix = line.split_whitespace().next().unwrap();
            let prefix = if line.starts_with(' ') {
                routes.last().unwrap().prefix.clone()
            } else {
                canonical(prefix)
            };
            routes.push(Route {
                prefix,
                atomic: Some(false),
                communities: Some(Vec::new()),
                large: Some(Vec::new()),
                extended: Some(Vec::new()),
                ..Route::default()
            });
        }
    }
    routes
}

/// `(1,2) (3,4)` or `(1, 2, 3)` or `(RT, 1, 2)`, sorted.
fn tuples(text: &str) -> Vec<String> {
    let parts = text.split(')').filter(|part| part.contains('('));
    let mut tuples: Vec<String> = parts
        .map(|part| part.replace(['(', ' '], "").replace(',', ":"))
        .collect();
    tuples.sort();
    tuples
}
