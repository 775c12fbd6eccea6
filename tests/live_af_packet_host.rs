//! `bgptap live --backend af-packet` beside the host's own traffic: it takes nothing from the host, sees each
//! frame once, and needs one capability.
#![cfg(feature = "capture")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use serde_json::Value;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use support::net::{Live, Net, TAP, WIRE, allowed};
use support::{Scratch, have, net, recording};

const BACKEND: [&str; 2] = ["--backend", "af-packet"];

/// One end of a session: it says OPEN, KEEPALIVE and 20,000 UPDATEs, and wants as much to be said to it. The
/// host's TCP does the rest: super-frames, checksums left to a card that is not there.
const SPEAKER: &str = r#"
import socket, struct, sys, threading
def message(kind, body):
    return bytes([0xff] * 16) + struct.pack("!HB", 19 + len(body), kind) + body
opened = message(1, struct.pack("!BHH4sB", 4, 65000, 180, bytes([192, 0, 2, 1]), 0)) + message(4, b"")
update = message(2, bytes([0,0, 0,18, 0x40,1,1,0, 0x40,2,4,2,1,0xfd,0xe8, 0x40,3,4,192,0,2,1, 32,10,0,0,1]))
said = opened + update * 20000
role, address = sys.argv[1:]
if role == "server":
    listener = socket.create_server((address, 179))
    print("ready", flush=True)
    peer, _ = listener.accept()
else:
    peer = socket.create_connection((address, 179))
peer.settimeout(20)
sending = threading.Thread(target=peer.sendall, args=(said,))
sending.start()
heard = b""
while len(heard) < len(said):
    more = peer.recv(1 << 20)
    assert more, "the session broke"
    heard += more
sending.join()
assert heard == said
"#;

/// Both ends of a session, from start to end.
fn talk(server: &str, client: &str, address: &str) {
    let speaker = |space: &str, role: &str| -> Child {
        let mut speaker = Net::python(space, SPEAKER);
        speaker.args([role, address]).stdout(Stdio::piped());
        speaker.spawn().unwrap()
    };
    let mut server = speaker(server, "server");
    std::io::Read::read_exact(server.stdout.as_mut().unwrap(), &mut [0; 5]).unwrap();
    let mut client = speaker(client, "client");
    assert!(client.wait().unwrap().success() && server.wait().unwrap().success());
}

fn assert_heard_once(summary: &Value) {
    assert_eq!(summary["messages"]["OPEN"], 2, "{summary}");
    assert_eq!(summary["messages"]["UPDATE"], 40_000, "{summary}");
    assert_eq!(summary["gaps"]["count"], 0, "{summary}");
    assert_eq!(summary["unaccounted"]["frames"], 0, "{summary}");
    assert_eq!(summary["unaccounted"]["bytes"], 0, "{summary}");
    let directions = summary["directions"].as_array().unwrap();
    assert_eq!(directions.len(), 2, "{summary}");
    for direction in directions {
        // What TCP itself sent twice, and no more: a frame that was seen twice would count there.
        let twice = direction["tcp"]["retransmitted"].as_u64().unwrap();
        let copies = direction["tcp"]["mirror_copies"].as_u64().unwrap();
        assert_eq!(copies, 0, "{direction}");
        assert!(twice < 5, "{direction}");
    }
}

#[test]
fn the_hosts_own_session_is_heard_both_ways_and_goes_on() {
    if !allowed() {
        return;
    }
    let (net, scratch) = (Net::new(), Scratch::new("host"));
    for (space, interface, address) in [
        (&net.mon, TAP, "192.0.2.1/24"),
        (&net.wire, WIRE, "192.0.2.2/24"),
    ] {
        let mut add = Command::new("ip");
        net::run(add.args(["-n", space, "addr", "add", address, "dev", interface]));
    }
    let live = Live::start(&net.mon, TAP, &scratch, &BACKEND);
    talk(&net.mon, &net.wire, "192.0.2.1");
    let summary = live.stop();
    assert_heard_once(&summary);
    let directions = summary["directions"].as_array().unwrap();
    let longest = directions
        .iter()
        .map(|direction| direction["tcp"]["segment_max"].as_u64().unwrap());
    assert!(longest.max() > Some(1460), "super-frames were among them");
}

#[test]
fn what_goes_over_lo_is_heard_once() {
    if !allowed() {
        return;
    }
    let (net, scratch) = (Net::without_veth(), Scratch::new("host"));
    let live = Live::start(&net.mon, "lo", &scratch, &BACKEND);
    assert!(live.log().contains("incoming only"), "{}", live.log());
    talk(&net.mon, &net.mon, "127.0.0.1");
    assert_heard_once(&live.stop());
}

#[test]
fn super_frames_arrive_whole() {
    if !allowed() {
        return;
    }
    let (net, scratch) = (Net::new(), Scratch::new("host"));
    let live = Live::start(&net.mon, TAP, &scratch, &BACKEND);
    net::run(&mut Net::python(&net.wire, net::SUPER_FRAME));
    let summary = live.stop();
    assert_eq!(summary["frames"]["received"], 1, "{summary}");
    assert_eq!(summary["messages"]["UPDATE"], 1364, "{summary}");
    assert_eq!(summary["gaps"]["count"], 0, "{summary}");
    assert_eq!(summary["unaccounted"]["bytes"], 0, "{summary}");
}

#[test]
fn the_monitor_sends_nothing_and_needs_no_program() {
    if !allowed() {
        return;
    }
    let (net, scratch) = (Net::new(), Scratch::new("host"));
    let before = Net::counter(&net.mon, TAP, "tx_packets");
    let live = Live::start(&net.mon, TAP, &scratch, &BACKEND);
    assert!(!net.has_program());
    let promiscuity = || {
        let mut show = Command::new("ip");
        let shown = net::run(show.args(["-n", &net.mon, "-d", "link", "show", TAP]));
        let text = String::from_utf8_lossy(&shown.stdout).into_owned();
        text.contains("promiscuity 1")
    };
    assert!(promiscuity());
    net.replay(recording(), &["--speed", "max"]);
    live.kill();
    assert!(!promiscuity(), "it ends even with kill -9");
    assert_eq!(Net::counter(&net.mon, TAP, "tx_packets"), before);
}

/// As in a container: root without BPF. AF_XDP fails and names what serves; that works.
#[test]
fn one_capability_is_enough_and_the_error_of_af_xdp_says_so() {
    if !allowed() || !have("setpriv") {
        return;
    }
    let (net, scratch) = (Net::new(), Scratch::new("host"));
    let summary = scratch.path("summary.json");
    let start = |backend: &str| {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &net.mon, "setpriv"]);
        command.args(["--bounding-set=-all,+net_raw", "--no-new-privs"]);
        command.args([env!("CARGO_BIN_EXE_bgptap"), "live", "-i", TAP]);
        command.args(["--backend", backend, "--metrics", "127.0.0.1:0"]);
        command.args(["--duration", "3", "--summary", summary.to_str().unwrap()]);
        command.stderr(Stdio::piped()).spawn().unwrap()
    };
    let refused = start("xdp").wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(refused.status.code(), Some(2), "{text}");
    assert!(text.contains("--backend af-packet"), "{text}");

    let capture = start("af-packet");
    std::thread::sleep(Duration::from_secs(1));
    net.replay(recording(), &["--rate", "10000"]);
    let output = capture.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
    let summary: Value = serde_json::from_slice(&std::fs::read(&summary).unwrap()).unwrap();
    assert_eq!(summary["messages"]["UPDATE"], 3249, "{text}");
    assert_eq!(summary["unaccounted"]["frames"], 0, "{text}");
}

#[test]
fn an_interface_that_goes_away_ends_the_capture_with_a_word() {
    if !allowed() {
        return;
    }
    let (net, scratch) = (Net::new(), Scratch::new("host"));
    let live = Live::start(&net.mon, TAP, &scratch, &BACKEND);
    net.replay(recording(), &["--rate", "10000"]);
    net.settle();
    // Down and up again is no end.
    for state in ["down", "up"] {
        net::run(Command::new("ip").args(["-n", &net.mon, "link", "set", TAP, state]));
    }
    net.replay(recording(), &["--rate", "10000", "--loop", "1"]);
    net.settle();
    net::run(Command::new("ip").args(["-n", &net.wire, "link", "del", WIRE]));
    assert_eq!(live.ended(), Some(1), "done in part");
    let log = std::fs::read_to_string(scratch.path("live.log")).unwrap();
    assert!(log.contains("tap0: the interface is gone"), "{log}");
    assert!(log.contains("unaccounted frames 0, bytes 0"), "{log}");
    let received = log.lines().find(|line| line.contains("received")).unwrap();
    let count = |text: &str| {
        text.split(" received ")
            .nth(1)
            .unwrap()
            .split(' ')
            .next()
            .unwrap()
            .parse()
    };
    let received: u64 = count(received).unwrap();
    assert!(received > 6000, "both times: {log}");
}

#[test]
fn options_of_af_xdp_are_said_to_be_without_effect() {
    if !allowed() {
        return;
    }
    let (net, scratch) = (Net::new(), Scratch::new("host"));
    let more = [&BACKEND[..], &["--busy-poll", "--foreign", "drop"]].concat();
    let live = Live::start(&net.mon, TAP, &scratch, &more);
    for flag in ["--busy-poll", "--foreign drop"] {
        let line = format!("warning: {flag} has no effect with --backend af-packet");
        assert!(live.log().contains(&line), "{}", live.log());
    }
    live.stop();

    let args = ["live", "--tap", "-i", TAP, "--backend", "af-packet"];
    let output = Net::bgptap(&net.mon, &args).output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(text.contains("leave --tap out"), "{text}");
}
