//! A table like the Internet's: prefixes of the usual lengths, in groups that share their attributes.
#![allow(unreachable_pub, reason = "a module of each test that names it")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![allow(dead_code, reason = "each user needs a part")]

use crate::speakers::{attribute, mandatory, update};

/// Prefixes that came in one message, on average, when full tables were recorded: as many share their
/// attributes.
const GROUP: usize = 8;

/// Prefixes without repetition.
pub struct FullTable {
    prefixes: Vec<(u32, u8)>,
}

/// A little generator: the same table every time.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u32) -> u32 {
        // Steele and Vigna's SplitMix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % u64::from(bound)) as u32
    }
}

impl FullTable {
    /// Six of ten prefixes are /24, the others /20 to /23.
    pub fn new(routes: u32) -> Self {
        let mut random = Random(7);
        let prefixes = (0..routes).map(|n| {
            let len = match random.below(10) {
                0..6 => 24,
                6 | 7 => 22,
                8 => 23,
                _ => 20 + random.below(3) as u8,
            };
            // Odd, so all 2^20 places of a /20 come up once, in no apparent order.
            (n.wrapping_mul(0x9e37) << 12, len)
        });
        let prefixes = prefixes.collect();
        Self { prefixes }
    }

    fn groups(&self) -> impl Iterator<Item = (usize, Vec<u8>)> + '_ {
        self.prefixes.chunks(GROUP).enumerate().map(|(at, group)| {
            let octets = group.iter().flat_map(|(addr, len)| {
                let octets = usize::from(*len).div_ceil(8);
                [&[*len][..], &addr.to_be_bytes()[..octets]].concat()
            });
            (at, octets.collect())
        })
    }

    /// The bodies of UPDATEs that announce all; `version` decides the attributes.
    pub fn announcements(&self, version: u32) -> Vec<Vec<u8>> {
        let bodies = self
            .groups()
            .map(|(at, nlri)| update(&[], &attributes(at as u32, version), &nlri));
        bodies.collect()
    }

    /// The same with no more than `sets` sets of attributes, which come in turn.
    pub fn announcements_with(&self, sets: u32) -> Vec<Vec<u8>> {
        let bodies = self
            .groups()
            .map(|(at, nlri)| update(&[], &attributes(at as u32 % sets, 0), &nlri));
        bodies.collect()
    }

    /// The bodies of UPDATEs that withdraw all.
    pub fn withdrawals(&self) -> Vec<Vec<u8>> {
        self.groups()
            .map(|(_, nlri)| update(&nlri, &[], &[]))
            .collect()
    }
}

/// A path of three to seven, and in six of ten sets up to eight communities.
fn attributes(group: u32, version: u32) -> Vec<u8> {
    let mut random = Random(u64::from(group) << 8 | u64::from(version));
    let length = 3 + random.below(5);
    let path: Vec<u32> = (0..length).map(|_| 1 + random.below(400_000)).collect();
    let mut attributes = mandatory(&path);
    if random.below(10) < 3 {
        attributes.extend(attribute(0x80, 4, &random.below(1000).to_be_bytes()));
    }
    if random.below(10) < 6 {
        let count = 1 + random.below(8);
        let communities = (0..count).flat_map(|_| random.below(1 << 30).to_be_bytes());
        let communities: Vec<u8> = communities.collect();
        attributes.extend(attribute(0xc0, 8, &communities));
    }
    attributes
}
