//! `bgptap live --backend af-packet`: what comes by a packet socket is what comes by AF_XDP, and every
//! frame is accounted for.
#![cfg(feature = "capture")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use support::events::{assert_same, by_session};
use support::flows::{self, on_vlan};
use support::net::{Live, Net, TAP, WIRE, allowed};
use support::synth::Synth;
use support::wrap::{WRAPS, fragmented, is_ip};
use support::{Scratch, frames, recording};

const BACKEND: [&str; 2] = ["--backend", "af-packet"];

type Events = BTreeMap<String, Vec<Value>>;

/// Replays a file to a live capture; its events and its summary.
fn capture(file: &Path, pace: &[&str], more: &[&str]) -> (Events, Value) {
    let (net, scratch) = (Net::new(), Scratch::new("packet"));
    net.set_mtu(9000);
    let events = scratch.path("events.json");
    let more = [more, &["--raw", "--json", events.to_str().unwrap()]].concat();
    let live = Live::start(&net.mon, TAP, &scratch, &more);
    let said = net.replay(file, pace);
    assert_eq!(Net::counter(&net.wire, WIRE, "tx_dropped"), 0, "{said}");
    let summary = live.stop();
    assert_balanced(&summary);
    (by_session(&events), summary)
}

fn assert_balanced(summary: &Value) {
    let frames = &summary["frames"];
    let drops = frames["drops"].as_object().unwrap().values();
    let drops: u64 = drops.map(|count| count.as_u64().unwrap()).sum();
    let frame = |name: &str| frames[name].as_u64().unwrap();
    assert_eq!(frame("redirected"), frame("received") + drops, "{summary}");
    assert_eq!(summary["unaccounted"]["frames"], 0, "{summary}");
    assert_eq!(summary["unaccounted"]["bytes"], 0, "{summary}");
}

fn synth(scratch: &Scratch, frames: u32) -> std::path::PathBuf {
    let shape = Synth {
        frames,
        sessions: 16,
        gap_ns: 10_000,
    };
    let mut bytes = Vec::new();
    shape.write(&mut bytes).unwrap();
    scratch.write("synth.pcap", &bytes)
}

/// Captures of the corpus that replay well: whole frames of Ethernet, many sessions, many message types.
const CORPUS: [&str; 4] = [
    "bgp/pcapplusplus",
    "bgp/traffic-reproducer",
    "bgp/large-comm",
    "bgp/srlinux",
];

#[test]
fn both_backends_say_the_same() {
    if !allowed() {
        return;
    }
    let mut files = support::corpus().unwrap_or_default();
    files.retain(|file| {
        CORPUS
            .iter()
            .any(|part| file.to_string_lossy().contains(part))
    });
    // Broken files are for the reader.
    files.retain(|file| !file.to_string_lossy().contains("fuzz"));
    files.truncate(12);
    files.push(recording().to_owned());
    let mut messages = 0;
    for file in files {
        let name = file.display().to_string();
        if frames::of(&file).iter().any(|f| f.bytes.len() > 3800) {
            continue;
        }
        let (ours, summary) = capture(&file, &["--rate", "3000"], &BACKEND);
        let (theirs, by_xdp) = capture(&file, &["--rate", "3000"], &[]);
        assert_same(&ours, &theirs, &name);
        assert_eq!(summary["messages"], by_xdp["messages"], "{name}");
        assert_eq!(summary["segments"], by_xdp["segments"], "{name}");
        assert_eq!(summary["capture"][0]["backend"], "af-packet");
        assert_eq!(by_xdp["capture"][0]["backend"], "xdp");
        messages += summary["messages"]["UPDATE"].as_u64().unwrap();
    }
    assert!(messages >= 3249, "{messages}");
}

#[test]
fn events_say_that_the_kernel_told_the_time() {
    if !allowed() {
        return;
    }
    let (net, scratch) = (Net::new(), Scratch::new("packet"));
    let events = scratch.path("events.json");
    let more = [&BACKEND[..], &["--json", events.to_str().unwrap()]].concat();
    let live = Live::start(&net.mon, TAP, &scratch, &more);
    let line = "tap0: AF_PACKET, ring of 32768 KiB in 256 blocks, both ways";
    assert!(live.log().contains(line), "{}", live.log());
    let began = std::time::SystemTime::now();
    net.replay(recording(), &["--rate", "10000"]);
    live.stop();
    let began = began.duration_since(std::time::UNIX_EPOCH).unwrap();
    let mut latest: BTreeMap<String, u64> = BTreeMap::new();
    for line in std::fs::read_to_string(&events).unwrap().lines() {
        let event: Value = serde_json::from_str(line).unwrap();
        assert_eq!(event["ts_source"], "kernel", "{line}");
        let ns: u64 = event["ts_ns"].as_str().unwrap().parse().unwrap();
        assert!(ns >= began.as_nanos() as u64, "{line}");
        let direction = format!("{} {}", event["session"], event["peer"]);
        assert!(latest.insert(direction, ns).unwrap_or(0) <= ns, "{line}");
    }
    assert!(latest.len() > 20);
}

/// The socket filter passes them, and user space unwraps them as for AF_XDP. The kernel takes the outermost
/// tag of those that have one out of the frame.
#[test]
fn the_same_events_come_from_every_encapsulation() {
    if !allowed() {
        return;
    }
    let scratch = Scratch::new("packet");
    let mut recorded = frames::of(recording());
    recorded.retain(|frame| is_ip(&frame.bytes));
    let pace = ["--rate", "10000"];
    let (expected, _) = capture(recording(), &pace, &BACKEND);
    for (name, wrap) in WRAPS {
        let wrapped = frames::wrapped(&recorded, wrap);
        let file = frames::write(&wrapped, &scratch, "wrapped.pcap");
        let (events, _) = capture(&file, &pace, &BACKEND);
        assert_same(&events, &expected, name);
    }
    let erspan = WRAPS.iter().find(|(name, _)| *name == "erspan ii").unwrap();
    let cut = frames::cut(&recorded, |frame, id| fragmented(&erspan.1(frame), 552, id));
    let file = frames::write(&cut, &scratch, "cut.pcap");
    let (events, summary) = capture(&file, &pace, &BACKEND);
    assert_same(&events, &expected, "in fragments");
    let pieces = cut.len() - recorded.len();
    let undissected = &summary["frames"]["undissected"];
    assert_eq!(undissected["fragment_assembled"], pieces, "{undissected}");
    let (_, without) = capture(&file, &pace, &[&BACKEND[..], &["--no-fragments"]].concat());
    let undissected = without["frames"]["undissected"].as_object().unwrap();
    let mut of_fragments = undissected.keys().filter(|name| name.contains("fragment"));
    assert_eq!(of_fragments.next(), None, "they stay in the kernel");
}

/// Only the tag, which the kernel keeps beside the frame, tells these sessions apart.
#[test]
fn the_tag_that_the_kernel_took_out_still_counts() {
    if !allowed() {
        return;
    }
    let recorded = flows::frames(&std::fs::read(recording()).unwrap());
    let both: Vec<_> = recorded
        .iter()
        .filter(|frame| flows::tcp(&frame.bytes).is_some())
        .flat_map(|frame| [on_vlan(frame, 10, 0), on_vlan(frame, 20, 0x8000_0000)])
        .collect();
    let scratch = Scratch::new("packet");
    let file = scratch.write("both.pcap", &flows::file(&both));
    let more = [&BACKEND[..], &["--key-vlan"]].concat();
    let (_, summary) = capture(&file, &["--rate", "10000"], &more);
    assert_eq!(summary["messages"]["UPDATE"], 2 * 3249, "{summary}");
    assert_eq!(summary["messages"]["OPEN"], 2 * 30, "{summary}");
    assert_eq!(summary["gaps"]["count"], 0, "{summary}");
}

/// Two taps, one for each direction, as optical splitters are wired: their rings are merged.
#[test]
fn two_interfaces_are_one_timeline() {
    if !allowed() {
        return;
    }
    use support::sender::{Exit, Pace, send};
    let run = |spread: fn(bool) -> Exit| {
        let (net, scratch) = (Net::without_veth(), Scratch::new("packet"));
        net.add_veth(TAP, WIRE, 1);
        net.add_veth("tap1", "wire1", 1);
        let events = scratch.path("events.json");
        let file = ["-i", "tap1", "--raw", "--json", events.to_str().unwrap()];
        let live = Live::start(&net.mon, TAP, &scratch, &[&BACKEND[..], &file].concat());
        let recorded = flows::frames(&std::fs::read(recording()).unwrap());
        let segments = recorded.iter().filter_map(|frame| {
            let (from, to) = flows::tcp(&frame.bytes)?.way;
            Some((spread(from < to), frame.bytes.clone()))
        });
        let segments: Vec<_> = segments.collect();
        send(&net, &segments, Pace::Apart);
        let summary = live.stop();
        assert_balanced(&summary);
        assert_eq!(summary["frames"]["received"], segments.len(), "{summary}");
        by_session(&events)
    };
    let one = run(|_| (WIRE, 0));
    let two = run(|lower| (if lower { WIRE } else { "wire1" }, 0));
    assert_same(&two, &one, "two interfaces");
    assert!(one.len() >= 10, "{} sessions", one.len());
}

#[test]
fn many_frames_are_accounted_for_to_the_last() {
    if !allowed() {
        return;
    }
    const FRAMES: u32 = 200_000;
    let scratch = Scratch::new("packet");
    let file = synth(&scratch, FRAMES);
    for (pace, lossless) in [(&["--rate", "40000"], true), (&["--speed", "max"], false)] {
        let net = Net::new();
        let live = Live::start(&net.mon, TAP, &scratch, &BACKEND);
        let said = net.replay(&file, pace);
        let sent = Net::counter(&net.wire, WIRE, "tx_packets");
        let summary = live.stop();
        println!("{said} {}", summary["frames"]);
        assert_balanced(&summary);
        assert_eq!(summary["frames"]["seen"], sent, "{summary}");
        let received = &summary["frames"]["received"];
        assert_eq!(&summary["messages"]["UPDATE"], received, "{summary}");
        if lossless {
            assert_eq!(*received, FRAMES, "{said} {summary}");
        }
    }
}

/// A capture that does not run for a while: what the ring has no room for is counted, once.
#[test]
fn a_ring_that_is_too_small_drops_and_says_so() {
    if !allowed() {
        return;
    }
    let (net, scratch) = (Net::new(), Scratch::new("packet"));
    let file = synth(&scratch, 30_000);
    let more = [&BACKEND[..], &["--ring", "64"]].concat();
    let live = Live::start(&net.mon, TAP, &scratch, &more);
    live.signal("STOP");
    net.replay(&file, &["--rate", "30000"]);
    live.signal("CONT");
    let sent = Net::counter(&net.wire, WIRE, "tx_packets");
    let summary = live.stop();
    assert_balanced(&summary);
    let frames = &summary["frames"];
    assert_eq!(frames["seen"], sent, "{summary}");
    // Four blocks of 128 KiB, and at least some 180 bytes for each frame and its headers.
    let received = frames["received"].as_u64().unwrap();
    assert!((1..3000).contains(&received), "{summary}");
    assert!(frames["freezes"].as_u64() >= Some(1), "{summary}");
    assert!(
        summary["gaps"]["bytes"].as_u64() == Some(0),
        "lost at the end only"
    );
}

/// The first UPDATE of a session is missing, and what follows is held, frame by frame, while the small ring goes
/// round many times: the frames make room in time, and when the missing one comes nothing is lost.
#[test]
fn held_frames_do_not_stop_the_ring() {
    if !allowed() {
        return;
    }
    const HELD: usize = 100;
    const REST: u32 = 60_000;
    let scratch = Scratch::new("packet");
    let mut recorded = flows::frames(&std::fs::read(synth(&scratch, REST)).unwrap());
    // Sixteen sessions take turns: the second frame of the first one comes last. Of that session there are
    // only so many that it may hold them.
    let late = recorded.remove(16);
    let mut of_first = 0;
    recorded.retain(|frame| {
        let is_first = frame.bytes[26..30] == [10, 0, 0, 1];
        of_first += usize::from(is_first);
        !is_first || of_first <= HELD + 1
    });
    recorded.push(late);
    let expected = recorded.len();
    let file = scratch.write("late.pcap", &flows::file(&recorded));
    let more = [&BACKEND[..], &["--ring", "512"]].concat();
    let (_, summary) = capture(&file, &["--rate", "20000"], &more);
    let frames = &summary["frames"];
    assert_eq!(frames["drops"]["ring_full"], 0, "{frames}");
    assert_eq!(frames["received"], expected, "{frames}");
    assert_eq!(summary["messages"]["UPDATE"], expected, "{frames}");
    assert_eq!(summary["gaps"]["count"], 0, "{}", summary["gaps"]);
    let directions = summary["directions"].as_array().unwrap();
    let held = directions
        .iter()
        .map(|direction| direction["tcp"]["held_segments_max"].as_u64().unwrap());
    assert_eq!(held.max(), Some(HELD as u64), "all but its first frame");
}
