//! Tables of prefixes with labels beside a model that keeps each NLRI as it was sent, with more route
//! distinguishers and stacks of labels than are shared, and with few.

use crate::speakers::Speakers;
use crate::talk::{Step, Talk, World, step};
use bgptap::bgp::Family;
use proptest::collection::vec;
use proptest::prelude::*;

/// A distinguisher, a prefix, and a label, each by its number.
type Route = (u16, u8, u16);

fn routes() -> impl Strategy<Value = Vec<Route>> + Clone {
    // Few numbers, so that routes meet again; the largest are beyond what is shared.
    let number = |most: u16| prop_oneof![0..4u16, most..most + 4];
    vec((number(508), 0..6u8, number(1010)), 1..5)
}

#[derive(Clone, Copy, Debug)]
struct Kind {
    family: Family,
    distinguishers: bool,
    bits: u8,
}

const KINDS: [Kind; 4] = [
    Kind::new(Family::IPV4_VPN, true, 32),
    Kind::new(Family::IPV6_VPN, true, 128),
    Kind::new(Family::IPV4_LABELED, false, 32),
    Kind::new(Family::IPV6_LABELED, false, 128),
];

const CAPABILITIES: [(u8, &[u8]); 5] = [
    (65, &[0, 0, 0xfd, 0xe8]),
    (1, &[0, 1, 0, 128]),
    (1, &[0, 2, 0, 128]),
    (1, &[0, 1, 0, 4]),
    (1, &[0, 2, 0, 4]),
];

impl Kind {
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
}

impl World for Kind {
    type Route = Route;
    type Key = (u16, u8);

    fn family(self) -> Family {
        self.family
    }

    fn next_hop(self) -> Vec<u8> {
        let rd = if self.distinguishers { 8 } else { 0 };
        vec![1; rd + usize::from(self.bits / 8)]
    }

    fn key(self, route: &Route) -> (u16, u8) {
        (if self.distinguishers { route.0 } else { 0 }, route.1)
    }

    fn announced(self, route: &Route) -> Vec<u8> {
        let [a, b] = route.2.to_be_bytes();
        self.nlri(*route, [a, b, 1])
    }

    /// RFC 8277 §2.4.
    fn withdrawn(self, route: &Route) -> Vec<u8> {
        self.nlri(*route, [0x80, 0, 0])
    }
}

fn converse(kind: Kind, full: bool, steps: &[Step<Route>]) -> Result<(), TestCaseError> {
    let mut talk = Talk::new(kind, Speakers::new(&CAPABILITIES));
    if full {
        // Distinguishers and labels take all places that are shared: the last ones find none.
        let routes: Vec<Route> = (0..1010).map(|n| (n.min(507), (n % 6) as u8, n)).collect();
        for routes in routes.chunks(50) {
            talk.announce(routes, 0)?;
        }
    }
    for step in steps {
        talk.follow(step)?;
    }
    talk.is_as_the_model()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_model_has_the_same_routes(
        kind in 0..KINDS.len(),
        full in any::<bool>(),
        steps in vec(step(routes(), [3, 1]), 1..40),
    ) {
        converse(KINDS[kind], full, &steps)?;
    }
}

/// What is beyond the caches is counted there, and its routes are kept all the same.
#[test]
fn values_beyond_the_caches_are_kept_unshared() {
    let kind = KINDS[0];
    let mut talk = Talk::new(kind, Speakers::new(&CAPABILITIES));
    for n in 0..1200 {
        assert_eq!(talk.announce(&[(n, 3, n)], 0).unwrap(), [1, 0, 0]);
    }
    let speakers = &talk.speakers;
    assert_eq!(speakers.rib(kind.family).unwrap().len(), 1200);
    let figures = |name: &str| {
        let mut caches = speakers.ribs.caches();
        caches.find(|cache| cache.name == name).unwrap()
    };
    let rd = figures("route_distinguisher");
    assert_eq!((rd.entries, rd.uninterned_total), (500, 700));
    assert!(figures("label_stack").entries <= 1000);
    for n in 0..1200 {
        assert_eq!(talk.withdraw(&[(n, 3, 0)]).unwrap(), [1, 0], "{n}");
    }
    assert!(talk.speakers.rib(kind.family).unwrap().is_empty());
}
