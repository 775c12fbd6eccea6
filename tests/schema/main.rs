//! What `--json`, `--json-format elem`, `--http`, `--rib-out` and `--summary` write is what `docs/schema` says, by
//! python3-jsonschema. The schemas are closed: a field that they do not name fails here.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![allow(unreachable_pub, reason = "modules of one test program")]

mod live;
#[path = "../support/octets.rs"]
mod octets;
#[path = "../support/mod.rs"]
mod support;
mod vectors;

use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
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

fn validator(schema: &str, file: &Path) -> Output {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    Command::new("python3")
        .arg(root.join("tests/schema/validate.py"))
        .arg(root.join("docs/schema").join(schema))
        .arg(file)
        .output()
        .unwrap()
}

/// How many lines of `file` are valid: all, or the test fails.
fn validate(schema: &str, file: &Path) -> usize {
    let output = validator(schema, file);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{schema}: {said}");
    String::from_utf8(output.stdout)
        .unwrap()
        .trim()
        .parse()
        .unwrap()
}

/// Whether the schema has something against `line`.
fn refused(schema: &str, scratch: &Scratch, line: &Value) -> bool {
    let wrong = scratch.write("wrong", line.to_string().as_bytes());
    let output = validator(schema, &wrong);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() || said.contains("1 of 1 lines"),
        "{said}"
    );
    !output.status.success()
}

/// Runs `read` and appends what it writes to files of that kind.
struct Outputs {
    scratch: Scratch,
    events: Vec<u8>,
    elements: Vec<u8>,
    summaries: Vec<u8>,
    tables: Vec<u8>,
}

/// Lines of each kind that are valid.
struct Valid {
    events: usize,
    elements: usize,
    summaries: usize,
    tables: usize,
}

impl Outputs {
    fn new() -> Self {
        Self {
            scratch: Scratch::new("schema"),
            events: Vec::new(),
            elements: Vec::new(),
            summaries: Vec::new(),
            tables: Vec::new(),
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
        let tables = self.scratch.path("tables");
        let more = ["--rib-out", tables.to_str().unwrap()];
        run(
            file,
            &events,
            &[&["--json-format", "elem"][..], &more].concat(),
        );
        self.elements.extend(std::fs::read(&events).unwrap());
        self.tables.extend(std::fs::read(&tables).unwrap());
    }

    fn validate(self) -> Valid {
        let valid = |schema, lines: &[u8]| validate(schema, &self.scratch.write("lines", lines));
        Valid {
            events: valid("event.schema.json", &self.events),
            elements: valid("elem.schema.json", &self.elements),
            summaries: valid("summary.schema.json", &self.summaries),
            tables: valid("rib.schema.json", &self.tables),
        }
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
    let valid = outputs.validate();
    let (events, elements) = (valid.events, valid.elements);
    assert!(
        events > 100 && elements > 100,
        "{events} events, {elements} elements"
    );
    assert_eq!(valid.summaries, 1);
    assert!(valid.tables > 5, "{} tables and routes", valid.tables);
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
    let valid = outputs.validate();
    let (events, elements) = (valid.events, valid.elements);
    assert!(
        events > 1000 && elements > 500,
        "{events} events, {elements} elements"
    );
    assert!(valid.summaries > 80, "{} summaries", valid.summaries);
    assert!(valid.tables > 500, "{} tables and routes", valid.tables);
}

#[test]
fn messages_from_the_tests_of_other_projects_are_what_the_schemas_say() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus");
    if support::corpus().is_none() || !have_validator() {
        return;
    }
    let (lines, events) = read_archive(&vectors::archive(vectors::whole(&corpus)));
    assert!(events > 400, "{events} events");
    for key in ["bgp_ls", "tunnel_encapsulation", "prefix_sid", "as4_path"] {
        assert!(has(&lines, key), "{key} is in none");
    }
}

/// Each attribute that the schema names is there, with AS numbers of two octets or of four.
#[test]
fn each_attribute_and_capability_is_what_the_schemas_say() {
    if !have_validator() {
        return;
    }
    let messages = vectors::of_each_kind();
    let both = [true, false].map(|as4| messages.iter().map(move |message| (message.clone(), as4)));
    let (lines, events) = read_archive(&vectors::archive(both.into_iter().flatten()));
    assert_eq!(events, 2 * messages.len());
    let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/schema/event.schema.json");
    let schema: Value = serde_json::from_slice(&std::fs::read(schema).unwrap()).unwrap();
    let attributes = schema.pointer("/$defs/attributes/properties").unwrap();
    for key in attributes.as_object().unwrap().keys() {
        assert!(has(&lines, key), "{key} is in none");
    }
}

/// The lines of an archive, which are all valid, and how many they are.
fn read_archive(archive: &[u8]) -> (String, usize) {
    let mut outputs = Outputs::new();
    let file = outputs.scratch.write("messages.mrt", archive);
    outputs.read(&file);
    let lines = String::from_utf8(outputs.events.clone()).unwrap();
    let valid = outputs.validate();
    assert_eq!(valid.summaries, 1);
    (lines, valid.events)
}

fn has(lines: &str, key: &str) -> bool {
    lines.contains(&format!("\"{key}\":"))
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
        ("a field that is new", ("\"med\":", "\"metric\":1,\"med\":")),
        (
            "a field of another type",
            ("\"state\":6", "\"state\":6,\"med\":1"),
        ),
        (
            "a new one in a capability",
            ("\"code\":1,", "\"code\":1,\"kode\":1,"),
        ),
        (
            "a new one in a context",
            ("\"as4\":", "\"as2\":true,\"as4\":"),
        ),
        (
            "a new one in announcements",
            ("\"announcements\":[{", "\"announcements\":[{\"more\":1,"),
        ),
        (
            "a new one in a route",
            ("{\"prefix\":", "{\"suffix\":1,\"prefix\":"),
        ),
        (
            "a new one in a notification",
            ("\"subcode\":", "\"codes\":1,\"subcode\":"),
        ),
    ] {
        let line = lines
            .lines()
            .find(|line| line.contains(changed.0))
            .expect(what);
        let wrong: Value = serde_json::from_str(&line.replacen(changed.0, changed.1, 1)).unwrap();
        assert!(
            refused("event.schema.json", &scratch, &wrong),
            "{what} is let through"
        );
    }
}

#[test]
fn the_schema_of_tables_refuses_what_it_does_not_name() {
    if !have_validator() {
        return;
    }
    let scratch = Scratch::new("schema-rib");
    let tables = scratch.path("tables");
    let more = ["--rib-out", tables.to_str().unwrap()];
    run(recording(), &scratch.path("events"), &more);
    let lines = std::fs::read_to_string(tables).unwrap();
    let first = |kind: &str| -> Value {
        let mut lines = lines
            .lines()
            .map(|line| serde_json::from_str(line).unwrap());
        lines.find(|line: &Value| line["type"] == kind).unwrap()
    };
    for (kind, place, key) in [
        ("TABLE", "", "more"),
        ("TABLE", "", "reason"),
        ("ROUTE", "", "more"),
        ("ROUTE", "", "routes"),
        ("ROUTE", "", "nlri_raw"),
        ("ROUTE", "/attributes", "more"),
    ] {
        let mut line = first(kind);
        assert!(!refused("rib.schema.json", &scratch, &line));
        line.pointer_mut(place).unwrap()[key] = json!("gap");
        assert!(refused("rib.schema.json", &scratch, &line), "{kind}: {key}");
    }
}

#[test]
fn the_schema_of_the_summary_refuses_what_it_does_not_name() {
    if !have_validator() {
        return;
    }
    let scratch = Scratch::new("schema-summary");
    let summary = scratch.path("summary");
    let more = ["--summary", summary.to_str().unwrap()];
    run(recording(), &scratch.path("events"), &more);
    let summary: Value = serde_json::from_slice(&std::fs::read(summary).unwrap()).unwrap();
    assert!(!refused("summary.schema.json", &scratch, &summary));
    for place in [
        "",
        "/frames",
        "/messages",
        "/prefixes",
        "/directions/0",
        "/directions/0/tcp",
        "/directions/0/tcp/rtt",
        "/directions/0/discarded",
        "/unlisted",
        "/gaps",
        "/rib",
        "/unaccounted",
    ] {
        let mut wrong = summary.clone();
        wrong.pointer_mut(place).unwrap()["more"] = json!(1);
        assert!(refused("summary.schema.json", &scratch, &wrong), "{place}");
    }
}
