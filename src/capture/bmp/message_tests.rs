use super::super::framing::{Framed, find_start};
use super::*;

/// A message of the stated type (RFC 7854 §4.1).
fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(COMMON_LEN + body.len()).expect("short");
    [&[3], &length.to_be_bytes()[..], &[kind], body].concat()
}

/// A per-peer header drawn by hand (RFC 7854 §4.2): 192.0.2.2, AS 65002.
fn peer(kind: u8, flags: u8) -> Vec<u8> {
    let mut head = vec![kind, flags, 1, 2, 3, 4, 5, 6, 7, 8];
    head.extend([0; 12]);
    head.extend([192, 0, 2, 2, 0, 0, 0xfd, 0xea, 192, 0, 2, 2]);
    head.extend([0x65, 0, 0, 0, 0, 0, 0, 9]);
    head
}

fn bgp(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(19 + body.len()).expect("short");
    [&[0xff; 16], &length.to_be_bytes()[..], &[kind], body].concat()
}

fn monitoring(flags: u8) -> Vec<u8> {
    message(0, &[peer(0, flags), bgp(2, &[0; 4])].concat())
}

fn up() -> Vec<u8> {
    let open = |id| bgp(1, &[4, 0xfd, 0xe9, 0, 180, 192, 0, 2, id, 0]);
    let mut body = peer(0, 0);
    body.extend([0; 12]);
    body.extend([192, 0, 2, 1, 0, 179, 0x9c, 0x40]);
    message(
        3,
        &[body, open(1), open(2), vec![0, 0, 0, 1, b'x']].concat(),
    )
}

#[test]
fn each_part_of_a_message_is_found() {
    let bytes = monitoring(0x20);
    let Ok(Message::Monitoring { peer, update }) = Message::parse(&bytes) else {
        panic!("Route Monitoring");
    };
    assert_eq!(
        (peer.address.to_string(), peer.asn),
        ("192.0.2.2".into(), 65002)
    );
    assert_eq!(peer.distinguisher, [1, 2, 3, 4, 5, 6, 7, 8]);
    assert!(!peer.as4());
    assert_eq!(update, bgp(2, &[0; 4]));
    let bytes = up();
    let Ok(Message::Up(up)) = Message::parse(&bytes) else {
        panic!("Peer Up");
    };
    assert_eq!(
        (up.local.to_string(), up.ports),
        ("192.0.2.1".into(), [179, 40000])
    );
    assert_eq!((up.sent.len(), up.received.len()), (29, 29));
    assert_ne!(up.sent, up.received);
}

/// RFC 7854 §4.9, RFC 9069 §5.3.
#[test]
fn each_reason_of_a_peer_down_is_what_it_says() {
    let notification = bgp(3, &[6, 2]);
    let down = |reason: u8, rest: &[u8]| message(2, &[&peer(0, 0), &[reason][..], rest].concat());
    let cases: [(u8, &[u8], Reason<'_>); 6] = [
        (1, &notification, Reason::Sent(&notification)),
        (2, &[0, 24], Reason::Silent),
        (3, &notification, Reason::Received(&notification)),
        (4, &[], Reason::Silent),
        (5, &[], Reason::NotTold),
        (99, &[], Reason::Silent),
    ];
    for (number, rest, expected) in cases {
        let bytes = down(number, rest);
        let Ok(Message::Down { reason, .. }) = Message::parse(&bytes) else {
            panic!("Peer Down {number}");
        };
        assert_eq!(reason, expected);
    }
}

/// RFC 7854 §4.2, RFC 8671 §4, RFC 9069 §4.2.
#[test]
fn views_that_the_wire_does_not_have_are_no_ones_messages() {
    let sent = |kind, flags| {
        let mut bytes = monitoring(flags);
        bytes[COMMON_LEN] = kind;
        match Message::parse(&bytes).expect("whole") {
            Message::Monitoring { peer, .. } => peer.sent(),
            Message::NoSession(peer) => peer.sent(),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(sent(0, 0), Some(false), "Adj-RIB-In, pre-policy");
    assert_eq!(sent(1, 0), Some(false), "of a VRF");
    assert_eq!(sent(2, 0), Some(false), "of a local instance");
    assert_eq!(sent(0, 0x40), None, "Adj-RIB-In, post-policy");
    assert_eq!(sent(0, 0x10), None, "Adj-RIB-Out, pre-policy");
    assert_eq!(sent(0, 0x50), Some(true), "Adj-RIB-Out, post-policy");
    assert_eq!(sent(3, 0), None, "Loc-RIB");
    assert_eq!(sent(7, 0), None, "what nobody knows");
}

#[test]
fn what_is_cut_anywhere_is_refused_or_less() {
    let notification = bgp(3, &[6, 2]);
    let down = message(2, &[&peer(0, 0), &[1][..], &notification].concat());
    for whole in [monitoring(0), up(), down] {
        // The string behind the OPENs may be missing.
        let needed = whole.len() - if whole[5] == 3 { 5 } else { 0 };
        for length in 0..needed {
            assert!(
                Message::parse(&whole[..length]).is_err(),
                "{length} of {needed}"
            );
        }
        assert!(Message::parse(&whole[..needed]).is_ok());
    }
    let mut bytes = monitoring(0);
    bytes.push(0);
    assert_eq!(
        Message::parse(&bytes),
        Err(Malformed("octets follow the UPDATE"))
    );
    let mut bytes = monitoring(0);
    bytes[48 + 18] = 4;
    assert!(Message::parse(&bytes).is_err(), "no UPDATE");
    bytes[48] = 0;
    assert!(Message::parse(&bytes).is_err(), "no marker");
}

#[test]
fn other_types_and_versions_are_passed_over() {
    for kind in [1, 6] {
        assert_eq!(
            Message::parse(&message(kind, &peer(0, 0))),
            Ok(Message::Other)
        );
        assert!(
            Message::parse(&message(kind, &[0; 41])).is_err(),
            "type {kind}"
        );
    }
    for kind in [4, 5, 7, 255] {
        assert_eq!(Message::parse(&message(kind, &[])), Ok(Message::Other));
    }
    let mut draft = monitoring(0);
    draft[0] = 4;
    assert_eq!(Message::parse(&draft), Ok(Message::Draft));
}

#[test]
fn lengths_that_no_message_has_are_no_frame() {
    let head = |version, length: u32| [&[version][..], &length.to_be_bytes(), &[0]].concat();
    assert_eq!(Framed::of(&head(3, 6)), Framed::Whole(6));
    assert_eq!(Framed::of(&head(4, 7)), Framed::Partial);
    assert_eq!(Framed::of(&head(3, 5)), Framed::Not);
    assert_eq!(Framed::of(&head(2, 6)), Framed::Not);
    assert_eq!(Framed::of(&head(3, 1 << 20)), Framed::Partial);
    assert_eq!(Framed::of(&head(3, (1 << 20) + 1)), Framed::Not);
    assert_eq!(Framed::of(&[3, 0, 0]), Framed::Partial);
}

#[test]
fn a_start_is_found_among_other_bytes() {
    let whole = [up(), monitoring(0), monitoring(0x40)].concat();
    assert_eq!(find_start(&whole), Some(0));
    let first = up().len();
    for from in 1..first {
        assert_eq!(
            find_start(&whole[from..]),
            Some(first - from),
            "from {from}"
        );
    }
    assert_eq!(find_start(b"GET / HTTP/1.1\r\nHost: station\r\n\r\n"), None);
    assert_eq!(find_start(&[]), None);
    let initiation = message(4, &[0, 2, 0, 2, b'r', b'1']);
    assert_eq!(find_start(&initiation), Some(0));
    let further_in = [&[9][..], &initiation].concat();
    assert_eq!(
        find_start(&further_in),
        None,
        "too little tells it from others"
    );
    // What a header promises is not there.
    let mut forged = monitoring(0);
    forged[4] += 10;
    let behind = [&[9][..], &forged, &[0x77; 40]].concat();
    assert_eq!(find_start(&behind), None);
}
