//! Two connections between the same two routers: one of them is refused (RFC 4271 §6.8).

use crate::speakers::{BASIC, Capabilities, LOST, SECOND, Speakers, mandatory, update};
use bgptap::bgp::{Family, MessageType};
use bgptap::rib::Why;
use bgptap::session::{End, Session};

const V4: Family = Family::IPV4_UNICAST;
/// Cease, connection collision resolution.
const COLLISION: End = End::Notification(6, 7);
/// A restart time of 10 s; IPv4, whose forwarding goes on.
const GRACEFUL: (u8, &[u8]) = (64, &[0x80, 10, 0, 1, 1, 0x80]);
/// The same, of one that did not restart.
const HELPER: (u8, &[u8]) = (64, &[0, 10, 0, 1, 1, 0x80]);

fn announce(talk: &mut Speakers, nlri: &[u8]) {
    talk.update(&update(&[], &mandatory(&[1]), nlri));
}

/// Routes on the first connection; then a second one with both OPENs, on which nothing else was said yet.
fn collide(capabilities: Capabilities<'_>) -> (Speakers, Session) {
    let mut talk = Speakers::new(capabilities);
    announce(&mut talk, &[8, 10, 8, 11]);
    // With graceful restart a table is whole from then on.
    talk.update(&[0; 4]);
    let first = talk.connect();
    talk.say_opens(capabilities, capabilities);
    (talk, first)
}

#[test]
fn a_refused_connection_leaves_the_tables_of_the_other_as_they_are() {
    for capabilities in [BASIC.to_vec(), [&BASIC[..], &[HELPER]].concat()] {
        let (mut talk, first) = collide(&capabilities);
        talk.end(COLLISION);
        talk.session = first;
        announce(&mut talk, &[8, 12]);
        assert_eq!(talk.keys(V4), ["10.0.0.0/8", "11.0.0.0/8", "12.0.0.0/8"]);
        let rib = talk.rib(V4).unwrap();
        assert_eq!((rib.partial(), rib.stale()), (None, 0));
        assert_eq!(talk.ribs.retained().count(), 0);
    }
}

/// The one that comes up replaces the other, whether KEEPALIVEs or an UPDATE tell so.
#[test]
fn the_connection_that_comes_up_replaces_the_other() {
    for update in [false, true] {
        let (mut talk, first) = collide(&BASIC);
        assert!(talk.ribs.session(first.id).is_some());
        if update {
            announce(&mut talk, &[8, 12]);
        } else {
            talk.establish();
        }
        assert!(talk.ribs.session(first.id).is_none());
        assert_eq!(talk.keys(V4).len(), usize::from(update));
    }
}

/// Routes that wait for a restart are not for a connection that is refused, but for the next that comes up.
#[test]
fn a_refused_connection_does_not_take_stale_routes() {
    let both = [&BASIC[..], &[HELPER]].concat();
    let restarted = [&BASIC[..], &[GRACEFUL]].concat();
    let mut talk = Speakers::new(&both);
    announce(&mut talk, &[8, 10, 8, 11]);
    talk.end(LOST);
    talk.connect();
    talk.say_opens(&restarted, &both);
    talk.end(COLLISION);
    assert_eq!(talk.ribs.retained().count(), 1);
    talk.now_ns += SECOND;
    talk.reconnect(&restarted, &both);
    assert_eq!(talk.rib(V4).unwrap().stale(), 2);
    assert_eq!(talk.ribs.retained().count(), 0);
}

/// Two networks with the same addresses and identifiers: what was dropped of one is not forgotten, and it does not drop
/// the other's tables in turn.
#[test]
fn tables_that_were_dropped_in_their_midst_are_not_whole_again() {
    let (mut talk, first) = collide(&BASIC);
    announce(&mut talk, &[8, 20]);
    let second = std::mem::replace(&mut talk.session, first);
    announce(&mut talk, &[8, 12]);
    assert_eq!(talk.keys(V4), ["12.0.0.0/8"]);
    let partial = talk.rib(V4).unwrap().partial();
    assert_eq!(partial.map(|partial| partial.why), Some(Why::Dropped));
    talk.session = second;
    let body = update(&[8, 20], &[], &[]);
    let told = talk.say(0, MessageType::Update, &body).unwrap();
    assert_eq!(told.withdrawn, 1, "the other is whole");
    assert_eq!(talk.rib(V4).unwrap().partial(), None);
}
