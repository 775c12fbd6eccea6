//! Receivers at the end of a veth, and what a run of theirs comes to.

use super::drain::TIMED;
use super::peers::ROLE;
use super::support::Scratch;
use super::support::net::{Live, Net, TAP, WIRE};
use super::support::synth::Synth;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Who receives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Receiver {
    /// `bgptap live --no-rib`.
    Ours,
    /// The same by AF_PACKET.
    Packets,
    /// A bare drain that touches a byte.
    Bare,
    /// A bare drain that takes the time.
    Timed,
}

/// How frames are waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Waiting {
    Interrupts,
    BusyPoll,
}

/// What came of a run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run {
    /// Nanoseconds of processor time for each frame: the process and the machine's softirqs.
    pub(crate) cost: f64,
    /// Frames that the sender gave to its end of the veth.
    pub(crate) sent: f64,
    /// Of these, those that the veth had no room for, since the kernel's receiving half was behind: they
    /// never were at the interface.
    pub(crate) refused: f64,
    /// Frames that arrived at the interface and not in user space.
    pub(crate) lost: f64,
    /// Frames a second, as the sender says that it sent them.
    pub(crate) rate: f64,
    /// Microseconds from the hook: p50, p99, p99.9.
    pub(crate) latency: Option<[f64; 3]>,
}

/// Sessions that frames are dealt out to.
pub(crate) const SESSIONS: u16 = 16;

/// Frames with an UPDATE each.
pub(crate) fn frames(scratch: &Scratch, count: u32) -> io::Result<PathBuf> {
    let path = scratch.path(&format!("{count}.pcap"));
    let shape = Synth {
        frames: count,
        sessions: SESSIONS,
        gap_ns: 10_000,
    };
    shape.write(&mut io::BufWriter::new(fs::File::create(&path)?))?;
    Ok(path)
}

/// Sends the file with `pace` to the receiver.
pub(crate) fn run(receiver: Receiver, waiting: Waiting, file: &Path, pace: &[&str]) -> Run {
    let (net, scratch) = (Net::new(), Scratch::new("goals-wire"));
    let this = std::env::current_exe().unwrap_or_default();
    let this = this.to_string_lossy().into_owned();
    let (program, mut arguments) = match receiver {
        Receiver::Ours => (vec![env!("CARGO_BIN_EXE_bgptap")], vec!["--no-rib"]),
        Receiver::Packets => (
            vec![env!("CARGO_BIN_EXE_bgptap")],
            vec!["--no-rib", "--backend", "af-packet"],
        ),
        Receiver::Bare => (vec![this.as_str(), ROLE, "drain"], vec![]),
        Receiver::Timed => (vec![this.as_str(), ROLE, "drain"], vec![TIMED]),
    };
    if waiting == Waiting::BusyPoll {
        arguments.push("--busy-poll");
    }
    let live = Live::start_by(&program, &net.mon, TAP, &scratch, &arguments);
    let before = (live.processor_time(), softirq_ns(), crossed(&net));
    let said = net.replay(file, pace);
    net.settle();
    let spent = (live.processor_time() - before.0).as_nanos() as f64 + softirq_ns() - before.1;
    let after = crossed(&net);
    let [left, refused, arrived] = [0, 1, 2].map(|at| after[at] - before.2[at]);
    let summary = live.stop();
    let received = summary["frames"]["received"].as_f64().unwrap_or(f64::NAN);
    let log = fs::read_to_string(scratch.path("live.log")).unwrap_or_default();
    Run {
        cost: spent / received,
        sent: left + refused,
        refused,
        lost: arrived - received,
        rate: rate(&said),
        latency: latency(&log),
    }
}

/// Frames that have left the sender's end, those that it refused, and those that have arrived.
fn crossed(net: &Net) -> [f64; 3] {
    [
        (&net.wire, WIRE, "tx_packets"),
        (&net.wire, WIRE, "tx_dropped"),
        (&net.mon, TAP, "rx_packets"),
    ]
    .map(|(space, interface, name)| Net::counter(space, interface, name) as f64)
}

/// What all processors have spent in softirqs, sampled by the timer tick (proc_stat(5), in hundredths of seconds).
fn softirq_ns() -> f64 {
    let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
    let field = stat.split_whitespace().nth(7);
    field
        .and_then(|n| n.parse::<f64>().ok())
        .unwrap_or(f64::NAN)
        * 1e7
}

/// `…: p50 1.0 µs, p99 2.0 µs, p99.9 3.0 µs`
fn latency(log: &str) -> Option<[f64; 3]> {
    let line = log
        .lines()
        .find(|line| line.trim().starts_with("latency"))?;
    let value = |name: &str| {
        let (_, rest) = line.split_once(name)?;
        rest.split_whitespace().next()?.parse().ok()
    };
    Some([value("p50 ")?, value("p99 ")?, value("p99.9 ")?])
}

/// Of what `replay` says at its end.
fn rate(said: &str) -> f64 {
    let words: Vec<_> = said.split_whitespace().collect();
    let at = words.iter().position(|word| word.starts_with("frames/s"));
    let number = at.and_then(|at| words.get(at.checked_sub(1)?));
    number
        .and_then(|n| n.replace(',', "").parse().ok())
        .unwrap_or(f64::NAN)
}
