//! The messages that all decoders read: four kinds made by a generator, always the same, and those of
//! a recorded session and of public archives.

use bgptap::capture::pcap::PcapSource;
use bgptap::capture::{Polled, Source};
use bgptap::wire::{Ports, dissect};
use bytes::Bytes;
use flate2::read::GzDecoder;
use std::fs;
use std::io::Read;
use std::net::IpAddr;
use std::ops::Range;
use std::path::Path;
use std::time::Duration;

/// UPDATEs that are measured together.
pub(crate) struct Workload {
    pub(crate) name: &'static str,
    /// AS numbers have four octets.
    pub(crate) as4: bool,
    pub(crate) messages: Vec<Bytes>,
}

/// All that there are on this machine, and the names of those whose files are not here.
pub(crate) fn all() -> (Vec<Workload>, Vec<&'static str>) {
    let made = |name, count, make: fn(&mut Random) -> Vec<u8>| {
        let mut random = Random(1);
        let messages = (0..count).map(|_| make(&mut random).into()).collect();
        let as4 = true;
        Workload {
            name,
            as4,
            messages,
        }
    };
    let mut list = vec![
        made("a: typical v4", 1000, typical),
        made("b: packed v4", 100, packed),
        made("c: MP v6", 1000, ipv6),
        made("d: VPNv4", 1000, vpnv4),
        Workload {
            name: "e: recorded session",
            as4: true,
            messages: recorded(),
        },
    ];
    let mut missing = Vec::new();
    let archives: [(_, _, &[&str]); 2] = [
        (
            "f: churn of archives",
            true,
            &[
                "gobgpdump/arch3",
                "bgpstream/ris.rrc06.updates.1427846400.gz",
            ],
        ),
        (
            "g: the same, two-octet AS numbers",
            false,
            &["gobgpdump/arch3", "bgpdump/updates.20071015.1505.gz"],
        ),
    ];
    for (name, as4, files) in archives {
        let contents: Option<Vec<_>> = files.iter().map(|file| archive(file)).collect();
        match contents {
            None => missing.push(name),
            Some(files) => {
                let messages = files.iter().flat_map(|mrt| archived(mrt, as4)).collect();
                list.push(Workload {
                    name,
                    as4,
                    messages,
                });
            }
        }
    }
    (list, missing)
}

/// So many messages as those of workload a.
#[allow(dead_code, reason = "not every bench needs them")]
pub(crate) fn typical_list(count: usize) -> Vec<Bytes> {
    let mut random = Random(1);
    (0..count).map(|_| typical(&mut random).into()).collect()
}

/// A generator of numbers that look random (Knuth's MMIX constants), always the same.
pub(crate) struct Random(u64);

impl Random {
    fn below(&mut self, end: u32) -> u32 {
        const FACTOR: u64 = 6_364_136_223_846_793_005;
        self.0 = self
            .0
            .wrapping_mul(FACTOR)
            .wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) % u64::from(end)) as u32
    }

    fn within(&mut self, range: Range<u32>) -> u32 {
        range.start + self.below(range.end - range.start)
    }

    /// One of the values, as often as its weight says.
    fn pick<T: Copy>(&mut self, weighted: &[(u32, T)]) -> T {
        let mut left = self.below(weighted.iter().map(|(weight, _)| weight).sum());
        for (weight, value) in weighted {
            if left < *weight {
                return *value;
            }
            left -= weight;
        }
        unreachable!("less than the sum of the weights")
    }

    fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.below(256) as u8).collect()
    }
}

/// How many prefixes a message has, in hundredths of the messages.
const COUNTS: [(u32, u32); 5] = [(60, 1), (18, 2), (10, 3), (7, 4), (5, 5)];
/// Lengths of prefixes in tables of the Internet, in hundredths.
const IPV4: [(u32, u8); 10] = [
    (60, 24),
    (11, 23),
    (11, 22),
    (4, 21),
    (5, 20),
    (3, 19),
    (2, 18),
    (1, 17),
    (3, 16),
    (1, 12),
];
const IPV6: [(u32, u8); 8] = [
    (50, 48),
    (16, 32),
    (9, 44),
    (9, 40),
    (6, 36),
    (4, 46),
    (3, 29),
    (3, 64),
];

fn message(attributes: &[u8], announced: &[u8]) -> Vec<u8> {
    let length = 23 + attributes.len() + announced.len();
    let mut out = vec![0xff; 16];
    out.extend((length as u16).to_be_bytes());
    out.extend([2, 0, 0]);
    out.extend((attributes.len() as u16).to_be_bytes());
    out.extend_from_slice(attributes);
    out.extend_from_slice(announced);
    out
}

fn attribute(out: &mut Vec<u8>, flags: u8, code: u8, value: &[u8]) {
    match u8::try_from(value.len()) {
        Ok(length) => out.extend([flags, code, length]),
        Err(_) => {
            out.extend([flags | 0x10, code]);
            out.extend((value.len() as u16).to_be_bytes());
        }
    }
    out.extend_from_slice(value);
}

fn prefix(random: &mut Random, first: Range<u32>, len: u8) -> Vec<u8> {
    let octets = usize::from(len).div_ceil(8);
    let mut bytes = random.bytes(octets);
    bytes[0] = random.within(first) as u8;
    // Nothing beyond the length.
    bytes[octets - 1] &= 0xff << (8 * octets - usize::from(len));
    [vec![len], bytes].concat()
}

fn ipv4_prefix(random: &mut Random) -> Vec<u8> {
    let len = random.pick(&IPV4);
    prefix(random, 1..127, len)
}

fn origin_and_path(random: &mut Random, hops: Range<u32>) -> Vec<u8> {
    let mut out = Vec::new();
    attribute(
        &mut out,
        0x40,
        1,
        &[random.pick(&[(85, 0), (2, 1), (13, 2)])],
    );
    let hops = random.within(hops);
    let mut path = Vec::new();
    for _ in 0..hops {
        let range = random.pick(&[(70, (1, 63_000)), (30, (196_609, 400_000))]);
        path.extend(random.within(range.0..range.1).to_be_bytes());
    }
    if hops > 0 {
        path.splice(..0, [2, hops as u8]);
    }
    attribute(&mut out, 0x40, 2, &path);
    out
}

fn communities(random: &mut Random, out: &mut Vec<u8>) {
    attribute(out, 0xc0, 8, &random.bytes(8 * 4));
    let count = random.within(1..4) as usize;
    attribute(out, 0xc0, 32, &random.bytes(count * 12));
}

fn attributes(random: &mut Random) -> Vec<u8> {
    let mut out = origin_and_path(random, 4..6);
    attribute(&mut out, 0x40, 3, &[192, 0, 2, random.within(1..255) as u8]);
    communities(random, &mut out);
    out
}

fn typical(random: &mut Random) -> Vec<u8> {
    let attributes = attributes(random);
    let prefixes: Vec<_> = (0..random.pick(&COUNTS))
        .map(|_| ipv4_prefix(random))
        .collect();
    message(&attributes, &prefixes.concat())
}

fn packed(random: &mut Random) -> Vec<u8> {
    let attributes = attributes(random);
    let end = random.within(1000..4091) as usize;
    let mut prefixes = Vec::new();
    loop {
        let next = ipv4_prefix(random);
        if 23 + attributes.len() + prefixes.len() + next.len() > end {
            return message(&attributes, &prefixes);
        }
        prefixes.extend(next);
    }
}

fn ipv6(random: &mut Random) -> Vec<u8> {
    let mut attributes = origin_and_path(random, 4..6);
    communities(random, &mut attributes);
    let local = random.below(3) == 0;
    let mut reach = vec![0, 2, 1, if local { 32 } else { 16 }, 0x20, 1];
    reach.extend(random.bytes(14));
    if local {
        reach.extend([0xfe, 0x80, 0, 0, 0, 0, 0, 0]);
        reach.extend(random.bytes(8));
    }
    reach.push(0);
    for _ in 0..random.pick(&COUNTS) {
        let len = random.pick(&IPV6);
        reach.extend(prefix(random, 0x20..0x30, len));
    }
    attribute(&mut attributes, 0x80, 14, &reach);
    message(&attributes, &[])
}

fn vpnv4(random: &mut Random) -> Vec<u8> {
    let mut attributes = origin_and_path(random, 0..3);
    attribute(&mut attributes, 0x80, 4, &random.below(1000).to_be_bytes());
    attribute(&mut attributes, 0x40, 5, &[0, 0, 0, 100]);
    attribute(
        &mut attributes,
        0x80,
        9,
        &[192, 0, 2, random.within(1..255) as u8],
    );
    attribute(&mut attributes, 0x80, 10, &[192, 0, 2, 1]);
    let target = |random: &mut Random| [0, 2, 0xfd, 0xe8, 0, 0, 0, random.below(10) as u8];
    let targets = [target(random), target(random)];
    attribute(&mut attributes, 0xc0, 16, targets.as_flattened());
    let mut reach = vec![0, 1, 128, 12, 0, 0, 0, 0, 0, 0, 0, 0];
    reach.extend([192, 0, 2, random.within(1..255) as u8, 0]);
    for _ in 0..random.within(1..17) {
        let prefix = ipv4_prefix(random);
        let [_, label @ ..] = ((random.within(16..116) << 4) | 1).to_be_bytes();
        reach.push(prefix[0] + 88);
        reach.extend(label);
        reach.extend([0, 0, 0xfd, 0xe8, 0, 0, 0, random.below(10) as u8]);
        reach.extend_from_slice(&prefix[1..]);
    }
    attribute(&mut attributes, 0x80, 14, &reach);
    message(&attributes, &[])
}

/// The UPDATEs that lie whole at the start of a segment of the recorded session.
fn recorded() -> Vec<Bytes> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/lab-session.pcap");
    let mut source = PcapSource::open(&[file]).expect("the recording is in the repository");
    let ports = Ports::new(&[179]);
    let mut batch = Vec::new();
    let mut updates = Vec::new();
    loop {
        let polled = source
            .poll(&mut batch, Duration::ZERO)
            .expect("the recording is whole");
        for captured in batch.drain(..) {
            let bytes = captured.frame.as_ref();
            let Ok(segment) = dissect(bytes, captured.link, captured.wire_len, None, &ports) else {
                continue;
            };
            if ![segment.src.addr, segment.dst.addr].into_iter().all(plain) {
                continue;
            }
            let payload = &bytes[segment.payload.start as usize..segment.payload.end as usize];
            let length = payload
                .get(16..18)
                .map_or(0, |l| usize::from(u16::from_be_bytes([l[0], l[1]])));
            if payload.get(18) == Some(&2) && (19..=payload.len()).contains(&length) {
                updates.push(Bytes::copy_from_slice(&payload[..length]));
            }
        }
        if polled == Polled::End {
            return updates;
        }
    }
}

/// BIRD, its feeder and ExaBGP: among them AS numbers have four octets, and prefixes no path
/// identifiers (tests/data/README.md), as for all the messages of the other workloads.
fn plain(addr: IpAddr) -> bool {
    let last = match addr {
        IpAddr::V4(addr) => addr.octets()[3],
        IpAddr::V6(addr) => addr.octets()[15],
    };
    [1, 5, 10].contains(&last)
}

/// An archive of the corpus, unpacked; `None` if it is not here.
fn archive(name: &str) -> Option<Vec<u8>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus/mrt");
    let bytes = fs::read(root.join(name)).ok()?;
    if !name.ends_with(".gz") {
        return Some(bytes);
    }
    let mut unpacked = Vec::new();
    GzDecoder::new(&bytes[..])
        .read_to_end(&mut unpacked)
        .expect("gzip");
    Some(unpacked)
}

/// The UPDATEs of an archive's records of the type BGP4MP (RFC 6396 §4.4.2, §4.4.3) with AS
/// numbers of that width.
fn archived(mrt: &[u8], as4: bool) -> Vec<Bytes> {
    let u16_at = |bytes: &[u8], at: usize| u16::from_be_bytes([bytes[at], bytes[at + 1]]);
    let (subtype, width) = if as4 { (4, 4) } else { (1, 2) };
    let mut list = Vec::new();
    let mut rest = mrt;
    while let Some((head, behind)) = rest.split_at_checked(12) {
        let length = usize::from(u16_at(head, 8)) << 16 | usize::from(u16_at(head, 10));
        let (body, next) = behind.split_at(length);
        rest = next;
        if (u16_at(head, 4), u16_at(head, 6)) == (16, subtype) {
            let v6 = u16_at(body, 2 * width + 2) == 2;
            let message = &body[2 * width + 4 + if v6 { 32 } else { 8 }..];
            if message[18] == 2 {
                list.push(Bytes::copy_from_slice(message));
            }
        }
    }
    list
}
