//! The fields of an UPDATE.

use super::fields::Fields;
use super::message::pair;
use super::text;
use crate::bgp::attribute::{
    Aggregator, AsPath, Attribute, Communities, Community, MergedPath, NextHops, PathAttribute,
    Segment, SegmentKind, serialize_entries,
};
use crate::bgp::text::{AddressText, Hex, List, Show};
use crate::bgp::{Nlri, NlriField, Update};

pub(super) fn write(fields: &mut Fields<'_>, update: &Update<'_>) -> serde_json::Result<()> {
    write_attributes(fields, update)?;
    write_routes(fields, update)
}

/// The attributes alone, and the next hop of MP_REACH_NLRI.
pub(super) fn write_set(fields: &mut Fields<'_>, update: &Update<'_>) -> serde_json::Result<()> {
    write_attributes(fields, update)?;
    match update.mp_reach() {
        Some(mp) => HopView::Mp(mp.next_hops).write(fields),
        None => Ok(()),
    }
}

fn write_attributes(fields: &mut Fields<'_>, update: &Update<'_>) -> serde_json::Result<()> {
    let list = update.attributes();
    serialize_entries(fields, list, update.context(), |fields, attribute| {
        render(fields, update, attribute)
    })
}

/// Writes an attribute; `false` if it is not decoded or malformed.
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
            write_path(fields, path)?;
        }
        Aggregator::CODE => {
            let Some(aggregator) = update.aggregator() else {
                return Ok(false);
            };
            fields.field("aggregator", &aggregator)?;
        }
        Communities::CODE => {
            let Some(list) = update.communities() else {
                return Ok(false);
            };
            fields.field("community", &list)?;
            let names = || list.iter().filter_map(Community::name);
            if names().next().is_some() {
                fields.field("community_names", &List(names))?;
            }
        }
        _ => return attribute.serialize_entry(fields, update.context()),
    }
    Ok(true)
}

/// The path, and the same as text.
fn write_path(fields: &mut Fields<'_>, path: MergedPath<'_>) -> serde_json::Result<()> {
    let mut written = 0..0;
    fields.with("path", |out| {
        let start = out.len();
        text::value(out, &path)?;
        // Without its brackets.
        written = start + 1..out.len() - 1;
        Ok(())
    })?;
    let is_sequence = |segment: Segment<'_>| segment.kind == SegmentKind::Sequence;
    if !path.segments().all(is_sequence) {
        return fields.field("path_text", &Show(path));
    }
    // Nothing but numbers: the text has spaces where the list has commas.
    fields.quoted("path_text", |out| {
        let at = out.len();
        out.extend_from_within(written);
        for byte in out.iter_mut().skip(at) {
            *byte = if *byte == b',' { b' ' } else { *byte };
        }
        Ok(())
    })
}

fn write_routes(fields: &mut Fields<'_>, update: &Update<'_>) -> serde_json::Result<()> {
    let announced = announcements(update);
    if announced.iter().any(Option::is_some) {
        fields.name("announcements");
        fields.list(announced.into_iter().flatten(), |fields, group| {
            write_group(fields, &group)
        })?;
    }
    let mut withdrawn = update.all_withdrawn().peekable();
    if withdrawn.peek().is_some() {
        fields.name("withdrawals");
        fields.list(withdrawn, |fields, field| write_nlri(fields, &field))?;
    }
    match update.eor() {
        Some(family) => fields.field("eor", &pair(family)),
        None => Ok(()),
    }
}

/// The NLRI field with NEXT_HOP, then MP_REACH_NLRI with its own next hops.
fn announcements<'a>(update: &Update<'a>) -> [Option<Group<'a>>; 2] {
    let plain = || Group {
        next_hop: update.next_hop().map_or(HopView::None, HopView::Plain),
        field: update.announced(),
    };
    let mp = update.mp_reach().map(|mp| Group {
        next_hop: HopView::Mp(mp.next_hops),
        field: mp.nlri,
    });
    let is_empty = update.announced().is_empty();
    [
        (!is_empty).then(plain),
        mp.filter(|group| !group.field.is_empty()),
    ]
}

enum HopView<'a> {
    None,
    Plain(std::net::Ipv4Addr),
    Mp(NextHops<'a>),
}

impl HopView<'_> {
    fn write(&self, fields: &mut Fields<'_>) -> serde_json::Result<()> {
        match self {
            Self::None => Ok(()),
            Self::Plain(addr) => fields.quoted("next_hop", |out| {
                AddressText::new((*addr).into(), None).append_to(out);
                Ok(())
            }),
            Self::Mp(hops) if hops.iter().next().is_some() => fields.quoted("next_hop", |out| {
                for (index, hop) in hops.iter().enumerate() {
                    if index > 0 {
                        out.push(b',');
                    }
                    AddressText::new(hop, None).append_to(out);
                }
                Ok(())
            }),
            Self::Mp(hops) if hops.as_bytes().is_empty() => Ok(()),
            Self::Mp(hops) => fields.field("next_hop_raw", &Hex(hops.as_bytes())),
        }
    }
}

/// NLRI that share a family and a next hop.
struct Group<'a> {
    next_hop: HopView<'a>,
    field: NlriField<'a>,
}

fn write_group(fields: &mut Fields<'_>, group: &Group<'_>) -> serde_json::Result<()> {
    group.next_hop.write(fields)?;
    write_nlri(fields, &group.field)
}

fn write_nlri(fields: &mut Fields<'_>, nlri: &NlriField<'_>) -> serde_json::Result<()> {
    let (afi, safi) = pair(nlri.family());
    fields.field("afi", &afi)?;
    fields.field("safi", &safi)?;
    let mut items = nlri.iter();
    fields.with("prefixes", |out| {
        out.push(b'[');
        for (index, item) in items.by_ref().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            write_item(out, &item)?;
        }
        out.push(b']');
        Ok(())
    })?;
    match items.unread() {
        [] => Ok(()),
        unread => fields.field("unreadable", &Hex(unread)),
    }
}

/// Most are plain prefixes, whose text needs no look at it.
#[inline]
fn write_item(out: &mut Vec<u8>, item: &Nlri<'_>) -> serde_json::Result<()> {
    match item {
        Nlri::Ipv4(prefix) | Nlri::Ipv6(prefix) if prefix.path_id.is_none() => {
            out.push(b'"');
            AddressText::new(prefix.addr, Some(prefix.len)).append_to(out);
            out.push(b'"');
            Ok(())
        }
        item => text::value(out, item),
    }
}
