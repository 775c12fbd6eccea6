//! The kinds of values that recur, with the limits of their caches.

use super::attributes::Part;
use super::cache::Cache;
use super::counts::Counts;
use super::handle::{Class, Kind};
use smallvec::SmallVec;
use std::num::{NonZeroU16, NonZeroU32};

/// Entries that nobody refers to are kept for so long: routes that flap find theirs again.
const IDLE_S: u32 = 300;

const fn class(name: &'static str, min: u32, max: u32) -> Class {
    Class {
        name,
        min,
        max,
        idle_s: IDLE_S,
    }
}

/// What the allocator adds to each piece of memory, about.
const PIECE: usize = 16;

trait HeapBytes {
    fn heap_bytes(&self) -> usize {
        0
    }
}

impl HeapBytes for u32 {}

impl<const N: usize> HeapBytes for [u8; N] {}

impl<const N: usize> HeapBytes for SmallVec<[u8; N]> {
    fn heap_bytes(&self) -> usize {
        if self.spilled() {
            self.capacity() + PIECE
        } else {
            0
        }
    }
}

impl<T> HeapBytes for Box<[T]> {
    fn heap_bytes(&self) -> usize {
        size_of_val(&**self) + PIECE
    }
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident: $value:ty, $id:ty, [$($class:expr),* $(,)?];)*) => {
        $(
            $(#[$doc])*
            #[derive(Debug)]
            pub enum $name {}

            impl Kind for $name {
                type Value = $value;
                type Id = $id;
                const CLASSES: &'static [Class] = &[$($class),*];

                fn heap_bytes(value: &$value) -> usize {
                    value.heap_bytes()
                }

                #[inline]
                fn counts() -> &'static Counts {
                    static COUNTS: Counts = Counts::new();
                    &COUNTS
                }
            }
        )*
    };
}

kinds! {
    /// Route distinguishers.
    Distinguisher: [u8; 8], NonZeroU16, [class("route_distinguisher", 50, 500)];
    /// Path identifiers (RFC 7911). Tables keep the value: it is part of their keys, and a handle
    /// is only two bytes smaller.
    PathId: u32, NonZeroU16, [class("path_id", 50, 256)];
    /// Label stacks, three octets for each label.
    LabelStack: SmallVec<[u8; 16]>, NonZeroU16, [class("label_stack", 100, 1000)];
    /// Values of path attributes, in the classes of `class_of`.
    Value: Box<[u8]>, NonZeroU32, [
        class("other_attribute", 64, 65_536),
        class("as_path", 1024, 1 << 20),
        class("community", 1024, 1 << 19),
        class("cluster_list", 64, 65_536),
        class("aigp", 64, 65_536),
        class("pmsi_tunnel", 64, 65_536),
        class("prefix_sid", 64, 65_536),
        class("next_hop", 64, 65_536),
    ];
    /// Sets of path attributes.
    Set: Box<[Part]>, NonZeroU32, [class("attribute_set", 1024, 1 << 21)];
}

/// Cache of route distinguishers.
pub type Distinguishers = Cache<Distinguisher>;
/// Cache of path identifiers.
pub type PathIds = Cache<PathId>;
/// Cache of label stacks.
pub type LabelStacks = Cache<LabelStack>;

/// Which of the classes of [`Value`] an attribute belongs to.
pub(super) const fn class_of(code: u8) -> usize {
    match code {
        2 | 17 => 1,
        8 | 16 | 25 | 32 => 2,
        10 => 3,
        26 => 4,
        22 => 5,
        40 => 6,
        14 => 7,
        _ => 0,
    }
}
