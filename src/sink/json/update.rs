//! The fields of an UPDATE.

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::message::pair;
use crate::bgp::attribute::{
    Aggregator, AsPath, Community, NextHop, NextHops, PathAttribute, serialize_entries,
};
use crate::bgp::text::{Hex, Joined, List, Show};
use crate::bgp::{NlriField, Update};

pub(super) fn write<M: SerializeMap>(map: &mut M, update: &Update<'_>) -> Result<(), M::Error> {
    write_path(map, update)?;
    let wanted = |code| !is_combined(code);
    serialize_entries(map, update.attributes(), update.context(), wanted)?;
    write_names(map, update)?;
    write_routes(map, update)
}

/// Attributes that [`write_path`] writes, two of one kind together.
const fn is_combined(code: u8) -> bool {
    matches!(code, AsPath::CODE | NextHop::CODE | Aggregator::CODE)
}

fn write_path<M: SerializeMap>(map: &mut M, update: &Update<'_>) -> Result<(), M::Error> {
    if let Some(path) = update.path() {
        map.serialize_entry("path", &path)?;
        map.serialize_entry("path_text", &Show(path))?;
    }
    if let Some(next_hop) = update.next_hop() {
        map.serialize_entry("next_hop", &Show(next_hop))?;
    }
    if let Some(aggregator) = update.aggregator() {
        map.serialize_entry("aggregator", &aggregator)?;
    }
    Ok(())
}

/// The names of the well-known communities in the list, in its order.
fn write_names<M: SerializeMap>(map: &mut M, update: &Update<'_>) -> Result<(), M::Error> {
    let Some(list) = update.communities() else {
        return Ok(());
    };
    let names = || list.iter().filter_map(Community::name);
    if names().next().is_some() {
        map.serialize_entry("community_names", &List(names))?;
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
        map.end()
    }
}
