//! `bgptap live` on a veth: one recording in each encapsulation gives the same events.
#![cfg(feature = "capture")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use serde_json::Value;
use std::collections::BTreeMap;
use std::process::Command;
use support::encode::Frame;
use support::events::{assert_same, by_session};
use support::net::{Live, Net, TAP, WIRE, allowed};
use support::wrap::{WRAPS, fragmented, is_ip};
use support::{Scratch, frames, net, recording};

/// Those of remote mirrors and provider networks; the others differ from them only in user space,
/// which `tests/encapsulation.rs` shows.
const WIRES: [&str; 9] = [
    "plain",
    "qinq and mpls",
    "erspan i",
    "erspan ii",
    "erspan iii with a subheader",
    "vxlan",
    "gre",
    "ip in ipv4",
    "ip in ipv6",
];

fn wrap(name: &str) -> fn(&[u8]) -> Vec<u8> {
    WRAPS.iter().find(|(wrap, _)| *wrap == name).unwrap().1
}

/// The recording's events as they come from the file.
fn expected(scratch: &Scratch) -> BTreeMap<String, Vec<Value>> {
    let expected = scratch.path("expected.json");
    let mut read = Command::new(env!("CARGO_BIN_EXE_bgptap"));
    net::run(
        read.arg("read")
            .arg(recording())
            .arg("--json")
            .arg(&expected),
    );
    by_session(&expected)
}

fn recorded() -> Vec<Frame> {
    let mut recorded = frames::of(recording());
    recorded.retain(|frame| is_ip(&frame.bytes));
    recorded
}

#[test]
fn the_same_events_come_from_every_encapsulation_on_the_wire() {
    if !allowed() {
        return;
    }
    let scratch = Scratch::new("wires");
    let (expected, recorded) = (expected(&scratch), recorded());
    for name in WIRES {
        let file = frames::write(
            &frames::wrapped(&recorded, wrap(name)),
            &scratch,
            "wrapped.pcap",
        );
        let net = Net::new();
        net.set_mtu(1700);
        let events = scratch.path("events.json");
        let live = Live::start(
            &net.mon,
            TAP,
            &scratch,
            &["--json", events.to_str().unwrap()],
        );
        let said = net.replay(&file, &["--speed", "16"]);
        assert_eq!(Net::counter(&net.wire, WIRE, "tx_dropped"), 0, "{said}");
        let summary = live.stop();
        assert_same(&by_session(&events), &expected, name);
        assert_eq!(summary["unaccounted"]["frames"], 0, "{name}: {summary}");
        assert_eq!(summary["unaccounted"]["bytes"], 0, "{name}: {summary}");
    }
}

/// A mirror's tunnel over links of 576 bytes: the fragments are steered and put together; with
/// `--no-fragments` they are counted where they arrive.
#[test]
fn fragments_on_the_wire_are_put_together_or_counted() {
    if !allowed() {
        return;
    }
    let scratch = Scratch::new("wires");
    let (expected, recorded) = (expected(&scratch), recorded());
    let in_pieces = |frame: &[u8], id| fragmented(&wrap("erspan ii")(frame), 552, id);
    let cut = frames::cut(&recorded, in_pieces);
    let split = recorded
        .iter()
        .filter(|frame| in_pieces(&frame.bytes, 0).len() > 1);
    let split = split.count() as u64;
    let pieces = (cut.len() - recorded.len()) as u64;
    let file = frames::write(&cut, &scratch, "cut.pcap");
    for wanted in [true, false] {
        let net = Net::new();
        let events = scratch.path("events.json");
        let mut args = vec!["--json", events.to_str().unwrap()];
        if !wanted {
            args.push("--no-fragments");
        }
        let live = Live::start(&net.mon, TAP, &scratch, &args);
        net.replay(&file, &["--speed", "16"]);
        let summary = live.stop();
        let frames = &summary["frames"];
        if wanted {
            assert_same(&by_session(&events), &expected, "in fragments");
            assert_eq!(frames["other"]["fragment"], 0, "{frames}");
            assert_eq!(
                frames["undissected"]["fragment_assembled"], pieces,
                "{frames}"
            );
        } else {
            // The first fragment of each and the later ones.
            assert_eq!(frames["undissected"], serde_json::json!({}), "{frames}");
            assert_eq!(frames["other"]["fragment"], split + pieces, "{frames}");
        }
        assert_eq!(summary["unaccounted"]["frames"], 0, "{summary}");
    }
}
