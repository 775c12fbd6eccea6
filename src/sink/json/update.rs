//! The fields of an UPDATE.

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::cache::{Cache, Key};
use super::fields::Fields;
use super::message::pair;
use crate::bgp::attribute::{
    Aggregator, AsPath, Attribute, Communities, Community, MpReach, MpUnreach, NextHops,
    PathAttribute, serialize_entries,
};
use crate::bgp::text::{AddressText, Hex, Joined, List, Show};
use crate::bgp::{NlriField, Update};

pub(super) fn write(
    fields: &mut Fields<'_>,
    update: &Update<'_>,
    cache: Option<&mut Cache>,
) -> serde_json::Result<()> {
    write_attributes(fields, update, cache)?;
    write_routes(fields, update)
}

/// The attributes alone, and the next hop of MP_REACH_NLRI.
pub(super) fn write_set(fields: &mut Fields<'_>, update: &Update<'_>) -> serde_json::Result<()> {
    write_attributes(fields, update, None)?;
    match update.mp_reach() {
        Some(mp) => HopView::Mp(mp.next_hops).write(fields),
        None => Ok(()),
    }
}

fn write_attributes(
    fields: &mut Fields<'_>,
    update: &Update<'_>,
    mut cache: Option<&mut Cache>,
) -> serde_json::Result<()> {
    let list = update.attributes();
    serialize_entries(fields, list, update.context(), |fields, attribute| {
        write_attribute(fields, update, attribute, cache.as_deref_mut())
    })
}

/// Writes an attribute as it was written before, if it was; `false` if it is not decoded or malformed.
fn write_attribute(
    fields: &mut Fields<'_>,
    update: &Update<'_>,
    attribute: Attribute<'_>,
    cache: Option<&mut Cache>,
) -> serde_json::Result<bool> {
    let key = Key {
        code: attribute.code,
        as4: update.context().as4,
        value: attribute.value,
    };
    let known = cache
        .filter(|_| stands_alone(update, attribute.code))
        .and_then(|cache| {
            cache.fields(key, |out| {
                render(&mut Fields::bare(out), update, attribute).map(|_| ())
            })
        });
    match known {
        Some(known) if !known.is_empty() => {
            fields.splice(known);
            Ok(true)
        }
        // What has no fields is not decoded or malformed.
        Some(_) => Ok(false),
        None => render(fields, update, attribute),
    }
}

/// Whether nothing but the width of AS numbers decides what the attribute says.
const fn stands_alone(update: &Update<'_>, code: u8) -> bool {
    match code {
        MpReach::CODE | MpUnreach::CODE => false,
        // AS4_PATH and AS4_AGGREGATOR may complete them.
        AsPath::CODE | Aggregator::CODE => update.context().as4,
        _ => true,
    }
}

fn render(
    fields: &mut Fields<'_>,
    update: &Update<'_>,
    attribute: Attribute<'_>,
) -> serde_json::Result<bool> {
    match attribute.code {
        AsPath::CODE => {
            let Some(path) = update.path() else {
                return Ok(false);
            };
            fields.serialize_entry("path", &path)?;
            fields.serialize_entry("path_text", &Show(path))?;
        }
        Aggregator::CODE => {
            let Some(aggregator) = update.aggregator() else {
                return Ok(false);
            };
            fields.serialize_entry("aggregator", &aggregator)?;
        }
        Communities::CODE => {
            let Some(list) = update.communities() else {
                return Ok(false);
            };
            fields.serialize_entry("community", &list)?;
            let names = || list.iter().filter_map(Community::name);
            if names().next().is_some() {
                fields.serialize_entry("community_names", &List(names))?;
            }
        }
        _ => return attribute.serialize_entry(fields, update.context()),
    }
    Ok(true)
}

fn write_routes(map: &mut Fields<'_>, update: &Update<'_>) -> serde_json::Result<()> {
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

impl HopView<'_> {
    fn write<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        match self {
            Self::None => Ok(()),
            Self::Plain(addr) => {
                map.serialize_entry("next_hop", &AddressText::new((*addr).into(), None))
            }
            Self::Mp(hops) if hops.iter().next().is_some() => {
                map.serialize_entry("next_hop", &Show(Joined(hops.iter())))
            }
            Self::Mp(hops) if hops.as_bytes().is_empty() => Ok(()),
            Self::Mp(hops) => map.serialize_entry("next_hop_raw", &Hex(hops.as_bytes())),
        }
    }
}

/// NLRI that share a family and a next hop.
struct Group<'a> {
    next_hop: HopView<'a>,
    field: NlriField<'a>,
}

impl Serialize for Group<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        self.next_hop.write(&mut map)?;
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
