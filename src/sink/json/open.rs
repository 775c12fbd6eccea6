//! The fields of an OPEN.

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::message::pair;
use crate::bgp::capability::{FamilyOctets, LongLived};
use crate::bgp::text::{Hex, List, Lossy, Show};
use crate::bgp::{Capability, Family, Open, Parameters, names};

pub(super) fn write<M: SerializeMap>(map: &mut M, open: &Open<'_>) -> Result<(), M::Error> {
    map.serialize_entry("version", &open.version)?;
    map.serialize_entry("asn", &open.asn())?;
    map.serialize_entry("hold_time", &open.hold_time)?;
    map.serialize_entry("router_id", &Show(open.bgp_id))?;
    map.serialize_entry(
        "capabilities",
        &List(|| open.capabilities().map(CapabilityView)),
    )?;
    let others = || {
        open.parameters()
            .filter(|(kind, _)| *kind != Parameters::CAPABILITIES)
            .map(|(kind, value)| Parameter { kind, value })
    };
    if others().next().is_some() {
        map.serialize_entry("parameters", &List(others))?;
    }
    Ok(())
}

struct Parameter<'a> {
    kind: u8,
    value: &'a [u8],
}

impl Serialize for Parameter<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("type", &self.kind)?;
        map.serialize_entry("value", &Hex(self.value))?;
        map.end()
    }
}

/// A capability with its code, its name and what it says.
pub(in crate::sink) struct CapabilityView<'a>(pub(in crate::sink) Capability<'a>);

impl Serialize for CapabilityView<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("code", &self.0.code())?;
        if let Some(name) = self.0.name() {
            map.serialize_entry("name", name)?;
        }
        write_value(&mut map, &self.0)?;
        map.end()
    }
}

fn write_value<M: SerializeMap>(map: &mut M, capability: &Capability<'_>) -> Result<(), M::Error> {
    match *capability {
        Capability::Multiprotocol(family) => {
            let (afi, safi) = pair(family);
            map.serialize_entry("afi", &afi)?;
            map.serialize_entry("safi", &safi)
        }
        Capability::RouteFilters { filters, .. } => {
            let item = |(family, types)| FilterView { family, types };
            map.serialize_entry("families", &List(|| filters.map(item)))
        }
        Capability::ExtendedNextHop(list) => {
            let item = |(family, afi)| with(family, [("next_hop_afi", Value::number(afi))]);
            map.serialize_entry("families", &List(|| list.iter().map(item)))
        }
        Capability::BgpSec { version, send, afi } => {
            map.serialize_entry("version", &version)?;
            map.serialize_entry("direction", if send { "send" } else { "receive" })?;
            map.serialize_entry("afi", &afi.0)
        }
        Capability::AddPath(list) => {
            let item = |(family, mode): (Family, u8)| with(family, send_receive(mode));
            map.serialize_entry("families", &List(|| list.iter().map(item)))
        }
        Capability::MultipleLabels(list) => write_octets(map, list, "count"),
        Capability::GracefulRestart(restart) => {
            map.serialize_entry("restart_time", &restart.restart_time())?;
            map.serialize_entry("restarted", &restart.restarted())?;
            map.serialize_entry("notifications", &restart.notifications())?;
            write_octets(map, restart.families, "flags")
        }
        Capability::LongLivedGracefulRestart(list) => {
            let item = |entry: LongLived| {
                let stale_time = ("stale_time", Value::Number(entry.stale_time));
                with(
                    entry.family,
                    [("flags", Value::number(entry.flags)), stale_time],
                )
            };
            map.serialize_entry("families", &List(|| list.iter().map(item)))
        }
        Capability::PathsLimit(list) => {
            let item = |(family, limit)| with(family, [("limit", Value::number(limit))]);
            map.serialize_entry("families", &List(|| list.iter().map(item)))
        }
        _ => write_scalar(map, capability),
    }
}

/// The value of a capability that is about no family.
fn write_scalar<M: SerializeMap>(map: &mut M, capability: &Capability<'_>) -> Result<(), M::Error> {
    match *capability {
        Capability::FourOctetAs(asn) => map.serialize_entry("asn", &asn),
        Capability::Role(role) => {
            map.serialize_entry("role", &role)?;
            names::role(role).map_or(Ok(()), |name| map.serialize_entry("role_name", name))
        }
        Capability::Fqdn { host, domain } => {
            map.serialize_entry("host", &Show(Lossy(host)))?;
            map.serialize_entry("domain", &Show(Lossy(domain)))
        }
        Capability::SoftwareVersion(text) => map.serialize_entry("version", &Show(Lossy(text))),
        Capability::MultisessionCisco { flags, codes } => {
            map.serialize_entry("flags", &flags)?;
            map.serialize_entry("capabilities", codes)
        }
        Capability::Malformed { value, .. } => {
            map.serialize_entry("malformed", &true)?;
            map.serialize_entry("value", &Hex(value))
        }
        Capability::Other { value, .. } => map.serialize_entry("value", &Hex(value)),
        _ => Ok(()),
    }
}

/// What ADD-PATH and route filters call 1, 2 and 3 (RFC 7911 §4, RFC 5291 §3).
const fn send_receive(mode: u8) -> [(&'static str, Value); 2] {
    [
        ("send", Value::Flag(mode & 2 != 0)),
        ("receive", Value::Flag(mode & 1 != 0)),
    ]
}

/// The route filters of a family.
struct FilterView<'a> {
    family: Family,
    types: &'a [[u8; 2]],
}

impl Serialize for FilterView<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (afi, safi) = pair(self.family);
        let mut map = serializer.serialize_map(Some(3))?;
        map.serialize_entry("afi", &afi)?;
        map.serialize_entry("safi", &safi)?;
        let types = || {
            self.types
                .iter()
                .map(|&[kind, mode]| FilterType { kind, mode })
        };
        map.serialize_entry("types", &List(types))?;
        map.end()
    }
}

struct FilterType {
    kind: u8,
    mode: u8,
}

impl Serialize for FilterType {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("type", &self.kind)?;
        if let Some(name) = names::route_filter(self.kind) {
            map.serialize_entry("name", name)?;
        }
        for (name, value) in &send_receive(self.mode) {
            value.write(&mut map, name)?;
        }
        map.end()
    }
}

fn write_octets<M: SerializeMap>(
    map: &mut M,
    list: FamilyOctets<'_>,
    name: &'static str,
) -> Result<(), M::Error> {
    let item = |(family, octet)| with(family, [(name, Value::number(octet))]);
    map.serialize_entry("families", &List(|| list.iter().map(item)))
}

/// A family with what a capability says about it.
struct FamilyView<const N: usize> {
    family: Family,
    fields: [(&'static str, Value); N],
}

#[derive(Clone, Copy)]
enum Value {
    Number(u32),
    Flag(bool),
}

impl Value {
    fn number(value: impl Into<u32>) -> Self {
        Self::Number(value.into())
    }

    fn write<M: SerializeMap>(self, map: &mut M, name: &'static str) -> Result<(), M::Error> {
        match self {
            Self::Number(number) => map.serialize_entry(name, &number),
            Self::Flag(flag) => map.serialize_entry(name, &flag),
        }
    }
}

const fn with<const N: usize>(family: Family, fields: [(&'static str, Value); N]) -> FamilyView<N> {
    FamilyView { family, fields }
}

impl<const N: usize> Serialize for FamilyView<N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (afi, safi) = pair(self.family);
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("afi", &afi)?;
        map.serialize_entry("safi", &safi)?;
        for (name, value) in &self.fields {
            value.write(&mut map, name)?;
        }
        map.end()
    }
}
