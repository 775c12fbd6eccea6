//! One listener's view: what it is told, of which routers, and by what.

use super::carrier::{Carrier, RouterName};
use super::router::{Router, Voice, World};
use super::{PLACES_PER_TICK, ROUTERS_MAX};
use crate::filter::Selection;
use std::collections::HashMap;
use std::net::IpAddr;

/// The least time between two searches for a place, nanoseconds.
const LOOK_NS: u64 = 1_000_000_000;

/// A listener that is wanted.
pub struct Wanted {
    /// What tells it from others: one with the same key goes on.
    pub key: String,
    /// What brings messages to it; `None` if it is there already.
    pub carrier: Option<Box<dyn Carrier>>,
    /// Which routes it is told.
    pub selection: Selection,
}

/// One listener's view: a carrier and the routers that it is told of.
pub(super) struct Feed {
    /// What tells it from others when the configuration is read again.
    key: String,
    /// Which routes the listener is told.
    pub(super) selection: Selection,
    pub(super) carrier: Box<dyn Carrier>,
    pub(super) routers: Vec<Router>,
    by_name: HashMap<IpAddr, usize, foldhash::fast::RandomState>,
    /// Those that were told beforehand have their places for good.
    expected: usize,
    routers_max: usize,
    /// When places were looked for last, nanoseconds since the epoch.
    looked_ns: u64,
    /// What routers have not told that have no place any more, or never had one.
    untold: Untold,
    /// Whose turn it is.
    first: usize,
}

/// Messages that a listener was not told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Untold {
    /// Because it was not there or not up to date.
    pub(super) missed: u64,
    /// Because there are too many routers.
    pub(super) no_place: u64,
}

impl Feed {
    pub(super) fn new(key: String, carrier: Box<dyn Carrier>, selection: Selection) -> Self {
        Self {
            key,
            selection,
            carrier,
            routers: Vec::new(),
            by_name: HashMap::default(),
            expected: 0,
            routers_max: ROUTERS_MAX,
            looked_ns: 0,
            untold: Untold::default(),
            first: 0,
        }
    }

    pub(super) fn is(&self, key: &str) -> bool {
        self.key == key
    }

    pub(super) fn key(&self) -> &str {
        &self.key
    }

    /// Selects other routes from now on, of which the listener is told anew.
    pub(super) fn select(&mut self, selection: Selection) {
        if !self.selection.is_like(&selection) {
            self.selection.replace(selection);
            self.routers.iter_mut().for_each(Router::unsettle);
        }
    }

    /// Messages that were not told.
    pub(super) fn untold(&self) -> Untold {
        let missed: u64 = self.routers.iter().map(|router| router.missed).sum();
        Untold {
            missed: self.untold.missed + missed,
            ..self.untold
        }
    }

    /// Messages that were not told, and that no tables will make up for as it is now.
    pub(super) fn lost_for_good(&mut self) -> u64 {
        let Self {
            routers, carrier, ..
        } = self;
        let routers = routers.iter_mut();
        let missed = routers.map(|router| router.lost_for_good(&mut **carrier));
        missed.sum::<u64>() + self.untold.no_place
    }

    /// The last word to the listeners.
    pub(super) fn farewell(&mut self) {
        for index in 0..self.routers.len() {
            if let Some((router, mut voice)) = self.speaker(index) {
                router.farewell(&mut voice);
            }
        }
        self.carrier.flush();
    }

    /// A router, and what it speaks by.
    pub(super) fn speaker(&mut self, index: usize) -> Option<(&mut Router, Voice<'_>)> {
        let voice = Voice {
            carrier: &mut *self.carrier,
            selection: &mut self.selection,
        };
        Some((self.routers.get_mut(index)?, voice))
    }

    /// A router that will be told of.
    pub(super) fn expect(&mut self, name: RouterName) {
        if !self.by_name.contains_key(&name.address) && self.routers.len() < self.routers_max {
            self.add(name);
            self.expected = self.routers.len();
        }
    }

    /// The index of a router, which is new if it was not heard of before. `None`, and counted, if there are too many.
    pub(super) fn router(&mut self, name: RouterName, world: &World<'_>) -> Option<usize> {
        if let Some(index) = self.by_name.get(&name.address) {
            return Some(*index);
        }
        if self.routers.len() < self.routers_max {
            return Some(self.add(name));
        }
        let Some(index) = self.vacate(world) else {
            self.untold.no_place += 1;
            return None;
        };
        let line = self.routers.get(index)?.line();
        self.carrier.reopen(line, &name);
        self.by_name.insert(name.address, index);
        *self.routers.get_mut(index)? = Router::new(name, line);
        Some(index)
    }

    fn add(&mut self, name: RouterName) -> usize {
        let index = self.routers.len();
        let line = self.carrier.open(&name);
        self.by_name.insert(name.address, index);
        self.routers.push(Router::new(name, line));
        index
    }

    /// The place of a router that has no session any more, and takes its leave. As all sessions have to be looked at,
    /// that is done once a second at most.
    fn vacate(&mut self, world: &World<'_>) -> Option<usize> {
        if world.now_ns.abs_diff(self.looked_ns) < LOOK_NS {
            return None;
        }
        let busy = world.routers();
        let mut routers = self.routers.iter().enumerate().skip(self.expected);
        let idle = routers.find(|(_, router)| !busy.contains(&router.name.address));
        let Some((index, _)) = idle else {
            self.looked_ns = world.now_ns;
            return None;
        };
        let (router, mut voice) = self.speaker(index)?;
        router.farewell(&mut voice);
        let (address, missed) = (router.name.address, router.missed);
        self.untold.missed += missed;
        self.by_name.remove(&address);
        Some(index)
    }

    pub(super) fn advance(&mut self, world: &World<'_>) {
        let mut places = PLACES_PER_TICK;
        // Another comes first on each tick, so that all have their turn.
        let count = self.routers.len();
        self.first = (self.first + 1) % count.max(1);
        for index in (self.first..count).chain(0..self.first) {
            if let Some((router, mut voice)) = self.speaker(index) {
                router.get_in_step(&mut voice, world);
                router.go_on(&mut voice, world, &mut places);
            }
        }
    }

    /// Tells a router's listener, if there is one already, of the router before anything else: what comes next is
    /// told as it comes, and not by tables later.
    pub(super) fn introduce(&mut self, index: usize, world: &World<'_>) {
        if let Some((router, mut voice)) = self.speaker(index)
            && !router.is_introduced()
        {
            router.get_in_step(&mut voice, world);
        }
    }

    /// Tells a router's listener all that it has not been told; waits for it, if there is none.
    pub(super) fn settle(&mut self, index: usize, world: &World<'_>) {
        let Some((router, mut voice)) = self.speaker(index) else {
            return;
        };
        // There is nothing to be gained by waiting.
        let now_ns = u64::MAX;
        let world = World { now_ns, ..*world };
        while (!router.is_in_step(voice.carrier) || router.is_behind())
            && router.await_listener(voice.carrier)
        {
            router.get_in_step(&mut voice, &world);
            router.go_on(&mut voice, &world, &mut { usize::MAX });
        }
    }

    pub(super) fn statistics(&mut self, world: &World<'_>) {
        for index in 0..self.routers.len() {
            if let Some((router, mut voice)) = self.speaker(index) {
                router.statistics(&mut voice, world);
            }
        }
    }
}

#[cfg(test)]
mod tests;
