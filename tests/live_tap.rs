//! `bgptap live --tap`: the host's own sessions, copied and left in peace.
#![cfg(feature = "capture")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use serde_json::Value;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};
use support::Scratch;
use support::net::{Live, Net, TAP, allowed};
use support::talk::Talk;
use support::traces::{printed, traces};

fn sent_by(summary: &Value, address: &str) -> u64 {
    let directions = summary["directions"].as_array().unwrap();
    let bytes = directions
        .iter()
        .filter(|direction| direction["peer"] == address)
        .map(|direction| direction["decoded"].as_u64().unwrap());
    bytes.sum::<u64>() / 19
}

fn assert_clean(summary: &Value) {
    assert_eq!(summary["unaccounted"]["frames"], 0, "{summary}");
    assert_eq!(summary["unaccounted"]["bytes"], 0, "{summary}");
    assert_eq!(summary["gaps"]["count"], 0, "{summary}");
    let tap = &summary["tap"][0];
    for lost in [
        &tap["dropped"],
        &tap["ingress"]["failed"],
        &tap["egress"]["failed"],
    ] {
        assert_eq!(*lost, 0, "{summary}");
    }
    for direction in summary["directions"].as_array().unwrap() {
        // What TCP itself sent again is another matter.
        let copies = &direction["tcp"]["mirror_copies"];
        let again = direction["tcp"]["retransmitted"].as_u64().unwrap();
        assert_eq!(*copies, 0, "once: {summary}");
        assert!(direction["duplicate"] == 0 || again > 0, "once: {summary}");
    }
}

#[test]
fn the_hosts_messages_are_copied_once_each_way() {
    if !allowed() {
        return;
    }
    for more in [&[][..], &["--tap-mode", "clsact"]] {
        let (net, scratch) = (Net::new(), Scratch::new("tap"));
        let mut talk = Talk::start(&net);
        let live = Live::start(&net.mon, TAP, &scratch, &[&["--tap"], more].concat());
        assert!(live.log().contains("tapped by"), "{}", live.log());
        assert!(!traces(&net.mon, TAP).is_empty());
        talk.exchange(20_000);
        talk.exchange(1);
        let summary = live.stop();
        assert_clean(&summary);
        assert_eq!(
            summary["messages"]["KEEPALIVE"], 40_002,
            "{more:?}: {summary}"
        );
        assert_eq!(sent_by(&summary, support::talk::HOST), 20_001, "{summary}");
        assert_eq!(sent_by(&summary, support::talk::PEER), 20_001, "{summary}");
        for direction in ["ingress", "egress"] {
            assert!(summary["tap"][0][direction]["copied"].as_u64().unwrap() > 0);
        }
        wait_for_traces(&net.mon, TAP, &[]);
        talk.exchange(1);
    }
}

/// What the host's stack hands over in super-frames is cut before it is captured: no frame is longer
/// than on the wire.
#[test]
fn super_frames_are_cut_into_segments() {
    if !allowed() {
        return;
    }
    let (net, scratch) = (Net::new(), Scratch::new("tap"));
    let mut talk = Talk::start(&net);
    let live = Live::start(&net.mon, TAP, &scratch, &["--tap"]);
    talk.exchange(40_000);
    let summary = live.stop();
    assert_clean(&summary);
    let tap = &summary["tap"][0];
    let copied =
        tap["egress"]["copied"].as_u64().unwrap() + tap["ingress"]["copied"].as_u64().unwrap();
    let frames = summary["frames"]["received"].as_u64().unwrap();
    assert!(
        frames > 2 * copied,
        "{copied} packets of the host, {frames} frames"
    );
    for direction in summary["directions"].as_array().unwrap() {
        let longest = direction["tcp"]["segment_max"].as_u64().unwrap();
        assert!(longest <= 1460, "an MTU of 1500: {longest}");
    }
}

#[test]
fn loopback_shows_each_packet_once() {
    if !allowed() {
        return;
    }
    let (net, scratch) = (Net::without_veth(), Scratch::new("tap"));
    let mut talk = Talk::between((&net.mon, "127.0.0.1"), &net.mon);
    let live = Live::start(&net.mon, "lo", &scratch, &["--tap"]);
    talk.exchange(20_000);
    let summary = live.stop();
    assert_clean(&summary);
    assert_eq!(summary["messages"]["KEEPALIVE"], 40_000, "{summary}");
    assert_eq!(summary["tap"][0]["egress"]["seen"], 0, "{summary}");
    wait_for_traces(&net.mon, "lo", &[]);
    talk.exchange(1);
}

#[test]
fn several_interfaces_are_tapped_at_once() {
    if !allowed() {
        return;
    }
    let (net, scratch) = (Net::new(), Scratch::new("tap"));
    let mut outside = Talk::start(&net);
    let mut inside = Talk::between((&net.mon, "127.0.0.1"), &net.mon);
    let live = Live::start(&net.mon, TAP, &scratch, &["-i", "lo", "--tap"]);
    for _ in 0..10 {
        outside.exchange(100);
        inside.exchange(200);
    }
    let summary = live.stop();
    assert_clean(&summary);
    assert_eq!(sent_by(&summary, support::talk::HOST), 1000, "{summary}");
    assert_eq!(sent_by(&summary, support::talk::PEER), 1000, "{summary}");
    assert_eq!(sent_by(&summary, "127.0.0.1"), 4000, "{summary}");
    assert_eq!(summary["tap"][1]["interface"], "lo");
    wait_for_traces(&net.mon, TAP, &[]);
}

/// Waits for what the kernel does a little after the end of a process: it gave up the right to do it itself.
fn wait_for_traces(space: &str, interface: &str, expected: &[&str]) {
    let started = Instant::now();
    loop {
        let found = traces(space, interface);
        if found == expected {
            return;
        }
        assert!(
            started.elapsed() < Duration::from_secs(10),
            "{found:?}, not {expected:?}"
        );
        sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_killed_tap_leaves_nothing() {
    if !allowed() {
        return;
    }
    let (net, scratch) = (Net::new(), Scratch::new("tap"));
    let mut talk = Talk::start(&net);
    for _ in 0..2 {
        let live = Live::start(&net.mon, TAP, &scratch, &["--tap"]);
        talk.exchange(100);
        let running = [
            "tcx ingress bgptap_ingress",
            "tcx egress bgptap_egress",
            "pair",
        ];
        assert_eq!(traces(&net.mon, TAP), running);
        live.kill();
        talk.exchange(100);
        wait_for_traces(&net.mon, TAP, &[]);
        talk.exchange(100);
    }
}

#[test]
fn what_clsact_leaves_when_killed_is_removed_by_the_next_tap() {
    if !allowed() {
        return;
    }
    let (net, scratch) = (Net::new(), Scratch::new("tap"));
    let mut talk = Talk::start(&net);
    let clsact = ["--tap", "--tap-mode", "clsact"];
    for next in [&clsact[..], &["--tap"]] {
        let live = Live::start(&net.mon, TAP, &scratch, &clsact);
        talk.exchange(100);
        // Two by clsact cannot be told apart by their filters, so the second is refused.
        let text = refused(&net, &["-i", TAP, "--tap-mode", "clsact"]);
        assert!(text.contains("another bgptap taps it"), "{text}");
        live.kill();
        wait_for_traces(
            &net.mon,
            TAP,
            &["filter ingress", "filter egress", "clsact"],
        );
        // They copy to nowhere: the host does not notice.
        talk.exchange(100);

        let live = Live::start(&net.mon, TAP, &scratch, next);
        assert!(live.log().contains("removed the filters"), "{}", live.log());
        talk.exchange(100);
        let summary = live.stop();
        assert_clean(&summary);
        assert_eq!(
            summary["messages"]["KEEPALIVE"], 200,
            "once each: {summary}"
        );
        wait_for_traces(&net.mon, TAP, &[]);
    }
}

/// An action of a filter, as that of a mirror.
const MIRROR: &str = "action mirred egress mirror dev lo";

/// Others' filters stay, whatever their attributes look like (that of the mirror in docs/operations.md has an action
/// where a BPF filter has its name), and so does the qdisc that they are in. A filter that would come before the
/// tap's, and so decide what it sees, is not tolerated.
#[test]
fn filters_of_others_stay() {
    if !allowed() {
        return;
    }
    let (net, scratch) = (Net::new(), Scratch::new("tap"));
    let mut talk = Talk::start(&net);
    let tc = |arguments: &str| {
        let words: Vec<&str> = arguments.split(' ').collect();
        printed(&net.mon, &[&["tc"], &words[..]].concat())
    };
    let filter = |pref: u32| {
        tc(&format!(
            "filter add dev {TAP} ingress pref {pref} protocol all u32 match u32 0 0 flowid 1:1 {MIRROR}"
        ));
    };
    tc(&format!("qdisc add dev {TAP} clsact"));
    filter(2);
    for mode in ["clsact", "tcx"] {
        let live = Live::start(&net.mon, TAP, &scratch, &["--tap", "--tap-mode", mode]);
        talk.exchange(10);
        let summary = live.stop();
        assert_clean(&summary);
        assert_eq!(summary["messages"]["KEEPALIVE"], 20, "{summary}");
    }
    let shown = tc(&format!("filter show dev {TAP} ingress"));
    assert!(shown.contains("mirred"), "{shown}");
    wait_for_traces(&net.mon, TAP, &["clsact"]);

    filter(1);
    let text = refused(&net, &["-i", TAP, "--tap-mode", "clsact"]);
    assert!(text.contains("pref 1"), "{text}");
    wait_for_traces(&net.mon, TAP, &["clsact"]);
    talk.exchange(10);
}

/// What `live --tap` says when it does not start.
fn refused(net: &Net, more: &[&str]) -> String {
    let args = [&["live", "--tap", "--metrics", "127.0.0.1:0"], more].concat();
    let output = Net::bgptap(&net.mon, &args).output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{text}");
    text
}

#[test]
fn what_cannot_be_tapped_is_refused() {
    if !allowed() {
        return;
    }
    let net = Net::without_veth();
    let ip = |arguments: &str| {
        let words: Vec<&str> = arguments.split(' ').collect();
        printed(&net.mon, &[&["ip"], &words[..]].concat())
    };
    ip("tuntap add name tun0 mode tun");
    let text = refused(&net, &["-i", "tun0"]);
    assert!(text.contains("ip link set dev tun0 up"), "{text}");
    ip("link set tun0 up");
    let text = refused(&net, &["-i", "tun0"]);
    assert!(text.contains("no Ethernet header"), "{text}");
    let text = refused(&net, &["-i", "lo", "--mode", "skb"]);
    assert!(text.contains("SKB mode"), "{text}");
    assert!(text.contains("leave --mode out: the pair"), "{text}");
    let links = ip("-br link show");
    assert!(!links.contains("bgptap"), "{links}");
}

/// A card as the tap meets some: all that programs can read of a packet is its Ethernet header, the
/// rest lies in a page of its own (`IFF_NAPI_FRAGS` of tun(4), with GRO off).
const FRAGMENTING_CARD: &str = r#"
import fcntl, os, struct, subprocess
card = os.open("/dev/net/tun", os.O_RDWR)
fcntl.ioctl(card, 0x400454ca, struct.pack("16sH22s", b"card0", 0x0002 | 0x1000 | 0x0010 | 0x0020, b""))
subprocess.run("ethtool -K card0 gro off; ip link set card0 up", shell=True, check=True)
print("ready", flush=True)
input()
tcp = struct.pack("!HHIIBBHHH", 40000, 179, 1, 1, 0x50, 0x18, 100, 0, 0) + b"\xff" * 16 + b"\0\x13\x04"
ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(tcp), 1, 0, 64, 6, 0, bytes([192,0,2,1]), bytes([192,0,2,2]))
assert os.writev(card, [bytes([2,0,0,0,0,1, 2,0,0,0,0,2, 8,0]), ip + tcp]) == 73
print("sent", flush=True)
input()
"#;

#[test]
fn headers_that_programs_cannot_read_at_first_are_found() {
    if !allowed() {
        return;
    }
    let (net, scratch) = (Net::without_veth(), Scratch::new("tap"));
    let mut card = Command::new("ip");
    card.args(["netns", "exec", &net.mon, "python3", "-c", FRAGMENTING_CARD]);
    let mut card = card
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(card.stdout.take().unwrap()).lines();
    assert_eq!(said.next().unwrap().unwrap(), "ready");
    let live = Live::start(&net.mon, "card0", &scratch, &["--tap"]);
    let mut stdin = card.stdin.take().unwrap();
    writeln!(stdin).unwrap();
    assert_eq!(said.next().unwrap().unwrap(), "sent");
    let summary = live.stop();
    drop(stdin);
    card.wait().unwrap();
    assert_clean(&summary);
    assert_eq!(summary["tap"][0]["ingress"]["copied"], 1, "{summary}");
    assert_eq!(summary["messages"]["KEEPALIVE"], 1, "{summary}");
}
