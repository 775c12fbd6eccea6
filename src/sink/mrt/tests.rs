//! Records against the layouts that RFC 6396 and RFC 8050 draw.

use super::*;
use crate::bgp::{Family, FamilySet};

const KEEPALIVE: [u8; 19] = {
    let mut bytes = [0xff; 19];
    bytes[16] = 0;
    bytes[17] = 19;
    bytes[18] = 4;
    bytes
};

fn meta(peer: &str, local: &str) -> Meta<'static> {
    let address = |text: &str| text.parse().expect("an address");
    Meta {
        ts_ns: 1_700_000_000_123_456_789,
        ts_source: "file",
        peer: address(peer),
        peer_port: 179,
        peer_asn: Some(70_000),
        local: address(local),
        local_port: 4000,
        local_asn: Some(65_001),
        session: 1,
        seq: 1,
        event_no: 1,
        host: "test",
        searched: false,
    }
}

fn context(as4: bool) -> Context {
    Context {
        as4,
        ..Context::assumed()
    }
}

/// Header of a record: seconds, type, subtype, length.
fn header(record: &[u8]) -> (u32, u16, u16, u32) {
    let u16 = |at: usize| u16::from_be_bytes([record[at], record[at + 1]]);
    let u32 = |at: usize| u32::from(u16(at)) << 16 | u32::from(u16(at + 2));
    (u32(0), u16(4), u16(6), u32(8))
}

#[test]
fn a_message_is_behind_both_sides() {
    let mut out = Vec::new();
    let meta = meta("192.0.2.1", "192.0.2.2");
    write_message(
        &mut out,
        &meta,
        &Message::Keepalive,
        &context(true),
        &KEEPALIVE,
    );
    assert_eq!(header(&out), (1_700_000_000, 17, 4, 4 + 8 + 4 + 8 + 19));
    assert_eq!(out[12..16], 123_456u32.to_be_bytes(), "microseconds");
    assert_eq!(out[16..20], 70_000u32.to_be_bytes(), "peer AS");
    assert_eq!(out[20..24], 65_001u32.to_be_bytes(), "local AS");
    assert_eq!(out[24..28], [0, 0, 0, 1], "interface index and AFI");
    assert_eq!(out[28..36], [192, 0, 2, 1, 192, 0, 2, 2]);
    assert_eq!(out[36..], KEEPALIVE);
}

#[test]
fn a_session_of_two_octets_has_no_room_for_a_greater_as() {
    let mut out = Vec::new();
    let meta = meta("2001:db8::1", "2001:db8::2");
    write_message(
        &mut out,
        &meta,
        &Message::Keepalive,
        &context(false),
        &KEEPALIVE,
    );
    assert_eq!(header(&out), (1_700_000_000, 17, 1, 4 + 4 + 4 + 32 + 19));
    assert_eq!(out[16..18], AS_TRANS.to_be_bytes());
    assert_eq!(out[18..20], 65_001u16.to_be_bytes());
    assert_eq!(out[20..24], [0, 0, 0, 2], "interface index and AFI");
    assert_eq!(out[24..26], [0x20, 0x01]);
    assert_eq!(out[56..], KEEPALIVE);
}

#[test]
fn path_identifiers_are_in_the_subtype_of_what_has_them() {
    let with_ids = Context {
        add_path: FamilySet::EMPTY.with(Family::IPV4_UNICAST),
        ..Context::assumed()
    };
    let subtype = |context: &Context, body: &[u8]| {
        let message = Message::parse_body(crate::bgp::MessageType::Update, body, context);
        let mut out = Vec::new();
        let meta = meta("192.0.2.1", "192.0.2.2");
        // Only the record's header is looked at.
        write_message(&mut out, &meta, &message, context, &[]);
        header(&out).2
    };
    // RFC 4271 §4.3: a withdrawn 10.0.0.0/8 and nothing else; with path identifier 7.
    let plain = [0, 2, 8, 10, 0, 0];
    let add_path = [0, 6, 0, 0, 0, 7, 8, 10, 0, 0];
    assert_eq!(subtype(&context(true), &plain), 4);
    assert_eq!(subtype(&with_ids, &add_path), 9);
    let two_octets = Context {
        as4: false,
        ..with_ids
    };
    assert_eq!(subtype(&two_octets, &add_path), 8);
    assert_eq!(subtype(&context(false), &plain), 1);
    assert_eq!(subtype(&with_ids, &[0; 4]), 4, "an End-of-RIB has none");
    // 2001:db8::/32 withdrawn, a family without them.
    let mut ipv6 = vec![0, 0, 0, 11, 0x80, 15, 8, 0, 2, 1, 32];
    ipv6.extend([0x20, 0x01, 0x0d, 0xb8]);
    assert_eq!(subtype(&with_ids, &ipv6), 4);
}

#[test]
fn a_change_of_state_ends_in_both_states() {
    let mut out = Vec::new();
    let mut meta = meta("192.0.2.1", "192.0.2.2");
    meta.local_asn = None;
    write_state(&mut out, &meta, State::Established, State::OpenConfirm);
    assert_eq!(header(&out), (1_700_000_000, 17, 5, 4 + 8 + 4 + 8 + 4));
    assert_eq!(out[20..24], [0; 4], "nobody told the local AS");
    assert_eq!(out[36..], [0, 5, 0, 6], "old, new");
}
