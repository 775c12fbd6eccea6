//! UPDATEs made of what tables hold, and of what a message did to them.

use crate::bgp::attribute::Attribute;
use crate::bgp::header::{HEADER_LEN, MARKER, MAX_LEN, MAX_LEN_EXTENDED};
use crate::bgp::{Context, Family, NlriField, Prefix, Update};
use crate::rib::{Ribs, RouteKey};
use std::net::IpAddr;

const UPDATE: u8 = 2;
const MP_REACH: u8 = 14;
const MP_UNREACH: u8 = 15;
/// Optional, extended length.
const LONG_OPTIONAL: u8 = 0x90;
const EXTENDED_LENGTH: u8 = 0x10;

/// Appends an UPDATE that announces the routes `keys` of a family, which share `attributes`, as far as they
/// fit one message; how many that were. 0 if not even one does.
pub(super) fn announce<'a>(
    out: &mut Vec<u8>,
    ribs: &Ribs,
    family: Family,
    context: &Context,
    attributes: &(impl Iterator<Item = Attribute<'a>> + Clone),
    keys: &[RouteKey<'_>],
) -> usize {
    let start = out.len();
    let max = usize::from(if context.extended {
        MAX_LEN_EXTENDED
    } else {
        MAX_LEN
    });
    begin(out);
    out.extend([0; 2]);
    let length_at = out.len();
    out.extend([0; 2]);
    let reach = attributes
        .clone()
        .find(|attribute| attribute.code == MP_REACH);
    // A family other than IPv4 unicast is never told otherwise (RFC 4760 §3).
    let plain = reach.is_none() && family == Family::IPV4_UNICAST;
    for attribute in attributes
        .clone()
        .filter(|attribute| attribute.code != MP_REACH)
    {
        write_attribute(out, &attribute);
    }
    let end = start + max;
    let told = if plain {
        set_length(out, length_at);
        write_keys(out, ribs, end, keys)
    } else {
        let next_hop = reach.map_or(&[][..], |reach| reach.value);
        out.extend([LONG_OPTIONAL, MP_REACH]);
        let value_at = out.len();
        out.extend([0; 2]);
        write_family(out, family);
        out.push(u8::try_from(next_hop.len()).unwrap_or(0));
        out.extend(next_hop);
        out.push(0);
        let told = write_keys(out, ribs, end, keys);
        set_length(out, value_at);
        set_length(out, length_at);
        told
    };
    if told == 0 {
        out.truncate(start);
    } else {
        finish(out, start);
    }
    told
}

/// Appends an End-of-RIB (RFC 4724 §2).
pub(super) fn end_of_rib(out: &mut Vec<u8>, family: Family) {
    let start = out.len();
    begin(out);
    if family == Family::IPV4_UNICAST {
        out.extend([0; 4]);
    } else {
        // No withdrawn routes, attributes of seven octets: flags, type, length, family.
        out.extend([0, 0, 0, 7, LONG_OPTIONAL, MP_UNREACH, 0, 3]);
        write_family(out, family);
    }
    finish(out, start);
}

/// Appends an UPDATE that withdraws all NLRI of a field: no longer than the message it was in.
pub(super) fn withdraw(out: &mut Vec<u8>, field: &NlriField<'_>) {
    let start = out.len();
    begin(out);
    let nlri = field.as_bytes();
    if field.family() == Family::IPV4_UNICAST {
        out.extend((nlri.len() as u16).to_be_bytes());
        out.extend(nlri);
        out.extend([0; 2]);
    } else {
        out.extend([0; 2]);
        let length_at = out.len();
        out.extend([0, 0, LONG_OPTIONAL, MP_UNREACH]);
        let value_at = out.len();
        out.extend([0; 2]);
        write_family(out, field.family());
        out.extend(nlri);
        set_length(out, value_at);
        set_length(out, length_at);
    }
    finish(out, start);
}

/// What is left of an UPDATE that its receiver treats as a withdrawal (RFC 7606 §2): the fields whose
/// NLRI it withdraws.
pub(super) fn withdrawn_by<'a>(
    update: &Update<'a>,
) -> impl Iterator<Item = NlriField<'a>> + use<'a> {
    let fields = update.all_withdrawn().chain(update.all_announced());
    fields.filter(|field| !field.is_opaque())
}

fn begin(out: &mut Vec<u8>) {
    out.extend(MARKER);
    out.extend([0, 0, UPDATE]);
}

/// Writes the message's length into its header.
fn finish(out: &mut [u8], start: usize) {
    let length = u16::try_from(out.len() - start).unwrap_or(u16::MAX);
    if let Some(field) = out.get_mut(start + HEADER_LEN - 3..start + HEADER_LEN - 1) {
        field.copy_from_slice(&length.to_be_bytes());
    }
}

/// Writes how much follows a length of two octets into it.
fn set_length(out: &mut [u8], at: usize) {
    let length = u16::try_from(out.len() - at - 2).unwrap_or(u16::MAX);
    if let Some(field) = out.get_mut(at..at + 2) {
        field.copy_from_slice(&length.to_be_bytes());
    }
}

fn write_family(out: &mut Vec<u8>, family: Family) {
    out.extend(family.afi.0.to_be_bytes());
    out.push(family.safi.0);
}

fn write_attribute(out: &mut Vec<u8>, attribute: &Attribute<'_>) {
    let flags = attribute.flags.0 & !EXTENDED_LENGTH;
    if let Ok(length) = u8::try_from(attribute.value.len()) {
        out.extend([flags, attribute.code, length]);
    } else {
        out.extend([flags | EXTENDED_LENGTH, attribute.code]);
        out.extend((attribute.value.len() as u16).to_be_bytes());
    }
    out.extend(attribute.value);
}

/// Appends NLRI until the message would end behind `end`; how many.
fn write_keys(out: &mut Vec<u8>, ribs: &Ribs, end: usize, keys: &[RouteKey<'_>]) -> usize {
    let mut nlri = Vec::new();
    for (told, key) in keys.iter().enumerate() {
        let before = out.len();
        match key {
            RouteKey::Prefix(prefix) => write_prefix(out, prefix),
            RouteKey::Octets(octets) => out.extend(*octets),
            RouteKey::Labeled(_) => {
                ribs.nlri(key, &mut nlri);
                out.extend(&nlri);
            }
        }
        if out.len() > end {
            out.truncate(before);
            return told;
        }
    }
    keys.len()
}

fn write_prefix(out: &mut Vec<u8>, prefix: &Prefix) {
    if let Some(id) = prefix.path_id {
        out.extend(id.to_be_bytes());
    }
    out.push(prefix.len);
    let octets = usize::from(prefix.len).div_ceil(8);
    match prefix.addr {
        IpAddr::V4(addr) => out.extend(addr.octets().iter().take(octets)),
        IpAddr::V6(addr) => out.extend(addr.octets().iter().take(octets)),
    }
}

#[cfg(test)]
mod tests;
