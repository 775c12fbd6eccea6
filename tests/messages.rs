//! `--messages`: what is not asked for is counted and skipped, what is asked for stays the same.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use serde_json::Value;
use std::process::{Command, Output};
use support::{Scratch, recording};

fn read(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bgptap"));
    command.arg("read").arg(recording()).args(arguments);
    command.output().unwrap()
}

struct Run {
    summary: Value,
    events: Vec<Value>,
}

/// Events without what tells runs apart, and the summary.
fn run(arguments: &[&str]) -> Run {
    let scratch = Scratch::new("messages");
    let summary = scratch.path("summary");
    let mut all = vec!["--json", "-", "--raw", "--strict", "--summary"];
    all.push(summary.to_str().unwrap());
    all.extend(arguments);
    let output = read(&all);
    assert!(output.status.success(), "{output:?}");
    let summary = serde_json::from_slice(&std::fs::read(summary).unwrap()).unwrap();
    let lines = String::from_utf8(output.stdout).unwrap();
    let events = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap());
    Run {
        summary,
        events: events.collect(),
    }
}

/// Type, time, sender, number and bytes of each event of `types`.
fn told<'a>(run: &'a Run, types: &[&str]) -> Vec<[&'a Value; 5]> {
    let wanted = |event: &&Value| types.iter().any(|kind| event["type"] == *kind);
    let fields = ["type", "ts_ns", "peer", "seq", "raw"];
    let events = run.events.iter().filter(wanted);
    events
        .map(|event| fields.map(|name| &event[name]))
        .collect()
}

fn sum(run: &Run, field: &str) -> u64 {
    let directions = run.summary["directions"].as_array().unwrap();
    directions.iter().map(|d| d[field].as_u64().unwrap()).sum()
}

#[test]
fn updates_and_opens_come_out_as_ever_and_all_is_counted() {
    let all = run(&[]);
    let some = run(&["--messages", "update,open", "--zero-buffers"]);
    assert!(all.summary["messages"]["KEEPALIVE"].as_u64() > Some(0));
    assert_eq!(some.summary["messages"], all.summary["messages"]);
    assert_eq!(some.summary["prefixes"], all.summary["prefixes"]);
    let kinds = ["UPDATE", "OPEN", "STATE"];
    assert_eq!(told(&some, &kinds), told(&all, &kinds));
    assert_eq!(
        told(&some, &["KEEPALIVE", "NOTIFICATION"]),
        [[&Value::Null; 5]; 0]
    );
    assert_eq!(
        sum(&some, "decoded") + sum(&some, "skipped"),
        sum(&all, "decoded")
    );
    assert_eq!(some.summary["unaccounted"]["bytes"], 0);
}

#[test]
fn bodies_are_skipped_to_the_byte() {
    let all = run(&[]);
    let some = run(&["--messages", "keepalive"]);
    let bodies = all
        .events
        .iter()
        .filter_map(|event| event["length"].as_u64());
    assert_eq!(
        sum(&some, "skipped"),
        bodies.map(|length| length - 19).sum::<u64>()
    );
    assert_eq!(some.summary["messages"], all.summary["messages"]);
    assert_eq!(told(&some, &["KEEPALIVE"]), told(&all, &["KEEPALIVE"]));
    assert_eq!(some.summary["unaccounted"]["bytes"], 0);
}

#[test]
fn without_opens_nobody_claims_to_know_the_encoding() {
    let some = run(&["--messages", "update"]);
    let updates: Vec<_> = some
        .events
        .iter()
        .filter(|e| e["type"] == "UPDATE")
        .collect();
    assert!(!updates.is_empty());
    assert!(
        updates
            .iter()
            .all(|event| event["context"]["source"] != "negotiated")
    );
    let output = read(&["--messages", "update"]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("without `open`"));
}

#[test]
fn a_name_that_no_message_has_is_refused() {
    let output = read(&["--messages", "update,hello"]);
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("no message `hello`"), "{said}");
}
