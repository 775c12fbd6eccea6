//! `bgptap live` on a veth: one recording in each encapsulation gives the same events.
#![cfg(feature = "capture")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::process::Command;
use support::events::{assert_same, by_session};
use support::net::{Live, Net, TAP, WIRE, allowed};
use support::wrap::{WRAPS, is_ip};
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

#[test]
fn the_same_events_come_from_every_encapsulation_on_the_wire() {
    if !allowed() {
        return;
    }
    let scratch = Scratch::new("wires");
    let expected = scratch.path("expected.json");
    let mut read = Command::new(env!("CARGO_BIN_EXE_bgptap"));
    net::run(
        read.arg("read")
            .arg(recording())
            .arg("--json")
            .arg(&expected),
    );
    let expected = by_session(&expected);
    let mut recorded = frames::of(recording());
    recorded.retain(|frame| is_ip(&frame.bytes));
    for name in WIRES {
        let wrap = WRAPS.iter().find(|(wrap, _)| *wrap == name).unwrap().1;
        let file = frames::write(&frames::wrapped(&recorded, wrap), &scratch, "wrapped.pcap");
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
