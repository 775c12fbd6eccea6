//! A capture that a bad mirror made worse: frames missing, doubled, in the wrong order.
//!
//! What must come out is computed here, from the whole capture, with a reader of its own
//! (`support/flows.rs`): the messages that no missing frame touches, the bytes that are missing, and
//! the left sides of both equations of the ledger.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use serde_json::Value;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::process::Command;
use support::flows::{self, ACK, Captured, FIN, RST, SYN, Sent, Tcp, Way};

const SEEDS: [u64; 4] = [1, 9, 20_260_401, 0x5eed];

/// Frames of which one is removed, swapped with a near neighbour, doubled, on the average.
const REMOVED: u64 = 100;
const SWAPPED: u64 = 20;
const DOUBLED: u64 = 50;

/// How far a swapped or doubled frame may go: less than what bgptap waits for missing bytes that were
/// acknowledged (200 ms), else it would rightly call them lost.
const NEAR_FRAMES: u64 = 4;
const NEAR_NS: u64 = 50_000_000;

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn one_in(&mut self, count: u64) -> bool {
        self.next().is_multiple_of(count)
    }
}

#[derive(Default, Debug)]
struct Harm {
    removed: usize,
    removed_syns: usize,
    removed_data: usize,
    swapped: usize,
    doubled: usize,
}

/// What the mirror makes of the capture. Frames change places, the times stay in order.
fn damage(whole: &[Captured], seed: u64) -> (Vec<Captured>, Harm) {
    let mut random = Random(seed);
    let mut harm = Harm::default();
    let mut frames = Vec::new();
    for frame in whole {
        if random.one_in(REMOVED) {
            harm.removed += 1;
            if let Some(tcp) = flows::tcp(&frame.bytes) {
                harm.removed_syns += usize::from(tcp.has(SYN));
                harm.removed_data += usize::from(!tcp.payload.is_empty());
            }
            continue;
        }
        frames.push(frame.clone());
    }
    let near = |frames: &[Captured], at: usize, random: &mut Random| {
        let other = at + 1 + (random.next() % NEAR_FRAMES) as usize;
        let close = frames
            .get(other)
            .is_some_and(|frame| frame.ns - frames[at].ns <= NEAR_NS);
        close.then_some(other)
    };
    for at in 0..frames.len() {
        if random.one_in(SWAPPED)
            && let Some(other) = near(&frames, at, &mut random)
        {
            let (early, late) = (frames[at].ns, frames[other].ns);
            frames.swap(at, other);
            (frames[at].ns, frames[other].ns) = (early, late);
            harm.swapped += 1;
        }
    }
    for at in (0..frames.len()).rev() {
        if random.one_in(DOUBLED)
            && let Some(other) = near(&frames, at, &mut random)
        {
            let copy = Captured {
                ns: frames[other].ns,
                bytes: frames[at].bytes.clone(),
            };
            frames.insert(other, copy);
            harm.doubled += 1;
        }
    }
    (frames, harm)
}

/// What is left of a direction in the damaged capture.
struct Left {
    /// Payload bytes, each copy counted.
    captured: u64,
    /// Which bytes of the stream are in some frame.
    seen: Vec<bool>,
    /// The SYN is there.
    syn: bool,
    fin: bool,
    /// The end, as far as a frame of either side speaks of it.
    end: usize,
}

impl Left {
    fn new(sent: &Sent) -> Self {
        Self {
            captured: 0,
            seen: vec![false; sent.bytes.len()],
            syn: false,
            fin: false,
            end: 0,
        }
    }

    fn take(&mut self, sent: &Sent, tcp: &Tcp) {
        self.captured += tcp.payload.len() as u64;
        if tcp.has(SYN) {
            self.syn = true;
            return;
        }
        if tcp.has(RST) {
            return;
        }
        let from = usize::try_from(sent.offset(tcp.seq)).unwrap_or(0);
        let to = from + tcp.payload.len();
        if !tcp.payload.is_empty() {
            self.seen[from..to].fill(true);
            self.end = self.end.max(to);
        }
        if tcp.has(FIN) {
            self.fin = true;
            self.end = self.end.max(to);
        }
    }

    /// Numbers of the sequence space from the first byte to the last that is known of. An
    /// acknowledged FIN that is missing itself cannot be told from a byte of data, unless it is the only
    /// number missing at the end: BGP has no message of one byte.
    fn span(&self, acked: usize) -> std::ops::Range<usize> {
        let first = self.seen.iter().position(|seen| *seen);
        let start = if self.syn { Some(0) } else { first };
        let Some(start) = start else {
            return 0..0;
        };
        let acked = if self.fin || acked <= self.end + 1 {
            acked.min(self.end)
        } else {
            acked
        };
        start..self.end.max(acked).max(start)
    }

    fn missing(&self, span: std::ops::Range<usize>) -> u64 {
        let missing = |at: &usize| !self.seen.get(*at).copied().unwrap_or(false);
        span.filter(missing).count() as u64
    }
}

/// What is left of each direction, and up to where its receiver has acknowledged it.
fn left(
    sent: &BTreeMap<Way, Sent>,
    damaged: &[Captured],
) -> (BTreeMap<Way, Left>, BTreeMap<Way, usize>) {
    let mut left: BTreeMap<Way, Left> = sent
        .iter()
        .map(|(way, sent)| (*way, Left::new(sent)))
        .collect();
    let mut acked: BTreeMap<Way, usize> = BTreeMap::new();
    for frame in damaged {
        let Some(tcp) = flows::tcp(&frame.bytes) else {
            continue;
        };
        let back = (tcp.way.1, tcp.way.0);
        if let Some(sent) = sent.get(&tcp.way) {
            left.get_mut(&tcp.way).unwrap().take(sent, &tcp);
        }
        if let Some(sent) = sent.get(&back).filter(|_| tcp.has(ACK)) {
            let up_to = usize::try_from(sent.offset(tcp.ack)).unwrap_or(0);
            let known = acked.entry(back).or_default();
            *known = up_to.max(*known);
        }
    }
    (left, acked)
}

/// Runs `bgptap read`; its events and its summary.
fn bgptap(damaged: &[Captured]) -> (Vec<Value>, Value) {
    let scratch = support::Scratch::new("lossy");
    let file = scratch.write("damaged.pcap", &flows::file(damaged));
    let summary = scratch.path("summary.json");
    let output = Command::new(env!("CARGO_BIN_EXE_bgptap"))
        .args(["read", "--json", "-", "--raw", "--summary"])
        .args([&summary, &file])
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let events = std::str::from_utf8(&output.stdout).unwrap().lines();
    let events = events.map(|line| serde_json::from_str(line).unwrap());
    let summary = serde_json::from_slice(&std::fs::read(summary).unwrap()).unwrap();
    (events.collect(), summary)
}

fn way(value: &Value) -> Way {
    let end = |addr: &str, port: &str| {
        let port = u16::try_from(value[port].as_u64().unwrap()).unwrap();
        SocketAddr::new(value[addr].as_str().unwrap().parse().unwrap(), port)
    };
    (end("peer", "peer_port"), end("local", "local_port"))
}

/// The two equations of a direction; `discarded` has a field for each reason.
fn equations_hold(direction: &Value) -> bool {
    let of = |name: &str| direction[name].as_u64().unwrap();
    let discarded = direction["discarded"].as_object().unwrap().values();
    let discarded: u64 = discarded.map(|bytes| bytes.as_u64().unwrap()).sum();
    let kept = of("decoded") + of("skipped") + of("quarantined") + of("pending");
    of("captured") == kept + of("duplicate") + discarded
        && of("span") == kept + of("gap") + of("open_hole")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Everything that is wrong with what bgptap made of one damaged capture.
fn faults(whole: &[Captured], seed: u64) -> Vec<String> {
    let sent = flows::sent(whole);
    let (damaged, harm) = damage(whole, seed);
    let (left, acked) = left(&sent, &damaged);
    let (events, summary) = bgptap(&damaged);
    let mut decoded: BTreeMap<Way, Vec<&str>> = BTreeMap::new();
    let mut gaps: BTreeMap<Way, u64> = BTreeMap::new();
    for event in &events {
        match event["type"].as_str().unwrap() {
            "GAP" => *gaps.entry(way(event)).or_default() += event["bytes"].as_u64().unwrap(),
            "STATE" | "TRANSFER" | "MALFORMED" => {}
            _ => decoded
                .entry(way(event))
                .or_default()
                .push(event["raw"].as_str().unwrap()),
        }
    }
    let mut faults = Vec::new();
    let (mut messages, mut untouched, mut lost) = (0, 0, 0);
    for (way, sent) in &sent {
        let left = &left[way];
        let whole = |place: &&flows::Place| left.seen[(*place).clone()].iter().all(|seen| *seen);
        let expected = sent.places.iter().filter(whole);
        let expected: Vec<String> = expected
            .map(|place| hex(&sent.bytes[place.clone()]))
            .collect();
        messages += sent.places.len();
        untouched += expected.len();
        let seen = decoded.remove(way).unwrap_or_default();
        if seen != expected {
            let at = expected.iter().zip(&seen).take_while(|(a, b)| a == b);
            let at = at.count();
            faults.push(format!(
                "{way:?}: {} messages of {}, different from number {at} on",
                seen.len(),
                expected.len()
            ));
        }
        let span = left.span(acked.get(way).copied().unwrap_or(0));
        let missing = left.missing(span.clone());
        lost += missing;
        let told = gaps.remove(way).unwrap_or(0);
        if told != missing {
            faults.push(format!("{way:?}: {missing} bytes missing, gaps of {told}"));
        }
        check_direction(*way, left, span.len() as u64, &summary, &mut faults);
    }
    for way in decoded.keys().chain(gaps.keys()) {
        faults.push(format!("{way:?}: nobody sent anything there"));
    }
    if summary["unaccounted"]["bytes"] != 0 || summary["unaccounted"]["frames"] != 0 {
        faults.push(format!("unaccounted {}", summary["unaccounted"]));
    }
    if summary["frames"]["seen"] != damaged.len() {
        faults.push(format!("frames {}", summary["frames"]["seen"]));
    }
    println!(
        "seed {seed}: {harm:?}; {messages} messages sent, {untouched} untouched, {lost} bytes lost"
    );
    assert!(
        harm.removed > 10 && harm.removed_data > 5 && harm.swapped > 50 && harm.doubled > 20,
        "seed {seed} does too little harm: {harm:?}"
    );
    faults
}

/// The ledger of a direction against what the file holds.
fn check_direction(way: Way, left: &Left, span: u64, summary: &Value, faults: &mut Vec<String>) {
    let directions = summary["directions"].as_array().unwrap();
    let of_way = |direction: &&Value| self::way(direction) == way;
    let found: Vec<_> = directions.iter().filter(of_way).collect();
    let sum = |name: &str| -> u64 { found.iter().map(|d| d[name].as_u64().unwrap()).sum() };
    if sum("captured") != left.captured || sum("span") != span {
        faults.push(format!(
            "{way:?}: captured {} of {}, span {} of {span}",
            sum("captured"),
            left.captured,
            sum("span"),
        ));
    }
    if found.len() > 1 || !found.iter().all(|direction| equations_hold(direction)) {
        faults.push(format!("{way:?}: {found:?}"));
    }
}

/// Without harm, everything is decoded: else the figures below would mean little.
#[test]
fn the_whole_capture_is_decoded() {
    let whole = flows::frames(include_bytes!("data/lab-session.pcap"));
    let (events, summary) = bgptap(&whole);
    let sent: usize = flows::sent(&whole)
        .values()
        .map(|way| way.places.len())
        .sum();
    let messages = events.iter().filter(|event| event["raw"].is_string());
    assert_eq!(messages.count(), sent);
    assert_eq!(summary["gaps"]["bytes"], 0);
    assert!(sent > 3_000, "{sent} messages");
}

/// Every message that no missing frame touches is decoded, nothing else is, and the missing bytes
/// are named exactly.
#[test]
fn a_bad_mirror_costs_only_what_it_lost() {
    let whole = flows::frames(include_bytes!("data/lab-session.pcap"));
    let mut all = Vec::new();
    for seed in SEEDS {
        let found = faults(&whole, seed);
        all.extend(found.iter().map(|fault| format!("seed {seed}: {fault}")));
    }
    assert!(all.is_empty(), "{}", all.join("\n"));
}
