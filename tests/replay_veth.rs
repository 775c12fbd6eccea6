//! Replay through an AF_XDP transmit ring: what leaves one end of a veth pair is what tcpdump
//! sees at the other.
#![cfg(feature = "capture")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use bgptap::capture::pcap::PcapSource;
use bgptap::capture::{LinkType, Polled, Source};
use support::net::{self, Net};
use support::synth::Synth;
use support::{Scratch, corpus, have};

/// Long enough for most of the corpus, shorter than a frame of the ring.
const MTU: usize = 3000;
/// The longest frame that passes: header, MTU and one VLAN tag.
const LONGEST: usize = 14 + MTU + 4;

/// A veth pair between two namespaces, if this machine allows it.
fn cable() -> Option<Net> {
    if !net::allowed() || !have("tcpdump") {
        return None;
    }
    let net = Net::new();
    for (space, interface) in [(&net.mon, net::TAP), (&net.wire, net::WIRE)] {
        let mut ip = Command::new("ip");
        ip.args(["-n", space, "link", "set", interface, "mtu"]);
        net::run(ip.arg(MTU.to_string()));
    }
    Some(net)
}

/// Sends a capture from the wire's end, however it ends.
fn replay(net: &Net, file: &Path, arguments: &[&str]) -> Output {
    let replay = ["replay", file.to_str().unwrap(), "-i", net::WIRE];
    Net::bgptap(&net.wire, &[&replay[..], arguments].concat())
        .output()
        .unwrap()
}

/// tcpdump at the monitor's end.
struct Listener {
    tcpdump: Child,
    file: PathBuf,
}

impl Listener {
    fn start(net: &Net, file: PathBuf) -> Self {
        let mut tcpdump = Command::new("ip")
            .args([
                "netns",
                "exec",
                &net.mon,
                "tcpdump",
                "-i",
                net::TAP,
                "-n",
                "-U",
            ])
            .args([
                "--immediate-mode",
                "-s",
                "0",
                "-B",
                "65536",
                "-Z",
                "root",
                "-w",
            ])
            .arg(&file)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let said = tcpdump.stderr.take().unwrap();
        let mut said = BufReader::new(said);
        let mut line = String::new();
        while !line.contains("listening on") {
            line.clear();
            assert!(
                said.read_line(&mut line).unwrap() > 0,
                "tcpdump does not listen"
            );
        }
        // What it says at its end must not block it.
        std::thread::spawn(move || said.read_to_end(&mut Vec::new()));
        Self { tcpdump, file }
    }

    /// The frames that arrived: `count` of them are waited for, more would be seen too.
    fn frames(mut self, count: usize) -> Vec<Vec<u8>> {
        let deadline = Instant::now() + Duration::from_secs(10);
        while frames_of(&self.file).len() < count && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(50));
        }
        net::run(Command::new("kill").args(["-s", "INT", &self.tcpdump.id().to_string()]));
        assert!(self.tcpdump.wait().unwrap().success());
        frames_of(&self.file)
            .into_iter()
            .map(|(_, bytes)| bytes)
            .collect()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let _ = self.tcpdump.kill();
        let _ = self.tcpdump.wait();
    }
}

/// The frames of a capture, as far as it has been written.
fn frames_of(file: &Path) -> Vec<(LinkType, Vec<u8>)> {
    let mut batch = Vec::new();
    if let Ok(mut source) = PcapSource::open(&[file]) {
        while !matches!(source.poll(&mut batch, Duration::ZERO), Ok(Polled::End)) {}
    }
    let frames = batch.iter();
    frames
        .map(|f| (f.link, f.frame.as_ref().to_vec()))
        .collect()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Every Ethernet capture of the corpus arrives frame by frame and byte by byte as it was
/// captured; frames longer than the MTU allows are counted instead.
#[test]
fn frames_arrive_byte_for_byte() {
    let Some(files) = corpus() else { return };
    let Some(net) = cable() else { return };
    let scratch = Scratch::new("veth");
    let mut too_long = 0;
    for (index, file) in files.iter().enumerate() {
        let captured = frames_of(file);
        if captured.iter().any(|(link, _)| *link != LinkType::Ethernet) {
            continue;
        }
        let (short, long): (Vec<_>, Vec<_>) = captured
            .into_iter()
            .map(|(_, bytes)| bytes)
            .partition(|bytes| bytes.len() <= LONGEST);
        let listener = Listener::start(&net, scratch.path(&format!("{index}.pcap")));
        let output = replay(&net, file, &["--speed", "max"]);
        let report = said(&output);
        let sent = format!("replayed {} frames", short.len());
        assert!(report.contains(&sent), "{}: {report}", file.display());
        if !long.is_empty() {
            let refused = format!("not sent: {} (too long)", long.len());
            assert!(report.contains(&refused), "{}: {report}", file.display());
            assert_eq!(output.status.code(), Some(1));
            too_long += long.len();
        }
        let arrived = listener.frames(short.len());
        assert_eq!(arrived.len(), short.len(), "{}", file.display());
        for (number, (arrived, sent)) in arrived.iter().zip(&short).enumerate() {
            assert_eq!(arrived, sent, "{} frame {}", file.display(), number + 1);
        }
    }
    assert!(too_long > 0, "the corpus has frames longer than the MTU");
}

/// Packets without an Ethernet header arrive with one.
#[test]
fn other_link_types_arrive_as_ethernet() {
    let Some(files) = corpus() else { return };
    let Some(net) = cable() else { return };
    let raw = files
        .iter()
        .find(|file| file.ends_with("four_ipv6_http_streams.pcap"));
    let packets = frames_of(raw.unwrap());
    let scratch = Scratch::new("links");
    let listener = Listener::start(&net, scratch.path("arrived.pcap"));
    let output = replay(&net, raw.unwrap(), &["--speed", "max"]);
    assert!(output.status.success(), "{}", said(&output));
    let arrived = listener.frames(packets.len());
    assert_eq!(arrived.len(), packets.len());
    for (frame, (link, packet)) in arrived.iter().zip(&packets) {
        assert_eq!(*link, LinkType::RawIp);
        assert_eq!(frame[12..14], [0x86, 0xdd]);
        assert_eq!(&frame[14..], packet);
    }
}

/// More frames than the ring has, at a given rate and looped: all of them arrive, in order,
/// and the replay takes as long as the rate says.
#[test]
fn a_rate_is_kept_and_loops_are_new_sessions() {
    let Some(net) = cable() else { return };
    let scratch = Scratch::new("rate");
    let file = scratch.path("synth.pcap");
    let synth = Synth {
        frames: 5000,
        sessions: 10,
        gap_ns: 0,
    };
    let mut out = std::io::BufWriter::new(std::fs::File::create(&file).unwrap());
    synth.write(&mut out).unwrap();
    drop(out);
    let listener = Listener::start(&net, scratch.path("arrived.pcap"));
    let begin = Instant::now();
    let output = replay(&net, &file, &["--rate", "20000", "--loop", "2"]);
    // The last frame is due 1/20000 s before the half second is over, and may leave 100 µs early.
    assert!(begin.elapsed() >= Duration::from_micros(499_850));
    assert!(output.status.success(), "{}", said(&output));
    assert!(
        said(&output).contains("replayed 10000 frames"),
        "{}",
        said(&output)
    );
    let arrived = listener.frames(10_000);
    assert_eq!(arrived.len(), 10_000);
    let sent = frames_of(&file);
    let (first, second) = arrived.split_at(5000);
    for ((arrived, again), (_, sent)) in first.iter().zip(second).zip(&sent) {
        assert_eq!(arrived, sent);
        assert_eq!(
            again[34..50],
            sent[34..50],
            "ports and numbers are the capture's"
        );
        assert_ne!(again[26..34], sent[26..34], "addresses are new");
    }
}
