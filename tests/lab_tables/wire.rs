//! Tables by the events alone: what each side has announced and not withdrawn.

use crate::support::lab::{Table, canonical};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::io::BufRead;
use std::net::IpAddr;
use std::path::Path;

/// Prefix with path identifier.
type Route = (String, u64);

/// The prefixes by the JSON lines of a recording. An AS_SET makes no difference here: an event tells what was
/// announced, and of the error.
pub(crate) fn tables(events: &Path) -> BTreeMap<Table, BTreeSet<String>> {
    let mut tables: HashMap<Table, HashSet<Route>> = HashMap::new();
    let mut sessions: HashMap<(IpAddr, IpAddr), String> = HashMap::new();
    let lines = std::io::BufReader::new(std::fs::File::open(events).unwrap()).lines();
    for line in lines {
        let event: Value = serde_json::from_str(&line.unwrap()).unwrap();
        if event["type"] != "UPDATE" {
            continue;
        }
        let address = |field: &str| event[field].as_str().unwrap().parse::<IpAddr>().unwrap();
        let (peer, local) = (address("peer"), address("local"));
        let session = event["session"].as_str().unwrap();
        if sessions
            .insert((peer, local), session.into())
            .is_some_and(|before| before != session)
        {
            // Another connection begins with an empty table (RFC 4271 §3.1).
            tables.retain(|table, _| (table.0, table.1) != (peer, local));
        }
        for (list, announced) in [("withdrawals", false), ("announcements", true)] {
            for group in event[list].as_array().into_iter().flatten() {
                let afi = group["afi"].as_u64().unwrap();
                let table = tables.entry((peer, local, afi)).or_default();
                for prefix in group["prefixes"].as_array().unwrap() {
                    if announced {
                        table.insert(route(prefix));
                    } else {
                        table.remove(&route(prefix));
                    }
                }
            }
        }
    }
    let prefixes =
        |routes: HashSet<Route>| routes.into_iter().map(|(prefix, _)| canonical(&prefix));
    let tables = tables.into_iter();
    tables
        .map(|(table, routes)| (table, prefixes(routes).collect()))
        .collect()
}

fn route(prefix: &Value) -> Route {
    match prefix.as_str() {
        Some(text) => (text.to_owned(), 0),
        None => (
            prefix["prefix"].as_str().unwrap().to_owned(),
            prefix["path_id"].as_u64().unwrap(),
        ),
    }
}
