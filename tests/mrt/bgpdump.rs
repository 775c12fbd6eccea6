//! Lines that `bgpdump -m` prints of what we wrote.

use super::support::have;
use super::{Converted, captures};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

/// The lines that bgpdump prints of a file: the type of the record, and the rest.
pub fn typed_lines(mrt: &Path) -> Vec<(String, String)> {
    let output = Command::new("bgpdump").arg("-m").arg(mrt).output().unwrap();
    assert!(output.status.success(), "{}: {output:?}", mrt.display());
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let lines = text.lines().map(|line| line.split_once('|').unwrap());
    lines
        .map(|(kind, line)| (kind.to_owned(), line.to_owned()))
        .collect()
}

/// The same without the type.
pub fn lines(mrt: &Path) -> Vec<String> {
    typed_lines(mrt).into_iter().map(|(_, line)| line).collect()
}

/// How often each line is there.
pub fn counted(lines: impl IntoIterator<Item = String>) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for line in lines {
        *counts.entry(line).or_default() += 1;
    }
    counts
}

/// What bgpdump prints of a path: sets in braces.
fn path(path: &Value) -> String {
    let numbers = |list: &Value, between: &str| {
        let list = list.as_array().unwrap().iter().map(ToString::to_string);
        list.collect::<Vec<_>>().join(between)
    };
    let segment = |part: &Value| match (part["ty"].as_str(), part.is_array()) {
        (None, true) => format!("{{{}}}", numbers(part, ",")),
        (Some("AS_SEQUENCE"), _) => numbers(&part["values"], " "),
        (Some("AS_SET"), _) => format!("{{{}}}", numbers(&part["values"], ",")),
        (Some("AS_CONFED_SEQUENCE"), _) => format!("({})", numbers(&part["values"], " ")),
        (Some("AS_CONFED_SET"), _) => format!("[{}]", numbers(&part["values"], ",")),
        _ => part.to_string(),
    };
    let parts = path.as_array().into_iter().flatten().map(segment);
    parts.collect::<Vec<_>>().join(" ")
}

/// Communities but for extended and large ones: bgpdump 1.6.2 prints neither in its short form.
fn communities(list: &Value) -> String {
    let plain = list
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|community| {
            Some(match community.as_str() {
                Some("NoExport") => "no-export".into(),
                Some("NoAdvertise") => "no-advertise".into(),
                Some(_) => "local-AS".into(),
                None => {
                    let pair = community["Custom"].as_array()?;
                    format!("{}:{}", pair[0], pair[1])
                }
            })
        });
    plain.collect::<Vec<_>>().join(" ")
}

/// What bgpdump should print of one of our elements.
fn expected(element: &Value) -> String {
    let text = |field: &str| element[field].as_str().unwrap_or_default().to_owned();
    let (prefix, path_id) = match element["prefix"].as_str() {
        Some(prefix) => (prefix.to_owned(), String::new()),
        None => {
            let prefix = &element["prefix"];
            let path_id = format!("|{}", prefix["path_id"]);
            (prefix["prefix"].as_str().unwrap().to_owned(), path_id)
        }
    };
    let seconds = element["timestamp"].as_f64().unwrap();
    let kind = &text("type")[..1];
    let start = format!(
        "{seconds:.6}|{kind}|{}|{}|{prefix}{path_id}",
        text("peer_ip"),
        element["peer_asn"]
    );
    if kind == "W" {
        return start;
    }
    let aggregator = match element["aggr_asn"].as_u64() {
        Some(asn) => format!("{asn} {}", text("aggr_ip")),
        None => String::new(),
    };
    format!(
        "{start}|{}|{}|{}|{}|{}|{}|{}|{aggregator}|",
        path(&element["as_path"]),
        text("origin"),
        text("next_hop"),
        element["local_pref"],
        element["med"],
        communities(&element["communities"]),
        if element["atomic"] == true {
            "AG"
        } else {
            "NAG"
        },
    )
}

/// Captures of which bgpdump prints something else, and why.
const ALLOWED: [(&str, &str); 4] = [
    (
        "bgp-addpath.pcap",
        "MP_REACH_NLRI and MP_UNREACH_NLRI are there twice (RFC 7606 §3 g); the last ones count for bgpdump",
    ),
    (
        "bgpsec_invalid_signature_block_length.pcap",
        "NEXT_HOP is 0.0.0.0, an error (RFC 4271 §6.3); bgpdump prints the sender's address instead",
    ),
    (
        "mpbgp-linklocal-nexthop.pcap",
        "NEXT_HOP is 0.0.0.0 beside an MP_REACH_NLRI; bgpkit-parser takes the one, bgpdump the other",
    ),
    (
        "fuzz-1eb005b8d62599b6561acf7e778f51603ccbc5ddf948c0b081617668bb56.pcap",
        "AS_PATH is malformed",
    ),
];

#[test]
fn it_prints_the_prefixes_and_attributes_that_we_tell() {
    let Some(files) = captures() else { return };
    if !have("bgpdump") {
        return;
    }
    let (mut compared, mut differing) = (0, Vec::new());
    for file in files {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        let converted = Converted::new(&file);
        let Some(mrt) = converted.mrt() else { continue };
        let told = lines(&mrt);
        let states = told.iter().filter(|line| line.contains("|STATE|")).count();
        let events = converted.events.iter();
        let ours = events.filter(|event| event["type"] == "STATE").count();
        assert_eq!(states, ours, "{name}: changes of state");
        if ALLOWED.iter().any(|(allowed, _)| *allowed == name) {
            continue;
        }
        // A greater AS number than two octets hold is AS_TRANS there (RFC 6793 §9).
        let narrow = told.iter().any(|line| line.contains("|23456|"));
        let theirs = counted(told.into_iter().filter(|line| !line.contains("|STATE|")));
        let ours = counted(converted.elements.iter().map(|element| {
            let line = expected(element);
            if narrow && !theirs.contains_key(&line) {
                let asn = format!("|{}|", element["peer_asn"]);
                return line.replacen(&asn, "|23456|", 1);
            }
            line
        }));
        compared += theirs.values().sum::<usize>();
        if ours != theirs {
            let only = |a: &BTreeMap<String, usize>, b: &BTreeMap<String, usize>| {
                a.keys().find(|line| !b.contains_key(*line)).cloned()
            };
            differing.push((name, only(&ours, &theirs), only(&theirs, &ours)));
        }
    }
    assert!(differing.is_empty(), "{differing:#?}");
    assert!(compared > 4000, "{compared} lines");
}
