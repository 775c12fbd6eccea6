//! Replay without an interface: what is sent, when, and what is said about the rest.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::cell::Cell;
use std::io;
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bgptap::replay::{Clock, FrameSink, NotSent, Options, Pace, Refused, Report, run, run_by};
use support::encode::{self, Frame, Ng, Order, PacketBlock};
use support::synth::{self, Synth};
use support::{Scratch, corpus, have};

/// Time that passes only when somebody waits.
#[derive(Clone, Default)]
struct Logical(Rc<Cell<Duration>>);

impl Clock for Logical {
    fn now(&self) -> Duration {
        self.0.get()
    }

    fn wait(&mut self, due: Duration, _: &AtomicBool) {
        self.0.set(self.0.get().max(due));
    }
}

/// An interface that remembers what left it, and when.
#[derive(Default)]
struct Wire {
    clock: Logical,
    sent: Vec<(Duration, Vec<u8>)>,
    /// Queued since the last flush.
    queue: Vec<Vec<u8>>,
    room: Option<usize>,
    mtu: Option<usize>,
    largest_batch: usize,
    fails_after: Option<usize>,
    stuck: bool,
}

impl FrameSink for Wire {
    fn send(&mut self, frame: &[u8]) -> Result<(), Refused> {
        if self.mtu.is_some_and(|mtu| frame.len() > mtu) {
            return Err(Refused::TooLong);
        }
        if self.stuck || self.room.is_some_and(|room| self.queue.len() >= room) {
            return Err(Refused::Full);
        }
        self.queue.push(frame.to_vec());
        self.largest_batch = self.largest_batch.max(self.queue.len());
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self
            .fails_after
            .is_some_and(|limit| self.sent.len() >= limit)
        {
            return Err(io::Error::other("Network is down"));
        }
        let now = self.clock.now();
        self.sent
            .extend(self.queue.drain(..).map(|frame| (now, frame)));
        Ok(())
    }

    fn drain(&mut self, _: Duration) -> io::Result<u64> {
        Ok(self.queue.len() as u64)
    }
}

fn send(file: &Path, pace: Pace, loops: u32, wire: &mut Wire) -> Report {
    let options = Options {
        file: file.to_owned(),
        pace,
        loops,
    };
    run_by(wire.clock.clone(), &options, wire, &AtomicBool::new(false)).unwrap()
}

fn original() -> Pace {
    "original".parse().unwrap()
}

/// `count` frames, `gap` nanoseconds apart.
fn synth(scratch: &Scratch, frames: u32, sessions: u16, gap_ns: u64) -> PathBuf {
    let made = Synth {
        frames,
        sessions,
        gap_ns,
    };
    let mut bytes = Vec::new();
    made.write(&mut bytes).unwrap();
    scratch.write("synth.pcap", &bytes)
}

#[test]
fn the_generator_makes_what_tshark_calls_good() {
    if !have("tshark") {
        return;
    }
    let scratch = Scratch::new("synth");
    let file = synth(&scratch, 1000, 7, 10_000);
    let mut tshark = Command::new("tshark");
    tshark.args([
        "-n",
        "-o",
        "tcp.check_checksum:TRUE",
        "-o",
        "ip.check_checksum:TRUE",
    ]);
    tshark.args(["-T", "fields", "-r"]).arg(&file);
    for field in [
        "ip.checksum.status",
        "tcp.checksum.status",
        "tcp.stream",
        "bgp.type",
        "bgp.nlri_prefix",
        "tcp.analysis.flags",
        "frame.time_epoch",
        "tcp.seq_raw",
    ] {
        tshark.args(["-e", field]);
    }
    let said = String::from_utf8(tshark.output().unwrap().stdout).unwrap();
    let lines: Vec<Vec<_>> = said
        .lines()
        .map(|line| line.split('\t').collect())
        .collect();
    assert_eq!(lines.len(), 1000);
    for (number, line) in lines.iter().enumerate() {
        let prefix = std::net::Ipv4Addr::from_bits(0x1000_0000 + number as u32).to_string();
        let stream = (number % 7).to_string();
        let seq = (1 + number / 7 * synth::UPDATE_LEN).to_string();
        let time = format!("1700000000.{:09}", number * 10_000);
        assert_eq!(
            line[..],
            ["1", "1", &stream, "2", &prefix, "", &time, &seq],
            "frame {number}"
        );
    }
}

/// Each frame leaves at its own time, to within the 100 µs that frames may leave together.
#[test]
fn frames_leave_on_time() {
    let scratch = Scratch::new("time");
    for (pace, step_ns) in [
        (original(), 30_000),
        ("4".parse().unwrap(), 7_500),
        ("0.01".parse().unwrap(), 3_000_000),
        (Pace::Rate(NonZeroU64::new(100_000).unwrap()), 10_000),
    ] {
        let file = synth(&scratch, 5000, 3, 30_000);
        let mut wire = Wire::default();
        let report = send(&file, pace, 1, &mut wire);
        assert_eq!((report.frames, wire.sent.len()), (5000, 5000));
        assert_eq!(report.bytes, 5000 * synth::FRAME_LEN as u64);
        assert_eq!(report.not_sent, NotSent::default());
        for (number, (left, _)) in wire.sent.iter().enumerate() {
            let due = Duration::from_nanos(number as u64 * step_ns);
            let off = left.abs_diff(due);
            assert!(
                off <= Duration::from_micros(100),
                "{pace:?}: frame {number} left {off:?} off"
            );
        }
        assert!(wire.largest_batch <= 64);
    }
}

#[test]
fn max_fills_batches_and_waits_for_nothing() {
    let scratch = Scratch::new("max");
    let file = synth(&scratch, 1000, 1, 1_000_000_000);
    let mut wire = Wire::default();
    let report = send(&file, Pace::Max, 3, &mut wire);
    assert_eq!((report.frames, report.loops), (3000, 3));
    assert_eq!(report.duration, Duration::ZERO);
    assert_eq!(wire.largest_batch, 64);
}

/// The real clock keeps a rate, too.
#[test]
fn the_system_clock_keeps_the_rate() {
    let scratch = Scratch::new("rate");
    let options = Options {
        file: synth(&scratch, 2000, 1, 0),
        pace: Pace::Rate(NonZeroU64::new(10_000).unwrap()),
        loops: 1,
    };
    let mut wire = Wire::default();
    let report = run(&options, &mut wire, &AtomicBool::new(false)).unwrap();
    assert_eq!(report.frames, 2000);
    // The last batch is due 100 µs before the 200 ms are over, and nothing leaves before it.
    assert!(
        report.duration >= Duration::from_micros(199_800),
        "{:?}",
        report.duration
    );
}

/// Ethernet frames of the corpus leave as they are.
#[test]
fn the_corpus_leaves_unchanged() {
    let Some(files) = corpus() else { return };
    for file in files {
        let mut source = bgptap::capture::pcap::PcapSource::open(&[&file]).unwrap();
        let mut batch = Vec::new();
        use bgptap::capture::{LinkType, Polled, Source};
        while !matches!(source.poll(&mut batch, Duration::ZERO), Ok(Polled::End)) {}
        let mut wire = Wire::default();
        let report = send(&file, Pace::Max, 1, &mut wire);
        assert_eq!(report.frames + report.not_sent.total(), batch.len() as u64);
        assert_eq!(report.not_sent.too_short, 0, "{}", file.display());
        if batch.iter().all(|f| f.link == LinkType::Ethernet) {
            let sent: Vec<_> = wire.sent.iter().map(|(_, frame)| &frame[..]).collect();
            let captured: Vec<_> = batch.iter().map(|f| f.frame.as_ref()).collect();
            assert_eq!(sent, captured, "{}", file.display());
        }
    }
}

/// Each loop has the same frames between other addresses.
#[test]
fn loops_are_new_sessions() {
    let scratch = Scratch::new("loops");
    let file = synth(&scratch, 10, 5, 1000);
    let mut wire = Wire::default();
    let report = send(&file, original(), 4, &mut wire);
    assert_eq!((report.frames, report.not_rewritten), (40, 0));
    let mut sessions = std::collections::BTreeSet::new();
    let (first, _) = wire.sent.split_at(10);
    for (index, (_, frame)) in wire.sent.iter().enumerate() {
        let model = &first[index % 10].1;
        assert_eq!(frame[..24], model[..24]);
        assert_eq!(frame[34..50], model[34..50]);
        assert_eq!(frame[52..], model[52..]);
        sessions.insert(frame[26..34].to_vec());
    }
    assert_eq!(sessions.len(), 20);
}

/// Other link types become Ethernet; what cannot is counted by reason.
#[test]
fn what_is_not_sent_is_counted() {
    let frame = |link, bytes: &[u8]| Frame {
        ns: 0,
        wire_len: 99,
        link,
        bytes: bytes.to_vec(),
    };
    let mut ng = Ng::new(Order::Little);
    for link in [1, 101, 105, 9] {
        ng.interface(link, 0, 6, 0);
    }
    let packet = [&[0x45][..], &[0; 19]].concat();
    let long = [&[0x45][..], &[0; 90]].concat();
    let lcp = [0xff, 0x03, 0xc0, 0x21, 1, 1, 0, 4];
    for (interface, bytes) in [
        (0, &[2; 60][..]),
        (0, &[0; 13]),
        (1, &packet),
        (1, &long),
        (2, &packet),
        (3, &lcp),
    ] {
        ng.packet(PacketBlock::Enhanced, interface, 1, &frame(0, bytes));
    }
    let scratch = Scratch::new("reasons");
    let file = scratch.write("mixed.pcapng", &ng.out);
    let mut wire = Wire {
        mtu: Some(100),
        ..Wire::default()
    };
    let report = send(&file, Pace::Max, 2, &mut wire);
    let not_sent = NotSent {
        unsupported_link: 4,
        too_long: 2,
        too_short: 2,
        unconfirmed: 0,
    };
    assert_eq!((report.frames, report.not_sent), (4, not_sent));
    assert_eq!(not_sent.total(), 8);
    assert_eq!(report.cut, 4);
    assert_eq!(
        report.not_rewritten, 1,
        "a frame of other protocols, in the second loop"
    );
    assert_eq!(wire.sent[1].1[12..], [&[8, 0], &packet[..]].concat());
}

/// A full interface is waited for; one that stays full is given up and named.
#[test]
fn a_full_interface_is_waited_for() {
    let scratch = Scratch::new("full");
    let file = synth(&scratch, 500, 1, 0);
    let mut narrow = Wire {
        room: Some(3),
        ..Wire::default()
    };
    let report = send(&file, Pace::Max, 1, &mut narrow);
    assert_eq!((report.frames, narrow.sent.len()), (500, 500));
    assert!(report.interrupted.is_none());
    let mut stuck = Wire {
        stuck: true,
        ..Wire::default()
    };
    let report = send(&file, Pace::Max, 1, &mut stuck);
    assert_eq!((report.frames, report.loops), (0, 0));
    assert!(
        report
            .interrupted
            .unwrap()
            .to_string()
            .contains("no frame for 5 s")
    );
}

#[test]
fn a_failing_interface_ends_the_replay() {
    let scratch = Scratch::new("fails");
    let file = synth(&scratch, 500, 1, 0);
    let mut wire = Wire {
        fails_after: Some(128),
        ..Wire::default()
    };
    let report = send(&file, Pace::Max, 2, &mut wire);
    assert_eq!((wire.sent.len(), report.loops), (128, 0));
    assert!(
        report
            .interrupted
            .unwrap()
            .to_string()
            .contains("Network is down")
    );
}

/// A truncated capture is sent as far as it goes, and said to be truncated.
#[test]
fn a_damaged_capture_is_sent_as_far_as_it_goes() {
    let scratch = Scratch::new("damaged");
    let whole = std::fs::read(synth(&scratch, 10, 1, 0)).unwrap();
    let file = scratch.write("cut.pcap", &whole[..whole.len() - 1]);
    let report = send(&file, Pace::Max, 1, &mut Wire::default());
    assert_eq!((report.frames, report.loops), (9, 1));
    assert!(
        report
            .interrupted
            .unwrap()
            .to_string()
            .contains("cut short")
    );
}

#[test]
fn stopping_is_heard_between_frames() {
    struct Stopping<'a>(Logical, &'a AtomicBool);
    impl Clock for Stopping<'_> {
        fn now(&self) -> Duration {
            self.0.now()
        }
        fn wait(&mut self, due: Duration, stop: &AtomicBool) {
            self.0.wait(due, stop);
            if due > Duration::from_secs(10) {
                self.1.store(true, Ordering::Relaxed);
            }
        }
    }
    let scratch = Scratch::new("stop");
    let file = synth(&scratch, 100, 1, 1_000_000_000);
    let stop = AtomicBool::new(false);
    let mut wire = Wire::default();
    let clock = Stopping(wire.clock.clone(), &stop);
    let options = Options {
        file,
        pace: original(),
        loops: 9,
    };
    let report = run_by(clock, &options, &mut wire, &stop).unwrap();
    assert_eq!((report.frames, report.loops), (11, 0));
    assert_eq!(wire.sent.len(), 11);
}

#[test]
fn standard_input_is_not_looped() {
    let options = Options {
        file: "-".into(),
        pace: Pace::Max,
        loops: 2,
    };
    let error = run(&options, &mut Wire::default(), &AtomicBool::new(false)).unwrap_err();
    assert!(error.to_string().contains("only once"), "{error}");
    let ng = encode::pcapng(&[], Order::Big, PacketBlock::Enhanced);
    let scratch = Scratch::new("none");
    let report = send(
        &scratch.write("none.pcapng", &ng),
        Pace::Max,
        2,
        &mut Wire::default(),
    );
    assert_eq!((report.frames, report.loops), (0, 2));
}
