//! TLVs that tables describe: what attributes and NLRI of many small parts are made of.
//!
//! A [`Table`] says how wide types and lengths are and has a [`Row`] for each type that is known:
//! its name and its [`Field`]s. From it come the views ([`Tlvs`], [`Tlv::visit`]), the JSON form
//! and the check. A type without a row keeps its octets. Tables can hold tables but never
//! themselves, so that the depth of what is nested ends with theirs.

mod check;
mod json;
mod value;

use super::reader::Reader;
use crate::bgp::family::Afi;

pub(crate) use check::Wrong;
pub use value::{FlagSet, Records, SystemId, Value};

/// How wide type and length of a TLV are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Head {
    /// Two octets each (BGP-LS, BIER, tunnels).
    Wide,
    /// One octet each.
    Narrow,
    /// One octet for the type, two for the length.
    Long,
    /// One octet for the type; for the length one below type 128, two from there on
    /// (RFC 9012 §2).
    Split,
}

/// The TLVs of one place.
#[derive(Debug)]
pub struct Table {
    /// Width of type and length.
    pub head: Head,
    /// Those that are known.
    pub rows: &'static [&'static [Row]],
    /// What TLVs of other types hold, if that is the same for all.
    pub others: Option<&'static [Field]>,
}

/// A type of TLV: the type, IANA's name in lower case with hyphens, and what the value holds.
#[derive(Clone, Copy, Debug)]
pub struct Row(pub u16, pub &'static str, pub &'static [Field]);

/// A field with its name; the name is empty where a list has values instead of objects.
#[derive(Clone, Copy, Debug)]
pub struct Field(pub &'static str, pub Kind);

/// What a field holds, and with that how many octets it takes.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// A number of one to eight octets.
    Uint(usize),
    /// So many octets, of which the lower bits are a number and the others reserved.
    Low(usize, u32),
    /// An IEEE number of four octets.
    Float,
    /// Numbers of the given widths in bits, from the most significant bit on; eight octets at
    /// most. Nameless ones are reserved. Each stands beside the other fields.
    Bits(&'static [(&'static str, u32)]),
    /// Flags in so many octets, named from the most significant bit on; a nameless one has no
    /// name yet.
    Flags(usize, &'static [&'static str]),
    /// An IPv4 address.
    Ipv4,
    /// An IPv6 address.
    Ipv6,
    /// A MAC address.
    Mac,
    /// A system identifier of IS-IS.
    SystemId,
    /// A route distinguisher.
    Rd,
    /// So many octets, shown as they are.
    Hex(usize),
    /// So many octets that are reserved.
    Skip(usize),
    /// The application masks of RFC 9294 §2: two lengths, two reserved octets, two masks.
    Masks,
    /// An address family of two octets and, to the end, an address of it or, for family 0,
    /// nothing (RFC 9012 §3.1).
    FamilyAddr,
    /// To the end: an IPv4 or an IPv6 address.
    Addr,
    /// To the end: a prefix behind its length.
    Prefix(Afi),
    /// To the end: text.
    Text,
    /// To the end: octets.
    Raw,
    /// So many records.
    Times(usize, &'static [Field]),
    /// To the end: records.
    Many(&'static [Field]),
    /// One TLV, which must be valid.
    Tlv(&'static Table),
    /// To the end: TLVs.
    Tlvs(&'static Table),
    /// To the end: octets that later RFCs may give a meaning.
    Rest,
    /// To the end: the fields that belong to so many octets. No others are allowed.
    ByLength(&'static [(usize, &'static [Field])]),
}

impl Kind {
    /// Whether a field of this kind always has one value, under its own name.
    const fn is_single(self) -> bool {
        !matches!(
            self,
            Self::Skip(_)
                | Self::Rest
                | Self::Bits(_)
                | Self::Masks
                | Self::FamilyAddr
                | Self::ByLength(_)
        )
    }
}

impl Table {
    /// A table whose rows come in several parts.
    pub(crate) const fn new(head: Head, rows: &'static [&'static [Row]]) -> Self {
        let others = None;
        Self { head, rows, others }
    }

    /// The row of a type.
    #[must_use]
    pub fn row(&self, kind: u16) -> Option<&'static Row> {
        let mut rows = self.rows.iter().copied().flatten();
        rows.find(|Row(row, ..)| *row == kind)
    }
}

impl PartialEq for Table {
    /// Tables are written down once, so that each equals only itself.
    fn eq(&self, other: &Self) -> bool {
        core::ptr::eq(self, other)
    }
}

impl Eq for Table {}

/// TLVs in wire order, up to one that does not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tlvs<'a> {
    unread: &'a [u8],
    table: &'static Table,
}

impl<'a> Tlvs<'a> {
    pub(crate) const fn new(bytes: &'a [u8], table: &'static Table) -> Self {
        Self {
            unread: bytes,
            table,
        }
    }

    /// The octets not read yet; after the end, those that are no TLV.
    #[must_use]
    pub const fn unread(&self) -> &'a [u8] {
        self.unread
    }

    /// The type of the next TLV, whether it fits or not.
    fn next_kind(&self) -> Option<u16> {
        self.take_kind(&mut Reader::new(self.unread))
    }

    fn take_kind(&self, input: &mut Reader<'a>) -> Option<u16> {
        match self.table.head {
            Head::Wide => input.u16(),
            Head::Narrow | Head::Long | Head::Split => input.u8().map(u16::from),
        }
    }

    /// The first TLV of a type.
    #[must_use]
    pub fn find(mut self, kind: u16) -> Option<Tlv<'a>> {
        Iterator::find(&mut self, |tlv| tlv.kind == kind)
    }
}

impl<'a> Iterator for Tlvs<'a> {
    type Item = Tlv<'a>;

    fn next(&mut self) -> Option<Tlv<'a>> {
        let mut input = Reader::new(self.unread);
        let kind = self.take_kind(&mut input)?;
        let wide = match self.table.head {
            Head::Wide | Head::Long => true,
            Head::Narrow => false,
            Head::Split => kind >= 128,
        };
        let length = if wide {
            usize::from(input.u16()?)
        } else {
            usize::from(input.u8()?)
        };
        let value = input.take(length)?;
        self.unread = input.rest();
        let row = self.table.row(kind);
        Some(Tlv {
            kind,
            name: row.map(|Row(_, name, _)| *name),
            value,
            fields: row.map_or(self.table.others, |Row(_, _, fields)| Some(*fields)),
        })
    }
}

impl core::iter::FusedIterator for Tlvs<'_> {}

/// One TLV.
#[derive(Clone, Copy, Debug)]
pub struct Tlv<'a> {
    /// Type.
    pub kind: u16,
    /// Name of the type, if it is known.
    pub name: Option<&'static str>,
    /// Value as sent.
    pub value: &'a [u8],
    fields: Option<&'static [Field]>,
}

impl<'a> Tlv<'a> {
    /// Hands out the fields in wire order; whether the value is what its type asks for. Of one
    /// that is not, the fields before the fault come.
    pub fn visit(&self, step: &mut dyn FnMut(&'static str, Value<'a>)) -> bool {
        self.fields
            .is_none_or(|fields| value::visit(fields, self.value, step).is_ok())
    }

    /// Whether the value is what its type asks for; one of a type that is not known is.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        self.visit(&mut |_, _| ())
    }

    /// The field of that name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Value<'a>> {
        let mut found = None;
        self.visit(&mut |field, value| {
            if field == name && found.is_none() {
                found = Some(value);
            }
        });
        found
    }
}

#[cfg(test)]
pub(crate) mod tests;
