//! What a message did to a table.

use crate::bgp::names;
use crate::bgp::text::{List, Show};
use serde::ser::{Serialize, SerializeMap, Serializer};

/// Values of the label `change` of `bgptap_rib_changes_total`.
pub const CHANGES: [&str; 8] = [
    "new",
    "replaced",
    "duplicate",
    "refreshed",
    "withdrawn",
    "absent",
    "expired",
    "refused",
];

/// How many routes a message changed, and in which way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Announced, and not there before.
    pub new: u32,
    /// Announced otherwise than before: the old route is replaced (RFC 4271 §3.1).
    pub replaced: u32,
    /// Announced just as before.
    pub duplicate: u32,
    /// Announced just as before, and no longer stale by that.
    pub refreshed: u32,
    /// Withdrawn.
    pub withdrawn: u32,
    /// Withdrawn, but not there.
    pub absent: u32,
    /// Stale routes that End-of-RIB or the end of a refresh removed.
    pub expired: u32,
    /// Announced, and not kept for want of memory.
    pub refused: u32,
    /// Attributes in which any route that was replaced differs from the one before.
    pub changed: Codes,
    /// Something in the NLRI differs that does not tell routes apart, a label for example.
    pub labels: bool,
}

impl Changes {
    /// The counts, in the order of [`CHANGES`].
    #[must_use]
    pub const fn counts(&self) -> [u32; CHANGES.len()] {
        [
            self.new,
            self.replaced,
            self.duplicate,
            self.refreshed,
            self.withdrawn,
            self.absent,
            self.expired,
            self.refused,
        ]
    }
}

/// A set of attribute type codes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Codes([u64; 4]);

impl Codes {
    /// Adds a code.
    pub fn insert(&mut self, code: u8) {
        // The index is two bits wide, the array has four elements.
        self.0[usize::from(code >> 6)] |= 1 << (code & 63);
    }

    /// Adds all codes of another set.
    pub fn extend(&mut self, more: Self) {
        for (word, more) in self.0.iter_mut().zip(more.0) {
            *word |= more;
        }
    }

    /// Whether the code is there.
    #[must_use]
    pub const fn contains(&self, code: u8) -> bool {
        self.0[(code >> 6) as usize] >> (code & 63) & 1 == 1
    }

    /// The codes, ascending.
    pub fn iter(self) -> impl Iterator<Item = u8> + Clone {
        [0u8, 64, 128, 192]
            .into_iter()
            .zip(self.0)
            .flat_map(|(first, word)| {
                // Each step takes the lowest bit that is left.
                std::iter::successors(Some(word), |left| {
                    left.checked_sub(1).map(|less| left & less)
                })
                .take_while(|left| *left != 0)
                .map(move |left| first + (left.trailing_zeros() & 63) as u8)
            })
    }
}

/// `{"new", "replaced", "duplicate", "withdrawn", "absent"}`, and what else there is to tell.
impl Serialize for Changes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (name, count) in CHANGES.iter().zip(self.counts()) {
            let always = !matches!(*name, "refreshed" | "expired" | "refused");
            if always || count > 0 {
                map.serialize_entry(name, &count)?;
            }
        }
        let names = || {
            let labels = self.labels.then_some(Changed::Labels);
            // The next hop may have moved from one of its two attributes to the other.
            let twice = self.changed.contains(NEXT_HOP);
            let codes = self
                .changed
                .iter()
                .filter(move |code| !(twice && *code == MP_REACH));
            codes.map(Changed::Attribute).chain(labels)
        };
        if names().next().is_some() {
            map.serialize_entry("changed", &List(|| names().map(Show)))?;
        }
        map.end()
    }
}

/// NEXT_HOP.
const NEXT_HOP: u8 = 3;
/// MP_REACH_NLRI.
const MP_REACH: u8 = 14;

#[derive(Clone, Copy)]
enum Changed {
    Attribute(u8),
    Labels,
}

impl std::fmt::Display for Changed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            // Of MP_REACH_NLRI only the next hop belongs to a route.
            Self::Attribute(NEXT_HOP | MP_REACH) => f.write_str("NEXT_HOP"),
            Self::Attribute(code) => match names::attribute(*code) {
                Some(name) => f.write_str(name),
                None => write!(f, "{code}"),
            },
            Self::Labels => f.write_str("labels"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_what_happened_is_told_beside_the_five_counts() {
        let value = |changes: &Changes| serde_json::to_value(changes).expect("plain data");
        let none = json!({"new": 0, "replaced": 0, "duplicate": 0, "withdrawn": 0, "absent": 0});
        assert_eq!(value(&Changes::default()), none);
        let mut changes = Changes {
            replaced: 2,
            refused: 1,
            labels: true,
            ..Changes::default()
        };
        for code in [14, 2, 200, 64, 63] {
            changes.changed.insert(code);
        }
        let value = value(&changes);
        assert_eq!((&value["refused"], value.get("expired")), (&json!(1), None));
        let changed = json!(["AS_PATH", "NEXT_HOP", "63", "64", "200", "labels"]);
        let unnamed = [63, 64, 200].map(names::attribute);
        assert_eq!(unnamed, [None; 3], "codes without a name");
        assert_eq!(value["changed"], changed);
    }

    /// IPv4 routes may come with NEXT_HOP or in MP_REACH_NLRI; one that comes the other way next has one change.
    #[test]
    fn a_next_hop_that_moves_between_attributes_is_named_once() {
        for (codes, names) in [
            (&[3, 14][..], json!(["NEXT_HOP"])),
            (&[14], json!(["NEXT_HOP"])),
            (&[3], json!(["NEXT_HOP"])),
            (&[14, 3, 2], json!(["AS_PATH", "NEXT_HOP"])),
        ] {
            let mut codes_set = Changes::default();
            codes
                .iter()
                .for_each(|code| codes_set.changed.insert(*code));
            let value = serde_json::to_value(codes_set).expect("plain data");
            // In the order of their codes.
            let mut told: Vec<_> = value["changed"].as_array().expect("a list").clone();
            told.sort_by_key(ToString::to_string);
            assert_eq!(json!(told), names, "{codes:?}");
        }
    }
}
