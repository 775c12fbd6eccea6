//! Real routers and a table of 100,000 prefixes: what `live` holds of each direction must be what the
//! routers themselves say they sent.
#![cfg(feature = "capture")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use support::Scratch;
use support::http::one;
use support::lab::{self, Lab, Table, canonical, told};
use support::net::{Live, Net, allowed};

/// Where `live` is asked, in the monitor's namespace.
const ASKED_AT: &str = "127.0.0.1:9180";
/// What ExaBGP announces with an AS_SET on purpose. These routers take it and pass it on; a receiver
/// that follows RFC 9774 §3 (2025) treats it as withdrawn, and so does a table of ours.
const WITH_AS_SET: &str = "203.0.113.64/26";

type Prefixes = BTreeSet<String>;

/// The prefixes of each table of each established session.
fn tables_of_live(address: SocketAddr) -> Result<BTreeMap<Table, Prefixes>, String> {
    let mut tables = BTreeMap::new();
    let sessions = one(address, "/sessions");
    let up = sessions["sessions"].as_array().unwrap().iter();
    for session in up.filter(|session| session["state"] == 6) {
        let id = session["session"].as_str().unwrap();
        for direction in session["directions"].as_array().unwrap() {
            let end = |name: &str| direction[name].as_str().unwrap().parse::<IpAddr>().unwrap();
            let (peer, local) = (end("peer"), end("local"));
            for table in direction["tables"].as_array().unwrap() {
                if (&table["status"], &table["stale"]) != (&json!("complete"), &json!(0)) {
                    return Err(format!("{peer} to {local}: {table}"));
                }
                let afi = table["afi"].as_u64().unwrap();
                let path = format!("/rib?session={id}&peer={peer}&afi={afi}&safi=1");
                tables.insert((peer, local, afi), prefixes(address, &path));
            }
        }
    }
    Ok(tables)
}

/// All prefixes of a table, page by page.
fn prefixes(address: SocketAddr, path: &str) -> Prefixes {
    let (mut prefixes, mut from) = (Prefixes::new(), Some(0));
    while let Some(place) = from {
        let page = one(address, &format!("{path}&limit=1000&from={place}"));
        for route in page["routes"].as_array().unwrap() {
            prefixes.insert(canonical(route["prefix"].as_str().unwrap()));
        }
        from = page["next"].as_u64();
    }
    prefixes
}

/// Tables compared, and the size of the largest; or what is not equal.
fn compare(lab: &Lab, scratch: &Scratch) -> Result<(usize, usize), String> {
    let folder = scratch.path("tables");
    lab.script(&["tables", "--once", folder.to_str().unwrap()]);
    let ours = Net::within(&lab.monitor(), || tables_of_live(ASKED_AT.parse().unwrap()))?;
    let (none, mut compared, mut largest) = (Prefixes::new(), 0, 0);
    for entry in told(&folder) {
        let seen = ours.get(&entry.table).unwrap_or(&none);
        let text = std::fs::read_to_string(&entry.file).unwrap();
        let mut theirs: Prefixes = text.lines().map(canonical).collect();
        theirs.remove(WITH_AS_SET);
        let missing: Vec<_> = theirs.difference(seen).take(5).collect();
        let extra: Vec<_> = seen.difference(&theirs).take(5).collect();
        if !missing.is_empty() || !extra.is_empty() {
            return Err(format!(
                "{:?} ({}): missing {missing:?}, extra {extra:?}, {} told, {} seen",
                entry.table,
                entry.said,
                theirs.len(),
                seen.len()
            ));
        }
        compared += 1;
        largest = largest.max(theirs.len());
    }
    Ok((compared, largest))
}

#[test]
fn the_routers_tables_are_what_crossed_the_wire() {
    if !allowed() || !lab::installed() {
        return;
    }
    let scratch = Scratch::new("lab");
    let lab = Lab::up(None);
    let live = Live::start(&lab.monitor(), "mon0", &scratch, &["--http", ASKED_AT]);
    lab.script(&["go"]);
    let (compared, largest) = lab::settled(|| compare(&lab, &scratch));
    println!("{compared} tables equal, the largest of {largest} prefixes");
    assert!(compared >= 19, "{compared} tables");
    assert!(largest >= 100_000, "a table of {largest}");

    let log = live.log();
    let summary = live.stop();
    let shown = || format!("{summary:#}\n{log}\n{}", lab.status());
    for name in ["frames", "bytes"] {
        assert_eq!(summary["unaccounted"][name], 0, "{}", shown());
    }
    assert_eq!(summary["gaps"]["count"], 0, "{}", shown());
    well_behaved(&summary);
}

/// The routers send nothing that is wrong, but for the AS_SET.
fn well_behaved(summary: &Value) {
    let sets = &summary["errors"]["treat-as-withdraw"];
    assert!(
        sets.as_u64() > Some(0),
        "ExaBGP announces a set: {summary:#}"
    );
    let only = json!({ "treat-as-withdraw": sets });
    assert_eq!(summary["errors"], only, "{summary:#}");
    let attributes = summary["attribute_errors"].as_object().unwrap().keys();
    // The first towards the router with two-octet AS numbers.
    assert!(attributes.eq(["AS4_PATH", "AS_PATH"]), "{summary:#}");
}
