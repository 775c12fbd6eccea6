//! Errors by attribute and disposition: one series for each pair that occurred.

use super::count::Count;
use crate::bgp::{Disposition, names};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// Pairs that one direction can count apart; the rest is counted together.
pub(super) const PAIRS_MAX: usize = 24;

/// Counters of the errors of one direction that concern a path attribute.
#[derive(Debug, Default)]
pub struct AttributeErrors {
    slots: [Slot; PAIRS_MAX],
    rest: Count,
}

#[derive(Debug, Default)]
struct Slot {
    /// Type code and disposition, see [`key`]; 0 while the slot is free.
    key: AtomicU32,
    count: Count,
}

fn key(attribute: u8, disposition: Disposition) -> u32 {
    u32::from(attribute) << 8 | (disposition as u32 + 1)
}

impl AttributeErrors {
    /// Counts an error. Only the worker may call it.
    pub fn add(&self, attribute: u8, disposition: Disposition) {
        let wanted = key(attribute, disposition);
        for slot in &self.slots {
            let key = slot.key.load(Relaxed);
            if key == 0 {
                slot.key.store(wanted, Relaxed);
            }
            if key == 0 || key == wanted {
                return slot.count.add(1);
            }
        }
        self.rest.add(1);
    }

    /// Attribute, disposition and errors of each pair that occurred; `other` is both where there
    /// were too many pairs.
    pub fn iter(&self) -> impl Iterator<Item = (String, &'static str, u64)> {
        let taken = |slot: &Slot| {
            let [_, _, attribute, disposition] = slot.key.load(Relaxed).to_be_bytes();
            let index = usize::from(disposition).checked_sub(1)?;
            let disposition = Disposition::ALL.get(index)?.name();
            Some((label(attribute), disposition, slot.count.get()))
        };
        let rest = Some(("other".to_owned(), "other", self.rest.get()));
        let rest = rest.filter(|(_, _, count)| *count > 0);
        self.slots.iter().filter_map(taken).chain(rest)
    }
}

/// IANA's name, or the type code where there is none of its own.
#[must_use]
pub fn label(attribute: u8) -> String {
    names::attribute(attribute)
        .filter(|name| *name != "DEPRECATED")
        .map_or_else(|| attribute.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_counted_apart_until_the_slots_run_out() {
        let errors = AttributeErrors::default();
        for disposition in Disposition::ALL {
            errors.add(2, disposition);
        }
        errors.add(2, Disposition::TreatAsWithdraw);
        errors.add(30, Disposition::Ignore);
        let found: Vec<_> = errors.iter().collect();
        let expected = [
            ("AS_PATH", "ignore", 1),
            ("AS_PATH", "attribute-discard", 1),
            ("AS_PATH", "nlri-discard", 1),
            ("AS_PATH", "treat-as-withdraw", 2),
            ("AS_PATH", "afi-safi-disable", 1),
            ("AS_PATH", "session-reset", 1),
            ("30", "ignore", 1),
        ];
        assert_eq!(found, expected.map(|(a, d, n)| (a.to_owned(), d, n)));
        for attribute in 100..200 {
            errors.add(attribute, Disposition::Ignore);
        }
        let total: u64 = errors.iter().map(|(_, _, count)| count).sum();
        assert_eq!(total, 108, "nothing is lost");
        let last = errors.iter().last().expect("not empty");
        assert_eq!((last.0.as_str(), last.1, last.2), ("other", "other", 83));
    }
}
