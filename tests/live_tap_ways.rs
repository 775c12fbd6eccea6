//! `bgptap live --tap` on older kernels, and of what has VLAN tags that are not in the frame.
#![cfg(feature = "capture")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use serde_json::Value;
use std::process::Command;
use support::Scratch;
use support::net::{self, Live, Net, TAP, allowed};
use support::talk::Talk;
use support::traces::wait_until_gone;

/// Nothing is missing, and nothing was seen twice but what TCP itself sent again.
fn assert_complete(summary: &Value, messages: u64) {
    assert_eq!(summary["unaccounted"]["frames"], 0, "{summary}");
    assert_eq!(summary["unaccounted"]["bytes"], 0, "{summary}");
    assert_eq!(summary["gaps"]["count"], 0, "{summary}");
    assert_eq!(summary["messages"]["KEEPALIVE"], messages, "{summary}");
    assert_eq!(summary["tap"][0]["dropped"], 0, "{summary}");
    for direction in summary["directions"].as_array().unwrap() {
        assert_eq!(direction["tcp"]["mirror_copies"], 0, "once: {summary}");
    }
}

/// What is pretended or forced, and what is used then.
const WAYS: [(&[&str], &str); 5] = [
    (
        &["--pretend-linux", "6.6"],
        "tapped by tcx, XDP native (with kfuncs), copy, multi-buffer",
    ),
    (
        &["--pretend-linux", "6.1"],
        "tapped by clsact, XDP native (plain), copy, single-buffer",
    ),
    (
        &["--pretend-linux", "5.15"],
        "tapped by clsact, XDP native (basic), copy, single-buffer",
    ),
    (
        &["--pretend-linux", "5.15", "--tap-mode", "clsact"],
        "tapped by clsact, XDP native (basic), copy, single-buffer",
    ),
    (
        &["--program", "basic"],
        "tapped by tcx, XDP native (basic), copy, multi-buffer",
    ),
];

/// Super-frames are cut before they reach the pair, so that one buffer is enough for each frame.
#[test]
fn older_kernels_tap_too() {
    if !allowed() {
        return;
    }
    for (flags, line) in WAYS {
        let (net, scratch) = (Net::new(), Scratch::new("ways"));
        let mut talk = Talk::start(&net);
        let live = Live::start(&net.mon, TAP, &scratch, &[&["--tap"], flags].concat());
        assert!(live.log().contains(line), "{flags:?}: {}", live.log());
        let stays = "which stay if bgptap is killed";
        assert_eq!(
            live.log().contains(stays),
            line.contains("clsact"),
            "{flags:?}"
        );
        assert!(!live.log().contains("its MTU is"), "{}", live.log());
        talk.exchange(20_000);
        talk.exchange(1);
        let summary = live.stop();
        assert_complete(&summary, 40_002);
        wait_until_gone(&net.mon, TAP);
        talk.exchange(1);
    }
}

/// Frames that have no room in one buffer are told of beforehand, and counted.
#[test]
fn an_mtu_beyond_one_buffer_is_warned_of() {
    if !allowed() {
        return;
    }
    let (net, scratch) = (Net::new(), Scratch::new("ways"));
    net.set_mtu(9000);
    let mut talk = Talk::start(&net);
    let live = Live::start(
        &net.mon,
        TAP,
        &scratch,
        &["--tap", "--pretend-linux", "5.15"],
    );
    for part in [
        "tap0: its MTU is 9000",
        "ip link set dev tap0 mtu 3500",
        "--backend af-packet without --tap",
    ] {
        assert!(live.log().contains(part), "{part}: {}", live.log());
    }
    // 180 messages fit the buffer, and 20,000 come in frames of 9,000 bytes.
    talk.exchange(180);
    talk.exchange(20_000);
    let summary = live.stop();
    assert_eq!(summary["unaccounted"]["frames"], 0, "{summary}");
    assert!(
        summary["messages"]["KEEPALIVE"].as_u64().unwrap() >= 360,
        "{summary}"
    );
    assert!(
        summary["tap"][0]["dropped"].as_u64().unwrap() > 0,
        "{summary}"
    );
}

/// Each message of `PER_PACKET` in a packet of TSO that has its VLAN tag beside it. Such packets need no
/// VLAN interface: the kernel takes tags out of what arrives, and a bridge sends it on like that.
const TAGGED: &str = r#"
import socket, struct, sys
vlan, device, sport, dport, count = int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5])
low, high = bytes([192,0,2,1]), bytes([192,0,2,2])
src, dst = (low, high) if dport == 179 else (high, low)
payload = (b"\xff" * 16 + b"\0\x13\x04") * count
length = 20 + len(payload)
words = struct.unpack("!4H", src + dst) + (6, length)
check = sum(words); check = (check & 0xffff) + (check >> 16); check = (check & 0xffff) + (check >> 16)
tcp = struct.pack("!HHIIBBHHH", sport, dport, 1000, 1000, 0x50, 0x18, 65535, check, 0) + payload
ip = bytearray(struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + length, 1, 0x4000, 64, 6, 0, src, dst))
check = sum(struct.unpack("!10H", ip)); check = (check & 0xffff) + (check >> 16)
ip[10:12] = struct.pack("!H", 0xffff - check)
macs = bytes([2,0,0,0,0,dst[3], 2,0,0,0,0,src[3]])
frame = macs + struct.pack("!HHH", 0x8100, vlan, 0x0800) + bytes(ip) + tcp
header = struct.pack("=BBHHHH", 1, 1, 58, 1448, 38, 16)
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.setsockopt(263, 15, 1)
s.bind((device, 0))
assert s.send(header + frame) == len(header) + len(frame)
"#;

const PER_PACKET: u64 = 200;

#[test]
fn tags_beside_the_frame_are_put_into_it() {
    if !allowed() {
        return;
    }
    // Only the program with kfuncs would see a tag that is not in the frame.
    for (mode, program) in [("tcx", "kfuncs"), ("clsact", "plain")] {
        let (net, scratch) = (Net::new(), Scratch::new("tags"));
        net.add_veth("inside0", "inside1", 1);
        for arguments in [
            &["add", "br0", "type", "bridge"][..],
            &["set", TAP, "master", "br0"],
            &["set", "inside0", "master", "br0"],
            &["set", "br0", "up"],
        ] {
            net::run(
                Command::new("ip")
                    .args(["-n", &net.mon, "link"])
                    .args(arguments),
            );
        }
        let more = [
            "--tap",
            "--tap-mode",
            mode,
            "--program",
            program,
            "--key-vlan",
            "--checksums",
            "on",
        ];
        let live = Live::start(&net.mon, TAP, &scratch, &more);
        // The same addresses and ports on two VLANs, so that what arrives must have the right tag.
        let messages = PER_PACKET.to_string();
        for vlan in ["100", "200"] {
            for (device, ports) in [("inside1", ["40000", "179"]), ("wire0", ["179", "40000"])] {
                let mut python = Net::python(&net.wire, TAGGED);
                net::run(python.args([vlan, device]).args(ports).arg(&messages));
            }
        }
        let summary = live.stop();
        assert_complete(&summary, 4 * PER_PACKET);
        for direction in ["ingress", "egress"] {
            assert_eq!(
                summary["tap"][0][direction]["copied"], 2,
                "{mode}: {summary}"
            );
        }
        // 3,800 bytes in segments of 1,448.
        assert_eq!(summary["frames"]["received"], 4 * 3, "{mode}: {summary}");
        let directions = summary["directions"].as_array().unwrap();
        assert_eq!(directions.len(), 4, "{mode}: {summary}");
        for direction in directions {
            assert_eq!(direction["decoded"], 19 * PER_PACKET, "{mode}: {summary}");
        }
    }
}
