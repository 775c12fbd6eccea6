//! The tap's programs: what they copy, that they change nothing, how they go.

use std::env;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};

use bgptap_bpf::{
    Attached, Direction, ErrorKind, Options, Tap, TapCounters, TapMode, send_whole, tcx_programs,
};

use crate::machine::{Receiver, in_namespace, ip, push_vlan_tags, send, veth_pair, wait_until};
use crate::packet::{IPV4, TCP, UDP, VLAN, bgp_v4, bgp_v6, ethernet, ipv4, tcp};

const MODES: [TapMode; 2] = [TapMode::Tcx, TapMode::Clsact];

/// Where copies go: `copies` sends, `mirror` receives.
fn mirror() -> u32 {
    ip("link add copies type veth peer name mirror");
    send_whole("copies").unwrap();
    ip("link set copies up");
    ip("link set mirror up");
    index("copies")
}

fn index(interface: &str) -> u32 {
    let shown = ip(&format!("-o link show {interface}"));
    shown.split(':').next().unwrap().parse().unwrap()
}

fn attach(target: u32, mode: TapMode) -> Tap {
    Tap::attach("tap", target, &Direction::BOTH, mode, &Options::default()).unwrap()
}

/// Programs or filters of the tap on an interface, by either way.
fn present(interface: &str) -> bool {
    ["ingress", "egress"]
        .into_iter()
        .zip(Direction::BOTH)
        .any(|(hook, direction)| {
            let arguments = ["filter", "show", "dev", interface, hook];
            let filters = Command::new("tc")
                .args(arguments)
                .output()
                .expect("tc(8) runs");
            let programs = tcx_programs(interface, direction).unwrap();
            programs.iter().any(|name| name.starts_with("bgptap_"))
                || String::from_utf8_lossy(&filters.stdout).contains("bgptap_")
        })
}

#[test]
fn bgp_is_copied_both_ways_and_everything_goes_its_way() {
    in_namespace(|| {
        for mode in MODES {
            veth_pair();
            let target = mirror();
            let mut receiver = Receiver::on("mirror");
            let attached = Attached::load("mirror", &Options::default()).unwrap();
            attached.insert_socket(0, receiver.fd()).unwrap();
            let before = received("tap");
            let mut tap = attach(target, mode);
            let web = ethernet(&[], IPV4, &ipv4(TCP, &[], 0, &tcp(40000, 443)));
            let dns = ethernet(&[], IPV4, &ipv4(UDP, &[], 0, &[0; 8]));
            let tagged = ethernet(&[(VLAN, 9)], IPV4, &ipv4(TCP, &[], 0, &tcp(179, 40000)));
            for packet in [&bgp_v4(), &bgp_v6(), &tagged] {
                send("peer", &web);
                send("peer", packet);
                assert_eq!(&receiver.receive().expect("a copy").1, packet, "{mode:?}");
                send("tap", &dns);
                send("tap", packet);
                assert_eq!(&receiver.receive().expect("a copy").1, packet, "{mode:?}");
            }
            for direction in Direction::BOTH {
                let counters = tap.counters(direction).unwrap();
                assert!(counters.seen >= 6, "{counters:?}");
                assert_eq!((counters.copied, counters.failed), (3, 0), "{direction:?}");
            }
            assert!(received("tap") >= before + 6, "the interface has them all");
            assert!(present("tap"));
            tap.detach().unwrap();
            assert!(!present("tap"));
            send("peer", &bgp_v4());
            assert_eq!(tap.counters(Direction::Ingress).unwrap().copied, 3);
            drop((attached, receiver));
            ip("link delete tap");
            ip("link delete copies");
        }
    });
}

fn received(interface: &str) -> u64 {
    let shown = ip(&format!("-s -o link show {interface}"));
    let (_, figures) = shown.split_once("RX:").unwrap();
    let figures: Vec<u64> = figures
        .split_whitespace()
        .filter_map(|word| word.parse().ok())
        .collect();
    figures[1]
}

/// The host leaves checksums to the card, and the loopback device has none: the copy must have the
/// checksum all the same, and the host's packet must not be changed.
#[test]
fn copies_have_checksums() {
    in_namespace(|| {
        let target = mirror();
        let mut receiver = Receiver::on("mirror");
        let attached = Attached::load("mirror", &Options::default()).unwrap();
        attached.insert_socket(0, receiver.fd()).unwrap();
        let options = Options::default();
        let directions = [Direction::Ingress];
        let _tap = Tap::attach("lo", target, &directions, TapMode::Tcx, &options).unwrap();
        let listener = TcpListener::bind("127.0.0.1:179").unwrap();
        let mut client = TcpStream::connect("127.0.0.1:179").unwrap();
        let (mut server, _) = listener.accept().unwrap();
        client.write_all(&[0xff; 19]).unwrap();
        let mut arrived = [0; 19];
        server.read_exact(&mut arrived).unwrap();
        for step in ["SYN", "SYN and ACK", "ACK", "data"] {
            let (_, frame) = receiver.receive().expect(step);
            let ip = &frame[14..];
            let segment = &ip[20..usize::from(u16::from_be_bytes([ip[2], ip[3]]))];
            let pseudo = [&ip[12..20], &[0, 6], &(segment.len() as u16).to_be_bytes()].concat();
            assert_eq!(sum(&[&pseudo, segment]), 0xffff, "{step}: {frame:02x?}");
        }
    });
}

/// The sum of RFC 1071 over all parts: all ones where a checksum in it is right.
fn sum(parts: &[&[u8]]) -> u16 {
    let words = parts.iter().flat_map(|part| part.chunks(2));
    let mut sum: u32 = words
        .map(|word| u32::from(word[0]) << 8 | word.get(1).map_or(0, |&low| u32::from(low)))
        .sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum as u16
}

/// Another program's verdict ends the chain: the tap must come before it.
#[test]
fn the_tap_comes_before_programs_that_give_a_verdict() {
    in_namespace(|| {
        veth_pair();
        let _other = push_vlan_tags("tap", 7);
        let tap = attach(mirror(), TapMode::Tcx);
        let names = tcx_programs("tap", Direction::Egress).unwrap();
        assert_eq!(names, ["bgptap_egress", "push"]);
        send("tap", &bgp_v4());
        wait_until(|| tap.counters(Direction::Egress).unwrap().copied == 1);
    });
}

#[test]
fn what_cannot_be_copied_is_counted() {
    in_namespace(|| {
        veth_pair();
        let tap = attach(4_000_000, TapMode::Tcx); // there is no such interface
        send("peer", &bgp_v4());
        let expected = TapCounters {
            seen: 1,
            copied: 0,
            failed: 1,
        };
        wait_until(|| tap.counters(Direction::Ingress).unwrap().failed == 1);
        let counters = tap.counters(Direction::Ingress).unwrap();
        assert_eq!(
            (counters.copied, counters.failed),
            (expected.copied, expected.failed)
        );
    });
}

#[test]
fn an_interface_that_is_not_there_is_refused() {
    in_namespace(|| {
        for mode in MODES {
            let error = Tap::attach("nowhere", 1, &Direction::BOTH, mode, &Options::default());
            let error = error.unwrap_err();
            assert_eq!(error.kind, ErrorKind::NoSuchInterface, "{error}");
        }
    });
}

/// Set for the child process of the test below: it attaches, tells so and waits.
const HOLD: &str = "BGPTAP_TEST_HOLD_TAP";

#[test]
fn a_killed_process_leaves_filters_only() {
    if let Ok(mode) = env::var(HOLD) {
        let mode = if mode == "tcx" {
            TapMode::Tcx
        } else {
            TapMode::Clsact
        };
        let _tap = attach(1, mode);
        println!("\nattached");
        loop {
            std::thread::park();
        }
    }
    in_namespace(|| {
        veth_pair();
        for (mode, left) in [("tcx", false), ("clsact", true)] {
            let mut child = Command::new(env::current_exe().unwrap())
                .args(["--exact", "tap::a_killed_process_leaves_filters_only"])
                .args(["--nocapture"])
                .env(HOLD, mode)
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
            assert!(lines.any(|line| line.unwrap() == "attached"));
            assert!(present("tap"));
            child.kill().unwrap();
            child.wait().unwrap();
            if left {
                assert!(present("tap"), "{mode}");
            } else {
                wait_until(|| !present("tap"));
            }
        }
    });
}
