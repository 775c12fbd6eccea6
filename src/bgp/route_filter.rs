//! Outbound route filters that a ROUTE-REFRESH carries (RFC 5291 §4), those by address prefix
//! typed (RFC 5292).

use super::family::Afi;
use super::names;
use super::nlri::Prefix;
use super::nlri::part::prefix;
use super::reader::Reader;

/// The filters of one message: when they take effect, and groups of one type each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RouteFilters<'a> {
    /// When-to-refresh: 1 at once, 2 with the next request.
    pub when: u8,
    afi: Afi,
    groups: &'a [u8],
}

impl<'a> RouteFilters<'a> {
    /// Reads what follows the family of a ROUTE-REFRESH; `None` if nothing does.
    pub(crate) fn parse(afi: Afi, bytes: &'a [u8]) -> Option<Self> {
        let (&when, groups) = bytes.split_first()?;
        Some(Self { when, afi, groups })
    }

    /// Name of [`Self::when`].
    #[must_use]
    pub const fn when_name(&self) -> Option<&'static str> {
        match self.when {
            1 => Some("immediate"),
            2 => Some("defer"),
            _ => None,
        }
    }

    /// The groups, up to one that does not fit.
    #[must_use]
    pub const fn groups(&self) -> FilterGroups<'a> {
        FilterGroups {
            afi: self.afi,
            reader: Reader::new(self.groups),
        }
    }

    /// Every group fits, and every entry of a known type can be read.
    #[must_use]
    pub fn is_well_formed(&self) -> bool {
        let mut groups = self.groups();
        groups.by_ref().all(|group| {
            let mut entries = group.entries();
            entries.by_ref().for_each(drop);
            !group.is_by_prefix() || entries.unread().is_empty()
        }) && groups.reader.is_empty()
    }
}

/// Iterator over groups of filters.
#[derive(Clone, Copy, Debug)]
pub struct FilterGroups<'a> {
    afi: Afi,
    reader: Reader<'a>,
}

impl<'a> Iterator for FilterGroups<'a> {
    type Item = FilterGroup<'a>;

    fn next(&mut self) -> Option<FilterGroup<'a>> {
        let mut reader = self.reader;
        let kind = reader.u8()?;
        let length = usize::from(reader.u16()?);
        let bytes = reader.take(length)?;
        self.reader = reader;
        Some(FilterGroup {
            kind,
            afi: self.afi,
            bytes,
        })
    }
}

/// Filters of one type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FilterGroup<'a> {
    /// ORF type.
    pub kind: u8,
    afi: Afi,
    bytes: &'a [u8],
}

impl<'a> FilterGroup<'a> {
    /// The type's name.
    #[must_use]
    pub const fn name(&self) -> Option<&'static str> {
        names::route_filter(self.kind)
    }

    /// The entries are address prefixes: RFC 5292, and Cisco's before it (type 128).
    #[must_use]
    pub const fn is_by_prefix(&self) -> bool {
        matches!(self.kind, 64 | 128)
    }

    /// The entries as sent.
    #[must_use]
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The entries, up to one that cannot be read; none of a type that is not by prefix.
    #[must_use]
    pub fn entries(&self) -> PrefixFilters<'a> {
        let bytes = if self.is_by_prefix() { self.bytes } else { &[] };
        PrefixFilters {
            afi: self.afi,
            reader: Reader::new(bytes),
        }
    }
}

/// What a filter entry does to the filters that were sent before (RFC 5291 §4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FilterAction {
    /// Adds the entry.
    Add,
    /// Removes it.
    Remove,
    /// Removes all of the type.
    RemoveAll,
    /// 3, which has no meaning.
    Reserved,
}

impl FilterAction {
    /// The name in events.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Add => "add",
            Self::Remove => "remove",
            Self::RemoveAll => "remove-all",
            Self::Reserved => "reserved",
        }
    }
}

/// One entry by address prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PrefixFilter {
    /// What becomes of it.
    pub action: FilterAction,
    /// What matches is denied, else permitted.
    pub deny: bool,
    /// What it matches; none where all entries are removed.
    pub rule: Option<PrefixRule>,
}

/// Which routes an entry matches (RFC 5292 §2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PrefixRule {
    /// Its place among the others.
    pub sequence: u32,
    /// Shortest prefix length that matches; 0 if unspecified.
    pub min_len: u8,
    /// Longest one; 0 if unspecified.
    pub max_len: u8,
    /// Routes within this prefix match.
    pub prefix: Prefix,
}

/// Iterator over entries by address prefix.
#[derive(Clone, Copy, Debug)]
pub struct PrefixFilters<'a> {
    afi: Afi,
    reader: Reader<'a>,
}

impl<'a> PrefixFilters<'a> {
    /// The octets not read yet; after the end, those that cannot be read.
    #[must_use]
    pub const fn unread(&self) -> &'a [u8] {
        self.reader.rest()
    }

    fn rule(afi: Afi, reader: &mut Reader<'_>) -> Option<PrefixRule> {
        let sequence = reader.u32()?;
        let [min_len, max_len, len] = reader.array()?;
        let octets = reader.take(usize::from(len).div_ceil(8))?;
        let (prefix, _) = prefix(afi, len, octets)?;
        Some(PrefixRule {
            sequence,
            min_len,
            max_len,
            prefix,
        })
    }
}

impl Iterator for PrefixFilters<'_> {
    type Item = PrefixFilter;

    fn next(&mut self) -> Option<PrefixFilter> {
        let mut reader = self.reader;
        let head = reader.u8()?;
        let action = match head >> 6 {
            0 => FilterAction::Add,
            1 => FilterAction::Remove,
            2 => FilterAction::RemoveAll,
            _ => FilterAction::Reserved,
        };
        let rule = match action {
            FilterAction::RemoveAll => None,
            _ => Some(Self::rule(self.afi, &mut reader)?),
        };
        self.reader = reader;
        Some(PrefixFilter {
            action,
            deny: head & 0x20 != 0,
            rule,
        })
    }
}
