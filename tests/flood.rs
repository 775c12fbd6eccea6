//! Hostile traffic beside a real session: memory stays within its bound, what goes is counted, and
//! the session loses nothing.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use bgptap::config::Limits;
use bgptap::worker::Memory;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;
use support::flows::{self, ACK, Captured, SYN};

/// What a run of the program came to.
struct Run {
    summary: Value,
    /// Most memory that it had in use, bytes.
    peak: u64,
}

/// A TCP segment over IPv4 from a host of its own, without checksums.
fn segment(host: u32, flags: u8, seq: u32, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0];
    let total = (40 + payload.len()) as u16;
    frame.extend([0x45, 0]);
    frame.extend(total.to_be_bytes());
    frame.extend([0, 0, 0x40, 0, 64, 6, 0, 0]);
    // 100.64.0.0/10 and its ports leave room for four million hosts, and for no real one.
    frame.extend((0x6440_0000 | (host & 0x3f_ffff)).to_be_bytes());
    frame.extend([198, 51, 100, 7]);
    frame.extend((20_000 + (host >> 22) as u16).to_be_bytes());
    frame.extend(179_u16.to_be_bytes());
    frame.extend(seq.to_be_bytes());
    frame.extend([0, 0, 0, 0, 5 << 4, flags, 4, 0, 0, 0, 0, 0]);
    frame.extend_from_slice(payload);
    frame
}

/// A session between real routers.
fn recording() -> Vec<Captured> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/lab-session.pcap");
    flows::frames(&std::fs::read(path).unwrap())
}

/// Reads the recording; behind each of its frames comes what `between` makes for it.
fn read(name: &str, between: impl Fn(usize) -> Vec<Vec<u8>>) -> Run {
    let scratch = support::Scratch::new(name);
    let summary = scratch.path("summary.json");
    let mut child = Command::new(env!("CARGO_BIN_EXE_bgptap"))
        .args(["read", "-", "--json"])
        .arg(scratch.path("events.jsonl"))
        .arg("--summary")
        .arg(&summary)
        .stdin(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let status = format!("/proc/{}/status", child.id());
    let peak = std::thread::scope(|scope| {
        // A process that has ended has no memory, however it came to its end.
        let watch = scope.spawn(|| {
            let mut peak = 0;
            while let Some(now) = high_water(&status) {
                peak = now.max(peak);
                std::thread::sleep(Duration::from_millis(10));
            }
            peak
        });
        let mut out = BufWriter::with_capacity(1 << 20, child.stdin.take().unwrap());
        write_words(&mut out, &[0xa1b2_3c4d, 0x0004_0002, 0, 0, 262_144, 1]);
        for (index, real) in recording().iter().enumerate() {
            write_frame(&mut out, real.ns, &real.bytes);
            for frame in between(index) {
                write_frame(&mut out, real.ns, &frame);
            }
        }
        out.flush().unwrap();
        // It has taken all there is: a quick one would be gone before it is looked at.
        while rustix::io::ioctl_fionread(out.get_ref()).unwrap() > 0 {
            std::thread::sleep(Duration::from_millis(1));
        }
        let before_the_end = high_water(&status).unwrap();
        drop(out);
        assert!(child.wait().unwrap().success());
        watch.join().unwrap().max(before_the_end)
    });
    let summary = serde_json::from_reader(File::open(summary).unwrap()).unwrap();
    Run { summary, peak }
}

fn write_words(out: &mut impl Write, words: &[u32]) {
    for word in words {
        out.write_all(&word.to_le_bytes()).unwrap();
    }
}

fn write_frame(out: &mut impl Write, ns: u64, frame: &[u8]) {
    let (seconds, fraction) = ((ns / 1_000_000_000) as u32, (ns % 1_000_000_000) as u32);
    let length = frame.len() as u32;
    write_words(out, &[seconds, fraction, length, length]);
    out.write_all(frame).unwrap();
}

/// The most memory that a process has had, as the kernel counts it.
fn high_water(status: &str) -> Option<u64> {
    let text = std::fs::read_to_string(status).ok()?;
    let line = text.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib << 10)
}

/// The session beside the flood loses nothing, and all that came is accounted for.
fn unharmed(quiet: &Run, flooded: &Run) {
    for kind in [
        "OPEN",
        "UPDATE",
        "KEEPALIVE",
        "NOTIFICATION",
        "ROUTE_REFRESH",
    ] {
        let count = |run: &Run| run.summary["messages"][kind].as_u64().unwrap();
        assert_eq!(count(flooded), count(quiet), "{kind}");
    }
    assert!(quiet.summary["messages"]["UPDATE"].as_u64().unwrap() > 3000);
    for what in ["frames", "bytes"] {
        assert_eq!(flooded.summary["unaccounted"][what], 0, "{what}");
    }
}

fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

/// What hostile traffic may take at most, beyond what the program takes without it: what `live` prints, in which
/// routes are not, as the flood brings none.
fn bound() -> u64 {
    let limits = Limits::default();
    Memory::new(&limits).unwrap().bound(&limits)
}

#[test]
fn a_flood_of_a_million_syns_takes_no_room_and_harms_nobody() {
    const FLOWS: u32 = 1_000_000;
    let quiet = read("quiet", |_| Vec::new());
    // Evenly beside the session, and at once while its handshakes go on.
    for (name, at_once, frames) in [("even", 310, FLOWS.div_ceil(310)), ("dense", 20_000, 50)] {
        let flood = read(name, |index| {
            let first = index as u32 * at_once;
            let flows = if (index as u32) < frames {
                first..(first + at_once).min(FLOWS)
            } else {
                0..0
            };
            flows.map(|host| segment(host, SYN, host, &[])).collect()
        });
        unharmed(&quiet, &flood);
        let evicted = flood.summary["evicted"]["handshake"].as_u64().unwrap();
        let kept = u64::from(Limits::default().handshakes_max);
        let expected = u64::from(FLOWS) - kept;
        // Handshakes of the session itself may have been pushed out, or their slots be empty.
        let real = recording();
        let syns = real.iter().filter_map(|frame| flows::tcp(&frame.bytes));
        let syns = syns.filter(|tcp| tcp.has(SYN)).count() as u64;
        assert!(
            evicted.abs_diff(expected) <= syns,
            "{evicted}, not {expected}"
        );
        let more = flood.peak.saturating_sub(quiet.peak);
        println!(
            "{name}: {:.1} MiB without the flood, {:.1} MiB more with it; {evicted} handshakes evicted",
            mib(quiet.peak),
            mib(more)
        );
        assert!(more < 16 << 20, "{:.1} MiB", mib(more));
    }
}

#[test]
fn streams_that_begin_messages_and_never_end_them_stay_within_the_bound() {
    let quiet = read("quiet", |_| Vec::new());
    // The header of a long message and a little of it; part of a marker; what is no message at all.
    let mut header = vec![0xff; 16];
    header.extend([0xfe, 0, 2]);
    header.resize(119, 0);
    let payloads = [header, vec![0xff; 10], vec![0x55; 1400]];
    let flood = read("loris", |index| {
        let hosts = index as u32 * 62..(index as u32 + 1) * 62;
        let frames = hosts.flat_map(|host| {
            let payload = &payloads[host as usize % payloads.len()];
            [segment(host, SYN, 1, &[]), segment(host, ACK, 2, payload)]
        });
        frames.collect()
    });
    unharmed(&quiet, &flood);
    let evicted = &flood.summary["evicted"];
    let gone = |reason: &str| evicted[reason].as_u64().unwrap_or(0);
    let more = flood.peak.saturating_sub(quiet.peak);
    println!(
        "200,000 slow streams: {:.1} MiB more, bound {:.1} MiB; evicted {evicted}",
        mib(more),
        mib(bound())
    );
    assert!(more < bound(), "{:.1} MiB", mib(more));
    let connections = 62 * recording().len() as u64;
    assert!(
        gone("silent") + gone("memory") + 65_536 >= connections,
        "the rest was let go: {evicted}"
    );
}

/// Payload that holds no message, from both ends of many connections, in jumbo frames: none of it is kept, and
/// neither is the memory that it took.
#[test]
fn garbage_in_jumbo_frames_takes_no_memory() {
    const FLOWS: u32 = 40_000;
    let quiet = read("quiet", |_| Vec::new());
    let garbage = vec![0x55; 9000];
    let flood = read("garbage", |index| {
        let hosts = index as u32 * 20..((index as u32 + 1) * 20).min(FLOWS);
        let frames = hosts.flat_map(|host| {
            let there = segment(host, ACK, 2, &garbage);
            let back = reversed(&there);
            [there, back]
        });
        frames.collect()
    });
    unharmed(&quiet, &flood);
    let more = flood.peak.saturating_sub(quiet.peak);
    println!(
        "garbage: {:.1} MiB more, bound {:.1} MiB",
        mib(more),
        mib(bound())
    );
    assert!(more < bound(), "{:.1} MiB", mib(more));
    // What is not listed is in the sum.
    let all = |run: &Run| {
        let directions = run.summary["directions"].as_array().unwrap();
        let unlisted = &run.summary["unlisted"];
        let captured = |of: &Value| of["captured"].as_u64().unwrap();
        (
            directions.len() as u64 + unlisted["directions"].as_u64().unwrap(),
            directions.iter().map(captured).sum::<u64>() + captured(unlisted),
        )
    };
    let (directions, captured) = all(&quiet);
    let more = 2 * u64::from(FLOWS);
    assert_eq!(all(&flood), (directions + more, captured + 9000 * more));
    let unlisted = flood.summary["unlisted"]["directions"].as_u64();
    assert!(unlisted > Some(40_000), "{unlisted:?}");
}

/// The same frame from the other end.
fn reversed(frame: &[u8]) -> Vec<u8> {
    let mut back = frame.to_vec();
    back[26..30].copy_from_slice(&frame[30..34]);
    back[30..34].copy_from_slice(&frame[26..30]);
    back[34..36].copy_from_slice(&frame[36..38]);
    back[36..38].copy_from_slice(&frame[34..36]);
    back
}

/// More connections than there is room for, each with a KEEPALIVE: they make room for those that come after
/// them, and never push out a session of which both sides are heard.
#[test]
fn connections_that_say_one_word_do_not_lock_out_sessions() {
    let quiet = read("quiet", |_| Vec::new());
    let mut keepalive = vec![0xff; 16];
    keepalive.extend([0, 19, 4]);
    let real = recording().len();
    // All of them before the second half of the recording, where sessions begin again.
    let flood = read("words", |index| {
        let hosts = index as u32 * 100..(index as u32 + 1) * 100;
        let hosts = hosts.filter(|_| index < real / 2);
        hosts
            .map(|host| segment(host, ACK, 2, &keepalive))
            .collect()
    });
    for kind in ["OPEN", "UPDATE", "NOTIFICATION", "ROUTE_REFRESH"] {
        assert_eq!(
            flood.summary["messages"][kind],
            quiet.summary["messages"][kind]
        );
    }
    let evicted = &flood.summary["evicted"];
    println!(
        "words: evicted {evicted}, refused {}",
        flood.summary["refused"]
    );
    assert!(evicted["one_sided"].as_u64().unwrap() > 0, "{evicted}");
    assert_eq!(flood.summary["refused"], 0);
    assert_eq!(
        conversations(&flood),
        conversations(&quiet),
        "sessions of which both sides are heard are listed"
    );
}

/// Real sessions in the summary's list of which both sides said something.
fn conversations(run: &Run) -> usize {
    let directions = run.summary["directions"].as_array().unwrap();
    let spoke = directions.iter().filter(|direction| {
        direction["decoded"].as_u64() > Some(0)
            && direction["local"] != "198.51.100.7"
            && direction["peer"] != "198.51.100.7"
    });
    let mut heard: BTreeMap<String, usize> = BTreeMap::new();
    for direction in spoke {
        *heard.entry(direction["session"].to_string()).or_default() += 1;
    }
    heard.values().filter(|sides| **sides == 2).count()
}

#[test]
fn holes_that_are_never_filled_do_not_take_the_room_of_others() {
    let quiet = read("quiet", |_| Vec::new());
    // A hundred sessions that say something, so that they are not the first to go; then data beyond a hole.
    let mut keepalive = vec![0xff; 16];
    keepalive.extend([0, 19, 4]);
    let flood = read("holes", |index| {
        let hosts = 0..100_u32;
        let frames = hosts.flat_map(|host| match index {
            0 => vec![
                segment(host, SYN, 1, &[]),
                segment(host, ACK, 2, &keepalive),
            ],
            1..200 => vec![segment(host, ACK, 5000 + index as u32 * 1400, &[9; 1400])],
            _ => Vec::new(),
        });
        frames.collect()
    });
    for kind in ["OPEN", "UPDATE", "NOTIFICATION", "ROUTE_REFRESH"] {
        assert_eq!(
            flood.summary["messages"][kind],
            quiet.summary["messages"][kind]
        );
    }
    assert_eq!(flood.summary["unaccounted"]["bytes"], 0);
    let more = flood.peak.saturating_sub(quiet.peak);
    println!(
        "holes: {:.1} MiB more, gaps {}",
        mib(more),
        flood.summary["gaps"]
    );
    assert!(more < bound());
    let real = |direction: &&Value| {
        direction["local"] != "198.51.100.7" && direction["peer"] != "198.51.100.7"
    };
    let directions = flood.summary["directions"].as_array().unwrap();
    for direction in directions.iter().filter(real) {
        assert_eq!(direction["gap"], 0, "{direction}");
    }
}

/// Connections that hold as much as they may do not make a real session give up a hole of its own.
#[test]
fn those_who_hold_much_go_before_a_hole_of_a_session_does() {
    let mut keepalive = vec![0xff; 16];
    keepalive.extend([0, 19, 4]);
    let real = recording();
    // A session of which one segment comes late, behind 60 others; forty other connections hold 250 segments each.
    let peers = [
        segment(1000, SYN, 1, &[]),
        segment(1000, ACK, 2, &keepalive),
    ];
    let answers = [
        reversed(&segment(1000, SYN | ACK, 1, &[])),
        reversed(&segment(1000, ACK, 2, &keepalive)),
    ];
    let flood = read("share", |index| match index {
        0 => peers.iter().chain(&answers).cloned().collect(),
        1..=40 => {
            let host = index as u32;
            let first = [
                segment(host, SYN, 1, &[]),
                segment(host, ACK, 2, &keepalive),
            ];
            let held = (0..250).map(|at| segment(host, ACK, 5000 + at * 1400, &[9; 1400]));
            first.into_iter().chain(held).collect()
        }
        41..=100 => vec![segment(
            1000,
            ACK,
            21 + 19 * (index as u32 - 40),
            &keepalive,
        )],
        101 => vec![segment(1000, ACK, 21, &keepalive)],
        _ => Vec::new(),
    });
    assert!(real.len() > 200);
    let directions = flood.summary["directions"].as_array().unwrap();
    let sender = |direction: &&Value| {
        direction["decoded"].as_u64() == Some(19 * 62) && direction["local"] == "198.51.100.7"
    };
    let found = directions.iter().find(sender);
    let found = found.unwrap_or_else(|| panic!("evicted {}", flood.summary["evicted"]));
    assert_eq!(found["gap"], 0, "{found}");
    assert_eq!(flood.summary["unaccounted"]["bytes"], 0);
}
