//! What `dissect` finds behind each link type, and that no bytes make it panic.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::walk::HEADERS_MAX;
use super::*;

const LINKS: [LinkType; 9] = [
    LinkType::Ethernet,
    LinkType::LinuxSll,
    LinkType::LinuxSll2,
    LinkType::RawIp,
    LinkType::Null,
    LinkType::Loop,
    LinkType::Ppp,
    LinkType::CiscoHdlc,
    LinkType::FrameRelay,
];

fn tcp(payload: &[u8]) -> Vec<u8> {
    let mut out = vec![0xc0, 0x01, 0, 179];
    out.extend([0, 0, 0, 7, 0, 0, 0, 9, 0x60, 0x18, 0x10, 0, 0, 0, 0, 0]);
    out.extend([1, 1, 1, 0]);
    out.extend(payload);
    out
}

fn v4(payload: &[u8]) -> Vec<u8> {
    let tcp = tcp(payload);
    // Five words, plus one of options.
    let total = u16::try_from(24 + tcp.len()).unwrap().to_be_bytes();
    let mut out = vec![0x46, 0, total[0], total[1], 0, 0, 0x40, 0, 1, 6, 0, 0];
    out.extend([10, 0, 0, 1, 10, 0, 0, 2, 1, 1, 1, 0]);
    out.extend(tcp);
    out
}

/// `extensions` are (type, bytes) in order, the first of the bytes to be overwritten.
fn v6(extensions: &[(u8, Vec<u8>)], payload: &[u8]) -> Vec<u8> {
    let mut chain = Vec::new();
    for (at, (_, bytes)) in extensions.iter().enumerate() {
        let mut bytes = bytes.clone();
        bytes[0] = extensions.get(at + 1).map_or(6, |next| next.0);
        chain.extend(bytes);
    }
    chain.extend(tcp(payload));
    let len = u16::try_from(chain.len()).unwrap().to_be_bytes();
    let first = extensions.first().map_or(6, |first| first.0);
    let mut out = vec![0x60, 0, 0, 0, len[0], len[1], first, 1];
    out.extend([0x20; 16]);
    out.extend([0x30; 16]);
    out.extend(chain);
    out
}

fn behind(link: &[u8], ip: &[u8]) -> Vec<u8> {
    [link, ip].concat()
}

fn find(bytes: &[u8], link: LinkType) -> Result<Segment, Skip> {
    let len = u32::try_from(bytes.len()).unwrap();
    dissect(bytes, link, len, None, &Ports::default())
}

fn payload<'a>(bytes: &'a [u8], segment: &Segment) -> &'a [u8] {
    &bytes[segment.payload.start as usize..segment.payload.end as usize]
}

fn ether(tags: &[u16], ether_type: u16) -> Vec<u8> {
    let mut out = vec![2; 12];
    for tag in tags {
        out.extend([0x81, 0x00]);
        out.extend(tag.to_be_bytes());
    }
    out.extend(ether_type.to_be_bytes());
    out
}

#[test]
fn every_link_header_leads_to_the_payload() {
    let sll = [&[0; 14][..], &[0x08, 0x00]].concat();
    let sll2 = [&[0x86, 0xdd][..], &[0; 18]].concat();
    let mpls = [0, 1, 0, 0, 0, 2, 1, 64];
    let snap = [0x18, 0x41, 0x03, 0, 0x80, 0, 0, 0, 0x08, 0x00];
    let table: Vec<(LinkType, Vec<u8>, bool)> = vec![
        (LinkType::Ethernet, ether(&[], 0x0800), true),
        (LinkType::Ethernet, ether(&[], 0x86dd), false),
        (LinkType::Ethernet, ether(&[5; 8], 0x0800), true),
        (LinkType::Ethernet, behind(&ether(&[], 0x8847), &mpls), true),
        (
            LinkType::Ethernet,
            behind(&ether(&[9], 0x8848), &mpls),
            false,
        ),
        (LinkType::LinuxSll, sll, true),
        (LinkType::LinuxSll2, sll2, false),
        (LinkType::RawIp, vec![], true),
        (LinkType::RawIp, vec![], false),
        (LinkType::Null, vec![2, 0, 0, 0], true),
        (LinkType::Null, vec![0, 0, 0, 30], false),
        (LinkType::Loop, vec![0, 0, 0, 24], false),
        (LinkType::Ppp, vec![0xff, 3, 0, 0x21], true),
        (LinkType::Ppp, vec![0, 0x57], false),
        (LinkType::Ppp, vec![0x21], true),
        (LinkType::Ppp, behind(&[0x02, 0x81], &mpls), true),
        (LinkType::CiscoHdlc, vec![0x0f, 0, 0x08, 0], true),
        (LinkType::CiscoHdlc, vec![0xff, 3, 0, 0x57], false),
        (LinkType::FrameRelay, vec![0x18, 0x41, 0x03, 0xcc], true),
        (LinkType::FrameRelay, vec![0x18, 0x41, 0x03, 0x8e], false),
        (LinkType::FrameRelay, snap.to_vec(), true),
        (LinkType::FrameRelay, vec![0x18, 0x41, 0x08, 0], true),
    ];
    for (link, header, is_v4) in table {
        let ip = if is_v4 {
            v4(b"hello")
        } else {
            v6(&[], b"hello")
        };
        let bytes = behind(&header, &ip);
        let segment = find(&bytes, link).unwrap_or_else(|e| panic!("{link:?} {header:?}: {e:?}"));
        assert_eq!(payload(&bytes, &segment), b"hello", "{link:?}");
        assert_eq!(segment.src.addr.is_ipv4(), is_v4);
        assert_eq!((segment.src.port, segment.dst.port), (0xc001, 179));
        assert_eq!((segment.seq, segment.ack, segment.cut), (7, 9, 0));
        assert_eq!(segment.window, 0x1000);
        assert!(segment.flags.ack() && !segment.flags.syn());
        assert_eq!(segment.options.end - segment.options.start, 4);
    }
}

#[test]
fn the_innermost_vlan_wins_over_the_stripped_one() {
    let tagged = behind(&ether(&[0x2007, 0x0008, 0x0000], 0x0800), &v4(b""));
    let plain = behind(&ether(&[], 0x0800), &v4(b""));
    for (bytes, vlan) in [(tagged, Some(8)), (plain, Some(99))] {
        let found = dissect(&bytes, LinkType::Ethernet, 0, Some(99), &Ports::default());
        assert_eq!(found.unwrap().vlan, vlan);
    }
}

#[test]
fn the_payload_ends_where_ip_says() {
    let padded = behind(&v4(b"x"), &[0; 6]);
    let segment = find(&padded, LinkType::RawIp).unwrap();
    assert_eq!((payload(&padded, &segment), segment.cut), (&b"x"[..], 0));

    let snapped = &v4(b"hello")[..50];
    let segment = find(snapped, LinkType::RawIp).unwrap();
    assert_eq!((payload(snapped, &segment), segment.cut), (&b"he"[..], 3));

    let mut offloaded = v4(b"hello");
    offloaded[2..4].fill(0);
    let segment = find(&offloaded, LinkType::RawIp).unwrap();
    assert_eq!(payload(&offloaded, &segment), b"hello");
    let cut = dissect(&offloaded, LinkType::RawIp, 60, None, &Ports::default());
    assert_eq!(cut.unwrap().cut, 7);
}

#[test]
fn ipv6_extension_headers_are_followed_up_to_a_bound() {
    let options = |kind| (kind, vec![0; 8]);
    let authentication = (51, [vec![0, 4], vec![0; 22]].concat());
    let atomic = (44, vec![0; 8]);
    let bytes = v6(
        &[options(0), options(43), atomic, authentication, options(60)],
        b"hi",
    );
    let segment = find(&bytes, LinkType::RawIp).unwrap();
    assert_eq!(payload(&bytes, &segment), b"hi");

    // IP, then as many more as may be, then TCP.
    let deep = v6(&vec![options(60); HEADERS_MAX - 2], b"hi");
    assert!(find(&deep, LinkType::RawIp).is_ok());
    let endless = v6(&vec![options(60); HEADERS_MAX - 1], b"hi");
    assert_eq!(find(&endless, LinkType::RawIp), Err(Skip::TooDeep));
    // Each of them is the longest that there is.
    let far = (60, [vec![0, 255], vec![0; 2046]].concat());
    let twice = v6(&[far.clone(), far], b"hi");
    assert_eq!(find(&twice, LinkType::RawIp), Err(Skip::TooDeep));
    let fragment = v6(&[(44, vec![0, 0, 0, 1, 0, 0, 0, 0])], b"hi");
    assert_eq!(find(&fragment, LinkType::RawIp), Err(Skip::Fragment));
}

#[test]
fn what_is_no_bgp_segment_says_why() {
    let patched = |at: usize, value: u8| {
        let mut bytes = v4(b"hello");
        bytes[at] = value;
        bytes
    };
    let table = [
        (Skip::NotIp, patched(0, 0x56)),
        (Skip::NotTcp, patched(9, 17)),
        (Skip::OtherPort, patched(27, 80)),
        (Skip::Fragment, patched(6, 0x20)),
        (Skip::Fragment, patched(7, 1)),
        (Skip::BadHeader, patched(0, 0x44)),
        (Skip::BadHeader, patched(3, 8)),
        (Skip::BadHeader, patched(36, 0x40)),
        (Skip::Truncated, patched(36, 0xf0)),
        (Skip::Truncated, v4(b"hello")[..40].to_vec()),
        (Skip::Truncated, vec![]),
    ];
    for (skip, bytes) in table {
        assert_eq!(find(&bytes, LinkType::RawIp), Err(skip));
    }
    let length = behind(&ether(&[], 0x0026), &v4(b""));
    assert_eq!(find(&length, LinkType::Ethernet), Err(Skip::NotIp));
    // Ethernet, IP and TCP are headers too.
    let tagged = |tags: &[u16]| behind(&ether(tags, 0x0800), &v4(b""));
    assert!(find(&tagged(&[5; HEADERS_MAX - 3]), LinkType::Ethernet).is_ok());
    let tags = tagged(&[5; HEADERS_MAX - 2]);
    assert_eq!(find(&tags, LinkType::Ethernet), Err(Skip::TooDeep));
}

#[test]
fn ports_are_a_set() {
    let ports = Ports::new(&[1790, 179, 179]);
    assert_eq!(ports, Ports::new(&[179, 1790]));
    assert!(ports.contains(179) && ports.contains(1790) && !ports.contains(80));
}

proptest! {
    /// Whatever the bytes, ranges stay inside the frame.
    #[test]
    fn arbitrary_bytes_never_panic(
        noise in proptest::collection::vec(any::<u8>(), 0..200),
        from in 0usize..80,
        wire_len in any::<u32>(),
        link in proptest::sample::select(LINKS.to_vec()),
        is_v4 in any::<bool>(),
    ) {
        // Noise alone, and noise written over the tail of a frame that is well formed.
        let mut bytes = behind(&ether(&[], 0x0800), &if is_v4 { v4(b"x") } else { v6(&[], b"x") });
        bytes.truncate(from);
        bytes.extend(&noise);
        let every = Ports::new(&(0..=u16::MAX).step_by(7).collect::<Vec<_>>());
        for frame in [&noise, &bytes] {
            if let Ok(segment) = dissect(frame, link, wire_len, None, &every) {
                let len = u32::try_from(frame.len()).unwrap();
                prop_assert!(segment.payload.start <= segment.payload.end);
                prop_assert!(segment.payload.end <= len);
                prop_assert!(segment.options.end <= segment.payload.start);
            }
        }
    }
}
