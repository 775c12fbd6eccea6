//! The fields of an UPDATE.

use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};

use super::message::pair;
use crate::bgp::attribute::{
    As4Aggregator, Asns, ExtCommunity, Ipv6ExtCommunities, NextHops, Segment, SegmentKind,
};
use crate::bgp::text::{Hex, Joined, List, Show};
use crate::bgp::{Attribute, NlriField, Update, View};

pub(super) fn write<M: SerializeMap>(map: &mut M, update: &Update<'_>) -> Result<(), M::Error> {
    write_path(map, update)?;
    write_decision(map, update)?;
    write_communities(map, update)?;
    write_reflection(map, update)?;
    write_routes(map, update)?;
    for attribute in update
        .attributes()
        .filter(|attribute| is_first(update, attribute))
    {
        attribute.view(update.context()).serialize_entry(map)?;
    }
    let others = || other_attributes(update);
    if others().next().is_some() {
        map.serialize_entry("unknown_attributes", &List(others))?;
    }
    Ok(())
}

fn write_path<M: SerializeMap>(map: &mut M, update: &Update<'_>) -> Result<(), M::Error> {
    if let Some(path) = update.path() {
        map.serialize_entry("path", &Path(|| path.segments()))?;
    }
    if let Some(path) = update.as4_path() {
        map.serialize_entry("as4_path", &Path(|| path.segments()))?;
    }
    if let Some(origin) = update.origin() {
        map.serialize_entry("origin", origin.name())?;
    }
    if let Some(next_hop) = update.next_hop() {
        map.serialize_entry("next_hop", &Show(next_hop))?;
    }
    Ok(())
}

fn write_decision<M: SerializeMap>(map: &mut M, update: &Update<'_>) -> Result<(), M::Error> {
    if let Some(med) = update.med() {
        map.serialize_entry("med", &med)?;
    }
    if let Some(preference) = update.local_pref() {
        map.serialize_entry("local_pref", &preference)?;
    }
    if update.atomic_aggregate() {
        map.serialize_entry("atomic_aggregate", &true)?;
    }
    if let Some(aggregator) = update.aggregator() {
        map.serialize_entry("aggregator", &Show(aggregator))?;
    }
    if let Some(As4Aggregator(aggregator)) = update.get() {
        map.serialize_entry("as4_aggregator", &Show(aggregator))?;
    }
    Ok(())
}

fn write_communities<M: SerializeMap>(map: &mut M, update: &Update<'_>) -> Result<(), M::Error> {
    if let Some(list) = update.communities() {
        let pairs = || list.iter().map(|c| (c.asn(), c.value()));
        map.serialize_entry("community", &List(pairs))?;
    }
    if let Some(list) = update.large_communities() {
        let triples = || list.iter().map(|c| (c.global, c.local1, c.local2));
        map.serialize_entry("large_community", &List(triples))?;
    }
    if let Some(list) = update.ext_communities() {
        map.serialize_entry("ext_community", &List(|| list.iter().map(ExtView)))?;
    }
    if let Some(list) = update.get::<Ipv6ExtCommunities<'_>>() {
        let values = || list.iter().map(|octets| Show(HexOctets(octets)));
        map.serialize_entry("ipv6_ext_community", &List(values))?;
    }
    Ok(())
}

fn write_reflection<M: SerializeMap>(map: &mut M, update: &Update<'_>) -> Result<(), M::Error> {
    if let Some(id) = update.originator_id() {
        map.serialize_entry("originator_id", &Show(id))?;
    }
    if let Some(list) = update.cluster_list() {
        map.serialize_entry("cluster_list", &List(|| list.iter().map(Show)))?;
    }
    Ok(())
}

fn write_routes<M: SerializeMap>(map: &mut M, update: &Update<'_>) -> Result<(), M::Error> {
    let announced = || announcements(update);
    if announced().next().is_some() {
        map.serialize_entry("announcements", &List(announced))?;
    }
    let withdrawn = || {
        update.all_withdrawn().map(|field| Group {
            next_hop: HopView::None,
            field,
        })
    };
    if withdrawn().next().is_some() {
        map.serialize_entry("withdrawals", &List(withdrawn))?;
    }
    if let Some(family) = update.eor() {
        map.serialize_entry("eor", &pair(family))?;
    }
    Ok(())
}

/// The NLRI field with NEXT_HOP, then MP_REACH_NLRI with its own next hops.
fn announcements<'a>(update: &Update<'a>) -> impl Iterator<Item = Group<'a>> + use<'a> {
    let plain = Group {
        next_hop: update.next_hop().map_or(HopView::None, HopView::Plain),
        field: update.announced(),
    };
    let mp = update.mp_reach().map(|mp| Group {
        next_hop: HopView::Mp(mp.next_hops),
        field: mp.nlri,
    });
    [Some(plain), mp]
        .into_iter()
        .flatten()
        .filter(|group| !group.field.is_empty())
}

enum HopView<'a> {
    None,
    Plain(std::net::Ipv4Addr),
    Mp(NextHops<'a>),
}

/// NLRI that share a family and a next hop.
struct Group<'a> {
    next_hop: HopView<'a>,
    field: NlriField<'a>,
}

impl Serialize for Group<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        match &self.next_hop {
            HopView::None => {}
            HopView::Plain(addr) => map.serialize_entry("next_hop", &Show(addr))?,
            HopView::Mp(hops) if hops.iter().next().is_some() => {
                map.serialize_entry("next_hop", &Show(Joined(hops.iter())))?;
            }
            HopView::Mp(hops) if hops.as_bytes().is_empty() => {}
            HopView::Mp(hops) => map.serialize_entry("next_hop_raw", &Hex(hops.as_bytes()))?,
        }
        let (afi, safi) = pair(self.field.family());
        map.serialize_entry("afi", &afi)?;
        map.serialize_entry("safi", &safi)?;
        map.serialize_entry("prefixes", &List(|| self.field.iter()))?;
        let unread = self.field.unread();
        if !unread.is_empty() {
            map.serialize_entry("unreadable", &Hex(unread))?;
        }
        map.end()
    }
}

/// A path as RIS Live writes it: numbers, and an array for each set; a
/// confederation segment is an object that names its kind.
struct Path<F>(F);

impl<'a, F, I> Serialize for Path<F>
where
    F: Fn() -> I,
    I: Iterator<Item = Segment<'a>>,
{
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut seq = serializer.serialize_seq(None)?;
        for Segment { kind, mut asns } in (self.0)() {
            match kind {
                SegmentKind::Sequence => asns.try_for_each(|asn| seq.serialize_element(&asn))?,
                SegmentKind::Set => seq.serialize_element(&List(|| asns))?,
                SegmentKind::ConfedSequence => {
                    seq.serialize_element(&Confederation("confed_sequence", asns))?;
                }
                SegmentKind::ConfedSet => {
                    seq.serialize_element(&Confederation("confed_set", asns))?;
                }
            }
        }
        seq.end()
    }
}

struct Confederation<'a>(&'static str, Asns<'a>);

impl Serialize for Confederation<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry(self.0, &List(|| self.1))?;
        map.end()
    }
}

struct ExtView(ExtCommunity);

impl Serialize for ExtView {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("raw", &Show(format_args!("{:016x}", self.0.to_bits())))?;
        if self.0.has_name() {
            map.serialize_entry("text", &Show(self.0))?;
        }
        map.end()
    }
}

struct HexOctets([u8; 20]);

impl std::fmt::Display for HexOctets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        Hex(&self.0).fmt(f)
    }
}

/// Only the first attribute of a type counts (RFC 7606 §3 g).
fn is_first(update: &Update<'_>, attribute: &Attribute<'_>) -> bool {
    let first = update.attribute(attribute.code);
    first.is_some_and(|first| std::ptr::eq(first.value, attribute.value))
}

/// Attributes that no field of the line stands for: not decoded, malformed or
/// given before.
fn other_attributes<'a>(update: &Update<'a>) -> impl Iterator<Item = AttributeView<'a>> {
    update.attributes().filter_map(|attribute| {
        let status = match attribute.view(update.context()) {
            View::Unknown(_) => Status::Unknown,
            View::Malformed(_) => Status::Malformed,
            _ if !is_first(update, &attribute) => Status::Repeated,
            _ => return None,
        };
        Some(AttributeView { attribute, status })
    })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Status {
    Unknown,
    Malformed,
    Repeated,
}

struct AttributeView<'a> {
    attribute: Attribute<'a>,
    status: Status,
}

impl Serialize for AttributeView<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { attribute, status } = self;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("code", &attribute.code)?;
        if let Some(name) = attribute.name() {
            map.serialize_entry("name", name)?;
        }
        map.serialize_entry("flags", &attribute.flags.0)?;
        map.serialize_entry("value", &Hex(attribute.value))?;
        match status {
            Status::Unknown => {}
            Status::Malformed => map.serialize_entry("malformed", &true)?,
            Status::Repeated => map.serialize_entry("repeated", &true)?,
        }
        map.end()
    }
}
