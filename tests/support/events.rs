//! Events as `--json` writes them, to be compared.

use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

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
