//! routecore's reading of the families that it knows.

use ::routecore::Octets;
use ::routecore::bgp::nlri::afisafi::{Addpath, AfiSafiNlri, AfiSafiType, Nlri, NlriEnumIter};
use ::routecore::bgp::nlri::evpn::EvpnNlri;
use ::routecore::bgp::nlri::mpls::{Labels, MplsNlri};
use ::routecore::bgp::nlri::mpls_vpn::MplsVpnNlri;
use ::routecore::bgp::nlri::routetarget::RouteTargetNlri;
use bgptap::bgp::{Family, Form, Nlri as Ours, NlriField};
use inetnum::addr::Prefix;
use octseq::Parser;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::update::{Case, case};
use crate::with_field;

/// The families that routecore decodes, all but VPLS: it has no fields of those, and takes each
/// NLRI for one of 17 octets, against RFC 6074 §3.2.2.1.
fn knows(family: Family) -> bool {
    let pair = (family.afi.0, family.safi.0);
    matches!(pair, (1 | 2, 1 | 2 | 4 | 128) | (1, 132) | (25, 70))
}

/// What it reads in each NLRI of a field, and its octets as it would send them.
///
/// Only the field: in the message it has no understanding for next hops of another family than
/// the NLRI (RFC 8950 §3) and, when it checks attributes, none for path identifiers.
fn read(family: Family, add_path: bool, field: &[u8]) -> Result<Vec<(Value, Vec<u8>)>, String> {
    let family = AfiSafiType::from((family.afi.0, family.safi.0));
    let list = NlriEnumIter::new(Parser::from_ref(&field), (family, add_path).into());
    list.map(|nlri| {
        let nlri = nlri.map_err(|e| e.to_string())?;
        let mut octets = Vec::new();
        nlri.compose(&mut octets).expect("room");
        Ok((reading(&nlri), octets))
    })
    .collect()
}

fn values<O: Octets>(labels: &Labels<O>) -> Value {
    labels.iter().map(|label| label.value()).collect()
}

/// What routecore knows of an NLRI besides its path identifier.
trait Read {
    fn read(&self) -> Value;
}

impl Read for Prefix {
    fn read(&self) -> Value {
        json!({ "prefix": self.to_string() })
    }
}

impl<O: Octets> Read for MplsNlri<O> {
    fn read(&self) -> Value {
        json!({ "prefix": self.prefix().to_string(), "labels": values(self.labels()) })
    }
}

impl<O: Octets> Read for MplsVpnNlri<O> {
    fn read(&self) -> Value {
        // It prints route distinguishers as a list of octets.
        let rd: Vec<u8> = self.rd().as_ref().to_vec();
        json!({
            "prefix": self.prefix().to_string(),
            "rd": rd,
            "labels": values(self.labels()),
        })
    }
}

impl<O: Octets> Read for RouteTargetNlri<O> {
    fn read(&self) -> Value {
        json!({
            "origin_as": self.origin_as().map(|asn| asn.into_u32()),
            "route_target": self.route_target().map(|target| target.to_raw()),
        })
    }
}

impl<O: Octets> Read for EvpnNlri<O> {
    fn read(&self) -> Value {
        json!({ "type": u8::from(self.route_type()) })
    }
}

macro_rules! reading {
    ($nlri:ident: $($plain:ident $with_id:ident),*) => {
        match $nlri {
            $(
                Nlri::$plain(n) => n.nlri().read(),
                Nlri::$with_id(n) => {
                    let mut item = n.nlri().read();
                    item["path_id"] = n.path_id().0.into();
                    item
                }
            )*
            other => panic!("not asked for: {}", other.afi_safi()),
        }
    };
}

fn reading<O: Octets>(nlri: &Nlri<O>) -> Value {
    reading!(nlri:
        Ipv4Unicast Ipv4UnicastAddpath,
        Ipv6Unicast Ipv6UnicastAddpath,
        Ipv4Multicast Ipv4MulticastAddpath,
        Ipv6Multicast Ipv6MulticastAddpath,
        Ipv4MplsUnicast Ipv4MplsUnicastAddpath,
        Ipv6MplsUnicast Ipv6MplsUnicastAddpath,
        Ipv4MplsVpnUnicast Ipv4MplsVpnUnicastAddpath,
        Ipv6MplsVpnUnicast Ipv6MplsVpnUnicastAddpath,
        Ipv4RouteTarget Ipv4RouteTargetAddpath,
        L2VpnEvpn L2VpnEvpnAddpath
    )
}

/// Our reading, as far as routecore has one.
fn ours(field: NlriField<'_>) -> Vec<Value> {
    let labels = |labels: bgptap::bgp::nlri::part::Labels<'_>| {
        let fields = labels.as_bytes().chunks(3);
        // routecore shows what stands in the field of a withdrawal, too.
        let value = |f: &[u8]| u32::from_be_bytes([0, f[0], f[1], f[2]]) >> 4;
        fields.map(value).collect::<Vec<_>>()
    };
    let each = field.iter().map(|nlri| {
        let (mut item, path_id) = match nlri {
            Ours::Ipv4(prefix) | Ours::Ipv6(prefix) => {
                (json!({ "prefix": prefix.to_string() }), prefix.path_id)
            }
            Ours::Labeled(n) => (
                json!({ "prefix": n.prefix.to_string(), "labels": labels(n.labels) }),
                n.prefix.path_id,
            ),
            Ours::Vpn(n) => (
                json!({
                    "prefix": n.prefix.to_string(),
                    "rd": n.rd.0,
                    "labels": n.labels.map(labels),
                }),
                n.prefix.path_id,
            ),
            Ours::RouteTargets(n) => (
                json!({
                    "origin_as": n.origin_as().filter(|_| n.len > 32),
                    "route_target": n.target().map(|target| target.0),
                }),
                n.path_id,
            ),
            Ours::EvpnRoutes(n) => (json!({ "type": n.kind }), n.path_id),
            other => panic!("not asked for: {other:?}"),
        };
        if let Some(path_id) = path_id {
            item["path_id"] = path_id.into();
        }
        item
    });
    each.collect()
}

/// Octets of an NLRI as routecore would send them.
fn as_sent(case: &Case) -> Vec<Vec<u8>> {
    let each = case.sources.iter();
    each.map(|(id, source)| case.one(*id, source)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn routecore_reads_the_same(case in case(knows)) {
        let theirs = read(case.mode.family, case.add_path, &case.field()).expect("readable");
        let (theirs, octets): (Vec<_>, Vec<_>) = theirs.into_iter().unzip();
        prop_assert_eq!(with_field(&case, |_, field| ours(field)), theirs);
        prop_assert_eq!(as_sent(&case), octets);
    }
}

/// RFC 4684 §4: a prefix of 32 bits has the origin AS. routecore wants more.
#[test]
fn routecore_misses_the_origin_of_a_short_membership() {
    let field = [32, 0, 0, 0xfd, 0xe9];
    let theirs = read(Family::ROUTE_TARGET, false, &field);
    assert_eq!(theirs.expect("readable")[0].0["origin_as"], Value::Null);
    let nlri = NlriField::new(Form::new(Family::ROUTE_TARGET), &field)
        .iter()
        .next();
    let Some(Ours::RouteTargets(ours)) = nlri else {
        panic!("{nlri:?}");
    };
    assert_eq!(ours.origin_as(), Some(65001));
}

/// RFC 8277 §2.2: without the capability there is one label, and its S bit "MUST be ignored on
/// reception". routecore takes what follows for more labels: 2001:db8::/32 is lost in them.
#[test]
fn routecore_reads_vpn_ipv6_as_labels() {
    let rd = [0, 0, 0xfd, 0xe8, 0, 0, 0, 1];
    let field = [&[120, 0, 0x13, 0x60][..], &rd, &[0x20, 1, 0xd, 0xb8]].concat();
    let theirs = read(Family::IPV6_VPN, false, &field);
    let lost = theirs.map(|list| list[0].0["prefix"] != "2001:db8::/32");
    assert_ne!(lost, Ok(false), "routecore ignores the S bit now");
    let nlri = NlriField::new(Form::new(Family::IPV6_VPN), &field)
        .iter()
        .next();
    let Some(Ours::Vpn(ours)) = nlri else {
        panic!("{nlri:?}");
    };
    assert_eq!(ours.prefix.to_string(), "2001:db8::/32");
}
