//! How sessions begin without OPENs, lose messages and end, as two decoders of other projects read it.

use super::conversation::Conversation;
use super::station::{Messages, Station};
use super::support::encode::{Order, pcap};
use super::support::segments::message;
use super::support::{Scratch, dissect, have};
use super::view::View;
use super::{ours, views};
use bgpkit_parser::parser::bmp::messages::{
    BmpMessageBody, PeerDownReason, PeerUpTlvType, RouteMirroringInfo, RouteMirroringValue,
};
use bgpkit_parser::parser::bmp::parse_bmp_msg;
use bytes::Bytes;
use std::process::Command;

const ROUTER: &str = "192.0.2.2";
/// BMP types (RFC 7854 §10.1).
const PEER_DOWN: &str = "2";
const PEER_UP: &str = "3";

/// What a station is told of the router by a capture.
fn told(capture: &[u8]) -> Messages {
    let scratch = Scratch::new("bmp-ends");
    let file = scratch.write("talk.pcap", capture);
    let station = Station::start();
    let ours = ours::read(&file, station.address, &["--router", ROUTER]);
    assert_eq!(ours.status, Some(0), "{}", ours.log);
    let mut connections = station.finish();
    assert_eq!(connections.len(), 1);
    connections.remove(0)
}

/// What tshark reads in the messages of a type: one field of each, and whether it calls them malformed.
fn by_tshark(messages: &Messages, kind: &str, field: &str) -> Vec<(String, bool)> {
    let scratch = Scratch::new("bmp-tshark");
    let mut tshark = Command::new("tshark");
    tshark.args([
        "-n",
        "-d",
        "tcp.port==179,bmp",
        "-o",
        "tcp.check_checksum:FALSE",
    ]);
    tshark.args([
        "-T",
        "fields",
        "-e",
        "bmp.type",
        "-e",
        "_ws.malformed",
        "-e",
        field,
        "-r",
    ]);
    let output = tshark.arg(dissect::capture(&scratch, messages)).output();
    let output = String::from_utf8(output.unwrap().stdout).unwrap();
    assert_eq!(output.lines().count(), messages.len(), "each is a packet");
    let lines = output
        .lines()
        .map(|line| line.split('\t').collect::<Vec<_>>());
    let fitting = lines.filter(|fields| fields[0] == kind);
    fitting
        .map(|fields| (fields[2].to_owned(), !fields[1].is_empty()))
        .collect()
}

/// RFC 7854 §4.9: who ended it, and whether by a NOTIFICATION.
#[test]
fn a_peer_goes_down_for_the_reason_that_was_on_the_wire() {
    if !have("tshark") {
        return;
    }
    // Cease, administrative shutdown (RFC 4486).
    let notification = message(3, &[6, 2]);
    let cases = [
        (
            1,
            true,
            PeerDownReason::LocalSystemClosedNotificationPduFollows,
        ),
        (1, false, PeerDownReason::LocalSystemClosedFsmEvenFollows),
        (
            0,
            true,
            PeerDownReason::RemoteSystemClosedNotificationPduFollows,
        ),
        (0, false, PeerDownReason::RemoteSystemsClosedNoData),
    ];
    for (direction, notifies, reason) in cases {
        let mut talk = Conversation::new();
        talk.announce(1, 1);
        if notifies {
            talk.say_as(direction, &notification);
        }
        talk.close(direction);
        let messages = told(&talk.part());
        let view = View::of(&messages);
        let [(address, down)] = &view.downs[..] else {
            panic!("{:?}", view.downs);
        };
        assert_eq!(
            (address.to_string().as_str(), down.reason),
            ("192.0.2.1", reason)
        );
        let data = match (notifies, direction) {
            (true, _) => Some(notification.clone()),
            // No event of the state machine fits.
            (false, 1) => Some(vec![0, 0]),
            (false, _) => None,
        };
        assert_eq!(down.data.clone().filter(|data| !data.is_empty()), data);
        let number = (reason as u8).to_string();
        assert_eq!(
            by_tshark(&messages, PEER_DOWN, "bmp.peer.down.reason"),
            [(number, false)]
        );
    }
}

/// RFC 7854 §4.7: whoever follows is told that something is missing.
#[test]
fn lost_messages_are_mirrored_as_lost() {
    let mut talk = Conversation::new();
    talk.announce(1, 1);
    talk.say_unseen(0, &message(2, &[0, 0, 0, 0]));
    talk.announce(2, 1);
    talk.pause(1000);
    talk.announce(3, 1);
    let messages = told(&talk.part());
    let mut lost = Vec::new();
    for bytes in messages.iter().filter(|bytes| bytes[5] == 6) {
        let message = parse_bmp_msg(&mut Bytes::copy_from_slice(bytes)).unwrap();
        let header = message.per_peer_header.unwrap();
        let BmpMessageBody::RouteMirroring(mirrored) = message.message_body else {
            panic!("{bytes:?}");
        };
        let values: Vec<_> = mirrored.tlvs.into_iter().map(|tlv| tlv.value).collect();
        lost.push((header.peer_ip.to_string(), values));
    }
    let value = RouteMirroringValue::Information(RouteMirroringInfo::MessageLost);
    assert_eq!(lost, [("192.0.2.1".to_owned(), vec![value])]);
    // What is behind the gap is told.
    let view = View::of(&messages);
    let peer = &view.peers[&"192.0.2.1".parse().unwrap()];
    assert_eq!(peer.tables[0].len(), talk.routes.len());
}

/// A Peer Up with OPENs that nobody sent says so (RFC 9736 §3.1), and both can be read.
#[test]
fn open_messages_that_were_not_seen_are_said_to_be_made_up() {
    if !have("tshark") {
        return;
    }
    // The handshake is of three frames; then come both OPENs.
    let cases = [
        (0..7, Some("no valid OPENs captured; both synthesised")),
        (4..5, Some("no valid sent OPEN captured; synthesised")),
        (3..4, Some("no valid received OPEN captured; synthesised")),
        (0..0, None),
    ];
    for (missing, remark) in cases {
        let mut talk = Conversation::new();
        (0..100).for_each(|number| talk.announce(number, 1));
        let mut frames = talk.frames();
        frames.drain(missing);
        let messages = told(&pcap(&frames, Order::Little, true));
        let views = views(std::slice::from_ref(&messages));
        let view = &views[&ROUTER.parse().unwrap()];
        let tlvs = &view.peers[&"192.0.2.1".parse().unwrap()].up.tlvs;
        let texts: Vec<_> = tlvs
            .iter()
            .map(|tlv| (tlv.info_type, tlv.info_value.as_str()))
            .collect();
        match remark {
            None => assert_eq!(texts, []),
            Some(remark) => {
                let wanted = format!("bgptap: {remark} from how UPDATEs are encoded");
                assert_eq!(texts, [(PeerUpTlvType::String, wanted.as_str())]);
            }
        }
        // Two OPENs in it. Of what follows them tshark 4.0 knows nothing, and calls it a malformed message of BGP.
        let [(types, malformed)] = &by_tshark(&messages, PEER_UP, "bgp.type")[..] else {
            panic!("{messages:?}");
        };
        assert_eq!(types, "1,1");
        assert!(remark.is_some() || !malformed);
    }
}
