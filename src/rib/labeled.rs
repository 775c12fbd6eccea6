//! Prefixes with labels, and with route distinguishers where they are a VPN's.

use super::entry::{Entry, State, Told};
use super::prefix::Bits;
use crate::bgp::Prefix;
use crate::intern::{AttrSet, Distinguisher, Handle, LabelStack};
use foldhash::fast::RandomState;
use std::hash::{BuildHasher, Hash};

type Rd = Handle<Distinguisher>;
type Stack = Handle<LabelStack>;

/// What a route is found by, and the labels, which are not part of that (RFC 8277 §2.2, RFC 4364 §4.3.4).
#[derive(Clone, Copy)]
pub(super) struct LabeledKey<'a, B> {
    pub(super) prefix: PackedPrefix<B>,
    pub(super) rd: Option<&'a Rd>,
    pub(super) labels: Option<&'a Stack>,
}

/// A packed prefix with its path identifier, 0 where there are none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct PackedPrefix<B> {
    bits: B,
    path: u32,
    host: bool,
}

impl<B: Bits> PackedPrefix<B> {
    /// `None` if the prefix is of the other address family.
    pub(super) fn new(prefix: &Prefix) -> Option<Self> {
        let (bits, host) = B::pack(prefix)?;
        Some(Self {
            bits,
            path: prefix.path_id.unwrap_or(0),
            host,
        })
    }
}

/// A prefix as its NLRI had it, with handles to what it has in common with others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LabeledPrefix<'a> {
    /// The prefix, with its path identifier.
    pub prefix: Prefix,
    /// The route distinguisher, if it is a VPN's.
    pub rd: Option<&'a Rd>,
    /// The labels as they were sent, if there were any.
    pub labels: Option<&'a Stack>,
}

/// A route to a prefix with labels: twenty bytes for IPv4, with path identifier or without.
pub(super) struct LabeledRoute<B> {
    bits: B,
    path: u32,
    rd: Option<Rd>,
    labels: Option<Stack>,
    told: Told,
}

impl<B: Bits> LabeledRoute<B> {
    const fn packed(&self) -> PackedPrefix<B> {
        PackedPrefix {
            bits: self.bits,
            path: self.path,
            host: self.told.state.extra(),
        }
    }

    pub(super) fn into_attributes(self) -> AttrSet {
        self.told.attributes
    }

    pub(super) fn prefix(&self, add_path: bool) -> LabeledPrefix<'_> {
        let (addr, len) = self.bits.unpack(self.told.state.extra());
        let path_id = add_path.then_some(self.path);
        LabeledPrefix {
            prefix: Prefix { addr, len, path_id },
            rd: self.rd.as_ref(),
            labels: self.labels.as_ref(),
        }
    }
}

fn hash<B: Bits>(hasher: &RandomState, prefix: PackedPrefix<B>, rd: Option<&Rd>) -> u64 {
    hasher.hash_one((prefix, rd))
}

impl<B: Bits> Entry for LabeledRoute<B> {
    type Key<'a> = LabeledKey<'a, B>;
    type Layout = ();

    fn new(key: Self::Key<'_>, attributes: AttrSet, state: State) -> Self {
        Self {
            bits: key.prefix.bits,
            path: key.prefix.path,
            rd: key.rd.cloned(),
            labels: key.labels.cloned(),
            told: Told {
                attributes,
                state: state.with_extra(key.prefix.host),
            },
        }
    }

    fn is(&self, (): (), key: Self::Key<'_>) -> bool {
        self.packed() == key.prefix && self.rd.as_ref() == key.rd
    }

    fn hash_of(hasher: &RandomState, (): (), key: Self::Key<'_>) -> u64 {
        hash(hasher, key.prefix, key.rd)
    }

    fn hash(&self, hasher: &RandomState, (): ()) -> u64 {
        hash(hasher, self.packed(), self.rd.as_ref())
    }

    fn told(&self) -> &Told {
        &self.told
    }

    fn told_mut(&mut self) -> &mut Told {
        &mut self.told
    }

    fn take_rest(&mut self, key: Self::Key<'_>) -> bool {
        let new = self.labels.as_ref() != key.labels;
        if new {
            self.labels = key.labels.cloned();
        }
        new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_are_as_small_as_they_are_said_to_be() {
        assert_eq!(size_of::<LabeledRoute<u32>>(), 20);
        assert_eq!(size_of::<LabeledRoute<[u32; 4]>>(), 32);
    }
}
