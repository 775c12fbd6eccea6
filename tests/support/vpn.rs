//! 100,000 VPNv4 routes as UPDATEs, and three tables that keep them. The test counts the bytes that
//! each holds, the bench the time.
#![allow(unreachable_pub, reason = "a module of the test and of the bench")]
#![allow(dead_code, reason = "each of them uses a part")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use bgptap::bgp::attribute::MpReach;
use bgptap::bgp::nlri::part::{Label, RouteDistinguisher};
use bgptap::bgp::nlri::{Nlri, VpnPrefix};
use bgptap::bgp::{Context, Message, Update};
use bgptap::intern::{AttrSet, AttrStore, Distinguisher, Distinguishers, Handle, LabelStack};
use bgptap::intern::{LabelStacks, PathId, PathIds};
use std::net::IpAddr;

pub const ROUTES: usize = 100_000;
pub const DISTINGUISHERS: u32 = 10;
pub const LABELS: u32 = 100;
/// Attribute sets: what that many routers announce.
const SETS: u32 = 2000;
/// Prefixes in each UPDATE, at most.
const PACKED: u32 = 16;

/// A generator of numbers that look random (Knuth's MMIX constants), always the same.
pub struct Random(u64);

impl Random {
    pub fn new() -> Self {
        Self(1)
    }

    pub fn below(&mut self, end: u32) -> u32 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) % u64::from(end)) as u32
    }
}

fn attribute(out: &mut Vec<u8>, flags: u8, code: u8, value: &[u8]) {
    out.extend([flags | 0x10, code]);
    out.extend((value.len() as u16).to_be_bytes());
    out.extend_from_slice(value);
}

/// UPDATEs of one to sixteen VPNv4 prefixes with 0 to 2 hops, MED, LOCAL_PREF, ORIGINATOR_ID, CLUSTER_LIST
/// and two route targets: what a route reflector sends to a provider edge.
pub fn updates() -> Vec<Vec<u8>> {
    let mut random = Random::new();
    let mut updates = Vec::new();
    let mut routes = 0;
    while routes < ROUTES {
        let mut reach = vec![0, 1, 128, 12, 0, 0, 0, 0, 0, 0, 0, 0];
        let set = random.below(SETS);
        reach.extend([192, 0, 2, (set % 20) as u8, 0]);
        for _ in 0..=random.below(PACKED) {
            if routes == ROUTES {
                break;
            }
            // Length in bits: label, distinguisher, a /24.
            reach.push(24 + 64 + 24);
            let label = 16 + random.below(LABELS);
            reach.extend(&(label << 4 | 1).to_be_bytes()[1..]);
            reach.extend([0, 0, 0xfd, 0xe8]);
            reach.extend(random.below(DISTINGUISHERS).to_be_bytes());
            reach.extend(&(routes as u32 | 10 << 20).to_be_bytes()[1..]);
            routes += 1;
        }
        let mut path = Vec::new();
        let hops = set % 3;
        if hops > 0 {
            path.extend([2, hops as u8]);
            for hop in 0..hops {
                path.extend((64_512 + set % 40 * 2 + hop).to_be_bytes());
            }
        }
        let target = |number: u32| {
            let [_, _, high, low] = number.to_be_bytes();
            [0, 2, 0xfd, 0xe8, 0, 0, high, low]
        };
        let mut attributes = Vec::new();
        attribute(&mut attributes, 0x40, 1, &[(set % 2) as u8 * 2]);
        attribute(&mut attributes, 0x40, 2, &path);
        attribute(&mut attributes, 0x80, 4, &(set / 10).to_be_bytes());
        attribute(&mut attributes, 0x40, 5, &100u32.to_be_bytes());
        attribute(&mut attributes, 0x80, 9, &[10, 0, 0, (set % 20) as u8]);
        attribute(
            &mut attributes,
            0x80,
            10,
            &[10, 0, 1, 1, 10, 0, 1, (set % 4) as u8],
        );
        let targets = [target(set % 10), target(set % 7)].concat();
        attribute(&mut attributes, 0xc0, 16, &targets);
        attribute(&mut attributes, 0x80, 14, &reach);
        updates.push(update(&attributes));
    }
    updates
}

fn update(attributes: &[u8]) -> Vec<u8> {
    let mut message = vec![0xff; 16];
    message.extend((23 + attributes.len() as u16).to_be_bytes());
    message.extend([2, 0, 0]);
    message.extend((attributes.len() as u16).to_be_bytes());
    message.extend_from_slice(attributes);
    message
}

/// Decodes the UPDATEs and hands over what tables need.
pub fn each_update(updates: &[Vec<u8>], mut take: impl FnMut(&Update<'_>, &MpReach<'_>)) {
    let context = Context::assumed();
    for message in updates {
        let Ok(Message::Update(update)) = Message::parse(message, &context) else {
            panic!("an UPDATE of our own making");
        };
        assert_eq!(update.errors().as_slice(), []);
        take(&update, &update.mp_reach().unwrap());
    }
}

pub fn each_route(reach: &MpReach<'_>, mut take: impl FnMut(&VpnPrefix<'_>)) {
    for nlri in reach.nlri.iter() {
        match nlri {
            Nlri::Vpn(route) => take(&route),
            other => panic!("not a VPN prefix: {other:?}"),
        }
    }
}

/// Every route of the workload, in order.
pub fn routes(updates: &[Vec<u8>], mut take: impl FnMut(&VpnPrefix<'_>)) {
    each_update(updates, |_, reach| each_route(reach, &mut take));
}

fn key(route: &VpnPrefix<'_>) -> ([u8; 4], u8) {
    match route.prefix.addr {
        IpAddr::V4(addr) => (addr.octets(), route.prefix.len),
        IpAddr::V6(_) => panic!("the workload is IPv4"),
    }
}

/// What a table is asked for: the sum of what the values of a route say.
fn checksum(rd: &[u8; 8], labels: impl Iterator<Item = u32>) -> u64 {
    u64::from_be_bytes(*rd) + labels.map(u64::from).sum::<u64>()
}

/// A table of routes, each with its distinguisher and labels.
pub trait Table: Default {
    fn insert(&mut self, route: &VpnPrefix<'_>);
    fn read(&self, at: usize) -> u64;
    /// Bytes of the values beside the entries.
    fn values(&self) -> u64;
    /// Bytes of one entry.
    const ENTRY: usize;
}

/// Objects on the heap for each route, as decoders into objects make them.
pub struct Boxed(Vec<BoxedRoute>);

pub struct BoxedRoute {
    _prefix: ([u8; 4], u8),
    rd: Box<RouteDistinguisher>,
    labels: Vec<u32>,
}

impl Default for Boxed {
    fn default() -> Self {
        Self(Vec::with_capacity(ROUTES))
    }
}

impl Table for Boxed {
    const ENTRY: usize = size_of::<BoxedRoute>();

    fn insert(&mut self, route: &VpnPrefix<'_>) {
        let labels = route.labels.unwrap();
        let labels: Vec<_> = labels.iter().map(Label::value).collect();
        self.0.push(BoxedRoute {
            _prefix: key(route),
            rd: Box::new(route.rd),
            labels,
        });
    }

    fn read(&self, at: usize) -> u64 {
        let route = &self.0[at];
        checksum(&route.rd.0, route.labels.iter().copied())
    }

    fn values(&self) -> u64 {
        let routes = self.0.iter();
        let bytes = routes
            .map(|route| size_of_val(&*route.rd) + route.labels.capacity() * size_of::<u32>());
        bytes.sum::<usize>() as u64
    }
}

/// The values themselves in each route, packed as tightly as can be: one label, and no more.
pub struct Inline(Vec<InlineRoute>);

pub struct InlineRoute {
    _prefix: ([u8; 4], u8),
    rd: [u8; 8],
    label: [u8; 3],
}

impl Default for Inline {
    fn default() -> Self {
        Self(Vec::with_capacity(ROUTES))
    }
}

impl Table for Inline {
    const ENTRY: usize = size_of::<InlineRoute>();

    fn insert(&mut self, route: &VpnPrefix<'_>) {
        let labels = route.labels.unwrap();
        self.0.push(InlineRoute {
            _prefix: key(route),
            rd: route.rd.0,
            label: labels.as_bytes().try_into().unwrap(),
        });
    }

    fn read(&self, at: usize) -> u64 {
        let route = &self.0[at];
        checksum(&route.rd, [Label(route.label).value()].into_iter())
    }

    fn values(&self) -> u64 {
        0
    }
}

/// Handles, for stacks of any depth.
pub struct Interned {
    routes: Vec<InternedRoute>,
    pub rds: Distinguishers,
    pub stacks: LabelStacks,
}

pub struct InternedRoute {
    _prefix: ([u8; 4], u8),
    rd: Handle<Distinguisher>,
    labels: Handle<LabelStack>,
}

impl Default for Interned {
    fn default() -> Self {
        Self {
            routes: Vec::with_capacity(ROUTES),
            rds: Distinguishers::default(),
            stacks: LabelStacks::default(),
        }
    }
}

impl Table for Interned {
    const ENTRY: usize = size_of::<InternedRoute>();

    fn insert(&mut self, route: &VpnPrefix<'_>) {
        let labels = route.labels.unwrap();
        self.routes.push(InternedRoute {
            _prefix: key(route),
            rd: self.rds.intern(0, &route.rd.0).unwrap(),
            labels: self.stacks.intern(0, labels.as_bytes()).unwrap(),
        });
    }

    fn read(&self, at: usize) -> u64 {
        let route = &self.routes[at];
        let labels = self.stacks.get(&route.labels).unwrap();
        let mut rest = &labels[..];
        let labels = std::iter::from_fn(|| {
            let (label, behind) = rest.split_first_chunk::<3>()?;
            rest = behind;
            Some(Label(*label).value())
        });
        checksum(self.rds.get(&route.rd).unwrap(), labels)
    }

    /// Without what a cache has before its first entry, and the counts of handles, which all caches of a kind share.
    fn values(&self) -> u64 {
        self.rds.bytes() + self.stacks.bytes()
    }
}

/// Path identifiers as they are: 4 bytes for each route.
#[derive(Default)]
pub struct PlainPathIds(pub Vec<u32>);

/// Path identifiers as handles of 2 bytes.
#[derive(Default)]
pub struct InternedPathIds {
    pub handles: Vec<Handle<PathId>>,
    pub cache: PathIds,
}

/// Attribute sets of routes as their bytes, a copy for each route.
#[derive(Default)]
pub struct CopiedSets(pub Vec<Box<[u8]>>);

/// Attribute sets of routes as handles.
#[derive(Default)]
pub struct SharedSets {
    pub sets: Vec<AttrSet>,
    pub store: AttrStore,
}

impl CopiedSets {
    pub fn fill(&mut self, updates: &[Vec<u8>]) {
        self.0.reserve_exact(ROUTES);
        let mut bytes = Vec::new();
        each_update(updates, |update, reach| {
            bytes.clear();
            for attribute in update.attributes() {
                let value = match attribute.code {
                    14 => reach.next_hops.as_bytes(),
                    _ => attribute.value,
                };
                bytes.extend([attribute.flags.0, attribute.code, value.len() as u8]);
                bytes.extend_from_slice(value);
            }
            each_route(reach, |_| self.0.push(bytes.as_slice().into()));
        });
    }
}

impl SharedSets {
    pub fn fill(&mut self, updates: &[Vec<u8>]) {
        self.sets.reserve_exact(ROUTES);
        each_update(updates, |update, reach| {
            let set = self.store.store_update(update, Some(reach)).unwrap();
            each_route(reach, |_| self.sets.push(set.clone()));
        });
    }
}
