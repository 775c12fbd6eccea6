//! What `--json`, `--json-format elem` and `--summary` write is what `docs/schema` says, by python3-jsonschema.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![allow(unreachable_pub, reason = "modules of one test program")]

#[path = "../support/mod.rs"]
mod support;

use std::path::{Path, PathBuf};
use std::process::Command;
use support::{Scratch, corpus, recording, skip};

fn have_validator() -> bool {
    let run = Command::new("python3")
        .args(["-c", "import jsonschema"])
        .output();
    let have = run.is_ok_and(|output| output.status.success());
    if !have {
        skip::skip("python3-jsonschema is not installed");
    }
    have
}

/// How many lines of `file` are valid: all, or the test fails.
fn validate(schema: &str, file: &Path) -> usize {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let output = Command::new("python3")
        .arg(root.join("tests/schema/validate.py"))
        .arg(root.join("docs/schema").join(schema))
        .arg(file)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{schema}: {said}");
    String::from_utf8(output.stdout)
        .unwrap()
        .trim()
        .parse()
        .unwrap()
}

/// Runs `read` and appends what it writes to files of that kind.
struct Outputs {
    scratch: Scratch,
    events: Vec<u8>,
    elements: Vec<u8>,
    summaries: Vec<u8>,
}

impl Outputs {
    fn new() -> Self {
        Self {
            scratch: Scratch::new("schema"),
            events: Vec::new(),
            elements: Vec::new(),
            summaries: Vec::new(),
        }
    }

    fn read(&mut self, file: &Path) {
        let [events, summary] = ["events", "summary"].map(|name| self.scratch.path(name));
        run(
            file,
            &events,
            &["--raw", "--summary", summary.to_str().unwrap()],
        );
        self.events.extend(std::fs::read(&events).unwrap());
        self.summaries.extend(std::fs::read(&summary).unwrap());
        run(file, &events, &["--json-format", "elem"]);
        self.elements.extend(std::fs::read(&events).unwrap());
    }

    /// Lines of each kind.
    fn validate(self) -> [usize; 3] {
        [
            ("event.schema.json", self.events),
            ("elem.schema.json", self.elements),
            ("summary.schema.json", self.summaries),
        ]
        .map(|(schema, lines)| validate(schema, &self.scratch.write("lines", &lines)))
    }
}

fn run(file: &Path, json: &Path, more: &[&str]) {
    let output = Command::new(env!("CARGO_BIN_EXE_bgptap"))
        .arg("read")
        .arg(file)
        .arg("--json")
        .arg(json)
        .args(more)
        .output()
        .unwrap();
    // 1: the file is damaged; what came before the damage is there.
    let ended = output.status.code();
    assert!(
        matches!(ended, Some(0 | 1)),
        "{}: {output:?}",
        file.display()
    );
}

#[test]
fn a_recorded_session_is_what_the_schemas_say() {
    if !have_validator() {
        return;
    }
    let mut outputs = Outputs::new();
    outputs.read(recording());
    let [events, elements, summaries] = outputs.validate();
    assert!(
        events > 100 && elements > 100,
        "{events} events, {elements} elements"
    );
    assert_eq!(summaries, 1);
}

#[test]
fn all_captures_of_the_corpus_are_what_the_schemas_say() {
    let Some(files) = corpus() else { return };
    if !have_validator() {
        return;
    }
    let with_bgp = |file: &&PathBuf| !file.components().any(|part| part.as_os_str() == "bmp");
    let mut outputs = Outputs::new();
    files
        .iter()
        .filter(with_bgp)
        .for_each(|file| outputs.read(file));
    let [events, elements, _] = outputs.validate();
    assert!(
        events > 1000 && elements > 500,
        "{events} events, {elements} elements"
    );
}

#[test]
fn the_schemas_refuse_what_is_not_in_the_contract() {
    if !have_validator() {
        return;
    }
    let scratch = Scratch::new("schema");
    let json = scratch.path("events");
    run(recording(), &json, &[]);
    let lines = std::fs::read_to_string(&json).unwrap();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for (what, changed) in [
        (
            "a type nobody knows",
            ("\"type\":\"UPDATE\"", "\"type\":\"UPDATES\""),
        ),
        (
            "a number as a string",
            ("\"peer_port\":", "\"peer_port\":\"\",\"x\":"),
        ),
        ("a field that is gone", ("\"session\":", "\"sessions\":")),
        ("a state beyond 6", ("\"state\":6", "\"state\":7")),
    ] {
        let line = lines
            .lines()
            .find(|line| line.contains(changed.0))
            .expect(what);
        let wrong = scratch.write("wrong", line.replacen(changed.0, changed.1, 1).as_bytes());
        let output = Command::new("python3")
            .arg(root.join("tests/schema/validate.py"))
            .arg(root.join("docs/schema/event.schema.json"))
            .arg(&wrong)
            .output()
            .unwrap();
        assert!(!output.status.success(), "{what} is let through");
    }
}
