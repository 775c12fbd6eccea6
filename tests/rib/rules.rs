//! One rule at a time.

use crate::speakers::{BASIC, LOST, Speakers, attribute, mandatory, reach, unreach, update};
use bgptap::bgp::{Family, MessageType, Prefix};
use bgptap::rib::{Changes, RouteKey, Why};

const V4: Family = Family::IPV4_UNICAST;
const V6: Family = Family::IPV6_UNICAST;
/// 10.0.0.0/8 and 10.1.0.0/16.
const TWO: [u8; 5] = [8, 10, 16, 10, 1];

fn counts(changes: Changes) -> [u32; 5] {
    let Changes {
        new,
        replaced,
        duplicate,
        withdrawn,
        absent,
        ..
    } = changes;
    [new, replaced, duplicate, withdrawn, absent]
}

#[test]
fn announcements_replacements_and_withdrawals_are_told_apart() {
    let mut talk = Speakers::new(&BASIC);
    let first = update(&[], &mandatory(&[65000, 1]), &TWO);
    assert_eq!(counts(talk.update(&first)), [2, 0, 0, 0, 0]);
    assert_eq!(talk.keys(V4), ["10.0.0.0/8", "10.1.0.0/16"]);
    assert_eq!(counts(talk.update(&first)), [0, 0, 2, 0, 0]);
    let med = attribute(0x80, 4, &[0, 0, 0, 7]);
    let other = [mandatory(&[65000, 2]), med].concat();
    let changes = talk.update(&update(&[], &other, &[8, 10]));
    assert_eq!(counts(changes), [0, 1, 0, 0, 0]);
    assert!(changes.changed.iter().eq([2, 4]), "AS_PATH and MED");
    let gone = talk.update(&update(&[8, 10, 8, 11], &[], &[]));
    assert_eq!(counts(gone), [0, 0, 0, 1, 1]);
    assert_eq!(talk.keys(V4), ["10.1.0.0/16"]);
    assert_eq!(talk.rib(V4).unwrap().partial(), None);
}

/// RFC 4271 §4.3: what is in both fields is announced.
#[test]
fn a_prefix_withdrawn_and_announced_in_one_message_is_there() {
    let mut talk = Speakers::new(&BASIC);
    let changes = talk.update(&update(&[8, 10], &mandatory(&[1]), &[8, 10]));
    assert_eq!(counts(changes), [1, 0, 0, 0, 1]);
    assert_eq!(talk.keys(V4), ["10.0.0.0/8"]);
}

#[test]
fn the_order_of_attributes_makes_no_difference() {
    let mut talk = Speakers::new(&BASIC);
    let med = attribute(0x80, 4, &[0, 0, 0, 7]);
    let one = [mandatory(&[1]), med.clone()].concat();
    let two = [med, mandatory(&[1])].concat();
    talk.update(&update(&[], &one, &[8, 10]));
    assert_eq!(
        counts(talk.update(&update(&[], &two, &[8, 10]))),
        [0, 0, 1, 0, 0]
    );
}

/// Both fields of one message, each with its own next hop.
#[test]
fn each_family_has_its_table_and_its_next_hop() {
    let mut talk = Speakers::new(&BASIC);
    let hop = [0x20; 16];
    let attributes = [mandatory(&[1]), reach(V6, &hop, &[32, 0x20, 1, 0xd, 0xb8])].concat();
    let changes = talk.update(&update(&[], &attributes, &[8, 10]));
    assert_eq!(counts(changes), [2, 0, 0, 0, 0]);
    assert_eq!(talk.keys(V6), ["2001:db8::/32"]);
    let codes = |family| {
        let rib = talk.rib(family).unwrap();
        let route = rib.routes().next().unwrap();
        let attributes = talk.ribs.attributes(route.attributes);
        attributes
            .map(|a| (a.code, a.value.len()))
            .collect::<Vec<_>>()
    };
    assert_eq!(codes(V4), [(1, 1), (2, 6), (3, 4)]);
    assert_eq!(
        codes(V6),
        [(1, 1), (2, 6), (14, 16)],
        "of MP_REACH_NLRI the next hop"
    );
    let gone = update(&[], &unreach(V6, &[32, 0x20, 1, 0xd, 0xb8]), &[]);
    assert_eq!(counts(talk.update(&gone)), [0, 0, 0, 1, 0]);
    assert_eq!((talk.keys(V6).len(), talk.keys(V4).len()), (0, 1));
}

/// RFC 7606 §2.
#[test]
fn malformed_routes_are_treated_as_withdrawn() {
    let mut talk = Speakers::new(&BASIC);
    talk.update(&update(&[], &mandatory(&[1]), &TWO));
    let origin = attribute(0x40, 1, &[9]);
    let broken = [origin, mandatory(&[1])[5..].to_vec()].concat();
    let changes = talk.update(&update(&[], &broken, &[8, 10, 8, 12]));
    assert_eq!(counts(changes), [0, 0, 0, 1, 1]);
    assert_eq!(talk.keys(V4), ["10.1.0.0/16"]);
    assert_eq!(
        talk.rib(V4).unwrap().partial(),
        None,
        "a receiver has just that"
    );
}

/// RFC 7606 §2, §3 g.
#[test]
fn discarded_attributes_are_not_kept() {
    let mut talk = Speakers::new(&BASIC);
    let codes = |talk: &Speakers, at: usize| {
        let rib = talk.rib(V4).unwrap();
        let prefix = Prefix {
            addr: [at as u8, 0, 0, 0].into(),
            len: 8,
            path_id: None,
        };
        let route = rib.get(&prefix).unwrap();
        let list = talk.ribs.attributes(route.attributes);
        list.map(|a| (a.code, a.value.to_vec()))
            .skip(3)
            .collect::<Vec<_>>()
    };
    let atomic = [mandatory(&[1]), attribute(0x40, 6, &[1])].concat();
    talk.update(&update(&[], &atomic, &[8, 10]));
    assert_eq!(codes(&talk, 10), [], "ATOMIC_AGGREGATE of one octet");
    let med = |n| attribute(0x80, 4, &[0, 0, 0, n]);
    let twice = [mandatory(&[1]), med(1), med(2)].concat();
    talk.update(&update(&[], &twice, &[8, 11]));
    assert_eq!(
        codes(&talk, 11),
        [(4, vec![0, 0, 0, 1])],
        "the first counts"
    );
    let empty = [
        mandatory(&[1]),
        attribute(0x40, 6, &[]),
        attribute(0x40, 6, &[]),
    ]
    .concat();
    talk.update(&update(&[], &empty, &[8, 12]));
    assert_eq!(
        codes(&talk, 12),
        [],
        "indistinguishable: the second is the one that begins there"
    );
}

#[test]
fn what_ends_a_session_makes_tables_partial() {
    let mut talk = Speakers::new(&BASIC);
    talk.update(&update(&[], &mandatory(&[1]), &[8, 10]));
    let told = talk.say(
        0,
        MessageType::Update,
        &update(&[], &mandatory(&[1]), &[99, 1]),
    );
    assert_eq!(told, None);
    let partial = talk.rib(V4).unwrap().partial().unwrap();
    assert_eq!(
        (partial.why, partial.since_ns),
        (Why::Malformed, talk.now_ns)
    );
}

#[test]
fn tables_say_why_they_are_partial() {
    let mut talk = Speakers::joined();
    talk.update(&update(&[], &mandatory(&[1]), &[8, 10]));
    let why = |talk: &Speakers, family| talk.rib(family).unwrap().partial().map(|p| p.why);
    assert_eq!(why(&talk, V4), Some(Why::Joined));
    let mut talk = Speakers::new(&BASIC);
    talk.update(&update(&[], &mandatory(&[1]), &[8, 10]));
    assert_eq!(why(&talk, V4), None);
    talk.ribs.disturb(&talk.session, 0, Why::Gap, talk.now_ns);
    assert_eq!(why(&talk, V4), Some(Why::Gap));
    let v6 = reach(V6, &[0x20; 16], &[8, 0x20]);
    talk.update(&update(&[], &[mandatory(&[1]), v6].concat(), &[]));
    assert_eq!(
        why(&talk, V6),
        Some(Why::Gap),
        "tables to come are affected as well"
    );
    let tables = talk.ribs.session(talk.session.id).unwrap();
    assert!(
        tables.direction(1).ribs().is_empty(),
        "the other direction is another matter"
    );
}

/// Both sides can demarcate refreshes.
fn enhanced() -> Vec<(u8, &'static [u8])> {
    [&BASIC[..], &[(70, &[])]].concat()
}

/// RFC 7313 §4.
#[test]
fn a_refresh_removes_what_it_does_not_repeat_and_makes_whole() {
    let mut talk = Speakers::new(&enhanced());
    talk.ribs.disturb(&talk.session, 0, Why::Gap, talk.now_ns);
    let both = update(&[], &mandatory(&[1]), &TWO);
    talk.update(&both);
    assert!(talk.rib(V4).unwrap().partial().is_some());
    assert_eq!(talk.refresh(V4, 1), None);
    assert_eq!(talk.rib(V4).unwrap().stale(), 2);
    let changes = talk.update(&update(&[], &mandatory(&[1]), &[8, 10]));
    assert_eq!((changes.refreshed, changes.duplicate), (1, 0));
    let changes = talk.refresh(V4, 2).unwrap();
    assert_eq!(changes.expired, 1);
    assert_eq!(talk.keys(V4), ["10.0.0.0/8"]);
    assert_eq!(talk.rib(V4).unwrap().partial(), None);
    // An end without a beginning means nothing.
    assert_eq!(talk.refresh(V4, 2), Some(Changes::default()));
    assert_eq!(talk.keys(V4).len(), 1);
}

/// RFC 7313 §4: without the capability of both the octet is reserved (RFC 2918 §3).
#[test]
fn without_the_capability_there_are_no_refreshes() {
    for (one, two) in [
        (BASIC.to_vec(), enhanced()),
        (enhanced(), BASIC.to_vec()),
        (BASIC.to_vec(), BASIC.to_vec()),
    ] {
        let mut talk = Speakers::joined();
        talk.open(&one, &two);
        talk.update(&update(&[], &mandatory(&[1]), &TWO));
        assert_eq!(talk.refresh(V4, 1), None);
        assert_eq!(talk.rib(V4).unwrap().stale(), 0);
        assert_eq!(talk.refresh(V4, 2), None);
        assert_eq!(talk.keys(V4).len(), 2);
    }
}

/// Without OPENs a refresh takes no routes away; one that has repeated all of them makes the table whole.
#[test]
fn without_opens_a_refresh_takes_nothing_away() {
    let mut talk = Speakers::joined();
    let both = update(&[], &mandatory(&[1]), &TWO);
    talk.update(&both);
    assert_eq!(talk.refresh(V4, 1), None);
    talk.update(&update(&[], &mandatory(&[1]), &[8, 10]));
    assert_eq!(talk.refresh(V4, 2), Some(Changes::default()));
    let rib = talk.rib(V4).unwrap();
    assert_eq!((rib.len(), rib.stale()), (2, 0));
    assert_eq!(rib.partial().map(|partial| partial.why), Some(Why::Joined));
    talk.refresh(V4, 1);
    assert_eq!(talk.update(&both).refreshed, 2);
    talk.refresh(V4, 2);
    let rib = talk.rib(V4).unwrap();
    assert_eq!((rib.len(), rib.partial()), (2, None));
}

/// RFC 4760 §8: what one of the two has not announced it may ignore.
#[test]
fn a_family_that_is_not_agreed_on_is_not_whole() {
    const V4_ONLY: (u8, &[u8]) = (1, &[0, 1, 0, 1]);
    let mut talk = Speakers::joined();
    talk.open(&BASIC, &[BASIC[0], V4_ONLY]);
    let attributes = [mandatory(&[1]), reach(V6, &[1; 16], &[16, 0x20, 1])].concat();
    talk.update(&update(&[], &attributes, &TWO));
    let why = |family| {
        talk.rib(family)
            .unwrap()
            .partial()
            .map(|partial| partial.why)
    };
    assert_eq!((why(V4), why(V6)), (None, Some(Why::Assumed)));
}

/// What was repeated may have been in the gap.
#[test]
fn a_gap_in_a_refresh_leaves_everything_and_partial() {
    let mut talk = Speakers::joined();
    talk.update(&update(&[], &mandatory(&[1]), &TWO));
    talk.refresh(V4, 1);
    talk.ribs.disturb(&talk.session, 0, Why::Gap, talk.now_ns);
    assert_eq!(talk.refresh(V4, 2), Some(Changes::default()));
    assert_eq!(talk.keys(V4).len(), 2);
    assert!(talk.rib(V4).unwrap().partial().is_some());
    assert_eq!(talk.rib(V4).unwrap().stale(), 0);
}

/// RFC 7911 §3: the path identifier tells routes apart.
#[test]
fn paths_of_a_prefix_are_routes_of_their_own() {
    let add_path: [(u8, &[u8]); 3] = [BASIC[0], BASIC[1], (69, &[0, 1, 1, 3])];
    let mut talk = Speakers::new(&add_path);
    let path = |id| vec![0, 0, 0, id, 8, 10];
    for id in [1, 2] {
        talk.update(&update(&[], &mandatory(&[id.into()]), &path(id)));
    }
    assert_eq!(talk.keys(V4), ["10.0.0.0/8 1", "10.0.0.0/8 2"]);
    assert_eq!(
        counts(talk.update(&update(&path(1), &[], &[]))),
        [0, 0, 0, 1, 0]
    );
    assert_eq!(talk.keys(V4), ["10.0.0.0/8 2"]);
}

/// RFC 8277 §2.1: another label is another binding of the same route; a withdrawal names none.
#[test]
fn labels_are_replaced_and_withdrawals_find_their_route() {
    let vpn = Family::IPV4_VPN;
    let nlri = |label: [u8; 3]| {
        let rd = [0, 0, 0xfd, 0xe8, 0, 0, 0, 1];
        [&[112][..], &label, &rd, &[10, 1, 1]].concat()
    };
    let hop = [0, 0, 0, 0, 0, 0, 0, 0, 192, 0, 2, 9];
    let announce = |label| {
        let attributes = [mandatory(&[1]), reach(vpn, &hop, &nlri(label))].concat();
        update(&[], &attributes, &[])
    };
    let mut talk = Speakers::new(&BASIC);
    assert_eq!(
        counts(talk.update(&announce([0, 1, 0x41]))),
        [1, 0, 0, 0, 0]
    );
    assert_eq!(
        counts(talk.update(&announce([0, 1, 0x41]))),
        [0, 0, 1, 0, 0]
    );
    let changes = talk.update(&announce([0, 1, 0x51]));
    assert_eq!((counts(changes), changes.labels), ([0, 1, 0, 0, 0], true));
    assert_eq!(changes.changed.iter().count(), 0);
    let gone = update(&[], &unreach(vpn, &nlri([0x80, 0, 0])), &[]);
    assert_eq!(counts(talk.update(&gone)), [0, 0, 0, 1, 0]);
    assert_eq!(talk.rib(vpn).unwrap().len(), 0);
}

#[test]
fn the_longest_match_is_found() {
    let mut talk = Speakers::new(&BASIC);
    let nlri = [0, 8, 10, 16, 10, 1, 32, 10, 1, 2, 3];
    talk.update(&update(&[], &mandatory(&[1]), &nlri));
    let rib = talk.rib(V4).unwrap();
    let find = |addr: [u8; 4], len| {
        let prefix = Prefix {
            addr: addr.into(),
            len,
            path_id: None,
        };
        let found = rib.longest_match(&prefix).map(|route| route.key);
        found.map(|key| match key {
            RouteKey::Prefix(prefix) => prefix.to_string(),
            RouteKey::Labeled(_) | RouteKey::Octets(_) => unreachable!("prefixes only"),
        })
    };
    assert_eq!(find([10, 1, 2, 3], 32).as_deref(), Some("10.1.2.3/32"));
    assert_eq!(find([10, 1, 2, 4], 32).as_deref(), Some("10.1.0.0/16"));
    assert_eq!(find([10, 1, 0, 0], 15).as_deref(), Some("10.0.0.0/8"));
    assert_eq!(find([11, 0, 0, 0], 24).as_deref(), Some("0.0.0.0/0"));
}

/// Whoever reads a table piece by piece has to notice that it is another one.
#[test]
fn a_table_that_is_made_anew_does_not_pass_for_the_one_before() {
    let mut talk = Speakers::joined();
    let withdraw = update(&[8, 11], &[], &[]);
    let of_own_as = [
        attribute(0x40, 1, &[0]),
        attribute(0x40, 2, &[]),
        attribute(0x40, 3, &[192, 0, 2, 1]),
    ];
    let announce = update(&[], &of_own_as.concat(), &[8, 10]);
    let moves = |talk: &Speakers| talk.rib(V4).unwrap().moves();
    talk.update(&announce);
    let first = moves(&talk);
    talk.update(&withdraw);
    assert_eq!(moves(&talk), first, "nothing has moved");
    talk.session.tell(0, [1, 2], false, false);
    talk.update(&announce);
    assert_ne!(moves(&talk), first, "AS numbers have two octets now");
    let second = moves(&talk);
    talk.ribs.end(talk.session.id, LOST, talk.now_ns);
    talk.update(&announce);
    assert_eq!(talk.rib(V4).unwrap().len(), 1);
    assert!(
        ![first, second].contains(&moves(&talk)),
        "the session went on"
    );
}

#[test]
fn nothing_is_kept_of_a_session_that_is_over() {
    let mut talk = Speakers::new(&BASIC);
    let both = update(&[], &mandatory(&[1]), &TWO);
    talk.update(&both);
    talk.end(LOST);
    assert!(talk.ribs.session(talk.session.id).is_none());
    assert_eq!(
        talk.say(0, MessageType::Update, &both),
        None,
        "late bytes change nothing"
    );
    assert_eq!(talk.ribs.sessions().count(), 0);
    assert_eq!(talk.ribs.usage().tables, 0, "everything was given back");
}
