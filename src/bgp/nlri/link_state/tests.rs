use super::super::vectors::{bytes, faults, json, one, with_path_id};
use super::*;
use crate::bgp::family::Family;
use serde_json::json;

const NODE: Family = Family::LINK_STATE;

/// A node of the UPDATE in NetGauze's `crates/bgp-pkt/src/wire/tests/update.rs`, as tshark
/// reads it.
const OSPF_NODE: &str = "0001 0025 03 0000000000000000
    0100 0018 0200 0004 0000fde8 0202 0004 00000000 0203 0004 64646401";

/// The NLRI of ExaBGP's `plan/done-fix-ip-reachability-tlv.md`, as tshark reads it.
const ISIS_PREFIX: &str = "0003 0030 02 00000000000002bc
    0100 001a 0200 0004 00003e34 0201 0004 00000000 0203 0006 010135000041
    0109 0005 1e 0a860258";

/// The link of `qa/decoding/bgp-ls-10` of ExaBGP, with the reading that it states.
const ISIS_LINK: &str = "0002 0058 02 0000000000000000
    0100 001a 0200 0004 00003022 0201 0004 00000000 0203 0006 000000000013
    0101 001b 0200 0004 00003022 0201 0004 00000000 0203 0007 00000000001403
    0102 0008 00000010 00000000 0107 0002 0002";

#[test]
fn a_node_of_ospf() {
    assert_eq!(
        one(NODE, OSPF_NODE),
        json!({
            "nlri_type": "node", "protocol_id": 3, "protocol": "ospfv2", "identifier": 0,
            "local_node": [
                { "type": 512, "name": "autonomous-system", "value": 65000 },
                { "type": 514, "name": "ospf-area-id", "value": "0.0.0.0" },
                { "type": 515, "name": "igp-router-id", "value": "100.100.100.1" },
            ],
        })
    );
    with_path_id(NODE, OSPF_NODE);
}

#[test]
fn a_prefix_of_isis() {
    let read = one(NODE, ISIS_PREFIX);
    assert_eq!(
        (&read["nlri_type"], &read["prefix"], &read["identifier"]),
        (&json!("ipv4-prefix"), &json!("10.134.2.88/30"), &json!(700))
    );
    assert_eq!(
        read["local_node"][2],
        json!({ "type": 515, "name": "igp-router-id", "value": "0101.3500.0041" })
    );
    // The same prefix of IPv6 is 0a86:258::/30.
    let v6 = one(NODE, &ISIS_PREFIX.replacen("0003", "0004", 1));
    assert_eq!(v6["prefix"], "a86:258::/30");
}

#[test]
fn a_link_to_a_pseudonode() {
    let read = one(NODE, ISIS_LINK);
    assert_eq!(
        (&read["nlri_type"], &read["protocol"]),
        (&json!("link"), &json!("isis-level-2"))
    );
    assert_eq!(
        read["remote_node"][2],
        json!({ "type": 515, "name": "igp-router-id", "value": "0000.0000.0014", "psn": 3 })
    );
    assert_eq!(
        read["descriptors"],
        json!([
            { "type": 258, "name": "link-local-remote-identifiers", "local": 16, "remote": 0 },
            { "type": 263, "name": "multi-topology-id", "value": [2] },
        ])
    );
}

/// RFC 9514 §6, §6.1; RFC 9552 §5.2: the length counts the route distinguisher.
#[test]
fn a_sid_and_a_node_in_a_vpn() {
    let sid = "0006 0033 02 0000000000000000 0100 0012 0200 0004 0000fde8 0203 0006 000000000001
        0206 0010 20010db8000100000000000000000000";
    let read = one(NODE, sid);
    assert_eq!(
        (&read["nlri_type"], &read["descriptors"]),
        (
            &json!("srv6-sid"),
            &json!([{ "type": 518, "name": "srv6-sid-information", "value": "2001:db8:1::" }])
        )
    );
    let vpn = OSPF_NODE.replacen("0025 03", "002d 0000fde800000064 03", 1);
    let mut expected = one(NODE, OSPF_NODE);
    expected["rd"] = "65000:100".into();
    assert_eq!(one(Family::LINK_STATE_VPN, &vpn), expected);
}

#[test]
fn a_type_that_is_not_known_is_no_fault() {
    assert_eq!(
        one(NODE, "002a 0003 010203"),
        json!({ "nlri_type": "unknown", "type": 42, "raw": "010203" })
    );
}

/// RFC 9552 §8.2.2: as long as the next NLRI can be found, only the malformed one is lost.
#[test]
fn malformed_nlri_are_discarded_each_by_itself() {
    let form = Form::new(NODE);
    let place = |hex: &str| faults(form, &bytes(hex));
    let discard = |at| vec![(at, Some(Disposition::NlriDiscard))];
    assert_eq!(place("0001 0008 0300000000000000"), discard(0), "short");
    assert_eq!(place("0001 0009 030000000000000000"), discard(0), "no node");
    let unnamed = "0001 0015 03 0000000000000000 0100 0008 0200 0004 0000fde8";
    assert_eq!(place(unnamed), discard(0), "a node without a name");
    let disordered = "0001 001d 03 0000000000000000
        0100 0010 0203 0004 64646401 0200 0004 0000fde8";
    assert_eq!(place(disordered), discard(0), "descriptors out of order");
    let good = OSPF_NODE.split_whitespace().collect::<String>().len() / 2;
    assert_eq!(
        place(&[OSPF_NODE, disordered, OSPF_NODE].concat()),
        discard(good)
    );
    assert_eq!(
        json(form, &bytes(&[disordered, OSPF_NODE].concat())).len(),
        2,
        "what is discarded can be read"
    );
    let short = OSPF_NODE.replacen("0203 0004", "0203 0003", 1);
    assert_eq!(place(&short), discard(0), "a router of three octets");
    let one_sided = OSPF_NODE.replacen("0001", "0002", 1);
    assert_eq!(place(&one_sided), discard(0), "a link with one end");
}

/// RFC 4271 §4.3: bits behind the prefix mean nothing.
#[test]
fn host_bits_are_masked_and_reported() {
    let form = Form::new(NODE);
    let ignored = [(0, Some(Disposition::Ignore))];
    // Of 10.134.2.88/30 the last two bits.
    let set = ISIS_PREFIX.replacen("0a860258", "0a86025b", 1);
    assert_eq!(faults(form, &bytes(&set)), ignored);
    assert_eq!(
        json(form, &bytes(&set))[0]["prefix"],
        one(NODE, ISIS_PREFIX)["prefix"]
    );
    let v6 = set.replacen("0003", "0004", 1);
    assert_eq!(faults(form, &bytes(&v6)), ignored);
    assert_eq!(json(form, &bytes(&v6))[0]["prefix"], "a86:258::/30");
    // What is graver hides it: a prefix that has an octet more than its length covers.
    let worse = set
        .replacen("0030", "0031", 1)
        .replacen("0005 1e", "0006 1e", 1)
        + "00";
    let discard = [(0, Some(Disposition::NlriDiscard))];
    assert_eq!(faults(form, &bytes(&worse)), discard);
}

#[test]
fn lengths_beyond_the_field_disable_the_family() {
    let form = Form::new(NODE);
    let disable = [(0, Some(Disposition::AfiSafiDisable))];
    for hex in ["00", "000100", "0001 0001", "0001 0025 03"] {
        assert_eq!(faults(form, &bytes(hex)), disable, "{hex}");
    }
}

/// RFC 9552 §8.2.2: the next one can be found.
#[test]
fn a_route_distinguisher_that_is_cut_costs_one_nlri() {
    let vpn = Form::new(Family::LINK_STATE_VPN);
    let whole = OSPF_NODE.replacen("0025 03", "002d 0000fde800000064 03", 1);
    let field = bytes(&format!("0001 0004 00000001 {whole}"));
    assert_eq!(faults(vpn, &field), [(0, Some(Disposition::NlriDiscard))]);
    let cut = json!({ "nlri_type": "malformed", "type": 1, "raw": "00000001" });
    let list = json(vpn, &field);
    assert_eq!(
        (list.len(), &list[0], &list[1]["rd"]),
        (2, &cut, &json!("65000:100"))
    );
}
