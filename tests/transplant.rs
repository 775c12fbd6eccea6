//! The TCP behaviour of other projects' test captures, carrying BGP.
//!
//! Beside each capture of the corpus lies the truth of each message: whether every byte of it is in
//! some frame (`covered`), whether it is cut by or lies behind a hole (`after_gap`), and whether
//! copies of its bytes contradict each other (`conflict`).
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use bgptap::capture::{Frame, Stamp, StampSource};
use bgptap::config::Limits;
use bgptap::stream::{Framing, Gap, Handler, MalformedReason, Stream, Verdict};
use bgptap::wire::{Endpoint, Segment, TcpFlags};
use bgptap::worker::Memory;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;
use support::flows::{self, Captured, SYN, Way};

/// Where we differ from the truth of the file: the file, the sender's port, why.
const ALLOWED: &[(&str, u64, &str)] = &[(
    "peafowl_http_out_of_order_1.pcap",
    1093,
    "the frames were put into another order with the times they had: by the clock of this file the \
     receiver acknowledged the bytes 9 s before the frames that hold them, far longer than the grace \
     time. RFC 9293 §3.10.7.4: what was acknowledged is not sent again, so they are lost, and said to \
     be. In order of time nothing is lost, see the test",
)];

type Sender = (String, u64);

#[derive(Debug, PartialEq, Eq, Clone)]
struct Message {
    raw: String,
    after_gap: bool,
    conflict: bool,
}

fn lines(text: &str) -> impl Iterator<Item = Value> + '_ {
    text.lines().map(|line| serde_json::from_str(line).unwrap())
}

/// The covered messages of each sender, in order.
fn truth(capture: &Path) -> BTreeMap<Sender, Vec<Message>> {
    let text = std::fs::read_to_string(capture.with_extension("truth.jsonl")).unwrap();
    let mut senders: BTreeMap<Sender, Vec<Message>> = BTreeMap::new();
    for line in lines(&text) {
        let sender = (
            line["src"].as_str().unwrap().into(),
            line["sport"].as_u64().unwrap(),
        );
        let messages = senders.entry(sender).or_default();
        if line["covered"] == true {
            messages.push(Message {
                raw: line["raw"].as_str().unwrap().into(),
                after_gap: line["after_gap"] == true,
                conflict: line["conflict"] == true,
            });
        }
    }
    senders
}

/// A message, and whether its beginning was searched for.
type Decoded = BTreeMap<Sender, Vec<(String, bool)>>;

fn bgptap(capture: &Path) -> (Decoded, Value) {
    let scratch = support::Scratch::new("transplant");
    let summary = scratch.path("summary.json");
    let output = Command::new(env!("CARGO_BIN_EXE_bgptap"))
        .args(["read", "--json", "-", "--raw", "--summary"])
        .arg(&summary)
        .arg(capture)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let mut decoded = Decoded::new();
    for event in lines(std::str::from_utf8(&output.stdout).unwrap()) {
        let Some(raw) = event["raw"].as_str() else {
            continue;
        };
        let sender = (
            event["peer"].as_str().unwrap().into(),
            event["peer_port"].as_u64().unwrap(),
        );
        let searched = event["framing"] == "searched";
        decoded
            .entry(sender)
            .or_default()
            .push((raw.into(), searched));
    }
    let summary = serde_json::from_slice(&std::fs::read(summary).unwrap()).unwrap();
    (decoded, summary)
}

/// Both equations of each direction, `captured` against the file's own bytes.
fn check_ledger(name: &str, frames: &[Captured], summary: &Value) {
    let mut payload = 0;
    for frame in frames {
        payload += flows::tcp(&frame.bytes).map_or(0, |tcp| tcp.payload.len() as u64);
    }
    let mut captured = 0;
    for direction in summary["directions"].as_array().unwrap() {
        let of = |name: &str| direction[name].as_u64().unwrap();
        let discarded = direction["discarded"].as_object().unwrap().values();
        let discarded: u64 = discarded.map(|bytes| bytes.as_u64().unwrap()).sum();
        let kept = of("decoded") + of("skipped") + of("quarantined") + of("pending");
        let captured_as = kept + of("duplicate") + discarded;
        assert_eq!(of("captured"), captured_as, "{name}: {direction}");
        let span = kept + of("gap") + of("open_hole");
        assert_eq!(of("span"), span, "{name}: {direction}");
        captured += of("captured");
    }
    assert_eq!(captured, payload, "{name}: payload bytes in the file");
    assert_eq!(summary["unaccounted"]["bytes"], 0, "{name}");
    assert_eq!(summary["unaccounted"]["frames"], 0, "{name}");
}

/// The sender's SYN is in the capture.
fn begins(frames: &[Captured], sender: &Sender) -> bool {
    let mut syns = frames
        .iter()
        .filter_map(|frame| flows::tcp(&frame.bytes))
        .filter(|tcp| tcp.has(SYN));
    syns.any(|tcp| (tcp.way.0.ip().to_string(), tcp.way.0.port().into()) == *sender)
}

/// What differs from the truth in one capture, by sender.
fn differences(
    frames: &[Captured],
    truth: &BTreeMap<Sender, Vec<Message>>,
    decoded: &Decoded,
) -> Vec<(Sender, String)> {
    let mut found = Vec::new();
    let senders: BTreeSet<_> = truth.keys().chain(decoded.keys()).collect();
    for sender in senders {
        let expected = truth.get(sender).map(Vec::as_slice).unwrap_or_default();
        let seen = decoded.get(sender).map(Vec::as_slice).unwrap_or_default();
        let same = expected.iter().map(|message| &message.raw);
        if !same.eq(seen.iter().map(|(raw, _)| raw)) {
            let what = format!("{} of {} covered messages", seen.len(), expected.len());
            found.push((sender.clone(), what));
            continue;
        }
        // A search is needed behind a hole, and where the SYN was not captured.
        let begins = begins(frames, sender);
        for (message, (raw, searched)) in expected.iter().zip(seen) {
            if *searched && begins && !message.after_gap {
                found.push((sender.clone(), format!("searched for without need: {raw}")));
            }
        }
    }
    found
}

#[test]
fn every_covered_message_is_decoded() {
    let Some(files) = support::corpus() else {
        return;
    };
    let mut messages = 0;
    let mut used = BTreeSet::new();
    let mut unlisted = Vec::new();
    let transplants = files
        .iter()
        .filter(|file| file.to_string_lossy().contains("/pcap/transplant/"));
    for capture in transplants {
        let name = capture.file_name().unwrap().to_string_lossy().into_owned();
        let frames = flows::frames(&std::fs::read(capture).unwrap());
        let truth = truth(capture);
        let (decoded, summary) = bgptap(capture);
        check_ledger(&name, &frames, &summary);
        let covered: usize = truth.values().map(Vec::len).sum();
        messages += covered;
        println!(
            "{name}: {covered} covered messages, gaps {}",
            summary["gaps"]
        );
        for (sender, what) in differences(&frames, &truth, &decoded) {
            let listed = |entry: &&(&str, u64, &str)| entry.0 == name && entry.1 == sender.1;
            match ALLOWED.iter().find(listed) {
                Some(entry) => {
                    used.insert((entry.0, entry.1));
                    in_order_of_time(capture, &frames);
                }
                None => unlisted.push(format!("{name}: {sender:?}: {what}")),
            }
        }
    }
    assert!(unlisted.is_empty(), "{}", unlisted.join("\n"));
    assert_eq!(
        used.len(),
        ALLOWED.len(),
        "listed, but no difference any more"
    );
    assert!(messages > 400, "{messages} messages");
}

/// A file whose frames are not in the order of their times: once they are, all is as the truth says.
fn in_order_of_time(capture: &Path, frames: &[Captured]) {
    let mut sorted = frames.to_vec();
    sorted.sort_by_key(|frame| frame.ns);
    let scratch = support::Scratch::new("sorted");
    let file = scratch.write("sorted.pcap", &flows::file(&sorted));
    let (decoded, summary) = bgptap(&file);
    check_ledger("sorted", frames, &summary);
    let found = differences(frames, &truth(capture), &decoded);
    assert!(found.is_empty(), "{}: {found:?}", capture.display());
}

struct Bytes(Vec<u8>);

impl AsRef<[u8]> for Bytes {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Frame for Bytes {}

/// Wants nothing but the stream's own counters.
struct Nobody;

impl Handler for Nobody {
    fn message(&mut self, _: &[u8], _: Stamp, _: Framing) -> Verdict {
        Verdict::Next
    }
    fn gap(&mut self, _: Gap, _: Stamp) {}
    fn malformed(&mut self, _: u64, _: MalformedReason, _: Stamp) {}
    fn stop_waiting(&mut self) {}
}

/// Contradictions that a stream has counted.
fn conflicts(frames: &[Captured], way: Way) -> u64 {
    let limits = Limits::default();
    let mut memory = Memory::new(&limits).unwrap();
    let mut stream = Stream::new((&limits).into(), memory.buffers.clone());
    for frame in frames {
        let Some(tcp) = flows::tcp(&frame.bytes).filter(|tcp| tcp.way == way) else {
            continue;
        };
        let end = |at: std::net::SocketAddr| Endpoint {
            addr: at.ip(),
            port: at.port(),
        };
        let segment = Segment {
            seq: tcp.seq,
            ack: tcp.ack,
            flags: TcpFlags(tcp.flags),
            payload: tcp.payload.start as u32..tcp.payload.end as u32,
            ..Segment::between(end(way.0), end(way.1))
        };
        let stamp = Stamp {
            ns: frame.ns,
            source: StampSource::File,
        };
        stream.count_captured(tcp.payload.len() as u64);
        let bytes = Bytes(frame.bytes.clone());
        stream.segment(bytes, &segment, stamp, &mut memory.budget, &mut Nobody);
    }
    stream.counters().conflicts
}

/// Copies that contradict each other are counted where the truth has them and nowhere else. (That the
/// first copy wins is seen above: it is the one that the truth holds.)
#[test]
fn contradictions_are_counted() {
    let Some(files) = support::corpus() else {
        return;
    };
    let mut counted = 0;
    let transplants = files
        .iter()
        .filter(|file| file.to_string_lossy().contains("/pcap/transplant/"));
    for capture in transplants {
        let name = capture.file_name().unwrap().to_string_lossy().into_owned();
        let frames = flows::frames(&std::fs::read(capture).unwrap());
        let ways = frames
            .iter()
            .filter_map(|frame| Some(flows::tcp(&frame.bytes)?.way));
        let truth = truth(capture);
        for way in ways.collect::<BTreeSet<_>>() {
            let sender = (way.0.ip().to_string(), way.0.port().into());
            let expected = truth.get(&sender).map(Vec::as_slice).unwrap_or_default();
            let count = conflicts(&frames, way);
            let contradicted = expected.iter().any(|message| message.conflict);
            println!("{name}: {sender:?}: {count} contradictions");
            assert_eq!(count > 0, contradicted, "{name}: {sender:?}: {count}");
            counted += usize::from(count > 0);
        }
    }
    assert!(counted > 0, "no contradiction in the corpus");
}
