//! BGP in IP fragments: the events are those of whole datagrams, and every frame is accounted for.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use bgptap::capture::LinkType;
use bgptap::wire::{FragmentLimits, Fragments, Ports, Segment, Skip, Skipped, dissect, fragment};
use bgptap_umem::buffer::{BufferPool, Class};
use std::path::Path;
use std::process::Command;
use support::encode::Frame;
use support::events::{assert_same, read};
use support::wrap::{WRAPS, fragmented, is_ip};
use support::{Scratch, frames, recording};

fn recorded() -> Vec<Frame> {
    let mut recorded = frames::of(recording());
    recorded.retain(|frame| is_ip(&frame.bytes));
    recorded
}

fn wrapped(name: &str, frame: &[u8]) -> Vec<u8> {
    WRAPS.iter().find(|(wrap, _)| *wrap == name).unwrap().1(frame)
}

/// Cuts a frame, which has this number, into frames.
type Cut = fn(&[u8], u32) -> Vec<Vec<u8>>;

/// Ways in which networks make fragments, and what becomes of them on their way.
const CUTS: [(&str, Cut); 6] = [
    ("in order", |frame, id| fragmented(frame, 160, id)),
    ("the last one first", |frame, id| {
        let mut parts = fragmented(frame, 64, id);
        parts.reverse();
        parts
    }),
    ("as a mirror of two ports shows them", |frame, id| {
        let parts = fragmented(frame, 400, id);
        parts
            .iter()
            .flat_map(|part| [part.clone(), wrapped("vlan", part)])
            .collect()
    }),
    ("in a tunnel, cut by the tunnel's router", |frame, id| {
        fragmented(&wrapped("erspan ii", frame), 552, id)
    }),
    ("in a tunnel over ipv6", |frame, id| {
        fragmented(&wrapped("gre over ipv6", frame), 200, id)
    }),
    ("fragments in fragments", |frame, id| {
        let inner = fragmented(frame, 480, id);
        let numbered = inner.iter().zip(id * 16..);
        numbered
            .flat_map(|(part, id)| fragmented(&wrapped("ip in ipv4", part), 200, id))
            .collect()
    }),
];

#[test]
fn the_same_events_come_from_fragments() {
    let scratch = Scratch::new("fragments");
    let (whole, _) = read(recording(), &scratch);
    let recorded = recorded();
    for (name, cut) in CUTS {
        let cut = frames::cut(&recorded, cut);
        let file = frames::write(&cut, &scratch, "cut.pcap");
        let (events, summary) = read(&file, &scratch);
        assert_same(&events, &whole, name);
        let frames = &summary["frames"];
        assert_eq!(frames["seen"], cut.len(), "{name}");
        assert!(
            frames["other"]["fragment_assembled"].as_u64().unwrap() > 200,
            "{name}: {frames}"
        );
        // What is doubled comes after the datagram is whole, and waits for another.
        let wanted = if name.contains("mirror") { u64::MAX } else { 0 };
        for waste in ["fragment_timeout", "fragment_pending", "fragment_limit"] {
            assert!(
                frames["other"][waste].as_u64().unwrap() <= wanted,
                "{name}: {frames}"
            );
        }
        assert_eq!(summary["unaccounted"]["frames"], 0, "{name}: {summary}");
        assert_eq!(summary["unaccounted"]["bytes"], 0, "{name}: {summary}");
    }
}

/// That tshark finds the messages shows that the fragments are what they claim to be.
#[test]
fn tshark_puts_the_same_fragments_together() {
    if !support::have("tshark") {
        return;
    }
    let scratch = Scratch::new("fragments");
    let updates = |file: &Path| {
        let output = Command::new("tshark")
            .args(["-T", "fields", "-e", "bgp.type", "-r"])
            .arg(file)
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        text.split([',', '\n']).filter(|kind| *kind == "2").count()
    };
    for (name, cut) in CUTS {
        if name.contains("mirror") {
            // tshark takes the second copy of a segment for a retransmission and shows it again.
            continue;
        }
        let file = frames::write(&frames::cut(&recorded(), cut), &scratch, "cut.pcap");
        // tests/data/README.md
        assert_eq!(updates(&file), 3249, "{name}");
    }
}

/// Sequence number and length of each segment to or from port 80 that came in fragments, by tshark.
fn tshark_segments(file: &Path) -> Vec<(u32, u32)> {
    let output = Command::new("tshark")
        .args(["-o", "tcp.relative_sequence_numbers:false", "-T", "fields"])
        .args([
            "-e",
            "tcp.seq",
            "-e",
            "tcp.len",
            "-Y",
            "tcp.port == 80 && ip.fragments",
            "-r",
        ])
        .arg(file)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let numbers = text.lines().map(|line| {
        let (seq, len) = line.split_once('\t').unwrap();
        (seq.parse().unwrap(), len.parse().unwrap())
    });
    numbers.collect()
}

fn our_segments(file: &Path) -> Vec<(u32, u32)> {
    let classes = [Class {
        size: 65_535,
        count: 16,
    }];
    let pool = BufferPool::new(&classes, false).unwrap();
    let mut fragments = Fragments::new(FragmentLimits::default(), pool);
    let (mut skipped, ports) = (Skipped::default(), Ports::new(&[80]));
    let mut found = Vec::new();
    for frame in frames::of(file) {
        let (bytes, length) = (&frame.bytes, frame.wire_len);
        let Some(piece) = fragment(bytes, LinkType::Ethernet, length, None, &ports) else {
            continue;
        };
        let payload = &bytes[piece.payload.clone()];
        if let Some(whole) = fragments.insert(&piece, payload, frame.ns, &mut skipped) {
            let length = whole.datagram.len() as u32;
            match dissect(&whole.datagram, LinkType::RawIp, length, None, &ports) {
                Ok(segment) => {
                    found.push((segment.seq, segment.payload.end - segment.payload.start));
                }
                Err(skip) => assert_eq!(skip, Skip::OtherPort),
            }
        }
    }
    found
}

/// Captures of others, with what they were made to trouble reassembly with.
#[test]
fn recorded_fragments_make_the_segments_that_tshark_makes() {
    let Some(corpus) = support::corpus() else {
        return;
    };
    if !support::have("tshark") {
        return;
    }
    let mut segments = 0;
    for name in [
        "http_ip_fragmented.pcap",
        "http_ip_fragmented_out_of_order.pcap",
        "frag_http_req.pcap",
    ] {
        let file = corpus.iter().find(|file| file.ends_with(name)).unwrap();
        let expected = tshark_segments(file);
        segments += expected.len();
        assert_eq!(our_segments(file), expected, "{name}");
    }
    assert!(segments > 20, "{segments}");
}

fn find(frame: &[u8]) -> Result<Segment, Skip> {
    let length = u32::try_from(frame.len()).unwrap();
    dissect(frame, LinkType::Ethernet, length, None, &Ports::default())
}

/// Datagrams that never become whole are not silently gone.
#[test]
fn what_is_missing_is_told() {
    let scratch = Scratch::new("fragments");
    let mut some = recorded();
    some.retain(|frame| find(&frame.bytes).is_ok());
    some.truncate(400);
    let cut = frames::cut(&some, |frame, id| {
        let mut parts = fragmented(frame, 24, id);
        parts.truncate(2);
        parts
    });
    let file = frames::write(&cut, &scratch, "cut.pcap");
    let (_, summary) = read(&file, &scratch);
    let other = &summary["frames"]["other"];
    let waited = ["fragment_timeout", "fragment_pending", "fragment_limit"]
        .map(|name| other[name].as_u64().unwrap());
    let incomplete = some
        .iter()
        .zip(0..)
        .filter(|(frame, id)| fragmented(&frame.bytes, 24, *id).len() > 2);
    let expected = 2 * incomplete.count() as u64;
    assert!(expected > 300, "{expected}");
    assert_eq!(waited.iter().sum::<u64>(), expected, "{summary}");
    assert_eq!(summary["unaccounted"]["frames"], 0, "{summary}");
}
