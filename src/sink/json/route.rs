//! Adj-RIBs as JSON lines: a line for each table, and one for each route.

use super::fields::Fields;
use super::{end_line, update};
use crate::bgp::attribute::MpReach;
use crate::bgp::attribute::PathAttribute;
use crate::bgp::text::{Hex, Show};
use crate::bgp::{Family, Form, NlriField, Prefix, Update};
use crate::intern::AttrSet;
use crate::rib::{AdjRib, Ribs, Route, RouteKey, Tables};
use serde::ser::SerializeMap;

/// Writes tables and their routes. It keeps the room that it works in.
#[derive(Default)]
pub struct RouteWriter {
    body: Vec<u8>,
    nlri: Vec<u8>,
}

impl RouteWriter {
    /// Appends the line of a table of what the sender of `direction` told its neighbor.
    pub fn table(&mut self, out: &mut Vec<u8>, tables: &Tables, direction: usize, rib: &AdjRib) {
        end_line(out, |out| {
            let mut fields = Fields::open(out);
            fields.serialize_entry("type", "TABLE")?;
            write_direction(&mut fields, tables, direction)?;
            write_status(&mut fields, rib)?;
            fields.close();
            Ok(())
        });
    }

    /// Appends the line of a route in it.
    pub fn route(
        &mut self,
        out: &mut Vec<u8>,
        ribs: &Ribs,
        (tables, direction, rib): (&Tables, usize, &AdjRib),
        route: &Route<'_>,
    ) {
        self.body(ribs, rib.family(), route.attributes);
        ribs.nlri(&route.key, &mut self.nlri);
        let nlri = &self.nlri;
        end_line(out, |out| {
            let mut fields = Fields::open(out);
            fields.serialize_entry("type", "ROUTE")?;
            write_direction(&mut fields, tables, direction)?;
            write_family(&mut fields, rib.family())?;
            write_key(&mut fields, rib, &route.key, nlri)?;
            fields.serialize_key("attributes")?;
            let mut attributes = fields.object();
            update::write_set(&mut attributes, &Update::parse(&self.body, rib.context()))?;
            attributes.close();
            fields.serialize_entry("since", &route.since_s)?;
            fields.serialize_entry("stale", &route.stale)?;
            fields.close();
            Ok(())
        });
    }

    /// Makes an UPDATE of the attributes, so that they are read as those of a message.
    fn body(&mut self, ribs: &Ribs, family: Family, set: &AttrSet) {
        let body = &mut self.body;
        body.clear();
        body.extend([0; 4]);
        for attribute in ribs.attributes(set) {
            if attribute.code == MpReach::CODE {
                // Of it the next hop was kept.
                let hop = attribute.value;
                let [a, b] = family.afi.0.to_be_bytes();
                let length = u8::try_from(hop.len()).unwrap_or(0);
                push(
                    body,
                    attribute.flags.0,
                    attribute.code,
                    &[&[a, b, family.safi.0, length], hop, &[0]],
                );
            } else {
                push(body, attribute.flags.0, attribute.code, &[attribute.value]);
            }
        }
        // They came in a message, and take no more room than there.
        let length = u16::try_from(body.len() - 4).unwrap_or(0);
        if let Some(field) = body.get_mut(2..4) {
            field.copy_from_slice(&length.to_be_bytes());
        }
    }
}

fn push(body: &mut Vec<u8>, flags: u8, code: u8, value: &[&[u8]]) {
    const EXTENDED: u8 = 0x10;
    let length: usize = value.iter().map(|part| part.len()).sum();
    match u8::try_from(length) {
        Ok(length) => body.extend([flags & !EXTENDED, code, length]),
        Err(_) => {
            let [a, b] = u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes();
            body.extend([flags | EXTENDED, code, a, b]);
        }
    }
    for part in value {
        body.extend_from_slice(part);
    }
}

fn write_direction(
    fields: &mut Fields<'_>,
    tables: &Tables,
    direction: usize,
) -> serde_json::Result<()> {
    let (peer, local) = tables.key.endpoints(direction);
    let asn = |direction: usize| tables.asns[direction & 1];
    let session = tables.session;
    fields.serialize_entry("session", &Show(format_args!("{session:016x}")))?;
    fields.serialize_entry("peer", &Show(peer.addr))?;
    fields.serialize_entry("peer_port", &peer.port)?;
    if let Some(asn) = asn(direction) {
        fields.serialize_entry("peer_asn", &Show(asn))?;
    }
    fields.serialize_entry("local", &Show(local.addr))?;
    fields.serialize_entry("local_port", &local.port)?;
    if let Some(asn) = asn(direction ^ 1) {
        fields.serialize_entry("local_asn", &Show(asn))?;
    }
    Ok(())
}

fn write_family(fields: &mut Fields<'_>, family: Family) -> serde_json::Result<()> {
    fields.serialize_entry("afi", &family.afi.0)?;
    fields.serialize_entry("safi", &family.safi.0)
}

/// Family, size, and whether it is whole.
pub(super) fn write_status(fields: &mut Fields<'_>, rib: &AdjRib) -> serde_json::Result<()> {
    write_family(fields, rib.family())?;
    fields.serialize_entry("routes", &rib.len())?;
    fields.serialize_entry("stale", &rib.stale())?;
    match rib.partial() {
        None => fields.serialize_entry("status", "complete")?,
        Some(partial) => {
            fields.serialize_entry("status", "partial")?;
            fields.serialize_entry("since", &(partial.since_ns / 1_000_000_000))?;
            fields.serialize_entry("reason", partial.why.name())?;
        }
    }
    if let Some(until) = rib.kept_until_ns() {
        fields.serialize_entry("kept_until", &(until / 1_000_000_000))?;
    }
    if let Some(at) = rib.end_of_rib_ns() {
        fields.serialize_entry("end_of_rib", &(at / 1_000_000_000))?;
    }
    Ok(())
}

fn write_key(
    fields: &mut Fields<'_>,
    rib: &AdjRib,
    key: &RouteKey<'_>,
    octets: &[u8],
) -> serde_json::Result<()> {
    match key {
        RouteKey::Prefix(prefix) => write_prefix(fields, prefix),
        RouteKey::Labeled(_) | RouteKey::Octets(_) => {
            let form = Form::announced(rib.family(), rib.context());
            match NlriField::new(form, octets).iter().next() {
                Some(nlri) => fields.serialize_entry("nlri", &nlri),
                None => fields.serialize_entry("nlri_raw", &Hex(octets)),
            }
        }
    }
}

fn write_prefix(fields: &mut Fields<'_>, prefix: &Prefix) -> serde_json::Result<()> {
    fields.serialize_entry("prefix", &Show(prefix))?;
    match prefix.path_id {
        Some(path_id) => fields.serialize_entry("path_id", &path_id),
        None => Ok(()),
    }
}
