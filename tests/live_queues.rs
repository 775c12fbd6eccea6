//! `bgptap live` on several queues and several mirror ports: what is said does not depend on where it
//! was heard.
#![cfg(feature = "capture")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use bgptap::capture::LinkType;
use bgptap::wire::{Ports, dissect};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::PathBuf;
use support::events::{assert_same, by_session};
use support::flows;
use support::net::{Live, Net, TAP, WIRE, allowed};
use support::sender::{Exit, Pace, send};
use support::{Scratch, frames, recording};

const QUEUES: u32 = 4;
const SECOND_TAP: &str = "tap1";
const SECOND_WIRE: &str = "wire1";

/// The recording's segments with whether the lower endpoint sent them, and a number that is
/// the same in both directions of a connection.
fn segments() -> Vec<(bool, u32, Vec<u8>)> {
    let found = frames::of(recording()).into_iter().filter_map(|frame| {
        let length = frame.wire_len;
        let segment = dissect(
            &frame.bytes,
            LinkType::Ethernet,
            length,
            None,
            &Ports::default(),
        )
        .ok()?;
        let ports = u32::from(segment.src.port) + u32::from(segment.dst.port);
        Some((segment.src < segment.dst, ports, frame.bytes))
    });
    found.collect()
}

type Spread = fn(bool, u32) -> Exit;

/// The two directions of each connection arrive on different queues, and all queues are used.
fn over_queues(lower: bool, connection: u32) -> Exit {
    (
        WIRE,
        (connection + u32::from(lower) * (1 + connection / QUEUES % 3)) % QUEUES,
    )
}

/// Two taps, one for each direction, as optical splitters are wired.
fn over_ports(lower: bool, connection: u32) -> Exit {
    (if lower { WIRE } else { SECOND_WIRE }, connection % QUEUES)
}

/// Sends the recording spread over exits, and returns the events and the summary.
fn capture(spread: Spread, pace: Pace) -> (BTreeMap<String, Vec<Value>>, Value) {
    let (net, scratch) = (Net::without_veth(), Scratch::new("queues"));
    net.add_veth(TAP, WIRE, QUEUES);
    net.add_veth(SECOND_TAP, SECOND_WIRE, QUEUES);
    let events: PathBuf = scratch.path("events.json");
    let more = [
        "-i",
        SECOND_TAP,
        "--raw",
        "--json",
        events.to_str().unwrap(),
    ];
    let live = Live::start(&net.mon, TAP, &scratch, &more);
    for name in [TAP, SECOND_TAP] {
        let line = format!("{name}: XDP native");
        assert!(live.log().contains(&line), "{}", live.log());
    }
    let segments = segments();
    let spread: Vec<(Exit, Vec<u8>)> = segments
        .into_iter()
        .map(|(lower, connection, bytes)| (spread(lower, connection), bytes))
        .collect();
    println!("{} frames over {:?}", spread.len(), sent(&spread));
    send(&net, &spread, pace);
    let summary = live.stop();
    assert_eq!(summary["frames"]["received"], spread.len(), "{summary}");
    assert_eq!(summary["unaccounted"]["frames"], 0, "{summary}");
    assert_eq!(summary["unaccounted"]["bytes"], 0, "{summary}");
    assert_eq!(summary["gaps"]["count"], 0, "{summary}");
    assert_eq!(
        arrived(&net),
        sent(&spread),
        "frames by exit, as veth counts"
    );
    (by_session(&events), summary)
}

/// Frames that came in on each queue, by where they were sent from.
fn arrived(net: &Net) -> BTreeMap<Exit, u64> {
    let mut counts = BTreeMap::new();
    for (tap, wire) in [(TAP, WIRE), (SECOND_TAP, SECOND_WIRE)] {
        let queues = net.redirected_by_queue(tap);
        assert_eq!(queues.len(), QUEUES as usize, "{tap}");
        counts.extend((0..).map(|queue| (wire, queue)).zip(queues));
    }
    counts.retain(|_, count| *count > 0);
    counts
}

fn sent(frames: &[(Exit, Vec<u8>)]) -> BTreeMap<Exit, u64> {
    let mut counts = BTreeMap::new();
    for (exit, _) in frames {
        *counts.entry(*exit).or_default() += 1;
    }
    counts
}

/// Messages only, each direction by itself: what frames that cross within microseconds cannot change.
fn by_direction(sessions: BTreeMap<String, Vec<Value>>) -> BTreeMap<String, Vec<Value>> {
    let mut directions: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for mut event in sessions.into_values().flatten() {
        event.as_object_mut().unwrap().remove("id");
        if event["type"] != "STATE" && event["type"] != "TRANSFER" {
            let direction = format!("{} {}", event["session"], event["peer"]);
            directions.entry(direction).or_default().push(event);
        }
    }
    directions
}

#[test]
fn queues_and_ports_change_nothing_in_what_is_said() {
    if !allowed() {
        return;
    }
    let pace = Pace::Apart;
    let (one, _) = capture(|_, _| (WIRE, 0), pace);
    assert!(one.len() >= 10, "{} sessions", one.len());
    for (name, spread) in [("queues", over_queues as Spread), ("ports", over_ports)] {
        let (many, _) = capture(spread, pace);
        assert_same(&many, &one, name);
    }
}

/// Frame upon frame, so that an OPEN and the UPDATE that needs it are drained from different rings at
/// the same time: every message is still read as it was meant.
#[test]
fn an_open_counts_before_the_update_that_needs_it_on_another_queue() {
    if !allowed() {
        return;
    }
    let (one, _) = capture(|_, _| (WIRE, 0), Pace::Bursts);
    let one = by_direction(one);
    for (name, spread) in [("queues", over_queues as Spread), ("ports", over_ports)] {
        for _ in 0..3 {
            let (many, summary) = capture(spread, Pace::Bursts);
            assert_same(&by_direction(many), &one, name);
            assert_eq!(summary["messages"]["UPDATE"], 3249);
        }
    }
}

/// Frames of another connection that are in front of the OPENs: more than one round takes from a socket.
const IN_FRONT: usize = 2500;

/// The recording behind many frames of another connection. Each connection's frames leave queue 0 until both
/// have sent their OPENs; what is said on the strength of those leaves queue 1.
fn opens_far_back() -> Vec<(Exit, Vec<u8>)> {
    let mut frames = vec![((WIRE, 0), support::load::template()); IN_FRONT];
    let mut opens: BTreeMap<u32, usize> = BTreeMap::new();
    let mut after = 0;
    for (_, connection, bytes) in segments() {
        let opened = opens.entry(connection).or_default();
        let queue = u32::from(*opened >= 2);
        after += queue;
        let payload = flows::tcp(&bytes).map(|tcp| bytes[tcp.payload].to_vec());
        // RFC 4271 §4.1: the type comes after marker and length; 1 is OPEN.
        *opened += usize::from(payload.is_some_and(|payload| payload.get(18) == Some(&1)));
        frames.push(((WIRE, queue), bytes));
    }
    assert!(after > 1000, "{after} frames that need an OPEN");
    frames
}

/// A process that did not run for a while finds OPENs far back in one ring, and at the front of another what cannot
/// be read without them: two- and four-octet AS numbers, path identifiers.
#[test]
fn an_open_far_back_in_its_ring_counts_before_what_needs_it() {
    if !allowed() {
        return;
    }
    let run = |frames: &[(Exit, Vec<u8>)], is_stopped: bool, more: &[&str]| {
        let (net, scratch) = (Net::without_veth(), Scratch::new("stopped"));
        net.add_veth(TAP, WIRE, QUEUES);
        let events: PathBuf = scratch.path("events.json");
        let more = [more, &["--raw", "--json", events.to_str().unwrap()]].concat();
        let live = Live::start(&net.mon, TAP, &scratch, &more);
        if is_stopped {
            live.signal("STOP");
        }
        send(&net, frames, Pace::Bursts);
        live.signal("CONT");
        let summary = live.stop();
        assert_eq!(summary["frames"]["received"], frames.len(), "{summary}");
        assert_eq!(summary["unaccounted"]["frames"], 0, "{summary}");
        assert_eq!(summary["unaccounted"]["bytes"], 0, "{summary}");
        assert_eq!(summary["messages"]["OPEN"], 30, "{summary}");
        assert_eq!(summary["messages"]["UPDATE"], 3249, "{summary}");
        by_direction(by_session(&events))
    };
    let spread = opens_far_back();
    let one: Vec<_> = spread
        .iter()
        .map(|(_, bytes)| ((WIRE, 0), bytes.clone()))
        .collect();
    let expected = run(&one, false, &[]);
    for program in ["kfuncs", "plain", "basic"] {
        let many = run(&spread, true, &["--program", program]);
        assert_same(&many, &expected, program);
    }
}
