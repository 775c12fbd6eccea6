//! The socket filter lets pass whatever `wire` finds BGP in. The kernel itself runs it here: a filter works
//! on every kind of socket, so that a datagram of a pair of Unix sockets is the frame. No rights are needed.
#![cfg(feature = "capture")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use bgptap::capture::LinkType;
use bgptap::capture::af_packet::filter::{First, program};
use bgptap::wire::{Ports, dissect, fragment};
use bgptap_umem::packet::attach_filter;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use std::cell::RefCell;
use std::os::fd::AsFd;
use std::os::unix::net::UnixDatagram;
use support::wrap::{self, WRAPS};
use support::{frames, recording};

/// A pair of sockets with the filter on its receiving end.
struct Bench {
    sender: UnixDatagram,
    receiver: UnixDatagram,
    buffer: RefCell<Vec<u8>>,
    first: First,
    ports: Ports,
}

impl Bench {
    fn new(first: First, ports: &[u16], fragments: bool) -> Self {
        let (sender, receiver) = UnixDatagram::pair().unwrap();
        attach_filter(receiver.as_fd(), &program(first, ports, fragments)).unwrap();
        receiver.set_nonblocking(true).unwrap();
        Self {
            sender,
            receiver,
            buffer: RefCell::new(vec![0; 1 << 17]),
            first,
            ports: Ports::new(ports),
        }
    }

    /// Whether the kernel lets the frame pass; whole, then.
    fn passes(&self, frame: &[u8]) -> bool {
        self.sender.send(frame).unwrap();
        match self.receiver.recv(&mut self.buffer.borrow_mut()) {
            Ok(length) => {
                assert_eq!(length, frame.len(), "no filter cuts");
                true
            }
            Err(error) => {
                assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock);
                false
            }
        }
    }

    /// Whether `wire` has a use for it.
    fn is_wanted(&self, frame: &[u8]) -> bool {
        let link = match self.first {
            First::Ethernet => LinkType::Ethernet,
            First::Ip => LinkType::RawIp,
        };
        let length = u32::try_from(frame.len()).unwrap();
        dissect(frame, link, length, None, &self.ports).is_ok()
            || fragment(frame, link, length, None, &self.ports).is_some()
    }
}

#[test]
fn all_bgp_of_the_corpus_passes_in_every_encapsulation_and_little_else() {
    let tags = Bench::new(First::Ethernet, &[179], true);
    let datagrams = Bench::new(First::Ip, &[179], true);
    let mut files = support::corpus().unwrap_or_default();
    files.push(recording().to_owned());
    let (mut wanted, mut more, mut dropped) = (0, 0, 0);
    for file in files {
        for (number, frame) in frames::of(&file).iter().enumerate() {
            let bytes = &frame.bytes[..];
            if bytes.len() < 14 {
                continue;
            }
            let (_, wrap) = WRAPS[number % WRAPS.len()];
            for frame in [bytes, &wrap(bytes)] {
                match (tags.is_wanted(frame), tags.passes(frame)) {
                    (true, passes) => {
                        assert!(passes, "{frame:02x?}");
                        wanted += 1;
                    }
                    (false, true) => more += 1,
                    (false, false) => dropped += 1,
                }
            }
            let datagram = wrap::datagram(bytes);
            if wrap::is_ip(bytes) && datagrams.is_wanted(datagram) {
                assert!(datagrams.passes(datagram), "{datagram:02x?}");
            }
        }
    }
    println!("{wanted} wanted, {more} passed with them, {dropped} dropped");
    assert!(wanted > 3000);
    assert!(dropped > more / 4, "the filter is of use");
}

/// What is not looked into stays out: TCP of other ports, and other protocols, plain and tagged.
#[test]
fn what_is_plainly_not_bgp_is_dropped() {
    let bench = Bench::new(First::Ethernet, &[179, 1179], true);
    let tcp = |from: u16, to: u16| {
        let ports = [from.to_be_bytes(), to.to_be_bytes()].concat();
        let rest = [0, 0, 0, 7, 0, 0, 0, 9, 0x50, 0x10, 1, 0, 0, 0, 0, 0];
        [ports, rest.to_vec()].concat()
    };
    let frame = |protocol, payload: &[u8]| {
        [
            wrap::ethernet(wrap::IPV4, &wrap::ipv4(protocol, payload)),
            wrap::ethernet(wrap::IPV6, &wrap::ipv6(protocol, payload)),
        ]
    };
    let tagged = |frame: &[u8], tags: usize| {
        wrap::tagged(&[(wrap::SERVICE_VLAN, 3), (wrap::VLAN, 4)][..tags], frame)
    };
    let cases = [
        (frame(6, &tcp(40_000, 443)), false),
        (frame(6, &tcp(40_000, 179)), true),
        (frame(6, &tcp(1179, 40_000)), true),
        (frame(17, &wrap::udp(53, &[0; 30])), false),
        (frame(17, &wrap::udp(4789, &[0; 30])), true),
        (frame(50, &[0; 30]), false),
        (frame(1, &[0; 30]), false),
        (frame(47, &[0; 30]), true),
    ];
    for (frames, passes) in cases {
        for (frame, tags) in frames.iter().flat_map(|f| [(f, 0), (f, 1), (f, 2)]) {
            let frame = tagged(frame, tags);
            assert_eq!(bench.passes(&frame), passes, "{frame:02x?}");
        }
    }
    assert!(!bench.passes(&wrap::ethernet(0x0806, &[0; 28])), "ARP");
    assert!(!bench.passes(&[]) && !bench.passes(&[0; 13]), "no header");
}

#[test]
fn without_fragments_none_passes() {
    let tcp = [[0x9c, 0x40, 0, 179], [0; 4], [0; 4], [0x50, 0x10, 0, 0]].concat();
    let with = Bench::new(First::Ethernet, &[179], true);
    let without = Bench::new(First::Ethernet, &[179], false);
    for place in [0x2000, 0x2003, 3] {
        let v4 = wrap::ethernet(wrap::IPV4, &wrap::ipv4_fragment(6, 1, place, &tcp));
        let more = place & 0x2000 != 0;
        let piece = wrap::ipv6_fragment(6, 1, place & 0x1fff, more, &tcp);
        let v6 = wrap::ethernet(wrap::IPV6, &wrap::ipv6(44, &piece));
        for frame in [v4, v6] {
            assert!(with.passes(&frame) && !without.passes(&frame), "{place:x}");
        }
    }
    let whole = wrap::ethernet(wrap::IPV4, &wrap::ipv4_fragment(6, 1, 0x4000, &tcp));
    assert!(without.passes(&whole), "don't fragment");
}

/// More ports than are compared one by one.
#[test]
fn with_many_ports_the_filter_still_passes_them_all() {
    let tcp = |port: u16| {
        let ports = [&[0x9c, 0x40][..], &port.to_be_bytes()].concat();
        wrap::ethernet(wrap::IPV4, &wrap::ipv4(6, &[&ports[..], &[0; 16]].concat()))
    };
    for count in [1, 2, 256, 257, 4000] {
        let ports: Vec<u16> = (1000..1000 + count).collect();
        let bench = Bench::new(First::Ethernet, &ports, true);
        for port in [1000, 999 + count] {
            assert!(bench.passes(&tcp(port)), "{port} of {count}");
        }
        assert_eq!(bench.passes(&tcp(999)), count > 256);
    }
}

/// Nested, cut and with bytes overwritten by noise: whatever `wire` makes of it, the filter is no stricter.
#[test]
fn the_filter_is_never_stricter_than_wire() {
    let bench = Bench::new(First::Ethernet, &[179], true);
    let noise = || prop_oneof![any::<u8>(), Just(0x45), Just(0x60), Just(0x81), Just(6)];
    let damage = proptest::collection::vec((12usize..80, noise()), 0..4);
    let wraps = proptest::collection::vec(0..WRAPS.len(), 0..4);
    let places = prop_oneof![3 => Just(0u16), 1 => Just(0x2000), 1 => Just(0x2003), 1 => Just(3)];
    let shape = (any::<bool>(), places, wraps, damage, 14usize..300);
    let config = Config {
        cases: 20_000,
        failure_persistence: None,
        ..Config::default()
    };
    let wanted = std::cell::Cell::new(0);
    let outcome = TestRunner::new(config).run(&shape, |(six, place, wraps, damage, length)| {
        let tcp = [
            &[0x9c, 0x40, 0, 179][..],
            &[0; 8],
            &[0x50, 0x18, 1, 0],
            &[0xff; 40],
        ]
        .concat();
        let inner = if six {
            wrap::ethernet(wrap::IPV6, &wrap::ipv6(6, &tcp))
        } else {
            wrap::ethernet(wrap::IPV4, &wrap::ipv4_fragment(6, 1, place, &tcp))
        };
        let mut frame = wraps.iter().fold(inner, |frame, at| WRAPS[*at].1(&frame));
        for (at, value) in damage {
            if let Some(byte) = frame.get_mut(at) {
                *byte = value;
            }
        }
        frame.truncate(length);
        if bench.is_wanted(&frame) {
            wanted.set(wanted.get() + 1);
            prop_assert!(bench.passes(&frame), "{:02x?}", frame);
        }
        Ok(())
    });
    outcome.unwrap();
    assert!(wanted.get() > 3000, "{} were wanted", wanted.get());
}
