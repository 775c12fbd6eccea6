//! Values that recur are kept once.
//!
//! What is interned, and what is not:
//!
//! * **interned** ([`Cache`], [`AttrStore`]): route distinguishers and label stacks (by the tables of their
//!   families, [`crate::rib`]), AS paths,
//!   communities, cluster lists, next hops of more than four octets, whole attribute sets;
//! * **kept as they are**: path identifiers, MED, LOCAL_PREF, ORIGINATOR_ID, IPv4 next hops, AGGREGATOR:
//!   a handle takes as many bytes, or so many that its entry is never earned back (`docs/memory.md`);
//! * **constants** ([`constant`], [`crate::bgp::Family`]): ORIGIN, ATOMIC_AGGREGATE, the known AFI and SAFI;
//! * **never here**: prefixes. They are unique, and stay slices of the message.
//!
//! A [`Handle`] has two or four bytes, counts itself, and can be cloned and dropped anywhere. An entry
//! with a handle is never evicted. Where a cache is at its maximum and all its entries are in use a new value
//! is stored all the same, but not shared, and that is counted.
//!
//! ```
//! use bgptap::bgp::nlri::part::RouteDistinguisher;
//! use bgptap::intern::Distinguishers;
//!
//! let mut cache = Distinguishers::default();
//! let rd = RouteDistinguisher([0, 0, 0xfd, 0xe8, 0, 0, 0, 1]);
//! let (a, b) = (cache.intern(0, &rd.0).unwrap(), cache.intern(0, &rd.0).unwrap());
//! assert_eq!(a, b);
//! assert_eq!(cache.get(&a), Some(&rd.0));
//! assert_eq!(size_of_val(&a), 2);
//! ```

mod attributes;
mod cache;
mod counts;
mod handle;
mod kinds;
#[cfg(test)]
mod tests;

pub use attributes::{AttrSet, AttrStore, Sought, constant};
pub use cache::{Cache, Stats};
pub use counts::{Counts, Id};
pub use handle::{Class, Handle, Kind};
pub use kinds::{
    Distinguisher, Distinguishers, LabelStack, LabelStacks, PathId, PathIds, Set, Value,
};
