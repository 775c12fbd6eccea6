//! The steering program and `wire::dissect` read the same headers by the same rules: what the one
//! steers is what the other finds BGP in, and what they pass over they pass over for the same reason.
#![cfg(feature = "capture")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use bgptap::capture::LinkType;
use bgptap::wire::{Ports, dissect, fragment};
use bgptap_bpf::{Options, Steering};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use std::collections::BTreeMap;
use support::wrap::{self, WRAPS};
use support::{frames, net, recording};

/// What both say about a frame that they would hand on.
const STEERED: &str = "steered";

/// Ethernet sends no shorter frames, and the kernel's test run takes none.
const SHORTEST: usize = 14;
/// What fits into one buffer of the test run.
const LONGEST: usize = 3400;

struct Bench(Steering);

impl Bench {
    /// `None`, and a word about it, without the rights to load the program.
    fn new() -> Option<Self> {
        net::allowed().then(|| Self(Steering::plain(&Options::default()).unwrap()))
    }

    /// No socket is in the map, so what would be steered counts as `no_socket`.
    fn kernel(&self, frame: &[u8]) -> &'static str {
        let before = self.0.counters().unwrap();
        self.0.test_run(frame).unwrap();
        let after = self.0.counters().unwrap();
        if after.no_socket > before.no_socket {
            return STEERED;
        }
        let mut reasons = after.other().into_iter().zip(before.other());
        let counted = reasons.find(|(after, before)| after.1 > before.1);
        counted.expect("every frame is counted").0.0
    }

    fn assert_agrees(&self, frame: &[u8]) -> &'static str {
        let (kernel, user) = (self.kernel(frame), user(frame));
        assert_eq!(kernel, user, "the kernel and we on {frame:02x?}");
        user
    }
}

fn user(frame: &[u8]) -> &'static str {
    let ports = Ports::default();
    let length = u32::try_from(frame.len()).unwrap();
    match dissect(frame, LinkType::Ethernet, length, None, &ports) {
        Ok(_) => STEERED,
        Err(_) if fragment(frame, LinkType::Ethernet, length, None, &ports).is_some() => STEERED,
        Err(skip) => skip.name(),
    }
}

#[test]
fn both_agree_on_every_frame_of_the_corpus_in_every_encapsulation() {
    let Some(bench) = Bench::new() else { return };
    let mut files = support::corpus().unwrap_or_default();
    files.push(recording().to_owned());
    let mut seen: BTreeMap<&str, u64> = BTreeMap::new();
    for file in files {
        for (number, frame) in frames::of(&file).iter().enumerate() {
            let bytes = &frame.bytes[..frame.bytes.len().min(LONGEST)];
            if bytes.len() < SHORTEST {
                continue;
            }
            *seen.entry(bench.assert_agrees(bytes)).or_default() += 1;
            // In each encapsulation in turn: all of them meet frames of all kinds.
            let (_, wrap) = WRAPS[number % WRAPS.len()];
            *seen.entry(bench.assert_agrees(&wrap(bytes))).or_default() += 1;
        }
    }
    println!("{seen:?}");
    assert!(seen[STEERED] > 3000, "{seen:?}");
    assert!(
        seen["other_port"] > 0 && seen["not_tcp"] > 0 && seen["not_ip"] > 0,
        "{seen:?}"
    );
}

/// A first fragment of BGP or of something else, a later one, or a whole datagram.
fn inner() -> impl Strategy<Value = Vec<u8>> {
    let ports = prop_oneof![Just(179u16), Just(443)];
    let place = prop_oneof![3 => Just(0u16), 1 => Just(0x2000), 1 => Just(0x2003), 1 => Just(3)];
    (
        ports,
        place,
        any::<bool>(),
        prop_oneof![Just(6u8), Just(17), Just(47), Just(4)],
    )
        .prop_map(|(port, place, six, protocol)| {
            let mut tcp = vec![0x9c, 0x40];
            tcp.extend(port.to_be_bytes());
            tcp.extend([
                0, 0, 0, 7, 0, 0, 0, 9, 0x60, 0x18, 1, 0, 0, 0, 0, 0, 1, 1, 1, 0,
            ]);
            tcp.extend([0xff; 16]);
            tcp.extend([0, 19, 4]);
            let protocol = if place == 0 { 6 } else { protocol };
            if six {
                let (offset, more) = (place & 0x1fff, place & 0x2000 != 0);
                let piece = wrap::ipv6_fragment(protocol, 1, offset, more, &tcp);
                wrap::ethernet(wrap::IPV6, &wrap::ipv6(44, &piece))
            } else {
                wrap::ethernet(wrap::IPV4, &wrap::ipv4_fragment(protocol, 1, place, &tcp))
            }
        })
}

/// Nested, fragmented, cut, padded and with bytes overwritten by noise, they still agree.
#[test]
fn both_agree_on_frames_that_nobody_sends() {
    let Some(bench) = Bench::new() else { return };
    let damage = proptest::collection::vec((0usize..200, any::<u8>()), 0..4);
    let wraps = proptest::collection::vec(0..WRAPS.len(), 0..5);
    let shape = (inner(), wraps, damage, 0usize..300, any::<bool>());
    let config = Config {
        cases: 20_000,
        failure_persistence: None,
        ..Config::default()
    };
    let outcome = TestRunner::new(config).run(&shape, |(inner, wraps, damage, length, cut)| {
        let mut frame = wraps.iter().fold(inner, |frame, at| WRAPS[*at].1(&frame));
        for (at, value) in damage {
            if let Some(byte) = frame.get_mut(at) {
                *byte = value;
            }
        }
        if cut {
            frame.truncate(length.max(SHORTEST));
        }
        prop_assert_eq!(bench.kernel(&frame), user(&frame), "{:02x?}", frame);
        Ok(())
    });
    outcome.unwrap();
}
