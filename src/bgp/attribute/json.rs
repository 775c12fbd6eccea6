//! The JSON form of a list of attributes, of an UPDATE or of an ATTR_SET.

use super::{Attribute, Attributes, View};
use crate::bgp::context::Context;
use crate::bgp::text::{Hex, List};
use serde::ser::{Serialize, SerializeMap, Serializer};

/// Lets `write` write the first attribute of each type, and then writes `unknown_attributes`: those
/// that `write` leaves, saying `false`, because they are not decoded or malformed, and those given
/// before (RFC 7606 §3 g).
///
/// # Errors
/// Those of the serializer.
pub fn serialize_entries<'a, M: SerializeMap>(
    map: &mut M,
    attributes: Attributes<'a>,
    context: &Context,
    mut write: impl FnMut(&mut M, Attribute<'a>) -> Result<bool, M::Error>,
) -> Result<(), M::Error> {
    let mut others = false;
    let mut seen = Seen::default();
    for attribute in attributes {
        others |= !(seen.insert(attribute.code) && write(map, attribute)?);
    }
    if others {
        let list = || Others {
            attributes,
            context,
            seen: Seen::default(),
        };
        map.serialize_entry("unknown_attributes", &List(list))?;
    }
    Ok(())
}

/// The codes that came.
#[derive(Clone, Copy, Default)]
pub(super) struct Seen([u64; 4]);

impl Seen {
    /// Whether the code is new.
    pub(super) fn insert(&mut self, code: u8) -> bool {
        // The index is two bits wide, the array has four elements.
        let word = &mut self.0[usize::from(code >> 6)];
        let bit = 1u64 << (code & 63);
        let new = *word & bit == 0;
        *word |= bit;
        new
    }
}

/// Attributes that no key of their own stands for.
struct Others<'a, 'c> {
    attributes: Attributes<'a>,
    context: &'c Context,
    seen: Seen,
}

impl<'a> Iterator for Others<'a, '_> {
    type Item = Other<'a>;

    fn next(&mut self) -> Option<Other<'a>> {
        loop {
            let attribute = self.attributes.next()?;
            let first = self.seen.insert(attribute.code);
            let status = match attribute.view(self.context) {
                View::Unknown(_) => Status::Unknown,
                View::Malformed(_) => Status::Malformed,
                _ if !first => Status::Repeated,
                _ => continue,
            };
            return Some(Other { attribute, status });
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Status {
    Unknown,
    Malformed,
    Repeated,
}

struct Other<'a> {
    attribute: Attribute<'a>,
    status: Status,
}

impl Serialize for Other<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        self.attribute.serialize_raw(&mut map)?;
        match self.status {
            Status::Unknown => {}
            Status::Malformed => map.serialize_entry("malformed", &true)?,
            Status::Repeated => map.serialize_entry("repeated", &true)?,
        }
        map.end()
    }
}

impl Attribute<'_> {
    /// Writes the value under its key; `false` if it is not decoded or malformed.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize_entry<M: SerializeMap>(
        &self,
        map: &mut M,
        context: &Context,
    ) -> Result<bool, M::Error> {
        let view = self.view(context);
        view.serialize_entry(map)?;
        Ok(!matches!(view, View::Unknown(_) | View::Malformed(_)))
    }

    /// Writes `code`, `name`, `flags` and the bytes of the value.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize_raw<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        map.serialize_entry("code", &self.code)?;
        if let Some(name) = self.name() {
            map.serialize_entry("name", name)?;
        }
        map.serialize_entry("flags", &self.flags.0)?;
        map.serialize_entry("value", &Hex(self.value))
    }
}
