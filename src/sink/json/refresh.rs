//! The fields of a ROUTE-REFRESH.

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::message::pair;
use crate::bgp::RouteRefresh;
use crate::bgp::route_filter::{FilterGroup, PrefixFilter, RouteFilters};
use crate::bgp::text::{Hex, List, Show};

pub(in crate::sink) fn write<M: SerializeMap>(
    map: &mut M,
    message: &RouteRefresh<'_>,
) -> Result<(), M::Error> {
    let (afi, safi) = pair(message.family);
    map.serialize_entry("afi", &afi)?;
    map.serialize_entry("safi", &safi)?;
    map.serialize_entry("subtype", &message.subtype)?;
    if let Some(name) = message.subtype_name() {
        map.serialize_entry("subtype_name", name)?;
    }
    match message.route_filters().filter(|_| message.subtype == 0) {
        Some(filters) if message.errors().total() == 0 => {
            map.serialize_entry("filters", &FiltersView(filters))
        }
        _ if message.filters.is_empty() => Ok(()),
        // What cannot be read, or has no place here.
        _ => map.serialize_entry("data", &Hex(message.filters)),
    }
}

struct FiltersView<'a>(RouteFilters<'a>);

impl Serialize for FiltersView<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        match self.0.when_name() {
            Some(name) => map.serialize_entry("when", name)?,
            None => map.serialize_entry("when", &self.0.when)?,
        }
        map.serialize_entry("groups", &List(|| self.0.groups().map(GroupView)))?;
        map.end()
    }
}

struct GroupView<'a>(FilterGroup<'a>);

impl Serialize for GroupView<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("type", &self.0.kind)?;
        if let Some(name) = self.0.name() {
            map.serialize_entry("name", name)?;
        }
        if self.0.is_by_prefix() {
            map.serialize_entry("entries", &List(|| self.0.entries().map(EntryView)))?;
        } else {
            map.serialize_entry("raw", &Hex(self.0.as_bytes()))?;
        }
        map.end()
    }
}

struct EntryView(PrefixFilter);

impl Serialize for EntryView {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("action", self.0.action.name())?;
        if let Some(rule) = &self.0.rule {
            let verdict = if self.0.deny { "deny" } else { "permit" };
            map.serialize_entry("match", verdict)?;
            map.serialize_entry("sequence", &rule.sequence)?;
            map.serialize_entry("prefix", &Show(rule.prefix))?;
            map.serialize_entry("min_len", &rule.min_len)?;
            map.serialize_entry("max_len", &rule.max_len)?;
        }
        map.end()
    }
}
