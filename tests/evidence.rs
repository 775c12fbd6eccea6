//! Evidence holds the frames of the capture, unchanged, with comments where something happened: tshark
//! reads it; and no attacker fills the disk or the memory.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use bgptap::capture::pcap::PcapSource;
use bgptap::capture::{LinkType, Polled, Source};
use bgptap::filter::{Event, What};
use bgptap::sink::evidence::{Evidence, Kind, Options, Seen};
use bgptap::sink::json::Meta;
use bgptap::sink::writer::WhenFull;
use bgptap::wire::Endpoint;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use support::encode::Frame;
use support::{Scratch, frames, have, recording, tshark};

/// Reads a capture with evidence; the files.
fn evidence(file: &Path, scratch: &Scratch, more: &[&str]) -> Vec<PathBuf> {
    let folder = scratch.path("evidence");
    let output = Command::new(env!("CARGO_BIN_EXE_bgptap"))
        .args(["read", "--evidence", folder.to_str().unwrap()])
        .args(more)
        .arg(file)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!said.contains("incidents were not kept"), "{said}");
    files(&folder)
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// Each frame of the file is one of the capture, in the same order; no frame is there twice.
fn assert_part_of(file: &Path, whole: &[Frame]) {
    let mut rest = whole.iter();
    let part = frames::of(file);
    assert!(!part.is_empty(), "{}", file.display());
    for frame in &part {
        let same = |other: &&Frame| {
            (other.ns, other.wire_len, &other.bytes) == (frame.ns, frame.wire_len, &frame.bytes)
        };
        assert!(
            rest.any(|other| same(&other)),
            "{}: a frame at {}",
            file.display(),
            frame.ns
        );
    }
}

#[test]
fn notifications_and_lost_sessions_are_kept_with_their_frames() {
    if !have("tshark") {
        return;
    }
    let scratch = Scratch::new("evidence");
    let found = evidence(recording(), &scratch, &[]);
    let whole = frames::of(recording());
    let mut notifications = BTreeSet::new();
    let mut lost = 0;
    for file in &found {
        assert_part_of(file, &whole);
        let fields = ["tcp.port", "frame.time_epoch", "bgp.type", "frame.comment"];
        let lines = tshark::fields(file, "tcp", &fields);
        let mut sessions = BTreeSet::new();
        for line in &lines {
            let [ports, time, types, comment] = line.split('\t').collect::<Vec<_>>()[..] else {
                panic!("{line}");
            };
            sessions.insert(ports.split('|').collect::<BTreeSet<_>>());
            if comment.contains("NOTIFICATION") {
                assert!(
                    types.split('|').any(|t| t == "3"),
                    "{}: {line}",
                    file.display()
                );
                notifications.insert(time.to_owned());
            }
            lost += usize::from(comment.contains("lost"));
        }
        assert_eq!(sessions.len(), 1, "{}: one session", file.display());
    }
    let theirs = tshark::fields(recording(), "bgp.type == 3", &["frame.time_epoch"]);
    assert_eq!(notifications, theirs.into_iter().collect());
    assert!(lost > 0, "one speaker was killed");
}

/// Frames that the mirror loses leave a gap, and the file shows what came before and after it.
#[test]
fn a_gap_is_kept_with_the_frames_on_both_sides() {
    if !have("tshark") {
        return;
    }
    let scratch = Scratch::new("evidence-gap");
    let whole = frames::of(recording());
    let long = |frame: &Frame| frame.bytes.len() > 1400;
    let hole = whole.iter().position(long).unwrap();
    let mut rest = whole.clone();
    let missing = rest.remove(hole);
    let file = frames::write(&rest, &scratch, "gap.pcap");
    let found = evidence(&file, &scratch, &[]);
    let with_gap: Vec<_> = found
        .iter()
        .filter(|file| file.to_str().unwrap().ends_with("-gap.pcapng"))
        .collect();
    assert_eq!(with_gap.len(), 1, "{found:?}");
    assert_part_of(with_gap[0], &rest);
    let times: Vec<u64> = frames::of(with_gap[0])
        .iter()
        .map(|frame| frame.ns)
        .collect();
    assert!(times.first().unwrap() < &missing.ns && times.last().unwrap() > &missing.ns);
    let comments = tshark::fields(with_gap[0], "frame.comment", &["frame.comment"]);
    assert!(
        comments
            .iter()
            .any(|comment| comment.starts_with("gap of ")),
        "{comments:?}"
    );
}

/// Time, link type, length on the wire and octets of each frame.
fn captured(file: &Path) -> Vec<(u64, LinkType, u32, Vec<u8>)> {
    let Ok(mut source) = PcapSource::open(&[file]) else {
        return Vec::new();
    };
    let mut batch = Vec::new();
    // A damaged file gives what comes before the damage.
    while let Ok(Polled::Frames | Polled::Idle) = source.poll(&mut batch, Duration::MAX) {}
    let frames = batch.iter();
    frames
        .map(|c| (c.stamp.ns, c.link, c.wire_len, c.frame.as_ref().to_vec()))
        .collect()
}

/// Every capture of the corpus: whatever its link type, what is kept are its frames.
#[test]
fn the_corpus_gives_evidence_of_every_link_type() {
    let Some(corpus) = support::corpus() else {
        return;
    };
    if !have("tshark") {
        return;
    }
    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    for file in corpus {
        let scratch = Scratch::new("evidence-corpus");
        let folder = scratch.path("evidence");
        let output = Command::new(env!("CARGO_BIN_EXE_bgptap"))
            .args(["read", "--evidence", folder.to_str().unwrap()])
            .arg(&file)
            .output()
            .unwrap();
        // 1: the file is damaged; what came before the damage is there.
        assert!(matches!(output.status.code(), Some(0..=2)), "{output:?}");
        if !folder.is_dir() {
            continue;
        }
        let whole = captured(&file);
        for kept in files(&folder) {
            let part = captured(&kept);
            assert!(!part.is_empty(), "{}", kept.display());
            let mut rest = whole.iter();
            for frame in &part {
                assert!(
                    rest.any(|other| other == frame),
                    "{}: {frame:?}",
                    file.display()
                );
            }
            let kind = format!("{:?}", part[0].1);
            let count = kinds.entry(kind).or_default();
            *count += 1;
            if *count == 1 {
                // Another program takes the link type for what it is: it finds the segments.
                let segments = tshark::fields(&kept, "tcp", &["frame.number"]);
                assert_eq!(segments.len(), part.len(), "{}", kept.display());
            }
        }
    }
    println!("files by encapsulation: {kinds:?}");
    assert!(kinds.len() > 2, "{kinds:?}");
}

fn event<'a>(meta: &'a Meta<'_>, what: What<'a>) -> Event<'a> {
    Event { meta, what }
}

fn meta(port: u16, ns: u64) -> Meta<'static> {
    Meta {
        ts_ns: ns,
        ts_source: "file",
        peer: Ipv4Addr::new(10, 0, 0, 1).into(),
        peer_port: port,
        peer_asn: None,
        local: Ipv4Addr::new(10, 0, 0, 2).into(),
        local_port: 179,
        local_asn: None,
        session: port.into(),
        seq: 1,
        event_no: 1,
        host: "",
        searched: false,
    }
}

/// Malformed messages all day, from many sessions: the disk has no more than is allowed, each
/// incident is accounted for, and the one of a quiet session is still there.
#[test]
fn an_attacker_fills_neither_disk_nor_memory() {
    const DISK: u64 = 300_000;
    const SECOND: u64 = 1_000_000_000;
    let scratch = Scratch::new("evidence-flood");
    let options = Options {
        folder: scratch.path("evidence"),
        before: Duration::from_secs(10),
        memory: 1 << 20,
        disk: DISK,
    };
    let mut evidence = Evidence::start(&options, WhenFull::Wait).unwrap();
    let addr: [IpAddr; 2] = [[10, 0, 0, 1].into(), [10, 0, 0, 2].into()];
    let frame = |evidence: &mut Evidence, port: u16, ns: u64| {
        let ends = (
            Endpoint {
                addr: addr[0],
                port,
            },
            Endpoint {
                addr: addr[1],
                port: 179,
            },
        );
        let seen = Seen {
            ns,
            wire_len: 1500,
            link: LinkType::Ethernet,
            interface: 0,
            bytes: &[0x55; 1500],
        };
        evidence.frame(ends, &seen, false);
    };
    frame(&mut evidence, 1, SECOND);
    evidence.incident(
        &event(&meta(1, SECOND), What::Gap),
        Kind::Notification,
        || "the quiet one".into(),
    );
    let mut incidents = 1;
    for round in 0..200 {
        let now = (10 + 3 * round) * SECOND;
        for port in 1000..1003 {
            for part in 0..40 {
                frame(&mut evidence, port, now + part);
            }
            evidence.incident(
                &event(&meta(port, now + 39), What::Malformed),
                Kind::Malformed,
                || "noise".into(),
            );
            incidents += 1;
        }
        evidence.tick(now + 3 * SECOND - 1);
        let on_disk: u64 = files(&options.folder)
            .iter()
            .filter_map(|f| f.metadata().ok())
            .map(|m| m.len())
            .sum();
        // One draft may lie beside the files.
        assert!(on_disk <= DISK + (1 << 17), "{on_disk}");
    }
    let counts = evidence.close();
    let lost = counts.queue_full + counts.write_error + counts.too_large + counts.without_frames;
    assert_eq!(
        (counts.files, lost, counts.unrecorded),
        (incidents, 0, 0),
        "{counts:?}"
    );
    let left = files(&options.folder);
    assert_eq!(
        left.len() as u64,
        counts.files - counts.removed,
        "{counts:?}"
    );
    assert!(counts.removed > 500, "{counts:?}");
    let on_disk: u64 = left.iter().map(|file| file.metadata().unwrap().len()).sum();
    assert!(on_disk <= DISK, "{on_disk}");
    let name = left[0].file_name().unwrap().to_str().unwrap();
    assert!(
        name.ends_with("-0000000000000001-notification.pcapng"),
        "{left:?}"
    );
}

/// More sessions than there is memory for: some frames are not recorded, and counted; nothing else happens.
#[test]
fn more_sessions_than_memory_are_counted() {
    let scratch = Scratch::new("evidence-sessions");
    let options = Options {
        folder: scratch.path("evidence"),
        before: Duration::from_secs(10),
        memory: 1 << 20,
        disk: 1 << 20,
    };
    let mut evidence = Evidence::start(&options, WhenFull::Drop).unwrap();
    let send = |evidence: &mut Evidence, port: u16, ns: u64| {
        let end = |last, port| Endpoint {
            addr: IpAddr::from([10, 0, 0, last]),
            port,
        };
        let seen = Seen {
            ns,
            wire_len: 100,
            link: LinkType::Ethernet,
            interface: 0,
            bytes: &[1; 100],
        };
        evidence.frame((end(1, port), end(2, 179)), &seen, false);
    };
    for port in 1..=1000 {
        send(&mut evidence, port, 1_000_000_000);
    }
    assert_eq!(
        evidence.counts().unrecorded,
        1000 - 64,
        "a block of 16 KiB for each"
    );
    evidence.incident(
        &event(&meta(999, 1_000_000_000), What::Gap),
        Kind::Gap,
        || "unseen".into(),
    );
    assert_eq!(evidence.counts().without_frames, 1);
    // Later the memory of those that are silent serves others.
    evidence.tick(30_000_000_000);
    for port in 2000..2064 {
        send(&mut evidence, port, 30_000_000_000);
    }
    assert_eq!(evidence.counts().unrecorded, 1000 - 64);
}

/// A lot comes behind an incident, more than one session may have of the memory: each part says why, and together
/// they have each frame once.
#[test]
fn an_incident_in_parts_has_every_frame_once() {
    const SECOND: u64 = 1_000_000_000;
    const MILLISECOND: u64 = 1_000_000;
    let scratch = Scratch::new("evidence-parts");
    let options = Options {
        folder: scratch.path("evidence"),
        before: Duration::from_secs(10),
        memory: 1 << 20,
        disk: 1 << 30,
    };
    let mut evidence = Evidence::start(&options, WhenFull::Wait).unwrap();
    let end = |last, port| Endpoint {
        addr: IpAddr::from([10, 0, 0, last]),
        port,
    };
    let bytes = |number: u64| {
        let mut bytes = vec![0x55; 1500];
        bytes[..8].copy_from_slice(&number.to_be_bytes());
        bytes
    };
    let time = |number: u64| SECOND + number * MILLISECOND;
    // Two seconds behind the incident, and some that do not belong to it.
    let (incident, last, all) = (40, 2000, 2200);
    for number in 0..all {
        let seen = Seen {
            ns: time(number),
            wire_len: 1500,
            link: LinkType::Ethernet,
            interface: 0,
            bytes: &bytes(number),
        };
        evidence.frame((end(1, 1), end(2, 179)), &seen, false);
        if number == incident {
            evidence.incident(&event(&meta(1, time(number)), What::Gap), Kind::Gap, || {
                "the reason".into()
            });
        }
        evidence.tick(time(number));
    }
    let counts = evidence.close();
    let lost = counts.queue_full + counts.write_error + counts.too_large + counts.without_frames;
    assert_eq!((lost, counts.unrecorded), (0, 0), "{counts:?}");
    let found = files(&options.folder);
    assert_eq!(found.len() as u64, counts.files);
    assert!(found.len() > 5, "{found:?}");
    let mut frames: Vec<(u64, u64)> = Vec::new();
    for file in &found {
        let text = std::fs::read(file).unwrap();
        let reasons = text
            .windows(10)
            .filter(|octets| octets == b"the reason")
            .count();
        assert_eq!(reasons, 1, "{}", file.display());
        let part = captured(file);
        frames.extend(part.iter().map(|(ns, _, _, bytes)| {
            let number = u64::from_be_bytes(bytes[..8].try_into().unwrap());
            (number, *ns)
        }));
    }
    frames.sort_unstable();
    let wanted: Vec<_> = (0..frames.len() as u64)
        .map(|number| (number, time(number)))
        .collect();
    assert_eq!(frames, wanted, "none is missing, none is there twice");
    assert!(frames.len() as u64 >= last + incident, "{}", frames.len());
}
