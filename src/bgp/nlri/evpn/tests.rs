//! Routes from captures, from GoBGP, and from the tests of GoBMP.

use super::super::vectors::{bytes, faults, json, one, with_path_id};
use super::*;
use crate::bgp::Family;
use crate::bgp::error::Disposition;
use serde_json::{Value, json};

fn evpn(hex: &str) -> Value {
    with_path_id(Family::EVPN, hex);
    one(Family::EVPN, hex)
}

fn faulty(hex: &str) -> Vec<(usize, Option<Disposition>)> {
    faults(Form::new(Family::EVPN), &bytes(hex))
}

/// Sent by GoBGP 3.10 for `a-d esi LACP aa:bb:cc:dd:ee:ff 100 etag 200 label 300
/// rd 192.0.2.1:65000`.
#[test]
fn type_1_ethernet_auto_discovery() {
    assert_eq!(
        evpn("0119 0001c0000201fde8 01aabbccddeeff006400 000000c8 00012c"),
        json!({
            "nlri_type": "ethernet-auto-discovery",
            "rd": "192.0.2.1:65000",
            "esi": "01:aa:bb:cc:dd:ee:ff:00:64:00",
            "ethernet_tag": 200,
            "labels": [300 >> 4],
            "vnis": [300],
        })
    );
}

/// Sent by GoBGP 3.10 for `macadv aa:bb:cc:dd:ee:04 192.0.2.2 esi AS 65000 100 etag 100
/// label 1000 rd 192.0.2.1:65000` and, with IPv6, `label 1001 rd 65000:7`.
#[test]
fn type_2_mac_ip_advertisement() {
    let v4 = "0225 0001c0000201fde8 050000fde80000006400 00000064 30aabbccddee04 20c0000202 0003e8";
    assert_eq!(
        evpn(v4),
        json!({
            "nlri_type": "mac-ip-advertisement",
            "rd": "192.0.2.1:65000",
            "esi": "05:00:00:fd:e8:00:00:00:64:00",
            "ethernet_tag": 100,
            "mac": "aa:bb:cc:dd:ee:04",
            "ip": "192.0.2.2",
            "labels": [1000 >> 4],
            "vnis": [1000],
        })
    );
    let v6 = evpn(
        "0231 0000fde800000007 00000000000000000000 00000000 30aabbccddee05
         80 20010db8000000000000000000000005 0003e9",
    );
    assert_eq!(
        (&v6["ip"], &v6["vnis"]),
        (&json!("2001:db8::5"), &json!([1001]))
    );
}

/// RFC 7432 §7.2: the address is optional, and so is the second label.
#[test]
fn type_2_with_two_labels_or_without_address() {
    let head = "0001c0000201fde8 00000000000000000000 00000064 30aabbccddee04";
    let both = evpn(&format!("0224 {head} 00 000641 0003e8"));
    assert_eq!(both["labels"], json!([100, 1000 >> 4]));
    assert_eq!(both.get("ip"), None);
    // Another length of MAC or address, or half a label, is malformed, but delimited.
    for hex in [
        format!("0223 {head} 00 000641 0003"),
        format!("0223 {head} 10 c000 000641"),
        format!("0221 {} 00 000641", head.replace("30aabb", "28aabb")),
    ] {
        assert_eq!(faulty(&hex), [(2, None)], "{hex}");
    }
}

/// Sent by GoBGP 3.10 for `multicast 192.0.2.3` and `multicast 2001:db8::3`, both
/// `etag 100 rd 192.0.2.1:65000`.
#[test]
fn type_3_inclusive_multicast_ethernet_tag() {
    assert_eq!(
        evpn("0311 0001c0000201fde8 00000064 20c0000203"),
        json!({
            "nlri_type": "inclusive-multicast-ethernet-tag",
            "rd": "192.0.2.1:65000",
            "ethernet_tag": 100,
            "originator": "192.0.2.3",
        })
    );
    let v6 = evpn("031d 0001c0000201fde8 00000064 80 20010db8000000000000000000000003");
    assert_eq!(v6["originator"], "2001:db8::3");
}

/// Sent by GoBGP 3.10 for `esi 192.0.2.4 esi MSTP aa:aa:aa:aa:aa:aa 100 rd 192.0.2.1:65000`.
#[test]
fn type_4_ethernet_segment() {
    assert_eq!(
        evpn("0417 0001c0000201fde8 02aaaaaaaaaaaa006400 20c0000204"),
        json!({
            "nlri_type": "ethernet-segment",
            "rd": "192.0.2.1:65000",
            "esi": "02:aa:aa:aa:aa:aa:aa:00:64:00",
            "originator": "192.0.2.4",
        })
    );
}

const IP_PREFIX: &str =
    "0522 0000ffff00000003 00000000000000000000 0000000a 14 0a090000 0a090001 001388";

/// Sent by GoBGP 3.10 for `prefix 10.9.0.0/20 gw 10.9.0.1 etag 10 label 5000` and
/// `prefix 2001:db8:9::/48 gw 2001:db8:9::1 etag 10 label 5001`.
#[test]
fn type_5_ip_prefix() {
    assert_eq!(
        evpn(IP_PREFIX),
        json!({
            "nlri_type": "ip-prefix",
            "rd": "65535:3",
            "esi": "00:00:00:00:00:00:00:00:00:00",
            "ethernet_tag": 10,
            "prefix": "10.9.0.0/20",
            "gateway": "10.9.0.1",
            "labels": [5000 >> 4],
            "vnis": [5000],
        })
    );
    let v6 = evpn(
        "053a 0000ffff00000003 00000000000000000000 0000000a 30
         20010db8000900000000000000000000 20010db8000900000000000000000001 001389",
    );
    assert_eq!(v6["prefix"], "2001:db8:9::/48");
    assert_eq!(v6["gateway"], "2001:db8:9::1");
}

/// RFC 9136 §3.2: two overlay indices are treated as withdrawn. Host bits are masked.
#[test]
fn type_5_with_faults() {
    let segment = IP_PREFIX.replace("00000000000000000000", "05000000000000000001");
    assert_eq!(faulty(&segment), [(2, Some(Disposition::TreatAsWithdraw))]);
    let host = IP_PREFIX.replace("0a090000", "0a090f01");
    assert_eq!(faulty(&host), [(2, Some(Disposition::Ignore))]);
    let item = json(Form::new(Family::EVPN), &bytes(&host)).remove(0);
    assert_eq!(item["prefix"], "10.9.0.0/20");
    let long = IP_PREFIX.replace(" 14 ", " 21 ");
    assert_eq!(faulty(&long), [(2, None)]);
}

/// tshark 4.0 reads these octets so: source 198.51.100.1, group 239.1.1.1, originator 192.0.2.1,
/// IGMP version 2.
#[test]
fn type_6_selective_multicast_ethernet_tag() {
    assert_eq!(
        evpn("061c 00000064000000c8 00000064 20c6336401 20ef010101 20c0000201 02"),
        json!({
            "nlri_type": "selective-multicast-ethernet-tag",
            "rd": "100:200",
            "ethernet_tag": 100,
            "source": "198.51.100.1",
            "group": "239.1.1.1",
            "originator": "192.0.2.1",
            "flags": 2,
        })
    );
}

/// GoBMP, `pkg/evpn/mcast-membership-report-synch_test.go`, "Valid EVPN NLRI - Type 7 IPv4 (*,G)"
/// and "(S,G)".
#[test]
fn type_7_multicast_membership_report_synch() {
    assert_eq!(
        evpn("0722 00000064000000c8 00000000000000000000 00000000 00 20ef010101 200a000001 0f"),
        json!({
            "nlri_type": "multicast-membership-report-synch",
            "rd": "100:200",
            "esi": "00:00:00:00:00:00:00:00:00:00",
            "ethernet_tag": 0,
            "source": null,
            "group": "239.1.1.1",
            "originator": "10.0.0.1",
            "flags": 15,
        })
    );
    let source = evpn(
        "0726 0001c000020101f4 00010203040506070809 00000064 20c000020a 20ef640101 20ac100001 04",
    );
    assert_eq!(source["rd"], "192.0.2.1:500");
    assert_eq!(source["esi"], "00:01:02:03:04:05:06:07:08:09");
    assert_eq!(source["source"], "192.0.2.10");
    assert_eq!(source["originator"], "172.16.0.1");
}

/// GoBMP, `pkg/evpn/mcast-leave-synch_test.go`, "IPv6 (*,G) with flags", whose reserved octets are
/// not zero, and its faulty routes.
#[test]
fn type_8_multicast_leave_synch() {
    let hex = "083f 0001c00002010064 00000000000000000000 00000000 00
         80 ff0e0000000000000000000000000001 80 20010db8000000000000000000000001 aabbccdd 05 01";
    assert_eq!(
        evpn(hex),
        json!({
            "nlri_type": "multicast-leave-synch",
            "rd": "192.0.2.1:100",
            "esi": "00:00:00:00:00:00:00:00:00:00",
            "ethernet_tag": 0,
            "source": null,
            "group": "ff0e::1",
            "originator": "2001:db8::1",
            "maximum_response_time": 5,
            "flags": 1,
        })
    );
    let zeros = "0000000000000000 00000000000000000000 00000000";
    for hex in [
        format!("0827 {zeros} 40 20e0000000 2000000000 00000000 00 00"),
        format!("0827 {zeros} 00 40e0000000 2000000000 00000000 00 00"),
        format!("0827 {zeros} 00 20e0000000 4000000000 00000000 00 00"),
        format!("0823 {zeros} 00 20e0000000 2000000000 0000"),
        format!("0829 {zeros} 00 20e0000000 2000000000 00000000 00 00 ffff"),
    ] {
        assert_eq!(faulty(&hex), [(2, None)], "{hex}");
        let item = json(Form::new(Family::EVPN), &bytes(&hex)).remove(0);
        assert_eq!(
            (&item["nlri_type"], &item["type"]),
            (&json!("malformed"), &json!(8))
        );
    }
}

/// GoBMP, `pkg/evpn/rfc9572_test.go`, "Valid NLRI with multiple Type 9 routes".
#[test]
fn type_9_per_region_i_pmsi_ad() {
    let form = Form::new(Family::EVPN);
    let field = bytes(
        "0914 00000064000000c8 00000064 0002000a00000001
         0914 0001c000020101f4 000000c8 0102c000020a0064",
    );
    assert_eq!(faults(form, &field), []);
    let items = json(form, &field);
    assert_eq!(
        items[0],
        json!({
            "nlri_type": "per-region-i-pmsi-ad",
            "rd": "100:200",
            "ethernet_tag": 100,
            "region_id": "RT:10:1",
        })
    );
    assert_eq!(items[1]["region_id"], "RT:192.0.2.10:100");
}

/// GoBMP, `pkg/evpn/spmsi-ad_test.go`, "Valid EVPN NLRI - Type 10 IPv4 (S,G)" and "(*,G)"; the Leaf
/// A-D route that answers the first as RFC 9572 §3.3 makes it.
#[test]
fn types_10_and_11_s_pmsi_and_leaf_ad() {
    let s_pmsi = "0a1b 00000064000000c8 00000000 20c0000201 20ef010101 200a000001";
    let expected = json!({
        "nlri_type": "s-pmsi-ad",
        "rd": "100:200",
        "ethernet_tag": 0,
        "source": "192.0.2.1",
        "group": "239.1.1.1",
        "originator": "10.0.0.1",
    });
    assert_eq!(evpn(s_pmsi), expected);
    let any = evpn("0a17 0001c000020101f4 00000064 00 20ef640101 20ac100001");
    assert_eq!(any["source"], Value::Null);
    assert_eq!(any["originator"], "172.16.0.1");
    assert_eq!(
        evpn(&format!("0b22 {s_pmsi} 20c0000202")),
        json!({ "nlri_type": "leaf-ad", "route_key": expected, "originator": "192.0.2.2" })
    );
}

#[test]
fn a_leaf_ad_route_in_another_is_not_followed() {
    let leaf = evpn("0b0e 0b07 0b00 20c0000201 20c0000202");
    assert_eq!(
        leaf["route_key"],
        json!({ "nlri_type": "malformed", "type": 11, "raw": "0b0020c0000201" })
    );
}

/// RFC 7606 §5.4: a type that is not known is no fault, and what follows it is read.
#[test]
fn unknown_types_keep_their_octets() {
    let form = Form::new(Family::EVPN);
    let field = bytes(&format!("c803 010203 {IP_PREFIX}"));
    assert_eq!(faults(form, &field), []);
    let items = json(form, &field);
    assert_eq!(
        items[0],
        json!({ "nlri_type": "unknown", "type": 200, "raw": "010203" })
    );
    assert_eq!(items[1]["nlri_type"], "ip-prefix");
}

#[test]
fn a_route_beyond_the_field_ends_it() {
    assert_eq!(faulty("c803 010203 0523 0000"), [(5, None)]);
    assert_eq!(faulty("05"), [(0, None)]);
}
