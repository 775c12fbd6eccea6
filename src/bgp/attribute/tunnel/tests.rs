use super::*;
use crate::bgp::attribute::vectors::{faults, json};
use serde_json::json;

type Tunnels = TunnelEncapsulation<'static>;

/// `qa/decoding/bgp-sr-policy-2` of ExaBGP, with the reading that it states.
const POLICY: &str = "000f005c
    0c06 0000 000000c8
    1412 0000 fc000000000000000000000000000001
    800025 00 0906 0000 00000002
      0d1a 1000 fc000000000000000000000000000001 0041 0000 20 00 10 00
    82000a 00 6d792d706f6c696379
    810008 00 7072696d617279";

#[test]
fn a_policy_of_segment_routing() {
    assert_eq!(
        json::<Tunnels>(POLICY),
        json!([{ "type": 15, "name": "sr-policy", "tlvs": [
            { "type": 12, "name": "preference", "flags": [], "value": 200 },
            { "type": 20, "name": "srv6-binding-sid", "flags": [], "sid": "fc00::1" },
            { "type": 128, "name": "segment-list", "tlvs": [
                { "type": 9, "name": "weight", "flags": [], "value": 2 },
                {
                    "type": 13, "name": "type-b", "flags": ["behavior"], "sid": "fc00::1",
                    "behavior": 65, "locator_block": 32, "locator_node": 0,
                    "function": 16, "argument": 0,
                },
            ] },
            { "type": 130, "name": "policy-name", "value": "my-policy" },
            { "type": 129, "name": "candidate-path-name", "value": "primary" },
        ] }])
    );
    assert_eq!(faults::<Tunnels>(POLICY), []);
}

/// Each type of segment by RFC 9830 §2.4.4.2 and RFC 9831 §2, without and with its option.
#[test]
fn segments_of_all_types() {
    let v6 = |last: u8| format!("20010db80000000000000000000000{last:02x}");
    let segment = |kind: u8, body: &str| {
        let body: String = body.split_whitespace().collect();
        format!("{kind:02x}{:02x}{body}", body.len() / 2)
    };
    let (a, b, label) = (v6(1), v6(2), "03e810ff");
    let structure = "0005 0000 28 18 10 00";
    let list = [
        segment(1, &format!("0000 {label}")),
        segment(3, "4080 c0000201"),
        segment(3, &format!("6080 c0000201 {label}")),
        segment(4, &format!("0000 {a}")),
        segment(5, &format!("0000 00000007 c0000201 {label}")),
        segment(6, &format!("0000 c0000201 c0000202 {label}")),
        segment(7, &format!("0000 00000007 {a} 00000008 {b}")),
        segment(8, &format!("0000 {a} {b} {label}")),
        segment(14, &format!("0001 {a}")),
        segment(15, &format!("0001 00000007 {a} 00000008 {b} {}", v6(3))),
        segment(16, &format!("3001 {a} {b} {} {structure}", v6(3))),
        segment(2, "0000"),
    ]
    .concat();
    let sub = format!("80{:04x}00{list}", list.len() / 2 + 1);
    let value = format!("000f{:04x}{sub}", sub.len() / 2);
    assert_eq!(faults::<Tunnels>(&value), []);
    let entry = json!({ "label": 16001, "tc": 0, "s": 0, "ttl": 255 });
    let with = |value: serde_json::Value, more: &serde_json::Value| {
        let (mut value, more) = (value, more.as_object().expect("object").clone());
        value.as_object_mut().expect("object").extend(more);
        value
    };
    let sid = json!({ "sid": "2001:db8::3" });
    let ends = json!({ "local": "2001:db8::1", "remote": "2001:db8::2" });
    let v4 = json!({ "local": "192.0.2.1", "remote": "192.0.2.2" });
    let ifs = json!({ "local_interface": 7, "remote_interface": 8 });
    let divided = json!({
        "behavior": 5, "locator_block": 40, "locator_node": 24, "function": 16, "argument": 0,
    });
    let head = |kind: u8, name: &str| json!({ "type": kind, "name": name, "flags": [] });
    let expected = json!([
        with(head(1, "type-a"), &entry),
        {
            "type": 3, "name": "type-c", "flags": ["algorithm"], "algorithm": 128,
            "node": "192.0.2.1",
        },
        with(
            json!({
                "type": 3, "name": "type-c", "flags": ["algorithm", "sid"], "algorithm": 128,
                "node": "192.0.2.1",
            }),
            &entry
        ),
        with(head(4, "type-d"), &json!({ "algorithm": 0, "node": "2001:db8::1" })),
        with(
            with(head(5, "type-e"), &json!({ "local_interface": 7, "node": "192.0.2.1" })),
            &entry
        ),
        with(with(head(6, "type-f"), &v4), &entry),
        with(with(head(7, "type-g"), &ends), &ifs),
        with(with(head(8, "type-h"), &ends), &entry),
        with(head(14, "type-i"), &json!({ "algorithm": 1, "node": "2001:db8::1" })),
        with(
            with(with(with(head(15, "type-j"), &ends), &ifs), &json!({ "algorithm": 1 })),
            &sid
        ),
        with(
            with(
                with(
                    json!({
                        "type": 16, "name": "type-k", "flags": ["sid", "behavior"],
                        "algorithm": 1,
                    }),
                    &ends
                ),
                &sid
            ),
            &divided
        ),
        { "type": 2, "raw": "0000" },
    ]);
    assert_eq!(json::<Tunnels>(&value)[0]["tlvs"][0]["tlvs"], expected);
}

/// A tunnel with its sub-TLVs, lengths added.
fn tunnel(kind: u16, subs: &[(u8, &str)]) -> String {
    let sub = |(kind, body): &(u8, &str)| {
        let body: String = body.split_whitespace().collect();
        format!("{kind:02x}{:02x}{body}", body.len() / 2)
    };
    let subs: String = subs.iter().map(sub).collect();
    format!("{kind:04x}{:04x}{subs}", subs.len() / 2)
}

/// RFC 9012 §3.2.
#[test]
fn what_encapsulates_depends_on_the_tunnel() {
    let value = [
        tunnel(8, &[(1, "c0 000064 02aabbccddee 0000")]),
        tunnel(9, &[(1, "80 000065 000000000000 0000")]),
        tunnel(1, &[(1, "0000000b 0102030405ff")]),
        tunnel(2, &[(1, "00000539")]),
        tunnel(7, &[(1, "abcd")]),
        tunnel(255, &[(99, "010203")]),
    ]
    .concat();
    let overlay = |flags: &[&str], vni: u32, mac: &str| json!({ "type": 1, "name": "encapsulation", "flags": flags, "vni": vni, "mac": mac });
    assert_eq!(
        json::<Tunnels>(&value),
        json!([
            { "type": 8, "name": "vxlan", "tlvs": [
                overlay(&["vni-valid", "mac-valid"], 100, "02:aa:bb:cc:dd:ee"),
            ] },
            { "type": 9, "name": "nvgre", "tlvs": [
                overlay(&["vni-valid"], 101, "00:00:00:00:00:00"),
            ] },
            { "type": 1, "name": "l2tpv3-over-ip", "tlvs": [{
                "type": 1, "name": "encapsulation", "session": 11, "cookie": "0102030405ff",
            }] },
            { "type": 2, "name": "gre", "tlvs": [
                { "type": 1, "name": "encapsulation", "key": 1337 },
            ] },
            { "type": 7, "name": "ip-in-ip", "tlvs": [
                { "type": 1, "name": "encapsulation", "value": "abcd" },
            ] },
            { "type": 255, "tlvs": [{ "type": 99, "raw": "010203" }] },
        ])
    );
    assert_eq!(faults::<Tunnels>(&value), []);
}

/// RFC 9012 §3.1, §3.3 to §3.7.
#[test]
fn sub_tlvs_of_any_tunnel() {
    let value = tunnel(
        16,
        &[
            (6, "00000000 0002 20010db8000000000000000000000001"),
            (6, "00000000 0000"),
            (2, "0800"),
            (4, "030b 4000 00000064"),
            (5, "0020"),
            (7, "2e"),
            (8, "12b5"),
            (9, "01"),
            (10, "03e81000 03e823ff"),
            (11, "010007 00 0000 00000007"),
        ],
    );
    assert_eq!(
        json::<Tunnels>(&value)[0]["tlvs"],
        json!([
            {
                "type": 6, "name": "tunnel-egress-endpoint",
                "address_family": 2, "address": "2001:db8::1",
            },
            { "type": 6, "name": "tunnel-egress-endpoint", "address_family": 0 },
            { "type": 2, "name": "protocol-type", "value": 2048 },
            { "type": 4, "name": "color", "community": "030b", "flags": 16384, "color": 100 },
            { "type": 5, "name": "load-balancing-block", "value": 32 },
            { "type": 7, "name": "ds-field", "value": 46 },
            { "type": 8, "name": "udp-destination-port", "value": 4789 },
            { "type": 9, "name": "embedded-label-handling", "value": 1 },
            { "type": 10, "name": "mpls-label-stack", "value": [
                { "label": 16001, "tc": 0, "s": 0, "ttl": 0 },
                { "label": 16002, "tc": 1, "s": 1, "ttl": 255 },
            ] },
            { "type": 11, "name": "prefix-sid", "tlvs": [
                { "type": 1, "name": "label-index", "flags": [], "value": 7 },
            ] },
        ])
    );
    assert_eq!(faults::<Tunnels>(&value), []);
}

/// RFC 9012 §13: only what cannot be delimited costs the route; RFC 9830 §5: in a policy, what
/// is wrong inside a sub-TLV does so, too.
#[test]
fn a_malformed_sub_tlv_is_ignored_except_in_a_policy() {
    let ignored = |at| vec![(at, Disposition::Ignore)];
    let withdraw = |at| vec![(at, Disposition::TreatAsWithdraw)];
    let place = |kind, subs: &[_]| faults::<Tunnels>(&tunnel(kind, subs));
    assert_eq!(place(8, &[(7, "2e"), (8, "12")]), ignored(7));
    assert_eq!(place(8, &[(6, "00000000 0001 c00002")]), ignored(4));
    assert_eq!(
        place(8, &[(6, "00000000 0002 c0000201")]),
        ignored(4),
        "family and address"
    );
    assert_eq!(
        place(15, &[(15, "80 00"), (12, "0000 0000c8")]),
        withdraw(8)
    );
    assert_eq!(faults::<Tunnels>("0008 0003 070200"), withdraw(4));
    assert_eq!(faults::<Tunnels>("0008 0004 0701 2e"), withdraw(0));
    // The gravest counts, wherever it is.
    let both = [tunnel(8, &[(8, "12")]), tunnel(15, &[(12, "0000 0000c8")])];
    assert_eq!(faults::<Tunnels>(&both.concat()), withdraw(11));
    assert_eq!(faults::<Tunnels>(""), withdraw(0), "no tunnel at all");
}
