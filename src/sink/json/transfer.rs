//! The line about the transfer of one side's routes.

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::Meta;
use super::message::pair;
use crate::bgp::text::List;
use crate::bgp::{Family, FamilySet};
use crate::session::Transfer;

pub(super) struct TransferLine<'a> {
    pub(super) meta: &'a Meta<'a>,
    pub(super) transfer: &'a Transfer,
}

impl Serialize for TransferLine<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        self.meta.write(&mut map, "TRANSFER")?;
        map.serialize_entry("event", self.transfer.name())?;
        write(&mut map, self.transfer)?;
        map.end()
    }
}

fn write<M: SerializeMap>(map: &mut M, transfer: &Transfer) -> Result<(), M::Error> {
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
