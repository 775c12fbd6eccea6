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
use support::segments::{ACK, Bench, Bytes, Seg, message, open_with};
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

/// Asks a worker while it works, that is looks at questions.
fn asking<F: Frame, T: Send>(mut worker: Worker<F>, ask: impl FnOnce(SocketAddr) -> T + Send) -> T {
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
    asking(worker(), sessions);
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
    asking(worker(), routes);
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
    let status = asking(worker(), |address| {
        requests.map(|(host, path)| get(address, host, path).0)
    });
    assert_eq!(status, [400, 404, 404, 200, 200, 403]);
}

/// Families with labels, with path identifiers, and with prefixes inside of other routes.
const CAPABILITIES: [(u8, &[u8]); 5] = [
    (1, &[0, 1, 0, 128]),
    (1, &[0, 1, 0, 4]),
    (1, &[0, 25, 0, 70]),
    (1, &[0, 1, 0, 1]),
    // ADD-PATH for IPv4 unicast, both ways (RFC 7911 §4).
    (69, &[0, 1, 1, 3]),
];

/// Distinguishers: more than tables share, so that some routes are kept as they were sent.
const VPNS: u16 = 600;
/// Networks of each VPN: as many routes as are not looked at on one tick.
const NETWORKS: u8 = 100;

fn vpn(vpn: u16, prefix: &[u8]) -> Vec<u8> {
    let mut nlri = vec![24 + 64 + 8 * prefix.len() as u8, 0, 1, 1];
    nlri.extend([0, 0, 0xfd, 0xe8, 0, 0]);
    nlri.extend(vpn.to_be_bytes());
    nlri.extend(prefix);
    nlri
}

/// An UPDATE with MP_REACH_NLRI, and NLRI of its own.
fn update(family: [u8; 3], hop: &[u8], reach: &[u8], plain: &[u8]) -> Vec<u8> {
    // Neither side says that AS numbers have four octets.
    let mut attributes = vec![0x40, 1, 1, 0, 0x40, 2, 4, 2, 1, 0xfd, 0xe8];
    attributes.extend([0x40, 3, 4, 192, 0, 2, 1]);
    if !reach.is_empty() {
        attributes.extend([0x90, 14]);
        attributes.extend((5 + hop.len() as u16 + reach.len() as u16).to_be_bytes());
        attributes.extend(family);
        attributes.push(hop.len() as u8);
        attributes.extend(hop);
        attributes.push(0);
        attributes.extend(reach);
    }
    let length = (attributes.len() as u16).to_be_bytes();
    message(2, &[&[0, 0], &length[..], &attributes, plain].concat())
}

/// A session with tables in which prefixes alone do not tell routes apart.
fn worker_of_vpns() -> Worker<Bytes> {
    let mut bench = Bench::new();
    let mut sent = [1; 2];
    let mut send = |direction: usize, payload: &[u8]| {
        let (seq, ack) = (sent[direction], sent[1 - direction]);
        bench.send(&Seg::new(direction, ACK, seq, ack, payload));
        sent[direction] += payload.len() as u32;
    };
    send(0, &open_with(65_000, &CAPABILITIES));
    send(1, &open_with(65_001, &CAPABILITIES));
    let hop = [192, 0, 2, 1];
    let vpn_hop = [0, 0, 0, 0, 0, 0, 0, 0, 192, 0, 2, 1];
    let mut routes: Vec<_> = (0..VPNS)
        .flat_map(|number| (0..NETWORKS).map(move |network| vpn(number, &[10, network, 0])))
        .collect();
    routes.extend([1, 599].map(|number| vpn(number, &[10, 7, 0, 128])));
    for routes in routes.chunks(200) {
        send(0, &update([0, 1, 128], &vpn_hop, &routes.concat(), &[]));
    }
    // 172.16.0.0/16 with label 16.
    send(0, &update([0, 1, 4], &hop, &[40, 0, 1, 1, 172, 16], &[]));
    let mut ip_prefix = vec![5, 34, 0, 0, 0xfd, 0xe8, 0, 0, 0, 1];
    ip_prefix.extend([0; 14]);
    ip_prefix.extend([16, 172, 17, 0, 0, 0, 0, 0, 0, 0, 1, 1]);
    send(0, &update([0, 25, 70], &hop, &ip_prefix, &[]));
    let paths = [0, 0, 0, 1, 16, 172, 18, 0, 0, 0, 2, 16, 172, 18];
    send(0, &update([0; 3], &[], &[], &paths));
    bench.worker
}

#[test]
fn prefixes_are_found_in_tables_of_all_kinds() {
    asking(worker_of_vpns(), prefixes);
}

fn prefixes(address: SocketAddr) {
    let all = one(address, "/sessions");
    let id = all["sessions"][0]["session"].as_str().unwrap();
    let ask = |query: &str| one(address, &format!("/rib?session={id}&{query}"));
    let found = |query: &str| -> Vec<Value> { ask(query)["routes"].as_array().unwrap().clone() };

    let labeled = found("prefix=172.16.5.0/24");
    assert_eq!(labeled.len(), 1, "{}", ask("limit=0"));
    assert_eq!(labeled[0]["nlri"]["prefix"], "172.16.0.0/16");
    assert_eq!(labeled[0]["nlri"]["labels"], json!([16]));
    assert!(found("prefix=172.16.5.0/24&exact=true").is_empty());

    let evpn = found("prefix=172.17.0.0/16&exact=true");
    assert_eq!(evpn.len(), 1, "{evpn:?}");
    assert_eq!(evpn[0]["nlri"]["prefix"], "172.17.0.0/16");

    let paths = found("prefix=172.18.0.1");
    let mut ids: Vec<_> = paths.iter().filter_map(|r| r["path_id"].as_u64()).collect();
    ids.sort_unstable();
    assert_eq!(ids, [1, 2]);

    // Two VPNs have a longer prefix than all others.
    let longest = found("prefix=10.7.0.128");
    let mut vpns: Vec<_> = longest
        .iter()
        .map(|r| r["nlri"]["rd"].to_string())
        .collect();
    vpns.sort();
    assert_eq!(vpns, ["\"65000:1\"", "\"65000:599\""]);
    // In all VPNs, on two pages.
    let first = ask("prefix=10.7.0.0/24&exact=true&limit=500");
    let next = first["next"].as_u64().unwrap();
    let rest = found(&format!("prefix=10.7.0.0/24&exact=true&from={next}"));
    let mut vpns: Vec<_> = first["routes"]
        .as_array()
        .unwrap()
        .iter()
        .chain(&rest)
        .collect();
    assert_eq!(vpns.len(), usize::from(VPNS));
    assert!(vpns.iter().all(|r| r["nlri"]["prefix"] == "10.7.0.0/24"));
    vpns.sort_by_key(|route| route["nlri"]["rd"].to_string());
    vpns.dedup_by_key(|route| &route["nlri"]["rd"]);
    assert_eq!(vpns.len(), usize::from(VPNS));
    assert!(found("prefix=192.0.2.1").is_empty());
}

/// What clients that ask for these paths are told, while a thousand UPDATEs come after a thousand others.
fn heard(paths: &[&str]) -> Vec<Vec<Value>> {
    let hub = Hub::default();
    let listener = Listener::bind_for(([127, 0, 0, 1], 0).into(), "--http").unwrap();
    let server = http::serve(listener, Desk::default(), hub.clone(), status()).unwrap();
    let mut worker = idle_worker();
    worker.outputs.stream = Some(EventStream::start(hub, true).unwrap());
    let mut before = batch();
    let mut after = before.split_off(1000);
    worker.batch(&mut before);
    let host = server.address();
    let ask = |path: &&str| {
        let mut client = TcpStream::connect(host).unwrap();
        write!(
            client,
            "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
        )
        .unwrap();
        // The head comes once it is known that somebody listens.
        let mut head = [0; 12];
        client.read_exact(&mut head).unwrap();
        assert_eq!(head, *b"HTTP/1.1 200", "{path}");
        client
    };
    let clients: Vec<TcpStream> = paths.iter().map(ask).collect();
    worker.batch(&mut after);
    worker.outputs.close();
    let told = |mut client: TcpStream| {
        let mut answer = String::new();
        client.read_to_string(&mut answer).unwrap();
        assert!(answer.contains("application/x-ndjson"), "{answer}");
        let lines = answer.lines().filter(|line| line.starts_with('{'));
        lines
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    };
    clients.into_iter().map(told).collect()
}

#[test]
fn events_come_as_lines_for_as_long_as_somebody_listens() {
    let events = heard(&["/events"]).remove(0);
    let told = events.iter().filter(|event| event["type"] == "UPDATE");
    assert_eq!(told.count(), 1000, "what came before nobody had asked for");
    assert!(
        events
            .iter()
            .all(|event| event["type"] != "UPDATE" || event["raw"].is_string())
    );
}

#[test]
fn each_listener_gets_what_its_filter_selects() {
    let all = heard(&["/events", "/events?filter=type+keepalive"]);
    let session = all[0][0]["session"].as_str().unwrap();
    let filter = format!("/events?filter=session+{session}&filter=type+update");
    let told = heard(&["/events", &filter]);
    let fits = |event: &&Value| event["session"] == session && event["type"] == "UPDATE";
    let expected: Vec<_> = told[0].iter().filter(fits).cloned().collect();
    assert!(!expected.is_empty() && expected.len() < told[0].len());
    assert_eq!(told[1], expected);
    assert_eq!(all[1].len(), 0, "there is no such event");
}

#[test]
fn what_events_cannot_be_asked_for_is_told() {
    let (status, _) = asking(idle_worker(), |address| {
        get(address, "localhost", "/events?colour=red")
    });
    assert_eq!(status, 400);
}
