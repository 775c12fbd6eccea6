//! Events as `--json` writes them, to be compared.

use super::Scratch;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

/// The events of each session in order, without what tells when and where they were captured.
pub fn by_session(path: &Path) -> BTreeMap<String, Vec<Value>> {
    let mut sessions: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for line in std::fs::read_to_string(path).unwrap().lines() {
        let mut event: Value = serde_json::from_str(line).unwrap();
        let fields = event.as_object_mut().unwrap();
        for clock in ["timestamp", "ts_ns", "ts_source", "host"] {
            fields.remove(clock).unwrap();
        }
        if fields["type"] == "TRANSFER" {
            fields.remove("milliseconds");
        }
        let session = event["session"].as_str().unwrap().to_owned();
        sessions.entry(session).or_default().push(event);
    }
    sessions
}

/// Fails at the first session whose events are not the same, naming it and the first difference.
pub fn assert_same(
    left: &BTreeMap<String, Vec<Value>>,
    right: &BTreeMap<String, Vec<Value>>,
    what: &str,
) {
    assert_eq!(
        left.keys().collect::<Vec<_>>(),
        right.keys().collect::<Vec<_>>(),
        "{what}: the sessions"
    );
    for (session, events) in right {
        for (at, (ours, theirs)) in left[session].iter().zip(events).enumerate() {
            assert_eq!(ours, theirs, "{what}: session {session}, event {at}");
        }
        assert_eq!(
            left[session].len(),
            events.len(),
            "{what}: session {session}"
        );
    }
}

/// Events, by session, and summary of `bgptap read --raw`.
///
/// # Panics
/// If it fails.
pub fn read(file: &Path, scratch: &Scratch) -> (BTreeMap<String, Vec<Value>>, Value) {
    let (events, summary) = (scratch.path("events.json"), scratch.path("summary.json"));
    let output = Command::new(env!("CARGO_BIN_EXE_bgptap"))
        .args(["read", "--raw", "--json"])
        .arg(&events)
        .arg("--summary")
        .args([&summary, file])
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let summary = serde_json::from_slice(&std::fs::read(summary).unwrap()).unwrap();
    (by_session(&events), summary)
}

/// The octets of `raw`.
///
/// # Panics
/// If it is not hexadecimal.
pub fn octets(hex: &str) -> Vec<u8> {
    let pairs = hex.as_bytes().chunks(2);
    let octet = |pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16);
    pairs.map(|pair| octet(pair).unwrap()).collect()
}

/// This moment, in nanoseconds since 1970.
pub fn now_ns() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    u64::try_from(now.as_nanos()).unwrap()
}

/// Events of a live capture: whose clock they carry, between when and when, and never backwards in a
/// direction.
///
/// # Panics
/// If one is not so.
pub fn assert_times(events: &str, from_ns: u64, to_ns: u64) {
    let mut latest: BTreeMap<String, u64> = BTreeMap::new();
    for line in events.lines() {
        let event: Value = serde_json::from_str(line).unwrap();
        let ns: u64 = event["ts_ns"].as_str().unwrap().parse().unwrap();
        // The test goes over a veth, which has no hardware clock.
        assert_eq!(event["ts_source"], "xdp", "{line}");
        assert!((from_ns..=to_ns).contains(&ns), "{from_ns} {to_ns} {line}");
        let direction = format!("{} {}", event["session"], event["peer"]);
        let before = latest.insert(direction, ns).unwrap_or(0);
        assert!(before <= ns, "{before} and then {line}");
    }
    assert!(latest.len() > 20, "{} directions", latest.len());
}
