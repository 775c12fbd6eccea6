//! An archive of routes with every attribute, by sessions that encode them in different ways.

use super::attributes::OTHERS;
use super::speakers::{attribute, mandatory, reach, update};
use super::support::Scratch;
use bgptap::bgp::Family;
use std::path::PathBuf;

/// RFC 6396 §4.4, RFC 8050 §3.
const MESSAGE: u16 = 1;
const MESSAGE_AS4: u16 = 4;
const MESSAGE_AS4_ADDPATH: u16 = 9;

const GLOBAL: [u8; 16] = [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
const LINK_LOCAL: [u8; 16] = [0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];

/// Writes it. Each session's sender is an address of its own.
pub fn archive(scratch: &Scratch) -> PathBuf {
    let others: Vec<u8> = OTHERS
        .iter()
        .flat_map(|(flags, code, value)| attribute(*flags, *code, value))
        .collect();
    let path = [65001, 4_200_000_003];
    // RFC 4760 §3: without NEXT_HOP, which is the last of them.
    let ours = mandatory(&path);
    let without_hop = &ours[..ours.len() - 8];
    let ipv6 = |hops: &[&[u8]]| {
        let nlri = [48, 0x20, 1, 0xd, 0xb8, 0, 3];
        reach(Family::IPV6_UNICAST, &hops.concat(), &nlri)
    };
    // RFC 8950 §3: routes of IPv4 by a next hop of IPv6; here with path identifiers (RFC 7911 §3).
    let over_ipv6 = reach(
        Family::IPV4_UNICAST,
        &GLOBAL,
        &[0, 0, 0, 7, 24, 203, 0, 113],
    );
    // RFC 6793 §4.2.2: AS_TRANS in the short ones, the whole path and aggregator in those of four octets.
    let narrow = [
        attribute(0x40, 1, &[2]),
        attribute(0x40, 2, &[2, 2, 0xfd, 0xe9, 0x5b, 0xa0]),
        attribute(0x40, 3, &[192, 0, 2, 1]),
        attribute(0xc0, 7, &[0x5b, 0xa0, 192, 0, 2, 9]),
        attribute(0xc0, 17, &[2, 2, 0, 0, 0xfd, 0xe9, 0xfa, 0x56, 0xea, 3]),
        attribute(0xc0, 18, &[0xfa, 0x56, 0xea, 3, 192, 0, 2, 9]),
    ]
    .concat();
    let with = |first: &[u8], second: &[u8]| [first, second, &others].concat();
    let updates = [
        (
            MESSAGE_AS4,
            update(&[], &with(&ours, &[]), &[24, 198, 51, 100]),
        ),
        (
            MESSAGE_AS4,
            update(&[], &with(without_hop, &ipv6(&[&GLOBAL])), &[]),
        ),
        (
            MESSAGE_AS4,
            update(&[], &with(without_hop, &ipv6(&[&GLOBAL, &LINK_LOCAL])), &[]),
        ),
        (
            MESSAGE_AS4_ADDPATH,
            update(&[], &with(without_hop, &over_ipv6), &[]),
        ),
        (MESSAGE, update(&[], &narrow, &[24, 192, 0, 2])),
    ];
    let mut bytes = Vec::new();
    for (place, (subtype, body)) in (1_u8..).zip(updates) {
        bytes.extend(record(subtype, place, &body));
    }
    scratch.write("made.mrt", &bytes)
}

fn record(subtype: u16, sender: u8, body: &[u8]) -> Vec<u8> {
    let asns = [65001_u16, 65002];
    let asns: Vec<u8> = match subtype {
        MESSAGE => asns.iter().flat_map(|asn| asn.to_be_bytes()).collect(),
        _ => asns
            .iter()
            .flat_map(|asn| u32::from(*asn).to_be_bytes())
            .collect(),
    };
    let mut record = asns;
    // No interface, IPv4, and both addresses.
    record.extend([0, 0, 0, 1, 192, 0, 2, sender, 192, 0, 2, 100]);
    record.extend([0xff; 16]);
    record.extend((19 + body.len() as u16).to_be_bytes());
    record.push(2);
    record.extend_from_slice(body);
    let header = [
        1_700_000_000_u32.to_be_bytes(),
        (16 << 16 | u32::from(subtype)).to_be_bytes(),
    ];
    let length = (record.len() as u32).to_be_bytes();
    [header.as_flattened(), &length, &record].concat()
}
