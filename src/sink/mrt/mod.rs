//! MRT (RFC 6396): messages and changes of state as BGP4MP_ET records, tables as TABLE_DUMP_V2.
//!
//! A record is written from the bytes of the message as they were on the wire. Its "peer" is the
//! sender and its "local" side the receiver, whichever of the two a collector would have been.
//! How AS numbers and NLRI are encoded in a message is what the record's subtype says, so that a reader
//! needs no OPEN for it.

use super::json::Meta;
use crate::bgp::{AS_TRANS, Context, Message};
use crate::session::State;
use std::net::IpAddr;

mod snapshot;
mod table;

pub use snapshot::TableDumps;

const NS_PER_S: u64 = 1_000_000_000;
/// RFC 6396 §4.4 with the extended timestamp of §3: microseconds.
const BGP4MP_ET: u16 = 17;
/// RFC 6396 §4.4.4: between which states, AS numbers of four octets.
const STATE_CHANGE_AS4: u16 = 5;
/// RFC 6396 §4.2, RFC 8050 §3.
const AFI_IPV4: u16 = 1;
const AFI_IPV6: u16 = 2;

/// Subtypes of messages: RFC 6396 §4.4.2, §4.4.3, and with path identifiers RFC 8050 §3.
const fn message_subtype(as4: bool, add_path: bool) -> u16 {
    match (as4, add_path) {
        (false, false) => 1,
        (true, false) => 4,
        (false, true) => 8,
        (true, true) => 9,
    }
}

/// Appends the record of a message that was read with `context`; `bytes` are the message with its header.
///
/// An AS number that no OPEN told is 0. On sessions with AS numbers of two octets a greater one is AS_TRANS
/// (RFC 6793 §9). The subtypes with path identifiers stand for a whole message: they are taken where any
/// family of an UPDATE has them.
pub fn write_message(
    out: &mut Vec<u8>,
    meta: &Meta<'_>,
    message: &Message<'_>,
    context: &Context,
    bytes: &[u8],
) {
    let as4 = context.as4;
    let subtype = message_subtype(as4, has_path_ids(message, context));
    extended_record(out, meta.ts_ns, subtype, |out| {
        write_sides(out, meta, as4);
        out.extend_from_slice(bytes);
    });
}

/// Appends the record of a change of state; states are numbered as in [`State`].
pub fn write_state(out: &mut Vec<u8>, meta: &Meta<'_>, state: State, previous: State) {
    extended_record(out, meta.ts_ns, STATE_CHANGE_AS4, |out| {
        write_sides(out, meta, true);
        push_u16(out, previous.number().into());
        push_u16(out, state.number().into());
    });
}

/// An UPDATE that announces or withdraws something with a path identifier.
fn has_path_ids(message: &Message<'_>, context: &Context) -> bool {
    let Message::Update(update) = message else {
        return false;
    };
    let with_ids = context.add_path;
    !with_ids.is_empty()
        && (update.all_announced())
            .chain(update.all_withdrawn())
            .any(|field| with_ids.contains(field.family()))
}

/// What comes before the message or the states: RFC 6396 §4.4.
fn write_sides(out: &mut Vec<u8>, meta: &Meta<'_>, as4: bool) {
    for asn in [meta.peer_asn, meta.local_asn] {
        let asn = asn.unwrap_or(0);
        if as4 {
            out.extend(asn.to_be_bytes());
        } else {
            push_u16(out, u16::try_from(asn).unwrap_or(AS_TRANS));
        }
    }
    // The interface index, which is one of the router's.
    push_u16(out, 0);
    push_u16(out, afi(meta.peer));
    push_address(out, meta.peer);
    push_address(out, meta.local);
}

const fn afi(address: IpAddr) -> u16 {
    match address {
        IpAddr::V4(_) => AFI_IPV4,
        IpAddr::V6(_) => AFI_IPV6,
    }
}

fn push_address(out: &mut Vec<u8>, address: IpAddr) {
    match address {
        IpAddr::V4(address) => out.extend(address.octets()),
        IpAddr::V6(address) => out.extend(address.octets()),
    }
}

fn push_u16(out: &mut Vec<u8>, value: u16) {
    out.extend(value.to_be_bytes());
}

/// A BGP4MP_ET record: the microseconds belong to its length (RFC 6396 §3).
fn extended_record(out: &mut Vec<u8>, ns: u64, subtype: u16, body: impl FnOnce(&mut Vec<u8>)) {
    record(out, ns / NS_PER_S, (BGP4MP_ET, subtype), |out| {
        // Below a million.
        let micros = u32::try_from(ns % NS_PER_S / 1000).unwrap_or(0);
        out.extend(micros.to_be_bytes());
        body(out);
    });
}

/// The common header (RFC 6396 §2) and a body whose length is known once it is written.
fn record(
    out: &mut Vec<u8>,
    seconds: u64,
    (kind, subtype): (u16, u16),
    body: impl FnOnce(&mut Vec<u8>),
) {
    // Until the year 2106.
    let seconds = u32::try_from(seconds).unwrap_or(u32::MAX);
    out.extend(seconds.to_be_bytes());
    push_u16(out, kind);
    push_u16(out, subtype);
    let at = out.len();
    out.extend([0; 4]);
    body(out);
    let length = u32::try_from(out.len() - at - 4).unwrap_or(u32::MAX);
    if let Some(field) = out.get_mut(at..at + 4) {
        field.copy_from_slice(&length.to_be_bytes());
    }
}

#[cfg(test)]
mod tests;
