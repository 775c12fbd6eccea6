//! The line about the transfer of one side's routes.

use serde::ser::SerializeMap;

use super::fields::Fields;
use super::message::pair;
use crate::bgp::text::List;
use crate::bgp::{Family, FamilySet};
use crate::session::Transfer;

pub(super) fn write(map: &mut Fields<'_>, transfer: &Transfer) -> serde_json::Result<()> {
    map.serialize_entry("event", transfer.name())?;
    match *transfer {
        Transfer::Begin {
            families,
            graceful,
            restarted,
            preserved,
        } => {
            write_set(map, "families", families)?;
            map.serialize_entry("graceful", &graceful)?;
            map.serialize_entry("restarted", &restarted)?;
            write_set(map, "preserved", preserved)
        }
        Transfer::EndOfRib {
            family,
            again,
            after_ns,
        } => {
            write_family(map, family)?;
            map.serialize_entry("again", &again)?;
            after_ns.map_or(Ok(()), |ns| {
                map.serialize_entry("milliseconds", &(ns / 1_000_000))
            })
        }
        Transfer::RefreshBegin { family, unexpected }
        | Transfer::RefreshEnd { family, unexpected } => {
            write_family(map, family)?;
            map.serialize_entry("unexpected", &unexpected)
        }
        Transfer::Stale {
            families,
            restart_time,
            long_lived,
        } => {
            write_set(map, "families", families)?;
            map.serialize_entry("restart_time", &restart_time)?;
            write_set(map, "long_lived", long_lived)
        }
    }
}

fn write_family<M: SerializeMap>(map: &mut M, family: Family) -> Result<(), M::Error> {
    let (afi, safi) = pair(family);
    map.serialize_entry("afi", &afi)?;
    map.serialize_entry("safi", &safi)
}

fn write_set<M: SerializeMap>(
    map: &mut M,
    name: &'static str,
    families: FamilySet,
) -> Result<(), M::Error> {
    map.serialize_entry(name, &List(|| families.iter().map(pair)))
}
