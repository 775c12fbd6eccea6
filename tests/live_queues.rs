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
    let exits: std::collections::BTreeSet<Exit> = spread.iter().map(|(exit, _)| *exit).collect();
    println!("{} frames over {exits:?}", spread.len());
    send(&net, &spread, pace);
    let summary = live.stop();
    assert_eq!(summary["frames"]["received"], spread.len(), "{summary}");
    assert_eq!(summary["unaccounted"]["frames"], 0, "{summary}");
    assert_eq!(summary["unaccounted"]["bytes"], 0, "{summary}");
    assert_eq!(summary["gaps"]["count"], 0, "{summary}");
    (by_session(&events), summary)
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
