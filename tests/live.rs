//! `bgptap live` on a veth: the whole way from the wire to the events, and nothing left behind.
#![cfg(feature = "capture")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::path::Path;
use std::process::Command;
use support::events::{assert_same, by_session};
use support::net::{Live, Net, TAP, WIRE, allowed};
use support::synth::Synth;
use support::{Scratch, net};

fn recording() -> &'static Path {
    Path::new(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/data/lab-session.pcap"
    ))
}

#[test]
fn the_same_events_come_from_the_wire_as_from_the_file() {
    if !allowed() {
        return;
    }
    let (net, scratch) = (Net::new(), Scratch::new("live"));
    let (wire, file) = (scratch.path("wire.json"), scratch.path("file.json"));
    let live = Live::start(
        &net.mon,
        TAP,
        &scratch,
        &["--raw", "--json", wire.to_str().unwrap()],
    );
    let said = net.replay(recording(), &["--speed", "8"]);
    let summary = live.stop();
    net::run(Command::new(env!("CARGO_BIN_EXE_bgptap")).args([
        "read",
        recording().to_str().unwrap(),
        "--raw",
        "--json",
        file.to_str().unwrap(),
    ]));
    let (wire, file) = (by_session(&wire), by_session(&file));
    assert!(file.len() >= 10, "{} sessions", file.len());
    assert_same(&wire, &file, &said);
    assert_eq!(summary["unaccounted"]["frames"], 0, "{summary}");
    assert_eq!(summary["unaccounted"]["bytes"], 0, "{summary}");
}

#[test]
fn the_monitor_sends_nothing_and_leaves_nothing() {
    if !allowed() {
        return;
    }
    let (net, scratch) = (Net::new(), Scratch::new("live"));
    let before = Net::counter(&net.mon, TAP, "tx_packets");
    let (link, features) = (net.tap_link(), features(&net));
    let live = Live::start(&net.mon, TAP, &scratch, &[]);
    assert!(net.has_program());
    assert!(
        net.tap_link().contains("promiscuity 1"),
        "{}",
        net.tap_link()
    );
    net.replay(recording(), &["--speed", "max"]);
    let summary = live.stop();
    assert!(
        summary["frames"]["redirected"].as_u64().unwrap() > 3000,
        "{summary}"
    );
    assert_eq!(net.tap_link(), link, "all is as before after a clean end");
    assert_eq!(self::features(&net), features);
    assert_eq!(
        Net::counter(&net.mon, TAP, "tx_packets"),
        before,
        "passive means passive"
    );

    let live = Live::start(&net.mon, TAP, &scratch, &[]);
    assert!(net.has_program());
    live.kill();
    assert_eq!(net.tap_link(), link, "all is as before after kill -9");
    assert_eq!(self::features(&net), features);
    assert_eq!(Net::counter(&net.mon, TAP, "tx_packets"), before);
}

/// The offloads of the monitor's interface, as `ethtool` shows them.
fn features(net: &Net) -> String {
    let mut ethtool = Command::new("ip");
    let output = net::run(ethtool.args(["netns", "exec", &net.mon, "ethtool", "-k", TAP]));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn an_interface_that_goes_away_ends_the_capture_with_a_word() {
    if !allowed() {
        return;
    }
    let (net, scratch) = (Net::new(), Scratch::new("gone"));
    let live = Live::start(&net.mon, TAP, &scratch, &[]);
    net.replay(recording(), &["--rate", "10000"]);
    net.settle();
    net::run(Command::new("ip").args(["-n", &net.wire, "link", "del", WIRE]));
    assert_eq!(live.ended(), Some(1), "done in part");
    let log = std::fs::read_to_string(scratch.path("live.log")).unwrap();
    assert!(log.contains("tap0: the interface is gone"), "{log}");
    assert!(
        log.contains("3249 UPDATE"),
        "what came before is kept: {log}"
    );
    assert!(log.contains("unaccounted frames 0, bytes 0"), "{log}");
}

/// A jumbo frame takes several slots of the UMEM: its payload is one run of bytes all the same.
#[test]
fn jumbo_frames_arrive_whole() {
    if !allowed() {
        return;
    }
    let (net, scratch) = (Net::new(), Scratch::new("jumbo"));
    net.set_mtu(9000);
    let live = Live::start(&net.mon, TAP, &scratch, &[]);
    assert!(live.log().contains("multi-buffer"), "{}", live.log());
    // 170 UPDATEs of 48 bytes in one segment, sent by a packet socket: AF_XDP's own ring has shorter slots.
    let script = r#"
import socket, struct
update = bytes([0xff]*16) + bytes([0,48,2, 0,0, 0,20, 0x40,1,1,0, 0x40,2,6,2,1,0,0,0xfd,0xe8, 0x40,3,4,192,0,2,1, 32,10,0,0,1])
payload = update * 170
tcp = struct.pack("!HHIIBBHHH", 40000, 179, 1000, 1, 0x50, 0x18, 65535, 0, 0)
ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 40 + len(payload), 1, 0x4000, 64, 6, 0, bytes([192,0,2,1]), bytes([192,0,2,2]))
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind(("wire0", 0))
assert s.send(bytes([2,0,0,0,0,1, 2,0,0,0,0,2, 8,0]) + ip + tcp + payload) == 54 + len(payload)
"#;
    let mut send = Command::new("ip");
    net::run(send.args(["netns", "exec", &net.wire, "python3", "-c", script]));
    std::thread::sleep(std::time::Duration::from_millis(200));
    let summary = live.stop();
    assert_eq!(summary["frames"]["redirected"], 1, "{summary}");
    assert_eq!(summary["frames"]["received"], 1, "{summary}");
    assert_eq!(summary["messages"]["UPDATE"], 170, "{summary}");
    assert_eq!(summary["unaccounted"]["frames"], 0);
    assert_eq!(summary["unaccounted"]["bytes"], 0);
}

/// A million frames, one UPDATE in each, at a rate that must lose nothing and at the sender's top rate.
#[test]
fn a_million_frames_are_accounted_for_to_the_last() {
    if !allowed() {
        return;
    }
    const FRAMES: u64 = 1_000_000;
    let scratch = Scratch::new("million");
    let file = scratch.path("million.pcap");
    let shape = Synth {
        frames: FRAMES as u32,
        sessions: 16,
        gap_ns: 10_000,
    };
    let mut target = std::io::BufWriter::new(std::fs::File::create(&file).unwrap());
    shape.write(&mut target).unwrap();
    drop(target);
    for (pace, lossless) in [(&["--rate", "100000"], true), (&["--speed", "max"], false)] {
        let net = Net::new();
        let live = Live::start(&net.mon, TAP, &scratch, &[]);
        let said = net.replay(&file, pace);
        let (sent, veth_drops) = (
            Net::counter(&net.wire, WIRE, "tx_packets"),
            Net::counter(&net.wire, WIRE, "tx_dropped"),
        );
        let summary = live.stop();
        println!(
            "{} {said} veth dropped {veth_drops}\n{}",
            pace[1], summary["frames"]
        );
        let frame = |name: &str| summary["frames"][name].as_u64().unwrap();
        let drops: u64 = summary["frames"]["drops"]
            .as_object()
            .unwrap()
            .values()
            .map(|v| v.as_u64().unwrap())
            .sum();
        assert_eq!(
            sent + veth_drops,
            FRAMES,
            "every frame was sent or refused by the veth: {said}"
        );
        assert_eq!(frame("seen"), sent, "{summary}");
        assert_eq!(frame("redirected"), frame("received") + drops);
        assert_eq!(
            summary["messages"]["UPDATE"].as_u64().unwrap(),
            frame("received")
        );
        assert_eq!(summary["unaccounted"]["frames"], 0);
        assert_eq!(summary["unaccounted"]["bytes"], 0);
        if lossless {
            assert_eq!(
                (veth_drops, drops),
                (0, 0),
                "at 100,000 frames/s nothing is lost: {said}"
            );
        }
    }
}
