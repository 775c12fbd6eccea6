//! One cache: values by what they are, handles to them, and what makes room.

use super::counts::Id;
use super::handle::{Class, Handle, Kind};
use crate::staggered::Staggered;
use foldhash::fast::RandomState;
use std::borrow::Borrow;
use std::hash::{BuildHasher, Hash};
use std::hint::black_box;

/// No entry.
const NONE: u32 = u32::MAX;
/// Entries that are looked at to make room for one, at most.
const TRIES: usize = 16;
/// What the first free number makes room for: as a `Vec` of words does.
const FREE_FIRST: usize = 4;
/// Slots that are all in use grow by this share. If they doubled, half of them could be there for nothing: counted
/// as taken, and kept from the tables, though nobody has touched that memory.
const MORE: usize = 8;
/// The fewest slots to grow by.
const FEWEST: usize = 64;
/// Entries of a class that one call of [`Cache::advance`] looks at.
const SWEEP: usize = 256;

/// How one class fares.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// The label `cache`.
    pub name: &'static str,
    /// Entries that are shared.
    pub entries: u64,
    /// Entries that are not shared: there was no room for them while they were needed.
    pub uninterned: u64,
    /// Values that were there already.
    pub hits: u64,
    /// Values that were not.
    pub misses: u64,
    /// Entries that made room for others.
    pub evictions: u64,
    /// Entries that nobody asked for any more.
    pub expired: u64,
    /// Values that were stored unshared, ever.
    pub uninterned_total: u64,
}

/// Values of one kind, each kept once.
///
/// Entries of a class form a list by the time at which they were asked for last. What makes room
/// is taken from its end, and only an entry without a handle is ever taken: the counts say so, and
/// without `&mut` of the cache nobody can make a handle to such an entry. One that is found
/// in use moves to the front instead.
pub struct Cache<K: Kind> {
    /// The entries that are shared.
    index: Staggered<Indexed>,
    hasher: RandomState,
    /// By number; numbers that other caches of the kind have are `None` here.
    slots: Vec<Option<Slot<K::Value>>>,
    /// Numbers that belong to this cache and have no entry.
    free: Vec<K::Id>,
    classes: Vec<State>,
    /// Seconds; only differences matter.
    now_s: u32,
    /// Taken by values beside their slots.
    heap: usize,
    /// Goes on with each new entry: between two of them the order of the others does not matter.
    epoch: u32,
}

/// An entry as it is found: with its hash it need not be looked at to know that it is another one, nor when
/// the index grows.
struct Indexed {
    number: u32,
    /// The lower half.
    hash: u32,
}

struct Slot<V> {
    value: V,
    /// The lower half of the hash.
    hash: u32,
    /// When it was asked for last.
    used_s: u32,
    /// When it came to the front of its list last.
    front: u32,
    newer: u32,
    older: u32,
    class: u8,
    shared: bool,
}

/// Ends of a list.
#[derive(Clone, Copy)]
struct List {
    newest: u32,
    oldest: u32,
    len: u32,
}

struct State {
    limits: Class,
    shared: List,
    /// What there was no room for.
    own: List,
    /// Entries that are looked at to make room for one: fewer each time that all of them were in use.
    tries: usize,
    stats: Stats,
}

/// How many slots come at once, if there are so many and one is lacking.
const fn more_slots(slots: usize) -> usize {
    let share = slots / MORE;
    if share > FEWEST { share } else { FEWEST }
}

impl List {
    const EMPTY: Self = Self {
        newest: NONE,
        oldest: NONE,
        len: 0,
    };
}

impl<K: Kind> Default for Cache<K> {
    fn default() -> Self {
        Self::with_classes(K::CLASSES)
    }
}

impl<K: Kind> Cache<K> {
    /// A cache with other limits than its kind has by itself.
    #[must_use]
    pub fn with_classes(classes: &[Class]) -> Self {
        let state = |limits: &Class| State {
            limits: *limits,
            shared: List::EMPTY,
            own: List::EMPTY,
            tries: TRIES,
            stats: Stats {
                name: limits.name,
                ..Stats::default()
            },
        };
        Self {
            index: Staggered::new(),
            hasher: RandomState::default(),
            slots: Vec::new(),
            free: Vec::new(),
            classes: classes.iter().map(state).collect(),
            now_s: 0,
            heap: 0,
            epoch: 0,
        }
    }

    /// The value of a handle; `None` if it came from another cache.
    #[must_use]
    #[inline]
    pub fn get(&self, handle: &Handle<K>) -> Option<&K::Value> {
        let slot = self.slots.get(handle.number() as usize)?;
        slot.as_ref().map(|slot| &slot.value)
    }

    /// A handle to `value`, which is stored if it is new. `None` if there are more live values than
    /// the kind has numbers for.
    pub fn intern<Q>(&mut self, class: usize, value: &Q) -> Option<Handle<K>>
    where
        K::Value: Borrow<Q>,
        Q: Eq + Hash + ToOwned<Owned: Into<K::Value>> + ?Sized,
    {
        self.intern_hashed(class, self.hasher.hash_one(value), value)
    }

    /// The same for a value whose hash by [`Self::hasher`] is known.
    pub(super) fn intern_hashed<Q>(
        &mut self,
        class: usize,
        hash: u64,
        value: &Q,
    ) -> Option<Handle<K>>
    where
        K::Value: Borrow<Q>,
        Q: Eq + ToOwned<Owned: Into<K::Value>> + ?Sized,
    {
        match self.find(class, hash, |other| other.borrow() == value) {
            Some(handle) => Some(handle),
            None => self.insert(class, hash, value.to_owned().into()),
        }
    }

    /// Has the processor fetch what finding or inserting will need. For several values this is quicker if all
    /// are asked for before the first is worked on.
    #[inline]
    pub(super) fn look_ahead(&self, hash: u64) {
        if self.index.is_large() {
            let hash = low(hash);
            let found = self.index.find(spread(hash), |entry| entry.hash == hash);
            black_box(found.is_some());
        }
    }

    /// A handle to `value` that equals every other handle to it; `None` where [`Self::intern`] would have to
    /// store it unshared.
    pub fn share<Q>(&mut self, class: usize, value: &Q) -> Option<Handle<K>>
    where
        K::Value: Borrow<Q>,
        Q: Eq + Hash + ToOwned<Owned: Into<K::Value>> + ?Sized,
    {
        if let Some(known) = self.known(class, value) {
            return Some(known);
        }
        let state = self.classes.get(class)?;
        if state.shared.len >= state.limits.max && !self.evict(class, TRIES) {
            let stats = &mut self.classes.get_mut(class)?.stats;
            stats.misses += 1;
            stats.uninterned_total += 1;
            return None;
        }
        let hash = self.hasher.hash_one(value);
        self.insert(class, hash, value.to_owned().into())
    }

    /// A handle to `value` if it is there and shared.
    pub fn known<Q>(&mut self, class: usize, value: &Q) -> Option<Handle<K>>
    where
        K::Value: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        let hash = self.hasher.hash_one(value);
        self.find(class, hash, |other| other.borrow() == value)
    }

    /// What [`Self::find`] and [`Self::insert`] take hashes from.
    #[must_use]
    pub fn hasher(&self) -> &RandomState {
        &self.hasher
    }

    /// The shared value that `is` says yes to, if it is there.
    pub fn find(
        &mut self,
        class: usize,
        hash: u64,
        is: impl Fn(&K::Value) -> bool,
    ) -> Option<Handle<K>> {
        let slots = &self.slots;
        let hash = low(hash);
        let same = |entry: &Indexed| {
            entry.hash == hash && {
                let slot = slots.get(entry.number as usize).and_then(Option::as_ref);
                slot.is_some_and(|slot| usize::from(slot.class) == class && is(&slot.value))
            }
        };
        let number = self.index.find(spread(hash), same)?.number;
        self.classes.get_mut(class)?.stats.hits += 1;
        self.touch(number);
        K::Id::new(number).map(Handle::to)
    }

    /// Stores a value that [`Self::find`] has not found. If the class is full of values that
    /// are in use the new one is not shared, and counted.
    pub fn insert(&mut self, class: usize, hash: u64, value: K::Value) -> Option<Handle<K>> {
        let kept_class = u8::try_from(class).ok()?;
        self.sweep_own(class, 2);
        let state = self.classes.get_mut(class)?;
        state.stats.misses += 1;
        let full = state.shared.len >= state.limits.max;
        let shared = !full || self.evict_patiently(class);
        let id = match self.free.pop() {
            Some(id) => id,
            None => K::counts().take()?,
        };
        let number = id.number();
        let place = number as usize;
        if place >= self.slots.len() {
            self.make_slots(place + 1);
        }
        self.heap += K::heap_bytes(&value);
        self.slots[place] = Some(Slot {
            value,
            hash: low(hash),
            used_s: self.now_s,
            front: self.epoch,
            newer: NONE,
            older: NONE,
            class: kept_class,
            shared,
        });
        if shared {
            let hash = low(hash);
            let entry = Indexed { number, hash };
            let again = |entry: &Indexed| spread(entry.hash);
            self.index.insert(spread(hash), entry, again);
        } else if let Some(state) = self.classes.get_mut(class) {
            state.stats.uninterned_total += 1;
        }
        self.push_newest(number);
        self.epoch = self.epoch.wrapping_add(1);
        Some(Handle::to(id))
    }

    #[cold]
    fn make_slots(&mut self, count: usize) {
        let lacking = count.saturating_sub(self.slots.len());
        if count > self.slots.capacity() {
            self.slots
                .reserve_exact(lacking + more_slots(self.slots.len()));
        }
        self.slots.resize_with(count, || None);
    }

    /// Time goes on: entries without a handle that nobody asked for in the idle time go, down to the
    /// minimum. Bounded work; to be called every second or so.
    pub fn advance(&mut self, now_s: u32) {
        self.now_s = self.now_s.max(now_s);
        for class in 0..self.classes.len() {
            self.sweep_own(class, SWEEP);
            for _ in 0..SWEEP {
                let Some(number) = self.expired(class) else {
                    break;
                };
                if K::counts().count(number) > 0 {
                    self.refresh(number);
                    continue;
                }
                self.remove(number);
                self.classes[class].stats.expired += 1;
            }
        }
    }

    /// The oldest entry of a class, if it is due and there are more than have to stay.
    fn expired(&self, class: usize) -> Option<u32> {
        let state = self.classes.get(class)?;
        let oldest = state.shared.oldest;
        let slot = self.slots.get(oldest as usize)?.as_ref()?;
        let idle = self.now_s.saturating_sub(slot.used_s);
        (state.shared.len > state.limits.min && idle > state.limits.idle_s).then_some(oldest)
    }

    /// How each class fares.
    pub fn stats(&self) -> impl Iterator<Item = Stats> + '_ {
        self.classes.iter().map(|state| Stats {
            entries: state.shared.len.into(),
            uninterned: state.own.len.into(),
            ..state.stats
        })
    }

    /// Bytes that the cache takes, but for the counts.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let slots = self.slots.capacity() * size_of::<Option<Slot<K::Value>>>();
        let free = self.free.capacity() * size_of::<K::Id>();
        (slots + free + self.heap) as u64 + self.index.allocation_size()
    }

    /// Bytes that the cache grows by if `more` entries come, beside what these hold.
    #[must_use]
    pub fn growth(&self, more: usize) -> u64 {
        let room = self.slots.capacity() - self.slots.len() + self.free.len();
        let slots = if room < more {
            (more + more_slots(self.slots.len())) * size_of::<Option<Slot<K::Value>>>()
        } else {
            0
        };
        // If they go again, their numbers are free; those that are there have room already.
        let free = if self.free.capacity() < more {
            2 * more.max(FREE_FIRST) * size_of::<K::Id>()
        } else {
            0
        };
        (slots + free) as u64 + self.index.growth_most(more)
    }

    /// Drops an entry at once if nobody refers to it, however young it is.
    pub(super) fn drop_unused(&mut self, number: u32) -> bool {
        let unused = K::counts().count(number) == 0 && self.slot(number).is_some();
        if unused {
            self.remove(number);
        }
        unused
    }

    /// Makes room at once: of each class up to `most` entries go that nobody refers to, however young.
    pub fn shed(&mut self, most: usize) {
        for class in 0..self.classes.len() {
            self.sweep_own(class, most);
            for _ in 0..most {
                if !self.evict(class, TRIES) {
                    break;
                }
            }
        }
    }

    /// The values of all entries.
    pub fn values(&self) -> impl Iterator<Item = &K::Value> {
        self.slots.iter().flatten().map(|slot| &slot.value)
    }

    /// Makes room for one entry, or finds out with less and less effort that all are in use.
    fn evict_patiently(&mut self, class: usize) -> bool {
        let Some(tries) = self.classes.get(class).map(|state| state.tries) else {
            return false;
        };
        let made = self.evict(class, tries);
        if let Some(state) = self.classes.get_mut(class) {
            state.tries = if made { TRIES } else { (tries / 2).max(1) };
        }
        made
    }

    /// Makes room for one entry; false if all that were looked at are in use.
    fn evict(&mut self, class: usize, tries: usize) -> bool {
        for _ in 0..tries {
            let Some(state) = self.classes.get(class) else {
                return false;
            };
            let oldest = state.shared.oldest;
            if oldest == NONE {
                return false;
            }
            if K::counts().count(oldest) == 0 {
                self.remove(oldest);
                self.classes[class].stats.evictions += 1;
                return true;
            }
            self.refresh(oldest);
        }
        false
    }

    /// Frees entries that are not shared and that nobody has any more; looks at up to `most` of them.
    fn sweep_own(&mut self, class: usize, most: usize) {
        for _ in 0..most {
            let Some(state) = self.classes.get(class) else {
                return;
            };
            let oldest = state.own.oldest;
            if oldest == NONE {
                return;
            }
            if K::counts().count(oldest) == 0 {
                self.remove(oldest);
            } else {
                self.refresh(oldest);
            }
        }
    }

    fn remove(&mut self, number: u32) {
        self.unlink(number);
        let Some(slot) = self.slots.get_mut(number as usize).and_then(Option::take) else {
            return;
        };
        self.heap -= K::heap_bytes(&slot.value);
        if slot.shared {
            let is = |entry: &Indexed| entry.number == number;
            self.index.remove(spread(slot.hash), is);
        }
        self.free.extend(K::Id::new(number));
    }

    /// The entry was asked for.
    #[inline]
    fn touch(&mut self, number: u32) {
        let (now_s, epoch) = (self.now_s, self.epoch);
        if let Some(slot) = self.slot(number)
            && (slot.front != epoch || slot.used_s != now_s)
        {
            self.refresh(number);
        }
    }

    /// The entry comes to the front of its list.
    fn refresh(&mut self, number: u32) {
        let (now_s, epoch) = (self.now_s, self.epoch);
        if let Some(slot) = self.slot(number) {
            let newest = slot.newer == NONE;
            slot.used_s = now_s;
            slot.front = epoch;
            if !newest {
                self.unlink(number);
                self.push_newest(number);
            }
        }
    }

    fn slot(&mut self, number: u32) -> Option<&mut Slot<K::Value>> {
        self.slots.get_mut(number as usize)?.as_mut()
    }

    fn list(&mut self, class: u8, shared: bool) -> Option<&mut List> {
        let state = self.classes.get_mut(usize::from(class))?;
        Some(if shared {
            &mut state.shared
        } else {
            &mut state.own
        })
    }

    fn push_newest(&mut self, number: u32) {
        let Some(slot) = self.slot(number) else {
            return;
        };
        let (class, shared) = (slot.class, slot.shared);
        let Some(list) = self.list(class, shared) else {
            return;
        };
        let second = std::mem::replace(&mut list.newest, number);
        list.len += 1;
        if second == NONE {
            list.oldest = number;
        } else if let Some(second) = self.slot(second) {
            second.newer = number;
        }
        if let Some(slot) = self.slot(number) {
            slot.older = second;
            slot.newer = NONE;
        }
    }

    fn unlink(&mut self, number: u32) {
        let Some(slot) = self.slot(number) else {
            return;
        };
        let (newer, older, class, shared) = (slot.newer, slot.older, slot.class, slot.shared);
        match self.slot(newer) {
            Some(slot) => slot.older = older,
            None => self.ends(class, shared, |list| list.newest = older),
        }
        match self.slot(older) {
            Some(slot) => slot.newer = newer,
            None => self.ends(class, shared, |list| list.oldest = newer),
        }
        self.ends(class, shared, |list| list.len -= 1);
    }

    fn ends(&mut self, class: u8, shared: bool, change: impl FnOnce(&mut List)) {
        if let Some(list) = self.list(class, shared) {
            change(list);
        }
    }
}

impl<K: Kind> Drop for Cache<K> {
    /// Other caches of the kind may have the numbers; those that still have handles are lost.
    fn drop(&mut self) {
        let taken = self.slots.iter().zip(0u32..);
        let taken = taken.filter_map(|(slot, number)| slot.as_ref().map(|_| number));
        let free = self.free.iter().map(|id| id.number());
        for number in taken.chain(free) {
            if K::counts().count(number) == 0 {
                K::counts().give_back(number);
            }
        }
    }
}

#[allow(clippy::cast_possible_truncation, reason = "the lower half is meant")]
fn low(hash: u64) -> u32 {
    hash as u32
}

/// The hash that the index sees: it takes its tags from the upper bits.
fn spread(hash: u32) -> u64 {
    u64::from(hash).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}
