//! One listener's view: what it is told, of which routers, and by what.

use super::carrier::{Carrier, RouterName};
use super::known::Known;
use super::router::{Router, Sessions, Voice};
use super::{PLACES_PER_TICK, ROUTERS_MAX, Routers, side_of};
use crate::filter::Selection;
use crate::rib::Ribs;
use std::collections::HashMap;
use std::net::IpAddr;

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
    /// Whose turn it is.
    first: usize,
}

impl Feed {
    pub(super) fn new(key: String, carrier: Box<dyn Carrier>, selection: Selection) -> Self {
        Self {
            key,
            selection,
            carrier,
            routers: Vec::new(),
            by_name: HashMap::default(),
            first: 0,
        }
    }

    pub(super) fn is(&self, key: &str) -> bool {
        self.key == key
    }

    /// Selects other routes from now on, of which the listener is told anew.
    pub(super) fn select(&mut self, selection: Selection) {
        if !self.selection.is_like(&selection) {
            self.selection.replace(selection);
            self.routers.iter_mut().for_each(Router::unsettle);
        }
    }

    /// Messages that were not told because their listener was not there or not up to date.
    pub(super) fn missed(&self) -> u64 {
        self.routers.iter().map(|router| router.missed).sum()
    }

    /// The last word to the listeners.
    pub(super) fn farewell(&mut self, description: &str) {
        let mut voice = Voice {
            carrier: &mut *self.carrier,
            description,
            selection: &mut self.selection,
        };
        for router in &mut self.routers {
            router.farewell(&mut voice);
        }
        self.carrier.flush();
    }

    /// The index of a router, which is new if it was not heard of before. `None` if there are too many.
    pub(super) fn router(&mut self, name: RouterName) -> Option<usize> {
        if let Some(index) = self.by_name.get(&name.address) {
            return Some(*index);
        }
        if self.routers.len() >= ROUTERS_MAX {
            return None;
        }
        let index = self.routers.len();
        let line = self.carrier.open(&name);
        self.by_name.insert(name.address, index);
        self.routers.push(Router::new(name, line));
        Some(index)
    }

    pub(super) fn advance(
        &mut self,
        sessions: &Sessions,
        which: &Routers,
        ribs: Option<&Ribs>,
        description: &str,
        now_ns: u64,
    ) {
        let mut places = PLACES_PER_TICK;
        let mut voice = Voice {
            carrier: &mut *self.carrier,
            description,
            selection: &mut self.selection,
        };
        // Another comes first on each tick, so that all have their turn.
        let count = self.routers.len();
        self.first = (self.first + 1) % count.max(1);
        let (before, after) = self.routers.split_at_mut(self.first.min(count));
        for router in after.iter_mut().chain(before) {
            let name = router.name.clone();
            let side_of = |known: &Known| side_of(which, &name, known);
            router.get_in_step(&mut voice, sessions, side_of, now_ns);
            router.go_on(&mut voice, sessions, ribs, side_of, &mut places);
        }
    }

    /// Tells a router's listener, if there is one already, of the router before anything else: what comes next is
    /// told as it comes, and not by tables later.
    pub(super) fn introduce(
        &mut self,
        index: usize,
        sessions: &Sessions,
        which: &Routers,
        description: &str,
        now_ns: u64,
    ) {
        let router = self.routers.get_mut(index);
        let Some(router) = router.filter(|router| !router.is_introduced()) else {
            return;
        };
        let name = router.name.clone();
        let side_of = |known: &Known| side_of(which, &name, known);
        let mut voice = Voice {
            carrier: &mut *self.carrier,
            description,
            selection: &mut self.selection,
        };
        router.get_in_step(&mut voice, sessions, side_of, now_ns);
    }

    /// Tells a router's listener all that it has not been told; waits for it, if there is none.
    pub(super) fn settle(
        &mut self,
        index: usize,
        sessions: &Sessions,
        which: &Routers,
        ribs: Option<&Ribs>,
        description: &str,
    ) {
        let Some(router) = self.routers.get_mut(index) else {
            return;
        };
        let name = router.name.clone();
        let side_of = |known: &Known| side_of(which, &name, known);
        let mut voice = Voice {
            carrier: &mut *self.carrier,
            description,
            selection: &mut self.selection,
        };
        while (!router.is_in_step(voice.carrier) || router.is_behind())
            && router.await_listener(voice.carrier)
        {
            router.get_in_step(&mut voice, sessions, side_of, u64::MAX);
            router.go_on(&mut voice, sessions, ribs, side_of, &mut { usize::MAX });
        }
    }

    pub(super) fn statistics(
        &mut self,
        sessions: &Sessions,
        which: &Routers,
        ribs: Option<&Ribs>,
        description: &str,
        now_ns: u64,
    ) {
        let mut voice = Voice {
            carrier: &mut *self.carrier,
            description,
            selection: &mut self.selection,
        };
        for router in &mut self.routers {
            let name = router.name.clone();
            router.statistics(
                &mut voice,
                sessions,
                ribs,
                |known| side_of(which, &name, known),
                now_ns,
            );
        }
    }
}
