//! Attributes as they were written before: paths and communities recur.
//!
//! A cache of fixed size in sets of a few slots; the slot of its set that was not asked for
//! longest makes room. Slots keep their buffers, so that in steady state nothing is allocated,
//! whether what comes is known or not.

use foldhash::fast::RandomState;
use std::hash::BuildHasher;

/// Slots of a set.
const WAYS: usize = 4;
/// Sets, a power of two.
const SETS: usize = 1024;
/// Octets of a value worth keeping: shorter ones are written as fast as they are found, and with
/// longer ones the cache could grow large. As text a value is up to twenty times as long.
const LENGTHS: std::ops::RangeInclusive<usize> = 5..=128;

/// How often the cache knew the attribute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Lookups {
    /// It did.
    pub hits: u64,
    /// It did not.
    pub misses: u64,
}

/// What an attribute is and how it is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key<'a> {
    pub(super) code: u8,
    /// AS numbers have four octets.
    pub(super) as4: bool,
    pub(super) value: &'a [u8],
}

#[derive(Default)]
struct Slot {
    code: u8,
    as4: bool,
    value: Vec<u8>,
    fields: Vec<u8>,
    /// When it was last asked for; 0: never.
    used: u64,
}

impl Slot {
    fn holds(&self, key: Key<'_>) -> bool {
        self.used > 0 && (self.code, self.as4) == (key.code, key.as4) && self.value == key.value
    }
}

/// The attributes written last, as fields of JSON.
pub(super) struct Cache {
    slots: Vec<Slot>,
    hasher: RandomState,
    clock: u64,
    pub(super) lookups: Lookups,
}

impl Cache {
    /// Room for all slots, with buffers that most attributes fit.
    pub(super) fn new() -> Self {
        let slot = || Slot {
            value: Vec::with_capacity(32),
            fields: Vec::with_capacity(128),
            ..Slot::default()
        };
        Self {
            slots: std::iter::repeat_with(slot).take(SETS * WAYS).collect(),
            hasher: RandomState::default(),
            clock: 0,
            lookups: Lookups::default(),
        }
    }

    /// The fields of the attribute, written by `write` if they are not known; `None` if it is not
    /// kept here. Fields that cannot be written are none.
    pub(super) fn fields(
        &mut self,
        key: Key<'_>,
        write: impl FnOnce(&mut Vec<u8>) -> serde_json::Result<()>,
    ) -> Option<&[u8]> {
        if !LENGTHS.contains(&key.value.len()) {
            return None;
        }
        self.clock += 1;
        // The low bits of the hash choose the set: the remainder is below `SETS`.
        #[allow(clippy::cast_possible_truncation, reason = "only low bits matter")]
        let set = self.hasher.hash_one(key) as usize % SETS;
        let slots = self.slots.get_mut(set * WAYS..(set + 1) * WAYS)?;
        if let Some(found) = slots.iter().position(|slot| slot.holds(key)) {
            self.lookups.hits += 1;
            let slot = slots.get_mut(found)?;
            slot.used = self.clock;
            return Some(&slot.fields);
        }
        self.lookups.misses += 1;
        let slot = slots.iter_mut().min_by_key(|slot| slot.used)?;
        (slot.code, slot.as4, slot.used) = (key.code, key.as4, self.clock);
        slot.value.clear();
        slot.value.extend_from_slice(key.value);
        slot.fields.clear();
        if write(&mut slot.fields).is_err() {
            slot.fields.clear();
        }
        Some(&slot.fields)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(value: &[u8]) -> Key<'_> {
        Key {
            code: 8,
            as4: true,
            value,
        }
    }

    fn get(cache: &mut Cache, key: Key<'_>, text: &str) -> Option<String> {
        let write = |out: &mut Vec<u8>| {
            out.extend_from_slice(text.as_bytes());
            Ok(())
        };
        let fields = cache.fields(key, write)?;
        Some(String::from_utf8(fields.to_vec()).expect("text"))
    }

    #[test]
    fn what_was_written_is_found_again_under_its_own_key_only() {
        let mut cache = Cache::new();
        let value = [1, 2, 3, 4, 5];
        let old = Key {
            as4: false,
            ..key(&value)
        };
        let other = Key {
            code: 2,
            ..key(&value)
        };
        assert_eq!(get(&mut cache, key(&value), "a").as_deref(), Some("a"));
        assert_eq!(get(&mut cache, key(&value), "b").as_deref(), Some("a"));
        assert_eq!(get(&mut cache, old, "c").as_deref(), Some("c"));
        assert_eq!(get(&mut cache, other, "d").as_deref(), Some("d"));
        assert_eq!(cache.lookups, Lookups { hits: 1, misses: 3 });
    }

    #[test]
    fn short_and_long_values_are_not_kept() {
        let mut cache = Cache::new();
        assert_eq!(get(&mut cache, key(&[0; 4]), "a"), None);
        assert_eq!(get(&mut cache, key(&[0; 129]), "a"), None);
        assert_eq!(cache.lookups, Lookups::default());
    }

    #[test]
    fn many_values_neither_grow_it_nor_push_out_one_in_use() {
        let mut cache = Cache::new();
        let used = [9; 8];
        get(&mut cache, key(&used), "used");
        let mut misses = 0;
        for number in 0..20_000u64 {
            let value = number.to_be_bytes();
            assert_eq!(get(&mut cache, key(&value), "x").as_deref(), Some("x"));
            let counted = allocation_counter::measure(|| {
                let fields = cache.fields(key(&used), |_| {
                    misses += 1;
                    Ok(())
                });
                assert!(fields.is_some());
            });
            assert_eq!(counted.count_total, 0);
        }
        assert_eq!(misses, 0, "asked for each time, it is never the oldest");
        assert_eq!(cache.slots.len(), SETS * WAYS);
    }
}
