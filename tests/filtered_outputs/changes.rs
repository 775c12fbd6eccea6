//! Which UPDATEs change a table: a map of routes, kept by the lines of `--json` alone.

use serde_json::Value;
use std::collections::BTreeMap;

/// What an UPDATE has that is no attribute of its routes.
const NO_ATTRIBUTES: [&str; 14] = [
    "timestamp",
    "ts_ns",
    "ts_source",
    "seq",
    "id",
    "length",
    "raw",
    "announcements",
    "withdrawals",
    "rib",
    "framing",
    "context",
    "next_hop",
    "errors",
];

/// Sender and session, and family and route as text.
type Key = (String, String);

/// For each event whether `--only-changes` is to tell it: all but UPDATEs that change nothing.
pub fn of<'e>(events: impl Iterator<Item = &'e Value>) -> Vec<bool> {
    let mut routes: BTreeMap<Key, String> = BTreeMap::new();
    events
        .map(|event| event["type"] != "UPDATE" || changes(&mut routes, event))
        .collect()
}

fn changes(routes: &mut BTreeMap<Key, String>, event: &Value) -> bool {
    let side = format!("{} {}", event["session"], event["peer"]);
    let mut attributes = event.as_object().unwrap().clone();
    attributes.retain(|name, _| !NO_ATTRIBUTES.contains(&name.as_str()));
    let attributes = Value::Object(attributes);
    let errors = event["errors"].as_array().into_iter().flatten();
    let as_withdrawn = errors
        .into_iter()
        .any(|error| error["disposition"] == "treat-as-withdraw");
    let mut changed = false;
    for (name, is_announced) in [("withdrawals", false), ("announcements", true)] {
        for list in event[name].as_array().into_iter().flatten() {
            for route in list["prefixes"].as_array().unwrap() {
                let route = format!("{} {} {route}", list["afi"], list["safi"]);
                let key = (side.clone(), route);
                changed |= if is_announced && !as_withdrawn {
                    let value = format!("{} {attributes}", list["next_hop"]);
                    routes.insert(key, value.clone()) != Some(value)
                } else {
                    routes.remove(&key).is_some()
                };
            }
        }
    }
    changed
}
