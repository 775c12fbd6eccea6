//! Vectors in the tests of other projects that the corpus does not have, with what those state.

use bgpkit_parser::models::{AsnLength, AttributeValue};
use bgpkit_parser::parser::bgp::messages::parse_bgp_update_message;
use bgptap::bgp::attribute::{Ipv6ExtCommunities, View};
use bgptap::bgp::{Context, Family, Form, Message, NlriField};
use serde::Serializer;
use serde::ser::SerializeMap;
use serde_json::{Value, json};

use crate::{bytes, corpus, lines};

/// Octets of the first NLRI of a family, or of the value of an attribute, and what is in them.
struct Vector {
    origin: &'static str,
    hex: &'static str,
    /// JSON pointers into our form, and what stands there.
    stated: &'static [(&'static str, &'static str)],
}

fn assert_stated(vector: &Vector, read: &Value) {
    for (pointer, stated) in vector.stated {
        let stated: Value = serde_json::from_str(stated).expect("JSON");
        let ours = read.pointer(pointer);
        assert_eq!(
            ours,
            Some(&stated),
            "{pointer} of {}: {read}",
            vector.origin
        );
    }
}

fn octets(hex: &str) -> Vec<u8> {
    bytes(&hex.split_whitespace().collect::<String>())
}

const NLRI: [(Family, Vector); 5] = [
    (
        Family::LINK_STATE,
        Vector {
            origin: "GoBMP, pkg/srv6/srv6-sidnlri_test.go, behind the type and length of the NLRI",
            hex: "0006 0041 02 0000000000000000
                0100 001a 0200 0004 000013ce 0201 0004 00000000 0203 0006 000000000093
                0107 0002 0002 0206 0010 01920168009300000011000000000000",
            stated: &[
                ("/nlri_type", r#""srv6-sid""#),
                ("/protocol", r#""isis-level-2""#),
                ("/local_node/0/value", "5070"),
                ("/local_node/2/value", r#""0000.0000.0093""#),
                ("/descriptors/0/value", "[2]"),
                ("/descriptors/1/value", r#""192:168:93:0:11::""#),
            ],
        },
    ),
    (
        Family::LINK_STATE_VPN,
        Vector {
            origin: "NetGauze, crates/bgp-pkt/src/wire/tests/bgp_ls.rs, test_bgp_ls_vpn_mp_reach",
            hex: "0004 003f 0002 000003f2 07e4 01 0000000000000045 0100 0008 0202 0004 00000012
                0109 0011 80 00010002000300040005000600070008 0107 0004 0045 0015 0108 0001 04",
            stated: &[
                ("/nlri_type", r#""ipv6-prefix""#),
                ("/rd", r#""1010:2020""#),
                ("/protocol", r#""isis-level-1""#),
                ("/identifier", "69"),
                ("/local_node/0/value", r#""0.0.0.18""#),
                ("/prefix", r#""1:2:3:4:5:6:7:8/128""#),
            ],
        },
    ),
    (
        Family::EVPN,
        Vector {
            origin: "GoBMP, pkg/evpn/leaf-ad_test.go, IPv4 originator with IMET route key",
            hex: "0b18 0311 0001 0a0000c8 0001 00000000 20 0a010101 20 c6336401",
            stated: &[
                ("/nlri_type", r#""leaf-ad""#),
                (
                    "/route_key/nlri_type",
                    r#""inclusive-multicast-ethernet-tag""#,
                ),
                ("/route_key/rd", r#""10.0.0.200:1""#),
                ("/route_key/originator", r#""10.1.1.1""#),
                ("/originator", r#""198.51.100.1""#),
            ],
        },
    ),
    (
        Family::EVPN,
        Vector {
            origin: "GoBMP, the same, IPv6 originator with Type 9 route key",
            hex: "0b27 0914 0001 0a000064 00c8 00000001 000000000000000a
                80 20010db8000000000000000000000001",
            stated: &[
                ("/route_key/nlri_type", r#""per-region-i-pmsi-ad""#),
                ("/route_key/rd", r#""10.0.0.100:200""#),
                ("/route_key/ethernet_tag", "1"),
                ("/originator", r#""2001:db8::1""#),
            ],
        },
    ),
    (
        Family::EVPN,
        Vector {
            origin: "GoBMP, the same, RD last octet 0x80",
            hex: "0b18 0311 0001 0a000080 0001 00000000 20 0a010101 20 02020202",
            stated: &[
                ("/route_key/rd", r#""10.0.0.128:1""#),
                ("/originator", r#""2.2.2.2""#),
            ],
        },
    ),
];

#[test]
fn nlri_from_the_tests_of_other_projects() {
    for (family, vector) in NLRI {
        let field = octets(vector.hex);
        let field = NlriField::new(Form::new(family), &field);
        let read: Vec<_> = field.iter().collect();
        assert_eq!(
            (read.len(), field.unread()),
            (1, &[][..]),
            "{}",
            vector.origin
        );
        assert_stated(&vector, &json!(read[0]));
    }
}

const ATTRIBUTES: [(u8, Vector); 5] = [
    (
        36,
        Vector {
            origin: "bgpkit-parser 0.23, attr_36_domain_path.rs, multi segment multi domain",
            hex: "02 0000000a 0002 80 0000000b 0003 46 01 0000000c 0004 00",
            stated: &[
                ("/0/1/domain", r#""11:3""#),
                ("/0/1/safi", "70"),
                ("/1/0/domain", r#""12:4""#),
                ("/1/0/safi", "0"),
            ],
        },
    ),
    (
        38,
        Vector {
            origin: "bgpkit-parser 0.23, attr_38_bfd_discriminator.rs, with source IPv4 TLV",
            hex: "01 01020304 01 04 c0000201",
            stated: &[
                ("/mode", "1"),
                ("/discriminator", "16909060"),
                ("/source", r#""192.0.2.1""#),
            ],
        },
    ),
    (
        23,
        Vector {
            origin: "GoBMP, pkg/srpolicy/srpolicy-segments_test.go, Type B, in a list of one",
            hex: "000f 0018 80 0015 00 0d 12 80 00 20010db8000000000000000000000001",
            stated: &[
                ("/0/type", "15"),
                ("/0/tlvs/0/tlvs/0/name", r#""type-b""#),
                ("/0/tlvs/0/tlvs/0/sid", r#""2001:db8::1""#),
            ],
        },
    ),
    (
        23,
        Vector {
            origin: "GoBMP, the same, Type C without and with SID",
            hex: "000f 0018 80 0015 00 03 06 00 00 c0a80101 03 0a 80 01 0a000001 000003e8",
            stated: &[
                ("/0/tlvs/0/tlvs/0/node", r#""192.168.1.1""#),
                ("/0/tlvs/0/tlvs/1/node", r#""10.0.0.1""#),
            ],
        },
    ),
    (
        23,
        Vector {
            origin: "GoBMP, the same, Types E, F and G without SID",
            hex: "000f 0048 80 0045 00 05 0a 00 00 00000001 c0a80101 06 0a 00 00 c0a80101 0a000001
                07 2a 00 00 00000001 20010db8000000000000000000000001
                00000002 20010db8000000000000000000000002",
            stated: &[
                ("/0/tlvs/0/tlvs/0/local_interface", "1"),
                ("/0/tlvs/0/tlvs/0/node", r#""192.168.1.1""#),
                ("/0/tlvs/0/tlvs/1/local", r#""192.168.1.1""#),
                ("/0/tlvs/0/tlvs/1/remote", r#""10.0.0.1""#),
                ("/0/tlvs/0/tlvs/2/local_interface", "1"),
                ("/0/tlvs/0/tlvs/2/local", r#""2001:db8::1""#),
                ("/0/tlvs/0/tlvs/2/remote_interface", "2"),
                ("/0/tlvs/0/tlvs/2/remote", r#""2001:db8::2""#),
            ],
        },
    ),
];

#[test]
fn attributes_from_the_tests_of_other_projects() {
    for (code, vector) in ATTRIBUTES {
        let value = octets(vector.hex);
        let view = View::new(code, &value, &Context::assumed());
        let mut out = Vec::new();
        let mut serializer = serde_json::Serializer::new(&mut out);
        let mut map = serializer.serialize_map(None).expect("to memory");
        assert!(
            view.serialize_entry(&mut map).expect("to memory"),
            "{}",
            vector.origin
        );
        map.end().expect("to memory");
        let read: Value = serde_json::from_slice(&out).expect("JSON");
        let entry = read.as_object().and_then(|map| map.values().next());
        assert_stated(&vector, entry.expect("an entry"));
    }
}

/// The one message of the corpus with IPv6 address specific communities (holo's), as bgpkit-parser
/// reads it.
#[test]
fn ipv6_communities_of_holo_as_bgpkit_reads_them() {
    let Some(corpus) = corpus() else { return };
    let mut found = 0;
    for vector in lines(&corpus.join("hex/split/A-messages.jsonl")) {
        let raw = bytes(vector["hex"].as_str().expect("octets"));
        let Ok(Message::Update(update)) = Message::parse(&raw, &Context::assumed()) else {
            continue;
        };
        let Some(ours) = update.get::<Ipv6ExtCommunities<'_>>() else {
            continue;
        };
        let body = ::bytes::Bytes::copy_from_slice(&raw[19..]);
        let theirs = parse_bgp_update_message(body, false, &AsnLength::Bits32).expect("valid");
        let theirs = theirs
            .attributes
            .iter()
            .find_map(|attribute| match attribute {
                AttributeValue::Ipv6AddressSpecificExtendedCommunities(list) => Some(list.clone()),
                _ => None,
            });
        let theirs = theirs.expect("there");
        let theirs = theirs.iter().map(|c| {
            let kind = (u8::from(c.community_type), c.subtype);
            (kind, c.global_admin, u16::from_be_bytes(c.local_admin))
        });
        let ours = ours.iter().map(|c| (c.kind(), c.address(), c.local()));
        assert_eq!(ours.collect::<Vec<_>>(), theirs.collect::<Vec<_>>());
        found += 1;
    }
    assert_eq!(found, 1);
}
