//! A session as `/sessions` tells it: state, both sides, their tables, and how the TCP is doing.

use super::fields::Fields;
use super::route::write_status;
use crate::bgp::family::{FamilySet, KNOWN};
use crate::bgp::text::Show;
use crate::bgp::{Family, OpenFacts};
use crate::health::Figures;
use crate::rib::Tables;
use crate::session::{Direction, Session};
use crate::sink::metrics::{self, MESSAGE_TYPES};
use crate::sink::totals::Bytes;
use serde::ser::SerializeMap;
use std::sync::atomic::Ordering::Relaxed;

/// Seconds, of nanoseconds.
const SECOND_NS: u64 = 1_000_000_000;

/// What is known of a session.
pub struct SessionFacts<'a> {
    /// State, and what both sides said of themselves.
    pub session: &'a Session,
    /// What they have told each other, if that is kept.
    pub tables: Option<&'a Tables>,
    /// When the last frame came, nanoseconds since the epoch.
    pub last_ns: u64,
    /// Both directions.
    pub directions: [DirectionFacts<'a>; 2],
}

/// What is known of a direction.
pub struct DirectionFacts<'a> {
    /// What became of its bytes.
    pub bytes: Bytes,
    /// How its TCP is doing.
    pub tcp: Figures,
    /// What is counted between the two addresses, over all sessions; absent before the first message.
    pub counters: Option<&'a metrics::Direction>,
}

/// Appends it as an object.
pub fn write_session(out: &mut Vec<u8>, facts: &SessionFacts<'_>) {
    let start = out.len();
    if write(out, facts).is_err() {
        out.truncate(start);
    }
}

fn write(out: &mut Vec<u8>, facts: &SessionFacts<'_>) -> serde_json::Result<()> {
    let session = facts.session;
    let mut fields = Fields::open(out);
    let id = session.id;
    fields.serialize_entry("session", &Show(format_args!("{id:016x}")))?;
    fields.serialize_entry("state", &session.state.number())?;
    let counted = facts.directions.iter().find_map(|side| side.counters);
    let since = counted.map_or(0, |counters| counters.established_ns.load(Relaxed));
    if since > 0 && session.state.number() == 6 {
        fields.serialize_entry("since", &(since / SECOND_NS))?;
    }
    fields.serialize_entry("last", &(facts.last_ns / SECOND_NS))?;
    fields.serialize_entry("families", &families(facts))?;
    if let [Some(a), Some(b)] = [session.open(0), session.open(1)] {
        // RFC 4271 §4.2: the smaller of both.
        fields.serialize_entry("hold_time", &a.hold_time.min(b.hold_time))?;
    }
    fields.serialize_key("directions")?;
    let directions = [0, 1].into_iter().zip(&facts.directions);
    fields.list(directions, |fields, (direction, side)| {
        write_side(fields, session, direction, side)?;
        fields.serialize_key("tables")?;
        let tables = facts.tables;
        let ribs = tables.map_or(&[][..], |tables| tables.direction(direction).ribs());
        fields.list(ribs, write_status)
    })?;
    fields.close();
    Ok(())
}

fn write_side(
    fields: &mut Fields<'_>,
    session: &Session,
    direction: Direction,
    side: &DirectionFacts<'_>,
) -> serde_json::Result<()> {
    let (peer, local) = session.key.endpoints(direction);
    fields.serialize_entry("peer", &Show(peer.addr))?;
    fields.serialize_entry("peer_port", &peer.port)?;
    if let Some(asn) = session.asn(direction) {
        fields.serialize_entry("peer_asn", &Show(asn))?;
    }
    fields.serialize_entry("local", &Show(local.addr))?;
    fields.serialize_entry("local_port", &local.port)?;
    fields.serialize_entry("messages", &session.last_message(direction))?;
    if let Some(open) = session.open(direction) {
        fields.serialize_key("open")?;
        let mut object = fields.object();
        write_open(&mut object, open)?;
        object.close();
    }
    if let Some(counters) = side.counters {
        fields.serialize_key("counts")?;
        let mut object = fields.object();
        write_counts(&mut object, counters)?;
        object.close();
    }
    fields.serialize_entry("bytes", &side.bytes)?;
    fields.serialize_entry("tcp", &side.tcp)
}

/// What an OPEN said that matters later.
fn write_open(fields: &mut Fields<'_>, open: &OpenFacts) -> serde_json::Result<()> {
    fields.serialize_entry("asn", &open.asn)?;
    fields.serialize_entry("router_id", &Show(open.bgp_id))?;
    fields.serialize_entry("hold_time", &open.hold_time)?;
    fields.serialize_entry("as4", &open.as4)?;
    fields.serialize_entry("extended_message", &open.extended_message)?;
    fields.serialize_entry("route_refresh", &open.route_refresh)?;
    fields.serialize_entry("enhanced_refresh", &open.enhanced_refresh)?;
    fields.serialize_entry("graceful_restart", &open.graceful_restart.is_some())?;
    fields.serialize_entry("families", &numbers(open.families))?;
    fields.serialize_entry("add_path_send", &numbers(open.add_path_send))?;
    fields.serialize_entry("add_path_receive", &numbers(open.add_path_receive))
}

fn write_counts(fields: &mut Fields<'_>, counters: &metrics::Direction) -> serde_json::Result<()> {
    fields.serialize_key("messages")?;
    let mut types = fields.object();
    for (name, count) in MESSAGE_TYPES.iter().zip(&counters.messages) {
        types.serialize_entry(name, &count.get())?;
    }
    types.close();
    let (mut announced, mut withdrawn) = (0, 0);
    for (_, _, prefixes) in counters.families() {
        announced += prefixes.announced.get();
        withdrawn += prefixes.withdrawn.get();
    }
    fields.serialize_entry("announced", &announced)?;
    fields.serialize_entry("withdrawn", &withdrawn)?;
    fields.serialize_entry("gaps", &counters.gaps.get())?;
    let errors: u64 = counters.errors.iter().map(metrics::Count::get).sum();
    fields.serialize_entry("errors", &errors)
}

/// The families that both OPENs name; those of the messages while an OPEN is missing.
fn families(facts: &SessionFacts<'_>) -> Vec<(u16, u8)> {
    match [facts.session.open(0), facts.session.open(1)] {
        [Some(a), Some(b)] => numbers(a.families.intersection(b.families)),
        _ => {
            let counted = facts.directions.iter().filter_map(|side| side.counters);
            let mut seen: Vec<_> = counted
                .flat_map(|counters| counters.families().map(|(afi, safi, _)| (afi, safi)))
                .collect();
            seen.sort_unstable();
            seen.dedup();
            seen
        }
    }
}

fn numbers(set: FamilySet) -> Vec<(u16, u8)> {
    let known = KNOWN.into_iter().filter(|family| set.contains(*family));
    known.map(|Family { afi, safi }| (afi.0, safi.0)).collect()
}
