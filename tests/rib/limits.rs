//! Memory: what does not fit is refused and said.

use crate::speakers::{BASIC, Speakers, mandatory, reach, unreach, update};
use crate::support::Scratch;
use crate::support::synth::Synth;
use bgptap::bgp::Family;
use bgptap::rib::{AdjRib, Ribs, Why};
use std::process::Command;

const V4: Family = Family::IPV4_UNICAST;

fn announce(talk: &mut Speakers, from: u32, count: u32, asn: u32) -> (u32, u32) {
    let (mut new, mut refused) = (0, 0);
    for start in (from..from + count).step_by(256) {
        let nlri = (start..(from + count).min(start + 256)).flat_map(|n| {
            let [_, a, b, c] = n.to_be_bytes();
            [32, 10, a, b, c]
        });
        let nlri: Vec<u8> = nlri.collect();
        let changes = talk.update(&update(&[], &mandatory(&[asn, start + 1]), &nlri));
        new += changes.new;
        refused += changes.refused;
    }
    (new, refused)
}

#[test]
fn tables_keep_to_the_limit_and_say_that_they_are_partial() {
    const LIMIT: u64 = 2 << 20;
    let mut talk = Speakers::within(LIMIT, &BASIC);
    let (new, refused) = announce(&mut talk, 0, 200_000, 1);
    assert_eq!(new + refused, 200_000);
    assert!(new > 20_000 && refused > 20_000, "{new} {refused}");
    let usage = talk.ribs.usage();
    assert!(usage.tables + usage.attributes <= LIMIT, "{usage:?}");
    let rib = talk.rib(V4).unwrap();
    assert_eq!(rib.len(), new as usize);
    assert_eq!(usage.refused, u64::from(refused));
    assert_eq!(rib.partial().map(|partial| partial.why), Some(Why::Limit));
}

/// Joined when it was up, with fewer bytes than its routes take.
fn crowded() -> Speakers {
    let mut talk = Speakers::joined();
    talk.ribs = Ribs::new(1 << 20);
    let (_, refused) = announce(&mut talk, 0, 100_000, 1);
    assert!(refused > 20_000, "{refused}");
    talk
}

fn why(talk: &Speakers) -> Option<Why> {
    let partial = talk.rib(V4).unwrap().partial();
    partial.map(|partial| partial.why)
}

/// That routes were refused does not hide behind an older doubt, and a refresh does not end it in which some are again.
#[test]
fn a_refresh_in_which_routes_are_refused_does_not_make_whole() {
    let mut talk = crowded();
    assert_eq!(why(&talk), Some(Why::Joined), "the first reason");
    talk.refresh(V4, 1);
    talk.now_ns += 1;
    let (new, refused) = announce(&mut talk, 0, 100_000, 1);
    assert!(new == 0 && refused > 20_000, "{new} {refused}");
    talk.refresh(V4, 2);
    assert_eq!(why(&talk), Some(Why::Limit), "the only one that is left");
    assert_eq!(talk.rib(V4).unwrap().stale(), 0);
}

/// If all has been told anew and found room, nothing is missing any more, whatever was refused before.
#[test]
fn a_refresh_in_which_nothing_is_refused_makes_whole() {
    let mut talk = crowded();
    for n in 1000..100_000u32 {
        let [_, a, b, c] = n.to_be_bytes();
        talk.update(&update(&[32, 10, a, b, c], &[], &[]));
    }
    assert_eq!(talk.rib(V4).unwrap().len(), 1000);
    talk.refresh(V4, 1);
    assert_eq!(announce(&mut talk, 0, 1000, 1), (0, 0));
    talk.refresh(V4, 2);
    assert_eq!(why(&talk), None);
}

/// A gap during the refresh leaves all doubts as they were.
#[test]
fn routes_that_were_refused_are_not_forgotten_in_a_gap() {
    let mut talk = crowded();
    talk.refresh(V4, 1);
    talk.ribs.disturb(&talk.session, 0, Why::Gap, talk.now_ns);
    talk.refresh(V4, 2);
    talk.refresh(V4, 1);
    announce(&mut talk, 0, 100_000, 1);
    talk.refresh(V4, 2);
    assert_eq!(why(&talk), Some(Why::Limit));
}

/// A flow specification (RFC 8955 §4.2.2.3) of so many octets, an odd number, that no other `number` has.
fn flow(number: usize, octets: usize) -> Vec<u8> {
    let mut values = number.to_be_bytes().to_vec();
    values.resize(octets / 2, 0);
    let pairs = values.iter().flat_map(|value| [0x01, *value]);
    let mut nlri: Vec<u8> = [3].into_iter().chain(pairs).collect();
    // The last one ends the list.
    let last = nlri.len() - 2;
    nlri[last] |= 0x80;
    let length = 0xf000 | nlri.len() as u16;
    [&length.to_be_bytes()[..], &nlri].concat()
}

/// Takes all room for tables by flow specifications, octet by octet: that of attributes comes in large steps, whose place
/// hangs on what other tests of this process keep. `with` is the attributes.
fn fill_up(talk: &mut Speakers, max: u64, with: impl Fn(&[u8]) -> Vec<u8>) {
    const OCTETS: usize = 2001;
    let table = size_of::<AdjRib>();
    let left = |talk: &Speakers| {
        let usage = talk.ribs.usage();
        (max - usage.tables - usage.attributes) as usize
    };
    let mut flows = 0;
    while talk.update(&with(&flow(flows, OCTETS))).refused == 0 {
        flows += 1;
    }
    // Each that goes leaves its place to a larger one.
    for number in 0..flows {
        if left(talk) < table {
            return;
        }
        let gone = unreach(Family::IPV4_FLOWSPEC, &flow(number, OCTETS));
        assert_eq!(talk.update(&update(&[], &gone, &[])).withdrawn, 1);
        let octets = (left(talk) - table / 2).min(4001) | 1;
        talk.update(&with(&flow(flows + number, octets)));
    }
    panic!("{} octets are left", left(talk));
}

/// Where there is no room for a table, only its family lacks routes: neither those that have a table, nor those of which
/// nothing was announced.
#[test]
fn only_the_family_that_was_refused_is_partial() {
    const V6: Family = Family::IPV6_UNICAST;
    let why = |talk: &Speakers, family| talk.rib(family).unwrap().partial().map(|p| p.why);
    const MAX: u64 = 2 << 20;
    let capabilities = [&BASIC[..], &[(70, &[])]].concat();
    let mut talk = Speakers::within(MAX, &capabilities);
    assert_eq!(announce(&mut talk, 0, 3000, 1), (3000, 0));
    // The same attributes for both families: there is room for them once they are there.
    let with = |family, nlri: &[u8]| {
        let attributes = [mandatory(&[1, 1]), reach(family, &[1; 16], nlri)].concat();
        update(&[], &attributes, &[])
    };
    fill_up(&mut talk, MAX, |nlri| with(Family::IPV4_FLOWSPEC, nlri));

    let v6 = with(V6, &[8, 0x20]);
    assert_eq!(talk.update(&v6).refused, 1);
    assert!(talk.rib(V6).is_none());
    // Nothing is missing where nothing was announced: a withdrawal, an End-of-RIB, the begin of a refresh.
    let vpn = Family::IPV4_VPN;
    let nlri = [112, 0x80, 0, 0, 0, 0, 0xfd, 0xe8, 0, 0, 0, 1, 10, 1, 2];
    assert_eq!(
        talk.update(&update(&[], &unreach(vpn, &nlri), &[])).absent,
        1
    );
    talk.update(&update(&[], &unreach(Family::EVPN, &[]), &[]));
    talk.refresh(Family::EVPN, 1);
    assert_eq!(why(&talk, V4), None, "it has all its routes");

    for n in 0..2900u32 {
        let [_, a, b, c] = n.to_be_bytes();
        talk.update(&update(&[32, 10, a, b, c], &[], &[]));
    }
    talk.now_ns += 1;
    assert_eq!(talk.update(&v6).new, 1);
    assert_eq!(why(&talk, V6), Some(Why::Limit), "the first time");
    talk.update(&update(&[], &unreach(Family::EVPN, &[]), &[]));
    assert_eq!(
        talk.update(&update(&[], &unreach(vpn, &nlri), &[])).absent,
        1
    );
    for family in [V4, vpn, Family::EVPN] {
        assert_eq!(why(&talk, family), None, "{family:?}");
    }
}

/// A route whose new attributes do not fit is not kept with the old ones.
#[test]
fn attributes_keep_to_the_limit_too() {
    const LIMIT: u64 = 256 << 10;
    let mut talk = Speakers::within(LIMIT, &BASIC);
    let mut refused = 0;
    for n in 0..4000u32 {
        let [_, _, a, b] = n.to_be_bytes();
        let path: Vec<u32> = (0..60).map(|i| n * 60 + i + 1).collect();
        let changes = talk.update(&update(&[], &mandatory(&path), &[24, 10, a, b]));
        refused += changes.refused;
    }
    assert!(refused > 1000, "{refused}");
    let usage = talk.ribs.usage();
    assert!(usage.tables + usage.attributes <= LIMIT, "{usage:?}");
    assert_eq!(talk.rib(V4).unwrap().len() + refused as usize, 4000);
}

#[test]
fn room_is_given_back_as_routes_go() {
    let mut talk = Speakers::new(&BASIC);
    announce(&mut talk, 0, 100_000, 1);
    let full = talk.ribs.usage().tables;
    for n in 0..100_000u32 {
        let [_, a, b, c] = n.to_be_bytes();
        talk.update(&update(&[32, 10, a, b, c], &[], &[]));
    }
    let empty = talk.ribs.usage().tables;
    assert!(empty * 20 < full, "{empty} of {full}");
    assert!(talk.rib(V4).unwrap().is_empty());
}

/// Routes for which there was no room are told at the end of `read`, and are losses to `--strict`.
#[test]
fn read_tells_of_refused_routes() {
    let mut file = Vec::new();
    let shape = Synth {
        frames: 60_000,
        sessions: 1,
        gap_ns: 1000,
    };
    shape.write(&mut file).unwrap();
    let scratch = Scratch::new("rib-limits");
    let file = scratch.write("capture.pcap", &file);
    let read = |more: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bgptap"));
        let output = command.arg("read").arg(&file).args(more).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        let refused = said
            .lines()
            .any(|line| line.contains("routes found no room"));
        (output.status.code(), refused)
    };
    assert_eq!(read(&["--rib-memory", "1"]), (Some(0), true));
    assert_eq!(read(&["--rib-memory", "1", "--strict"]), (Some(1), true));
    assert_eq!(read(&["--strict"]), (Some(0), false));
    assert_eq!(read(&["--no-rib", "--strict"]), (Some(0), false));
    assert_eq!(read(&["--rib-memory", "0"]).0, Some(2));
}
