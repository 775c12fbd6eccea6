//! TCP health against the kernel: two Linux stacks talk over a router that drops, or to a
//! reader that stops reading. The monitor's view is a capture at the router.
//!
//! ```text
//!  a 198.51.100.1 ──── router ──── b 203.0.113.1
//!                 tcpdump   short queue
//! ```
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};
use support::Scratch;
use support::net::run;

/// What both ends need, and how a BGP message is made.
const COMMON: &str = r"
import socket, struct, sys, time
def message(kind, body=b''):
    return b'\xff' * 16 + struct.pack('!HB', 19 + len(body), kind) + body
def hello(asn, hold):
    return message(1, struct.pack('!BHH4sB', 4, asn, hold, bytes([192, 0, 2, asn & 255]), 0))
keepalive = message(4)
def listen(buffer=0):
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if buffer: s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
    s.bind(('203.0.113.1', 179)); s.listen(1)
    open(sys.argv[1], 'w').close()
    return s.accept()[0]
def drain(s):
    while s.recv(65536): pass
";

/// Three namespaces in a row; removed when dropped.
struct Line {
    a: String,
    router: String,
    b: String,
}

impl Line {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = |end| format!("bth{}-{count}-{end}", std::process::id());
        let line = Self {
            a: name("a"),
            router: name("r"),
            b: name("b"),
        };
        let (a, router, b) = (&line.a, &line.router, &line.b);
        for space in [a, router, b] {
            ip(&format!("netns add {space}"));
        }
        for (end, near, far, net) in [(a, "ra", "ea", "198.51.100"), (b, "rb", "eb", "203.0.113")] {
            ip(&format!(
                "link add {far} netns {end} type veth peer name {near} netns {router}"
            ));
            ip(&format!("-n {end} addr add {net}.1/24 dev {far}"));
            ip(&format!("-n {router} addr add {net}.254/24 dev {near}"));
            ip(&format!("-n {router} link set {near} up"));
            ip(&format!("-n {end} link set {far} up"));
            ip(&format!("-n {end} route add default via {net}.254"));
            // What the kernel counts is what crosses the wire: no segmentation behind the capture.
            within(
                end,
                &format!("ethtool -K {far} tso off gso off gro off tx off"),
            );
        }
        within(router, "sysctl -qw net.ipv4.ip_forward=1");
        line
    }

    /// Starts a Python program in a namespace.
    fn python(space: &str, program: &str, ready: &Path) -> Child {
        let program = format!("{COMMON}{program}");
        Command::new("ip")
            .args(["netns", "exec", space, "python3", "-c", &program])
            .arg(ready)
            .spawn()
            .unwrap()
    }

    /// A counter of TCP in `/proc/net/snmp`, of a namespace.
    fn tcp_counter(space: &str, name: &str) -> u64 {
        let text = within(space, "cat /proc/net/snmp");
        let mut rows = text.lines().filter(|line| line.starts_with("Tcp:"));
        let (names, values) = (rows.next().unwrap(), rows.next().unwrap());
        let at = names.split(' ').position(|n| n == name).unwrap();
        values.split(' ').nth(at).unwrap().parse().unwrap()
    }

    /// Lets `b` listen and `a` talk to it, and captures at the router; the capture.
    fn talk(&self, scratch: &Scratch, a: &str, b: &str) -> std::path::PathBuf {
        let (file, log) = (scratch.path("wire.pcap"), scratch.path("tcpdump.log"));
        let mut dump = Command::new("ip")
            .args([
                "netns",
                "exec",
                &self.router,
                "tcpdump",
                "-i",
                "ra",
                "-U",
                "-B",
                "8192",
                "-w",
            ])
            .arg(&file)
            .args(["tcp", "port", "179"])
            .stderr(fs::File::create(&log).unwrap())
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let said = || fs::read_to_string(&log).unwrap_or_default();
        wait_for("tcpdump", || said().contains("listening on"));
        let ready = scratch.path("ready");
        let mut server = Self::python(&self.b, b, &ready);
        wait_for("the listener", || ready.exists());
        let mut client = Self::python(&self.a, a, &ready);
        assert!(client.wait().unwrap().success());
        assert!(server.wait().unwrap().success());
        // What tcpdump has not read when it is interrupted is lost, and not counted as dropped.
        let size = || fs::metadata(&file).map_or(0, |file| file.len());
        let mut before = 0;
        wait_for("silence", || {
            sleep(Duration::from_millis(1000));
            std::mem::replace(&mut before, size()) == size()
        });
        run(Command::new("kill").args(["-s", "INT", &dump.id().to_string()]));
        dump.wait().unwrap();
        let said = said();
        let count = |what: &str| {
            let line = said.lines().find(|line| line.ends_with(what)).unwrap();
            line.split(' ').next().unwrap().to_owned()
        };
        assert_eq!(count("dropped by kernel"), "0", "{said}");
        assert_eq!(count("captured"), count("received by filter"), "{said}");
        file
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        for space in [&self.a, &self.router, &self.b] {
            let _ = Command::new("ip").args(["netns", "del", space]).status();
        }
    }
}

fn ip(args: &str) {
    run(Command::new("ip").args(args.split(' ')));
}

fn within(space: &str, command: &str) -> String {
    let args = ["netns", "exec", space]
        .into_iter()
        .chain(command.split(' '));
    let output = run(Command::new("ip").args(args));
    String::from_utf8(output.stdout).unwrap()
}

fn wait_for(what: &str, mut done: impl FnMut() -> bool) {
    let started = Instant::now();
    while !done() {
        assert!(
            started.elapsed() < Duration::from_secs(20),
            "{what} did not start"
        );
        sleep(Duration::from_millis(20));
    }
}

fn allowed() -> bool {
    let tools = ["tcpdump", "python3", "ethtool", "tshark"];
    support::net::allowed() && tools.iter().all(|tool| support::have(tool))
}

/// The lines and the directions that `bgptap read` tells of a capture.
fn read(scratch: &Scratch, file: &Path) -> (Vec<Value>, Vec<Value>) {
    let (json, summary) = (scratch.path("lines"), scratch.path("summary"));
    let mut command = Command::new(env!("CARGO_BIN_EXE_bgptap"));
    command.arg("read").arg(file);
    run(command
        .arg("--json")
        .arg(&json)
        .arg("--summary")
        .arg(&summary));
    let text = fs::read_to_string(json).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
    let summary: Value = serde_json::from_slice(&fs::read(summary).unwrap()).unwrap();
    (
        lines.collect(),
        summary["directions"].as_array().unwrap().clone(),
    )
}

/// The TCP figures of what `peer` sent.
fn tcp<'a>(directions: &'a [Value], peer: &str) -> &'a Value {
    let mut found = directions.iter().filter(|d| d["peer"] == peer);
    &found
        .next()
        .unwrap_or_else(|| panic!("nothing from {peer}"))["tcp"]
}

/// Segments lost behind the router come by it again, exactly as often as the kernel says; and the
/// round trip is the kernel's, as the monitor is next to the sender.
#[test]
fn retransmissions_and_round_trips_are_those_of_the_kernel() {
    if !allowed() {
        return;
    }
    let (line, scratch) = (Line::new(), Scratch::new("loss"));
    // A queue that is slow and short: the sender fills it until it drops.
    let queue = "tc qdisc add dev rb root tbf rate 8mbit burst 4k limit 12k";
    within(&line.router, queue);
    let info = scratch.path("info");
    let sender = format!(
        "
s = socket.create_connection(('203.0.113.1', 179))
s.sendall(hello(65001, 90) + keepalive * 50000)
s.shutdown(socket.SHUT_WR)
drain(s)
info = s.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
at = lambda offset: struct.unpack_from('=I', info, offset)[0]
# total_retrans, min_rtt of struct tcp_info in linux/tcp.h
open('{}', 'w').write(f'{{at(100)}} {{at(148)}}')
",
        info.display()
    );
    let reader = "
s = listen()
s.sendall(hello(65002, 90) + keepalive)
drain(s)
";
    let file = line.talk(&scratch, &sender, reader);
    let (_, directions) = read(&scratch, &file);
    let (a, b) = (
        tcp(&directions, "198.51.100.1"),
        tcp(&directions, "203.0.113.1"),
    );
    let info = fs::read_to_string(info).unwrap();
    let info: Vec<u64> = info.split(' ').map(|n| n.parse().unwrap()).collect();
    println!("a {a}\nb {b}\nkernel {info:?}");
    let (retransmitted, min) = (info[0], info[1]);
    assert!(retransmitted > 0, "the queue dropped nothing");
    assert_eq!(retransmitted, Line::tcp_counter(&line.a, "RetransSegs"));
    assert_eq!(a["retransmitted"], retransmitted);
    assert_eq!(
        b["retransmitted"],
        Line::tcp_counter(&line.b, "RetransSegs")
    );
    assert_eq!(a["mirror_copies"], 0);

    // The kernel stamps a segment when it leaves TCP and the monitor a little later.
    let ours = |name: &str| a["rtt"][name].as_u64().unwrap();
    let least = ours("min_us");
    assert!(least <= min && min < least + 1000, "{min}: {a}");
    // The last segments of the two are other ones, so what they smoothed to may differ as the
    // queue did: ours are held against tshark's samples out of the same frames.
    let (low, high) = round_trips_by_tshark(&file);
    assert!(least.abs_diff(low) <= 1, "{low}: {a}");
    let smoothed = ours("smoothed_us");
    assert!(low <= smoothed && smoothed <= high, "{high}: {a}");
    let back = b["rtt"]["min_us"].as_u64().unwrap();
    assert!(back < 1000, "no queue that way: {b}");

    // All of it came through, though some of it several times.
    let sent = 29 + 50_000 * 19;
    let from_a = directions
        .iter()
        .find(|d| d["peer"] == "198.51.100.1")
        .unwrap();
    assert_eq!(
        (&from_a["decoded"], &from_a["gap"]),
        (&sent.into(), &0.into())
    );
}

/// The least and the greatest round trip between `b` and the monitor, by tshark's reading: in
/// microseconds.
fn round_trips_by_tshark(file: &Path) -> (u64, u64) {
    let mut command = Command::new("tshark");
    command.arg("-r").arg(file);
    command.args(["-Y", "ip.src==203.0.113.1 && tcp.analysis.ack_rtt"]);
    let output = run(command.args(["-T", "fields", "-e", "tcp.analysis.ack_rtt"]));
    let text = String::from_utf8(output.stdout).unwrap();
    let seconds = text.lines().map(|line| line.parse::<f64>().unwrap());
    let mut samples: Vec<u64> = seconds.map(|s| (s * 1e6).round() as u64).collect();
    samples.sort_unstable();
    (samples[0], samples[samples.len() - 1])
}

/// When the window from `b` was closed, by tshark's reading: seconds in all.
fn closed_by_tshark(file: &Path) -> f64 {
    let fields = ["frame.time_epoch", "tcp.window_size_value"];
    let mut command = Command::new("tshark");
    command.arg("-r").arg(file);
    command.args(["-Y", "ip.src==203.0.113.1", "-T", "fields"]);
    let output = run(command.args(fields.iter().flat_map(|f| ["-e", f])));
    let (mut closed, mut since) = (0.0, None);
    for line in String::from_utf8(output.stdout).unwrap().lines() {
        let (time, window) = line.split_once('\t').unwrap();
        let time: f64 = time.parse().unwrap();
        match (window, since) {
            ("0", None) => since = Some(time),
            ("0", Some(_)) | (_, None) => {}
            (_, Some(start)) => {
                closed += time - start;
                since = None;
            }
        }
    }
    closed
}

/// The situation of RFC 9687: a reader that stops reading but goes on sending KEEPALIVEs.
#[test]
fn a_reader_that_stops_is_named_and_its_sender_stalled() {
    if !allowed() {
        return;
    }
    let (line, scratch) = (Line::new(), Scratch::new("stall"));
    let sender = "
s = socket.create_connection(('203.0.113.1', 179))
s.sendall(hello(65001, 3) + keepalive)
s.settimeout(1)
try:
    while True: s.send(keepalive * 50)
except TimeoutError: pass
time.sleep(5)
s.settimeout(None)
s.shutdown(socket.SHUT_WR)
drain(s)
";
    let reader = "
s = listen(4096)
s.sendall(hello(65002, 3) + keepalive)
for second in range(6):
    time.sleep(1)
    s.sendall(keepalive)
drain(s)
";
    let file = line.talk(&scratch, sender, reader);
    let (lines, directions) = read(&scratch, &file);
    let (a, b) = (
        tcp(&directions, "198.51.100.1"),
        tcp(&directions, "203.0.113.1"),
    );
    println!("a {a}\nb {b}");
    let closed = b["zero_window_ms"].as_u64().unwrap();
    let expected = closed_by_tshark(&file) * 1000.0;
    assert!(
        (closed as f64 - expected).abs() <= 1.0,
        "{closed} {expected}"
    );
    assert!(closed > 3000, "the window was closed for {closed} ms");
    assert_eq!(a["zero_windows"], 0, "a always reads");
    assert!(a["probes"].as_u64() > Some(0));

    let count = |event: &str, peer: &str| {
        let wanted =
            |line: &&Value| line["type"] == "TCP" && line["event"] == event && line["peer"] == peer;
        lines.iter().filter(wanted).count()
    };
    // The slow reader is the peer of the event; the stalled sender that of the other.
    assert_eq!(count("zero_window", "203.0.113.1"), 1);
    assert_eq!(count("window_open", "203.0.113.1"), 1);
    assert_eq!(count("send_stalled", "198.51.100.1"), 1);
    assert_eq!(count("hold_margin_low", "198.51.100.1"), 1);
    for event in ["send_stalled", "hold_margin_low", "send_hold_expired"] {
        assert_eq!(count(event, "203.0.113.1"), 0, "{event}");
    }
    assert_eq!(a["hold_margin_min_ms"], 0, "past the hold time");
}
