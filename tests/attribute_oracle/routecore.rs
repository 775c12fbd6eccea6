//! routecore's reading.

use ::routecore::bgp::ParseError;
use ::routecore::bgp::aspath::AsPath;
use ::routecore::bgp::message::SessionConfig;
use ::routecore::bgp::message::update::UpdateMessage;
use ::routecore::bgp::path_attributes::PathAttribute;
use octseq::Octets;
use serde_json::{Value, json};

use crate::route::{Path, nothing};

pub(crate) fn reading(message: &[u8], as4: bool) -> Result<Value, String> {
    let config = if as4 {
        SessionConfig::modern()
    } else {
        SessionConfig::legacy()
    };
    read(message, &config).map_err(|error| error.to_string())
}

fn read(message: &[u8], config: &SessionConfig) -> Result<Value, ParseError> {
    let update = UpdateMessage::from_octets(message, config)?;
    let mut json = nothing();
    // As hops, paths lose the borders of their segments.
    json["path"] = json!(update.aspath()?.as_ref().map(path));
    json["as4_path"] = json!(update.as4path()?.as_ref().map(path));
    for attribute in update.path_attributes()? {
        let attribute = attribute?;
        if !matches!(attribute.type_code(), 2 | 17) {
            let (key, value) = one(&attribute.to_owned()?);
            json[key] = value;
        }
    }
    Ok(json)
}

/// RFC 6793 §3: AS4_PATH has numbers of four octets, whatever the session has. As an attribute of
/// its own routecore reads it with the width of the session, and refuses it.
#[test]
fn as4_path_is_wide_in_narrow_sessions() {
    let attributes = [0x40, 2, 0, 0xc0, 17, 6, 2, 1, 0, 1, 0, 0];
    let message = [&[0xff; 16][..], &[0, 35, 2, 0, 0, 0, 12], &attributes].concat();
    let update = UpdateMessage::from_octets(&message[..], &SessionConfig::legacy()).expect("valid");
    let mut list = update.path_attributes().expect("valid");
    let as4_path = list.nth(1).expect("two").expect("valid");
    assert!(as4_path.to_owned().is_err());
    let wide = update.as4path().expect("valid").as_ref().map(path);
    assert_eq!(wide, Some(vec![(2, vec![65536])]));
}

/// A segment does not tell its type but when it is sent.
fn path<O: Octets>(path: &AsPath<O>) -> Path {
    let segment = |segment: ::routecore::bgp::aspath::Segment<O::Range<'_>>| {
        let mut octets = Vec::new();
        segment.compose(&mut octets).expect("room");
        let asns = segment.asns().map(|asn| asn.into_u32());
        (octets[0], asns.collect())
    };
    path.segments().map(segment).collect()
}

fn one(attribute: &PathAttribute) -> (&'static str, Value) {
    match attribute {
        PathAttribute::Origin(origin) => ("origin", u8::from(origin.0).into()),
        PathAttribute::ConventionalNextHop(hop) => ("next_hop", json!(hop.0)),
        PathAttribute::MultiExitDisc(med) => ("med", json!(med.0)),
        PathAttribute::LocalPref(value) => ("local_pref", json!(value.0)),
        PathAttribute::AtomicAggregate(_) => ("atomic", json!(true)),
        PathAttribute::Aggregator(by) => ("aggregator", json!((by.asn().into_u32(), by.address()))),
        PathAttribute::As4Aggregator(by) => (
            "as4_aggregator",
            json!((by.0.asn().into_u32(), by.0.address())),
        ),
        PathAttribute::StandardCommunities(list) => {
            let numbers = list
                .communities()
                .iter()
                .map(|c| u32::from_be_bytes(c.to_raw()));
            ("communities", numbers.collect())
        }
        PathAttribute::OriginatorId(id) => ("originator", json!(id.0)),
        PathAttribute::ClusterList(list) => {
            let numbers = list
                .cluster_ids()
                .iter()
                .map(|id| u32::from_be_bytes((*id).into()));
            ("clusters", numbers.collect())
        }
        PathAttribute::ExtendedCommunities(list) => {
            let numbers = list
                .communities()
                .iter()
                .map(|c| u64::from_be_bytes(c.to_raw()));
            ("ext", numbers.collect())
        }
        PathAttribute::Ipv6ExtendedCommunities(list) => {
            let octets = list.communities().iter().map(|c| c.to_raw().to_vec());
            ("ipv6_ext", octets.collect())
        }
        PathAttribute::LargeCommunities(list) => {
            let numbers = list
                .communities()
                .iter()
                .map(|c| [c.global(), c.local1(), c.local2()].to_vec());
            ("large", numbers.collect())
        }
        PathAttribute::Otc(asn) => ("otc", json!(asn.0.into_u32())),
        other => panic!("not sent: {other:?}"),
    }
}
