//! Graceful restart: RFC 4724, RFC 8538, RFC 9494.

use crate::speakers::{BASIC, LOST, SECOND, Speakers, attribute, mandatory, reach, update};
use bgptap::bgp::Family;
use bgptap::rib::{AdjRib, Changes, Ribs, Tables, Why};
use bgptap::session::{End, Sight};
use std::net::IpAddr;

const V4: Family = Family::IPV4_UNICAST;
const END_OF_RIB: [u8; 4] = [0; 4];

/// Flags (restarted 0x80, notifications 0x40) and a restart time of 10 s; IPv4 with the F bit or without.
fn graceful(flags: u8, forwarding: bool) -> Vec<u8> {
    vec![flags, 10, 0, 1, 1, if forwarding { 0x80 } else { 0 }]
}

fn with(graceful: &[u8]) -> Vec<(u8, &[u8])> {
    [&BASIC[..], &[(64, graceful)]].concat()
}

fn before(capability: &[u8]) -> Speakers {
    let mut talk = Speakers::new(&with(capability));
    talk.update(&update(&[], &mandatory(&[1]), &[8, 10, 8, 11]));
    talk.update(&END_OF_RIB);
    talk
}

#[test]
fn routes_outlive_a_restart_until_end_of_rib() {
    let plain = graceful(0, true);
    let mut talk = before(&plain);
    talk.end(LOST);
    talk.now_ns += 3 * SECOND;
    talk.ribs.advance(talk.now_ns);
    let restarted = graceful(0x80, true);
    talk.reconnect(&with(&restarted), &with(&plain));
    assert_eq!(talk.rib(V4).unwrap().stale(), 2);
    let changes = talk.update(&update(&[], &mandatory(&[1]), &[8, 10]));
    assert_eq!((changes.refreshed, changes.new), (1, 0));
    let changes = talk.update(&END_OF_RIB);
    assert_eq!(changes.expired, 1);
    assert_eq!(talk.keys(V4), ["10.0.0.0/8"]);
    assert_eq!(talk.rib(V4).unwrap().stale(), 0);
    assert_eq!(talk.rib(V4).unwrap().partial(), None);
}

fn why(talk: &Speakers, family: Family) -> Option<Why> {
    talk.rib(family)
        .unwrap()
        .partial()
        .map(|partial| partial.why)
}

/// RFC 4724 §4.2: what a receiver has kept of a session that nobody saw goes at End-of-RIB. Until then the table may have
/// fewer routes than it. That hangs on the F bit of the family, and on the receiver: it must have the capability, and
/// not have lost all it knew (R bit).
#[test]
fn a_table_is_not_whole_while_its_receiver_may_have_routes_that_nobody_saw() {
    const V6: Family = Family::IPV6_UNICAST;
    let (helper, lost) = (graceful(0, true), graceful(0x80, true));
    for (sender, receiver, doubt) in [
        (graceful(0x80, true), with(&helper), Some(Why::Restart)),
        (graceful(0, true), with(&helper), Some(Why::Restart)),
        (graceful(0x80, false), with(&helper), None),
        (graceful(0x80, true), with(&lost), None),
        (graceful(0x80, true), BASIC.to_vec(), None),
    ] {
        let mut talk = Speakers::joined();
        talk.reconnect(&with(&sender), &receiver);
        let since_ns = talk.now_ns;
        talk.now_ns += SECOND;
        talk.update(&update(&[], &mandatory(&[1]), &[8, 10]));
        assert_eq!(why(&talk, V4), doubt, "{sender:?} {receiver:?}");
        let partial = talk.rib(V4).unwrap().partial();
        assert!(partial.is_none_or(|partial| partial.since_ns == since_ns));
        let v6 = [mandatory(&[1]), reach(V6, &[1; 16], &[8, 0x20])].concat();
        talk.update(&update(&[], &v6, &[]));
        assert_eq!(why(&talk, V6), None, "it has no F bit");
        talk.update(&END_OF_RIB);
        assert_eq!(why(&talk, V4), None, "all that was stale is gone");
        assert_eq!(talk.keys(V4), ["10.0.0.0/8"]);
    }
}

/// What is missing of the transfer may be missing from the table.
#[test]
fn an_end_of_rib_behind_a_gap_does_not_make_whole() {
    let mut talk = Speakers::joined();
    talk.reconnect(&with(&graceful(0x80, true)), &with(&graceful(0, true)));
    talk.update(&update(&[], &mandatory(&[1]), &[8, 10]));
    talk.ribs.disturb(&talk.session, 0, Why::Gap, talk.now_ns);
    talk.update(&END_OF_RIB);
    assert_eq!(why(&talk, V4), Some(Why::Restart), "the first reason");
}

/// A session that was seen, but without a table of the family: its receiver may have had one since before.
#[test]
fn a_family_that_was_not_spoken_of_may_have_stale_routes_too() {
    let plain = graceful(0, true);
    let mut talk = Speakers::new(&with(&plain));
    let v6 = reach(Family::IPV6_UNICAST, &[1; 16], &[8, 0x20]);
    talk.update(&update(&[], &[mandatory(&[1]), v6].concat(), &[]));
    talk.end(LOST);
    talk.reconnect(&with(&graceful(0x80, true)), &with(&plain));
    talk.update(&update(&[], &mandatory(&[1]), &[8, 10]));
    assert_eq!(why(&talk, V4), Some(Why::Restart));
}

/// RFC 4724 §4.2: without the F bit, or if the receiver is the one that restarted, they go at once.
#[test]
fn routes_go_if_forwarding_was_not_preserved() {
    let plain = graceful(0, true);
    let (lost, restarted) = (graceful(0x80, false), graceful(0x80, true));
    for (one, two) in [
        (with(&lost), with(&plain)),
        (with(&plain), with(&restarted)),
        (BASIC.to_vec(), with(&plain)),
    ] {
        let mut talk = before(&plain);
        talk.end(LOST);
        talk.reconnect(&one, &two);
        assert_eq!(talk.rib(V4).map_or(0, |rib| rib.len()), 0);
        assert_eq!(talk.ribs.usage().tables, 0);
    }
}

#[test]
fn routes_go_when_the_sender_does_not_come_back_in_time() {
    let plain = graceful(0, true);
    let mut talk = before(&plain);
    let session = talk.session.id;
    talk.end(LOST);
    assert!(talk.ribs.usage().tables > 0);
    // What takes memory can be looked at: stale, and until when.
    assert!(talk.ribs.session(session).is_none());
    let kept = talk.ribs.tables(session).unwrap();
    let rib = kept.direction(0).rib(V4).unwrap();
    assert_eq!((rib.len(), rib.stale()), (2, 2));
    assert_eq!(rib.kept_until_ns(), Some(talk.now_ns + 10 * SECOND));
    assert_eq!(talk.ribs.retained().count(), 1);
    talk.ribs.advance(talk.now_ns + 11 * SECOND);
    assert_eq!(talk.ribs.usage().tables, 0);
}

/// RFC 8538 §4.
#[test]
fn a_notification_ends_all_unless_both_said_otherwise() {
    let soft = End::Notification(6, 4);
    let hard = End::Notification(6, 9);
    for (flags, end, kept) in [(0, soft, false), (0x40, soft, true), (0x40, hard, false)] {
        let capability = graceful(flags, true);
        let mut talk = before(&capability);
        talk.end(end);
        assert_eq!(talk.ribs.usage().tables > 0, kept, "{flags:#x} {end:?}");
    }
}

/// A router that died and is back before anybody noticed.
#[test]
fn a_new_session_between_the_two_takes_the_place_of_the_old_one() {
    let mut talk = before(&graceful(0, false));
    let old = talk.session.id;
    talk.reconnect(&BASIC, &BASIC);
    assert!(talk.ribs.session(old).is_none());
    assert!(talk.keys(V4).is_empty());
    assert_eq!(talk.update(&END_OF_RIB), Changes::default());
    assert_eq!(talk.rib(V4).unwrap().end_of_rib_ns(), Some(talk.now_ns));
}

/// One of two mirrors is late: the sender's routes come before it is known that they go on from earlier ones.
#[test]
fn routes_that_came_before_the_second_open_are_not_in_two_tables() {
    let (plain, restarted) = (graceful(0, true), graceful(0x80, true));
    let mut talk = before(&plain);
    talk.end(LOST);
    talk.connect();
    talk.say_open(0, &with(&restarted));
    talk.update(&update(&[8, 11], &mandatory(&[1]), &[8, 12]));
    talk.session.see(Sight::Traffic);
    talk.say_open(1, &with(&plain));
    talk.establish();
    let tables = talk.ribs.session(talk.session.id).unwrap();
    let families: Vec<_> = tables
        .direction(0)
        .ribs()
        .iter()
        .map(AdjRib::family)
        .collect();
    assert_eq!(families, [V4]);
    assert_eq!(talk.keys(V4), ["12.0.0.0/8"], "11.0.0.0/8 was withdrawn");
    talk.update(&END_OF_RIB);
    let rib = talk.rib(V4).unwrap();
    assert_eq!((rib.len(), rib.stale()), (1, 0));
    assert!(rib.partial().is_some(), "10.0.0.0/8 was there as well");
    assert_eq!(talk.ribs.retained().count(), 0);
    talk.end(End::Silent("evicted"));
    assert_eq!(talk.ribs.usage().tables, 0);
}

/// RFC 9494 §4.2: what may not live long goes with the restart time, the rest later.
#[test]
fn long_lived_routes_stay_longer() {
    let plain = graceful(0, true);
    let capabilities = [&with(&plain)[..], &[(71, &[0, 1, 1, 0x80, 0, 0, 100])]].concat();
    let mut talk = Speakers::new(&capabilities);
    talk.update(&update(&[], &mandatory(&[1]), &[8, 10]));
    let no_llgr = [mandatory(&[1]), attribute(0xc0, 8, &[0xff, 0xff, 0, 7])].concat();
    talk.update(&update(&[], &no_llgr, &[8, 11]));
    talk.end(LOST);
    talk.ribs.advance(talk.now_ns + 11 * SECOND);
    assert!(talk.ribs.usage().tables > 0);
    talk.now_ns += 60 * SECOND;
    talk.reconnect(&capabilities, &capabilities);
    assert_eq!(talk.keys(V4), ["10.0.0.0/8"]);
    talk.end(LOST);
    for seconds in [11, 111] {
        talk.ribs.advance(talk.now_ns + seconds * SECOND);
    }
    assert_eq!(talk.ribs.usage().tables, 0);
}

/// Whoever begins sessions and breaks them off takes no memory with tables that nobody has filled.
#[test]
fn tables_without_routes_are_not_kept() {
    let mut talk = Speakers::new(&with(&graceful(0, true)));
    talk.update(&END_OF_RIB);
    assert!(talk.rib(V4).is_some());
    talk.end(LOST);
    assert_eq!(talk.ribs.retained().count(), 0);
    assert_eq!(talk.ribs.usage().tables, 0);
}

#[test]
fn the_oldest_tables_go_if_there_are_too_many() {
    let plain = graceful(0, true);
    let capabilities = with(&plain);
    let mut talk = Speakers::joined();
    talk.ribs = Ribs::new(1 << 30).with_retained_max(3);
    let mut lose = |last: u8, routes: bool| {
        talk.meet(last, &capabilities);
        if routes {
            talk.update(&update(&[], &mandatory(&[1]), &[8, 10]));
        } else {
            // Not whole, so that it is worth keeping.
            talk.update(&END_OF_RIB);
            talk.ribs.disturb(&talk.session, 0, Why::Gap, talk.now_ns);
        }
        let taken = talk.ribs.usage().tables;
        talk.end(LOST);
        let addr = |tables: &Tables| match tables.key.endpoints(1).0.addr {
            IpAddr::V4(addr) => addr.octets()[3],
            IpAddr::V6(_) => 0,
        };
        let mut kept: Vec<u8> = talk.ribs.retained().map(addr).collect();
        kept.sort_unstable();
        (kept, talk.ribs.usage().tables < taken)
    };
    assert_eq!(lose(2, true), (vec![2], false));
    assert_eq!(lose(3, true), (vec![2, 3], false));
    assert_eq!(lose(4, false), (vec![2, 3, 4], false));
    assert_eq!(lose(5, true), (vec![2, 3, 5], true), "one without routes");
    assert_eq!(lose(6, true), (vec![3, 5, 6], true), "the oldest");
    let again = lose(3, true);
    assert_eq!(again, (vec![3, 5, 6], false), "it went on from its own");
    assert_eq!(lose(7, true), (vec![3, 6, 7], true), "the oldest now");
}
