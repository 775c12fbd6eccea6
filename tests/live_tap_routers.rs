//! A session between two real routers, tapped on the host of either: every message is seen exactly
//! once, and the routers notice nothing.
#![cfg(feature = "capture")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use support::Scratch;
use support::net::{Live, Net, TAP, WIRE, allowed};
use support::routers::{BIRD, FRR, Messages, Routers, installed};

const PREFIXES: u32 = 20_000;

/// What one side said, by the events.
#[derive(Default)]
struct Said {
    messages: Messages,
    announced: u64,
    withdrawn: u64,
}

/// What each sender said; its messages are numbered, and none is missing.
fn said(events: &Path) -> BTreeMap<String, Said> {
    let mut by_sender: BTreeMap<String, Said> = BTreeMap::new();
    for line in std::fs::read_to_string(events).unwrap().lines() {
        let event: Value = serde_json::from_str(line).unwrap();
        let kind = event["type"].as_str().unwrap();
        assert!(!matches!(kind, "GAP" | "MALFORMED"), "{event}");
        let types = [
            "OPEN",
            "UPDATE",
            "KEEPALIVE",
            "NOTIFICATION",
            "ROUTE_REFRESH",
        ];
        let Some(name) = types.into_iter().find(|name| *name == kind) else {
            continue;
        };
        let said = by_sender
            .entry(event["peer"].as_str().unwrap().to_owned())
            .or_default();
        *said.messages.entry(name).or_default() += 1;
        assert_eq!(event["seq"], said.messages.values().sum::<u64>(), "{event}");
        let prefixes = |list: &str| -> u64 {
            let groups = event[list].as_array().into_iter().flatten();
            groups
                .map(|group| group["prefixes"].as_array().unwrap().len() as u64)
                .sum()
        };
        said.announced += prefixes("announcements");
        said.withdrawn += prefixes("withdrawals");
    }
    by_sender
}

/// As BIRD tells it: what it received from FRR, and what it sent.
fn prefixes(said: &BTreeMap<String, Said>) -> [(u64, u64); 2] {
    [FRR, BIRD].map(|sender| {
        said.get(sender)
            .map_or((0, 0), |said| (said.announced, said.withdrawn))
    })
}

fn assert_balanced(summary: &Value) {
    for name in ["frames", "bytes"] {
        assert_eq!(summary["unaccounted"][name], 0, "{summary}");
    }
    assert_eq!(summary["gaps"]["count"], 0, "{summary}");
    assert_eq!(summary["errors"], serde_json::json!({}), "{summary}");
    assert_eq!(summary["tap"][0]["dropped"], 0, "{summary}");
    for direction in ["ingress", "egress"] {
        assert_eq!(summary["tap"][0][direction]["failed"], 0, "{summary}");
    }
}

/// What has come on top of `before`.
fn since(before: &Messages, now: &Messages) -> Messages {
    let rest = |name| before.get(name).copied().unwrap_or(0);
    let grown = now.iter().map(|(name, count)| (*name, count - rest(name)));
    grown.filter(|(_, count)| *count > 0).collect()
}

#[test]
fn what_the_tap_saw_is_what_the_routers_count() {
    if !allowed() || !installed() {
        return;
    }
    let (net, scratch) = (Net::new(), Scratch::new("routers"));
    let events = scratch.path("events.json");
    let json = ["--tap", "--json", events.to_str().unwrap()];

    // From the first SYN, on the host of the router that sends the table.
    let live = Live::start(&net.wire, WIRE, &scratch, &json);
    let routers = Routers::start(&net, &scratch, PREFIXES);
    routers.settle(PREFIXES);
    let (frr_sent, frr_received) = routers.frr_counts();
    let summary = live.stop();
    assert_eq!(
        routers.frr_counts(),
        (frr_sent.clone(), frr_received.clone()),
        "nothing came on top"
    );
    assert_balanced(&summary);
    let seen = said(&events);
    assert_eq!(seen[FRR].messages, frr_sent, "by FRR");
    assert_eq!(seen[FRR].messages, routers.bird_counts(), "by BIRD");
    assert_eq!(seen[BIRD].messages, frr_received);
    assert_eq!(prefixes(&seen), routers.bird_prefixes());
    assert_eq!(seen[BIRD].announced, u64::from(PREFIXES));
    // TSO was at work: some packets were several frames on the wire, and were captured as such.
    let copied = |direction: &str| summary["tap"][0][direction]["copied"].as_u64().unwrap();
    let packets = copied("ingress") + copied("egress");
    let frames = summary["frames"]["received"].as_u64().unwrap();
    assert!(frames > packets, "{packets} packets, {frames} frames");
    println!("{packets} packets, {frames} frames, {:?}", prefixes(&seen));
    routers.assert_never_reset();

    // In the middle of the session, on the other host and in the other way: the table goes and
    // comes again.
    let clsact = [&json[..], &["--tap-mode", "clsact"]].concat();
    let live = Live::start(&net.mon, TAP, &scratch, &clsact);
    let (sent_before, received_before) = (frr_sent, frr_received);
    let prefixes_before = routers.bird_prefixes();
    routers.birdc("disable table4");
    routers.settle(0);
    routers.birdc("enable table4");
    routers.settle(PREFIXES);
    let (frr_sent, frr_received) = routers.frr_counts();
    let summary = live.stop();
    assert_balanced(&summary);
    let seen = said(&events);
    assert_eq!(seen[BIRD].messages, since(&received_before, &frr_received));
    assert_eq!(seen[FRR].messages, since(&sent_before, &frr_sent));
    let grown = routers.bird_prefixes().into_iter().zip(prefixes_before);
    let grown: Vec<_> = grown
        .map(|(now, before)| (now.0 - before.0, now.1 - before.1))
        .collect();
    assert_eq!(prefixes(&seen)[..], grown);
    assert_eq!(seen[BIRD].withdrawn, u64::from(PREFIXES));
    routers.assert_never_reset();

    // Killed in full flight.
    let live = Live::start(&net.wire, WIRE, &scratch, &json);
    routers.birdc("disable table4");
    live.kill();
    routers.settle(0);
    routers.birdc("enable table4");
    routers.settle(PREFIXES);
    routers.assert_never_reset();
}
