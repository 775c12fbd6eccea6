//! An event in a line, and as a tree.

use super::text;
use serde_json::Value;
use std::fmt::Write as _;

/// Prefixes that a line names.
const PREFIXES: usize = 3;

/// What an event says, without its time and its sides.
#[must_use]
pub fn line(event: &Value) -> String {
    let text = match event["type"].as_str().unwrap_or_default() {
        "UPDATE" => update(event),
        "OPEN" => open(event),
        "NOTIFICATION" => notification(&event["notification"]),
        "STATE" => state(event),
        "GAP" => format!("{} lost: {}", bytes(event), word(event, "reason")),
        "MALFORMED" => format!("{} are no message: {}", bytes(event), word(event, "reason")),
        "TCP" | "TRANSFER" => happened(event),
        "ROUTE_REFRESH" => format!("{} {}", family(event), word(event, "subtype_name")),
        _ => String::new(),
    };
    let errors = event["errors"].as_array().map_or(&[][..], Vec::as_slice);
    errors.iter().fold(text, |mut text, error| {
        // Writing into a string does not fail.
        let _ = write!(
            text,
            " ! {}: {}",
            word(error, "disposition"),
            word(error, "text")
        );
        text
    })
}

/// Whether something is wrong with a message.
#[must_use]
pub fn has_errors(event: &Value) -> bool {
    event["errors"]
        .as_array()
        .is_some_and(|errors| !errors.is_empty())
}

fn word(object: &Value, key: &str) -> String {
    match &object[key] {
        Value::Null => String::new(),
        value => text::word(value),
    }
}

fn number(object: &Value, key: &str) -> u64 {
    object[key].as_u64().unwrap_or(0)
}

fn bytes(event: &Value) -> String {
    text::bytes(number(event, "bytes"))
}

fn family(object: &Value) -> String {
    let afi = u16::try_from(number(object, "afi")).unwrap_or(0);
    text::family(afi, u8::try_from(number(object, "safi")).unwrap_or(0))
}

fn update(event: &Value) -> String {
    let mut parts = Vec::new();
    for (sign, field) in [("+", "announcements"), ("-", "withdrawals")] {
        let lists = event[field].as_array().into_iter().flatten();
        let nlri: Vec<&Value> = lists
            .filter_map(|list| list["prefixes"].as_array())
            .flatten()
            .collect();
        if !nlri.is_empty() {
            parts.push(named(sign, &nlri));
        }
    }
    if let Some([afi, safi]) = event["eor"].as_array().map(Vec::as_slice) {
        let pair = serde_json::json!({ "afi": afi, "safi": safi });
        parts.push(format!("End-of-RIB {}", family(&pair)));
    }
    if let Some(hop) = event["next_hop"].as_str() {
        parts.push(format!("via {hop}"));
    }
    if let Some(path) = event["path_text"].as_str().filter(|path| !path.is_empty()) {
        parts.push(format!("path {path}"));
    }
    parts.join("  ")
}

/// `+12 10.0.0.0/8 10.1.0.0/16 10.2.0.0/16 …`
fn named(sign: &str, nlri: &[&Value]) -> String {
    let mut text = format!("{sign}{}", nlri.len());
    for route in nlri.iter().take(PREFIXES) {
        text.push(' ');
        let prefix = &route["prefix"];
        match prefix.as_str().or(route.as_str()) {
            Some(prefix) => text.push_str(prefix),
            None => text.push_str(&word(route, "nlri_type")),
        }
        if let Some(id) = route["path_id"].as_u64() {
            let _ = write!(text, "#{id}");
        }
    }
    if nlri.len() > PREFIXES {
        text.push_str(" …");
    }
    text
}

fn open(event: &Value) -> String {
    let capabilities = event["capabilities"].as_array().map_or(0, Vec::len);
    format!(
        "AS {} hold {} s, {}, {capabilities} capabilities",
        word(event, "asn"),
        word(event, "hold_time"),
        word(event, "router_id"),
    )
}

fn notification(told: &Value) -> String {
    let names = [
        word(told, "name"),
        word(told, "subcode_name"),
        word(told, "text"),
    ];
    let names: Vec<_> = names.into_iter().filter(|name| !name.is_empty()).collect();
    format!(
        "{}/{} {}",
        word(told, "code"),
        word(told, "subcode"),
        names.join(": ")
    )
}

fn state(event: &Value) -> String {
    let name = |key| text::state(number(event, key));
    format!(
        "{} → {} ({})",
        name("previous"),
        name("state"),
        word(event, "reason")
    )
}

fn happened(event: &Value) -> String {
    let mut text = word(event, "event");
    if !event["afi"].is_null() {
        let _ = write!(text, " {}", family(event));
    }
    if let Some(time) = event["milliseconds"].as_u64() {
        let _ = write!(text, " {time} ms");
    }
    text
}

/// A line of a tree: how deep, the key, and the value unless what is below says it.
pub type Leaf = (usize, String, String);

/// The fields of an event one below the other, those that all events have left out.
#[must_use]
pub fn tree(event: &Value) -> Vec<Leaf> {
    const KNOWN: [&str; 8] = [
        "type",
        "timestamp",
        "ts_ns",
        "peer",
        "local",
        "session",
        "host",
        "id",
    ];
    let mut leaves = Vec::new();
    let fields = event.as_object().into_iter().flatten();
    for (key, value) in fields.filter(|(key, _)| !KNOWN.contains(&key.as_str())) {
        grow(&mut leaves, 0, key, value);
    }
    leaves
}

fn grow(leaves: &mut Vec<Leaf>, depth: usize, key: &str, value: &Value) {
    match value {
        Value::Object(fields) => {
            leaves.push((depth, key.to_owned(), String::new()));
            for (key, value) in fields {
                grow(leaves, depth + 1, key, value);
            }
        }
        Value::Array(list) if list.iter().any(Value::is_object) => {
            leaves.push((depth, key.to_owned(), String::new()));
            for (number, value) in (1..).zip(list) {
                grow(leaves, depth + 1, &number.to_string(), value);
            }
        }
        value => leaves.push((depth, key.to_owned(), text::word(value))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_message_is_a_line() {
        let update = json!({
            "type": "UPDATE",
            "announcements": [{"next_hop": "192.0.2.1", "afi": 1, "safi": 1, "prefixes":
                ["10.0.0.0/8", {"prefix": "10.1.0.0/16", "path_id": 7}, {"nlri_type": "opaque"}, "10.2.0.0/16"]}],
            "withdrawals": [{"afi": 1, "safi": 1, "prefixes": ["10.9.0.0/16"]}],
            "next_hop": "192.0.2.1",
            "path_text": "65001 {65002,65003}",
            "errors": [{"disposition": "attribute-discard", "text": "too short"}],
        });
        let expected = "+4 10.0.0.0/8 10.1.0.0/16#7 opaque …  -1 10.9.0.0/16  via 192.0.2.1  path 65001 {65002,65003} \
                        ! attribute-discard: too short";
        assert_eq!(line(&update), expected);
        assert!(has_errors(&update));
        let state = json!({"type": "STATE", "previous": 5, "state": 6, "reason": "keepalive"});
        assert_eq!(line(&state), "OpenConfirm → Established (keepalive)");
        let gap = json!({"type": "GAP", "bytes": 1500, "reason": "mirror_loss"});
        assert_eq!(line(&gap), "1.5 kB lost: mirror_loss");
        let end = json!({"type": "UPDATE", "eor": [2, 1]});
        assert_eq!(line(&end), "End-of-RIB ipv6/unicast");
        let cease = json!({"type": "NOTIFICATION", "notification":
            {"code": 6, "subcode": 2, "name": "Cease", "subcode_name": "Administrative Shutdown", "text": "bye"}});
        assert_eq!(line(&cease), "6/2 Cease: Administrative Shutdown: bye");
    }

    #[test]
    fn a_tree_has_every_field_once() {
        let event = json!({
            "type": "OPEN", "peer": "::1", "asn": 1,
            "capabilities": [{"code": 1, "afi": 2}], "path": [1, [2, 3]],
        });
        let leaves = tree(&event);
        let has = |depth: usize, key: &str, value: &str| {
            leaves.contains(&(depth, key.to_owned(), value.to_owned()))
        };
        assert!(has(0, "asn", "1") && has(0, "path", "[1 [2 3]]"));
        assert!(has(0, "capabilities", "") && has(1, "1", "") && has(2, "afi", "2"));
        assert_eq!(leaves.len(), 6, "{leaves:?}");
    }
}
