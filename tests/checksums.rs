//! TCP checksums against tshark's verdict, and what a wrong one changes.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use bgptap::capture::LinkType;
use bgptap::wire::{Checksum, Ports, checksum, dissect};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use support::flows;

/// tshark's verdict on each frame that holds one whole TCP segment: 1 good, 0 bad.
fn verdicts(file: &Path) -> BTreeMap<usize, bool> {
    let fields = ["-e", "frame.number", "-e", "tcp.checksum.status"];
    let output = Command::new("tshark")
        .args(["-o", "tcp.check_checksum:TRUE", "-r"])
        .arg(file)
        .args(["-Y", "tcp && !icmp", "-T", "fields"])
        .args(fields)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let line = |line: &str| {
        let (number, status) = line.split_once('\t')?;
        let good = match status {
            "1" => true,
            "0" => false,
            _ => return None,
        };
        Some((number.parse().ok()?, good))
    };
    text.lines().filter_map(line).collect()
}

#[test]
fn a_checksum_is_right_where_tshark_says_so() {
    let Some(files) = support::corpus() else {
        return;
    };
    if !support::have("tshark") {
        return;
    }
    let (mut right, mut wrong) = (0, 0);
    for file in files
        .iter()
        .filter(|file| file.extension().is_some_and(|e| e == "pcap"))
    {
        let bytes = std::fs::read(file).unwrap();
        // Ethernet, and the classic format: the others hold the same segments.
        let classic = [[0xd4, 0xc3, 0xb2, 0xa1], [0x4d, 0x3c, 0xb2, 0xa1]];
        if !classic.iter().any(|magic| bytes.starts_with(magic)) || bytes.get(20) != Some(&1) {
            continue;
        }
        if !is_whole(&bytes) {
            continue;
        }
        let told = verdicts(file);
        for (index, frame) in flows::frames(&bytes).iter().enumerate() {
            let length = frame.bytes.len() as u32;
            let ports = Ports::default();
            let Ok(segment) = dissect(&frame.bytes, LinkType::Ethernet, length, None, &ports)
            else {
                continue;
            };
            let Some(good) = told.get(&(index + 1)) else {
                continue;
            };
            match checksum(&frame.bytes, &segment) {
                Checksum::Unknown => continue,
                ours => assert_eq!(
                    ours == Checksum::Right,
                    *good,
                    "{} frame {}: {ours:?}",
                    file.display(),
                    index + 1
                ),
            }
            *(if *good { &mut right } else { &mut wrong }) += 1;
        }
    }
    println!("{right} right, {wrong} wrong");
    assert!(right > 500 && wrong > 5, "{right} {wrong}");
}

/// No record goes on behind the end of the file.
fn is_whole(file: &[u8]) -> bool {
    let mut at = 24;
    while let Some(length) = file.get(at + 8..at + 12) {
        let length = u32::from_le_bytes([length[0], length[1], length[2], length[3]]);
        at += 16 + length as usize;
    }
    at == file.len()
}

/// What the program makes of a capture.
fn read(scratch: &support::Scratch, file: &Path, mode: &str) -> (Value, Vec<Value>) {
    let summary = scratch.path("summary.json");
    let output = Command::new(env!("CARGO_BIN_EXE_bgptap"))
        .args(["read", "--json", "-", "--checksums", mode, "--summary"])
        .arg(&summary)
        .arg(file)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let events = std::str::from_utf8(&output.stdout).unwrap().lines();
    (
        serde_json::from_slice(&std::fs::read(&summary).unwrap()).unwrap(),
        events
            .map(|line| serde_json::from_str(line).unwrap())
            .collect(),
    )
}

/// A KEEPALIVE on the wire whose last octet was damaged, then the retransmission of it.
#[test]
fn a_damaged_copy_does_not_win_over_the_good_one() {
    let scratch = support::Scratch::new("checksums");
    let mut frames: Vec<Vec<u8>> = Vec::new();
    let mut keepalive = vec![0xff; 16];
    keepalive.extend([0, 19, 4]);
    for (number, damage) in [
        (0, false),
        (1, false),
        (2, false),
        (3, true),
        (3, false),
        (4, false),
    ] {
        let seg = support::segments::Seg::new(0, 0x10, 1000 + 19 * number, 7, &keepalive);
        let mut frame = seg.frame(number as u16);
        complete(&mut frame);
        if damage {
            *frame.last_mut().unwrap() = 9;
        }
        frames.push(frame);
    }
    let file = scratch.write("damaged.pcap", &pcap(&frames));
    for (mode, keepalives, damaged) in [("off", 4, 0), ("auto", 5, 1), ("on", 5, 1)] {
        let (summary, events) = read(&scratch, &file, mode);
        let count = events
            .iter()
            .filter(|event| event["type"] == "KEEPALIVE")
            .count();
        assert_eq!(count, keepalives, "{mode}");
        let skipped = &summary["frames"]["other"]["bad_checksum"];
        assert_eq!(skipped.as_u64().unwrap_or(0), damaged, "{mode}");
        assert_eq!(summary["unaccounted"]["frames"], 0);
        assert_eq!(summary["unaccounted"]["bytes"], 0);
    }
    // Checksums that nobody has made: all is taken, unless they are insisted on.
    for frame in &mut frames {
        frame[50..52].fill(0);
    }
    let file = scratch.write("none.pcap", &pcap(&frames));
    for (mode, taken) in [("off", true), ("auto", true), ("on", false)] {
        let (summary, _) = read(&scratch, &file, mode);
        let decoded = summary["messages"]["KEEPALIVE"].as_u64().unwrap();
        assert_eq!(decoded > 0, taken, "{mode}");
        assert_eq!(summary["unaccounted"]["frames"], 0);
    }
}

/// Fills in the TCP checksum of an IPv4 frame without options.
fn complete(frame: &mut [u8]) {
    let mut total = 6 + (frame.len() - 34) as u32;
    for (at, octet) in frame[26..].iter().enumerate() {
        total += u32::from(*octet) << if at % 2 == 0 { 8 } else { 0 };
    }
    while total > 0xffff {
        total = (total & 0xffff) + (total >> 16);
    }
    frame[50..52].copy_from_slice(&(!(total as u16)).to_be_bytes());
}

fn pcap(frames: &[Vec<u8>]) -> Vec<u8> {
    let words = |words: &[u32]| -> Vec<u8> { words.iter().flat_map(|w| w.to_le_bytes()).collect() };
    let mut file = words(&[0xa1b2_c3d4, 0x0004_0002, 0, 0, 65_535, 1]);
    for (second, frame) in (1..).zip(frames) {
        let length = frame.len() as u32;
        file.extend(words(&[second, 0, length, length]));
        file.extend(frame);
    }
    file
}
