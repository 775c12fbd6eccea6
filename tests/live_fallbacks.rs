//! `bgptap live` where kernel or driver lack something: the next best way is taken, it says so, and the
//! recording arrives all the same.
#![cfg(feature = "capture")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::time::Duration;
use support::events::{assert_times, now_ns};
use support::net::{Live, Net, TAP, allowed};
use support::{Scratch, net, recording};

/// What is forced, what is said to be used then, and how many better ways are said to have failed: veth has no
/// zero-copy, for several buffers or for one.
const WAYS: [(&[&str], &str, usize); 6] = [
    (
        &["--pretend-linux", "6.8"],
        "tap0: XDP native (with kfuncs), copy, multi-buffer",
        2,
    ),
    (
        &["--pretend-linux", "6.1"],
        "tap0: XDP native (plain), copy, single-buffer",
        3,
    ),
    (
        &["--pretend-linux", "5.15"],
        "tap0: XDP native (basic), copy, single-buffer",
        4,
    ),
    (
        &["--pretend-linux", "5.15", "--mode", "skb"],
        "tap0: XDP skb (basic), copy, single-buffer",
        2,
    ),
    (
        &["--program", "plain"],
        "tap0: XDP native (plain), copy, multi-buffer",
        2,
    ),
    (
        &["--program", "basic"],
        "tap0: XDP native (basic), copy, multi-buffer",
        2,
    ),
];

#[test]
fn older_kernels_are_served_and_it_says_how() {
    if !allowed() {
        return;
    }
    for (flags, line, failures) in WAYS {
        let (net, scratch) = (Net::new(), Scratch::new("fallbacks"));
        let events = scratch.path("events.json");
        let more = [flags, &["--json", events.to_str().unwrap()]].concat();
        let from_ns = now_ns();
        let live = Live::start(&net.mon, TAP, &scratch, &more);
        assert!(live.log().contains(line), "{flags:?}: {}", live.log());
        // Before Linux 5.19 a right is needed to read what the program counted.
        let keeps = live.log().contains("of the capabilities CAP_BPF is left");
        assert_eq!(keeps, flags.contains(&"5.15"), "{}", live.log());
        net.replay(recording(), &["--rate", "10000"]);
        let log = live.log();
        let summary = live.stop();
        let events = std::fs::read_to_string(&events).unwrap();
        assert_times(&events, from_ns, now_ns());
        assert_eq!(summary["messages"]["UPDATE"], 3249, "{flags:?}: {summary}");
        assert_eq!(summary["unaccounted"]["frames"], 0, "{flags:?}: {summary}");
        let mode = &summary["capture"][0];
        let said = mode["fallbacks"].as_array().map_or(0, Vec::len);
        assert_eq!(said, failures, "{flags:?}: {mode}");
        assert_eq!(log.matches("tap0: without ").count(), failures, "{log}");
    }
}

/// 170 UPDATEs in a frame of 8 KiB.
const JUMBO: &str = r#"
import socket, struct
update = bytes([0xff]*16) + bytes([0,48,2, 0,0, 0,20, 0x40,1,1,0, 0x40,2,6,2,1,0,0,0xfd,0xe8, 0x40,3,4,192,0,2,1, 32,10,0,0,1])
payload = update * 170
tcp = struct.pack("!HHIIBBHHH", 40000, 179, 1000, 1, 0x50, 0x18, 65535, 0, 0)
ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 40 + len(payload), 1, 0x4000, 64, 6, 0, bytes([192,0,2,1]), bytes([192,0,2,2]))
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind(("wire0", 0))
assert s.send(bytes([2,0,0,0,0,1, 2,0,0,0,0,2, 8,0]) + ip + tcp + payload) == 54 + len(payload)
"#;

/// Without multi-buffer sockets a jumbo frame has no room, and counts as dropped; a driver takes no basic
/// program for such frames.
#[test]
fn frames_that_are_too_long_for_one_buffer_are_counted() {
    if !allowed() {
        return;
    }
    for (release, line) in [
        ("6.1", "native (plain), copy, single-buffer"),
        ("5.15", "skb (basic), copy, single-buffer"),
    ] {
        let (net, scratch) = (Net::new(), Scratch::new("fallbacks"));
        net.set_mtu(9000);
        let live = Live::start(&net.mon, TAP, &scratch, &["--pretend-linux", release]);
        assert!(live.log().contains(line), "{}", live.log());
        let warning = "its MTU is 9000, and frames beyond 3840 bytes are dropped";
        assert!(live.log().contains(warning), "{}", live.log());
        net::run(&mut Net::python(&net.wire, JUMBO));
        std::thread::sleep(Duration::from_millis(200));
        let summary = live.stop();
        let frames = &summary["frames"];
        assert_eq!(frames["redirected"], 1, "{frames}");
        assert_eq!(frames["drops"]["rx_dropped"], 1, "{frames}");
        assert_eq!(summary["unaccounted"]["frames"], 0, "{summary}");
    }
}
