use super::*;
use crate::bgp::attribute::vectors::{faults, json};
use serde_json::{Value, json};

fn read(hex: &str) -> Value {
    assert_eq!(faults::<LinkStateAttribute<'_>>(hex), [], "in {hex}");
    json::<LinkStateAttribute<'_>>(hex)
}

/// The one TLV of a value without type and name.
fn fields(hex: &str) -> Value {
    let mut list = read(hex);
    assert_eq!(list.as_array().map(Vec::len), Some(1), "in {hex}");
    let mut tlv = list[0].take();
    let map = tlv.as_object_mut().expect("an object");
    assert!(map.remove("type").is_some() && map.remove("name").is_some());
    tlv
}

/// The link in `BgpMessageParserTest.cpp` of fboss, as tshark reads it.
#[test]
fn a_link_with_bandwidths() {
    let hex = "0440 0004 00008000 0441 0004 4e9502f9 0442 0004 4e5f8476
        0443 0020 4e5f84764e5f84764e5f84764e5f84764e5f84764e5f84764e5f84764e5f8476
        0444 0004 00032d48 0447 0003 032d48 0448 0008 0001d74f0001d74e";
    let free = [937_500_032.0; 8];
    assert_eq!(
        read(hex),
        json!([
            { "type": 1088, "name": "administrative-group", "value": 32768 },
            { "type": 1089, "name": "maximum-link-bandwidth", "value": 1_250_000_000.0 },
            { "type": 1090, "name": "maximum-reservable-link-bandwidth", "value": free[0] },
            { "type": 1091, "name": "unreserved-bandwidth", "value": free },
            { "type": 1092, "name": "te-default-metric", "value": 208_200 },
            { "type": 1095, "name": "igp-metric", "value": 208_200 },
            { "type": 1096, "name": "shared-risk-link-group", "value": [120_655, 120_654] },
        ])
    );
}

/// The second SID of `qa/decoding/bgp-ls-10` of ExaBGP, with the reading that it states.
#[test]
fn an_srv6_sid_to_a_neighbor_of_a_lan() {
    let hex = "0453 0024 0039 80 00 00 00 000000000014 fc302200000de0020000000000000000
        04e4 0004 20101040";
    assert_eq!(
        fields(hex),
        json!({
            "behavior": 57, "flags": ["backup"], "algorithm": 0, "weight": 0,
            "neighbor": "0000.0000.0014", "sid": "fc30:2200:d:e002::",
            "tlvs": [{
                "type": 1252, "name": "srv6-sid-structure",
                "locator_block": 32, "locator_node": 16, "function": 16, "argument": 64,
            }],
        })
    );
}

/// What tshark 4.0 does not know, by RFC 9085 §2.2.2, §2.2.3, §2.3.5, RFC 9351 §3, §4, RFC 9514
/// §3, §5, §7, RFC 9247 §2, RFC 9379.
#[test]
fn tlvs_of_later_rfcs() {
    assert_eq!(
        fields("044c 000b 3000 0000 c0000201 005dc1"),
        json!({ "flags": ["bit-2", "bit-3"], "weight": 0, "neighbor": "192.0.2.1", "label": 24001 })
    );
    assert_eq!(
        fields("044c 000e 0002 0000 000000000014 00000007"),
        json!({ "flags": [], "weight": 2, "neighbor": "0000.0000.0014", "index": 7 })
    );
    assert_eq!(
        fields("0494 000b 00000009 0447 0003 00000a"),
        json!({
            "member": 9, "tlvs": [{ "type": 1095, "name": "igp-metric", "value": 10 }],
        })
    );
    assert_eq!(
        fields("0487 0010 80 00 0064 0486 0008 0000 0000 00000005"),
        json!({
            "flags": ["bit-0"], "size": 100,
            "tlvs": [{
                "type": 1158, "name": "prefix-sid", "flags": [], "algorithm": 0, "index": 5,
            }],
        })
    );
    assert_eq!(
        fields("0414 0008 80 40 0000 0000000a"),
        json!({ "algorithm": 128, "flags": ["bit-1"], "metric": 10 })
    );
    assert_eq!(fields("040e 0004 4000 0000"), json!({ "flags": ["oam"] }));
    assert_eq!(
        fields("0408 0008 00000001 00000002"),
        json!({ "value": [1, 2] })
    );
    assert_eq!(
        fields("048a 0008 80 80 0000 0000000a"),
        json!({ "flags": ["bit-0"], "algorithm": 128, "metric": 10, "tlvs": [] })
    );
    assert_eq!(
        fields("04e2 0004 0001 00 80"),
        json!({ "behavior": 1, "flags": [], "algorithm": 128 })
    );
    assert_eq!(
        fields("04e3 000c c0 01 0000 0000fde8 c0000201"),
        json!({
            "flags": ["backup", "set"], "weight": 1, "peer_asn": 65000, "peer_bgp_id": "192.0.2.1",
        })
    );
    assert_eq!(fields("0461 0000"), json!({}));
}

/// Octets beyond what the type asks for, or too few of them.
#[test]
fn a_malformed_one_is_discarded() {
    let place = |hex| faults::<LinkStateAttribute<'_>>(hex);
    let discard = |at| [(at, Disposition::AttributeDiscard)];
    assert_eq!(
        place("0447 0004 00000001"),
        discard(0),
        "a metric of four octets"
    );
    assert_eq!(place("0402 0001 61 0441 0003 000000"), discard(5));
    assert_eq!(place("0402 0002 61"), discard(0), "does not fit");
    assert_eq!(place("0402 0001 61 04"), discard(5), "no TLV at all");
    assert_eq!(place(""), discard(0), "RFC 7606 §4: empty");
    // ExaBGP's `bgp-ls-6` has application masks of 4 octets, whose sub-TLVs are checked, too.
    assert_eq!(
        place("0462 000f 04000000 10000000 0444 0003 000001"),
        discard(12)
    );
}
