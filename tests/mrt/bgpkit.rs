//! Records and elements by bgpkit-parser.

use super::{Converted, captures, hex};
use bgpkit_parser::Elementor;
use bgpkit_parser::models::{Bgp4MpEnum, MrtMessage, MrtRecord};
use bgpkit_parser::parser::mrt::mrt_record::{chunk_mrt_record, parse_mrt_record};
use serde_json::Value;
use std::path::Path;

/// Messages that bgpkit-parser reads in another way, by what is in them.
fn is_disputed(event: &Value) -> bool {
    // It takes no UPDATE apart that it would have to treat as withdrawn, and does not tell NLRI of VPNs, labels
    // and other families as elements. AS4_PATH counts for it on sessions with AS numbers of four octets too, where
    // RFC 6793 §4.1 has it discarded.
    let as4 = event["context"]["as4"] == true;
    event.get("errors").is_some() || as4 && event.get("as4_path").is_some()
}

/// Its records in order; those that it does not read are `None`.
fn records(mrt: &Path) -> Vec<(Vec<u8>, Option<MrtRecord>)> {
    let bytes = std::fs::read(mrt).unwrap();
    let (mut raw, mut found) = (&bytes[..], Vec::new());
    while !raw.is_empty() {
        let before = raw;
        let chunk = chunk_mrt_record(&mut raw).unwrap();
        let mut record = before;
        found.push((
            chunk.message_bytes.to_vec(),
            parse_mrt_record(&mut record).ok(),
        ));
    }
    found
}

fn is_element(prefixes: &Value) -> bool {
    let family = (prefixes["afi"].as_u64(), prefixes["safi"].as_u64());
    matches!(family, (Some(1 | 2), Some(1 | 2)))
}

/// How many elements an event has.
fn element_count(event: &Value) -> usize {
    let fields = ["announcements", "withdrawals"];
    let lists = fields.iter().filter_map(|field| event[field].as_array());
    let lists = lists.flatten().filter(|list| is_element(list));
    lists
        .map(|list| list["prefixes"].as_array().unwrap().len())
        .sum()
}

#[test]
fn each_message_and_state_is_a_record_with_the_same_bytes() {
    let Some(files) = captures() else { return };
    let mut compared = 0;
    for file in files {
        let converted = Converted::new(&file);
        let told = converted.events.iter();
        let told = told.filter(|event| event.get("raw").is_some() || event["type"] == "STATE");
        let found = converted.mrt().map_or_else(Vec::new, |mrt| records(&mrt));
        let told: Vec<_> = told.collect();
        assert_eq!(found.len(), told.len(), "{}", file.display());
        for ((body, record), event) in found.iter().zip(told) {
            compared += 1;
            let what = format!("{}: {event}", file.display());
            let record = record.as_ref().map(|record| &record.common_header);
            if let Some(header) = record {
                let micros = u64::from(header.timestamp) * 1_000_000
                    + u64::from(header.microsecond_timestamp.unwrap());
                let ns: u64 = event["ts_ns"].as_str().unwrap().parse().unwrap();
                assert_eq!(micros, ns / 1000, "{what}");
            }
            match event["raw"].as_str() {
                Some(raw) => assert!(hex(body).ends_with(raw), "{what}"),
                None => {
                    let states = [event["previous"].as_u64(), event["state"].as_u64()];
                    let tail = body[body.len() - 4..].chunks(2).map(|n| u64::from(n[1]));
                    assert_eq!(tail.map(Some).collect::<Vec<_>>(), states, "{what}");
                }
            }
        }
    }
    assert!(compared > 2000, "{compared} records");
}

#[test]
fn its_elements_are_ours() {
    let Some(files) = captures() else { return };
    let (mut compared, mut disputed, mut differing) = (0, 0, Vec::new());
    for file in files {
        let converted = Converted::new(&file);
        let Some(mrt) = converted.mrt() else { continue };
        let told = converted.events.iter();
        let told = told.filter(|event| event.get("raw").is_some() || event["type"] == "STATE");
        let mut ours = converted.elements.iter();
        for ((_, record), event) in records(&mrt).into_iter().zip(told) {
            let ours: Vec<_> = ours.by_ref().take(element_count(event)).cloned().collect();
            if is_disputed(event) {
                disputed += 1;
                continue;
            }
            let what = format!("{}: {event}", file.display());
            let Some(record) = record else {
                differing.push((what, ours, Vec::new()));
                continue;
            };
            check_peer(&record, event, &what);
            let theirs = Elementor::new().record_to_elems(record);
            let theirs: Vec<_> = theirs
                .iter()
                .map(|e| serde_json::to_value(e).unwrap())
                .collect();
            let ours: Vec<_> = ours
                .into_iter()
                .map(|ours| as_they_see(ours, &theirs))
                .collect();
            if ours != theirs {
                differing.push((what, ours, theirs));
                continue;
            }
            compared += theirs.len();
        }
        assert_eq!(ours.next(), None, "{}: one more", file.display());
    }
    for (what, ours, theirs) in &differing {
        println!("{what}\nours   {ours:?}\ntheirs {theirs:?}");
    }
    assert!(differing.is_empty(), "{} messages", differing.len());
    println!("{compared} elements, {disputed} messages not compared");
    assert!(compared > 4000, "{compared} elements");
}

/// On sessions with AS numbers of two octets a record has AS_TRANS for a greater one (RFC 6793 §9).
fn as_they_see(mut ours: Value, theirs: &[Value]) -> Value {
    if theirs
        .first()
        .is_some_and(|first| first["peer_asn"] == 23456)
    {
        ours["peer_asn"] = 23456.into();
    }
    ours
}

fn check_peer(record: &MrtRecord, event: &Value, what: &str) {
    let (peer, local) = match &record.message {
        MrtMessage::Bgp4Mp(Bgp4MpEnum::Message(message)) => (message.peer_ip, message.local_ip),
        MrtMessage::Bgp4Mp(Bgp4MpEnum::StateChange(change)) => (change.peer_ip, change.local_addr),
        other => panic!("{what}: {other:?}"),
    };
    assert_eq!(event["peer"], peer.to_string(), "{what}");
    assert_eq!(event["local"], local.to_string(), "{what}");
}
