//! A BMP station, a Kafka broker and a disk that stall and die while a capture goes on: no frame is lost in it,
//! each loses what it could not take, which is counted, and nobody else loses anything.
#![cfg(all(feature = "capture", feature = "kafka"))]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![allow(unreachable_pub, reason = "modules of this test alone")]

mod consumers;
#[allow(dead_code, reason = "a part of it serves here")]
#[path = "../bmp/conversation.rs"]
mod conversation;
mod disk;
mod ends;
#[allow(dead_code, reason = "a part of it serves here")]
#[path = "../bmp/station.rs"]
mod station;
#[path = "../support/mod.rs"]
mod support;
#[allow(dead_code, reason = "a part of it serves here")]
#[path = "../bmp/view.rs"]
mod view;

use bgpkit_parser::parser::bgp::messages::parse_bgp_message;
use consumers::{Listener, Number, archived, metrics, number, recorded};
use conversation::Conversation;
use disk::Disk;
use serde_json::Value;
use station::{Messages, Station};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use support::Scratch;
use support::broker::Broker;
use support::net::{Live, Net, TAP, WIRE, allowed};
use view::View;

const ROUTER: &str = "192.0.2.2";
const TOPIC: &str = "bgptap.events";
const HTTP: &str = "127.0.0.1:9180";
/// The archive's name.
const MRT: &str = "updates.mrt";
/// UPDATEs per second, each in a frame: slow enough for any machine, and in a second a megabyte of lines.
const RATE: u32 = 250;
/// Prefixes that are announced again and again.
const PREFIXES: u32 = 200;
/// How long nothing works, in two halves of which each has another reason.
const HALF: Duration = Duration::from_secs(30);
/// How long things may take that depend on the machine.
const PATIENCE: Duration = Duration::from_secs(90);

/// Octets beside those that make a route, in an optional transitive attribute that nobody knows.
fn padding() -> Vec<u8> {
    let mut attribute = vec![0xd0, 199, 4, 176];
    attribute.resize(4 + 1200, 0x55);
    attribute
}

/// A folder in memory, which never stalls; removed when dropped.
struct Memory(PathBuf);

impl Memory {
    fn new() -> Self {
        let path = format!("/dev/shm/bgptap-stalled-{}", std::process::id());
        std::fs::create_dir_all(&path).unwrap();
        Self(path.into())
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// What is said on the wire, and how much of it was.
struct Wire {
    talk: Conversation,
    said: u16,
    parts: u32,
    frames: u64,
}

impl Wire {
    /// Nothing has been said yet.
    fn new() -> Self {
        Self {
            talk: Conversation::new(),
            said: 0,
            parts: 0,
            frames: 0,
        }
    }

    /// So many UPDATEs more, as a capture. The last AS of their paths numbers them.
    fn part(&mut self, scratch: &Scratch, count: u32) -> PathBuf {
        for _ in 0..count {
            self.said += 1;
            let prefix = u32::from(self.said) % PREFIXES;
            self.talk.announce_with(prefix, self.said, &padding());
        }
        self.parts += 1;
        scratch.write(&format!("part{}.pcap", self.parts), &self.talk.part())
    }

    /// Sends a part; the sender's own count of frames is added up.
    fn send(&mut self, net: &Net, part: &Path) {
        let said = net.replay(part, &["--rate", &RATE.to_string()]);
        let count = said
            .strip_prefix("replayed ")
            .and_then(|rest| rest.split_once(' '));
        self.frames += count.expect(&said).0.parse::<u64>().expect(&said);
    }

    /// The numbers of all UPDATEs, each once.
    fn numbers(&self) -> Vec<u64> {
        (1..=u64::from(self.said)).collect()
    }
}

/// Waits for something.
fn wait_for(what: &str, mut is: impl FnMut() -> bool) {
    let started = Instant::now();
    while !is() {
        assert!(started.elapsed() < PATIENCE, "{what}");
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// What an output has dropped so far, by reason.
fn dropped(metrics: &BTreeMap<String, u64>, output: &str) -> BTreeMap<String, u64> {
    let label = format!("bgptap_output_dropped_total{{output=\"{output}\",reason=\"");
    let counts = metrics.iter().filter_map(|(name, count)| {
        let reason = name.strip_prefix(&label)?.strip_suffix("\"}")?;
        Some((reason.to_owned(), *count))
    });
    counts.collect()
}

/// The routes as a follower of a connection has them, if it has told of the session.
fn routes(messages: &Messages) -> Option<BTreeMap<String, String>> {
    let view = View::of(messages);
    let peer = view.peers.get(&"192.0.2.1".parse().unwrap())?;
    assert_eq!(view.refused, Vec::<String>::new());
    let routes: BTreeMap<_, _> = (peer.tables[0].iter())
        .map(|((prefix, _), (path, _))| (prefix.clone(), path.clone()))
        .collect();
    // With the attribute that nobody knows, from tables too.
    let unknown = serde_json::json!([[199, "55".repeat(1200)]]);
    for ((prefix, _), attributes) in &peer.attributes[0] {
        assert_eq!(attributes["unknown"], unknown, "{prefix}");
        assert_eq!(attributes["next_hop"], "192.0.2.1", "{prefix}");
    }
    Some(routes)
}

/// The numbers of the UPDATEs among messages.
fn told(messages: &Messages) -> BTreeSet<u64> {
    let updates = messages.iter().filter(|message| message[5] == 0);
    let number = |message: &Vec<u8>| {
        let mut update = bytes::Bytes::copy_from_slice(&message[48..]);
        let asn = bgpkit_parser::models::AsnLength::Bits32;
        let update = parse_bgp_message(&mut update, false, &asn).unwrap();
        let bgpkit_parser::models::BgpMessage::Update(update) = update else {
            panic!("{update:?}");
        };
        let path = update.attributes.as_path()?.get_origin_opt()?;
        Some(u64::from(u32::from(path)))
    };
    updates.filter_map(number).collect()
}

/// Numbers in order, each as often as it came.
fn sorted(numbers: &[Number]) -> Vec<u64> {
    let mut numbers: Vec<u64> = numbers.iter().flatten().copied().collect();
    numbers.sort_unstable();
    numbers
}

/// Everything that is at work.
struct Scene {
    net: Net,
    scratch: Scratch,
    memory: Memory,
    disk: Disk,
    broker: Broker,
    wire: Wire,
}

impl Scene {
    fn new() -> Self {
        let net = Net::new();
        // The kernel's own queues would hide a station that stalls for a while.
        net.shorten_queues();
        let scratch = Scratch::new("stalled");
        Self {
            disk: Disk::mount(&scratch, 64),
            broker: Broker::start_within(&net.mon),
            memory: Memory::new(),
            wire: Wire::new(),
            net,
            scratch,
        }
    }

    fn json(&self) -> PathBuf {
        self.memory.0.join("events.json")
    }

    fn live(&self, station: &Station) -> Live {
        let (json, mrt) = (self.json(), self.disk.folder.join(MRT));
        let station = station.address.to_string();
        let more = [
            "--json",
            json.to_str().unwrap(),
            "--raw",
            "--mrt",
            mrt.to_str().unwrap(),
            "--bmp",
            &station,
            "--bmp-queue",
            "1",
            "--router",
            ROUTER,
            "--kafka",
            &self.broker.address,
            "--kafka-format",
            "json",
            "--kafka-topic",
            TOPIC,
            "--output-queue",
            "2",
            "--http",
            HTTP,
        ];
        Live::start(&self.net.mon, TAP, &self.scratch, &more)
    }

    /// What is dropped now, by output and reason.
    fn dropped(&self, output: &str) -> BTreeMap<String, u64> {
        dropped(&metrics(&self.net.mon), output)
    }

    /// The minute: what comes on the wire meanwhile is in `part`, and lasts longer.
    fn fail(&mut self, station: Station, part: &Path) -> (Vec<Messages>, Station) {
        let started = Instant::now();
        let (net, disk, broker) = (&self.net, &mut self.disk, &self.broker);
        broker.set_up(false);
        std::thread::scope(|scope| {
            let wire = &mut self.wire;
            let sending = scope.spawn(move || wire.send(net, part));
            let until = |half: u32| {
                std::thread::sleep((half * HALF).saturating_sub(started.elapsed()));
            };
            station.stall(true);
            disk.freeze();
            until(1);
            // The disk goes on, and is full at once; the station that takes nothing dies.
            let seen = metrics(&net.mon);
            for (output, reason) in [
                ("bmp", "queue_full"),
                ("mrt", "queue_full"),
                ("kafka", "queue_full"),
            ] {
                let count = dropped(&seen, output)[reason];
                assert!(count > 0, "{output} holds half a minute");
            }
            disk.thaw();
            disk.fill();
            let address = station.address;
            let came = station.kill();
            until(2);
            let seen = metrics(&net.mon);
            for (output, reason) in [("bmp", "resync"), ("mrt", "write_error")] {
                let count = dropped(&seen, output)[reason];
                assert!(count > 0, "{output}: nothing lost by {reason}");
            }
            let given_up = dropped(&seen, "kafka")["undelivered"];
            assert_eq!(
                given_up, 0,
                "what waits for the broker is not given up in a minute"
            );
            disk.empty();
            broker.set_up(true);
            let station = Net::within(&net.mon, || Station::start_at(address));
            sending.join().unwrap();
            (came, station)
        })
    }
}

#[test]
fn what_stalls_loses_and_nothing_else_does() {
    if !allowed() || !support::have("kcat") {
        return;
    }
    let mut scene = Scene::new();
    let station = Net::within(&scene.net.mon, Station::start);
    let live = scene.live(&station);
    let listener = Listener::start(&scene.net.mon, HTTP.parse().unwrap());
    let sent_before = Net::counter(&scene.net.wire, WIRE, "tx_packets");

    // All is well.
    let part = scene.wire.part(&scene.scratch, 2 * RATE);
    scene.wire.send(&scene.net, &part);
    let first = scene.wire.talk.routes.clone();
    let has = |all: &[Messages], wanted: &BTreeMap<String, String>| {
        all.last()
            .is_some_and(|last| routes(last).as_ref() == Some(wanted))
    };
    station.wait_for("the first routes", |all| has(all, &first));
    wait_for("records", || {
        recorded(&scene.broker, TOPIC).len() > 2 * RATE as usize
    });

    // Nothing is, for a minute, and some seconds of traffic are left when it is over.
    let seconds = 2 * u32::try_from(HALF.as_secs()).unwrap() + 10;
    let part = scene.wire.part(&scene.scratch, seconds * RATE);
    let (before, station) = scene.fail(station, &part);

    // All is well again, without anything having been started anew.
    let wanted = scene.wire.talk.routes.clone();
    station.wait_for("the tables", |all| has(all, &wanted));
    let lost = ["bmp", "kafka", "mrt"].map(|output| (output, scene.dropped(output)));
    let last = scene.wire.said;
    let part = scene.wire.part(&scene.scratch, 2 * RATE);
    scene.wire.send(&scene.net, &part);
    let wanted = scene.wire.talk.routes.clone();
    station.wait_for("what came later", |all| has(all, &wanted));
    let newest = Some(u64::from(scene.wire.said));
    wait_for("new records", || {
        recorded(&scene.broker, TOPIC).contains(&newest)
    });
    for (output, lost) in &lost {
        assert_eq!(scene.dropped(output), *lost, "{output} is well again");
    }
    for output in ["json", "events"] {
        let lost = scene.dropped(output);
        assert!(lost.values().all(|count| *count == 0), "{output}: {lost:?}");
    }

    let log = scene.scratch.path("live.log");
    // Not all could be written.
    let summary = live.stop_with(1);
    let log = std::fs::read_to_string(log).unwrap();
    let sent = Net::counter(&scene.net.wire, WIRE, "tx_packets") - sent_before;
    nothing_lost_in_capture(&summary, &scene.wire, sent);

    // Those who were well have all.
    let all = scene.wire.numbers();
    let lines = std::fs::read(scene.json()).unwrap();
    let lines = lines
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty());
    let lines: Vec<Number> = lines.map(number).collect();
    assert_eq!(sorted(&lines), all);
    assert_eq!(
        listener.finish(),
        lines,
        "a listener hears what the file has"
    );

    // Those who were not have what was not dropped, and end with what came last.
    let [(_, bmp), (_, kafka), (_, mrt)] = lost;
    let lost = |counts: &BTreeMap<String, u64>| counts.values().sum::<u64>() as usize;
    let came = recorded(&scene.broker, TOPIC);
    assert_eq!(came.len() + lost(&kafka), lines.len(), "{kafka:?}");
    ends_well(&came, last, &all);
    // TCP's events, and ours of sessions, are no records.
    let offered = lines_with_records(&scene.json());
    let came = archived(&scene.disk.archives(MRT));
    assert_eq!(came.len() + lost(&mrt), offered, "{mrt:?}");
    ends_well(&came, last, &all);

    let after = station.finish();
    assert_eq!(
        (before.len(), after.len()),
        (1, 1),
        "no more connections than needed"
    );
    stations_account(&log, &before[0], &after[0], lost(&bmp), &all);
}

/// What was sent is what was seen, received and decoded.
fn nothing_lost_in_capture(summary: &Value, wire: &Wire, sent: u64) {
    let frames = &summary["frames"];
    assert_eq!(wire.frames, sent, "the sender and its interface");
    for count in ["seen", "redirected", "received"] {
        assert_eq!(frames[count], sent, "{summary}");
    }
    let drops = frames["drops"].as_object().unwrap();
    assert!(drops.values().all(|count| count == 0), "{summary}");
    for what in ["frames", "bytes"] {
        assert_eq!(summary["unaccounted"][what], 0, "{summary}");
    }
    assert_eq!(summary["gaps"]["count"], 0, "{summary}");
    assert_eq!(summary["messages"]["UPDATE"], wire.said, "{summary}");
}

/// Lines of what has a record in an archive: messages and changes of state.
fn lines_with_records(file: &Path) -> usize {
    let text = std::fs::read_to_string(file).unwrap();
    let events = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    events
        .filter(|event| event.get("raw").is_some() || event["type"] == "STATE")
        .count()
}

/// Nothing came twice, something is missing, but not of what was said after `last`.
fn ends_well(came: &[Number], last: u16, all: &[u64]) {
    let came = sorted(came);
    let once: BTreeSet<u64> = came.iter().copied().collect();
    assert_eq!(once.len(), came.len(), "nothing came twice");
    assert!(once.len() < all.len(), "something was lost");
    assert!(
        all[usize::from(last)..]
            .iter()
            .all(|number| once.contains(number))
    );
}

/// Bytes that may be in two sockets, and be gone with them.
const IN_SOCKETS: usize = 2 * 128 * 1024;

/// What stations were told, and what was dropped, is all there was to tell.
fn stations_account(log: &str, before: &Messages, after: &Messages, dropped: usize, all: &[u64]) {
    let line = log
        .lines()
        .find_map(|line| line.strip_prefix("bgptap: bmp: "));
    let sent: usize = line.expect(log).split(' ').next().unwrap().parse().unwrap();
    let came = before.len() + after.len();
    // The station died with some of it unread.
    let unread = sent
        .checked_sub(came)
        .expect("no message comes that was not sent");
    assert!(
        unread * padding().len() <= IN_SOCKETS,
        "{sent} sent, {came} came"
    );
    let numbers: BTreeSet<u64> = told(before).union(&told(after)).copied().collect();
    assert!(
        numbers.len() + dropped + unread >= all.len(),
        "{} told, {dropped} dropped, {unread} unread of {}",
        numbers.len(),
        all.len()
    );
    assert!(numbers.len() < all.len(), "some were lost");
    let view = View::of(after);
    let peer = &view.peers[&"192.0.2.1".parse().unwrap()];
    assert_eq!(view.name, ROUTER, "Initiation comes first");
    assert!(
        (view.peer_ups, view.terminated) == (1, true),
        "{}",
        view.peer_ups
    );
    assert!(peer.ends[0] >= 1, "the tables end with End-of-RIB");
}
