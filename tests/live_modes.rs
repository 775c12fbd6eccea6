//! `bgptap live` in each of its modes: what it says it got, and that the recording arrives in all of them.
#![cfg(feature = "capture")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use support::net::{Live, Net, TAP, allowed};
use support::{Scratch, net, recording};

/// What is asked for, and what veth can do of it.
const MODES: [(&[&str], &str); 5] = [
    (
        &[],
        "tap0: XDP native (with kfuncs), copy, multi-buffer, need-wakeup, 1 queue(s)",
    ),
    (
        &["--mode", "native"],
        "tap0: XDP native (with kfuncs), copy, multi-buffer",
    ),
    (&["--mode", "skb"], "tap0: XDP skb (plain), copy"),
    (
        &["--zero-copy", "never"],
        "tap0: XDP native (with kfuncs), copy",
    ),
    (&["--busy-poll"], "busy polling"),
];

fn now_ns() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    u64::try_from(now.as_nanos()).unwrap()
}

/// Events of a live capture: whose clock they carry, between when and when, and never backwards in a
/// direction.
fn assert_times(events: &str, from_ns: u64, to_ns: u64) {
    let mut latest: BTreeMap<String, u64> = BTreeMap::new();
    for line in events.lines() {
        let event: Value = serde_json::from_str(line).unwrap();
        let ns: u64 = event["ts_ns"].as_str().unwrap().parse().unwrap();
        // veth has no hardware clock.
        assert_eq!(event["ts_source"], "xdp", "{line}");
        assert!((from_ns..=to_ns).contains(&ns), "{from_ns} {to_ns} {line}");
        let direction = format!("{} {}", event["session"], event["peer"]);
        let before = latest.insert(direction, ns).unwrap_or(0);
        assert!(before <= ns, "{before} and then {line}");
    }
    assert!(latest.len() > 20, "{} directions", latest.len());
}

#[test]
fn every_mode_captures_and_says_what_it_is() {
    if !allowed() {
        return;
    }
    for (flags, line) in MODES {
        let (net, scratch) = (Net::new(), Scratch::new("modes"));
        let events = scratch.path("events.json");
        let more = [flags, &["--json", events.to_str().unwrap()]].concat();
        let from_ns = now_ns();
        let live = Live::start(&net.mon, TAP, &scratch, &more);
        assert!(live.log().contains(line), "{flags:?}: {}", live.log());
        assert!(!live.log().contains("no busy polling"), "{}", live.log());
        net.replay(recording(), &["--rate", "10000"]);
        let summary = live.stop();
        assert_times(
            &std::fs::read_to_string(&events).unwrap(),
            from_ns,
            now_ns(),
        );
        assert_eq!(summary["messages"]["UPDATE"], 3249, "{flags:?}: {summary}");
        assert_eq!(summary["unaccounted"]["frames"], 0, "{flags:?}: {summary}");
        let mode = &summary["capture"][0];
        assert_eq!(mode["interface"], TAP);
        assert_eq!(mode["native"], !flags.contains(&"skb"), "{mode}");
        assert_eq!(mode["busy_poll"], flags.contains(&"--busy-poll"), "{mode}");
        assert_eq!(mode["zero_copy"], false, "veth cannot: {mode}");
        assert_eq!(mode["queues"], 1, "{mode}");
    }
}

#[test]
fn what_is_required_and_cannot_be_is_refused() {
    if !allowed() {
        return;
    }
    let net = Net::new();
    let args = [
        "live",
        "-i",
        TAP,
        "--metrics",
        "127.0.0.1:0",
        "--zero-copy",
        "require",
    ];
    let output = Net::bgptap(&net.mon, &args).output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(
        text.contains(TAP) && text.contains("the driver cannot do this"),
        "{text}"
    );
    assert!(!net.has_program());
}

#[test]
fn without_huge_pages_ordinary_ones_serve() {
    if !allowed() {
        return;
    }
    let memory = std::fs::read_to_string("/proc/meminfo").unwrap();
    let free = memory
        .lines()
        .find_map(|line| line.strip_prefix("HugePages_Free:"));
    let (net, scratch) = (Net::new(), Scratch::new("huge"));
    let live = Live::start(&net.mon, TAP, &scratch, &["--huge-pages", "--ring", "1024"]);
    let warned = live.log().contains("sysctl vm.nr_hugepages");
    if free.is_none_or(|free| free.trim() == "0") {
        assert!(warned, "{}", live.log());
    }
    net.replay(recording(), &["--rate", "10000"]);
    assert_eq!(live.stop()["messages"]["UPDATE"], 3249);
}

/// The kernel gives a queue free a little after its socket was closed: a restart waits for it.
#[test]
fn a_restart_at_once_gets_its_queue_back() {
    if !allowed() {
        return;
    }
    let (net, scratch) = (Net::new(), Scratch::new("restart"));
    for round in 0..4 {
        let live = Live::start(&net.mon, TAP, &scratch, &["--ring", "1024"]);
        assert!(net.has_program());
        if round % 2 == 0 {
            live.stop();
        } else {
            live.kill();
        }
    }
    let first = Live::start(&net.mon, TAP, &scratch, &["--ring", "1024"]);
    // A queue that stays taken is refused in the end, not waited for without end.
    let mut second = Net::bgptap(&net.mon, &["live", "-i", TAP, "--metrics", "127.0.0.1:0"]);
    assert_eq!(second.output().unwrap().status.code(), Some(2));
    first.stop();
}

/// What TCP segmentation offload hands to a veth: one frame of 64 KiB, no larger than an IP datagram
/// may be, its checksum left to a card that is not there. 1,364 UPDATEs are in it.
const SUPER_FRAME: &str = r#"
import socket, struct
update = bytes([0xff]*16) + bytes([0,48,2, 0,0, 0,20, 0x40,1,1,0, 0x40,2,6,2,1,0,0,0xfd,0xe8, 0x40,3,4,192,0,2,1, 32,10,0,0,1])
payload = update * 1364
tcp = struct.pack("!HHIIBBHHH", 40000, 179, 1000, 1, 0x50, 0x18, 65535, 0, 0)
ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 40 + len(payload), 1, 0x4000, 64, 6, 0, bytes([192,0,2,1]), bytes([192,0,2,2]))
frame = bytes([2,0,0,0,0,1, 2,0,0,0,0,2, 8,0]) + ip + tcp + payload
# struct virtio_net_hdr: the checksum is still to be made, segments of TCP over IPv4.
offload = struct.pack("=BBHHHH", 1, 1, 54, 1448, 34, 16)
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
PACKET_VNET_HDR = 15
s.setsockopt(263, PACKET_VNET_HDR, 1)
s.bind(("wire0", 0))
assert s.send(offload + frame) == len(offload) + len(frame)
"#;

#[test]
fn super_frames_arrive_whole() {
    if !allowed() {
        return;
    }
    for mode in ["native", "skb"] {
        let (net, scratch) = (Net::new(), Scratch::new("super"));
        let events = scratch.path("events.json");
        let more = ["--mode", mode, "--json", events.to_str().unwrap()];
        let live = Live::start(&net.mon, TAP, &scratch, &more);
        let mut send = Command::new("ip");
        net::run(send.args(["netns", "exec", &net.wire, "python3", "-c", SUPER_FRAME]));
        std::thread::sleep(Duration::from_millis(300));
        let summary = live.stop();
        println!("{mode}: {}", summary["frames"]);
        if mode == "skb" {
            // In native mode veth itself has its other end make segments.
            assert_eq!(summary["frames"]["received"], 1, "{summary}");
            let events = std::fs::read_to_string(&events).unwrap();
            let updates = events.lines().filter(|line| line.contains("UPDATE"));
            let times: BTreeSet<String> = updates
                .map(|line| serde_json::from_str::<Value>(line).unwrap()["ts_ns"].to_string())
                .collect();
            assert_eq!(times.len(), 1, "one frame came at one time: {times:?}");
        }
        assert_eq!(summary["messages"]["UPDATE"], 1364, "{mode}: {summary}");
        assert_eq!(summary["gaps"]["count"], 0, "{mode}: {summary}");
        assert_eq!(summary["unaccounted"]["frames"], 0, "{mode}: {summary}");
        assert_eq!(summary["unaccounted"]["bytes"], 0, "{mode}: {summary}");
    }
}

/// A datagram of 40 KiB in fragments that each take several buffers, the last one first.
const JUMBO_FRAGMENTS: &str = r#"
import socket, struct
update = bytes([0xff]*16) + bytes([0,48,2, 0,0, 0,20, 0x40,1,1,0, 0x40,2,6,2,1,0,0,0xfd,0xe8, 0x40,3,4,192,0,2,1, 32,10,0,0,1])
datagram = struct.pack("!HHIIBBHHH", 40000, 179, 1000, 1, 0x50, 0x18, 65535, 0, 0) + update * 850
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind(("wire0", 0))
for at in reversed(range(0, len(datagram), 8960)):
    piece = datagram[at:at + 8960]
    place = at // 8 | (0x2000 if at + 8960 < len(datagram) else 0)
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(piece), 7, place, 64, 6, 0, bytes([192,0,2,1]), bytes([192,0,2,2]))
    s.send(bytes([2,0,0,0,0,1, 2,0,0,0,0,2, 8,0]) + ip + piece)
"#;

#[test]
fn jumbo_fragments_are_put_together() {
    if !allowed() {
        return;
    }
    let (net, scratch) = (Net::new(), Scratch::new("jumbo"));
    net.set_mtu(9000);
    let live = Live::start(&net.mon, TAP, &scratch, &[]);
    let mut send = Command::new("ip");
    net::run(send.args(["netns", "exec", &net.wire, "python3", "-c", JUMBO_FRAGMENTS]));
    std::thread::sleep(Duration::from_millis(300));
    let summary = live.stop();
    assert_eq!(summary["frames"]["received"], 5, "{summary}");
    assert_eq!(
        summary["frames"]["undissected"]["fragment_assembled"], 4,
        "{summary}"
    );
    assert_eq!(summary["segments"], 1, "{summary}");
    assert_eq!(summary["messages"]["UPDATE"], 850, "{summary}");
    assert_eq!(summary["unaccounted"]["frames"], 0, "{summary}");
    assert_eq!(summary["unaccounted"]["bytes"], 0, "{summary}");
}
