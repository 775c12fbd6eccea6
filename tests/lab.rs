//! Real routers: what crosses the mirror must be what the routers themselves say they sent.
#![cfg(feature = "capture")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use serde_json::Value;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::io::BufRead;
use std::net::IpAddr;
use std::path::Path;
use support::Scratch;
use support::lab::{self, Lab, Table, canonical, told};
use support::net::{Live, allowed};

/// Prefix with path identifier.
type Path1 = (String, u64);

/// The routes that each side has announced and not withdrawn, by the events.
fn tables_on_the_wire(events: &Path) -> HashMap<Table, HashSet<Path1>> {
    let mut tables: HashMap<Table, HashSet<Path1>> = HashMap::new();
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
                let table = tables
                    .entry((peer, local, group["afi"].as_u64().unwrap()))
                    .or_default();
                for prefix in group["prefixes"].as_array().unwrap() {
                    let path = match prefix.as_str() {
                        Some(text) => (text.to_owned(), 0),
                        None => (
                            prefix["prefix"].as_str().unwrap().to_owned(),
                            prefix["path_id"].as_u64().unwrap(),
                        ),
                    };
                    if announced {
                        table.insert(path);
                    } else {
                        table.remove(&path);
                    }
                }
            }
        }
    }
    tables
}

/// The routers send nothing that is wrong, but for the AS_SET that ExaBGP announces on purpose: it is
/// deprecated (RFC 9774 §3), though the others still pass it on.
fn well_behaved(events: &Path) {
    let text = std::fs::read_to_string(events).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
    let faulty: Vec<Value> = lines
        .filter(|event: &Value| event["errors"].is_array())
        .collect();
    for event in &faulty {
        let path = event["path"].as_array().unwrap();
        assert!(path.iter().any(Value::is_array), "{event}");
        for error in event["errors"].as_array().unwrap() {
            assert_eq!(
                (&error["code"], &error["subcode"]),
                (&3.into(), &11.into()),
                "{event}"
            );
        }
    }
    assert!(!faulty.is_empty(), "ExaBGP announces a set");
}

#[test]
fn the_routers_tables_are_what_crossed_the_wire() {
    if !allowed() {
        return;
    }
    if !lab::installed() {
        return;
    }
    let scratch = Scratch::new("lab");
    let lab = Lab::up(None);
    let events = scratch.path("events.json");
    let space = lab.monitor();
    let live = Live::start(
        &space,
        "mon0",
        &scratch,
        &["--json", events.to_str().unwrap()],
    );
    lab.script(&["go"]);
    let folder = scratch.path("tables");
    lab.script(&["tables", folder.to_str().unwrap()]);
    let summary = live.stop();
    let log = std::fs::read_to_string(scratch.path("live.log")).unwrap();
    assert!(
        !log.contains("dropped"),
        "the comparison needs every event: {log}"
    );

    for name in ["frames", "bytes"] {
        assert_eq!(summary["unaccounted"][name], 0, "{summary}");
    }
    assert_eq!(summary["gaps"]["count"], 0, "{summary}");
    well_behaved(&events);

    let wire = tables_on_the_wire(&events);
    let told = told(&folder);
    let mut compared = 0;
    let mut largest = 0;
    for entry in &told {
        let sent_told = told
            .iter()
            .any(|other| other.table == entry.table && other.said == "sent");
        if entry.said == "received" && sent_told {
            continue;
        }
        let empty = HashSet::new();
        let seen: BTreeSet<String> = wire
            .get(&entry.table)
            .unwrap_or(&empty)
            .iter()
            .map(|(prefix, _)| canonical(prefix))
            .collect();
        let text = std::fs::read_to_string(&entry.file).unwrap();
        let theirs: BTreeSet<String> = text.lines().map(canonical).collect();
        let missing: Vec<_> = theirs.difference(&seen).take(5).collect();
        let extra: Vec<_> = seen.difference(&theirs).take(5).collect();
        assert!(
            missing.is_empty() && extra.is_empty(),
            "{:?} ({}): missing {missing:?}, extra {extra:?}, {} told, {} seen",
            entry.table,
            entry.said,
            theirs.len(),
            seen.len()
        );
        compared += 1;
        largest = largest.max(theirs.len());
    }
    println!("{compared} tables equal, the largest of {largest} prefixes");
    assert!(compared >= 10, "{compared} tables");
    assert!(largest >= 100_000, "a table of {largest}");
}
