//! Tables of prefixes with labels beside a model that keeps each NLRI as it was sent, with more route
//! distinguishers and stacks of labels than are shared, and with few.

use crate::speakers::{Speakers, mandatory, reach, unreach, update};
use bgptap::bgp::Family;
use proptest::collection::vec;
use proptest::prelude::*;
use std::collections::BTreeMap;

/// A distinguisher, a prefix, and a label, each by its number.
type Route = (u16, u8, u16);

#[derive(Clone, Debug)]
enum Step {
    Announce(Vec<Route>, u8),
    Withdraw(Vec<Route>),
}

fn step() -> impl Strategy<Value = Step> {
    // Few numbers, so that routes meet again; the largest are beyond what is shared.
    let number = |most: u16| prop_oneof![0..4u16, most..most + 4];
    let routes = || vec((number(508), 0..6u8, number(1010)), 1..5);
    prop_oneof![
        3 => (routes(), 0..3u8).prop_map(|(routes, with)| Step::Announce(routes, with)),
        1 => routes().prop_map(Step::Withdraw),
    ]
}

#[derive(Clone, Copy, Debug)]
struct World {
    family: Family,
    distinguishers: bool,
    bits: u8,
}

const WORLDS: [World; 4] = [
    World::new(Family::IPV4_VPN, true, 32),
    World::new(Family::IPV6_VPN, true, 128),
    World::new(Family::IPV4_LABELED, false, 32),
    World::new(Family::IPV6_LABELED, false, 128),
];

const CAPABILITIES: [(u8, &[u8]); 5] = [
    (65, &[0, 0, 0xfd, 0xe8]),
    (1, &[0, 1, 0, 128]),
    (1, &[0, 2, 0, 128]),
    (1, &[0, 1, 0, 4]),
    (1, &[0, 2, 0, 4]),
];

impl World {
    const fn new(family: Family, distinguishers: bool, bits: u8) -> Self {
        Self {
            family,
            distinguishers,
            bits,
        }
    }

    /// As it is sent.
    fn nlri(self, (rd, prefix, _): Route, label: [u8; 3]) -> Vec<u8> {
        let len = prefix * (self.bits / 8);
        let rd = if self.distinguishers {
            [&[0, 0, 0xfd, 0xe8, 0, 0][..], &rd.to_be_bytes()].concat()
        } else {
            Vec::new()
        };
        let bits = 24 + 8 * rd.len() as u8 + len;
        let mut nlri = [&[bits][..], &label, &rd].concat();
        nlri.resize(nlri.len() + usize::from(len.div_ceil(8)), 0x55);
        if !len.is_multiple_of(8) {
            *nlri.last_mut().unwrap() &= 0xff << (8 - len % 8);
        }
        nlri
    }

    fn announced(self, route: Route) -> Vec<u8> {
        let [a, b] = route.2.to_be_bytes();
        self.nlri(route, [a, b, 1])
    }

    /// What tells a route from others.
    fn key(self, route: Route) -> (u16, u8) {
        (if self.distinguishers { route.0 } else { 0 }, route.1)
    }

    fn announce(self, talk: &mut Speakers, routes: &[Route], with: u8) -> [u32; 3] {
        let nlri: Vec<u8> = routes.iter().flat_map(|r| self.announced(*r)).collect();
        let rd = if self.distinguishers { 8 } else { 0 };
        let hop = vec![1; rd + usize::from(self.bits / 8)];
        let reach = reach(self.family, &hop, &nlri);
        let attributes = [mandatory(&[1 + u32::from(with)]), reach].concat();
        let changes = talk.update(&update(&[], &attributes, &[]));
        [changes.new, changes.replaced, changes.duplicate]
    }

    fn withdraw(self, talk: &mut Speakers, routes: &[Route]) -> [u32; 2] {
        // RFC 8277 §2.4.
        let nlri = |route: &Route| self.nlri(*route, [0x80, 0, 0]);
        let nlri: Vec<u8> = routes.iter().flat_map(nlri).collect();
        let changes = talk.update(&update(&[], &unreach(self.family, &nlri), &[]));
        [changes.withdrawn, changes.absent]
    }
}

/// Key to NLRI as sent and number of the attributes.
type Model = BTreeMap<(u16, u8), (Vec<u8>, u8)>;

fn converse(world: World, full: bool, steps: &[Step]) -> Result<(), TestCaseError> {
    let mut talk = Speakers::new(&CAPABILITIES);
    let mut model = Model::new();
    if full {
        // Distinguishers and labels take all places that are shared: the last ones find none.
        let routes: Vec<Route> = (0..1010).map(|n| (n.min(507), (n % 6) as u8, n)).collect();
        for routes in routes.chunks(50) {
            world.announce(&mut talk, routes, 0);
        }
        for route in routes {
            model.insert(world.key(route), (world.announced(route), 0));
        }
    }
    for step in steps {
        match step {
            Step::Announce(routes, with) => {
                let mut expected = [0; 3];
                for route in routes {
                    let new = (world.announced(*route), *with);
                    match model.insert(world.key(*route), new.clone()) {
                        None => expected[0] += 1,
                        Some(old) => expected[if old == new { 2 } else { 1 }] += 1,
                    }
                }
                let changes = world.announce(&mut talk, routes, *with);
                prop_assert_eq!(changes, expected, "{:?}", step);
            }
            Step::Withdraw(routes) => {
                let mut expected = [0; 2];
                for route in routes {
                    let there = model.remove(&world.key(*route)).is_some();
                    expected[usize::from(!there)] += 1;
                }
                let changes = world.withdraw(&mut talk, routes);
                prop_assert_eq!(changes, expected, "{:?}", step);
            }
        }
    }
    let hex = |octets: &[u8]| {
        octets
            .iter()
            .map(|o| format!("{o:02x}"))
            .collect::<String>()
    };
    let mut expected: Vec<String> = model.values().map(|route| hex(&route.0)).collect();
    expected.sort();
    prop_assert_eq!(talk.keys(world.family), expected);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_model_has_the_same_routes(
        world in 0..WORLDS.len(),
        full in any::<bool>(),
        steps in vec(step(), 1..40),
    ) {
        converse(WORLDS[world], full, &steps)?;
    }
}

/// What is beyond the caches is counted there, and its routes are kept all the same.
#[test]
fn values_beyond_the_caches_are_kept_unshared() {
    let world = WORLDS[0];
    let mut talk = Speakers::new(&CAPABILITIES);
    for n in 0..1200 {
        assert_eq!(world.announce(&mut talk, &[(n, 3, n)], 0), [1, 0, 0]);
    }
    assert_eq!(talk.rib(world.family).unwrap().len(), 1200);
    let figures = |name: &str| talk.ribs.caches().find(|cache| cache.name == name).unwrap();
    let rd = figures("route_distinguisher");
    assert_eq!((rd.entries, rd.uninterned_total), (500, 700));
    assert!(figures("label_stack").entries <= 1000);
    for n in 0..1200 {
        assert_eq!(world.withdraw(&mut talk, &[(n, 3, 0)]), [1, 0], "{n}");
    }
    assert!(talk.rib(world.family).unwrap().is_empty());
}
