use super::*;
use crate::bgp::closed;
use serde_json::{Value, json};

fn octets(hex: &str) -> [u8; 8] {
    u64::from_str_radix(hex, 16)
        .expect("sixteen digits")
        .to_be_bytes()
}

fn text(hex: &str) -> String {
    ExtCommunity(octets(hex)).to_string()
}

fn json_of(hex: &str) -> Value {
    closed::to_value("ext_community", ExtCommunity(octets(hex)))
}

/// The texts are those that FRR prints (`bgpd/bgp_ecommunity.c`; of flow actions, with units), the octets from captures and
/// tests of several routers.
#[test]
fn each_type_as_frr_prints_it() {
    let cases = [
        ("0002fbf000000064", "RT:64496:100"),
        ("0102c00002010064", "RT:192.0.2.1:100"),
        ("0202000100000007", "RT:65536:7"),
        ("0003fbf000000001", "SoO:64496:1"),
        ("0103c00002010007", "SoO:192.0.2.1:7"),
        ("0203000100000007", "SoO:65536:7"),
        ("4300000000000000", "OVS:valid"),
        ("4300000000000001", "OVS:not-found"),
        ("4300000000000002", "OVS:invalid"),
        ("030b000000000064", "Color:00:100"),
        ("030b400000000064", "Color:01:100"),
        ("030c000000000008", "ET:8"),
        ("030d000000000000", "Default Gateway"),
        ("8006000000000000", "FS:rate 0"),
        ("8006fde8477fff00", "FS:rate 65535"),
        ("800c000042c80000", "FS:rate 100 packets"),
        ("8007000000000003", "FS:action continue, sample"),
        ("8007000000000000", "FS:action stop"),
        ("8008051400014438", "FS:redirect VRF 1300:83000"),
        ("8108c00002010064", "FS:redirect VRF 192.0.2.1:100"),
        ("8208000100000064", "FS:redirect VRF 65536:100"),
        ("800900000000000a", "FS:marking 10"),
        ("010cc00002010001", "FS:redirect IP 192.0.2.1 (copy)"),
        ("0800000000000000", "FS:redirect next hop"),
        ("0702000000fe80fe", "FS:interface-set output 254:254"),
        ("060000000000000c", "MM:12"),
        ("060001000000000c", "MM:12, sticky MAC"),
        ("0603525400123456", "Rmac:52:54:00:12:34:56"),
        ("0602525400123456", "ES-Import-Rt:52:54:00:12:34:56"),
    ];
    for (hex, expected) in cases {
        assert_eq!(text(hex), expected, "{hex}");
    }
}

#[test]
fn what_is_not_known_keeps_its_digits() {
    for hex in ["8fff000000000001", "03ff000000000001", "0611aabbccddeeff"] {
        assert_eq!(text(hex), hex);
        assert_eq!(json_of(hex), json!({ "raw": hex }), "{hex}");
    }
}

#[test]
fn fields_in_json() {
    assert_eq!(
        json_of("0002fbf000000064"),
        json!({
            "raw": "0002fbf000000064", "type": "route-target",
            "asn": 64496, "value": 100, "text": "RT:64496:100",
        })
    );
    assert_eq!(
        json_of("4004fde84b3ebc20"),
        json!({
            "raw": "4004fde84b3ebc20", "type": "link-bandwidth", "transitive": false,
            "asn": 65000, "bytes_per_second": 12_500_000.0, "text": "LB:65000:12500000",
        }),
        "a hundred megabits, draft-ietf-idr-link-bandwidth §2"
    );
    let value = json_of("0601010000000651");
    assert_eq!(
        (&value["single_active"], &value["label"]),
        (&json!(true), &json!(101))
    );
    let value = json_of("800a130005dc0064");
    assert_eq!(
        (
            &value["encapsulation"],
            &value["flags"],
            &value["mtu"],
            &value["preference"]
        ),
        (&json!(19), &json!(0), &json!(1500), &json!(100))
    );
    let value = json_of("0306000000000501");
    assert_eq!(
        (&value["area"], &value["route_type"], &value["options"]),
        (&json!("0.0.0.0"), &json!(5), &json!(1))
    );
    let value = json_of("8007000000000001");
    assert_eq!(
        (&value["type"], &value["evaluate_next"], &value["sample"]),
        (
            &json!("flowspec-traffic-action"),
            &json!(true),
            &json!(false)
        ),
        "RFC 8955 §7.3: the last bit is the terminal action, the one before it sampling"
    );
    let value = json_of("0c00000a0000000a");
    assert_eq!(
        (&value["type"], &value["segment"]),
        (&json!("mup-direct-segment"), &json!("10:10"))
    );
    let value = json_of("060602000100ff9c");
    assert_eq!(
        (
            &value["algorithm"],
            &value["capabilities"],
            &value["preference"]
        ),
        (&json!(2), &json!(1), &json!(0xff9c))
    );
}

#[test]
fn every_type_with_a_text_has_a_name_and_fields() {
    for kind in 0..=u8::MAX {
        for sub in 0..=u8::MAX {
            let community = ExtCommunity([kind, sub, 1, 2, 3, 4, 5, 6]);
            let text = community.to_string();
            let digits = format!("{:016x}", community.to_bits());
            assert_eq!(community.has_text(), text != digits, "{digits}");
        }
    }
}

#[test]
fn ipv6_addresses_are_kept_apart_from_the_number() {
    let mut octets = [0; 20];
    octets[1] = 2;
    octets[2..6].copy_from_slice(&[0x20, 1, 0xd, 0xb8]);
    octets[17] = 1;
    octets[19] = 100;
    let community = Ipv6ExtCommunity(octets);
    assert_eq!(community.to_string(), "RT:[2001:db8::1]:100");
    let value = json!([community]);
    let value = &closed::to_value("attributes.ipv6_ext_community", value)[0];
    assert_eq!(
        (&value["type"], &value["address"], &value["value"]),
        (&json!("route-target"), &json!("2001:db8::1"), &json!(100))
    );
    octets[0] = 0x77;
    assert_eq!(
        serde_json::to_value(Ipv6ExtCommunity(octets)).expect("plain data"),
        json!({ "raw": Ipv6ExtCommunity(octets).to_string() })
    );
}
