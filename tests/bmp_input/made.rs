//! BMP in frames made by hand: what is missing, forged, of other ports.

use super::run;
use super::support::encode::Frame;
use super::support::frames::{self, ETHERNET};
use super::support::segments::{Seg, keepalive, message, open};
use super::support::{Scratch, read};
use std::path::PathBuf;

const BEGIN_NS: u64 = 1_700_000_000_000_000_000;
const SYN: u8 = 2;
/// The port that [`Seg`] sends to.
const PORT: [&str; 4] = ["--bmp-port", "179", "--port", "1179"];

/// A message about 203.0.113.9, AS 65009 (RFC 7854 §4.1, §4.2).
fn bmp(kind: u8, flags: u8, body: &[u8]) -> Vec<u8> {
    let mut out = vec![3];
    out.extend((48 + body.len() as u32).to_be_bytes());
    out.extend([kind, 0, flags]);
    out.extend([0; 20]);
    out.extend([203, 0, 113, 9, 0, 0, 0xfd, 0xf1, 203, 0, 113, 9]);
    out.extend([0; 8]);
    out.extend(body);
    out
}

pub fn up() -> Vec<u8> {
    let mut body = vec![0; 12];
    body.extend([203, 0, 113, 1, 0, 179, 0x9c, 0x40]);
    bmp(3, 0, &[body, open(65001, 90), open(65009, 90)].concat())
}

/// An UPDATE that withdraws 10.N.0.0/16.
pub fn update(number: u8) -> Vec<u8> {
    bmp(0, 0, &message(2, &[0, 3, 16, 10, number, 0, 0]))
}

/// A capture of one direction, whose sequence numbers begin at 1; parts of it in order.
pub fn capture(scratch: &Scratch, parts: &[(u8, u32, &[u8])]) -> PathBuf {
    let frames = parts
        .iter()
        .zip(0..)
        .map(|((flags, seq, payload), number)| {
            let bytes = Seg::new(0, *flags, *seq, 0, payload).frame(number);
            Frame {
                ns: BEGIN_NS + u64::from(number) * 1_000_000,
                wire_len: bytes.len() as u32,
                link: ETHERNET,
                bytes,
            }
        });
    frames::write(&frames.collect::<Vec<_>>(), scratch, "made.pcap")
}

fn withdrawn(file: &std::path::Path) -> Vec<String> {
    let read = read::read(file, &PORT);
    let events = read
        .events
        .into_iter()
        .filter(|event| event["type"] == "UPDATE");
    events
        .map(|event| {
            assert_eq!(
                event["timestamp"].as_f64().unwrap().floor(),
                1_700_000_000.0
            );
            assert_eq!(event["context"]["source"], "archive");
            event["withdrawals"][0]["prefixes"][0]
                .as_str()
                .unwrap()
                .to_owned()
        })
        .collect()
}

#[test]
fn a_session_in_segments_of_all_sizes_is_read() {
    let scratch = Scratch::new("bmp-made");
    let bytes = [up(), update(1), update(2), bmp(2, 0, &[4])].concat();
    for size in [1, 5, 6, 7, 48, 1000] {
        let parts = bytes.chunks(size).enumerate();
        let mut list: Vec<(u8, u32, &[u8])> = vec![(SYN, 0, &[])];
        list.extend(parts.map(|(number, part)| (0x18, 1 + (number * size) as u32, part)));
        let file = capture(&scratch, &list);
        assert_eq!(
            withdrawn(&file),
            ["10.1.0.0/16", "10.2.0.0/16"],
            "segments of {size}"
        );
        let events = read::read(&file, &PORT).events;
        let states: Vec<_> = events
            .iter()
            .filter(|event| event["type"] == "STATE")
            .collect();
        assert_eq!(states.len(), 2);
        assert_eq!(
            (&states[0]["state"], &states[1]["state"]),
            (&6.into(), &1.into())
        );
        assert_eq!(states[0]["reason"], "archive");
        assert_eq!(
            (states[0]["peer"].as_str(), states[0]["local"].as_str()),
            (Some("203.0.113.9"), Some("203.0.113.1"))
        );
    }
}

#[test]
fn a_hole_is_told_and_what_follows_is_read() {
    let scratch = Scratch::new("bmp-made");
    let all = [up(), update(1), update(2), update(3)];
    let lengths = all.each_ref().map(|part| part.len() as u32);
    let third = 1 + lengths[0] + lengths[1];
    let file = capture(
        &scratch,
        &[
            (SYN, 0, &[]),
            (0x18, 1, &all[0]),
            (0x18, third, &all[2]),
            (0x18, third + lengths[2], &all[3]),
        ],
    );
    assert_eq!(withdrawn(&file), ["10.2.0.0/16", "10.3.0.0/16"]);
    let output = run(&file, &PORT);
    assert_eq!(output.status.code(), Some(1));
    let log = String::from_utf8_lossy(&output.stderr);
    let missing = format!("BMP: {} bytes are missing in 1 places", lengths[1]);
    assert!(log.contains(&missing), "{log}");
}

#[test]
fn what_cannot_be_read_is_told_and_what_follows_is_read() {
    let scratch = Scratch::new("bmp-made");
    let broken = bmp(0, 0, &keepalive());
    let bytes = [up(), broken, update(1)].concat();
    let file = capture(&scratch, &[(SYN, 0, &[]), (0x18, 1, &bytes)]);
    assert_eq!(withdrawn(&file), ["10.1.0.0/16"]);
    let output = run(&file, &PORT);
    assert_eq!(output.status.code(), Some(1));
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(
        log.contains(
            "BMP: 1 messages could not be read; of the first: a BGP message of another type"
        ),
        "{log}"
    );
}

/// Joined in its middle: no damage, but it is said what was seen before the first message.
#[test]
fn joining_in_the_middle_is_no_damage() {
    let scratch = Scratch::new("bmp-made");
    let bytes = [&up()[20..], &update(1)].concat();
    let file = capture(&scratch, &[(0x18, 500, &bytes)]);
    assert_eq!(withdrawn(&file), ["10.1.0.0/16"]);
    let output = run(&file, &PORT);
    assert_eq!(output.status.code(), Some(0));
    let log = String::from_utf8_lossy(&output.stderr);
    let before = up().len() - 20;
    assert!(
        log.contains(&format!("joined in their middle, {before} bytes before")),
        "{log}"
    );
    assert!(
        log.contains("BMP: of the peers of 1 messages no Peer Up was seen"),
        "{log}"
    );
}

/// Also behind tags and tunnels, and in IP fragments.
#[test]
fn whatever_the_frames_are_wrapped_in_the_session_is_read() {
    let scratch = Scratch::new("bmp-made");
    let bytes = [up(), update(1), update(2)].concat();
    let plain = capture(&scratch, &[(SYN, 0, &[]), (0x18, 1, &bytes)]);
    let plain = frames::of(&plain);
    let expected = ["10.1.0.0/16", "10.2.0.0/16"];
    for (name, wrap) in super::support::wrap::WRAPS {
        let file = frames::write(&frames::wrapped(&plain, wrap), &scratch, "wrapped.pcap");
        assert_eq!(withdrawn(&file), expected, "{name}");
    }
    let cut = |frame: &[u8], id| super::support::wrap::fragmented(frame, 24, id);
    let file = frames::write(&frames::cut(&plain, cut), &scratch, "fragments.pcap");
    assert_eq!(withdrawn(&file), expected, "fragments");
}

#[test]
fn a_port_is_that_of_one_protocol() {
    let scratch = Scratch::new("bmp-made");
    let file = capture(&scratch, &[(SYN, 0, &[])]);
    let output = run(&file, &["--bmp-port", "179"]);
    assert_eq!(output.status.code(), Some(2));
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(log.contains("BGP is looked for there"), "{log}");
    assert!(
        log.contains("name the port of the station by --bmp-port"),
        "{log}"
    );
}
