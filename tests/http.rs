//! `/sessions` and `/rib`: a worker at work is asked over HTTP, and answers between its batches.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use bgptap::capture::{Captured, Frame, LinkType, Stamp, StampSource};
use bgptap::config::Limits;
use bgptap::http::{self, Desk, Status};
use bgptap::sink::metrics::{Listener, Metrics, Snapshot};
use bgptap::sink::outputs::Outputs;
use bgptap::sink::stream::{EventStream, Hub};
use bgptap::wire::Ports;
use bgptap::worker::{Memory, Worker};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;
use support::http::{get, one};
use support::synth::{BEGIN_NS, FRAME_LEN, Synth};

struct View(Vec<u8>);

impl AsRef<[u8]> for View {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Frame for View {}

/// Four sessions of five hundred prefixes each.
fn batch() -> Vec<Captured<View>> {
    let mut file = Vec::new();
    let shape = Synth {
        frames: 2000,
        sessions: 4,
        gap_ns: 1000,
    };
    shape.write(&mut file).unwrap();
    let frames = file[24..].chunks_exact(16 + FRAME_LEN).zip(0u64..);
    frames
        .map(|(record, number)| Captured {
            frame: View(record[16..].to_vec()),
            stamp: Stamp {
                ns: BEGIN_NS + number * 1000,
                source: StampSource::File,
            },
            link: LinkType::Ethernet,
            wire_len: FRAME_LEN as u32,
            interface: 0,
            vlan: None,
            continues: false,
        })
        .collect()
}

fn idle_worker() -> Worker<View> {
    let limits = Limits::default();
    let memory = Memory::new(&limits).unwrap();
    let outputs = Outputs::new(Arc::new(Metrics::default()), None, "monitor".into());
    Worker::new(limits, Ports::new(&[179]), outputs, memory)
}

fn worker() -> Worker<View> {
    let mut worker = idle_worker();
    worker.batch(&mut batch());
    assert_eq!(worker.outputs.totals.messages.update, 2000);
    worker
}

fn status() -> Status {
    Status::new(Arc::new(Metrics::default()), "monitor".into())
}

/// Asks one worker while it works, that is looks at questions.
fn asking<T: Send>(ask: impl FnOnce(SocketAddr) -> T + Send) -> T {
    let mut worker = worker();
    let desk = Desk::default();
    worker.answer_at(desk.clone());
    let listener = Listener::bind_for(([127, 0, 0, 1], 0).into(), "--http").unwrap();
    let server = http::serve(listener, desk, Hub::default(), status()).unwrap();
    let address = server.address();
    std::thread::scope(|scope| {
        let asking = scope.spawn(move || ask(address));
        while !asking.is_finished() {
            worker.answer_questions();
            std::thread::sleep(Duration::from_millis(1));
        }
        asking.join().unwrap()
    })
}

#[test]
fn sessions_with_the_state_of_their_tables() {
    asking(sessions);
}

fn sessions(address: SocketAddr) {
    let all = one(address, "/sessions");
    let sessions = all["sessions"].as_array().unwrap();
    assert_eq!((sessions.len(), all.get("next")), (4, None));
    for session in sessions {
        assert_eq!(session["state"], 6);
        let sender = session["directions"].as_array().unwrap().iter();
        let sender: Vec<_> = sender.filter(|d| d["messages"] == 500).collect();
        let table = &sender[0]["tables"][0];
        assert_eq!((&table["afi"], &table["safi"]), (&json!(1), &json!(1)));
        assert_eq!(
            (&table["routes"], &table["stale"]),
            (&json!(500), &json!(0))
        );
        assert_eq!(
            (&table["status"], &table["reason"]),
            (&json!("partial"), &json!("joined"))
        );
        assert_eq!(table["since"], BEGIN_NS / 1_000_000_000);
    }
    facts_of_a_joined_session(&sessions[0]);
    // In two pages.
    let first = one(address, "/sessions?limit=3");
    let from = first["next"].as_u64().unwrap();
    let rest = one(address, &format!("/sessions?from={from}"));
    let ids = |page: &Value| -> Vec<Value> {
        let list = page["sessions"].as_array().unwrap().iter();
        list.map(|session| session["directions"][0]["peer"].clone())
            .collect()
    };
    assert_eq!([ids(&first), ids(&rest)].concat(), ids(&all));
}

/// Five hundred UPDATEs of one prefix each, without OPENs, the other side silent.
fn facts_of_a_joined_session(session: &Value) {
    assert_eq!(session["families"], json!([[1, 1]]));
    assert_eq!(session["since"], BEGIN_NS / 1_000_000_000);
    assert_eq!(session["last"], BEGIN_NS / 1_000_000_000);
    assert_eq!(session.get("hold_time"), None, "only OPENs tell it");
    let sides = session["directions"].as_array().unwrap();
    let sender = sides.iter().find(|side| side["messages"] == 500).unwrap();
    let counts = &sender["counts"];
    assert_eq!(counts["messages"]["UPDATE"], 500);
    assert_eq!(
        (&counts["announced"], &counts["gaps"], &counts["errors"]),
        (&json!(500), &json!(0), &json!(0))
    );
    let bytes = &sender["bytes"];
    assert_eq!(
        (&bytes["captured"], &bytes["gap"]),
        (&bytes["decoded"], &json!(0))
    );
    assert_eq!(sender["tcp"]["retransmitted"], 0);
    assert_eq!(sender.get("open"), None);
}

#[test]
fn the_status_is_told_without_the_worker() {
    let metrics = Arc::new(Metrics::default());
    let status = Status::new(Arc::clone(&metrics), "here".into());
    let listener = Listener::bind_for(([127, 0, 0, 1], 0).into(), "--http").unwrap();
    let server = http::serve(listener, Desk::default(), Hub::default(), status).unwrap();
    metrics.publish(&Snapshot {
        sessions: 3,
        ..Snapshot::default()
    });
    let told = one(server.address(), "/status");
    assert_eq!(
        (&told["host"], &told["sessions"]),
        (&json!("here"), &json!(3))
    );
    assert_eq!(told["latency"]["count"], 0);
    assert!(told["started"].as_u64() <= told["time"].as_u64(), "{told}");
}

#[test]
fn routes_by_prefix_and_by_page() {
    asking(routes);
}

fn routes(address: SocketAddr) {
    let all = one(address, "/sessions");
    let id = all["sessions"][0]["session"].as_str().unwrap();
    // The first session announced every fourth prefix from 16.0.0.0 on.
    let found = one(address, &format!("/rib?session={id}&prefix=16.0.0.4"));
    let route = &found["routes"][0];
    assert_eq!(route["prefix"], "16.0.0.4/32");
    let expected = json!({
        "origin": "igp", "path": [65000], "path_text": "65000", "next_hop": "192.0.2.1"
    });
    assert_eq!(route["attributes"], expected);
    assert_eq!(
        (&route["stale"], &route["peer"]),
        (&json!(false), &json!("10.0.0.1"))
    );
    let none = one(address, &format!("/rib?session={id}&prefix=16.0.0.5"));
    assert_eq!(none["routes"], json!([]));
    assert_eq!(none["tables"][0]["routes"], 500);

    let (mut prefixes, mut from) = (Vec::new(), Some(0));
    while let Some(place) = from {
        let page = one(
            address,
            &format!("/rib?session={id}&from={place}&limit=200"),
        );
        let routes = page["routes"].as_array().unwrap();
        assert!(routes.len() <= 200);
        prefixes.extend(routes.iter().map(|route| route["prefix"].clone()));
        from = page["next"].as_u64();
    }
    prefixes.sort_by_key(ToString::to_string);
    prefixes.dedup();
    assert_eq!(prefixes.len(), 500);
}

#[test]
fn what_is_wrong_has_its_status() {
    let requests = [
        ("localhost", "/rib"),
        ("localhost", "/rib?session=1"),
        ("localhost", "/metrics"),
        ("127.0.0.1:9180", "/sessions"),
        ("[::1]:9180", "/sessions"),
        // The name that a foreign page would have in a browser.
        ("evil.example", "/sessions"),
    ];
    let status = asking(|address| requests.map(|(host, path)| get(address, host, path).0));
    assert_eq!(status, [400, 404, 404, 200, 200, 403]);
}

#[test]
fn events_come_as_lines_for_as_long_as_somebody_listens() {
    let hub = Hub::default();
    let listener = Listener::bind_for(([127, 0, 0, 1], 0).into(), "--http").unwrap();
    let server = http::serve(listener, Desk::default(), hub.clone(), status()).unwrap();
    let mut worker = idle_worker();
    worker.outputs.stream = Some(EventStream::start(hub, true).unwrap());
    let mut before = batch();
    let mut after = before.split_off(1000);
    worker.batch(&mut before);
    let mut client = TcpStream::connect(server.address()).unwrap();
    let host = server.address();
    write!(
        client,
        "GET /events HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let heard = |worker: &Worker<View>| worker.outputs.stream.as_ref().unwrap().is_heard();
    while !heard(&worker) {
        std::thread::sleep(Duration::from_millis(1));
    }
    worker.batch(&mut after);
    worker.outputs.close();
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.contains("application/x-ndjson"), "{answer}");
    let lines = answer.lines().filter(|line| line.starts_with('{'));
    let events: Vec<Value> = lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let told = events.iter().filter(|event| event["type"] == "UPDATE");
    assert_eq!(told.count(), 1000, "what came before nobody had asked for");
    assert!(
        events
            .iter()
            .all(|event| event["type"] != "UPDATE" || event["raw"].is_string())
    );
}

#[test]
fn what_events_cannot_be_asked_for_is_told() {
    let (status, _) = asking(|address| get(address, "localhost", "/events?colour=red"));
    assert_eq!(status, 400);
}
