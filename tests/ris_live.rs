//! `--json-format ris` is read by a reader of RIS Live that is not ours: bgpkit-parser, which gets each line in the
//! envelope that RIS Live has around it.
//!
//! It reads what RIS Live documents (<https://ris-live.ripe.net/manual/>): `withdrawals` and `prefixes` are strings, `state` is a
//! string, and OPEN has a `direction`. Ours say more there, and have no `peer_asn` before the OPEN, as `docs/formats.md`
//! lists; there its reader of fields refuses them and reads nothing wrongly. With `raw` its other reader takes the
//! message itself, whatever its fields are.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use bgpkit_parser::models::{BgpElem, ElemType};
use bgpkit_parser::parser::rislive::error::ParserRisliveError;
use bgpkit_parser::{parse_ris_live_message, parse_ris_live_message_raw};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use support::read::read;
use support::recording;

/// What is told of a prefix: announced or withdrawn, by whom, and for an announcement next hop, path, origin, MED.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Told {
    announced: bool,
    prefix: String,
    peer: String,
    peer_asn: String,
    attributes: Option<[String; 4]>,
}

/// As RIS Live sends it.
fn enveloped(event: &Value) -> String {
    json!({"type": "ris_message", "data": event}).to_string()
}

fn groups<'a>(event: &'a Value, field: &str) -> &'a [Value] {
    event[field].as_array().map_or(&[], Vec::as_slice)
}

/// What a line says by its fields.
fn of_event(event: &Value) -> Vec<Told> {
    let text = |name: &str| event[name].as_str().unwrap_or_default().to_owned();
    let med = event["med"].as_u64().filter(|med| *med > 0);
    let mut told = Vec::new();
    for (field, announced) in [("announcements", true), ("withdrawals", false)] {
        for group in groups(event, field) {
            for prefix in groups(group, "prefixes") {
                let prefix = prefix.as_str().or_else(|| prefix["prefix"].as_str());
                // Of a pair of IPv6 next hops the first is the global one (RFC 2545 §3).
                let next_hop = group["next_hop"].as_str().unwrap_or_default();
                let next_hop = next_hop.split(',').next().unwrap().to_owned();
                told.push(Told {
                    announced,
                    prefix: prefix.unwrap().to_owned(),
                    peer: text("peer"),
                    peer_asn: text("peer_asn"),
                    attributes: announced.then(|| {
                        let med = med.map_or(String::new(), |med| med.to_string());
                        [next_hop, text("path_text"), text("origin"), med]
                    }),
                });
            }
        }
    }
    told.sort();
    told
}

/// What bgpkit-parser has read.
fn of_elements(elements: Vec<BgpElem>) -> Vec<Told> {
    let told = elements.into_iter().map(|element| {
        let announced = element.elem_type == ElemType::ANNOUNCE;
        let attributes = || {
            [
                element.next_hop.map(|hop| hop.to_string()),
                element.as_path.as_ref().map(ToString::to_string),
                element
                    .origin
                    .map(|origin| origin.to_string().to_lowercase()),
                // Its reader of messages has 0 where there is none, as RFC 4271 §9.1.2.2 counts it.
                element
                    .med
                    .filter(|med| *med > 0)
                    .map(|med| med.to_string()),
            ]
        };
        Told {
            announced,
            prefix: element.prefix.prefix.to_string(),
            peer: element.peer_ip.to_string(),
            peer_asn: element.peer_asn.to_string(),
            attributes: announced.then(|| attributes().map(Option::unwrap_or_default)),
        }
    });
    let mut told: Vec<_> = told.collect();
    told.sort();
    told
}

/// Why RIS Live's fields do not say what the line says: these say more, or the AS of an OPEN that is yet to come is
/// lacking.
fn says_more(event: &Value) -> Option<&'static str> {
    let is_object = |group: &Value| groups(group, "prefixes").iter().any(|p| !p.is_string());
    if event["peer_asn"].is_null() {
        return Some("peer_asn");
    }
    match event["type"].as_str().unwrap() {
        "STATE" => Some("STATE: state"),
        "OPEN" => Some("OPEN: direction"),
        "UPDATE" if !groups(event, "withdrawals").is_empty() => Some("UPDATE: withdrawals"),
        "UPDATE" if groups(event, "announcements").iter().any(is_object) => {
            Some("UPDATE: prefixes")
        }
        _ => None,
    }
}

/// Of the recording of the lab: each line whose fields are RIS Live's is read as it was meant, the others are refused.
#[test]
fn the_fields_are_read_as_those_of_ris_live() {
    let events = read(recording(), &["--json-format", "ris"]).events;
    let (mut prefixes, mut sets) = (0, 0);
    let mut refused = BTreeMap::<_, usize>::new();
    for event in &events {
        let line = enveloped(event);
        let elements = parse_ris_live_message(&line);
        if let Some(field) = says_more(event) {
            let error = elements.expect_err(&line);
            let unparsed = match &error {
                ParserRisliveError::IncorrectJson(_) => field == "peer_asn",
                ParserRisliveError::UnparsedMessageBody(_) => field != "peer_asn",
                _ => false,
            };
            assert!(unparsed, "{error:?}: {line}");
            *refused.entry(field).or_default() += 1;
            continue;
        }
        let told = of_elements(elements.unwrap_or_else(|error| panic!("{error:?}: {line}")));
        assert_eq!(told, of_event(event), "{line}");
        prefixes += told.len();
        sets += usize::from(
            event["path_text"]
                .as_str()
                .is_some_and(|path| path.contains('{')),
        );
    }
    println!("{prefixes} prefixes, {sets} paths with sets; refused {refused:?}");
    assert!(prefixes > 1000 && sets > 0, "{prefixes} {sets}");
    assert_eq!(refused.len(), 5, "each kind of difference is met");
}

/// Its reader of `raw` is told nothing of what was negotiated, neither by RIS Live nor by us: it takes ADD-PATH for
/// absent, and AS numbers for those of four octets. All other UPDATEs say the same as their fields, withdrawals too.
#[test]
fn the_message_itself_says_the_same() {
    let events = read(recording(), &["--json-format", "ris"]).events;
    let (mut announced, mut withdrawn) = (0, 0);
    for event in events.iter().filter(|event| event["type"] == "UPDATE") {
        let context = &event["context"];
        if context["as4"] != true || !groups(context, "add_path").is_empty() {
            continue;
        }
        let line = enveloped(event);
        let elements = parse_ris_live_message_raw(&line);
        let told = of_elements(elements.unwrap_or_else(|error| panic!("{error:?}: {line}")));
        assert_eq!(told, of_event(event), "{line}");
        announced += told.iter().filter(|told| told.announced).count();
        withdrawn += told.iter().filter(|told| !told.announced).count();
    }
    println!("{announced} announced, {withdrawn} withdrawn");
    assert!(
        announced > 900 && withdrawn > 300,
        "{announced} {withdrawn}"
    );
}
