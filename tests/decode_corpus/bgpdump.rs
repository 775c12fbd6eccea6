//! Updates of public archives, with the lines that bgpdump's own tests expect for them.

use std::fs::File;
use std::io::Read;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;

use bgptap::bgp::{Context, Message, Update};
use flate2::read::GzDecoder;

use crate::corpus;

/// Time, peer, its AS and the message of a record of MRT's type BGP4MP (RFC 6396 §4.4).
struct Record {
    time: u32,
    peer: IpAddr,
    asn: u32,
    as4: bool,
    message: Vec<u8>,
}

fn unpacked(path: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    let file = File::open(path).expect("readable");
    GzDecoder::new(file).read_to_end(&mut bytes).expect("gzip");
    bytes
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_be_bytes(bytes[at..at + 2].try_into().unwrap())
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap())
}

fn records(mut mrt: &[u8]) -> Vec<Record> {
    let mut list = Vec::new();
    while !mrt.is_empty() {
        let length = u32_at(mrt, 8) as usize;
        let (head, rest) = mrt.split_at(12);
        let (body, next) = rest.split_at(length);
        // Messages with two or four octets per AS number.
        if let (16, subtype @ (1 | 4)) = (u16_at(head, 4), u16_at(head, 6)) {
            list.push(record(u32_at(head, 0), subtype == 4, body));
        }
        mrt = next;
    }
    list
}

fn record(time: u32, as4: bool, body: &[u8]) -> Record {
    let width = if as4 { 4 } else { 2 };
    let asn = if as4 {
        u32_at(body, 0)
    } else {
        u16_at(body, 0).into()
    };
    let (family, rest) = body[2 * width..].split_at(4);
    let (peer, rest): (IpAddr, _) = if u16_at(family, 2) == 1 {
        (Ipv4Addr::from_bits(u32_at(rest, 0)).into(), &rest[8..])
    } else {
        let octets: [u8; 16] = rest[..16].try_into().unwrap();
        (Ipv6Addr::from(octets).into(), &rest[32..])
    };
    Record {
        time,
        peer,
        asn,
        as4,
        message: rest.to_vec(),
    }
}

/// One line for each prefix, as `bgpdump -m` writes them.
fn lines(record: &Record) -> Vec<String> {
    let context = Context {
        as4: record.as4,
        ..Context::assumed()
    };
    let Ok(Message::Update(update)) = Message::parse(&record.message, &context) else {
        return Vec::new();
    };
    let head = |action| {
        let Record {
            time, peer, asn, ..
        } = record;
        format!("BGP4MP|{time}|{action}|{peer}|{asn}")
    };
    let withdrawn = update.all_withdrawn().flat_map(|field| field.prefixes());
    let mut lines: Vec<_> = withdrawn.map(|p| format!("{}|{p}", head('W'))).collect();
    let rest = attributes(&update);
    for field in update.all_announced() {
        let next_hop = match update.mp_reach() {
            Some(mp) if mp.nlri == field => mp.next_hops.iter().next(),
            _ => update.next_hop().map(IpAddr::from),
        };
        let rest = rest.replace("NEXT_HOP", &text(next_hop));
        lines.extend(
            field
                .prefixes()
                .map(|p| format!("{}|{p}|{rest}", head('A'))),
        );
    }
    lines
}

fn text<T: ToString>(value: Option<T>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

fn attributes(update: &Update<'_>) -> String {
    let origin = text(update.origin().map(|origin| origin.name().to_uppercase()));
    let communities = update.communities().map(|list| {
        let list: Vec<_> = list.iter().map(|c| c.to_string()).collect();
        list.join(" ")
    });
    let aggregator = update.aggregator().map(|a| format!("{} {}", a.asn, a.addr));
    format!(
        "{}|{}|NEXT_HOP|{}|{}|{}|{}|{}|",
        text(update.path()),
        origin,
        update.local_pref().unwrap_or_default(),
        update.med().unwrap_or_default(),
        text(communities),
        if update.atomic_aggregate() {
            "AG"
        } else {
            "NAG"
        },
        text(aggregator),
    )
}

/// The second is a prefix with bits behind its length: 11.8.0.0/13 sent as 11.13.
#[test]
fn archives_read_as_bgpdump_reads_them() {
    let Some(corpus) = corpus() else { return };
    for (name, least) in [
        ("updates.20071015.1505.gz", 10_000),
        ("updates.nlri_mask_trailing_bits.gz", 1),
    ] {
        let mrt = unpacked(&corpus.join("mrt/bgpdump").join(name));
        let expected = corpus.join("expect/bgpdump").join(format!("{name}.bgp.gz"));
        let expected = String::from_utf8(unpacked(&expected)).expect("text");
        let ours: Vec<_> = records(&mrt).iter().flat_map(lines).collect();
        let theirs: Vec<_> = expected
            .lines()
            .filter(|l| !l.contains("|STATE|"))
            .collect();
        assert!(theirs.len() >= least, "{name} is there");
        for (ours, theirs) in ours.iter().zip(&theirs) {
            assert_eq!(ours, theirs, "in {name}");
        }
        assert_eq!(ours.len(), theirs.len(), "in {name}");
    }
}
