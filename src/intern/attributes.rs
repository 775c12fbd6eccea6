//! Sets of path attributes, for tables.

use super::cache::{Cache, Stats};
use super::handle::Handle;
use super::kinds::{Set, Value, class_of};
use crate::bgp::Update;
use crate::bgp::attribute::{Attribute, Flags, MpReach};
use smallvec::SmallVec;
use std::hash::{BuildHasher, Hasher};

/// The attributes of a route: four bytes, cheap to clone. Equal sets are the same set, unless a
/// cache was full.
pub type AttrSet = Handle<Set>;

/// NEXT_HOP.
const NEXT_HOP: u8 = 3;
/// MP_REACH_NLRI: of it a set keeps the next hop alone.
const MP_REACH: u8 = 14;
/// MP_UNREACH_NLRI says nothing about a route that is announced.
const MP_UNREACH: u8 = 15;
/// Values of up to so many octets are kept in the set itself: a handle and its share of an entry
/// would take no less.
const INLINE_MAX: usize = 8;

/// Attributes that a message hardly exceeds.
const USUAL: usize = 12;
/// Values that one set hardly exceeds.
const PARTS: usize = 32;
/// Entries of a class that go at a time when memory is short.
const SHED: usize = 64;

/// Attributes whose values are few enough to be known beforehand (RFC 4271 §5.1.1, §5.1.6).
const CONSTANTS: [(u8, &[u8]); 4] = [(1, &[0]), (1, &[1]), (1, &[2]), (6, &[])];

/// The constant that an attribute is: ORIGIN and ATOMIC_AGGREGATE need no memory.
#[must_use]
pub fn constant(code: u8, value: &[u8]) -> Option<&'static [u8]> {
    let found = CONSTANTS.iter().find(|known| **known == (code, value));
    found.map(|(_, value)| *value)
}

/// One attribute of a set: twelve bytes.
#[derive(Debug)]
pub enum Part {
    /// Place in the table of constants.
    Constant {
        /// Flags that mean something.
        flags: u8,
        /// Which one.
        place: u8,
    },
    /// A value that a handle would not make smaller.
    Inline {
        /// Type code.
        code: u8,
        /// Flags that mean something.
        flags: u8,
        /// Octets of the value.
        len: u8,
        /// The value, from the front.
        octets: [u8; INLINE_MAX],
    },
    /// A value that other sets may have too.
    Shared {
        /// Type code.
        code: u8,
        /// Flags that mean something.
        flags: u8,
        /// The value.
        value: Handle<Value>,
    },
}

/// Attribute sets, and the attribute values that they share.
///
/// ```
/// use bgptap::bgp::attribute::{Attribute, Flags};
/// use bgptap::intern::AttrStore;
///
/// let path = [2, 2, 0, 0, 0xfd, 0xe8, 0, 0, 0xfd, 0xe9];
/// let attributes = [
///     Attribute { flags: Flags(0x40), code: 1, value: &[0] },
///     Attribute { flags: Flags(0x40), code: 2, value: &path },
/// ];
/// let mut store = AttrStore::default();
/// let set = store.store(attributes).unwrap();
/// assert_eq!(store.store(attributes), Some(set.clone()));
/// assert!(store.get(&set).eq(attributes));
/// ```
#[derive(Default)]
pub struct AttrStore {
    // Dropped first: its parts refer to values.
    sets: Cache<Set>,
    values: Cache<Value>,
    /// Where a set is put together; empty in between.
    parts: Vec<Part>,
}

impl AttrStore {
    /// Keeps the attributes of an UPDATE as those of its routes: the IPv4 ones of the message itself, or
    /// with `reach` those of that MP_REACH_NLRI, of which only the next hop stays. NLRI are
    /// never kept, and of the next hops only the one that the routes have.
    ///
    /// `None` if there are more live sets than a handle can number.
    pub fn store_update(
        &mut self,
        update: &Update<'_>,
        reach: Option<&MpReach<'_>>,
    ) -> Option<AttrSet> {
        self.store(update.attributes().filter_map(|attribute| {
            let value = match (attribute.code, reach) {
                (MP_UNREACH, _) | (MP_REACH, None) | (NEXT_HOP, Some(_)) => return None,
                (MP_REACH, Some(reach)) => reach.next_hops.as_bytes(),
                _ => attribute.value,
            };
            Some(Attribute { value, ..attribute })
        }))
    }

    /// Keeps attributes, in the order in which they come.
    ///
    /// `None` if there are more live sets than a handle can number.
    pub fn store<'a>(
        &mut self,
        attributes: impl IntoIterator<Item = Attribute<'a>>,
    ) -> Option<AttrSet> {
        let sought = self.sought(attributes);
        self.find(&sought).or_else(|| self.insert(&sought))
    }

    /// Attributes, prepared for [`Self::find`] and [`Self::insert`].
    pub fn sought<'a>(&self, attributes: impl IntoIterator<Item = Attribute<'a>>) -> Sought<'a> {
        let hasher = self.values.hasher();
        let mut all = self.sets.hasher().build_hasher();
        let hashed = attributes.into_iter().map(|attribute| {
            let Attribute { code, value, flags } = attribute;
            let hash = match Part::inline(value) {
                Some(octets) => u64::from_ne_bytes(octets),
                None => hasher.hash_one(value),
            };
            all.write_u32(value.len() as u32);
            all.write_u16(u16::from_be_bytes([code, bits(flags)]));
            all.write_u64(hash);
            (attribute, hash)
        });
        let attributes = hashed.collect();
        let hash = all.finish();
        Sought { attributes, hash }
    }

    /// The set of these attributes, if it is there.
    pub fn find(&mut self, sought: &Sought<'_>) -> Option<AttrSet> {
        let values = &self.values;
        self.sets.find(0, sought.hash, |parts| {
            let mut pairs = parts.iter().zip(&sought.attributes);
            parts.len() == sought.attributes.len()
                && pairs.all(|(part, (attribute, _))| part.is(attribute, values))
        })
    }

    /// Keeps attributes that [`Self::find`] has not found.
    ///
    /// `None` if there are more live sets than a handle can number.
    pub fn insert(&mut self, sought: &Sought<'_>) -> Option<AttrSet> {
        for (attribute, hash) in &sought.attributes {
            if Part::inline(attribute.value).is_none() {
                self.values.look_ahead(*hash);
            }
        }
        for (attribute, hash) in &sought.attributes {
            let Some(part) = Part::new(attribute, *hash, &mut self.values) else {
                self.parts.clear();
                return None;
            };
            self.parts.push(part);
        }
        // Now that its length is known, the set takes one allocation.
        let parts = self.parts.drain(..).collect();
        self.sets.insert(0, sought.hash, parts)
    }

    /// The attributes of a set, in the order in which they came. Nothing if the set is another store's.
    pub fn get<'s>(&'s self, set: &AttrSet) -> impl Iterator<Item = Attribute<'s>> + Clone + 's {
        let parts = self.sets.get(set).map_or(&[][..], |parts| parts);
        parts.iter().map(|part| part.attribute(&self.values))
    }

    /// The next hop field of the MP_REACH_NLRI that the set came with, or NEXT_HOP.
    #[must_use]
    pub fn next_hop<'s>(&'s self, set: &AttrSet) -> Option<&'s [u8]> {
        let value = |code| self.get(set).find(|attribute| attribute.code == code);
        let found = value(MP_REACH).or_else(|| value(NEXT_HOP));
        found.map(|attribute| attribute.value)
    }

    /// Time goes on; see [`Cache::advance`].
    pub fn advance(&mut self, now_s: u32) {
        self.sets.advance(now_s);
        self.values.advance(now_s);
    }

    /// Bytes that sets and values take.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let parts = self.parts.capacity() * size_of::<Part>();
        self.sets.bytes() + self.values.bytes() + parts as u64
    }

    /// Bytes that one more set may take beside its own, because tables grow.
    #[must_use]
    pub fn growth(&self) -> u64 {
        self.sets.growth(1) + self.values.growth(PARTS)
    }

    /// Gives a set back; if nobody else has it, it and what it alone has are gone at once.
    pub fn discard(&mut self, set: AttrSet) {
        let number = set.number();
        let parts = self.sets.get(&set).map_or(&[][..], |parts| parts);
        let values = parts.iter().filter_map(|part| match part {
            Part::Shared { value, .. } => Some(value.number()),
            Part::Constant { .. } | Part::Inline { .. } => None,
        });
        let values: Vec<u32> = values.collect();
        drop(set);
        if self.sets.drop_unused(number) {
            for value in values {
                self.values.drop_unused(value);
            }
        }
    }

    /// Makes room at once, see [`Cache::shed`].
    pub fn shed(&mut self) {
        self.sets.shed(SHED);
        self.values.shed(SHED);
    }

    /// How the caches fare.
    pub fn stats(&self) -> impl Iterator<Item = Stats> + '_ {
        self.sets.stats().chain(self.values.stats())
    }
}

/// Attributes with their hashes: made once, however often they are looked for.
pub struct Sought<'a> {
    /// With the value itself, if it is short, or its hash.
    attributes: SmallVec<[(Attribute<'a>, u64); USUAL]>,
    hash: u64,
}

/// What flags mean; how the length is written is not part of the attribute.
const fn bits(flags: Flags) -> u8 {
    flags.0 & 0xe0
}

impl Part {
    /// The octets of a value that is short enough to be kept in the set itself.
    fn inline(value: &[u8]) -> Option<[u8; INLINE_MAX]> {
        let mut octets = [0; INLINE_MAX];
        octets.get_mut(..value.len())?.copy_from_slice(value);
        Some(octets)
    }

    /// `hash` is that of the value, where it is not short.
    fn new(attribute: &Attribute<'_>, hash: u64, values: &mut Cache<Value>) -> Option<Self> {
        let Attribute { code, value, .. } = *attribute;
        let flags = bits(attribute.flags);
        let known = CONSTANTS
            .iter()
            .zip(0u8..)
            .find(|(c, _)| **c == (code, value));
        if let Some((_, place)) = known {
            return Some(Self::Constant { flags, place });
        }
        if let Some(octets) = Self::inline(value) {
            return Some(Self::Inline {
                code,
                flags,
                // At most eight.
                len: value.len() as u8,
                octets,
            });
        }
        let value = values.intern_hashed(class_of(code), hash, value)?;
        Some(Self::Shared { code, flags, value })
    }

    fn is(&self, attribute: &Attribute<'_>, values: &Cache<Value>) -> bool {
        let Attribute { flags, code, value } = self.attribute(values);
        (code, value) == (attribute.code, attribute.value) && flags.0 == bits(attribute.flags)
    }

    fn attribute<'s>(&'s self, values: &'s Cache<Value>) -> Attribute<'s> {
        let (code, flags, value): (_, _, &[u8]) = match self {
            Self::Constant { flags, place } => {
                let (code, value) = CONSTANTS[usize::from(*place) % CONSTANTS.len()];
                (code, *flags, value)
            }
            Self::Inline {
                code,
                flags,
                len,
                octets,
            } => {
                let value = octets.get(..usize::from(*len)).unwrap_or_default();
                (*code, *flags, value)
            }
            Self::Shared { code, flags, value } => {
                let value = values.get(value).map_or(&[][..], |value| value);
                (*code, *flags, value)
            }
        };
        Attribute {
            flags: Flags(flags),
            code,
            value,
        }
    }
}
