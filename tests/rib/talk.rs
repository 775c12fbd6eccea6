//! A random talk of two routers about routes of one family, beside a model that keeps each NLRI as it was sent.

use crate::speakers::{LOST, Speakers, mandatory, reach, unreach, update};
use bgptap::bgp::Family;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::fmt::Debug;

/// What differs between families.
pub(crate) trait World: Copy {
    /// A route, by numbers.
    type Route: Clone + Debug;
    /// What tells it from others.
    type Key: Ord;

    fn family(self) -> Family;
    fn next_hop(self) -> Vec<u8>;
    fn key(self, route: &Self::Route) -> Self::Key;
    /// Its NLRI as it is announced.
    fn announced(self, route: &Self::Route) -> Vec<u8>;
    /// Its NLRI as it is withdrawn.
    fn withdrawn(self, route: &Self::Route) -> Vec<u8>;
}

#[derive(Clone, Debug)]
pub(crate) enum Step<R> {
    /// Routes, and the number of their attributes.
    Announce(Vec<R>, u8),
    Withdraw(Vec<R>),
}

/// Some routes are announced, or withdrawn; each so often.
pub(crate) fn step<R: Clone + Debug>(
    routes: impl Strategy<Value = Vec<R>> + Clone,
    often: [u32; 2],
) -> impl Strategy<Value = Step<R>> {
    let announced =
        (routes.clone(), 0..3u8).prop_map(|(routes, with)| Step::Announce(routes, with));
    let withdrawn = routes.prop_map(Step::Withdraw);
    prop_oneof![often[0] => announced, often[1] => withdrawn]
}

/// The two routers and the model.
pub(crate) struct Talk<W: World> {
    world: W,
    pub(crate) speakers: Speakers,
    /// Key to NLRI as announced last and number of the attributes.
    model: BTreeMap<W::Key, (Vec<u8>, u8)>,
}

impl<W: World> Talk<W> {
    pub(crate) fn new(world: W, speakers: Speakers) -> Self {
        Self {
            world,
            speakers,
            model: BTreeMap::new(),
        }
    }

    /// How many of the routes were new, replaced and duplicate, which is what the model says.
    pub(crate) fn announce(
        &mut self,
        routes: &[W::Route],
        with: u8,
    ) -> Result<[u32; 3], TestCaseError> {
        let (mut expected, mut nlri) = ([0; 3], Vec::new());
        for route in routes {
            let new = (self.world.announced(route), with);
            nlri.extend_from_slice(&new.0);
            match self.model.insert(self.world.key(route), new.clone()) {
                None => expected[0] += 1,
                Some(old) => expected[if old == new { 2 } else { 1 }] += 1,
            }
        }
        let reach = reach(self.world.family(), &self.world.next_hop(), &nlri);
        let attributes = [mandatory(&[1 + u32::from(with)]), reach].concat();
        let changes = self.speakers.update(&update(&[], &attributes, &[]));
        let changes = [changes.new, changes.replaced, changes.duplicate];
        prop_assert_eq!(changes, expected, "{:?} with {}", routes, with);
        Ok(changes)
    }

    /// How many were there, and how many were not, which is what the model says.
    pub(crate) fn withdraw(&mut self, routes: &[W::Route]) -> Result<[u32; 2], TestCaseError> {
        let (mut expected, mut nlri) = ([0; 2], Vec::new());
        for route in routes {
            nlri.extend(self.world.withdrawn(route));
            let there = self.model.remove(&self.world.key(route)).is_some();
            expected[usize::from(!there)] += 1;
        }
        let unreach = unreach(self.world.family(), &nlri);
        let changes = self.speakers.update(&update(&[], &unreach, &[]));
        let changes = [changes.withdrawn, changes.absent];
        prop_assert_eq!(changes, expected, "{:?}", routes);
        Ok(changes)
    }

    pub(crate) fn follow(&mut self, step: &Step<W::Route>) -> Result<(), TestCaseError> {
        match step {
            Step::Announce(routes, with) => self.announce(routes, *with).map(drop),
            Step::Withdraw(routes) => self.withdraw(routes).map(drop),
        }
    }

    /// The table has the NLRI of the model, octet by octet.
    pub(crate) fn is_as_the_model(&self) -> Result<(), TestCaseError> {
        let hex = |octets: &[u8]| octets.iter().map(|octet| format!("{octet:02x}")).collect();
        let mut expected: Vec<String> = self.model.values().map(|route| hex(&route.0)).collect();
        expected.sort();
        prop_assert_eq!(self.speakers.keys(self.world.family()), expected);
        Ok(())
    }

    /// The session ends, and with it go its tables: what lies outside of their entries is counted as it comes and goes. So
    /// many octets are left, those of caches.
    pub(crate) fn end(mut self) -> u64 {
        self.speakers.end(LOST);
        self.speakers.ribs.usage().tables
    }
}
