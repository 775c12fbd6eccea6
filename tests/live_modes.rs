//! `bgptap live` in each of its modes: what it says it got, and that the recording arrives in all of them.
#![cfg(feature = "capture")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use bgptap_umem::xsk::Transmitter;
use serde_json::Value;
use std::collections::BTreeSet;
use std::process::Command;
use std::time::{Duration, Instant};
use support::events::{assert_times, now_ns};
use support::net::{Live, Net, TAP, allowed};
use support::{Scratch, net, recording};

/// What is asked for, and what veth can do of it.
const MODES: [(&[&str], &str); 7] = [
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
    (
        &["--busy-poll"],
        "copy, multi-buffer, need-wakeup, busy polling, 1 queue(s)",
    ),
    (
        &["--timestamps", "hardware"],
        "tap0: XDP native (with kfuncs)",
    ),
    (
        &["--timestamps", "hardware", "--mode", "skb"],
        "tap0: XDP skb (plain), copy",
    ),
];

/// What is said where the driver has no zero-copy (veth), for frames in several buffers and for others.
const NO_ZERO_COPY: [&str; 2] = [
    "zero-copy with frames in several buffers: Operation not supported (os error 95)",
    "zero-copy: Operation not supported (os error 95)",
];

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
        // On skbs nothing reads the card's clock; veth's driver is asked and has none.
        let no_clock = flags.contains(&"hardware") && flags.contains(&"skb");
        let said = live.log().contains("tap0: no hardware timestamps");
        assert_eq!(said, no_clock, "{flags:?}: {}", live.log());
        let pointless = flags.contains(&"skb") || flags.contains(&"never");
        for reason in NO_ZERO_COPY {
            let line = format!("tap0: without {reason}");
            assert_eq!(live.log().contains(&line), !pointless, "{}", live.log());
        }
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
        assert_eq!(mode["need_wakeup"], true, "{mode}");
        assert_eq!(mode["queues"], 1, "{mode}");
        let expected = if pointless {
            Value::Null
        } else {
            NO_ZERO_COPY.as_slice().into()
        };
        assert_eq!(mode["fallbacks"], expected, "{flags:?}: {mode}");
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

/// So many more huge pages are reserved, and given back when this is dropped.
struct HugePages {
    before: u64,
}

impl HugePages {
    const KNOB: &str = "/proc/sys/vm/nr_hugepages";

    /// `None`, and a word about it, if the memory is not to be had in such pieces.
    fn reserve(more: u64) -> Option<Self> {
        let before = std::fs::read_to_string(Self::KNOB).ok()?;
        let before = before.trim().parse().unwrap();
        let reserved = Self { before };
        let wanted = (before + more).to_string();
        if std::fs::write(Self::KNOB, wanted).is_err() || meminfo("HugePages_Free") < more {
            support::skip::skip("huge pages cannot be reserved");
            return None;
        }
        Some(reserved)
    }
}

impl Drop for HugePages {
    fn drop(&mut self) {
        let _ = std::fs::write(Self::KNOB, self.before.to_string());
    }
}

fn meminfo(name: &str) -> u64 {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap();
    let mut lines = text.lines().filter_map(|line| line.split_once(':'));
    let value = lines.find(|(key, _)| *key == name);
    let value = value.map_or("0", |(_, value)| value.trim().trim_end_matches(" kB"));
    value.parse().unwrap()
}

/// Where none are reserved ordinary pages serve, and it says so; where there are some they are used.
#[test]
fn huge_pages_are_used_where_there_are_some() {
    if !allowed() {
        return;
    }
    const ROOM: [&str; 5] = ["--huge-pages", "--ring", "2048", "--held-frames", "64"];
    // The ring and twice as much to fill it, a batch, and what is held.
    const BYTES: u64 = (3 * 2048 + 1024 + 64) * 4096;
    let page = meminfo("Hugepagesize") << 10;
    let run = || {
        let (net, scratch) = (Net::new(), Scratch::new("huge"));
        let live = Live::start(&net.mon, TAP, &scratch, &ROOM);
        let warned = live.log().contains("sysctl vm.nr_hugepages");
        let huge = live.memory("HugetlbPages");
        net.replay(recording(), &["--rate", "2000"]);
        let log = live.log();
        let summary = live.stop();
        assert_eq!(summary["messages"]["UPDATE"], 3249, "{log} {summary}");
        (huge, warned)
    };
    if meminfo("HugePages_Free") == 0 {
        assert_eq!(run(), (0, true), "none are reserved");
    }
    let needed = BYTES.div_ceil(page);
    if let Some(_reserved) = HugePages::reserve(needed) {
        assert_eq!(run(), (needed * page, false), "{needed} are reserved");
    }
}

/// What the kernel counts as locked grows with the pool, byte for byte.
#[test]
fn the_frames_are_locked_in_memory() {
    if !allowed() {
        return;
    }
    let run = |ring| {
        let (net, scratch) = (Net::new(), Scratch::new("locked"));
        let live = Live::start(&net.mon, TAP, &scratch, &["--ring", ring]);
        let log = live.log();
        let words = log.split("bgptap: ").find_map(|line| {
            let (frames, _) = line.split_once(" frames in the pool, locked\n")?;
            frames.parse::<u64>().ok()
        });
        let bytes = words.unwrap_or_else(|| panic!("{log}")) * 4096;
        let locked = live.memory("VmLck");
        live.stop();
        (bytes, locked)
    };
    let (small, large) = (run("64"), run("2048"));
    assert_eq!(large.0 - small.0, 3 * (2048 - 64) * 4096);
    assert_eq!(large.1 - small.1, large.0 - small.0);
    assert!(small.1 >= small.0, "{small:?}");
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
    // A second capture finds the program of the first.
    let mut second = Net::bgptap(&net.mon, &["live", "-i", TAP, "--metrics", "127.0.0.1:0"]);
    assert_eq!(second.output().unwrap().status.code(), Some(2));
    first.stop();
}

/// A socket without a program, which only the queue itself shows: as another process would hold it.
fn hold_queue(net: &Net) -> Transmitter {
    Net::within(&net.mon, || Transmitter::open(TAP, 0, 64).unwrap())
}

/// It is waited for, but not without end, and then the cause is named.
#[test]
fn a_queue_that_stays_taken_is_refused() {
    if !allowed() {
        return;
    }
    let net = Net::new();
    let _holder = hold_queue(&net);
    let started = Instant::now();
    let args = ["live", "-i", TAP, "--metrics", "127.0.0.1:0"];
    let output = Net::bgptap(&net.mon, &args).output().unwrap();
    let took = started.elapsed();
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{text}");
    for part in ["tap0, queue 0", "another AF_XDP socket has the queue"] {
        assert!(text.contains(part), "{text}");
    }
    assert!(took >= Duration::from_secs(2), "{took:?}");
    assert!(!net.has_program());
}

/// The main thread of a process sleeps, by the number of the system call that it is in.
fn is_asleep(pid: u32) -> bool {
    let call = std::fs::read_to_string(format!("/proc/{pid}/syscall")).unwrap_or_default();
    let number = call
        .split(' ')
        .next()
        .and_then(|number| number.parse().ok());
    number == Some(libc::SYS_clock_nanosleep)
}

#[test]
fn a_queue_that_is_left_in_time_is_taken() {
    if !allowed() {
        return;
    }
    let (net, scratch) = (Net::new(), Scratch::new("left"));
    let holder = hold_queue(&net);
    let live = Live::launch(&net.mon, TAP, &scratch, &["--ring", "1024"]);
    let started = Instant::now();
    // In its set-up it sleeps for nothing else.
    while !is_asleep(live.pid()) {
        assert!(
            started.elapsed() < Duration::from_secs(20),
            "{}",
            live.log()
        );
        std::thread::yield_now();
    }
    drop(holder);
    live.wait_until_ready();
    let line = "tap0: another AF_XDP socket left queue 0 only after ";
    assert!(live.log().contains(line), "{}", live.log());
    net.replay(recording(), &["--rate", "10000"]);
    assert_eq!(live.stop()["messages"]["UPDATE"], 3249);
}

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
        net::run(send.args([
            "netns",
            "exec",
            &net.wire,
            "python3",
            "-c",
            net::SUPER_FRAME,
        ]));
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
