//! `bgptap read FILE --json - --raw` against tshark's reading of the same files.
//!
//! Message by message: sender, receiver, ports, number in the direction, type, length and bytes.
//! A difference is allowed only if it is listed below, with the RFC clause that decides it.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A message that tshark reports and bgptap does not, or the other way round.
struct Difference {
    /// File in the corpus.
    file: &'static str,
    /// Frame by tshark's count.
    frame: u64,
    /// Which of the two has it.
    only: Only,
    /// Which rule decides.
    clause: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Only {
    Tshark,
    Bgptap,
}

const ALLOWED: &[Difference] = &[
    Difference {
        file: "301-BGP-CISCO-pretag--traffic-00.pcap",
        frame: 2,
        only: Only::Tshark,
        clause: "RFC 9293 §3.4: a SYN takes a sequence number; the generator of this file did not count it, so its next segment repeats one byte",
    },
    Difference {
        file: "302-BGP-IPv6-multiple-sources--traffic-01.pcap",
        frame: 2,
        only: Only::Tshark,
        clause: "RFC 9293 §3.4: a SYN takes a sequence number; the generator of this file did not count it, so its next segment repeats one byte",
    },
    Difference {
        file: "302-BGP-IPv6-multiple-sources--traffic-02.pcap",
        frame: 2,
        only: Only::Tshark,
        clause: "RFC 9293 §3.4: a SYN takes a sequence number; the generator of this file did not count it, so its next segment repeats one byte",
    },
    Difference {
        file: "302-BGP-IPv6-multiple-sources--traffic-03.pcap",
        frame: 2,
        only: Only::Tshark,
        clause: "RFC 9293 §3.4: a SYN takes a sequence number; the generator of this file did not count it, so its next segment repeats one byte",
    },
    Difference {
        file: "FuzzTarget-5643903448645632.pcap",
        frame: 1,
        only: Only::Tshark,
        clause: "RFC 4271 §4.1, §6.1: the marker must be all ones; the second message has another, and no header confirms the first",
    },
    Difference {
        file: "bgp-aigp-oobr.pcap",
        frame: 1,
        only: Only::Tshark,
        clause: "RFC 4271 §4.1, §6.1: the marker must be all ones; tshark does not look at it. Here markers are broken over and over, so no run of headers ever gets long enough to be believed",
    },
    Difference {
        file: "bgp-bgp_capabilities_print-oobr-1.pcap",
        frame: 1,
        only: Only::Tshark,
        clause: "RFC 791 §3.2: a first fragment is not yet a datagram; it is counted as `fragment`",
    },
];

/// UPDATEs whose prefixes tshark and bgptap read differently: file, frame, clause.
const ALLOWED_PREFIXES: &[(&str, u64, &str)] = &[(
    "fuzz-1eb005b8d62599b6561acf7e778f51603ccbc5ddf948c0b081617668bb56.pcap",
    4,
    "RFC 7606 §7.2: a malformed AS_PATH is confined to its attribute, so the NLRI behind it stays readable; tshark stops there",
)];

/// Sender, receiver and their ports.
type Direction = (String, String, u64, u64);
/// The same, then type, length and bytes.
type Key = (String, String, u64, u64, String, u64, String);

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus")
}

fn lines(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn bgptap(file: &Path) -> (Vec<Value>, Value) {
    let summary = support::Scratch::new("corpus");
    let path = summary.path("summary.json");
    let output = Command::new(env!("CARGO_BIN_EXE_bgptap"))
        // tshark does not look at checksums unless it is told to, and did not for its truth.
        .args([
            "read",
            "--checksums",
            "off",
            "--json",
            "-",
            "--raw",
            "--summary",
        ])
        .arg(&path)
        .arg(file)
        .output()
        .unwrap();
    // 1: the file is damaged; what came before the damage is there.
    assert!(
        matches!(output.status.code(), Some(0 | 1)),
        "{}: {output:?}",
        file.display()
    );
    let events = lines(std::str::from_utf8(&output.stdout).unwrap());
    let summary = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    (events, summary)
}

/// Names of types as both write them.
fn kind(name: &str) -> String {
    name.replace('-', "_")
}

fn ours(event: &Value) -> Option<Key> {
    let kind_name = event["type"].as_str()?;
    if matches!(kind_name, "STATE" | "TRANSFER" | "GAP" | "MALFORMED") {
        return None;
    }
    Some((
        event["peer"].as_str()?.into(),
        event["local"].as_str()?.into(),
        event["peer_port"].as_u64()?,
        event["local_port"].as_u64()?,
        kind(kind_name),
        event["length"].as_u64()?,
        event["raw"].as_str()?.into(),
    ))
}

fn theirs(message: &Value) -> Key {
    (
        message["src"].as_str().unwrap().into(),
        message["dst"].as_str().unwrap().into(),
        message["sport"].as_u64().unwrap(),
        message["dport"].as_u64().unwrap(),
        kind(message["type"].as_str().unwrap_or("UNKNOWN")),
        message["len"].as_u64().unwrap(),
        message["raw"].as_str().unwrap().into(),
    )
}

/// In each direction, in order: the place in the list is the number in the direction.
fn by_direction(keys: impl Iterator<Item = (u64, Key)>) -> BTreeMap<Direction, Vec<(u64, Key)>> {
    let mut directions: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for (frame, key) in keys {
        let direction = (key.0.clone(), key.1.clone(), key.2, key.3);
        directions.entry(direction).or_default().push((frame, key));
    }
    directions
}

/// The two lists side by side: what only one of them has, by tshark's frame (or that of its neighbour).
fn differences(theirs: &[(u64, Key)], ours: &[(u64, Key)]) -> Vec<(u64, Only, Key)> {
    let mut found = Vec::new();
    let (mut t, mut o) = (0, 0);
    while t < theirs.len() || o < ours.len() {
        match (theirs.get(t), ours.get(o)) {
            (Some(a), Some(b)) if a.1 == b.1 => {
                t += 1;
                o += 1;
            }
            (Some(a), Some(b)) if ours[o..].iter().any(|other| other.1 == a.1) => {
                found.push((a.0, Only::Bgptap, b.1.clone()));
                o += 1;
            }
            (Some(a), _) => {
                found.push((a.0, Only::Tshark, a.1.clone()));
                t += 1;
            }
            (None, Some(b)) => {
                found.push((
                    theirs.last().map_or(0, |last| last.0),
                    Only::Bgptap,
                    b.1.clone(),
                ));
                o += 1;
            }
            (None, None) => unreachable!("the loop has ended"),
        }
    }
    found
}

fn prefixes(list: &Value) -> BTreeSet<String> {
    let groups = list.as_array().into_iter().flatten();
    groups
        .flat_map(|group| {
            let (afi, safi) = (group["afi"].clone(), group["safi"].clone());
            group["prefixes"]
                .as_array()
                .into_iter()
                .flatten()
                .map(move |prefix| {
                    let (text, path_id) = match prefix.as_str() {
                        Some(text) => (text, &Value::Null),
                        None => (
                            prefix["prefix"].as_str().unwrap_or("opaque"),
                            &prefix["path_id"],
                        ),
                    };
                    format!("{afi}/{safi} {text} {path_id}")
                })
        })
        .filter(|line| {
            line.starts_with("1/1 ")
                || line.starts_with("2/1 ")
                || line.starts_with("1/2 ")
                || line.starts_with("2/2 ")
        })
        .collect()
}

fn truth_prefixes(list: &Value) -> BTreeSet<String> {
    let items = list.as_array().into_iter().flatten();
    items
        .filter(|item| matches!(item["safi"].as_u64(), Some(1 | 2)) && item.get("prefix").is_some())
        .filter(|item| item.get("rd").is_none() && item.get("labels").is_none())
        .map(|item| {
            format!(
                "{}/{} {} {}",
                item["afi"],
                item["safi"],
                item["prefix"].as_str().unwrap(),
                item.get("path_id").unwrap_or(&Value::Null)
            )
        })
        .collect()
}

#[test]
fn every_capture_agrees_with_tshark() {
    let Some(files) = support::corpus() else {
        return;
    };
    let mut messages = 0;
    let mut compared_prefixes = 0;
    let mut used = BTreeSet::new();
    let mut unlisted = Vec::new();
    for file in files
        .iter()
        .filter(|file| file.to_string_lossy().contains("/pcap/bgp/"))
    {
        let relative = file
            .strip_prefix(root().join("pcap"))
            .unwrap()
            .to_string_lossy()
            .into_owned();
        let truth = root()
            .join("truth")
            .join(format!("{}.jsonl", relative.replace('/', "_")));
        let truth = lines(&std::fs::read_to_string(&truth).unwrap());
        let (events, summary) = bgptap(file);
        assert_eq!(summary["unaccounted"]["bytes"], 0, "{relative}: {summary}");
        assert_eq!(summary["unaccounted"]["frames"], 0, "{relative}: {summary}");
        messages += truth.len();

        let expected = by_direction(
            truth
                .iter()
                .map(|m| (m["frame"].as_u64().unwrap(), theirs(m))),
        );
        let seen = by_direction(events.iter().filter_map(ours).map(|key| (0, key)));
        let directions: BTreeSet<_> = expected.keys().chain(seen.keys()).cloned().collect();
        for direction in directions {
            let empty = Vec::new();
            let t = expected.get(&direction).unwrap_or(&empty);
            let o = seen.get(&direction).unwrap_or(&empty);
            for (frame, only, key) in differences(t, o) {
                let listed = ALLOWED.iter().position(|allowed| {
                    relative.ends_with(allowed.file)
                        && allowed.frame == frame
                        && allowed.only == only
                });
                match listed {
                    Some(index) => {
                        used.insert(index);
                    }
                    None => unlisted.push(format!(
                        "{relative} frame {frame}: only {only:?} has {} of {} bytes {:.80}",
                        key.4, key.5, key.6
                    )),
                }
            }
        }
        compared_prefixes += compare_prefixes(&relative, &truth, &events, &mut unlisted);
    }
    assert!(
        unlisted.is_empty(),
        "{} differences that no clause explains:\n{}",
        unlisted.len(),
        unlisted.join("\n")
    );
    for (index, allowed) in ALLOWED.iter().enumerate() {
        assert!(
            used.contains(&index),
            "listed but no difference any more: {} frame {} ({})",
            allowed.file,
            allowed.frame,
            allowed.clause
        );
    }
    assert!(
        messages > 500 && compared_prefixes > 100,
        "{messages} messages, {compared_prefixes} UPDATEs with prefixes"
    );
}

/// IPv4 and IPv6 prefixes of each UPDATE whose bytes both report, in order of appearance.
fn compare_prefixes(
    file: &str,
    truth: &[Value],
    events: &[Value],
    unlisted: &mut Vec<String>,
) -> usize {
    let mut compared = 0;
    let mut rest: Vec<&Value> = events
        .iter()
        .filter(|event| event["type"] == "UPDATE")
        .collect();
    for message in truth.iter().filter(|message| message["type"] == "UPDATE") {
        let same = |event: &&Value| {
            event["raw"] == message["raw"]
                && event["peer"] == message["src"]
                && event["peer_port"] == message["sport"]
        };
        let Some(at) = rest.iter().position(same) else {
            continue;
        };
        let event = rest.remove(at);
        // tshark guesses what an OPEN would have told, or gave up: advisory by its own word.
        if message.get("warn").is_some() || message.get("malformed").is_some() {
            continue;
        }
        for (list, ours, theirs) in [
            (
                "announced",
                prefixes(&event["announcements"]),
                truth_prefixes(&message["announced"]),
            ),
            (
                "withdrawn",
                prefixes(&event["withdrawals"]),
                truth_prefixes(&message["withdrawn"]),
            ),
        ] {
            let frame = message["frame"].as_u64().unwrap();
            let allowed = |entry: &&(&str, u64, &str)| file.ends_with(entry.0) && entry.1 == frame;
            if ours != theirs && ALLOWED_PREFIXES.iter().find(allowed).is_none() {
                unlisted.push(format!(
                    "{file} frame {}: {list}: tshark {theirs:?}, bgptap {ours:?}",
                    message["frame"]
                ));
            }
            compared += usize::from(!ours.is_empty());
        }
    }
    compared
}
