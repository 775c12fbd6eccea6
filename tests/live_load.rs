//! Load from the kernel's own generator: what the capture cannot keep up with is counted exactly.
#![cfg(feature = "capture")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use bgptap_bpf::{Load, Template};
use nix::net::if_::if_nametoindex;
use support::Scratch;
use support::load::{PAYLOAD, SESSIONS, template};
use support::net::{Live, Net, TAP, WIRE, allowed};

const FRAMES: u32 = 300_000;

/// At the full rate of the kernel.
#[test]
fn frames_at_full_rate_are_accounted_for_to_the_last() {
    if !allowed() {
        return;
    }
    let (net, scratch) = (Net::new(), Scratch::new("load"));
    let live = Live::start(&net.mon, TAP, &scratch, &[]);
    let made = Net::within(&net.wire, || {
        let frame = template();
        let load = Load::new(
            if_nametoindex(WIRE).unwrap(),
            &Template {
                frame: &frame,
                tcp: 34,
                payload: PAYLOAD,
                sessions: SESSIONS,
            },
        );
        let load = load.unwrap();
        load.send(FRAMES / 2).unwrap();
        load.send(FRAMES / 2).unwrap();
        load.made().unwrap()
    });
    let sent = Net::counter(&net.wire, WIRE, "tx_packets");
    let refused = Net::counter(&net.wire, WIRE, "tx_dropped");
    let summary = live.stop();
    println!("{}, the veth refused {refused}", summary["frames"]);
    assert_eq!(made, u64::from(FRAMES));
    assert_eq!(
        sent + refused,
        made,
        "every frame left, or the veth had no room"
    );
    let frame = |name: &str| summary["frames"][name].as_u64().unwrap();
    let drops = summary["frames"]["drops"].as_object().unwrap().values();
    let drops: u64 = drops.map(|count| count.as_u64().unwrap()).sum();
    assert_eq!(frame("seen"), sent, "{summary}");
    assert_eq!(frame("redirected"), sent);
    assert_eq!(frame("received") + drops, sent);
    assert_eq!(
        summary["messages"]["KEEPALIVE"],
        frame("received"),
        "one in each"
    );
    assert_eq!(summary["unaccounted"]["frames"], 0);
    assert_eq!(summary["unaccounted"]["bytes"], 0);
    // Each frame was the next segment of its stream: nothing came twice, and holes are what was lost.
    let directions = summary["directions"].as_array().unwrap();
    assert_eq!(directions.len(), SESSIONS as usize, "{summary}");
    for direction in directions {
        assert_eq!(direction["duplicate"], 0, "{direction}");
    }
    let holes = summary["gaps"]["bytes"].as_u64().unwrap();
    // What the veth refused is missing from the streams, too.
    let lost = (drops + refused) * u64::from(PAYLOAD);
    assert!(holes <= lost, "{holes} of {lost}: {summary}");
    assert!(frame("received") > 0);
}
