//! `--messages`: what is not asked for is counted and skipped, what is asked for stays the same.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use serde_json::Value;
use std::process::{Command, Output};
use support::flows::{self, Captured};
use support::segments::{ACK, BEGIN_NS, FIN, MS, SYN, Seg, keepalive, message, open_with};
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

/// A conversation as a capture, one message in a segment; each side is numbered by itself.
#[derive(Default)]
struct Capture {
    frames: Vec<Captured>,
    port: u16,
    at: [u32; 2],
}

impl Capture {
    fn segment(&mut self, direction: usize, flags: u8, payload: &[u8]) {
        let (seq, ack) = (self.at[direction], self.at[direction ^ 1]);
        let id = self.frames.len() as u16;
        let mut bytes = Seg::new(direction, flags, seq, ack, payload).frame(id);
        // The client's port, behind the headers of Ethernet and IPv4.
        let place = 34 + 2 * direction;
        bytes[place..place + 2].copy_from_slice(&self.port.to_be_bytes());
        let ns = BEGIN_NS + u64::from(id) * 10 * MS;
        self.frames.push(Captured { ns, bytes });
        self.at[direction] += payload.len() as u32 + u32::from(flags & (SYN | FIN) != 0);
    }

    /// A connection whose sides have these capabilities, up to its KEEPALIVEs.
    fn connect(&mut self, port: u16, capabilities: [&[(u8, &[u8])]; 2]) {
        (self.port, self.at) = (port, [1000, 5000]);
        self.segment(0, SYN, &[]);
        self.segment(1, SYN | ACK, &[]);
        for direction in [0, 1] {
            let open = open_with(64500, capabilities[direction]);
            self.segment(direction, ACK, &open);
        }
        for direction in [0, 1] {
            self.segment(direction, ACK, &keepalive());
        }
    }

    /// An UPDATE of 192.0.2.1 that announces 10.0.0.0/16 and so on.
    fn announce(&mut self, second_octets: &[u8]) {
        let attributes = [
            &[0x40, 1, 1, 0][..],
            &[0x40, 2, 4, 2, 1, 0xfb, 0xf4],
            &[0x40, 3, 4, 192, 0, 2, 1],
            // Both are of one AS, which takes LOCAL_PREF.
            &[0x40, 5, 4, 0, 0, 0, 100],
        ]
        .concat();
        let mut body = vec![0, 0, 0, attributes.len() as u8];
        body.extend(attributes);
        body.extend(second_octets.iter().flat_map(|octet| [16, 10, *octet]));
        self.segment(0, ACK, &message(2, &body));
    }

    /// The lines of `--rib-out`, without what is of this run.
    fn tables(&self, more: &[&str]) -> Vec<Value> {
        let scratch = Scratch::new("messages-tables");
        let file = scratch.write("capture.pcap", &flows::file(&self.frames));
        let mut command = Command::new(env!("CARGO_BIN_EXE_bgptap"));
        command.arg("read").arg(&file).args(["--rib-out", "-"]);
        let output = command.args(more).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        let lines = String::from_utf8(output.stdout).unwrap();
        let lines = lines.lines();
        lines
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

fn prefixes(tables: &[Value]) -> Vec<&str> {
    let routes = tables.iter().filter_map(|line| line["prefix"].as_str());
    routes.collect()
}

const IPV4: (u8, &[u8]) = (1, &[0, 1, 0, 1]);

/// RFC 4724 §4.2: routes outlive a connection that breaks, not one that a NOTIFICATION ends.
#[test]
fn tables_know_of_notifications_that_nobody_asked_for() {
    const GRACEFUL: (u8, &[u8]) = (64, &[0, 120, 0, 1, 1, 0x80]);
    const BACK: (u8, &[u8]) = (64, &[0x80, 120, 0, 1, 1, 0x80]);
    for (notified, left) in [(false, 2), (true, 0)] {
        let mut capture = Capture::default();
        capture.connect(40_000, [&[IPV4, GRACEFUL], &[IPV4, GRACEFUL]]);
        capture.announce(&[1, 2]);
        if notified {
            capture.segment(0, ACK, &message(3, &[6, 4]));
        }
        capture.segment(0, FIN | ACK, &[]);
        capture.connect(40_001, [&[IPV4, BACK], &[IPV4, GRACEFUL]]);
        let all = capture.tables(&[]);
        assert_eq!(prefixes(&all).len(), left, "{all:?}");
        assert_eq!(capture.tables(&["--messages", "update,open"]), all);
    }
}

/// RFC 7313 §4: what a refresh does not repeat is gone at its end.
#[test]
fn tables_know_of_refreshes_that_nobody_asked_for() {
    const ENHANCED: (u8, &[u8]) = (70, &[]);
    let mut capture = Capture::default();
    capture.connect(40_000, [&[IPV4, ENHANCED], &[IPV4, ENHANCED]]);
    capture.announce(&[1, 2]);
    capture.segment(0, ACK, &message(5, &[0, 1, 1, 1]));
    capture.announce(&[2]);
    capture.segment(0, ACK, &message(5, &[0, 1, 2, 1]));
    let all = capture.tables(&[]);
    assert_eq!(prefixes(&all), ["10.2.0.0/16"]);
    let some = ["--messages", "update,open"];
    assert_eq!(capture.tables(&some), all);
    // Nobody asked for them: they are counted, and there are no events.
    let scratch = Scratch::new("messages-unasked");
    let file = scratch.write("capture.pcap", &flows::file(&capture.frames));
    let summary = scratch.path("summary");
    let mut command = Command::new(env!("CARGO_BIN_EXE_bgptap"));
    command
        .arg("read")
        .arg(&file)
        .args(["--json", "-"])
        .args(some);
    let output = command.arg("--summary").arg(&summary).output().unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(told.contains(r#""type":"UPDATE""#) && !told.contains(r#""type":"ROUTE_REFRESH""#));
    let summary: Value = serde_json::from_slice(&std::fs::read(summary).unwrap()).unwrap();
    assert_eq!(summary["messages"]["ROUTE_REFRESH"], 2);
}

#[test]
fn a_name_that_no_message_has_is_refused() {
    let output = read(&["--messages", "update,hello"]);
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("no message `hello`"), "{said}");
}
