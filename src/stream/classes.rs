//! Sizes of the buffers for straddling messages, derived from the table of messages.

use crate::bgp::header::{DEFINITIONS, HEADER_LEN};
use bgptap_umem::buffer::Class;

/// Each class holds messages four times as long as the one before it.
const STEP: usize = 4;
/// Bytes that each class may take; small buffers are many, large ones few.
const BYTES_PER_CLASS: usize = 1 << 20;

const fn longest(extended: bool) -> usize {
    let mut longest = HEADER_LEN;
    let mut i = 0;
    while i < DEFINITIONS.len() {
        let definition = &DEFINITIONS[i];
        let max = if extended {
            definition.max_extended
        } else {
            definition.max
        } as usize;
        if max > longest {
            longest = max;
        }
        i += 1;
    }
    longest
}

const ORDINARY: usize = longest(false);
const EXTENDED: usize = longest(true);

/// Classes below the ordinary maximum, down to the smallest that holds any body at all.
const fn count() -> usize {
    let mut count = 1;
    let mut size = ORDINARY;
    while size / STEP > HEADER_LEN {
        size /= STEP;
        count += 1;
    }
    // One more for extended messages.
    if EXTENDED > ORDINARY {
        count + 1
    } else {
        count
    }
}

const fn derive() -> [Class; count()] {
    let mut classes = [Class {
        size: EXTENDED,
        count: BYTES_PER_CLASS / EXTENDED,
    }; count()];
    let mut i = if EXTENDED > ORDINARY {
        count() - 1
    } else {
        count()
    };
    let mut size = ORDINARY;
    while i > 0 {
        i -= 1;
        classes[i] = Class {
            size,
            count: BYTES_PER_CLASS / size,
        };
        size /= STEP;
    }
    classes
}

/// The classes, ascending. Nobody configures them: they follow from the messages.
pub const CLASSES: [Class; count()] = derive();

#[cfg(test)]
mod tests {
    use super::*;

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
}
