//! UPDATEs of random NLRI, as their sender knows them.

use std::net::IpAddr;

use bgptap::bgp::{Context, Family, FamilySet};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

use crate::source::{FAMILIES, Mode, Source, addr, nlri, octets};

/// An UPDATE and all that is to be read in it.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) mode: Mode,
    pub(crate) add_path: bool,
    /// In the fields of RFC 4271 §4.3 and not in a multiprotocol attribute.
    pub(crate) plain: bool,
    pub(crate) next_hops: Vec<IpAddr>,
    pub(crate) sources: Vec<(u32, Source)>,
}

/// A case of any of the families that `wanted` says yes to.
pub(crate) fn case(wanted: impl Fn(Family) -> bool) -> BoxedStrategy<Case> {
    let families: Vec<_> = FAMILIES.into_iter().filter(|f| wanted(*f)).collect();
    let mode = (select(families), any::<bool>(), any::<bool>());
    mode.prop_flat_map(|(family, multiple_labels, withdrawn)| {
        let mode = Mode {
            family,
            multiple_labels,
            withdrawn,
        };
        let plain = if family == Family::IPV4_UNICAST {
            any::<bool>().boxed()
        } else {
            Just(false).boxed()
        };
        let sources = vec((any::<u32>(), nlri(mode)), 1..6);
        (Just(mode), any::<bool>(), plain, sources)
    })
    .prop_flat_map(|(mode, add_path, plain, sources)| {
        next_hops(mode.family, plain).prop_map(move |next_hops| Case {
            mode,
            add_path,
            plain,
            next_hops,
            sources: sources.clone(),
        })
    })
    .boxed()
}

/// One address, or a global and a link-local one (RFC 2545 §3). Which family it is of, its length
/// says (RFC 8950 §3); only IPv6 routes have IPv6 next hops and no others (RFC 2545 §3, RFC 4659 §3.2.1).
fn next_hops(family: Family, plain: bool) -> BoxedStrategy<Vec<IpAddr>> {
    let one = |v6| addr(v6).prop_map(|addr| vec![addr]).boxed();
    if plain {
        return one(false)
            .prop_filter("a host", |hops| hops.iter().all(is_host))
            .boxed();
    }
    let both = (addr(true), addr(true)).prop_map(|(a, b)| vec![a, b]);
    if family.safi.0 == 133 || family.safi.0 == 134 {
        // RFC 8955 §4: none is the rule.
        return prop_oneof![Just(Vec::new()), one(false), one(true), both].boxed();
    }
    if family.afi.0 == 2 && matches!(family.safi.0, 1 | 2 | 4 | 128 | 129) {
        return prop_oneof![one(true), both].boxed();
    }
    prop_oneof![one(false), one(true), both].boxed()
}

/// RFC 4271 §6.3: NEXT_HOP is the address of a host.
fn is_host(addr: &IpAddr) -> bool {
    let IpAddr::V4(addr) = addr else { return true };
    !(addr.octets()[0] == 0 || addr.is_loopback() || addr.is_multicast() || addr.is_broadcast())
}

fn attribute(flags: u8, code: u8, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(value.len()).expect("short").to_be_bytes();
    [&[flags | 0x10, code], &length[..], value].concat()
}

impl Case {
    /// The NLRI, each behind its path identifier if there are any.
    pub(crate) fn field(&self) -> Vec<u8> {
        let each = self
            .sources
            .iter()
            .map(|(id, source)| self.one(*id, source));
        each.collect::<Vec<_>>().concat()
    }

    pub(crate) fn one(&self, id: u32, source: &Source) -> Vec<u8> {
        let id = id.to_be_bytes();
        let id = if self.add_path { &id[..] } else { &[] };
        [id, &source.octets].concat()
    }

    /// The next hop field, with a route distinguisher of zero before each address where RFC 4364
    /// §4.3.2, RFC 4659 §3.2.1 and RFC 8950 §4 want it.
    fn next_hop_field(&self) -> Vec<u8> {
        let vpn = matches!(self.mode.family.safi.0, 128 | 129);
        let rd = if vpn { &[0; 8][..] } else { &[] };
        let each = self.next_hops.iter();
        each.flat_map(|hop| [rd, &octets(*hop)].concat()).collect()
    }

    fn attributes(&self) -> Vec<u8> {
        let family = self.mode.family;
        let head = [&family.afi.0.to_be_bytes()[..], &[family.safi.0]].concat();
        if self.mode.withdrawn {
            return match self.plain {
                true => Vec::new(),
                false => attribute(0x80, 15, &[head, self.field()].concat()),
            };
        }
        let path = attribute(0x40, 2, &[2, 2, 0, 1, 0, 0, 0, 0, 0xfd, 0xe8]);
        let mut list = [attribute(0x40, 1, &[0]), path].concat();
        if self.plain {
            list.extend(attribute(0x40, 3, &self.next_hop_field()));
        } else {
            let hops = self.next_hop_field();
            let length = u8::try_from(hops.len()).expect("short");
            let value = [head, vec![length], hops, vec![0], self.field()];
            list.extend(attribute(0x80, 14, &value.concat()));
        }
        if family.safi.0 == 73 {
            // RFC 9830 §4.2.1: a policy, and NO_ADVERTISE.
            list.extend(attribute(0xc0, 8, &[0xff, 0xff, 0xff, 2]));
            list.extend(attribute(0xc0, 23, &[0, 15, 0, 0]));
        }
        list
    }

    /// The whole message.
    pub(crate) fn message(&self) -> Vec<u8> {
        let plain = if self.plain { self.field() } else { Vec::new() };
        let (withdrawn, announced) = match self.mode.withdrawn {
            true => (plain, Vec::new()),
            false => (Vec::new(), plain),
        };
        let attributes = self.attributes();
        let length = |field: &[u8]| u16::try_from(field.len()).expect("short").to_be_bytes();
        let body = [
            &length(&withdrawn)[..],
            &withdrawn,
            &length(&attributes),
            &attributes,
            &announced,
        ]
        .concat();
        let whole = u16::try_from(19 + body.len()).expect("short");
        [&[0xff; 16][..], &whole.to_be_bytes(), &[2], &body].concat()
    }

    /// What both OPENs have agreed on.
    pub(crate) fn context(&self) -> Context {
        let family = [self.mode.family];
        let only = |yes: bool| {
            if yes {
                family.into_iter().collect()
            } else {
                FamilySet::EMPTY
            }
        };
        Context {
            add_path: only(self.add_path),
            multiple_labels: only(self.mode.multiple_labels),
            ..Context::assumed()
        }
    }

    /// The NLRI as the JSON of an event has them.
    pub(crate) fn json(&self) -> Vec<Value> {
        let with_id = |(id, source): &(u32, Source)| {
            let mut item = source.json.clone();
            if self.add_path {
                if item.is_string() {
                    item = json!({ "prefix": item });
                }
                item["path_id"] = (*id).into();
            }
            item
        };
        self.sources.iter().map(with_id).collect()
    }
}
