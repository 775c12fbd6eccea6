//! Random conversations: the tables beside a model that knows nothing of hashing, packing or sharing.

use crate::speakers::{
    BASIC, LOST, SECOND, Speakers, attribute, mandatory, reach, unreach, update,
};
use bgptap::bgp::{Family, MessageType};
use bgptap::rib::{Changes, Why};
use bgptap::session::End;
use proptest::collection::vec;
use proptest::prelude::*;
use std::collections::BTreeMap;

const RESTART_S: u64 = 10;

/// What happens next. Prefixes and attributes are numbers of a small world, so that they meet again.
#[derive(Clone, Debug)]
enum Step {
    Announce(Vec<u8>, u8),
    Withdraw(Vec<u8>),
    /// Announced with an ORIGIN that no speaker knows.
    Malformed(Vec<u8>),
    Refresh {
        end: bool,
    },
    EndOfRib,
    Gap,
    Wait(u8),
    Lost,
    Notification,
    /// Whether forwarding was preserved.
    Reconnect {
        preserved: bool,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let prefixes = || vec(0u8..24, 1..8);
    prop_oneof![
        8 => (prefixes(), 0u8..6).prop_map(|(p, a)| Step::Announce(p, a)),
        4 => prefixes().prop_map(Step::Withdraw),
        1 => prefixes().prop_map(Step::Malformed),
        3 => any::<bool>().prop_map(|end| Step::Refresh { end }),
        2 => Just(Step::EndOfRib),
        1 => Just(Step::Gap),
        1 => (0u8..15).prop_map(Step::Wait),
        1 => Just(Step::Lost),
        1 => Just(Step::Notification),
        2 => any::<bool>().prop_map(|preserved| Step::Reconnect { preserved }),
    ]
}

/// The world: one family, with path identifiers or without.
#[derive(Clone, Copy, Debug)]
struct World {
    v6: bool,
    paths: bool,
}

impl World {
    fn family(self) -> Family {
        if self.v6 {
            Family::IPV6_UNICAST
        } else {
            Family::IPV4_UNICAST
        }
    }

    /// Twenty-four prefixes of lengths from 0 to the longest, some inside others.
    fn nlri(self, prefixes: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        for n in prefixes {
            if self.paths {
                out.extend([0, 0, 0, n % 3]);
            }
            let max = if self.v6 { 128 } else { 32 };
            let len = (u16::from(n % 9) * max / 8) as u8;
            out.push(len);
            // All bits set, so that host bits are never there where the length is a multiple of four.
            let mut octets = vec![0xa5 ^ (n / 9); usize::from(len).div_ceil(8)];
            if let Some(last) = octets.last_mut()
                && !len.is_multiple_of(8)
            {
                *last &= 0xff << (8 - len % 8);
            }
            out.extend(octets);
        }
        out
    }

    fn announce(self, attributes: Vec<u8>, nlri: &[u8]) -> Vec<u8> {
        if self.v6 {
            let mp = reach(self.family(), &[0x20; 16], nlri);
            update(&[], &[attributes, mp].concat(), &[])
        } else {
            update(&[], &attributes, nlri)
        }
    }

    fn withdraw(self, nlri: &[u8]) -> Vec<u8> {
        if self.v6 {
            update(&[], &unreach(self.family(), nlri), &[])
        } else {
            update(nlri, &[], &[])
        }
    }

    fn end_of_rib(self) -> Vec<u8> {
        if self.v6 {
            self.withdraw(&[])
        } else {
            vec![0; 4]
        }
    }
}

fn attributes(n: u8) -> Vec<u8> {
    let med = attribute(0x80, 4, &[0, 0, 0, n]);
    [mandatory(&[65000, (1 + n / 2).into()]), med].concat()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Awaited {
    Nothing,
    EndOfRib,
    EndOfRefresh,
}

/// A route by its octets.
type Table = BTreeMap<Vec<u8>, (u8, bool)>;

struct Model {
    world: World,
    routes: Table,
    awaited: Awaited,
    partial: bool,
    up: bool,
    retained: Option<(Table, bool, u64)>,
    /// Something was said, so that there is a table.
    made: bool,
}

impl Model {
    fn keys(&self, prefixes: &[u8]) -> Vec<Vec<u8>> {
        prefixes.iter().map(|n| self.world.nlri(&[*n])).collect()
    }

    fn announce(&mut self, prefixes: &[u8], attributes: u8) -> Changes {
        let mut changes = Changes::default();
        for key in self.keys(prefixes) {
            match self.routes.insert(key, (attributes, false)) {
                None => changes.new += 1,
                Some((old, _)) if old != attributes => {
                    changes.replaced += 1;
                    changes.changed.insert(4);
                    if old / 2 != attributes / 2 {
                        changes.changed.insert(2);
                    }
                }
                Some((_, true)) => changes.refreshed += 1,
                Some((_, false)) => changes.duplicate += 1,
            }
        }
        changes
    }

    fn withdraw(&mut self, prefixes: &[u8]) -> Changes {
        let mut changes = Changes::default();
        for key in self.keys(prefixes) {
            match self.routes.remove(&key) {
                Some(_) => changes.withdrawn += 1,
                None => changes.absent += 1,
            }
        }
        changes
    }

    fn mark(&mut self, stale: bool) {
        self.routes.values_mut().for_each(|route| route.1 = stale);
    }

    fn complete(&mut self, what: Awaited) -> Changes {
        let mut changes = Changes::default();
        if self.awaited == what {
            let before = self.routes.len();
            self.routes.retain(|_, route| !route.1);
            changes.expired = (before - self.routes.len()) as u32;
            self.awaited = Awaited::Nothing;
            self.partial = false;
        }
        changes
    }

    /// Both sides have graceful restart, so a lost session leaves its routes for a while.
    fn end(&mut self, lost: bool, now_s: u64) {
        if !self.up {
            return;
        }
        self.up = false;
        self.mark(true);
        let routes = std::mem::take(&mut self.routes);
        let made = std::mem::take(&mut self.made);
        let says = !routes.is_empty() || self.partial;
        self.retained = (lost && made && says).then_some((routes, self.partial, now_s + RESTART_S));
        self.awaited = Awaited::Nothing;
    }

    fn reconnect(&mut self, preserved: bool, now_s: u64) {
        self.end(true, now_s);
        self.up = true;
        self.partial = false;
        self.routes = Table::new();
        let retained = self.retained.take();
        if preserved {
            // Without a table from before the receiver may have routes that were not seen.
            self.partial = true;
            self.awaited = Awaited::EndOfRib;
            if let Some((routes, partial, _)) = retained {
                self.routes = routes;
                (self.partial, self.made) = (partial, true);
            }
        }
    }
}

struct Case {
    talk: Speakers,
    model: Model,
}

fn graceful(world: World, restarted: bool, preserved: bool) -> Vec<u8> {
    let flags = if restarted { 0x80 } else { 0 };
    let afi = if world.v6 { 2 } else { 1 };
    vec![
        flags,
        RESTART_S as u8,
        0,
        afi,
        1,
        if preserved { 0x80 } else { 0 },
    ]
}

impl Case {
    fn new(world: World) -> Self {
        let mut case = Self {
            talk: Speakers::joined(),
            model: Model {
                world,
                routes: Table::new(),
                awaited: Awaited::Nothing,
                partial: false,
                up: false,
                retained: None,
                made: false,
            },
        };
        case.take(&Step::Reconnect { preserved: true });
        case
    }

    fn now_s(&self) -> u64 {
        self.talk.now_ns / SECOND
    }

    fn take(&mut self, step: &Step) {
        let world = self.model.world;
        let says = |step: &Step| {
            !matches!(
                step,
                Step::Wait(_) | Step::Lost | Step::Notification | Step::Reconnect { .. }
            )
        };
        if says(step) && !self.model.up {
            return;
        }
        self.model.made |= says(step) && !matches!(step, Step::Gap);
        let (told, expected) = match step {
            Step::Announce(prefixes, n) => {
                let body = world.announce(attributes(*n), &world.nlri(prefixes));
                (self.update(&body), Some(self.model.announce(prefixes, *n)))
            }
            Step::Withdraw(prefixes) => {
                let body = world.withdraw(&world.nlri(prefixes));
                (self.update(&body), Some(self.model.withdraw(prefixes)))
            }
            Step::Malformed(prefixes) => {
                let broken = [attribute(0x40, 1, &[9]), mandatory(&[1])[5..].to_vec()].concat();
                let body = world.announce(broken, &world.nlri(prefixes));
                (self.update(&body), Some(self.model.withdraw(prefixes)))
            }
            Step::EndOfRib => {
                let told = self.update(&world.end_of_rib());
                (told, Some(self.model.complete(Awaited::EndOfRib)))
            }
            Step::Refresh { end } => self.refresh(*end),
            Step::Gap => {
                let talk = &mut self.talk;
                talk.ribs.disturb(&talk.session, 0, Why::Gap, talk.now_ns);
                self.model.partial = true;
                self.model.mark(false);
                self.model.awaited = Awaited::Nothing;
                (None, None)
            }
            other => {
                self.session(other);
                (None, None)
            }
        };
        assert_eq!(told, expected, "{step:?}");
    }

    fn update(&mut self, body: &[u8]) -> Option<Changes> {
        self.talk.say(0, MessageType::Update, body)
    }

    fn refresh(&mut self, end: bool) -> (Option<Changes>, Option<Changes>) {
        let told = self
            .talk
            .refresh(self.model.world.family(), 1 + u8::from(end));
        if end {
            return (told, Some(self.model.complete(Awaited::EndOfRefresh)));
        }
        self.model.mark(true);
        self.model.awaited = Awaited::EndOfRefresh;
        (told, None)
    }

    fn session(&mut self, step: &Step) {
        let now_s = self.now_s();
        match step {
            Step::Wait(seconds) => {
                self.talk.now_ns += u64::from(*seconds) * SECOND;
                self.talk.ribs.advance(self.talk.now_ns);
                let now_s = self.now_s();
                self.model.retained.take_if(|(_, _, until)| now_s >= *until);
            }
            Step::Lost => {
                self.talk.end(LOST);
                self.model.end(true, now_s);
            }
            Step::Notification => {
                self.talk.end(End::Notification(6, 4));
                self.model.end(false, now_s);
            }
            Step::Reconnect { preserved } => {
                let world = self.model.world;
                let (one, two) = (
                    graceful(world, true, *preserved),
                    graceful(world, false, true),
                );
                let add_path: &[u8] = if world.v6 {
                    &[0, 2, 1, 3]
                } else {
                    &[0, 1, 1, 3]
                };
                let capabilities = |graceful| {
                    let mut list = [&BASIC[..], &[(64, graceful), (70, &[])]].concat();
                    if world.paths {
                        list.push((69, add_path));
                    }
                    list
                };
                self.talk
                    .reconnect(&capabilities(&one), &capabilities(&two));
                self.model.reconnect(*preserved, now_s);
            }
            _ => {}
        }
    }

    fn check(&self) {
        let world = self.model.world;
        // The model's keys as the tables write them: read by a third, the JSON form of an NLRI.
        let mut expected: Vec<_> = self
            .model
            .routes
            .iter()
            .map(|(octets, (n, stale))| (text(world, octets), *n, *stale))
            .collect();
        expected.sort();
        let med = |attributes: &[u8]| {
            // Code 4 and the number behind it.
            let at = attributes.windows(4).position(|w| w == [4, 0, 0, 0]);
            at.and_then(|at| attributes.get(at + 4)).copied().unwrap()
        };
        let routes = self.talk.routes(world.family()).into_iter();
        let found: Vec<_> = routes
            .map(|(key, a, stale)| (key, med(&a), stale))
            .collect();
        assert_eq!(found, expected);
        if let Some(rib) = self.talk.rib(world.family()) {
            assert_eq!(rib.partial().is_some(), self.model.partial);
            let stale = expected.iter().filter(|route| route.2).count();
            assert_eq!((rib.len(), rib.stale()), (expected.len(), stale));
        }
    }
}

/// A prefix as everybody writes it.
fn text(world: World, nlri: &[u8]) -> String {
    let (path, nlri) = nlri.split_at(if world.paths { 4 } else { 0 });
    let mut octets = [0; 16];
    octets[..nlri.len() - 1].copy_from_slice(&nlri[1..]);
    let addr = if world.v6 {
        std::net::IpAddr::from(octets)
    } else {
        std::net::IpAddr::from(<[u8; 4]>::try_from(&octets[..4]).unwrap())
    };
    match path {
        [.., id] => format!("{addr}/{} {id}", nlri[0]),
        [] => format!("{addr}/{}", nlri[0]),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn tables_are_what_the_model_says(
        v6 in any::<bool>(),
        paths in any::<bool>(),
        steps in vec(step(), 1..80),
    ) {
        let mut case = Case::new(World { v6, paths });
        for step in &steps {
            case.take(step);
            case.check();
        }
        case.talk.end(End::Silent("evicted"));
        case.model.retained = None;
        // Whatever happened: with the last session and the last restart all is given back.
        case.talk.ribs.advance(case.talk.now_ns + 1000 * SECOND);
        prop_assert_eq!(case.talk.ribs.usage().tables, 0);
    }
}
