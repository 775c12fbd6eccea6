//! One table: what one side has told the other in one address family.

use super::budget::Budget;
use super::changes::{Changes, Codes};
use super::doubt::{Doubt, Partial, Why};
use super::held::{Held, HeldRoute};
use super::recurring::Room;
use super::restart::Outlives;
use super::routes::Announced;
use crate::bgp::{Context, Family, Form, NlriField, Prefix};
use crate::intern::{AttrSet, AttrStore};

pub use super::held::RouteKey;
pub use super::labeled::LabeledPrefix;

const SECOND_NS: u64 = 1_000_000_000;

/// What will tell that all routes have been announced again, so that stale ones go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Awaited {
    Nothing,
    /// RFC 4724 §4.2.
    EndOfRib,
    /// RFC 7313 §4.
    EndOfRefresh,
}

/// A route as it can be told.
#[derive(Clone, Copy, Debug)]
pub struct Route<'a> {
    /// What it is to.
    pub key: RouteKey<'a>,
    /// Its attributes, see [`super::Ribs::attributes`].
    pub attributes: &'a AttrSet,
    /// When it was announced like this, seconds since the epoch.
    pub since_s: u64,
    /// It has to be announced again before the next End-of-RIB or end of a refresh.
    pub stale: bool,
}

/// Where the routes of a table are: while this is the same, each of them has the same place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moves {
    /// No two tables have the same number, nor has one before and after it was made anew.
    table: u64,
    count: u64,
}

impl Moves {
    /// How often routes of the table have got other places.
    #[must_use]
    pub const fn count(self) -> u64 {
        self.count
    }
}

/// The routes of one direction and family.
pub struct AdjRib {
    number: u64,
    family: Family,
    held: Held,
    context: Context,
    /// Times of routes count from here, seconds since the epoch.
    base_s: u64,
    doubt: Doubt,
    /// Since when routes have been refused that were told since what is awaited began.
    refused_anew_ns: Option<u64>,
    end_of_rib_ns: Option<u64>,
    awaited: Awaited,
    /// Its session is over.
    pub(super) outlives: Option<Outlives>,
}

impl AdjRib {
    pub(super) fn new(
        form: Form,
        context: &Context,
        doubt: Doubt,
        now_ns: u64,
        number: u64,
    ) -> Self {
        Self {
            number,
            family: form.family,
            held: Held::new(form),
            context: *context,
            base_s: now_ns / SECOND_NS,
            doubt,
            refused_anew_ns: None,
            end_of_rib_ns: None,
            awaited: Awaited::Nothing,
            outlives: None,
        }
    }

    /// The address family of all its routes.
    #[must_use]
    pub const fn family(&self) -> Family {
        self.family
    }

    /// How its routes were encoded.
    #[must_use]
    pub const fn context(&self) -> &Context {
        &self.context
    }

    /// Routes, stale ones among them.
    #[must_use]
    pub fn len(&self) -> usize {
        self.held.len()
    }

    /// No routes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Routes that are stale.
    #[must_use]
    pub fn stale(&self) -> usize {
        self.held.stale()
    }

    /// `None` if it is whole.
    #[must_use]
    pub const fn partial(&self) -> Option<Partial> {
        self.doubt.first()
    }

    pub(super) const fn doubt(&self) -> Doubt {
        self.doubt
    }

    /// Until when its routes are kept though the session is over, nanoseconds since the epoch: then or later, when
    /// time is told next, they go (RFC 4724 §4.2, RFC 9494). `None` if the session is up.
    #[must_use]
    pub fn kept_until_ns(&self) -> Option<u64> {
        self.outlives.map(|times| times.until_ns)
    }

    /// When the sender said that it had told all it knew, nanoseconds since the epoch.
    #[must_use]
    pub const fn end_of_rib_ns(&self) -> Option<u64> {
        self.end_of_rib_ns
    }

    /// All routes, in no order.
    pub fn routes(&self) -> impl Iterator<Item = Route<'_>> {
        self.held.iter().map(|held| self.route(held))
    }

    /// Places that routes may have; it changes when the table grows or shrinks.
    #[must_use]
    pub fn places(&self) -> usize {
        self.held.places()
    }

    /// Changes whenever routes get other places, and is never again what it was, also if the table is dropped and the
    /// session gets another one for the family.
    #[must_use]
    pub fn moves(&self) -> Moves {
        Moves {
            table: self.number,
            count: self.held.moves(),
        }
    }

    /// The route at a place.
    #[must_use]
    pub fn at(&self, place: usize) -> Option<Route<'_>> {
        self.held.at(place).map(|held| self.route(held))
    }

    /// Routes are told apart by their prefixes alone, so that [`Self::get`] and [`Self::longest_match`]
    /// find whatever there is to a prefix.
    #[must_use]
    pub const fn is_by_prefix(&self) -> bool {
        self.held.is_by_prefix()
    }

    /// The prefix that a route of this table is to, if its NLRI has one.
    #[must_use]
    pub fn prefix(&self, key: &RouteKey<'_>) -> Option<Prefix> {
        match key {
            RouteKey::Prefix(prefix) => Some(*prefix),
            RouteKey::Labeled(route) => Some(route.prefix),
            RouteKey::Octets(octets) => {
                let form = Form::announced(self.family, &self.context);
                NlriField::new(form, octets).iter().next()?.prefix()
            }
        }
    }

    /// The route to exactly this prefix and path identifier, in tables of plain prefixes.
    #[must_use]
    pub fn get(&self, prefix: &Prefix) -> Option<Route<'_>> {
        self.held.find(prefix).map(|held| self.route(held))
    }

    /// The route with the longest prefix that covers this one, of those with its path identifier.
    #[must_use]
    pub fn longest_match(&self, prefix: &Prefix) -> Option<Route<'_>> {
        let shorter = (0..=prefix.len).rev().map(|len| prefix.cut(len));
        shorter
            .filter_map(|prefix| self.held.find(&prefix))
            .map(|held| self.route(held))
            .next()
    }

    fn route<'a>(&self, held: HeldRoute<'a>) -> Route<'a> {
        Route {
            key: held.key,
            attributes: held.attributes,
            since_s: self.base_s + u64::from(held.state.seconds()),
            stale: held.state.stale(),
        }
    }

    pub(super) fn suits(&self, form: Form, context: &Context) -> bool {
        self.held.suits(form) && self.context.as4 == context.as4
    }

    pub(super) fn set_context(&mut self, context: &Context) {
        self.context = *context;
    }

    fn seconds(&self, now_ns: u64) -> u32 {
        let seconds = (now_ns / SECOND_NS).saturating_sub(self.base_s);
        u32::try_from(seconds).unwrap_or(u32::MAX)
    }

    pub(super) fn announce(
        &mut self,
        field: &NlriField<'_>,
        attributes: &AttrSet,
        at: &mut At<'_>,
        changes: &mut Changes,
    ) {
        let seconds = self.seconds(at.now_ns);
        let (store, mut compared) = (at.store, None::<(AttrSet, Codes)>);
        let refused = changes.refused;
        self.held
            .announce(field, attributes, seconds, &mut at.room, |announced| {
                match announced {
                    Announced::New => changes.new += 1,
                    Announced::Duplicate => changes.duplicate += 1,
                    Announced::Refreshed => changes.refreshed += 1,
                    Announced::Refused => changes.refused += 1,
                    Announced::Replaced { old, stale, rest } => {
                        // Routes that came together often go together.
                        let codes = match &compared {
                            Some((set, codes)) if *set == old => *codes,
                            _ => differences(store, &old, attributes),
                        };
                        compared = Some((old, codes));
                        // What is not shared for want of room in its cache may be there twice.
                        if !rest && codes == Codes::default() {
                            changes.refreshed += u32::from(stale);
                            changes.duplicate += u32::from(!stale);
                            return;
                        }
                        changes.replaced += 1;
                        changes.labels |= rest;
                        changes.changed.extend(codes);
                    }
                }
            });
        if changes.refused > refused {
            self.disturb(at.now_ns, Why::Limit);
        }
    }

    /// What cannot be kept for want of attributes is not there either.
    pub(super) fn refuse(&mut self, field: &NlriField<'_>, at: &mut At<'_>, changes: &mut Changes) {
        self.held
            .withdraw(field, &mut at.room, |_| changes.refused += 1);
        self.disturb(at.now_ns, Why::Limit);
    }

    pub(super) fn withdraw(
        &mut self,
        field: &NlriField<'_>,
        room: &mut Room<'_>,
        changes: &mut Changes,
    ) {
        self.held.withdraw(field, room, |there| {
            if there {
                changes.withdrawn += 1;
            } else {
                changes.absent += 1;
            }
        });
    }

    /// Something may be missing from now on. What waited to be announced again may have been.
    pub(super) fn disturb(&mut self, now_ns: u64, why: Why) {
        self.doubt.add(now_ns, why);
        if why == Why::Limit {
            self.refused_anew_ns.get_or_insert(now_ns);
        } else if self.awaited != Awaited::Nothing {
            self.awaited = Awaited::Nothing;
            self.held.unmark_stale();
        }
    }

    /// Begin of a refresh (RFC 7313 §4).
    pub(super) fn begin_refresh(&mut self) {
        self.wait_for(Awaited::EndOfRefresh);
    }

    /// All is going to be told anew.
    fn wait_for(&mut self, awaited: Awaited) {
        self.held.mark_stale();
        self.refused_anew_ns = None;
        self.awaited = awaited;
    }

    /// End of a refresh: what was not announced in between is gone, and nothing is missing. Unless it is known
    /// that both sides have `agreed` to demarcate refreshes no route goes: if some were not announced
    /// again, that was no refresh, or not a whole one.
    pub(super) fn end_refresh(&mut self, agreed: bool, budget: &mut Budget, changes: &mut Changes) {
        if self.awaited != Awaited::EndOfRefresh {
            return;
        }
        if agreed || self.stale() == 0 {
            self.expire(budget, changes);
        } else {
            self.awaited = Awaited::Nothing;
            self.held.unmark_stale();
        }
    }

    /// The sender may have restarted: its routes are stale until it has told all it knows (RFC 4724 §4.2).
    pub(super) fn restart(&mut self, outlives: Outlives) {
        self.outlives = Some(outlives);
        self.end_of_rib_ns = None;
        self.wait_for(Awaited::EndOfRib);
    }

    /// Its receiver may have stale routes beside those that are told from now on, until its sender has told all it knows.
    pub(super) fn expect_unseen(&mut self, since_ns: u64) {
        self.doubt.add(since_ns, Why::Restart);
        self.awaited = Awaited::EndOfRib;
    }

    pub(super) fn end_of_rib(&mut self, now_ns: u64, budget: &mut Budget, changes: &mut Changes) {
        self.end_of_rib_ns = Some(now_ns);
        if self.awaited == Awaited::EndOfRib {
            self.expire(budget, changes);
        }
    }

    fn expire(&mut self, budget: &mut Budget, changes: &mut Changes) {
        self.awaited = Awaited::Nothing;
        let gone = self.held.drop_stale(budget);
        changes.expired += u32::try_from(gone).unwrap_or(u32::MAX);
        // All has been told anew, and followed, but for what was refused of just that.
        self.doubt = Doubt::of_refused(self.refused_anew_ns);
    }

    pub(super) fn drop_stale_where(
        &mut self,
        budget: &mut Budget,
        is: impl FnMut(&AttrSet) -> bool,
    ) {
        self.held.drop_stale_where(budget, is);
    }

    pub(super) fn release(&mut self, budget: &mut Budget) {
        self.held.release(budget);
    }
}

/// What announcing takes beside the table.
pub(super) struct At<'a> {
    pub(super) store: &'a AttrStore,
    pub(super) room: Room<'a>,
    pub(super) now_ns: u64,
}

/// The codes in which two sets differ; both are in ascending order.
fn differences(store: &AttrStore, old: &AttrSet, new: &AttrSet) -> Codes {
    let mut codes = Codes::default();
    let (mut a, mut b) = (store.get(old).peekable(), store.get(new).peekable());
    loop {
        let (left, right) = (a.peek(), b.peek());
        let code = match (left, right) {
            (None, None) => return codes,
            (Some(one), None) | (None, Some(one)) => one.code,
            (Some(x), Some(y)) => x.code.min(y.code),
        };
        if left != right {
            codes.insert(code);
        }
        a.next_if(|attribute| attribute.code == code);
        b.next_if(|attribute| attribute.code == code);
    }
}

#[cfg(test)]
mod tests {
    use super::super::recurring::Recurring;
    use super::*;
    use crate::bgp::attribute::{Attribute, Flags};

    /// What found no room in its cache is stored again with each message: it is the same nevertheless.
    #[test]
    fn equal_attributes_are_equal_though_they_are_stored_twice() {
        let mut store = AttrStore::default();
        let origin = |value| Attribute {
            flags: Flags(0x40),
            code: 1,
            value,
        };
        let sought = store.sought([origin(&[0])]);
        let other = store.sought([origin(&[2])]);
        let [one, two, other] =
            [&sought, &sought, &other].map(|set| store.insert(set).expect("room"));
        assert_ne!(one, two, "stored twice");
        let context = Context::default();
        let form = Form::announced(Family::IPV4_UNICAST, &context);
        let mut rib = AdjRib::new(form, &context, Doubt::default(), 0, 1);
        let field = NlriField::new(form, &[8, 10, 8, 11]);
        let (mut budget, mut recurring) = (Budget::new(u64::MAX), Recurring::default());
        let mut announce = |rib: &mut AdjRib, set| {
            let mut changes = Changes::default();
            let mut at = At {
                store: &store,
                room: Room {
                    budget: &mut budget,
                    recurring: &mut recurring,
                },
                now_ns: 0,
            };
            rib.announce(&field, set, &mut at, &mut changes);
            changes
        };
        assert_eq!(announce(&mut rib, &one).new, 2);
        let again = Changes {
            duplicate: 2,
            ..Changes::default()
        };
        assert_eq!(announce(&mut rib, &two), again);
        rib.begin_refresh();
        let refreshed = Changes {
            refreshed: 2,
            ..Changes::default()
        };
        assert_eq!(announce(&mut rib, &one), refreshed);
        let changes = announce(&mut rib, &other);
        assert_eq!((changes.replaced, changes.duplicate), (2, 0));
        assert!(changes.changed.contains(1));
    }
}
