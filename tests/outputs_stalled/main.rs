//! A BMP station, a Kafka broker and a disk that stall and die while a capture goes on: no frame is lost in it,
//! each loses what it could not take, which is counted, and nobody else loses anything.
#![cfg(all(feature = "capture", feature = "kafka"))]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![allow(unreachable_pub, reason = "modules of this test alone")]

mod consumers;
#[path = "../bmp/conversation.rs"]
mod conversation;
mod disk;
mod ends;
mod kept;
mod scene;
#[allow(dead_code, reason = "a part of it serves here")]
#[path = "../bmp/station.rs"]
mod station;
#[path = "../support/mod.rs"]
mod support;
#[allow(dead_code, reason = "a part of it serves here")]
#[path = "../bmp/view.rs"]
mod view;

use bgpkit_parser::parser::bgp::messages::parse_bgp_message;
use consumers::{Listener, Number, archived, number, recorded};
use conversation::Conversation;
use kept::{Kept, evidence, snapshot};
use scene::Scene;
use serde_json::Value;
use station::{Messages, Station};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use support::Scratch;
use support::encode::Frame;
use support::frames;
use support::net::{Net, WIRE, allowed};
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

/// RFC 7606 §7.6: an ATOMIC_AGGREGATE that is not empty is left out of the route, which is used all the same.
const MALFORMED: [u8; 4] = [0x40, 6, 1, 0];

/// Whether the UPDATE of a number has that: one a second.
fn is_malformed(number: u64) -> bool {
    number.is_multiple_of(u64::from(RATE))
}

/// What is said on the wire, and how much of it was.
struct Wire {
    talk: Conversation,
    said: u16,
    parts: Vec<PathBuf>,
    frames: u64,
}

impl Wire {
    /// Nothing has been said yet.
    fn new() -> Self {
        Self {
            talk: Conversation::new(),
            said: 0,
            parts: Vec::new(),
            frames: 0,
        }
    }

    /// So many UPDATEs more, as a capture. The last AS of their paths numbers them.
    fn part(&mut self, scratch: &Scratch, count: u32) -> PathBuf {
        for _ in 0..count {
            self.said += 1;
            let prefix = u32::from(self.said) % PREFIXES;
            let mut attributes = padding();
            if is_malformed(self.said.into()) {
                attributes.extend(MALFORMED);
            }
            self.talk.announce_with(prefix, self.said, &attributes);
        }
        let name = format!("part{}.pcap", self.parts.len());
        let part = scratch.write(&name, &self.talk.part());
        self.parts.push(part.clone());
        part
    }

    /// The frames of all parts.
    fn parts(&self) -> Vec<Frame> {
        let parts = self.parts.iter();
        parts.flat_map(|part| frames::of(part)).collect()
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

    wait_for("a snapshot", || {
        scene.snapshot().exists() && snapshot(&scene.snapshot()) == first
    });
    let early = scene.wire.said;

    // Nothing is, for a minute, and some seconds of traffic are left when it is over.
    let seconds = 2 * u32::try_from(HALF.as_secs()).unwrap() + 10;
    let part = scene.wire.part(&scene.scratch, seconds * RATE);
    let (before, station) = scene.fail(station, &part);

    // All is well again, without anything having been started anew.
    let wanted = scene.wire.talk.routes.clone();
    station.wait_for("the tables", |all| has(all, &wanted));
    wait_for("a snapshot of them", || {
        snapshot(&scene.snapshot()) == wanted
    });
    let lost = scene.all_dropped();
    let last = scene.wire.said;
    let part = scene.wire.part(&scene.scratch, 2 * RATE);
    scene.wire.send(&scene.net, &part);
    let wanted = scene.wire.talk.routes.clone();
    station.wait_for("what came later", |all| has(all, &wanted));
    let newest = Some(u64::from(scene.wire.said));
    wait_for("new records", || {
        recorded(&scene.broker, TOPIC).contains(&newest)
    });
    wait_for("a new snapshot", || snapshot(&scene.snapshot()) == wanted);
    assert_eq!(scene.all_dropped(), lost, "all are well again");
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
    assert_eq!(summary["outputs"], as_told(&lost), "as it was counted");

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
    let [bmp, kafka, mrt] = ["bmp", "kafka", "mrt"].map(|output| &lost[output]);
    let lost = |counts: &BTreeMap<String, u64>| counts.values().sum::<u64>() as usize;
    let came = recorded(&scene.broker, TOPIC);
    assert_eq!(came.len() + lost(kafka), lines.len(), "{kafka:?}");
    ends_well(&came, last, &all);
    // TCP's events, and ours of sessions, are no records.
    let offered = lines_with_records(&scene.json());
    let came = archived(&scene.disk.archives(MRT));
    assert_eq!(came.len() + lost(mrt), offered, "{mrt:?}");
    ends_well(&came, last, &all);

    evidence_is_whole(&scene, &all, early, last);

    let after = station.finish();
    assert_eq!(
        (before.len(), after.len()),
        (1, 1),
        "no more connections than needed"
    );
    stations_account(&log, &before[0], &after[0], lost(bmp), &all);
}

/// What the summary says of outputs that lost something.
fn as_told(lost: &BTreeMap<&str, BTreeMap<String, u64>>) -> Value {
    let outputs = lost.iter().map(|(output, counts)| {
        let counts = counts.iter().filter(|(_, count)| **count > 0);
        let counts: BTreeMap<_, _> = counts.collect();
        (
            (*output).to_owned(),
            serde_json::json!({ "dropped": counts }),
        )
    });
    Value::Object(outputs.collect())
}

/// Its files are whole and have frames as they were sent, none twice. Of what happened before anything stalled (up to the number
/// `early`) and after all was well again (behind `last`) nothing is missing, of what was between something is.
fn evidence_is_whole(scene: &Scene, all: &[u64], early: u16, last: u16) {
    let (files, kept) = evidence(&scene.evidence());
    let sent = scene.wire.parts();
    let sent: BTreeSet<&[u8]> = sent.iter().map(|frame| &frame.bytes[..]).collect();
    let mut once = BTreeSet::new();
    for Kept { bytes, .. } in &kept {
        assert!(sent.contains(&bytes[..]), "{bytes:02x?}");
        assert!(once.insert(&bytes[..]), "{bytes:02x?} came twice");
    }
    for frame in &kept {
        // What happened is told wherever its frame is.
        let happened = frame.number().is_some_and(is_malformed);
        assert!(frame.has_comment || !happened, "{frame:02x?}");
    }
    let here = kept.iter().filter(|kept| kept.has_comment);
    let here: BTreeSet<u64> = here.filter_map(Kept::number).collect();
    let (mut found, mut missing) = (0, 0);
    for number in all.iter().filter(|number| is_malformed(**number)) {
        let is_well = *number <= early.into() || *number > last.into();
        assert!(!is_well || here.contains(number), "no evidence of {number}");
        found += usize::from(here.contains(number));
        missing += usize::from(!here.contains(number));
    }
    println!(
        "{files} files of evidence, {} frames, {found} incidents, {missing} without",
        kept.len()
    );
    assert!(found > 4 && missing > 10, "{found}, {missing}");
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
