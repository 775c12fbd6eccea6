use super::*;
use crate::bgp::closed;
use serde_json::{Value, json};

fn parse(body: &[u8]) -> Notification<'_> {
    Notification::parse(body, &Context::assumed()).expect("long enough")
}

fn json_of(body: &[u8]) -> Value {
    closed::to_value("notification_body", parse(body))
}

fn detail(body: &[u8]) -> Value {
    json_of(body)["detail"].clone()
}

#[test]
fn shutdown_text_is_bounded_by_its_length_octet() {
    assert_eq!(parse(b"\x06\x02\x05hello").shutdown_text(), Some("hello"));
    assert_eq!(parse(b"\x06\x02\x04hello").shutdown_text(), Some("hell"));
    assert_eq!(parse(b"\x06\x02\x06hello").shutdown_text(), None);
    assert_eq!(parse(b"\x06\x02\x02\xff\xfe").shutdown_text(), None);
    assert_eq!(parse(b"\x06\x09\x06\x04\x02hi").shutdown_text(), Some("hi"));
    assert_eq!(parse(b"\x06\x03\x02hi").shutdown_text(), None);
    assert!(Notification::parse(b"\x06", &Context::assumed()).is_err());
}

/// The data of tcpdump's `bgp-shutdown-msg-variations.pcap`, and what tcpdump says of them.
#[test]
fn shutdown_communications_as_tcpdump_reads_them() {
    let text = |data: &[u8]| {
        let value = json_of(&[b"\x06\x04", data].concat());
        (value["text"].clone(), value["text_malformed"].clone())
    };
    let beyond = json!("length beyond the data");
    assert_eq!(
        text(b"\x0a0123456789ExtraData"),
        (json!("0123456789"), Value::Null)
    );
    assert_eq!(text(b"\0"), (Value::Null, Value::Null), "empty");
    assert_eq!(text(b"\x400123456789"), (Value::Null, beyond), "invalid");
    assert_eq!(text(b"\x02\xc3\x28"), (Value::Null, json!("not UTF-8")));
}

#[test]
fn control_characters_are_shown_not_sent_to_the_terminal() {
    let value = json_of("\u{6}\u{2}\u{e}a\u{1b}[31m\n\u{202e}\u{7f}\u{e9}!".as_bytes());
    assert_eq!(
        value["text"],
        r"a\u{1b}[31m\u{a}\u{202e}\u{7f}".to_owned() + "\u{e9}!"
    );
}

#[test]
fn names_of_code_and_subcode() {
    let names = |code, subcode| {
        let value = json_of(&[code, subcode]);
        [value["name"].clone(), value["subcode_name"].clone()]
    };
    let cases = [
        (1, 1, "Message Header Error", "Connection Not Synchronized"),
        (2, 11, "OPEN Message Error", "Role Mismatch"),
        (3, 11, "UPDATE Message Error", "Malformed AS_PATH"),
        (5, 0, "Finite State Machine Error", "Unspecified Error"),
        (6, 5, "Cease", "Connection Rejected"),
        (6, 9, "Cease", "Hard Reset"),
        (6, 10, "Cease", "BFD Down"),
        (
            7,
            1,
            "ROUTE-REFRESH Message Error",
            "Invalid Message Length",
        ),
        (8, 0, "Send Hold Timer Expired", "Unspecific"),
    ];
    for (code, subcode, name, subcode_name) in cases {
        assert_eq!(names(code, subcode), [json!(name), json!(subcode_name)]);
    }
    assert_eq!(names(6, 200), [json!("Cease"), Value::Null]);
    assert_eq!(names(99, 1), [Value::Null, Value::Null]);
}

/// RFC 8538 §3; the second message is that of tcpdump's `bgp-cease-hard-reset.pcap`.
#[test]
fn a_hard_reset_encloses_its_reason_once() {
    let inner = &detail(b"\x06\x09\x06\x03")["notification"];
    assert_eq!(inner["subcode_name"], "Peer De-configured");
    assert_eq!(detail(b"\x06\x09"), Value::Null);
    let nested = detail(b"\x06\x09\x06\x09\x06\x09\x06\x03");
    assert_eq!(nested["notification"]["subcode_name"], "Hard Reset");
    assert_eq!(nested["notification"]["detail"], Value::Null);
}

#[test]
fn data_by_code_and_subcode() {
    // The second and third octets of the data are those of BGP4J's tests.
    assert_eq!(detail(b"\x01\x02\x14\x13"), json!({ "length": 0x1413 }));
    assert_eq!(
        detail(b"\x01\x03\x07"),
        json!({ "type_code": 7, "type": "UNKNOWN" })
    );
    assert_eq!(
        detail(b"\x05\x03\x01"),
        json!({ "type_code": 1, "type": "OPEN" })
    );
    assert_eq!(detail(b"\x02\x01\0\x04"), json!({ "version": 4 }));
    assert_eq!(
        detail(b"\x02\x07\x01\x04\0\x02\0\x01\xc8\0"),
        json!({ "capabilities": [
            { "code": 1, "name": "multiprotocol", "value": "00020001" },
            { "code": 200, "value": "" },
        ] })
    );
    assert_eq!(
        detail(b"\x03\x03\x02"),
        json!({ "missing": 2, "missing_name": "AS_PATH" })
    );
    assert_eq!(
        detail(b"\x06\x01\0\x01\x01\0\0\0\x64"),
        json!({ "afi": 1, "safi": 1, "limit": 100 })
    );
    let refresh = [&[0xff; 16][..], &[0, 24, 5, 0, 2, 1, 1, 9]].concat();
    assert_eq!(
        detail(&[b"\x07\x01", &refresh[..]].concat()),
        json!({ "afi": 2, "safi": 1, "subtype": 1 })
    );
}

#[test]
fn the_offending_attribute_is_read_if_it_can_be() {
    let refused = |body: &[u8]| detail(body)["attribute"].clone();
    assert_eq!(
        refused(b"\x03\x06\x40\x01\x01\x07"),
        json!({ "code": 1, "name": "ORIGIN", "flags": 64, "value": "07" })
    );
    assert_eq!(
        refused(b"\x03\x0b\x40\x02\x06\x02\x01\0\0\xfb\xf0"),
        json!({
            "code": 2, "name": "AS_PATH", "flags": 64, "value": "02010000fbf0", "path": [64496],
        })
    );
    for not_one in [
        &b"\x03\x0a\x21\x01"[..],
        b"\x03\x01",
        b"\x03\x04\xc0\x08\x09\x01",
    ] {
        assert_eq!(detail(not_one), Value::Null, "{not_one:?}");
    }
}
