//! Sizes of the buffers for straddling messages, derived from the table of messages.
//!
//! Nobody configures them. [`derive`] turns any table of definitions into classes at compile
//! time; [`CLASSES`] is what it makes of the messages there are. At run time only those classes
//! are mapped that the messages asked for can need.

use crate::bgp::MessageSet;
use crate::bgp::header::{DEFINITIONS, Definition, HEADER_LEN};
use bgptap_umem::buffer::Class;

/// Each class holds messages four times as long as the one before it.
const STEP: usize = 4;
/// Bytes that each class may take; small buffers are many, large ones few.
const BYTES_PER_CLASS: usize = 1 << 20;
/// More classes than any table leads to; one that leads to more does not compile.
const SIZES_MAX: usize = 16;

/// Sizes, ascending.
struct Sizes {
    sizes: [usize; SIZES_MAX],
    count: usize,
}

impl Sizes {
    /// Puts `size` in its place, once.
    const fn insert(mut self, size: usize) -> Self {
        let mut at = 0;
        while at < self.count && self.sizes[at] < size {
            at += 1;
        }
        if at < self.count && self.sizes[at] == size {
            return self;
        }
        let mut i = self.count;
        while i > at {
            self.sizes[i] = self.sizes[i - 1];
            i -= 1;
        }
        self.sizes[at] = size;
        self.count += 1;
        self
    }
}

/// The longest message that needs no capability.
const fn ordinary(definitions: &[Definition]) -> usize {
    let mut longest = HEADER_LEN;
    let mut i = 0;
    while i < definitions.len() {
        if definitions[i].max as usize > longest {
            longest = definitions[i].max as usize;
        }
        i += 1;
    }
    longest
}

/// A ladder from the ordinary maximum down to the smallest size that holds any body at all, and
/// each maximum that a message has above the foot of it: no message gets a buffer that is
/// `STEP` times too long, and none finds no class.
const fn sizes(definitions: &[Definition]) -> Sizes {
    let mut sizes = Sizes {
        sizes: [0; SIZES_MAX],
        count: 0,
    };
    let mut size = ordinary(definitions);
    sizes = sizes.insert(size);
    while size / STEP > HEADER_LEN {
        size /= STEP;
        sizes = sizes.insert(size);
    }
    let smallest = size;
    let mut i = 0;
    while i < definitions.len() {
        let definition = &definitions[i];
        if definition.max as usize > smallest {
            sizes = sizes.insert(definition.max as usize);
        }
        if definition.max_extended as usize > smallest {
            sizes = sizes.insert(definition.max_extended as usize);
        }
        i += 1;
    }
    sizes
}

/// How many classes a table leads to.
#[must_use]
pub const fn class_count(definitions: &[Definition]) -> usize {
    sizes(definitions).count
}

/// The classes of a table, ascending; `N` is its [`class_count`].
#[must_use]
pub const fn derive<const N: usize>(definitions: &[Definition]) -> [Class; N] {
    let sizes = sizes(definitions);
    assert!(N == sizes.count, "N is the number of classes");
    let mut classes = [Class { size: 0, count: 0 }; N];
    let mut i = 0;
    while i < N {
        let size = sizes.sizes[i];
        let count = BYTES_PER_CLASS / size;
        classes[i] = Class {
            size,
            count: if count > 0 { count } else { 1 },
        };
        i += 1;
    }
    classes
}

/// The classes for all messages there are, ascending.
pub const CLASSES: [Class; class_count(&DEFINITIONS)] = derive(&DEFINITIONS);

/// The classes that straddling messages of `wanted` can need: none is mapped for what is skipped.
#[must_use]
pub fn classes_for(wanted: MessageSet) -> &'static [Class] {
    static ALL: [Class; CLASSES.len()] = CLASSES;
    let longest = wanted.longest();
    let below = ALL.partition_point(|class| class.size < longest);
    ALL.get(..=below).unwrap_or(&ALL)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bgp::MessageType;

    #[test]
    fn every_message_of_the_table_fits_a_class() {
        for definition in &DEFINITIONS {
            for length in [definition.min, definition.max, definition.max_extended] {
                assert!(CLASSES.iter().any(|class| class.size >= length.into()));
            }
        }
        let sizes: Vec<_> = CLASSES.iter().map(|class| class.size).collect();
        assert_eq!(sizes, [64, 256, 1024, 4096, 65_535]);
        assert!(CLASSES.iter().all(|class| class.count > 0));
    }

    /// A table with one message more: the pool follows at compile time, without any other edit.
    const WITH_ANOTHER: [Definition; DEFINITIONS.len() + 1] = {
        let mut table = [DEFINITIONS[0]; DEFINITIONS.len() + 1];
        let mut i = 0;
        while i < DEFINITIONS.len() {
            table[i] = DEFINITIONS[i];
            i += 1;
        }
        table[i] = Definition {
            kind: MessageType::Unknown(6),
            name: "DYNAMIC_CAPABILITY",
            min: 23,
            max: 4096,
            max_extended: 16_384,
        };
        table
    };
    const MORE: [Class; class_count(&WITH_ANOTHER)] = derive(&WITH_ANOTHER);

    #[test]
    fn another_message_adjusts_the_pool() {
        let sizes = MORE.map(|class| class.size);
        assert_eq!(sizes, [64, 256, 1024, 4096, 16_384, 65_535]);
        assert_eq!(MORE[4].count, BYTES_PER_CLASS / 16_384);
    }

    #[test]
    fn a_table_of_short_messages_needs_one_class() {
        const KEEPALIVE: [Definition; 1] = [DEFINITIONS[3]];
        const ONE: [Class; class_count(&KEEPALIVE)] = derive(&KEEPALIVE);
        assert_eq!(ONE.map(|class| class.size), [19]);
    }

    #[test]
    fn every_length_gets_the_smallest_class_that_holds_it() {
        let few = CLASSES.map(|class| Class { count: 1, ..class });
        let pool = bgptap_umem::buffer::BufferPool::new(&few, false).expect("a little memory");
        for length in 0..=usize::from(u16::MAX) {
            let buffer = pool.acquire(length).expect("the heap has no bound");
            assert_eq!((buffer.len(), buffer.is_fallback()), (length, false));
            let sizes = CLASSES.iter().map(|class| class.size);
            let smallest = sizes.filter(|size| *size >= length).min();
            let used: Vec<_> = pool.stats().filter(|c| c.in_use == 1).collect();
            assert_eq!(used.len(), 1, "length {length}");
            assert_eq!(smallest, Some(used[0].size), "length {length}");
        }
    }

    #[test]
    fn only_what_is_asked_for_is_mapped() {
        let largest = |kinds: &[MessageType]| {
            let classes = classes_for(kinds.iter().copied().collect());
            classes.last().map(|class| class.size)
        };
        use MessageType as T;
        assert_eq!(largest(&[T::Keepalive]), Some(64));
        assert_eq!(largest(&[T::Open, T::Keepalive]), Some(4096));
        assert_eq!(largest(&[T::Open, T::Update]), Some(65_535));
        assert_eq!(classes_for(MessageSet::ALL), CLASSES);
    }
}
