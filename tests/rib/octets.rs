//! Tables of NLRI that are kept as they were sent, beside a model that knows by number what tells routes apart: EVPN,
//! where some of an NLRI does not, flow specifications and link state, where all does. Some fit into an entry, others do not.

use crate::speakers::Speakers;
use crate::talk::{Step, Talk, World, step};
use bgptap::bgp::Family;
use proptest::collection::vec;
use proptest::prelude::*;

/// A path, what tells the route apart, and what else is in its NLRI; each by number.
type Route = (u8, u8, u8);

fn routes() -> impl Strategy<Value = Vec<Route>> + Clone {
    vec((0..2u8, 0..20u8, 0..4u8), 1..6)
}

/// What is sent for a key and the rest.
type Nlri = fn(u8, u8) -> Vec<u8>;

#[derive(Clone, Copy, Debug)]
struct Kind {
    family: Family,
    paths: bool,
    /// The NLRI of such numbers.
    nlri: Nlri,
    /// What is beside the key is part of this family's NLRI.
    rest: bool,
    next_hop: &'static [u8],
}

const FAMILIES: [(Family, Nlri, bool, &[u8]); 3] = [
    (Family::EVPN, evpn, true, &[192, 0, 2, 1]),
    (Family::IPV4_FLOWSPEC, flowspec, false, &[]),
    (Family::LINK_STATE, node, false, &[192, 0, 2, 1]),
];

/// Type and length in front.
fn typed(kind: u8, value: &[u8]) -> Vec<u8> {
    [&[kind, value.len() as u8], value].concat()
}

/// RFC 7432 §7, RFC 9136 §3.1: Ethernet segments and labels are not part of the key, where they are not all there is.
fn evpn(n: u8, rest: u8) -> Vec<u8> {
    let (rd, tag) = ([0, 0, 0xfd, 0xe8, 0, 0, 0, n / 5], [0, 0, 0, 7]);
    let (segment, label) = ([rest; 10], [0, rest, 1]);
    let mac = |ip: &[u8]| {
        // With rest 3 there is a second label.
        let second: &[u8] = if rest == 3 { &[0, 9, 1] } else { &[] };
        let mac = [48, 2, 0, 0, 0, 0, 1];
        let bits = [8 * ip.len() as u8];
        let parts: [&[u8]; 8] = [&rd, &segment, &tag, &mac, &bits, ip, &label, second];
        typed(2, &parts.concat())
    };
    match n % 5 {
        0 => mac(&[]),
        1 => mac(&[0x20; 16]),
        2 => {
            // A segment besides the gateway would be one too many (RFC 9136 §3.2).
            let (prefix, gateway, segment) = ([24, 10, 0, n, 0], [rest; 4], [0; 10]);
            typed(
                5,
                &[&rd[..], &segment, &tag, &prefix, &gateway, &label].concat(),
            )
        }
        // The address of the router is all that there is more.
        3 => typed(3, &[&rd[..], &tag, &[32, 192, 0, 2, n]].concat()),
        _ => typed(1, &[&rd[..], &[n; 10], &tag, &label].concat()),
    }
}

/// RFC 8955 §4: a destination, and ports, of which there are many in some.
fn flowspec(n: u8, _: u8) -> Vec<u8> {
    let ports = [1, 6, 90][usize::from(n % 3)];
    let mut value = vec![1, 24, 10, 0, n, 4];
    for port in 0..ports {
        let last = if port + 1 == ports { 0x80 } else { 0 };
        value.extend([last | 0x11, 0x10, port]);
    }
    let length = value.len() as u16;
    let head = if length < 240 {
        vec![length as u8]
    } else {
        (0xf000 | length).to_be_bytes().to_vec()
    };
    [head, value].concat()
}

/// RFC 9552 §5.2: a node, with the identifier of its domain or without.
fn node(n: u8, _: u8) -> Vec<u8> {
    let tlv = |kind: u16, value: &[u8]| {
        let head = [kind, value.len() as u16].map(u16::to_be_bytes).concat();
        [head, value.to_vec()].concat()
    };
    let mut descriptors = tlv(512, &[0, 0, 0xfd, 0xe8]);
    if n % 2 == 1 {
        descriptors.extend(tlv(513, &[0, 0, 0, 1]));
    }
    descriptors.extend(tlv(515, &[0, 0, 0, 0, 0, n]));
    let value = [&[2, 0, 0, 0, 0, 0, 0, 0, 0][..], &tlv(256, &descriptors)].concat();
    tlv(1, &value)
}

impl Kind {
    fn new(number: usize, paths: bool) -> Self {
        let (family, nlri, rest, next_hop) = FAMILIES[number];
        Self {
            family,
            paths,
            nlri,
            rest,
            next_hop,
        }
    }

    fn speakers(self) -> Speakers {
        let [a, b] = self.family.afi.0.to_be_bytes();
        let safi = self.family.safi.0;
        let (family, paths) = ([a, b, 0, safi], [a, b, safi, 3]);
        let mut capabilities: Vec<(u8, &[u8])> = vec![(65, &[0, 0, 0xfd, 0xe8]), (1, &family)];
        if self.paths {
            capabilities.push((69, &paths));
        }
        Speakers::new(&capabilities)
    }
}

impl World for Kind {
    type Route = Route;
    type Key = (u8, u8);

    fn family(self) -> Family {
        self.family
    }

    fn next_hop(self) -> Vec<u8> {
        self.next_hop.to_vec()
    }

    fn key(self, (path, n, _): &Route) -> (u8, u8) {
        (if self.paths { *path } else { 0 }, *n)
    }

    fn announced(self, (path, n, rest): &Route) -> Vec<u8> {
        let path = [0, 0, 0, *path];
        let path = if self.paths { &path[..] } else { &[] };
        [path, &(self.nlri)(*n, *rest)].concat()
    }

    fn withdrawn(self, route: &Route) -> Vec<u8> {
        self.announced(route)
    }
}

fn converse(kind: Kind, steps: &[Step<Route>]) -> Result<(), TestCaseError> {
    let mut talk = Talk::new(kind, kind.speakers());
    for step in steps {
        talk.follow(step)?;
        talk.is_as_the_model()?;
    }
    prop_assert_eq!(talk.end(), 0);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_model_has_the_same_octets(
        family in 0..FAMILIES.len(),
        paths in any::<bool>(),
        steps in vec(step(routes(), [3, 2]), 1..40),
    ) {
        converse(Kind::new(family, paths), &steps)?;
    }
}

/// The world is one in which that could go wrong: only in EVPN there is more in an NLRI than its key, and there are short and long ones.
#[test]
fn the_world_has_all_kinds_of_octets() {
    for number in 0..FAMILIES.len() {
        let world = Kind::new(number, false);
        let differs = (0..20).any(|n| (world.nlri)(n, 0) != (world.nlri)(n, 1));
        assert_eq!(differs, world.rest);
        let lengths = (0..20).map(|n| (world.nlri)(n, 0).len());
        let room = if world.rest { 40 } else { 24 };
        assert!(
            lengths.max() > Some(room),
            "some are not inside their entry"
        );
    }
}
