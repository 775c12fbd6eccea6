use std::net::{IpAddr, Ipv4Addr};

use serde_json::{Value, json};

use super::*;
use crate::bgp::{Context, Family, FamilySet, Message};

fn meta() -> Meta<'static> {
    Meta {
        ts_ns: 1_700_000_000_123_456_789,
        ts_source: "file",
        peer: IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)),
        peer_port: 179,
        peer_asn: Some(4_200_000_000),
        local: "2001:db8::2".parse().expect("an address"),
        local_port: 40000,
        local_asn: None,
        session: 0xabc,
        seq: 7,
        event_no: 9,
        host: "tap \"1\"",
        searched: false,
    }
}

fn parse(out: &[u8]) -> Value {
    let text = std::str::from_utf8(out).expect("UTF-8");
    let line = text.strip_suffix('\n').expect("a newline at the end");
    assert!(!line.contains('\n'), "one line");
    serde_json::from_str(line).expect("JSON")
}

fn whole(code: u8, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(19 + body.len()).expect("short");
    let mut bytes = vec![0xff; 16];
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.push(code);
    bytes.extend_from_slice(body);
    bytes
}

fn line(bytes: &[u8], context: &Context) -> Value {
    let message = Message::parse(bytes, context).expect("a header");
    let mut out = Vec::new();
    write_message(&mut out, &MessageLine::new(&meta(), &message));
    parse(&out)
}

/// An UPDATE of attributes and IPv4 NLRI.
fn update(attributes: &[u8], announced: &[u8]) -> Vec<u8> {
    let length = u16::try_from(attributes.len()).expect("short");
    let mut body = vec![0, 0];
    body.extend_from_slice(&length.to_be_bytes());
    body.extend_from_slice(attributes);
    body.extend_from_slice(announced);
    whole(2, &body)
}

/// ORIGIN igp, AS_PATH `64496 {65536}`, NEXT_HOP 192.0.2.9.
fn mandatory() -> Vec<u8> {
    let mut attributes = vec![0x40, 1, 1, 0, 0x40, 2, 12];
    attributes.extend_from_slice(&[2, 1, 0, 0, 0xfb, 0xf0, 1, 1, 0, 1, 0, 0]);
    attributes.extend_from_slice(&[0x40, 3, 4, 192, 0, 2, 9]);
    attributes
}

/// What RFC 9774 says of the path of [`mandatory`].
fn sets_are_deprecated() -> Value {
    json!({
        "code": 3, "subcode": 11, "attribute": 2, "offset": 30,
        "disposition": "treat-as-withdraw",
        "text": "AS_PATH with AS_SET or AS_CONFED_SET, which are deprecated",
    })
}

#[test]
fn every_line_says_when_who_and_where() {
    let value = line(&whole(4, &[]), &Context::assumed());
    assert_eq!(
        value,
        json!({
            "type": "KEEPALIVE", "timestamp": 1_700_000_000.123_456,
            "ts_ns": "1700000000123456789", "ts_source": "file",
            "peer": "192.0.2.1", "peer_port": 179, "peer_asn": "4200000000",
            "local": "2001:db8::2", "local_port": 40000,
            "session": "0000000000000abc", "seq": 7, "id": "0000000000000abc-9",
            "host": "tap \"1\"", "length": 19,
        })
    );
}

#[test]
fn events_that_are_no_messages() {
    let mut out = Vec::new();
    write_state(&mut out, &meta(), 6, 5, "keepalive");
    let state = parse(&out);
    assert_eq!(state["type"], "STATE");
    assert_eq!(
        (&state["state"], &state["previous"]),
        (&json!(6), &json!(5))
    );
    assert_eq!(state["reason"], "keepalive");

    out.clear();
    write_gap(&mut out, &meta(), 5_000_000_000, u32::MAX, 3, "mirror_loss");
    let gap = parse(&out);
    assert_eq!(gap["type"], "GAP");
    assert_eq!(gap["bytes"], 5_000_000_000u64);
    assert_eq!(
        (&gap["seq_from"], &gap["seq_to"]),
        (&json!(u32::MAX), &json!(3))
    );
    assert_eq!(gap["reason"], "mirror_loss");

    out.clear();
    write_malformed(&mut out, &meta(), 42, "bad_marker");
    let malformed = parse(&out);
    assert_eq!(malformed["type"], "MALFORMED");
    assert_eq!(
        (&malformed["bytes"], &malformed["reason"]),
        (&json!(42), &json!("bad_marker"))
    );
    for event in [state, gap, malformed] {
        assert_eq!(event["id"], "0000000000000abc-9");
        assert!(event.get("length").is_none());
    }
}

#[test]
fn an_update_with_the_names_of_ris_live() {
    let mut attributes = mandatory();
    attributes.extend_from_slice(&[0x80, 4, 4, 0, 0, 0, 5]);
    attributes.extend_from_slice(&[0xc0, 7, 8, 0, 1, 0, 0, 192, 0, 2, 3]);
    attributes.extend_from_slice(&[0xc0, 8, 8, 0, 2, 0, 1, 0, 2, 0, 1]);
    attributes.extend_from_slice(&[0xc0, 16, 8, 0, 2, 0xfb, 0xf0, 0, 0, 0, 1]);
    attributes.extend_from_slice(&[0xc0, 99, 2, 0xab, 0xcd]);
    let value = line(
        &update(&attributes, &[24, 198, 51, 100, 8, 10]),
        &Context::assumed(),
    );
    assert_eq!(value["path"], json!([64496, [65536]]));
    assert_eq!(value["path_text"], "64496 {65536}");
    assert_eq!(value["origin"], "igp");
    assert_eq!(value["med"], 5);
    assert_eq!(value["aggregator"], "65536:192.0.2.3");
    assert_eq!(value["community"], json!([[2, 1], [2, 1]]));
    assert_eq!(
        value["ext_community"],
        json!([{
            "raw": "0002fbf000000001", "type": "route-target", "asn": 64496, "value": 1,
            "text": "RT:64496:1",
        }])
    );
    assert_eq!(
        value["announcements"],
        json!([{
            "next_hop": "192.0.2.9", "afi": 1, "safi": 1,
            "prefixes": ["198.51.100.0/24", "10.0.0.0/8"],
        }])
    );
    assert_eq!(
        value["unknown_attributes"],
        json!([{ "code": 99, "flags": 0xc0, "value": "abcd" }])
    );
    assert_eq!(
        value["errors"],
        json!([sets_are_deprecated()]),
        "AS sets stay readable"
    );
    for absent in ["withdrawals", "eor", "raw", "context", "local_pref"] {
        assert!(value.get(absent).is_none(), "{absent}");
    }
}

#[test]
fn well_known_communities_are_named() {
    let attributes = [
        0xc0, 8, 12, 0xff, 0xff, 0xff, 1, 0, 2, 0, 1, 0xff, 0xff, 2, 0x9a,
    ];
    let value = line(&update(&attributes, &[]), &Context::assumed());
    assert_eq!(
        value["community"],
        json!([[65535, 65281], [2, 1], [65535, 666]])
    );
    assert_eq!(value["community_names"], json!(["no-export", "blackhole"]));
}

#[test]
fn nlri_that_cannot_be_read_keep_their_octets() {
    let mut attributes = mandatory();
    attributes.extend_from_slice(&[0x80, 15, 10, 0, 25, 70, 77, 1, 9, 2, 255, 7, 7]);
    let value = line(&update(&attributes, &[8, 10, 33, 1]), &Context::assumed());
    assert_eq!(value["announcements"][0]["prefixes"], json!(["10.0.0.0/8"]));
    assert_eq!(value["announcements"][0]["unreadable"], "2101");
    let unknown = json!({ "nlri_type": "unknown", "type": 77, "raw": "09" });
    assert_eq!(
        value["withdrawals"],
        json!([{ "afi": 25, "safi": 70, "prefixes": [unknown], "unreadable": "02ff0707" }])
    );
}

#[test]
fn both_next_hops_and_path_identifiers() {
    let context = Context {
        add_path: FamilySet::EMPTY.with(Family::IPV6_UNICAST),
        ..Context::assumed()
    };
    let mut reach = vec![0, 2, 1, 32];
    reach.extend_from_slice(&[0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    reach.extend_from_slice(&[0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    reach.extend_from_slice(&[0, 0, 0, 0, 7, 32, 0x20, 1, 0xd, 0xb8]);
    let mut attributes = mandatory();
    attributes.extend_from_slice(&[0x80, 14, u8::try_from(reach.len()).expect("short")]);
    attributes.extend_from_slice(&reach);
    attributes.extend_from_slice(&[0x80, 15, 5, 0, 25, 250, 1, 2]);
    let bytes = update(&attributes, &[]);
    let message = Message::parse(&bytes, &context).expect("a header");
    let (mut out, meta) = (Vec::new(), meta());
    let line = MessageLine {
        context: Some((&context, ContextSource::Negotiated)),
        raw: Some(&bytes),
        ..MessageLine::new(&meta, &message)
    };
    write_message(&mut out, &line);
    let value = parse(&out);
    assert_eq!(
        value["announcements"],
        json!([{
            "next_hop": "2001:db8::1,fe80::1", "afi": 2, "safi": 1,
            "prefixes": [{ "prefix": "2001:db8::/32", "path_id": 7 }],
        }])
    );
    assert_eq!(
        value["withdrawals"],
        json!([{ "afi": 25, "safi": 250, "prefixes": [{ "nlri_type": "opaque", "raw": "0102" }] }])
    );
    assert_eq!(
        value["context"],
        json!({ "as4": true, "add_path": [[2, 1]], "extended": false, "source": "negotiated" })
    );
    let hex: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
    assert_eq!(value["raw"], hex);
    assert_eq!(value["length"], bytes.len());
}

#[test]
fn confederation_segments_are_objects() {
    let attributes = [
        0x40, 2, 18, 3, 1, 0, 0, 0xfd, 0xe9, 2, 1, 0, 0, 0, 1, 4, 1, 0, 0, 0xfd, 0xea,
    ];
    let value = line(&update(&attributes, &[]), &Context::assumed());
    assert_eq!(
        value["path"],
        json!([{ "confed_sequence": [65001] }, 1, { "confed_set": [65002] }])
    );
}

#[test]
fn a_malformed_update_keeps_its_type_and_its_bytes() {
    let mut attributes = mandatory();
    attributes.extend_from_slice(&[0xc0, 8, 5, 1, 2, 3, 4, 5]);
    attributes.extend_from_slice(&[0x40, 1, 1, 2]);
    let value = line(&update(&attributes, &[8, 10]), &Context::assumed());
    assert_eq!(value["type"], "UPDATE");
    assert_eq!(
        value["errors"],
        json!([
            sets_are_deprecated(),
            {
                "code": 3, "subcode": 5, "attribute": 8, "offset": 52,
                "disposition": "treat-as-withdraw",
                "text": "COMMUNITIES is not a multiple of four octets",
            },
            {
                "code": 3, "subcode": 1, "attribute": 1, "offset": 57,
                "disposition": "attribute-discard", "text": "attribute given before",
            },
        ])
    );
    assert_eq!(
        value["unknown_attributes"],
        json!([
            {
                "code": 8, "name": "COMMUNITIES", "flags": 0xc0, "value": "0102030405",
                "malformed": true,
            },
            { "code": 1, "name": "ORIGIN", "flags": 0x40, "value": "02", "repeated": true },
        ])
    );
    assert_eq!(value["origin"], "igp", "the first one counts");
    assert_eq!(value["announcements"][0]["prefixes"], json!(["10.0.0.0/8"]));
}

#[test]
fn end_of_rib() {
    assert_eq!(
        line(&update(&[], &[]), &Context::assumed())["eor"],
        json!([1, 1])
    );
    let unreach = [0x80, 15, 3, 0, 2, 1];
    assert_eq!(
        line(&update(&unreach, &[]), &Context::assumed())["eor"],
        json!([2, 1])
    );
}

#[test]
fn open_with_each_capability() {
    let capabilities = [
        1, 4, 0, 2, 0, 1, 69, 4, 0, 1, 1, 3, 64, 6, 0x80, 120, 0, 1, 1, 0x80, 65, 4, 0, 1, 0, 0,
        73, 4, 1, b'r', 1, b'd', 200, 1, 9,
    ];
    let length = u8::try_from(capabilities.len()).expect("short");
    let mut body = vec![4, 0x5b, 0xa0, 0, 90, 192, 0, 2, 1, length + 2, 2, length];
    body.extend_from_slice(&capabilities);
    let value = line(&whole(1, &body), &Context::assumed());
    assert_eq!(value["version"], 4);
    assert_eq!(value["asn"], 65536);
    assert_eq!(value["hold_time"], 90);
    assert_eq!(value["router_id"], "192.0.2.1");
    assert_eq!(
        value["capabilities"],
        json!([
            { "code": 1, "name": "multiprotocol", "afi": 2, "safi": 1 },
            {
                "code": 69, "name": "add-path",
                "families": [{ "afi": 1, "safi": 1, "send": true, "receive": true }],
            },
            {
                "code": 64, "name": "graceful-restart", "restart_time": 120,
                "restarted": true, "notifications": false,
                "families": [{ "afi": 1, "safi": 1, "flags": 128 }],
            },
            { "code": 65, "name": "four-octet-as", "asn": 65536 },
            { "code": 73, "name": "fqdn", "host": "r", "domain": "d" },
            { "code": 200, "value": "09" },
        ])
    );
}

#[test]
fn notification_and_refresh() {
    let value = line(&whole(3, b"\x06\x02\x02a\x01"), &Context::assumed());
    assert_eq!(
        value["notification"],
        json!({
            "code": 6, "subcode": 2, "name": "Cease",
            "subcode_name": "Administrative Shutdown", "data": "026101", "text": "a\\u{1}",
        })
    );
    let value = line(&whole(5, &[0, 2, 1, 1]), &Context::assumed());
    assert_eq!(value["type"], "ROUTE_REFRESH");
    assert_eq!((&value["afi"], &value["safi"]), (&json!(2), &json!(1)));
    assert_eq!(value["subtype_name"], "begin");
}

#[test]
fn the_same_message_gives_the_same_line_and_allocates_nothing() {
    let mut attributes = mandatory();
    attributes.extend_from_slice(&[0xc0, 8, 8, 0, 2, 0, 1, 0, 2, 0, 1]);
    let bytes = update(&attributes, &[24, 198, 51, 100, 8, 10]);
    let context = Context::assumed();
    let (mut out, meta) = (Vec::new(), meta());
    let write = |out: &mut Vec<u8>| {
        let message = Message::parse(&bytes, &context).expect("a header");
        let line = MessageLine {
            context: Some((&context, ContextSource::Assumed)),
            raw: Some(&bytes),
            ..MessageLine::new(&meta, &message)
        };
        write_message(out, &line);
        write_state(out, &meta, 6, 5, "keepalive");
    };
    write(&mut out);
    let first = out.clone();
    out.clear();
    let counted = allocation_counter::measure(|| write(&mut out));
    assert_eq!(counted.count_total, 0);
    assert_eq!(out, first);
}

/// The OPEN of bgp-role.pcapng of tcpdump, which prints the same names and numbers.
const ROLE: &str = "04fdea00b4c0a80a114e\
    0206010400010001 02028000 02020200 02024600 020641040000fdea 02020600 0203090103\
    0206450400010101 020e490c0a646f6e617461732d706300 020440024078 0209470700010180000000";

#[test]
fn the_capabilities_of_an_open() {
    let digits: Vec<u8> = ROLE.bytes().filter(u8::is_ascii_hexdigit).collect();
    let body: Vec<u8> = digits
        .chunks(2)
        .map(|pair| {
            let pair = std::str::from_utf8(pair).expect("ASCII");
            u8::from_str_radix(pair, 16).expect("hexadecimal")
        })
        .collect();
    let open = line(&whole(1, &body), &Context::assumed());
    assert!(open.get("errors").is_none(), "{open}");
    let family = |more: Value| {
        let mut family = json!({ "afi": 1, "safi": 1 });
        let fields = family.as_object_mut().expect("an object");
        fields.extend(more.as_object().expect("an object").clone());
        family
    };
    let expected = json!([
        family(json!({ "code": 1, "name": "multiprotocol" })),
        { "code": 128, "name": "route-refresh-cisco" },
        { "code": 2, "name": "route-refresh" },
        { "code": 70, "name": "enhanced-route-refresh" },
        { "code": 65, "name": "four-octet-as", "asn": 65002 },
        { "code": 6, "name": "extended-message" },
        { "code": 9, "name": "role", "role": 3, "role_name": "customer" },
        { "code": 69, "name": "add-path",
          "families": [family(json!({ "send": false, "receive": true }))] },
        { "code": 73, "name": "fqdn", "host": "donatas-pc", "domain": "" },
        { "code": 64, "name": "graceful-restart", "restart_time": 120, "restarted": false,
          "notifications": true, "families": [] },
        { "code": 71, "name": "long-lived-graceful-restart",
          "families": [family(json!({ "flags": 128, "stale_time": 0 }))] },
    ]);
    assert_eq!(open["capabilities"], expected);
}

/// A capability that cannot be read is there as it was sent, and the error says where it is.
#[test]
fn a_malformed_capability_is_kept_and_reported() {
    let body = [
        4, 0xfd, 0xe8, 0, 180, 192, 0, 2, 1, 9, 2, 7, 2, 0, 65, 3, 1, 2, 3,
    ];
    let open = line(&whole(1, &body), &Context::assumed());
    let malformed = json!({
        "code": 65, "name": "four-octet-as", "malformed": true, "value": "010203"
    });
    assert_eq!(open["capabilities"][1], malformed);
    let errors = open["errors"].as_array().expect("errors");
    assert_eq!(errors.len(), 1);
    assert_eq!(
        (&errors[0]["offset"], &errors[0]["code"]),
        (&json!(33), &json!(2))
    );
    assert_eq!(errors[0]["disposition"], "ignore");
}

#[test]
fn route_filters_of_a_refresh() {
    let body = [
        0, 1, 0, 1, 1, 64, 0, 12, 0x20, 0, 0, 0, 5, 24, 28, 21, 1, 1, 0, 0x80, 65, 0, 1, 9,
    ];
    let refresh = line(&whole(5, &body), &Context::assumed());
    let expected = json!({ "when": "immediate", "groups": [
        { "type": 64, "name": "address-prefix", "entries": [
            { "action": "add", "match": "deny", "sequence": 5, "prefix": "1.1.0.0/21",
              "min_len": 24, "max_len": 28 },
            { "action": "remove-all" },
        ] },
        { "type": 65, "name": "covering-prefixes", "raw": "09" },
    ] });
    assert_eq!(refresh["filters"], expected);
}
