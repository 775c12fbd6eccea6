use super::*;
use crate::wire::Skip;
use crate::wire::mrt::{Told as What, archived};

const ROUTER: [u8; 4] = [192, 0, 2, 1];
const NEIGHBOUR: [u8; 4] = [192, 0, 2, 2];
const NS: u64 = 1_700_000_000_000_000_000;

fn bgp(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(19 + body.len()).expect("short");
    [&[0xff; 16], &length.to_be_bytes()[..], &[kind], body].concat()
}

/// An OPEN of AS 65000 and more, with ADD-PATH for IPv4 unicast as stated (RFC 7911 §4), if not 0.
fn open(host: [u8; 4], add_path: u8) -> Vec<u8> {
    let mut body = vec![4, 0xfd, 0xe8 + host[3], 0, 180];
    body.extend(host);
    match add_path {
        0 => body.push(0),
        _ => body.extend([8, 2, 6, 69, 4, 0, 1, 1, add_path]),
    }
    bgp(1, &body)
}

/// Who tells whom of whom: the feed, the router's own address, and a message about `peer`.
#[derive(Clone, Copy)]
struct From {
    feed: Feed,
    local: [u8; 4],
    peer: [u8; 4],
    kind: u8,
    flags: u8,
    distinguisher: u8,
}

impl From {
    fn router() -> Self {
        Self {
            feed: (ROUTER.into(), [192, 0, 2, 99].into(), 1790),
            local: ROUTER,
            peer: NEIGHBOUR,
            kind: 0,
            flags: 0,
            distinguisher: 0,
        }
    }

    /// The other end of the same session.
    fn neighbour() -> Self {
        Self {
            feed: (NEIGHBOUR.into(), [192, 0, 2, 99].into(), 1790),
            local: NEIGHBOUR,
            peer: ROUTER,
            ..Self::router()
        }
    }

    fn message(&self, kind: u8, body: &[u8]) -> Vec<u8> {
        let mut bytes = vec![3];
        bytes.extend(u32::try_from(48 + body.len()).expect("short").to_be_bytes());
        bytes.extend([kind, self.kind, self.flags]);
        bytes.extend([0, 0, 0, 0, 0, 0, 0, self.distinguisher]);
        bytes.extend([0; 12]);
        bytes.extend(self.peer);
        bytes.extend([0, 0, 0xfd, 0xe8 + self.peer[3]]);
        bytes.extend(self.peer);
        bytes.extend([0; 8]);
        bytes.extend(body);
        bytes
    }

    fn up(&self, ports: [u8; 2], sent: &[u8], received: &[u8]) -> Vec<u8> {
        let mut body = vec![0; 12];
        body.extend(self.local);
        body.extend([0, ports[0], 0, ports[1]]);
        self.message(3, &[&body, sent, received].concat())
    }

    /// With an IPv4 prefix, which has a path identifier or not.
    fn update(&self) -> Vec<u8> {
        self.message(0, &bgp(2, &[0, 0, 0, 0, 0, 0, 0, 7, 8, 10]))
    }

    fn down(&self, reason: u8, rest: &[u8]) -> Vec<u8> {
        self.message(2, &[&[reason], rest].concat())
    }
}

/// What a record says, in short.
#[derive(Debug, PartialEq, Eq)]
enum Said {
    /// Type, the sender's last octet, whether with path identifiers.
    Message(u8, u8, bool),
    State(u16, u16),
    Nothing,
}

#[derive(Default)]
struct Station {
    peers: Peers,
    tally: Tally,
}

impl Station {
    fn take(&mut self, from: &From, bytes: &[u8]) -> Vec<Said> {
        let mut records = Vec::new();
        self.peers
            .message(from.feed, NS, bytes, &mut self.tally, &mut records);
        let said = records.iter().map(|record| match archived(record) {
            Ok(found) => match found.told {
                What::Message(range) => {
                    let std::net::IpAddr::V4(sender) = found.sender.addr else {
                        panic!("an IPv4 session");
                    };
                    let kind = record[range.start as usize + 18];
                    Said::Message(kind, sender.octets()[3], found.add_path)
                }
                What::State(from, to) => Said::State(from, to),
            },
            Err(skip) => {
                assert_eq!(skip, Skip::Archive);
                Said::Nothing
            }
        });
        said.collect()
    }

    fn up(&mut self, from: &From) -> Vec<Said> {
        let bytes = from.up(
            [179, from.local[3]],
            &open(from.local, 0),
            &open(from.peer, 0),
        );
        self.take(from, &bytes)
    }
}

fn came_up() -> [Said; 3] {
    [
        Said::Message(1, 1, false),
        Said::Message(1, 2, false),
        Said::State(5, 6),
    ]
}

#[test]
fn a_session_is_its_opens_its_updates_and_its_end() {
    let (mut station, router) = (Station::default(), From::router());
    assert_eq!(station.up(&router), came_up());
    assert_eq!(
        station.take(&router, &router.update()),
        [Said::Message(2, 2, false)]
    );
    let sent = From {
        flags: 0x50,
        ..router
    };
    assert_eq!(
        station.take(&sent, &sent.update()),
        [Said::Message(2, 1, false)]
    );
    let bytes = router.down(1, &bgp(3, &[6, 2]));
    let end = [Said::Message(3, 1, false), Said::State(6, 1)];
    assert_eq!(station.take(&router, &bytes), end);
    assert!(station.peers.conversations.is_empty() && station.peers.peers.is_empty());
    station.up(&router);
    let bytes = router.down(3, &bgp(3, &[6, 2]));
    let end = [Said::Message(3, 2, false), Said::State(6, 1)];
    assert_eq!(station.take(&router, &bytes), end);
    station.up(&router);
    assert_eq!(
        station.take(&router, &router.down(4, &[])),
        [Said::State(6, 1)]
    );
    station.up(&router);
    // RFC 7854 §4.9: it does not say that the session has ended.
    assert_eq!(station.take(&router, &router.down(5, &[])), [Said::Nothing]);
    assert_eq!(station.tally.notes(), [""; 0]);
}

/// RFC 7911 §4: the sender can send, and the receiver can receive: 1 receive, 2 send, 3 both.
#[test]
fn path_identifiers_are_where_both_opens_have_agreed() {
    for (router_says, neighbour_says, inward, outward) in [
        (1, 2, true, false),
        (2, 1, false, true),
        (3, 3, true, true),
        (1, 1, false, false),
        (2, 2, false, false),
        (3, 0, false, false),
    ] {
        let (mut station, router) = (Station::default(), From::router());
        let (sent, received) = (open(ROUTER, router_says), open(NEIGHBOUR, neighbour_says));
        station.take(&router, &router.up([179, 1], &sent, &received));
        let said = station.take(&router, &router.update());
        assert_eq!(
            said,
            [Said::Message(2, 2, inward)],
            "{router_says}, {neighbour_says}"
        );
        let out = From {
            flags: 0x50,
            ..router
        };
        let said = station.take(&out, &out.update());
        assert_eq!(
            said,
            [Said::Message(2, 1, outward)],
            "{router_says}, {neighbour_says}"
        );
    }
}

#[test]
fn what_both_ends_tell_is_told_once() {
    let (mut station, router, neighbour) = (Station::default(), From::router(), From::neighbour());
    station.up(&router);
    let theirs = neighbour.up([1, 179], &open(NEIGHBOUR, 0), &open(ROUTER, 0));
    assert_eq!(
        station.take(&neighbour, &theirs),
        [Said::Nothing],
        "the same OPENs, the same ports"
    );
    // Each tells what it has received.
    assert_eq!(
        station.take(&router, &router.update()),
        [Said::Message(2, 2, false)]
    );
    assert_eq!(
        station.take(&neighbour, &neighbour.update()),
        [Said::Message(2, 1, false)]
    );
    let sent = From {
        flags: 0x50,
        ..neighbour
    };
    assert_eq!(station.take(&sent, &sent.update()), [Said::Nothing]);
    assert_eq!(station.tally.twice, 1);
    let notification = bgp(3, &[6, 2]);
    assert_eq!(
        station.take(&router, &router.down(1, &notification)).len(),
        2
    );
    assert_eq!(
        station.take(&neighbour, &neighbour.update()),
        [Said::Nothing]
    );
    assert_eq!(station.tally.late, 1);
    assert_eq!(
        station.take(&neighbour, &neighbour.down(3, &notification)),
        [Said::Nothing]
    );
}

#[test]
fn other_views_of_a_peer_that_is_up_are_the_same_session() {
    let (mut station, router) = (Station::default(), From::router());
    station.up(&router);
    let post = From {
        flags: 0x40,
        ..router
    };
    assert_eq!(station.up(&post), [Said::Nothing]);
    assert_eq!(station.take(&post, &post.update()), [Said::Nothing]);
    // The feed begins anew, and the session goes on.
    station.peers.close(router.feed);
    assert_eq!(station.up(&router), [Said::Nothing]);
    assert_eq!(
        station.take(&router, &router.update()),
        [Said::Message(2, 2, false)]
    );
}

#[test]
fn another_session_without_the_end_of_the_one_before_ends_that() {
    let (mut station, router) = (Station::default(), From::router());
    station.up(&router);
    let again = router.up([179, 77], &open(ROUTER, 0), &open(NEIGHBOUR, 0));
    let said = station.take(&router, &again);
    assert_eq!(said[0], Said::State(6, 1));
    assert_eq!(said[1..], came_up());
}

/// What was told of it in the place of its own address ends as well.
#[test]
fn a_peer_down_without_its_peer_up_is_told_once() {
    let (mut station, mut router) = (Station::default(), From::router());
    router.feed.0 = [192, 0, 2, 50].into();
    let bytes = router.down(3, &bgp(3, &[6, 2]));
    let end = [Said::Message(3, 2, false), Said::State(6, 1)];
    assert_eq!(station.take(&router, &bytes), end);
    assert_eq!(
        station.take(&router, &bytes),
        [Said::Nothing],
        "of another view"
    );
    station.take(&router, &router.update());
    assert_eq!(station.take(&router, &bytes), end);
    assert_eq!(station.tally.without_up, 3);
    assert!(station.peers.conversations.is_empty() && station.peers.peers.is_empty());
    assert_eq!(station.up(&router), came_up());
    assert_eq!(station.take(&router, &bytes), end);
    station.peers.close(router.feed);
    assert!(station.peers.settled.is_empty());
    // RFC 7854 §4.9: it does not say that the session has ended.
    assert_eq!(station.take(&router, &router.down(5, &[])), [Said::Nothing]);
    assert!(station.peers.conversations.is_empty());
}

#[test]
fn a_peer_up_ends_what_was_told_without_it() {
    let (mut station, mut router) = (Station::default(), From::router());
    router.feed.0 = [192, 0, 2, 50].into();
    station.take(&router, &router.update());
    let said = station.up(&router);
    assert_eq!(said[0], Said::State(6, 1));
    assert_eq!(said[1..], came_up());
    assert_eq!(station.peers.conversations.len(), 1);
}

#[test]
fn the_end_of_a_peer_that_is_passed_over_is_not_told() {
    let (mut station, router) = (Station::default(), From::router());
    station.up(&router);
    let mut other = router;
    other.feed.0 = [192, 0, 2, 50].into();
    station.up(&other);
    assert_eq!(station.take(&other, &other.down(4, &[])), [Said::Nothing]);
    assert_eq!(
        station.take(&router, &router.down(4, &[])),
        [Said::State(6, 1)]
    );
}

/// An end may not know the ports, or make up the OPENs.
#[test]
fn the_other_end_may_tell_less_of_the_session() {
    let (mut station, router, neighbour) = (Station::default(), From::router(), From::neighbour());
    let bytes = router.up([0, 1], &open(ROUTER, 0), &open(NEIGHBOUR, 0));
    assert_eq!(station.take(&router, &bytes), came_up());
    let theirs = neighbour.up([0, 179], &open(NEIGHBOUR, 3), &open(ROUTER, 1));
    assert_eq!(station.take(&neighbour, &theirs), [Said::Nothing]);
    assert_eq!(
        station.take(&router, &router.update()),
        [Said::Message(2, 2, false)]
    );
    assert_eq!(station.tally.notes(), [""; 0]);
    // What both have told together is known.
    let again = router.up([178, 0], &open(ROUTER, 0), &open(NEIGHBOUR, 0));
    assert_eq!(station.take(&router, &again).len(), 4, "another port");
    let mut other = open(ROUTER, 0);
    other[19 + 8] ^= 1;
    let again = router.up([0, 0], &other, &open(NEIGHBOUR, 0));
    assert_eq!(station.take(&router, &again).len(), 4, "another identifier");
}

#[test]
fn views_that_are_passed_over_are_told() {
    let (mut station, router) = (Station::default(), From::router());
    station.up(&router);
    for (kind, flags) in [(0, 0x40), (0, 0x40), (2, 0x10), (3, 0)] {
        let view = From {
            kind,
            flags,
            ..router
        };
        assert_eq!(station.take(&view, &view.update()), [Said::Nothing]);
    }
    let notes = [
        (2, "Adj-RIB-In post-policy"),
        (1, "Adj-RIB-Out pre-policy"),
        (1, "Loc-RIB"),
    ];
    let notes = notes.map(|(count, view)| {
        format!("BMP: {count} Route Monitoring messages of the {view} were passed over: no session has them")
    });
    assert_eq!(station.tally.notes(), notes);
    assert!(!station.tally.is_damaged());
}

/// Two VRFs may have peers with the same addresses; a record cannot tell them apart.
#[test]
fn peers_with_the_addresses_of_others_are_passed_over_and_told() {
    let (mut station, red) = (
        Station::default(),
        From {
            kind: 1,
            distinguisher: 1,
            ..From::router()
        },
    );
    let blue = From {
        distinguisher: 2,
        ..red
    };
    station.up(&red);
    let bytes = blue.up([179, 5], &open(ROUTER, 0), &open(NEIGHBOUR, 0));
    assert_eq!(station.take(&blue, &bytes), [Said::Nothing]);
    assert_eq!(
        station.take(&red, &red.update()),
        [Said::Message(2, 2, false)]
    );
    assert_eq!(station.tally.indistinct, 1);
    assert_eq!(station.tally.notes().len(), 1);
    station.take(&red, &red.down(4, &[]));
    assert_eq!(station.up(&blue), came_up(), "once the other has gone");
}

/// A peer whose Peer Up was not seen keeps out of the way of those of other routers.
#[test]
fn without_its_peer_up_the_routers_own_address_stands_in() {
    let (mut station, router) = (Station::default(), From::router());
    let other = From {
        feed: ([192, 0, 2, 50].into(), [192, 0, 2, 99].into(), 1790),
        ..router
    };
    for from in [router, other] {
        assert_eq!(
            station.take(&from, &from.update()),
            [Said::Message(2, 2, false)]
        );
    }
    assert_eq!(station.tally.without_up, 2);
    assert_eq!(station.peers.conversations.len(), 2);
    // It was 192.0.2.1 indeed.
    assert_eq!(station.up(&other), [Said::Nothing]);
    assert_eq!(station.tally.indistinct, 1);
    let v6 = "2001:db8::1".parse().expect("an address");
    assert_eq!(stand_in(ROUTER.into(), v6).to_string(), "::ffff:192.0.2.1");
    assert_eq!(stand_in(v6, ROUTER.into()).to_string(), "0.0.0.0");
}

#[test]
fn a_message_that_cannot_be_read_is_counted_and_the_next_one_is_read() {
    let (mut station, router) = (Station::default(), From::router());
    let mut bytes = router.update();
    bytes[48 + 17] = 200;
    assert_eq!(station.take(&router, &bytes), [Said::Nothing]);
    assert_eq!(
        (station.tally.malformed, station.tally.malformed_why),
        (1, "a BGP message is cut short")
    );
    assert!(station.tally.is_damaged());
    assert_eq!(station.up(&router), came_up());
}

/// RFC 7854 §4.2: with the A flag AS numbers have two octets.
#[test]
fn widths_of_as_numbers_are_those_of_the_flag() {
    let (mut station, router) = (Station::default(), From::router());
    station.up(&router);
    for (flags, as4) in [(0, true), (0x20, false)] {
        let from = From { flags, ..router };
        let mut records = Vec::new();
        let tally = &mut Tally::default();
        station
            .peers
            .message(from.feed, NS, &from.update(), tally, &mut records);
        assert_eq!(archived(&records[0]).expect("a message").as4, as4);
    }
}
