//! NLRI of all other families, as they were sent.

use super::entry::{Entry, State, Told};
use crate::bgp::Form;
use crate::bgp::nlri::key;
use crate::intern::AttrSet;
use foldhash::fast::RandomState;
use smallvec::SmallVec;
use std::hash::BuildHasher;

/// One NLRI, and whether it was withdrawn: then its labels mean nothing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sent<'a> {
    pub(super) octets: &'a [u8],
    pub(super) withdrawn: bool,
}

/// A route of any family. NLRI of up to `N` octets lie in the table itself.
pub(super) struct OctetRoute<const N: usize> {
    octets: SmallVec<[u8; N]>,
    told: Told,
}

impl<const N: usize> OctetRoute<N> {
    pub(super) fn octets(&self) -> &[u8] {
        &self.octets
    }

    /// Bytes that so many octets take on the heap, with what the allocator adds.
    const fn spilled(len: usize) -> u64 {
        if len > N { len as u64 + 16 } else { 0 }
    }
}

impl<const N: usize> Entry for OctetRoute<N> {
    type Key<'a> = Sent<'a>;
    type Layout = Form;

    fn new(key: Sent<'_>, attributes: AttrSet, state: State) -> Self {
        Self {
            octets: SmallVec::from_slice(key.octets),
            told: Told { attributes, state },
        }
    }

    fn is(&self, form: Form, sent: Sent<'_>) -> bool {
        let withdrawn = sent.withdrawn;
        key::key(form, &self.octets) == key::key(Form { withdrawn, ..form }, sent.octets)
    }

    fn hash_of(hasher: &RandomState, form: Form, sent: Sent<'_>) -> u64 {
        let withdrawn = sent.withdrawn;
        hasher.hash_one(key::key(Form { withdrawn, ..form }, sent.octets))
    }

    fn hash(&self, hasher: &RandomState, form: Form) -> u64 {
        hasher.hash_one(key::key(form, &self.octets))
    }

    fn told(&self) -> &Told {
        &self.told
    }

    fn told_mut(&mut self) -> &mut Told {
        &mut self.told
    }

    fn take_rest(&mut self, sent: Sent<'_>) -> bool {
        let new = self.octets[..] != *sent.octets;
        if new {
            // The room that is there suffices if the length is the same, as with another label.
            self.octets.clear();
            self.octets.extend_from_slice(sent.octets);
        }
        new
    }

    fn heap_of(sent: Sent<'_>) -> u64 {
        Self::spilled(sent.octets.len())
    }

    fn heap(&self) -> u64 {
        if self.octets.spilled() {
            Self::spilled(self.octets.capacity())
        } else {
            0
        }
    }
}
