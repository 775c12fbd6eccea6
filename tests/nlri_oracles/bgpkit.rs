//! bgpkit-parser's reading of the families that it knows.

use bgpkit_parser::models::{AsnLength, AttributeValue, BgpUpdateMessage};
use bgpkit_parser::parser::bgp::messages::parse_bgp_update_message;
use bgptap::bgp::{Family, Form, Nlri, NlriField};
use bytes::Bytes;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::update::{Case, case};
use crate::{announcement, with_field};

/// The families that bgpkit-parser decodes.
fn knows(family: Family) -> bool {
    matches!((family.afi.0, family.safi.0), (1 | 2, 1 | 2 | 4))
}

/// Where its guess goes wrong: without path identifiers, a first octet of zero, the length of a
/// default route (RFC 4271 §4.3), makes it read the whole field as if there were some.
fn guesses(case: &Case) -> bool {
    let mut sources = case.sources.iter();
    !case.add_path && sources.any(|(_, source)| source.octets[0] == 0)
}

fn read(message: &[u8], add_path: bool) -> Result<Vec<Value>, String> {
    let body = Bytes::copy_from_slice(&message[19..]);
    let update = parse_bgp_update_message(body, add_path, &AsnLength::Bits32);
    update
        .map(|update| reading(&update))
        .map_err(|e| e.to_string())
}

fn reading(update: &BgpUpdateMessage) -> Vec<Value> {
    let item = |prefix: String, path_id: Option<u32>| match path_id {
        Some(id) => json!({ "prefix": prefix, "path_id": id }),
        None => json!({ "prefix": prefix }),
    };
    let mut list = Vec::new();
    for plain in update
        .announced_prefixes
        .iter()
        .chain(&update.withdrawn_prefixes)
    {
        list.push(item(plain.prefix.to_string(), plain.path_id));
    }
    for attribute in update.attributes.iter() {
        let (AttributeValue::MpReachNlri(nlri) | AttributeValue::MpUnreachNlri(nlri)) = attribute
        else {
            continue;
        };
        let plain = nlri.prefixes.iter();
        list.extend(plain.map(|p| item(p.prefix.to_string(), p.path_id)));
        for labeled in nlri.labeled_prefixes.iter().flatten() {
            let mut item = item(labeled.prefix.to_string(), labeled.path_id);
            item["labels"] = labeled.labels.iter().map(|label| label.value()).collect();
            list.push(item);
        }
    }
    list
}

/// The sender's fields, a prefix that is nothing else as an object, too.
fn sent(case: &Case) -> Vec<Value> {
    let object = |item: Value| match item.is_string() {
        true => json!({ "prefix": item }),
        false => item,
    };
    case.json().into_iter().map(object).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn bgpkit_reads_the_same(case in case(knows)) {
        prop_assume!(!guesses(&case));
        let theirs = read(&case.message(), case.add_path);
        prop_assert_eq!(theirs, Ok(sent(&case)));
        with_field(&case, |_, field| assert_eq!(field.iter().count(), case.sources.len()));
    }
}

/// Our prefixes and those that bgpkit-parser reads in an announcement without path identifiers.
fn both(family: Family, field: &[u8]) -> (Vec<String>, Vec<String>) {
    let prefix = |nlri| match nlri {
        Nlri::Ipv4(prefix) => prefix.to_string(),
        Nlri::Vpn(vpn) => vpn.prefix.to_string(),
        Nlri::Labeled(labeled) => labeled.prefix.to_string(),
        other => panic!("not asked for: {other:?}"),
    };
    let ours = NlriField::new(Form::new(family), field).iter().map(prefix);
    let theirs = read(&announcement(family, field), false).unwrap_or_default();
    let text = |item: &Value| item["prefix"].as_str().expect("text").to_owned();
    (ours.collect(), theirs.iter().map(text).collect())
}

/// RFC 7911 §3: whether there are path identifiers, the OPENs say. bgpkit-parser guesses, and a
/// default route and two others become one route with an identifier of 0x00080a10.
#[test]
fn bgpkit_takes_a_default_route_for_a_path_identifier() {
    let (ours, theirs) = both(Family::IPV4_UNICAST, &[0, 8, 10, 16, 8, 11]);
    assert_eq!(ours, ["0.0.0.0/0", "10.0.0.0/8", "8.11.0.0/16"]);
    assert_eq!(theirs, ["11.0.0.0/8"]);
}

/// RFC 4659 §3.2: label, route distinguisher, prefix. bgpkit-parser has no decoder for the family
/// and takes all of it for an IPv6 prefix.
#[test]
fn bgpkit_reads_vpn_ipv6_as_a_prefix_of_labels() {
    let rd = [0, 0, 0xfd, 0xe8, 0, 0, 0, 1];
    let field = [&[120, 0, 0x13, 0x61][..], &rd, &[0x20, 1, 0xd, 0xb8]].concat();
    let (ours, theirs) = both(Family::IPV6_VPN, &field);
    assert_eq!(ours, ["2001:db8::/32"]);
    assert_eq!(theirs, ["13:6100:fd:e800:0:120:10d:b800/120"]);
}

/// RFC 8277 §2.2: without the capability there is one label, and its S bit is ignored.
#[test]
fn bgpkit_reads_a_prefix_as_labels() {
    let field = [56, 0, 0x13, 0x60, 0x20, 1, 0xd, 0xb9];
    let (ours, theirs) = both(Family::IPV6_LABELED, &field);
    assert_eq!(ours, ["2001:db9::/32"]);
    assert_ne!(theirs, ours);
}
