//! Kafka as its consumers see it: librdkafka's mock cluster, kcat as consumer.
#![cfg(all(feature = "capture", feature = "kafka"))]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![allow(unreachable_pub, reason = "modules of this test alone")]

#[path = "../filtered_outputs/changes.rs"]
mod changes;
#[path = "../bmp/conversation.rs"]
mod conversation;
#[allow(dead_code, reason = "a part of it serves here")]
#[path = "../filtered_outputs/fields.rs"]
mod fields;
mod filtered;
#[path = "../support/mod.rs"]
mod support;
#[allow(dead_code, reason = "a part of it serves here")]
#[path = "../bmp/view.rs"]
mod view;

use bgpkit_parser::parser::bmp::messages::{parse_bmp_common_header, parse_per_peer_header};
use bgpkit_parser::parser::bmp::{parse_bmp_msg, parse_openbmp_header};
use bgptap::sink::delivered::Delivered;
use bgptap::sink::kafka::{Form, Settings, writer};
use bgptap::sink::writer::WhenFull;
use bytes::Bytes;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;
use support::broker::Broker;
use support::events::octets;
use support::read::read;
use support::{Scratch, have, recording};

/// Whom a Route Monitoring or Route Mirroring message is about: router, peer, and whether the router sent it (RFC 8671).
type Side = (IpAddr, IpAddr, bool);

/// What a consumer finds on the topic.
#[derive(Default)]
struct Consumed {
    keys: BTreeMap<IpAddr, Vec<u8>>,
    kinds: BTreeMap<IpAddr, Vec<u8>>,
    /// BGP messages of Route Monitoring, in order.
    monitored: BTreeMap<Side, Vec<Vec<u8>>>,
    /// How many Route Mirroring messages.
    mirrored: BTreeMap<Side, usize>,
    /// Kinds of messages that the other project cannot read.
    unread: BTreeMap<u8, usize>,
}

impl Consumed {
    fn add(&mut self, key: &[u8], payload: Vec<u8>) {
        let (length, mut bytes) = (payload.len(), Bytes::from(payload));
        let header = parse_openbmp_header(&mut bytes).unwrap();
        assert_eq!(
            (header.admin_id.as_str(), header.msg_len as usize),
            ("tap1", bytes.len())
        );
        assert_eq!(usize::from(header.header_len), length - bytes.len());
        let router = header.router_ip;
        assert_eq!(self.keys.entry(router).or_insert_with(|| key.into()), key);
        let mut rest = bytes.clone();
        let common = parse_bmp_common_header(&mut rest).unwrap();
        assert_eq!(common.msg_len as usize, bytes.len());
        let kind = bytes[5];
        self.kinds.entry(router).or_default().push(kind);
        if matches!(kind, 0 | 6) {
            let sent = bytes[7] & 0x10 != 0;
            let peer = parse_per_peer_header(&mut rest).unwrap();
            let side = (router, peer.peer_ip, sent);
            match kind {
                0 => self.monitored.entry(side).or_default().push(rest.to_vec()),
                _ => *self.mirrored.entry(side).or_default() += 1,
            }
        }
        if parse_bmp_msg(&mut bytes).is_err() {
            *self.unread.entry(kind).or_default() += 1;
        }
    }
}

/// Each router's BMP messages, in order, in OpenBMP frames that another project reads; their UPDATEs are ours, each
/// once, octet by octet.
#[test]
fn routers_speak_openbmp_to_kafka() {
    if !have("kcat") {
        return;
    }
    let broker = Broker::start();
    let run = read(recording(), &["--kafka", &broker.address, "--host", "tap1"]);
    let (mut consumed, mut partitions) = (Consumed::default(), BTreeMap::new());
    for (partition, key, payload) in broker.placed_records("openbmp.bmp_raw") {
        let first = *partitions.entry(key.clone()).or_insert(partition);
        assert_eq!(partition, first, "a router stays where it is");
        consumed.add(&key, payload);
    }
    // The cluster gives a topic several (four, unless told otherwise), so that they could be elsewhere.
    let used: BTreeSet<u32> = partitions.into_values().collect();
    assert!(used.len() > 1, "{used:?}");
    let updates = || run.events.iter().filter(|event| event["type"] == "UPDATE");
    let routers: BTreeSet<String> = updates()
        .flat_map(|event| ["peer", "local"].map(|end| event[end].as_str().unwrap().to_owned()))
        .collect();
    let keys: BTreeSet<&Vec<u8>> = consumed.keys.values().collect();
    assert_eq!(keys.len(), consumed.keys.len(), "a key of its own each");
    let told: BTreeSet<String> = consumed.kinds.keys().map(ToString::to_string).collect();
    assert_eq!(told, routers, "both ends of each session");
    for kinds in consumed.kinds.values() {
        assert_eq!(
            (kinds.first(), kinds.last()),
            (Some(&4), Some(&5)),
            "Initiation … Termination"
        );
    }
    // What the receiver treats as a withdrawal comes as one, beside the message itself.
    let mut ours: BTreeMap<Side, Vec<Option<Vec<u8>>>> = BTreeMap::new();
    let mut errored: BTreeMap<Side, usize> = BTreeMap::new();
    for event in updates() {
        let address = |name: &str| -> IpAddr { event[name].as_str().unwrap().parse().unwrap() };
        let (peer, local) = (address("peer"), address("local"));
        let sound = event["errors"].is_null();
        for side in [(local, peer, false), (peer, local, true)] {
            let raw = sound.then(|| octets(event["raw"].as_str().unwrap()));
            ours.entry(side).or_default().push(raw);
            if !sound {
                *errored.entry(side).or_default() += 1;
            }
        }
    }
    assert_eq!(consumed.mirrored, errored);
    assert!(consumed.monitored.keys().eq(ours.keys()), "who speaks");
    for (side, ours) in &ours {
        let theirs = &consumed.monitored[side];
        assert_eq!(theirs.len(), ours.len(), "{side:?}");
        for (at, (theirs, ours)) in theirs.iter().zip(ours).enumerate() {
            let same = ours.as_ref().is_none_or(|ours| theirs == ours);
            assert!(
                same,
                "{side:?}: UPDATE {at}: {theirs:02x?}, not {ours:02x?}"
            );
        }
    }
    assert!(consumed.unread.is_empty(), "{:?}", consumed.unread);
}

/// With `--only-changes` UPDATEs are missing that change no table of the test's own, and nothing else is.
#[test]
fn routers_speak_of_changes_to_kafka() {
    if !have("kcat") {
        return;
    }
    let broker = Broker::start();
    let kafka = ["--kafka", &broker.address, "--host", "tap1"];
    let consumed = |topic: &str| {
        let mut consumed = Consumed::default();
        for (key, payload) in broker.records(topic) {
            consumed.add(&key, payload);
        }
        let kinds = consumed.kinds.into_values().flatten();
        let mut counts = BTreeMap::<u8, usize>::new();
        kinds.for_each(|kind| *counts.entry(kind).or_default() += 1);
        counts
    };
    let run = read(
        recording(),
        &[&kafka[..], &["--kafka-topic", "whole"]].concat(),
    );
    let mut wanted = consumed("whole");
    let output = Command::new(env!("CARGO_BIN_EXE_bgptap"))
        .args(["read", "--only-changes", "--kafka-topic", "changes"])
        .args(kafka)
        .arg(recording())
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let counts = consumed("changes");
    // The end of a transfer, what keeps stale routes, and what is treated as a withdrawal is told whatever the filter is.
    let is_told = |event: &Value| {
        let told = [&event["eor"], &event["rib"]["refreshed"], &event["errors"]];
        told.into_iter().any(|value| !value.is_null())
    };
    let changes = changes::of(run.events.iter());
    let idle = run.events.iter().zip(changes);
    let idle = idle.filter(|(event, changes)| !changes && !is_told(event));
    // By both ends of the session.
    let idle = 2 * idle.count();
    assert!(idle > 0, "each of the UPDATEs changes something");
    *wanted.get_mut(&0).unwrap() -= idle;
    assert_eq!(counts, wanted);
}

/// The lines of `--json`, each keyed by whoever sent the message.
#[test]
fn json_lines_go_to_kafka() {
    if !have("kcat") {
        return;
    }
    let broker = Broker::start();
    let scratch = Scratch::new("kafka-json");
    let file = scratch.path("events.json");
    let output = Command::new(env!("CARGO_BIN_EXE_bgptap"))
        .args(["read", "--kafka", &broker.address, "--kafka-format", "json"])
        .args(["--kafka-topic", "events"])
        .args(["--kafka-filter", "not type keepalive"])
        .arg("--json")
        .arg(&file)
        .arg(recording())
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let mut lines: Vec<String> = Vec::new();
    for (key, payload) in broker.records("events") {
        let event: Value = serde_json::from_slice(&payload).unwrap();
        assert_eq!(event["peer"].as_str().unwrap().as_bytes(), key);
        lines.push(event["id"].to_string());
    }
    let told = std::fs::read_to_string(&file).unwrap();
    let told = told.lines().map(|line| serde_json::from_str(line).unwrap());
    let told: Vec<Value> = told.collect();
    let fits = |event: &&Value| event["type"] != "KEEPALIVE";
    let wanted = told.iter().filter(fits);
    let mut wanted: Vec<String> = wanted.map(|event| event["id"].to_string()).collect();
    assert!(!wanted.is_empty() && wanted.len() < told.len());
    lines.sort();
    wanted.sort();
    assert_eq!(lines, wanted);
}

/// A broker that is not there costs records, which are counted, and the end does not wait for ever.
#[test]
fn a_broker_that_is_not_there_is_told() {
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let started = std::time::Instant::now();
    let output = Command::new(env!("CARGO_BIN_EXE_bgptap"))
        .args(["read", "--strict", "--kafka", &format!("127.0.0.1:{port}")])
        .arg(recording())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("kafka: 0 messages told"), "{said}");
    assert!(started.elapsed() < std::time::Duration::from_secs(60));

    // Of lines each is counted, once.
    let scratch = Scratch::new("kafka-nobody");
    let events = scratch.path("events.json");
    let output = Command::new(env!("CARGO_BIN_EXE_bgptap"))
        .args(["read", "--kafka", &format!("127.0.0.1:{port}")])
        .args(["--kafka-format", "json", "--json"])
        .args([&events, recording()])
        .output()
        .unwrap();
    let lines = std::fs::read_to_string(events).unwrap().lines().count();
    let said = String::from_utf8_lossy(&output.stderr);
    let expected = format!("kafka: 0 lines delivered, {lines} not");
    assert!(said.contains(&expected), "{expected}: {said}");
}

/// A way to a broker that is closed at first: who comes is turned away.
struct Gate {
    address: std::net::SocketAddr,
    open: Arc<AtomicBool>,
}

impl Gate {
    fn before(broker: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let gate = Self {
            address: listener.local_addr().unwrap(),
            open: Arc::default(),
        };
        let (open, broker) = (Arc::clone(&gate.open), broker.to_owned());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let stream = stream.unwrap();
                if open.load(Relaxed) {
                    let there = TcpStream::connect(&broker).unwrap();
                    pass(&stream, &there);
                    pass(&there, &stream);
                }
            }
        });
        gate
    }
}

/// Passes on what one says to the other.
fn pass(from: &TcpStream, to: &TcpStream) {
    let (mut from, mut to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
    std::thread::spawn(move || {
        // It ends with either of the two.
        let _ = std::io::copy(&mut from, &mut to);
        let _ = to.shutdown(std::net::Shutdown::Both);
    });
}

/// More records than librdkafka holds by default (100,000), for longer than records are tried to be delivered by
/// somebody less patient, who loses them all meanwhile: they come when the broker does, each once.
#[test]
fn while_a_broker_is_away_many_small_records_wait_for_it() {
    if !have("kcat") {
        return;
    }
    const RECORDS: u64 = 150_000;
    let broker = Broker::start();
    let gate = Gate::before(&broker.address);
    let start = |topic: &str, patience| {
        let settings = Settings {
            brokers: gate.address.to_string(),
            topic: topic.into(),
            patience,
        };
        let delivered = Arc::<Delivered>::default();
        let counts = Arc::clone(&delivered);
        // 4 MiB for librdkafka: twice what all of them have.
        let started = writer(&settings, 4, WhenFull::Wait, Form::Json, counts);
        (started.unwrap(), delivered)
    };
    let wait = |what: &str, is: &dyn Fn() -> bool| {
        let since = std::time::Instant::now();
        while !is() {
            assert!(since.elapsed() < Duration::from_secs(90), "{what}");
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    let (mut brief, given_up) = start("brief", Duration::from_secs(2));
    let (mut patient, counts) = start("patient", Duration::from_secs(300));
    (0..1000).for_each(|number| brief.event(0, |out| out.extend(format!("{number}\n").bytes())));
    brief.flush();
    for number in 0..RECORDS {
        patient.event(0, |out| out.extend(format!("{number:>14}\n").bytes()));
    }
    patient.flush();
    wait("what is not delivered is given up", &|| {
        given_up.failed.load(Relaxed) == 1000
    });
    wait("all are in librdkafka", &|| patient.queue_ratio() == 0.0);
    assert_eq!(
        counts.delivered.load(Relaxed) + counts.failed.load(Relaxed),
        0
    );
    gate.open.store(true, Relaxed);
    wait("all are delivered", &|| {
        counts.delivered.load(Relaxed) == RECORDS
    });
    brief.close().unwrap();
    patient.close().unwrap();
    assert_eq!(counts.failed.load(Relaxed), 0);
    let records = broker.records("patient").into_iter();
    let numbers: BTreeSet<Vec<u8>> = records.map(|(_, payload)| payload).collect();
    assert_eq!(numbers.len() as u64, RECORDS);
}
