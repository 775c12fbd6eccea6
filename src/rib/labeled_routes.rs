//! Tables of prefixes with labels: their distinguishers and labels are shared where there is room.

use super::budget::Budget;
use super::entry::Entry as _;
use super::held::{HeldRoute, RouteKey, SHORT};
use super::labeled::{LabeledKey, LabeledRoute, PackedPrefix};
use super::octets::{OctetRoute, Sent};
use super::prefix::Bits;
use super::recurring::Room;
use super::routes::{Announced, Routes};
use crate::bgp::nlri::Nlri;
use crate::bgp::nlri::part::RouteDistinguisher;
use crate::bgp::{Form, Prefix};
use crate::intern::AttrSet;

/// Routes of a family with labels.
///
/// A table with more distinguishers or stacks than are shared keeps the others' routes as they were sent.
/// Each route lies in one of the two; a distinguisher that any route in `shared` has is
/// shared, so those of which it is not can only lie in `other`.
pub(super) struct LabeledRoutes<B: Bits> {
    shared: Routes<LabeledRoute<B>>,
    other: Routes<OctetRoute<SHORT>>,
}

/// What an NLRI consists of.
struct Parts<'a, B> {
    prefix: PackedPrefix<B>,
    rd: Option<RouteDistinguisher>,
    labels: &'a [u8],
}

impl<'a, B: Bits> Parts<'a, B> {
    fn new(nlri: &Nlri<'a>) -> Option<Self> {
        let (prefix, rd, labels) = match nlri {
            Nlri::Vpn(route) => (route.prefix, Some(route.rd), route.labels),
            Nlri::Labeled(route) => (route.prefix, None, Some(route.labels)),
            _ => return None,
        };
        Some(Self {
            prefix: PackedPrefix::new(&prefix)?,
            rd,
            labels: labels.map_or(&[], |labels| labels.as_bytes()),
        })
    }
}

impl<B: Bits> LabeledRoutes<B> {
    pub(super) fn new(form: Form) -> Self {
        Self {
            shared: Routes::new(()),
            other: Routes::new(form),
        }
    }

    pub(super) fn form(&self) -> Form {
        self.other.layout()
    }

    pub(super) fn len(&self) -> usize {
        self.shared.len() + self.other.len()
    }

    pub(super) fn stale(&self) -> usize {
        self.shared.stale() + self.other.stale()
    }

    pub(super) fn places(&self) -> usize {
        self.shared.places() + self.other.places()
    }

    pub(super) fn moves(&self) -> u64 {
        self.shared.moves() + self.other.moves()
    }

    pub(super) fn route_at(&self, place: usize) -> Option<HeldRoute<'_>> {
        match place.checked_sub(self.shared.places()) {
            None => self.shared.at(place).map(|route| self.route(route)),
            Some(place) => self.other.route_at(place),
        }
    }

    pub(super) fn each_route(&self) -> impl Iterator<Item = HeldRoute<'_>> {
        let shared = self.shared.iter().map(|route| self.route(route));
        shared.chain(self.other.each_route())
    }

    fn route<'a>(&self, route: &'a LabeledRoute<B>) -> HeldRoute<'a> {
        let key = RouteKey::Labeled(route.prefix(self.form().add_path));
        HeldRoute::new(key, route)
    }

    pub(super) fn mark_stale(&mut self) {
        self.shared.mark_stale();
        self.other.mark_stale();
    }

    pub(super) fn unmark_stale(&mut self) {
        self.shared.unmark_stale();
        self.other.unmark_stale();
    }

    pub(super) fn drop_stale(&mut self, budget: &mut Budget) -> usize {
        self.shared.drop_stale(budget) + self.other.drop_stale(budget)
    }

    pub(super) fn drop_stale_where(
        &mut self,
        budget: &mut Budget,
        mut is: impl FnMut(&AttrSet) -> bool,
    ) {
        self.shared.drop_stale_where(budget, &mut is);
        self.other.drop_stale_where(budget, &mut is);
    }

    pub(super) fn release(&mut self, budget: &mut Budget) {
        self.shared.release(budget);
        self.other.release(budget);
    }

    pub(super) fn announce(
        &mut self,
        sent: Sent<'_>,
        nlri: &Nlri<'_>,
        attributes: &AttrSet,
        seconds: u32,
        room: &mut Room<'_>,
    ) -> Announced {
        let there = !self.other.is_empty() && self.other.find(sent).is_some();
        let parts = Parts::new(nlri).filter(|_| !there);
        let Some(Parts { prefix, rd, labels }) = parts else {
            return self.other.announce(sent, attributes, seconds, room.budget);
        };
        let Some(rd) = optional(rd, |rd| room.distinguisher(&rd.0)) else {
            return self.other.announce(sent, attributes, seconds, room.budget);
        };
        let labels = (!labels.is_empty()).then_some(labels);
        let shared = optional(labels, |labels| room.labels(labels));
        let key = LabeledKey {
            prefix,
            rd: rd.as_ref(),
            labels: shared.as_ref().and_then(Option::as_ref),
        };
        if shared.is_some() {
            return self.shared.announce(key, attributes, seconds, room.budget);
        }
        let old = self.shared.take(key, room.budget);
        let new = self.other.announce(sent, attributes, seconds, room.budget);
        match (old, new) {
            (Some(old), Announced::New) => Announced::Replaced {
                stale: old.state().stale(),
                old: old.into_attributes(),
                rest: true,
            },
            (_, announced) => announced,
        }
    }

    pub(super) fn withdraw(
        &mut self,
        sent: Sent<'_>,
        nlri: &Nlri<'_>,
        room: &mut Room<'_>,
    ) -> bool {
        self.withdraw_shared(nlri, room)
            || !self.other.is_empty() && self.other.withdraw(sent, room.budget)
    }

    fn withdraw_shared(&mut self, nlri: &Nlri<'_>, room: &mut Room<'_>) -> bool {
        let Some(Parts { prefix, rd, .. }) = Parts::new(nlri) else {
            return false;
        };
        let Some(rd) = optional(rd, |rd| room.known(&rd.0)) else {
            return false;
        };
        let (rd, labels) = (rd.as_ref(), None);
        self.shared
            .withdraw(LabeledKey { prefix, rd, labels }, room.budget)
    }
}

/// What `make` makes of a part, if there is one; `None` only if it fails.
fn optional<T, U>(part: Option<T>, make: impl FnOnce(T) -> Option<U>) -> Option<Option<U>> {
    match part {
        None => Some(None),
        Some(part) => make(part).map(Some),
    }
}

/// Appends an NLRI as it is sent: path identifier, length, labels, distinguisher, prefix.
pub(super) fn write(out: &mut Vec<u8>, prefix: &Prefix, rd: &[u8], labels: &[u8]) {
    if let Some(path_id) = prefix.path_id {
        out.extend(path_id.to_be_bytes());
    }
    // They came with a length in one octet.
    let bits = 8 * (rd.len() + labels.len()) + usize::from(prefix.len);
    out.push(u8::try_from(bits).unwrap_or(u8::MAX));
    out.extend_from_slice(labels);
    out.extend_from_slice(rd);
    let octets = usize::from(prefix.len).div_ceil(8);
    match prefix.addr {
        std::net::IpAddr::V4(addr) => out.extend(addr.octets().into_iter().take(octets)),
        std::net::IpAddr::V6(addr) => out.extend(addr.octets().into_iter().take(octets)),
    }
}
