//! BMP sessions in captures as input: what other projects read in them, and what bgptap itself has told a station.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![allow(unreachable_pub, reason = "modules of this test alone")]

mod made;
mod netgauze;
mod order;
mod parser;
#[allow(dead_code, reason = "a part of it serves here")]
#[path = "../bmp/station.rs"]
mod station;
#[path = "../support/mod.rs"]
mod support;
mod trip;

use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use support::Scratch;

/// The captures with BMP: name, messages in all, and how many of them are passed over.
///
/// All messages are of `INDEX.md` of the corpus. Told are UPDATEs of sessions, one Peer Up for each of these, and
/// one Peer Down. Passed over are:
const CAPTURES: [(&str, u64, u64); 5] = [
    // Initiation, 6 Peer Ups and 18 UPDATEs of Loc-RIBs, and 10 Peer Ups that repeat two (RFC 7854 §4.10): the router
    // sends one for each view of each of them.
    ("200-BMP-HUAWEI-locrib_instance--traffic-00.pcap", 103, 35),
    // Initiation and 42 Statistics Reports.
    ("201-BMP-CISCO-rd_instance--traffic-00.pcap", 336, 43),
    // 2 Statistics Reports and 2 Initiations; a Peer Up of the other end of a session. (The Peer Up of the other end of the
    // first session is not in the capture, so that its Peer Down ends what nobody else tells of.)
    ("data--bmp.pcapng", 12, 5),
    // 7 Statistics Reports; 2 Peer Ups and a Peer Down of the other end of a session.
    ("evpn--evpn.pcap", 156, 10),
    // All are of version 4, which is a draft.
    ("path-status--ipv4_unicast_path_marking.pcap", 5, 5),
];

const PORTS: [&str; 4] = ["--bmp-port", "1790", "--bmp-port", "10000"];

/// The captures of the corpus, mended as [`mended`] says.
fn captures(scratch: &Scratch) -> Option<Vec<PathBuf>> {
    let files = support::corpus()?;
    let find = |name: &str| files.iter().find(|file| file.ends_with(name)).unwrap();
    let mended = CAPTURES
        .iter()
        .map(|(name, ..)| mended(find(name), scratch));
    Some(mended.collect())
}

/// A capture in which a SYN has a sequence number of its own (RFC 9293 §3.4).
///
/// Two captures were made by a program that does not know that: their SYNs hold data, and what follows is numbered
/// as if the SYN took no number. By the RFC the first octet behind is an old one, so that what follows is no message.
fn mended(file: &Path, scratch: &Scratch) -> PathBuf {
    let name = file.file_name().unwrap().to_str().unwrap();
    if !name.contains("traffic-00") {
        return file.to_owned();
    }
    let mut frames = support::frames::of(file);
    let syn = &mut frames[0].bytes[14 + 20 + 4..][..4];
    let seq = u32::from_be_bytes(syn.try_into().unwrap());
    syn.copy_from_slice(&seq.wrapping_sub(1).to_be_bytes());
    support::frames::write(&frames, scratch, name)
}

fn run(file: &Path, more: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bgptap"));
    command.arg("read").arg(file).args(more);
    command.output().unwrap()
}

/// How many messages of each type tshark sees.
fn types(file: &Path) -> BTreeMap<u8, u64> {
    let mut command = Command::new("tshark");
    command.args([
        "-r",
        file.to_str().unwrap(),
        "-T",
        "fields",
        "-e",
        "bmp.type",
    ]);
    command.args([
        "-d",
        "tcp.port==1790,bmp",
        "-d",
        "tcp.port==10000,bmp",
        "-Y",
        "bmp",
    ]);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let mut types = BTreeMap::new();
    let text = String::from_utf8(output.stdout).unwrap();
    for kind in text.split([',', '\n']).filter(|kind| !kind.is_empty()) {
        *types.entry(kind.parse().unwrap()).or_default() += 1;
    }
    types
}

/// Each message is accounted for: it is told, or one of those that are passed over.
#[test]
fn each_message_is_told_or_passed_over() {
    let scratch = Scratch::new("bmp-input");
    let Some(files) = captures(&scratch) else {
        return;
    };
    let tshark = support::have("tshark");
    for (file, (name, all, passed)) in files.iter().zip(CAPTURES) {
        let output = run(file, &PORTS);
        let log = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(0), "{name}: {log}");
        let read = support::read::read(file, &PORTS);
        let other = &read.summary["frames"]["other"];
        assert_eq!(other["archive"], passed, "{name}");
        let frames = support::frames::of(file).len() as u64;
        assert_eq!(
            other["other_port"], frames,
            "{name}: the frames go on as they were"
        );
        let updates = |event: &&Value| event["type"] == "UPDATE";
        let told = read.events.iter().filter(updates).count() as u64;
        // Whoever tells of a session tells its OPENs and its state.
        let opens = read.events.iter().filter(|event| event["type"] == "OPEN");
        let ups = opens.count() as u64 / 2;
        let downs = read
            .events
            .iter()
            .filter(|event| event["type"] == "STATE" && event["state"] == 1);
        assert_eq!(told + ups + downs.count() as u64 + passed, all, "{name}");
        if tshark {
            let types = types(file);
            assert_eq!(types.values().sum::<u64>(), all, "{name}: {types:?}");
            // tshark does not tell the UPDATEs of Loc-RIBs from others, so there are at least as many.
            assert!(
                types.get(&0).is_none_or(|updates| *updates >= told),
                "{name}"
            );
        }
    }
}

/// Without the flag a capture is what it was.
#[test]
fn nobody_is_told_of_bmp_who_does_not_ask() {
    let scratch = Scratch::new("bmp-input");
    let Some(files) = captures(&scratch) else {
        return;
    };
    for file in files {
        let read = support::read::read(&file, &[]);
        assert!(read.events.is_empty(), "{}", file.display());
        assert_eq!(read.summary["frames"]["other"]["archive"], 0);
    }
}

/// As they are, the captures whose SYNs are wrong lose the message behind the SYN, and the status tells.
#[test]
fn a_lost_message_is_told() {
    let Some(files) = support::corpus() else {
        return;
    };
    for (name, lost) in [("200-BMP", "163 bytes"), ("201-BMP", "165 bytes")] {
        let is_it = |file: &&PathBuf| file.to_str().unwrap().contains(name);
        let output = run(files.iter().find(is_it).unwrap(), &PORTS);
        assert_eq!(output.status.code(), Some(1), "{name}");
        let log = String::from_utf8_lossy(&output.stderr);
        assert!(
            log.contains(&format!("BMP: {lost} were passed over")),
            "{log}"
        );
        assert!(
            log.contains("BMP: the first of this was from 192.0.2."),
            "{log}"
        );
    }
}
