//! Records of tables: TABLE_DUMP_V2 (RFC 6396 §4.3, with path identifiers RFC 8050 §4).

use super::{push_address, push_u16, record};
use crate::bgp::attribute::{Aggregator, As4Aggregator, As4Path, AsPath, MpReach, PathAttribute};
use crate::bgp::attribute::{Segment, SegmentKind};
use crate::bgp::{Attribute, Family, Update};
use crate::rib::{AdjRib, Ribs, Route, RouteKey};
use std::net::{IpAddr, Ipv4Addr};

const TABLE_DUMP_V2: u16 = 13;
const PEER_INDEX_TABLE: u16 = 1;
/// RFC 6396 §4.3.1: bits of a peer's type.
const PEER_IPV6: u8 = 1;
const PEER_AS4: u8 = 2;
/// RFC 4271 §4.3: a length of two octets follows.
const EXTENDED_LENGTH: u8 = 0x10;

/// Who has told routes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Peer {
    pub(super) address: IpAddr,
    pub(super) id: Ipv4Addr,
    pub(super) asn: u32,
}

/// Appends a PEER_INDEX_TABLE: who has told `local` the routes of the records that follow. The view is
/// named by the address of `local`, so that tables of several routers can be in one file.
pub(super) fn write_peers(
    out: &mut Vec<u8>,
    seconds: u64,
    local: IpAddr,
    id: Ipv4Addr,
    peers: &[Peer],
) {
    record(out, seconds, (TABLE_DUMP_V2, PEER_INDEX_TABLE), |out| {
        out.extend(id.octets());
        let view = local.to_string();
        push_length(out, view.len());
        out.extend_from_slice(view.as_bytes());
        push_length(out, peers.len());
        for peer in peers {
            let ipv6 = if peer.address.is_ipv6() { PEER_IPV6 } else { 0 };
            out.push(PEER_AS4 | ipv6);
            out.extend(peer.id.octets());
            push_address(out, peer.address);
            out.extend(peer.asn.to_be_bytes());
        }
    });
}

/// Where a route stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) seconds: u64,
    pub(super) sequence: u32,
    /// Which of the peers has told it.
    pub(super) peer: u16,
}

/// Writes records of routes, each with its one entry.
#[derive(Default)]
pub(super) struct RouteRecords {
    attributes: Vec<u8>,
    nlri: Vec<u8>,
    body: Vec<u8>,
}

impl RouteRecords {
    /// Appends the record of a route.
    pub(super) fn write(
        &mut self,
        out: &mut Vec<u8>,
        place: Place,
        ribs: &Ribs,
        rib: &AdjRib,
        route: &Route<'_>,
    ) {
        self.collect(ribs, rib, route);
        ribs.nlri(&route.key, &mut self.nlri);
        let path_ids = rib.context().add_path.contains(rib.family());
        let (path_id, octets) = match (&route.key, self.nlri.split_first_chunk()) {
            (RouteKey::Prefix(prefix), _) => (prefix.path_id, &[][..]),
            (_, Some((path_id, octets))) if path_ids => {
                (Some(u32::from_be_bytes(*path_id)), octets)
            }
            _ => (None, &self.nlri[..]),
        };
        let family = rib.family();
        let (subtype, generic) = subtype(family, path_id.is_some());
        record(out, place.seconds, (TABLE_DUMP_V2, subtype), |out| {
            out.extend(place.sequence.to_be_bytes());
            if generic {
                push_u16(out, family.afi.0);
                out.push(family.safi.0);
            }
            match route.key {
                RouteKey::Prefix(prefix) => push_prefix(out, prefix.addr, prefix.len),
                RouteKey::Labeled(_) | RouteKey::Octets(_) => out.extend_from_slice(octets),
            }
            push_u16(out, 1);
            push_u16(out, place.peer);
            let since = u32::try_from(route.since_s).unwrap_or(u32::MAX);
            out.extend(since.to_be_bytes());
            if let Some(path_id) = path_id {
                out.extend(path_id.to_be_bytes());
            }
            push_length(out, self.attributes.len());
            out.extend_from_slice(&self.attributes);
        });
    }

    /// The attributes as they have to stand in an entry (RFC 6396 §4.3.4): of MP_REACH_NLRI the next hop
    /// with its length, and AS numbers of four octets.
    fn collect(&mut self, ribs: &Ribs, rib: &AdjRib, route: &Route<'_>) {
        let list = ribs.attributes(route.attributes);
        self.attributes.clear();
        if rib.context().as4 {
            list.for_each(|attribute| push_as_kept(&mut self.attributes, attribute));
            return;
        }
        // Read as those of a message, so that both paths, and both aggregators, become one.
        self.body.clear();
        self.body.extend([0; 4]);
        list.clone()
            .for_each(|attribute| push_as_kept(&mut self.body, attribute));
        let length = u16::try_from(self.body.len() - 4).unwrap_or(0);
        if let Some(field) = self.body.get_mut(2..4) {
            field.copy_from_slice(&length.to_be_bytes());
        }
        let update = Update::parse(&self.body, rib.context());
        for attribute in list {
            push_wide(&mut self.attributes, attribute, &update);
        }
    }
}

/// The subtype for a family, and whether it is the one for all families that have none of their own.
fn subtype(family: Family, add_path: bool) -> (u16, bool) {
    let plain = match family {
        Family::IPV4_UNICAST => 2,
        Family::IPV4_MULTICAST => 3,
        Family::IPV6_UNICAST => 4,
        Family::IPV6_MULTICAST => 5,
        _ => 6,
    };
    // RFC 8050 §4: 8 to 12 in the same order.
    (if add_path { plain + 6 } else { plain }, plain == 6)
}

fn push_as_kept(out: &mut Vec<u8>, attribute: Attribute<'_>) {
    let value = attribute.value;
    if attribute.code == MpReach::CODE {
        let length = u8::try_from(value.len()).unwrap_or(0);
        push_attribute(out, attribute, &[&[length], value]);
    } else {
        push_attribute(out, attribute, &[value]);
    }
}

/// An attribute of a session with AS numbers of two octets.
fn push_wide(out: &mut Vec<u8>, attribute: Attribute<'_>, update: &Update<'_>) {
    match attribute.code {
        AsPath::CODE => match update.path() {
            Some(path) => {
                let mut value = Vec::new();
                path.segments()
                    .for_each(|segment| push_segment(&mut value, segment));
                push_attribute(out, attribute, &[&value]);
            }
            None => push_as_kept(out, attribute),
        },
        Aggregator::CODE => match update.aggregator() {
            Some(by) => {
                let value = [by.asn.to_be_bytes(), by.addr.octets()];
                push_attribute(out, attribute, &[value.as_flattened()]);
            }
            None => push_as_kept(out, attribute),
        },
        As4Path::CODE | As4Aggregator::CODE => (),
        _ => push_as_kept(out, attribute),
    }
}

/// RFC 4271 §4.3, RFC 5065 §3.
fn push_segment(out: &mut Vec<u8>, segment: Segment<'_>) {
    out.push(match segment.kind {
        SegmentKind::Set => 1,
        SegmentKind::Sequence => 2,
        SegmentKind::ConfedSequence => 3,
        SegmentKind::ConfedSet => 4,
    });
    // It came in a segment, which has no more.
    out.push(u8::try_from(segment.asns.len()).unwrap_or(u8::MAX));
    for asn in segment.asns {
        out.extend(asn.to_be_bytes());
    }
}

fn push_attribute(out: &mut Vec<u8>, attribute: Attribute<'_>, value: &[&[u8]]) {
    let (flags, code) = (attribute.flags.0, attribute.code);
    let length: usize = value.iter().map(|part| part.len()).sum();
    match u8::try_from(length) {
        Ok(length) => out.extend([flags & !EXTENDED_LENGTH, code, length]),
        Err(_) => {
            out.extend([flags | EXTENDED_LENGTH, code]);
            push_length(out, length);
        }
    }
    for part in value {
        out.extend_from_slice(part);
    }
}

fn push_prefix(out: &mut Vec<u8>, address: IpAddr, len: u8) {
    out.push(len);
    let octets = usize::from(len).div_ceil(8);
    match address {
        IpAddr::V4(address) => out.extend(address.octets().into_iter().take(octets)),
        IpAddr::V6(address) => out.extend(address.octets().into_iter().take(octets)),
    }
}

/// Two octets: whatever is counted here came in a message or was counted before.
fn push_length(out: &mut Vec<u8>, length: usize) {
    push_u16(out, u16::try_from(length).unwrap_or(u16::MAX));
}
