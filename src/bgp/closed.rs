//! The JSON form in tests, held against `docs/schema/event.schema.json`: that names every field, and refuses others.

use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use std::sync::LazyLock;

static SCHEMA: LazyLock<Value> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../../docs/schema/event.schema.json")).expect("JSON")
});

/// The JSON form of `value`, whose fields all stand in the schema at `place`: the name of a definition,
/// or `definition.field`.
pub(crate) fn to_value(place: &str, value: impl Serialize) -> Value {
    let value = serde_json::to_value(value).expect("plain data");
    assert!(fits(at(place), &value), "{place} has no {value}");
    value
}

/// The fields of a definition.
pub(crate) fn fields(definition: &str) -> BTreeSet<&'static str> {
    let known = properties(at(definition));
    known.into_iter().map(|(name, _)| name.as_str()).collect()
}

fn at(place: &str) -> &'static Value {
    let (definition, field) = place.split_once('.').unwrap_or((place, ""));
    let node = &SCHEMA["$defs"][definition];
    assert!(node.is_object(), "no definition of {definition}");
    let known = properties(node).into_iter();
    match known.into_iter().find(|(name, _)| *name == field) {
        Some((_, node)) => node,
        None => {
            assert_eq!(field, "", "not in {definition}");
            node
        }
    }
}

/// Follows references to other definitions.
fn resolved(mut node: &'static Value) -> &'static Value {
    while let (Some(name), None) = (node["$ref"].as_str(), node.get("properties")) {
        node = SCHEMA.pointer(name.trim_start_matches('#')).expect(name);
    }
    node
}

/// All fields of an object, also those of what it refers to.
fn properties(node: &'static Value) -> Vec<(&'static String, &'static Value)> {
    let own = node["properties"].as_object().into_iter();
    let mut all: Vec<_> = own.flat_map(Map::iter).collect();
    if let Some(name) = node["$ref"].as_str() {
        let other = SCHEMA.pointer(name.trim_start_matches('#')).expect(name);
        all.extend(properties(other));
    }
    all
}

/// Whether every field of `value`, at any depth, is one that the schema names there.
fn fits(node: &'static Value, value: &Value) -> bool {
    let node = resolved(node);
    if let Some(choices) = node["oneOf"].as_array() {
        return choices.iter().any(|choice| fits(choice, value));
    }
    match value {
        Value::Object(map) => {
            let known = properties(node);
            let known = |field: &str| known.iter().find(|(name, _)| *name == field);
            map.iter()
                .all(|(name, value)| known(name).is_some_and(|(_, node)| fits(node, value)))
        }
        Value::Array(list) => {
            node["type"] == "array" && list.iter().all(|item| fits(&node["items"], item))
        }
        _ => !matches!(node["type"].as_str(), Some("object" | "array")),
    }
}

#[test]
fn a_field_that_is_not_in_the_schema_is_found() {
    use serde_json::json;
    let component =
        |more: Value| json!({"components": [{"type": 1, "name": "x", "operations": [more]}]});
    assert!(fits(
        at("route"),
        &component(json!({"op": "==", "value": 1}))
    ));
    assert!(!fits(
        at("route"),
        &component(json!({"op": "==", "worth": 1}))
    ));
    assert!(fits(at("attributes.aigp"), &json!({"metric": 1})));
    assert!(!fits(at("attributes.aigp"), &json!({"metrics": 1})));
    assert!(!fits(
        at("tlvs"),
        &json!([{"type": 1, "tlvs": [{"types": 1, "typo": 2}]}])
    ));
}
