//! One line per prefix, as `bgpkit-parser --json` prints the elements of an MRT file.
//!
//! Names, values and what is `null` are those of `BgpElem` in bgpkit-parser 0.23. It knows IPv4 and IPv6
//! prefixes, unicast and multicast; other NLRI, other messages and other events have no elements.

use super::fields::Fields;
use super::{Meta, decimal};
use crate::bgp::attribute::{
    Asns, Communities, ExtCommunities, Ipv6ExtCommunities, LargeCommunities, MergedPath,
    OnlyToCustomer, Origin, SegmentKind,
};
use crate::bgp::text::Show;
use crate::bgp::{Message, Prefix, Update};
use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};
use std::net::IpAddr;

mod community;

use community::Extended;

/// Attributes that came and went: bgpkit-parser lists them apart.
const DEPRECATED: [u8; 13] = [11, 12, 13, 19, 20, 21, 28, 30, 31, 129, 241, 242, 243];
/// Attributes that bgpkit-parser reads, and tells of in a field or not at all.
const KNOWN: [u8; 27] = [
    1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 14, 15, 16, 17, 18, 23, 24, 25, 26, 29, 32, 35, 36, 37, 38, 40,
    41,
];
/// Two more of them.
const KNOWN_HIGH: [u8; 2] = [128, 255];

/// Writes elements. What all announcements of a message have in common is written once and copied.
#[derive(Debug, Default)]
pub struct ElemWriter {
    common: Vec<u8>,
}

impl ElemWriter {
    /// Appends a line for each prefix that is announced, then for each that is withdrawn.
    pub fn write(&mut self, out: &mut Vec<u8>, meta: &Meta<'_>, message: &Message<'_>) {
        let Message::Update(update) = message else {
            return;
        };
        let mut announced = update.all_announced().flat_map(|field| field.prefixes());
        if let Some(first) = announced.next() {
            self.set_common(|fields| write_attributes(fields, update));
            for prefix in std::iter::once(first).chain(announced) {
                self.line(out, meta, "ANNOUNCE", &prefix);
            }
        }
        let mut withdrawn = update.all_withdrawn().flat_map(|field| field.prefixes());
        if let Some(first) = withdrawn.next() {
            self.set_common(write_nothing);
            for prefix in std::iter::once(first).chain(withdrawn) {
                self.line(out, meta, "WITHDRAW", &prefix);
            }
        }
    }

    fn set_common(&mut self, write: impl FnOnce(&mut Fields<'_>) -> serde_json::Result<()>) {
        self.common.clear();
        if write(&mut Fields::bare(&mut self.common)).is_err() {
            self.common.clear();
        }
    }

    fn line(&self, out: &mut Vec<u8>, meta: &Meta<'_>, kind: &str, prefix: &Prefix) {
        super::end_line(out, |out| {
            let mut fields = Fields::open(out);
            fields.with("timestamp", |out| decimal::write_seconds(out, meta.ts_ns))?;
            fields.serialize_entry("type", kind)?;
            fields.serialize_entry("peer_ip", &Show(meta.peer))?;
            fields.serialize_entry("peer_asn", &meta.peer_asn.unwrap_or(0))?;
            fields.serialize_entry("peer_bgp_id", &())?;
            fields.serialize_entry("prefix", &ElemPrefix(prefix))?;
            fields.splice(&self.common);
            fields.close();
            Ok(())
        });
    }
}

/// A string, or an object where there is a path identifier.
struct ElemPrefix<'a>(&'a Prefix);

impl Serialize for ElemPrefix<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let plain = Prefix {
            path_id: None,
            ..*self.0
        };
        let Some(path_id) = self.0.path_id else {
            return Show(plain).serialize(serializer);
        };
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("prefix", &Show(plain))?;
        map.serialize_entry("path_id", &path_id)?;
        map.end()
    }
}

fn write_attributes(fields: &mut Fields<'_>, update: &Update<'_>) -> serde_json::Result<()> {
    let path = update.path();
    let aggregator = update.aggregator();
    let otc = update.get::<OnlyToCustomer>();
    fields.serialize_entry("next_hop", &next_hop(update).map(Show))?;
    fields.serialize_entry("as_path", &path.as_ref().map(ElemPath))?;
    fields.serialize_entry("origin_asns", &path.as_ref().map(Origins))?;
    fields.serialize_entry("origin", &update.origin().map(origin_name))?;
    // Absent ones are 0, as there.
    fields.serialize_entry("local_pref", &update.local_pref().unwrap_or(0))?;
    fields.serialize_entry("med", &update.med().unwrap_or(0))?;
    fields.serialize_entry("communities", &AllCommunities::of(update))?;
    fields.serialize_entry("atomic", &update.atomic_aggregate())?;
    fields.serialize_entry("aggr_asn", &aggregator.map(|by| by.asn))?;
    fields.serialize_entry("aggr_ip", &aggregator.map(|by| Show(by.addr)))?;
    fields.serialize_entry("only_to_customer", &otc.map(|otc| otc.0))?;
    let deprecated = |code: u8| DEPRECATED.contains(&code);
    let known = |code: u8| KNOWN.contains(&code) || KNOWN_HIGH.contains(&code);
    write_raw(fields, "unknown", update, |code| {
        !known(code) && !deprecated(code)
    })?;
    write_raw(fields, "deprecated", update, deprecated)
}

const fn origin_name(origin: Origin) -> &'static str {
    match origin {
        Origin::Igp => "IGP",
        Origin::Egp => "EGP",
        Origin::Incomplete => "INCOMPLETE",
    }
}

/// What a withdrawal has of attributes.
fn write_nothing(fields: &mut Fields<'_>) -> serde_json::Result<()> {
    for name in [
        "next_hop",
        "as_path",
        "origin_asns",
        "origin",
        "local_pref",
        "med",
        "communities",
    ] {
        fields.serialize_entry(name, &())?;
    }
    fields.serialize_entry("atomic", &false)?;
    for name in [
        "aggr_asn",
        "aggr_ip",
        "only_to_customer",
        "unknown",
        "deprecated",
    ] {
        fields.serialize_entry(name, &())?;
    }
    Ok(())
}

/// NEXT_HOP; without it the first address in MP_REACH_NLRI that is no link-local one.
fn next_hop(update: &Update<'_>) -> Option<IpAddr> {
    if let Some(next_hop) = update.next_hop() {
        return Some(next_hop.into());
    }
    let hops = update.mp_reach()?.next_hops;
    let global = |hop: &IpAddr| !matches!(hop, IpAddr::V6(hop) if hop.is_unicast_link_local());
    hops.iter().find(global).or_else(|| hops.iter().next())
}

/// `[{"code":…,"bytes":[…]},…]` of the attributes that `is` says yes to; `null` if there are none.
fn write_raw(
    fields: &mut Fields<'_>,
    name: &str,
    update: &Update<'_>,
    is: impl Fn(u8) -> bool,
) -> serde_json::Result<()> {
    let chosen = || update.attributes().filter(|attribute| is(attribute.code));
    if chosen().next().is_none() {
        return fields.serialize_entry(name, &());
    }
    fields.serialize_key(name)?;
    fields.list(chosen(), |fields, attribute| {
        fields.serialize_entry("code", &attribute.code)?;
        fields.serialize_entry("bytes", attribute.value)
    })
}

/// AS numbers, sets as nested arrays; segments by name where that would be ambiguous.
struct ElemPath<'a>(&'a MergedPath<'a>);

impl ElemPath<'_> {
    /// There are no confederation segments, and no two sequences follow one another, unless they are one.
    fn is_simple(&self) -> bool {
        let mut after_sequence = false;
        self.0.segments().all(|segment| {
            let sequence = segment.kind == SegmentKind::Sequence;
            let simple = !segment.kind.is_confederation()
                && (self.0.is_merged() || !(after_sequence && sequence));
            after_sequence = sequence;
            simple
        })
    }
}

impl Serialize for ElemPath<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let simple = self.is_simple();
        let mut list = serializer.serialize_seq(None)?;
        for segment in self.0.segments() {
            let asns = ElemAsns(segment.asns);
            match segment.kind {
                kind if !simple => list.serialize_element(&Verbose {
                    ty: segment_name(kind),
                    values: asns,
                })?,
                SegmentKind::Sequence => {
                    for asn in segment.asns {
                        list.serialize_element(&asn)?;
                    }
                }
                _ => list.serialize_element(&asns)?,
            }
        }
        list.end()
    }
}

#[derive(serde::Serialize)]
struct Verbose<'a> {
    ty: &'static str,
    values: ElemAsns<'a>,
}

/// RFC 5065 §3.
const fn segment_name(kind: SegmentKind) -> &'static str {
    match kind {
        SegmentKind::Set => "AS_SET",
        SegmentKind::Sequence => "AS_SEQUENCE",
        SegmentKind::ConfedSequence => "AS_CONFED_SEQUENCE",
        SegmentKind::ConfedSet => "AS_CONFED_SET",
    }
}

struct ElemAsns<'a>(Asns<'a>);

impl Serialize for ElemAsns<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0)
    }
}

/// The last AS number of a path, or all of the set that it ends in.
struct Origins<'a>(&'a MergedPath<'a>);

impl Serialize for Origins<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let last = self.0.segments().last();
        let skip = match &last {
            Some(last) if last.kind == SegmentKind::Set => 0,
            Some(last) if last.kind == SegmentKind::Sequence => last.asns.count().saturating_sub(1),
            _ => usize::MAX,
        };
        let asns = last.into_iter().flat_map(|last| last.asns);
        serializer.collect_seq(asns.skip(skip))
    }
}

/// All kinds of communities in one list, each kind in wire order.
struct AllCommunities<'a> {
    plain: Option<Communities<'a>>,
    extended: Option<ExtCommunities<'a>>,
    ipv6: Option<Ipv6ExtCommunities<'a>>,
    large: Option<LargeCommunities<'a>>,
}

impl<'a> AllCommunities<'a> {
    fn of(update: &Update<'a>) -> Option<Self> {
        let all = Self {
            plain: update.communities(),
            extended: update.ext_communities(),
            ipv6: update.get(),
            large: update.large_communities(),
        };
        (all.len() > 0).then_some(all)
    }

    fn len(&self) -> usize {
        self.plain.map_or(0, |list| list.iter().len())
            + self.extended.map_or(0, |list| list.iter().len())
            + self.ipv6.map_or(0, |list| list.iter().len())
            + self.large.map_or(0, |list| list.iter().len())
    }
}

impl Serialize for AllCommunities<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(Some(self.len()))?;
        for plain in self.plain.iter().flat_map(|list| list.iter()) {
            list.serialize_element(&community::Plain(plain))?;
        }
        for extended in self.extended.iter().flat_map(|list| list.iter()) {
            list.serialize_element(&Extended(extended.0))?;
        }
        for ipv6 in self.ipv6.iter().flat_map(|list| list.iter()) {
            list.serialize_element(&community::Ipv6(ipv6))?;
        }
        for large in self.large.iter().flat_map(|list| list.iter()) {
            list.serialize_element(&community::Large {
                global_admin: large.global,
                local_data: [large.local1, large.local2],
            })?;
        }
        list.end()
    }
}
