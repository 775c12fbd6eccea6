//! What a table keeps of a route.

use crate::intern::AttrSet;
use foldhash::fast::RandomState;

/// A route in a table.
pub(super) trait Entry: Sized {
    /// What routes are found by.
    type Key<'a>: Copy;
    /// What all keys of a table have in common.
    type Layout: Copy;

    fn new(key: Self::Key<'_>, attributes: AttrSet, state: State) -> Self;
    /// The route has that key.
    fn is(&self, layout: Self::Layout, key: Self::Key<'_>) -> bool;
    fn hash_of(hasher: &RandomState, layout: Self::Layout, key: Self::Key<'_>) -> u64;
    fn hash(&self, hasher: &RandomState, layout: Self::Layout) -> u64;
    fn told(&self) -> &Told;
    fn told_mut(&mut self) -> &mut Told;

    fn attributes(&self) -> &AttrSet {
        &self.told().attributes
    }

    fn set_attributes(&mut self, attributes: AttrSet) -> AttrSet {
        std::mem::replace(&mut self.told_mut().attributes, attributes)
    }

    fn state(&self) -> State {
        self.told().state
    }

    /// The bit that belongs to the key stays.
    fn set_state(&mut self, state: State) {
        let told = self.told_mut();
        told.state = state.with_extra(told.state.extra());
    }

    /// Takes what a key says beyond what tells routes apart, labels for example; whether that is new.
    fn take_rest(&mut self, _key: Self::Key<'_>) -> bool {
        false
    }
    /// Bytes that `key` takes beside the table.
    fn heap_of(_key: Self::Key<'_>) -> u64 {
        0
    }
    /// Bytes that the route takes beside the table.
    fn heap(&self) -> u64 {
        0
    }
}

/// What was told of a route, whatever it is to: eight bytes.
pub(super) struct Told {
    pub(super) attributes: AttrSet,
    pub(super) state: State,
}

/// Seconds since the table's first day, a mark for stale routes, and a bit for the key: four bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct State(u32);

impl State {
    const STALE: u32 = 1 << 30;
    const EXTRA: u32 = 1 << 31;
    const SINCE: u32 = Self::STALE - 1;

    /// Since so many seconds after the table's first; 34 years of them can be told apart.
    pub(super) const fn since(seconds: u32) -> Self {
        let most = Self::SINCE;
        Self(if seconds > most { most } else { seconds })
    }

    pub(super) const fn seconds(self) -> u32 {
        self.0 & Self::SINCE
    }

    pub(super) const fn stale(self) -> bool {
        self.0 & Self::STALE != 0
    }

    pub(super) const fn with_stale(self, stale: bool) -> Self {
        Self(self.0 & !Self::STALE | if stale { Self::STALE } else { 0 })
    }

    /// The bit that belongs to the key.
    pub(super) const fn extra(self) -> bool {
        self.0 & Self::EXTRA != 0
    }

    pub(super) const fn with_extra(self, extra: bool) -> Self {
        Self(self.0 & !Self::EXTRA | if extra { Self::EXTRA } else { 0 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_of_a_state_do_not_touch_one_another() {
        let state = State::since(u32::MAX).with_stale(true).with_extra(true);
        assert_eq!(state.seconds(), (1 << 30) - 1);
        let state = State::since(77).with_extra(true).with_stale(true);
        assert_eq!(
            (state.seconds(), state.stale(), state.extra()),
            (77, true, true)
        );
        let state = state.with_stale(false);
        assert_eq!(
            (state.seconds(), state.stale(), state.extra()),
            (77, false, true)
        );
    }
}
