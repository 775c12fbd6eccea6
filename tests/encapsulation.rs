//! One recording in every encapsulation: the events are the same, and tshark sees as many messages.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use bgptap::capture::LinkType;
use bgptap::wire::{Ports, Segment, Skip, dissect};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use support::encode::Frame;
use support::events::{assert_same, read};
use support::wrap::{WRAPS, is_ip};
use support::{Scratch, frames, recording, wrap};

/// The recording's datagrams in frames as Ethernet sends them: the short ones are padded, here
/// with what looks like a marker.
fn padded() -> Vec<Frame> {
    let mut recorded = frames::of(recording());
    recorded.retain(|frame| is_ip(&frame.bytes));
    for frame in &mut recorded {
        let length = frame.bytes.len().max(60);
        frame.bytes.resize(length, 0xff);
        frame.wire_len = length as u32;
    }
    recorded
}

/// How many messages tshark finds, by type.
fn tshark(file: &Path) -> BTreeMap<String, u64> {
    let output = Command::new("tshark")
        .args(["-T", "fields", "-E", "occurrence=a", "-e", "bgp.type", "-r"])
        .arg(file)
        .output()
        .unwrap();
    let mut counts = BTreeMap::new();
    let text = String::from_utf8(output.stdout).unwrap();
    for kind in text.split([',', '\n']).filter(|kind| !kind.is_empty()) {
        *counts.entry(kind.to_owned()).or_default() += 1;
    }
    counts
}

fn in_wrap(
    scratch: &Scratch,
    name: &str,
    recorded: &[Frame],
    wrap: fn(&[u8]) -> Vec<u8>,
) -> PathBuf {
    frames::write(
        &frames::wrapped(recorded, wrap),
        scratch,
        &format!("{name}.pcap"),
    )
}

#[test]
fn the_same_events_come_from_every_encapsulation() {
    let scratch = Scratch::new("encapsulation");
    let recorded = padded();
    let (plain, _) = read(recording(), &scratch);
    assert!(plain.len() >= 10, "{} sessions", plain.len());
    for (name, wrap) in WRAPS {
        let file = in_wrap(&scratch, name, &recorded, *wrap);
        let (events, summary) = read(&file, &scratch);
        assert_same(&events, &plain, name);
        assert_eq!(summary["unaccounted"]["frames"], 0, "{name}: {summary}");
        assert_eq!(summary["unaccounted"]["bytes"], 0, "{name}: {summary}");
    }
}

/// That tshark understands the frames shows that they are what they claim to be.
#[test]
fn tshark_finds_as_many_messages_in_every_encapsulation() {
    if !support::have("tshark") {
        return;
    }
    let scratch = Scratch::new("encapsulation");
    let recorded = padded();
    let truth = tshark(recording());
    // tests/data/README.md
    assert_eq!(truth["2"], 3249);
    for (name, wrap) in WRAPS {
        let file = in_wrap(&scratch, name, &recorded, *wrap);
        assert_eq!(tshark(&file), truth, "{name}");
    }
}

/// 192.0.2.1 port 40000 to 192.0.2.2 port 179, a KEEPALIVE.
fn keepalive() -> Vec<u8> {
    let ports = [0x9c, 0x40, 0, 179];
    let header = [0, 0, 0, 7, 0, 0, 0, 9, 0x50, 0x18, 1, 0, 0, 0, 0, 0];
    let message = [&[0xff; 16][..], &[0, 19, 4]].concat();
    let segment = [&ports[..], &header, &message].concat();
    wrap::ethernet(wrap::IPV4, &wrap::ipv4(6, &segment))
}

fn find(frame: &[u8]) -> Result<Segment, Skip> {
    let length = u32::try_from(frame.len()).unwrap();
    dissect(frame, LinkType::Ethernet, length, None, &Ports::default())
}

/// Mirrors may send only the start of each frame; the outer length is right then, the inner not.
#[test]
fn what_a_mirror_cut_off_is_cut_and_not_missing() {
    let short = &keepalive()[..14 + 40 + 5];
    let padding = [0xff; 9];
    for (name, wrap) in WRAPS.iter().filter(|(name, _)| name.starts_with("erspan")) {
        let inner = if name.contains("tagged") {
            continue;
        } else {
            short
        };
        let frame = [&wrap(inner)[..], &padding].concat();
        let segment = find(&frame).unwrap_or_else(|skip| panic!("{name}: {skip:?}"));
        assert_eq!(segment.payload.len(), 5, "{name}");
        assert_eq!(segment.cut, 14, "{name}");
        let payload = segment.payload.start as usize..segment.payload.end as usize;
        assert_eq!(frame[payload], [0xff; 5], "{name}");
    }
}

/// Each header before TCP counts; nesting without end is refused and counted.
#[test]
fn nesting_is_bounded() {
    let nest = |depth: usize| {
        let mut inner = wrap::datagram(&keepalive()).to_vec();
        for _ in 0..depth {
            inner = wrap::ipv4(4, &inner);
        }
        wrap::ethernet(wrap::IPV4, &inner)
    };
    // Ethernet, the innermost IP and TCP are three of 24.
    assert_eq!(find(&nest(21)).unwrap().payload.len(), 19);
    assert_eq!(find(&nest(22)), Err(Skip::TooDeep));
    let labels = |count| wrap::labels(&vec![16; count], wrap::datagram(&keepalive()));
    assert!(find(&wrap::ethernet(wrap::MPLS, &labels(21))).is_ok());
    let endless = wrap::ethernet(wrap::MPLS, &labels(300));
    assert_eq!(find(&endless), Err(Skip::TooDeep));
}

/// Every header of every encapsulation, cut anywhere, is truncated and nothing else.
#[test]
fn headers_cut_anywhere_are_truncated() {
    for (name, wrap) in WRAPS {
        let frame = wrap(&keepalive());
        let headers = frame.len() - 19;
        for length in 0..headers {
            let cut = dissect(
                &frame[..length],
                LinkType::Ethernet,
                frame.len() as u32,
                None,
                &Ports::default(),
            );
            assert_eq!(cut, Err(Skip::Truncated), "{name} at {length}");
        }
    }
}

#[test]
fn what_is_not_what_it_seems_is_passed_over() {
    let frame = keepalive();
    let ip = wrap::datagram(&frame);
    let gre = |flags, version, payload: &[u8]| {
        let mut gre = wrap::gre(flags, wrap::IPV4, payload);
        gre[1] = version;
        wrap::ethernet(wrap::IPV4, &wrap::ipv4(47, &gre))
    };
    let erspan = |version: u8| {
        let mut header = wrap::erspan_ii(&frame);
        header[0] = version << 4;
        wrap::ethernet(
            wrap::IPV4,
            &wrap::ipv4(47, &wrap::gre(0x10, 0x88be, &header)),
        )
    };
    let udp = |port, payload: &[u8]| {
        wrap::ethernet(wrap::IPV4, &wrap::ipv4(17, &wrap::udp(port, payload)))
    };
    let mut without_identifier = wrap::vxlan(&frame);
    without_identifier[0] = 0;
    let mut other_version = wrap::geneve(&frame);
    other_version[0] |= 0x40;
    let mut discovery = wrap::pppoe(&frame);
    discovery[1] = 9;
    for (what, bytes, expected) in [
        ("GRE version 0", gre(0, 0, ip), Ok(())),
        ("PPTP", gre(0x20, 1, ip), Err(Skip::NotTcp)),
        ("RFC 1701 routes", gre(0x40, 0, ip), Err(Skip::NotTcp)),
        ("ERSPAN II", erspan(1), Ok(())),
        ("ERSPAN of the future", erspan(3), Err(Skip::BadHeader)),
        (
            "VXLAN without identifier",
            udp(4789, &without_identifier),
            Err(Skip::NotTcp),
        ),
        (
            "GENEVE version 1",
            udp(6081, &other_version),
            Err(Skip::NotTcp),
        ),
        ("DNS", udp(53, ip), Err(Skip::NotTcp)),
        (
            "ESP",
            wrap::ethernet(wrap::IPV4, &wrap::ipv4(50, ip)),
            Err(Skip::NotTcp),
        ),
        (
            "PPPoE with a code",
            wrap::ethernet(wrap::PPPOE, &discovery),
            Err(Skip::NotIp),
        ),
        (
            "management of a pseudowire",
            wrap::ethernet(
                wrap::MPLS,
                &wrap::labels(&[1], &[&[0x10, 0, 0, 0], &frame[..]].concat()),
            ),
            Err(Skip::NotIp),
        ),
        (
            "CDP in GRE",
            wrap::ethernet(wrap::IPV4, &wrap::ipv4(47, &wrap::gre(0, 0x2000, ip))),
            Err(Skip::NotIp),
        ),
    ] {
        assert_eq!(find(&bytes).map(|_| ()), expected, "{what}");
    }
}

/// The VLAN of a session is that of its own link, not that of the way its mirror takes.
#[test]
fn the_vlan_is_that_of_the_link_that_is_mirrored() {
    let frame = keepalive();
    let transport = |outer: &[u8]| wrap::tagged(&[(wrap::VLAN, 99)], outer);
    let tagged = wrap::tagged(&[(wrap::SERVICE_VLAN, 200), (wrap::VLAN, 100)], &frame);
    let with = |name: &str| WRAPS.iter().find(|(wrap, _)| *wrap == name).unwrap().1;
    for (what, bytes, vlan) in [
        ("a tag", transport(&frame), Some(99)),
        ("two tags", tagged.clone(), Some(100)),
        ("the tunnel's tag", transport(&with("vxlan")(&frame)), None),
        (
            "the tunnel's tag",
            transport(&with("ip in ipv4")(&frame)),
            None,
        ),
        (
            "a tag inside",
            transport(&with("vxlan")(&tagged)),
            Some(100),
        ),
        (
            "what ERSPAN tells",
            transport(&with("erspan ii")(&frame)),
            Some(5),
        ),
        (
            "what ERSPAN tells",
            transport(&with("erspan iii")(&frame)),
            Some(5),
        ),
        (
            "a tag inside ERSPAN",
            with("erspan iii")(&tagged),
            Some(100),
        ),
    ] {
        assert_eq!(find(&bytes).unwrap().vlan, vlan, "{what}");
    }
    // What the card stripped was the outermost tag.
    let stripped = dissect(
        &with("vxlan")(&frame),
        LinkType::Ethernet,
        0,
        Some(99),
        &Ports::default(),
    );
    assert_eq!(stripped.unwrap().vlan, None);
}

proptest::proptest! {
    /// Whatever stands behind the headers of an encapsulation, ranges stay inside the frame.
    #[test]
    fn noise_behind_any_header_never_panics(
        which in 0..WRAPS.len(),
        keep in 0usize..120,
        noise in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200),
    ) {
        let mut frame = WRAPS[which].1(&keepalive());
        frame.truncate(keep);
        frame.extend(noise);
        let every = Ports::new(&(0..=u16::MAX).collect::<Vec<_>>());
        if let Ok(segment) = dissect(&frame, LinkType::Ethernet, 0, None, &every) {
            proptest::prop_assert!(segment.options.end <= segment.payload.start);
            proptest::prop_assert!(segment.payload.start <= segment.payload.end);
            proptest::prop_assert!(segment.payload.end as usize <= frame.len());
        }
    }
}
