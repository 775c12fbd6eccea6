//! Captures that have what others lack: sessions made to order, and a recording of which frames are missing.

use super::conversation::Conversation;
use super::support::encode::{Order, pcap};
use super::support::segments::{keepalive, message};
use super::support::{flows, recording};

/// One frame in so many is missing.
const MISSING: usize = 61;

/// Families of the made sessions: what their capability says of each (RFC 4760 §8), then next hop and NLRI.
const FAMILIES: [(&[u8], &[u8], &[u8]); 5] = [
    // 2001:db8::/32
    (
        &[0, 2, 0, 1],
        &[0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
        &[32, 0x20, 1, 0xd, 0xb8],
    ),
    // Label 16, 10.4.0.0/16 (RFC 8277 §2.2).
    (&[0, 1, 0, 4], &[192, 0, 2, 1], &[40, 0, 1, 1, 10, 4]),
    // Label 16, distinguisher 65001:1, 10.128.0.0/16 (RFC 4364 §4.3.4).
    (
        &[0, 1, 0, 128],
        &[0, 0, 0, 0, 0, 0, 0, 0, 192, 0, 2, 1],
        &[104, 0, 1, 1, 0, 0, 0xfd, 0xe9, 0, 0, 0, 1, 10, 128],
    ),
    // IP prefix route 10.70.0.0/16 (RFC 9136 §3.1).
    (
        &[0, 25, 0, 70],
        &[192, 0, 2, 1],
        &[
            5, 34, 0, 0, 0xfd, 0xe9, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 16, 10,
            70, 0, 0, 0, 0, 0, 0, 0, 1, 1,
        ],
    ),
    // Destination 10.133.0.0/16 (RFC 8955 §4.2.2.1).
    (&[0, 1, 0, 133], &[], &[4, 1, 16, 10, 133]),
];

/// An UPDATE with these attributes, and routes of IPv4.
fn update(attributes: &[&[u8]], routes: &[u8]) -> Vec<u8> {
    let attributes = attributes.concat();
    let length = (attributes.len() as u16).to_be_bytes();
    message(2, &[&[0, 0], &length[..], &attributes, routes].concat())
}

fn attribute(flags: u8, code: u8, value: &[u8]) -> Vec<u8> {
    [&[flags, code, value.len() as u8], value].concat()
}

/// AS_PATH of segments: their kind (RFC 4271 §4.3, RFC 5065 §3) and the AS numbers in each.
fn path(segments: &[(u8, &[u32])]) -> Vec<u8> {
    let mut value = Vec::new();
    for (kind, asns) in segments {
        value.extend([*kind, asns.len() as u8]);
        asns.iter().for_each(|asn| value.extend(asn.to_be_bytes()));
    }
    attribute(0x40, 2, &value)
}

/// Announces, withdraws and ends each of the families.
fn families(talk: &mut Conversation) {
    let origin = attribute(0x40, 1, &[0]);
    for (number, (family, next_hop, nlri)) in FAMILIES.iter().enumerate() {
        // Without the octet between AFI and SAFI.
        let family = [family[0], family[1], family[3]];
        let hop = [&[next_hop.len() as u8], *next_hop, &[0]].concat();
        let reach = attribute(0x80, 14, &[&family[..], &hop, nlri].concat());
        let path = path(&[(2, &[65001, 64500 + number as u32])]);
        // RFC 4360 §4: a route target.
        let target = attribute(0xc0, 16, &[0, 2, 0xfd, 0xe9, 0, 0, 0, number as u8]);
        talk.say_as(0, &update(&[&origin, &path, &target, &reach], &[]));
        if number % 2 == 0 {
            let gone = attribute(0x80, 15, &[&family[..], nlri].concat());
            talk.say_as(0, &update(&[&gone], &[]));
        }
        // RFC 4724 §2: End-of-RIB.
        talk.say_as(0, &update(&[&attribute(0x80, 15, &family)], &[]));
    }
    talk.say_as(0, &update(&[], &[]));
}

/// Announces 10.N.0.0/16 with paths of all kinds of segments, and with communities.
fn paths(talk: &mut Conversation) {
    let [origin, hop] = [
        attribute(0x40, 1, &[0]),
        attribute(0x40, 3, &[192, 0, 2, 1]),
    ];
    let paths: [&[(u8, &[u32])]; 7] = [
        &[(2, &[65001, 64500])],
        &[(2, &[65001]), (2, &[70_000, 64500])],
        &[(3, &[64600, 64601]), (2, &[64700])],
        &[(3, &[64600, 64601])],
        &[(2, &[65001, 64700]), (1, &[64600, 64601])],
        &[(1, &[64602, 64603]), (2, &[64700])],
        &[],
    ];
    for (number, segments) in paths.iter().enumerate() {
        let path = path(segments);
        let routes = [16, 10, number as u8];
        // NO_EXPORT or BLACKHOLE, and one of its own (RFC 1997, RFC 7999).
        let known = [[0xff, 0xff, 0xff, 1], [0xff, 0xff, 2, 0x9a]][number % 2];
        let own = [0xfd, 0xe9, 0, number as u8];
        let communities = attribute(0xc0, 8, &[known, own].concat());
        talk.say_as(0, &update(&[&origin, &path, &hop, &communities], &routes));
    }
}

/// Two sessions in which everything occurs that a session can have.
pub fn sessions() -> Vec<u8> {
    let plain: (u8, &[u8]) = (1, &[0, 1, 0, 1]);
    let graceful = FAMILIES
        .iter()
        .map(|(family, ..)| [family[0], family[1], family[3], 0]);
    let graceful = [&[0, 120][..], &graceful.collect::<Vec<_>>().concat()].concat();
    let mut capabilities: Vec<(u8, &[u8])> = vec![plain, (2, &[]), (70, &[]), (64, &graceful)];
    capabilities.extend(FAMILIES.iter().map(|(family, ..)| (1, *family)));
    let mut talk = Conversation::between([65001, 65002], 40_000, &capabilities);
    families(&mut talk);
    // Route refreshes, one of them with its beginning and end (RFC 7313 §3.2).
    for refresh in [[0, 1, 0, 128], [0, 25, 0, 70]] {
        talk.say_as(1, &message(5, &refresh));
    }
    for subtype in [1, 2] {
        talk.say_as(0, &message(5, &[0, 1, subtype, 128]));
    }
    paths(&mut talk);
    // A type of message that nobody knows.
    talk.say_as(1, &message(77, &[1, 2, 3]));
    let mut other = Conversation::between([65001, 65003], 40_001, &[plain]);
    other.announce(1, 7);
    other.announce(1, 7);
    other.withdraw(1);
    // It does not read for two seconds.
    other.set_window(1, 0);
    other.pause(2_500);
    other.set_window(1, u16::MAX);
    other.say_unseen(0, &keepalive());
    other.say_as(0, &keepalive());
    // No marker.
    other.say_as(0, &[0; 40]);
    other.say_as(0, &keepalive().repeat(3));
    other.say_as(1, &message(3, &[6, 4]));
    let mut frames = talk.frames();
    other.close(1);
    frames.extend(other.frames());
    talk.pause(5_000);
    talk.reset(0);
    frames.extend(talk.frames());
    frames.sort_by_key(|frame| frame.ns);
    pcap(&frames, Order::Little, true)
}

/// The recording without some of its frames.
pub fn damaged() -> Vec<u8> {
    let frames = flows::frames(&std::fs::read(recording()).unwrap()).into_iter();
    let kept = frames.enumerate().filter(|(at, _)| at % MISSING != 7);
    flows::file(&kept.map(|(_, frame)| frame).collect::<Vec<_>>())
}
