//! bgpkit-parser's reading.

use bgpkit_parser::models::{
    AsPath, AsPathSegment, Asn, AsnLength, AttributeValue, BgpUpdateMessage, Community,
    ExtendedCommunity, Ipv6AddrExtCommunity, LinkBandwidth, Origin,
};
use bgpkit_parser::parser::bgp::messages::parse_bgp_update_message;
use bgptap::bgp::attribute::ExtCommunity;
use bgptap::bgp::attribute::ext_community::{Administrator, ExtValue};
use bytes::Bytes;
use serde_json::{Value, json};

use crate::route::{Path, nothing};

fn read(message: &[u8], as4: bool) -> BgpUpdateMessage {
    let width = if as4 {
        AsnLength::Bits32
    } else {
        AsnLength::Bits16
    };
    let body = Bytes::copy_from_slice(&message[19..]);
    parse_bgp_update_message(body, false, &width).expect("valid")
}

pub(crate) fn reading(message: &[u8], as4: bool) -> Value {
    let mut json = nothing();
    for attribute in read(message, as4).attributes.iter() {
        let (key, value) = one(attribute);
        json[key] = value;
    }
    json
}

/// AS_PATH completed by AS4_PATH.
pub(crate) fn merged_path(message: &[u8]) -> Path {
    let update = read(message, false);
    let (mut plain, mut wide) = (None, None);
    for attribute in update.attributes.iter() {
        match attribute {
            AttributeValue::AsPath(path) => plain = Some(path.clone()),
            AttributeValue::As4Path(path) => wide = Some(path.clone()),
            _ => {}
        }
    }
    let (plain, wide) = (plain.expect("sent"), wide.expect("sent"));
    path(&AsPath::merge_aspath_as4path(&plain, &wide))
}

fn numbers(asns: &[Asn]) -> Vec<u32> {
    asns.iter().map(|asn| asn.to_u32()).collect()
}

fn path(path: &AsPath) -> Path {
    let segment = |segment: &AsPathSegment| match segment {
        AsPathSegment::AsSet(asns) => (1, numbers(asns)),
        AsPathSegment::AsSequence(asns) => (2, numbers(asns)),
        AsPathSegment::ConfedSequence(asns) => (3, numbers(asns)),
        AsPathSegment::ConfedSet(asns) => (4, numbers(asns)),
    };
    path.segments.iter().map(segment).collect()
}

fn one(attribute: &AttributeValue) -> (&'static str, Value) {
    match attribute {
        AttributeValue::Origin(origin) => {
            let code = match origin {
                Origin::IGP => 0,
                Origin::EGP => 1,
                Origin::INCOMPLETE => 2,
            };
            ("origin", json!(code))
        }
        AttributeValue::AsPath(list) => ("path", json!(path(list))),
        AttributeValue::As4Path(list) => ("as4_path", json!(path(list))),
        AttributeValue::NextHop(addr) => ("next_hop", json!(addr)),
        AttributeValue::MultiExitDiscriminator(med) => ("med", json!(med)),
        AttributeValue::LocalPreference(value) => ("local_pref", json!(value)),
        AttributeValue::AtomicAggregate => ("atomic", json!(true)),
        AttributeValue::Aggregator { asn, id } => ("aggregator", json!((asn.to_u32(), id))),
        AttributeValue::As4Aggregator { asn, id } => ("as4_aggregator", json!((asn.to_u32(), id))),
        AttributeValue::Communities(list) => {
            let number = |community: &Community| match community {
                Community::NoExport => 0xffff_ff01,
                Community::NoAdvertise => 0xffff_ff02,
                Community::NoExportSubConfed => 0xffff_ff03,
                Community::Custom(asn, value) => asn.to_u32() << 16 | u32::from(*value),
            };
            ("communities", list.iter().map(number).collect())
        }
        AttributeValue::ExtendedCommunities(list) => ("ext", list.iter().map(ext_bits).collect()),
        AttributeValue::Ipv6AddressSpecificExtendedCommunities(list) => {
            ("ipv6_ext", list.iter().map(ipv6_octets).collect())
        }
        AttributeValue::OriginatorId(id) => ("originator", json!(id)),
        AttributeValue::Clusters(list) => ("clusters", json!(list)),
        AttributeValue::LargeCommunities(list) => {
            let numbers = list.iter().map(|c| {
                let [local1, local2] = c.local_data;
                json!([c.global_admin, local1, local2])
            });
            ("large", numbers.collect())
        }
        AttributeValue::OnlyToCustomer(asn) => ("otc", json!(asn.to_u32())),
        other => panic!("not sent: {other:?}"),
    }
}

/// The octets, from the fields.
fn ext_bits(community: &ExtendedCommunity) -> u64 {
    use ExtendedCommunity as Ext;
    let head = u64::from(u8::from(community.community_type())) << 56;
    let low = |subtype: u8| head | u64::from(subtype) << 48;
    match community {
        Ext::TransitiveTwoOctetAs(c) | Ext::NonTransitiveTwoOctetAs(c) => {
            let local = u32::from_be_bytes(c.local_admin);
            low(c.subtype) | u64::from(c.global_admin.to_u32()) << 32 | u64::from(local)
        }
        Ext::TransitiveIpv4Addr(c) | Ext::NonTransitiveIpv4Addr(c) => {
            let local = u16::from_be_bytes(c.local_admin);
            low(c.subtype) | u64::from(c.global_admin.to_bits()) << 16 | u64::from(local)
        }
        Ext::TransitiveFourOctetAs(c) | Ext::NonTransitiveFourOctetAs(c) => {
            let local = u16::from_be_bytes(c.local_admin);
            low(c.subtype) | u64::from(c.global_admin.to_u32()) << 16 | u64::from(local)
        }
        Ext::TransitiveOpaque(c) | Ext::NonTransitiveOpaque(c) => {
            let value = c
                .value
                .iter()
                .fold(0, |bits, octet| bits << 8 | u64::from(*octet));
            low(c.subtype) | value
        }
        Ext::LinkBandwidth(LinkBandwidth {
            global_admin,
            bandwidth,
            ..
        }) => low(4) | u64::from(*global_admin) << 32 | u64::from(bandwidth.to_bits()),
        Ext::Raw(octets) => u64::from_be_bytes(*octets),
        other => panic!("not sent: {other:?}"),
    }
}

fn ipv6_octets(community: &Ipv6AddrExtCommunity) -> Vec<u8> {
    let head = [u8::from(community.community_type), community.subtype];
    [
        &head[..],
        &community.global_admin.octets(),
        &community.local_admin,
    ]
    .concat()
}

/// RFC 8955 §7: the actions of flow specifications have type 0x80. bgpkit-parser takes communities
/// of type 0x40 with the same subtypes for them.
#[test]
fn flow_actions_are_of_type_0x80() {
    for high in [0x40, 0x80] {
        let octets = [high, 9, 0xfd, 0xe8, 0, 0, 0, 24];
        let attribute = [&[0xc0, 16, 8][..], &octets].concat();
        let message = [&[0; 19][..], &[0, 0, 0, 11], &attribute].concat();
        let read = read(&message, true);
        let Some(AttributeValue::ExtendedCommunities(theirs)) = read.attributes.iter().next()
        else {
            panic!("another attribute");
        };
        let is_flow = matches!(theirs[..], [ExtendedCommunity::FlowSpecTrafficMarking(_)]);
        assert_eq!(is_flow, high == 0x40);
        let ours = ExtCommunity(octets).value();
        assert_eq!(matches!(ours, ExtValue::Flow(_)), high == 0x80);
        let admin = Administrator::As(65000);
        assert!(high == 0x80 || ours == ExtValue::Specific { admin, local: 24 });
    }
}
