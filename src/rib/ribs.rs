//! The tables of all sessions.

use super::adj::{At, LabeledPrefix, RouteKey};
use super::budget::Budget;
use super::changes::Changes;
use super::doubt::Why;
use super::labeled_routes;
use super::recurring::{Recurring, Room};
use super::restart::{Retained, expect_unseen};
use super::session::Tables;
use super::waiting::Waiting;
use crate::bgp::attribute::{Attribute, MpReach};
use crate::bgp::header::HEADER_LEN;
use crate::bgp::{
    Disposition, Family, Form, Message, MessageType, NlriField, OpenFacts, RouteRefresh, Update,
};
use crate::intern::{AttrSet, AttrStore, Stats};
use crate::session::{Direction, End, Key, Pair, Session, State};
use foldhash::fast::RandomState;
use std::collections::HashMap;

/// The end of a session that another one took the place of.
const REPLACED: End = End::Silent("new_connection");
/// Sessions that are over and have left tables, at most, if nobody says otherwise.
const RETAINED_MAX: usize = 65_536;
/// NEXT_HOP.
const NEXT_HOP: u8 = 3;
/// MP_REACH_NLRI, of which a route keeps the next hop.
const MP_REACH: u8 = 14;
/// MP_UNREACH_NLRI.
const MP_UNREACH: u8 = 15;

/// Adj-RIBs of every session, with the attributes that they share.
///
/// It is told of everything that is said and that happens, and never looks at the clock itself.
pub struct Ribs {
    // Before the store, to which their routes refer.
    sessions: HashMap<u64, Tables, RandomState>,
    retained: Waiting,
    /// The session that came up last between two addresses.
    current: HashMap<Pair, u64, RandomState>,
    store: AttrStore,
    recurring: Recurring,
    budget: Budget,
    refused: u64,
}

/// What the tables have come to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Bytes of tables.
    pub tables: u64,
    /// Bytes of attributes.
    pub attributes: u64,
    /// The most that both may take.
    pub max: u64,
    /// Routes for which there was no room, ever.
    pub refused: u64,
}

impl Ribs {
    /// No tables; all together may take `bytes_max`.
    #[must_use]
    pub fn new(bytes_max: u64) -> Self {
        Self {
            sessions: HashMap::default(),
            retained: Waiting::new(RETAINED_MAX),
            current: HashMap::default(),
            store: AttrStore::default(),
            recurring: Recurring::default(),
            budget: Budget::new(bytes_max),
            refused: 0,
        }
    }

    /// The same, with the tables of so many sessions at most that are over and wait for a restart. If there are more, those
    /// without routes go first, then the oldest.
    #[must_use]
    pub fn with_retained_max(mut self, max: u32) -> Self {
        self.retained = Waiting::new(max as usize);
        self
    }

    /// Bytes that one session takes before it has any table, and one that is over and waits for a restart takes besides its
    /// tables.
    #[must_use]
    pub const fn session_bytes() -> usize {
        // Maps have up to half of their room free.
        4 * (size_of::<(u64, Tables)>() + size_of::<(Pair, u64)>()) + Waiting::each_bytes()
    }

    /// The tables of a session.
    #[must_use]
    pub fn session(&self, id: u64) -> Option<&Tables> {
        self.sessions.get(&id)
    }

    /// The tables of a session, also if it is over and they are kept for a restart.
    #[must_use]
    pub fn tables(&self, id: u64) -> Option<&Tables> {
        let mut kept = self.retained();
        self.session(id)
            .or_else(|| kept.find(|tables| tables.session == id))
    }

    /// Whether tables of these two are kept though their session is over.
    #[must_use]
    pub fn keeps(&self, key: &Key) -> bool {
        key.pair().is_some_and(|pair| self.retained.contains(&pair))
    }

    /// Tables that are kept though their session is over, in no order: all of their routes are stale
    /// ([`super::AdjRib::kept_until_ns`]).
    pub fn retained(&self) -> impl Iterator<Item = &Tables> {
        self.retained.tables()
    }

    /// All sessions with tables, in no order.
    pub fn sessions(&self) -> impl Iterator<Item = &Tables> {
        self.sessions.values()
    }

    /// The attributes of a route, in ascending order; as MP_REACH_NLRI only its next hop.
    pub fn attributes<'a>(
        &'a self,
        set: &AttrSet,
    ) -> impl Iterator<Item = Attribute<'a>> + Clone + 'a {
        self.store.get(set)
    }

    /// The octets of the route distinguisher of a route that has one.
    #[must_use]
    pub fn distinguisher<'a>(&'a self, prefix: &LabeledPrefix<'_>) -> &'a [u8] {
        let rd = prefix.rd.map(|rd| self.recurring.distinguisher(rd));
        rd.unwrap_or_default()
    }

    /// Writes the NLRI of a route as it was sent, path identifier included; nothing for one that its
    /// prefix says all of.
    pub fn nlri(&self, key: &RouteKey<'_>, out: &mut Vec<u8>) {
        out.clear();
        match key {
            RouteKey::Prefix(_) => {}
            RouteKey::Octets(octets) => out.extend_from_slice(octets),
            RouteKey::Labeled(route) => {
                let labels = route.labels.map(|labels| self.recurring.labels(labels));
                let rd = self.distinguisher(route);
                labeled_routes::write(out, &route.prefix, rd, labels.unwrap_or_default());
            }
        }
    }

    /// How the caches of attributes, route distinguishers and labels fare.
    pub fn caches(&self) -> impl Iterator<Item = Stats> + '_ {
        self.store.stats().chain(self.recurring.stats())
    }

    /// The attributes that routes share.
    #[must_use]
    pub const fn store(&self) -> &AttrStore {
        &self.store
    }

    /// What all came to.
    #[must_use]
    pub const fn usage(&self) -> Usage {
        Usage {
            tables: self.budget.tables,
            attributes: self.budget.attributes,
            max: self.budget.max,
            refused: self.refused,
        }
    }

    /// Follows a message; what it changed, if it was one that can change something. The session has
    /// taken note of it if it is an OPEN.
    pub fn message(
        &mut self,
        session: &Session,
        direction: Direction,
        message: &Message<'_>,
        now_ns: u64,
    ) -> Option<Changes> {
        if session.has_ended() {
            return None;
        }
        match message {
            Message::Open(_) => {
                if session.is_negotiated() {
                    self.opened(session, now_ns);
                } else {
                    // The first of two: whatever came before it on this connection was another session.
                    self.end(session.id, REPLACED, now_ns);
                }
                None
            }
            Message::Update(update) => {
                self.established(session, now_ns);
                self.update(session, direction, update, now_ns)
            }
            Message::RouteRefresh(refresh) => self.refresh(session, direction, refresh, now_ns),
            Message::Broken { .. } if message.kind() == MessageType::Update => {
                self.disturb(session, direction, Why::Malformed, now_ns);
                None
            }
            _ => None,
        }
    }

    /// With both OPENs a session begins. It may still be refused (RFC 4271 §6.8), and the one before go on.
    fn opened(&mut self, session: &Session, now_ns: u64) {
        let tables = self
            .sessions
            .entry(session.id)
            .or_insert_with(|| Tables::new(session, now_ns));
        tables.take_opens(session);
        // An UPDATE has come before the second OPEN, which only one of two mirrors was late to show.
        if session.state == State::Established {
            self.established(session, now_ns);
        }
    }

    /// The session is up: one that was between the two before is over, and what its receiver has kept of it goes on. To be
    /// called when that is seen; an UPDATE says so by itself.
    pub fn established(&mut self, session: &Session, now_ns: u64) {
        if session.has_ended() || !session.is_negotiated() {
            return;
        }
        let tables = tables(&mut self.sessions, session, now_ns);
        if std::mem::replace(&mut tables.up, true) {
            return;
        }
        let Some(pair) = session.key.pair() else {
            return;
        };
        if let Some(before) = self.current.insert(pair, session.id)
            && before != session.id
            && self.are_of_the_same_two(before, session)
        {
            self.end(before, REPLACED, now_ns);
        }
        if let Some(tables) = self.sessions.get_mut(&session.id) {
            if let Some(retained) = self.retained.take(&pair) {
                let contexts = [session.context(0), session.context(1)];
                retained.go_on(tables, contexts, now_ns, &mut self.budget);
            }
            expect_unseen(tables, now_ns);
        }
    }

    /// Whether the session before was between the same two BGP identifiers.
    fn are_of_the_same_two(&self, before: u64, session: &Session) -> bool {
        let id = |open: &OpenFacts| open.bgp_id;
        self.sessions.get(&before).is_some_and(|tables| {
            [0, 1].into_iter().all(|direction| {
                tables.opens[direction].as_ref().map(id) == session.open(direction).map(id)
            })
        })
    }

    fn update(
        &mut self,
        session: &Session,
        direction: Direction,
        update: &Update<'_>,
        now_ns: u64,
    ) -> Option<Changes> {
        let worst = update.errors().worst();
        if worst >= Some(Disposition::AfiSafiDisable) {
            self.disturb(session, direction, Why::Malformed, now_ns);
            return None;
        }
        let mut changes = Changes::default();
        if let Some(family) = update.eor() {
            self.end_of_rib(session, direction, update, family, now_ns, &mut changes);
            return Some(changes);
        }
        for field in update.all_withdrawn() {
            self.withdraw(session, direction, update, &field, now_ns, &mut changes);
        }
        if worst == Some(Disposition::TreatAsWithdraw) {
            for field in update.all_announced() {
                self.withdraw(session, direction, update, &field, now_ns, &mut changes);
            }
            return Some(changes);
        }
        self.announce(session, direction, update, None, now_ns, &mut changes);
        if let Some(reach) = update.mp_reach() {
            let reach = Some(&reach);
            self.announce(session, direction, update, reach, now_ns, &mut changes);
        }
        Some(changes)
    }

    fn end_of_rib(
        &mut self,
        session: &Session,
        direction: Direction,
        update: &Update<'_>,
        family: Family,
        now_ns: u64,
        changes: &mut Changes,
    ) {
        let form = Form::announced(family, update.context());
        if NlriField::new(form, &[]).is_opaque() {
            return;
        }
        let tables = tables(&mut self.sessions, session, now_ns);
        let direction = &mut tables.directions[direction & 1];
        if let Some(rib) = direction.rib_mut(form, update.context(), now_ns, &mut self.budget) {
            rib.end_of_rib(now_ns, &mut self.budget, changes);
        }
    }

    fn withdraw(
        &mut self,
        session: &Session,
        direction: Direction,
        update: &Update<'_>,
        field: &NlriField<'_>,
        now_ns: u64,
        changes: &mut Changes,
    ) {
        if field.is_opaque() {
            return;
        }
        let tables = tables(&mut self.sessions, session, now_ns);
        let direction = &mut tables.directions[direction & 1];
        match direction.rib_mut(field.form(), update.context(), now_ns, &mut self.budget) {
            Some(rib) => {
                let mut room = Room {
                    budget: &mut self.budget,
                    recurring: &mut self.recurring,
                };
                rib.withdraw(field, &mut room, changes);
            }
            None => changes.absent += count(field),
        }
    }

    fn announce(
        &mut self,
        session: &Session,
        direction: Direction,
        update: &Update<'_>,
        reach: Option<&MpReach<'_>>,
        now_ns: u64,
        changes: &mut Changes,
    ) {
        let field = reach.map_or_else(|| update.announced(), |reach| reach.nlri);
        if field.is_empty() || field.is_opaque() {
            return;
        }
        let set = self.keep(update, reach);
        let tables = tables(&mut self.sessions, session, now_ns);
        let direction = &mut tables.directions[direction & 1];
        let rib = direction.rib_mut(field.form(), update.context(), now_ns, &mut self.budget);
        let Some(rib) = rib else {
            direction.refuse(field.form().family, now_ns);
            changes.refused += count(&field);
            self.refused += u64::from(count(&field));
            return;
        };
        let mut at = At {
            store: &self.store,
            room: Room {
                budget: &mut self.budget,
                recurring: &mut self.recurring,
            },
            now_ns,
        };
        let before = changes.refused;
        match set {
            Some(set) => rib.announce(&field, &set, &mut at, changes),
            None => rib.refuse(&field, &mut at, changes),
        }
        if !is_agreed(session, field.form().family) {
            rib.disturb(now_ns, Why::Assumed);
        }
        self.refused += u64::from(changes.refused.saturating_sub(before));
    }

    /// The attributes of an UPDATE's routes; `None` if there is no room for them.
    fn keep(&mut self, update: &Update<'_>, reach: Option<&MpReach<'_>>) -> Option<AttrSet> {
        let sought = if is_ascending(update) {
            self.store.sought(kept(update, reach, update.attributes()))
        } else {
            (self.store).sought(kept(update, reach, update.first_attributes()))
        };
        if let Some(set) = self.store.find(&sought) {
            return Some(set);
        }
        if !self.budget.fits(self.store.growth()) {
            self.store.shed();
            self.budget.attributes = self.store.bytes();
            if !self.budget.fits(self.store.growth()) {
                return None;
            }
        }
        let set = self.store.insert(&sought)?;
        self.budget.attributes = self.store.bytes();
        if self.budget.fits(0) {
            return Some(set);
        }
        self.store.discard(set);
        self.budget.attributes = self.store.bytes();
        None
    }

    fn refresh(
        &mut self,
        session: &Session,
        direction: Direction,
        refresh: &RouteRefresh<'_>,
        now_ns: u64,
    ) -> Option<Changes> {
        const BEGIN: u8 = 1;
        const END: u8 = 2;
        // RFC 7313 §5: one of the wrong length is answered by a NOTIFICATION.
        if refresh.errors().total() > 0 || !matches!(refresh.subtype, BEGIN | END) {
            return None;
        }
        let context = session.context(direction);
        let form = Form::announced(refresh.family, context);
        if NlriField::new(form, &[]).is_opaque() {
            return None;
        }
        // RFC 7313 §4: none of this applies if one side does not have the capability. The octet is reserved
        // then (RFC 2918 §3).
        let has = [0, 1].map(|side| session.open(side).map(|open| open.enhanced_refresh));
        if has.contains(&Some(false)) {
            return None;
        }
        let agreed = has == [Some(true); 2];
        let tables = tables(&mut self.sessions, session, now_ns);
        let direction = &mut tables.directions[direction & 1];
        let rib = direction.rib_mut(form, context, now_ns, &mut self.budget)?;
        if refresh.subtype == BEGIN {
            rib.begin_refresh();
            return None;
        }
        let mut changes = Changes::default();
        rib.end_refresh(agreed, &mut self.budget, &mut changes);
        Some(changes)
    }

    /// Bytes of a direction are missing, or were no messages.
    pub fn disturb(&mut self, session: &Session, direction: Direction, why: Why, now_ns: u64) {
        if session.has_ended() {
            return;
        }
        let tables = tables(&mut self.sessions, session, now_ns);
        tables.directions[direction & 1].disturb(now_ns, why);
    }

    /// The session is over, and so are its tables, but for those that wait for a restart.
    pub fn end(&mut self, session: u64, end: End, now_ns: u64) {
        let Some(tables) = self.sessions.remove(&session) else {
            return;
        };
        let key = tables.key;
        let retained = Retained::new(tables, end, now_ns, &mut self.budget);
        let Some(pair) = key.pair() else {
            retained.drop_all(&mut self.budget);
            return;
        };
        if self.current.get(&pair) == Some(&session) {
            self.current.remove(&pair);
        }
        if !retained.is_empty() {
            self.retained.insert(pair, retained, &mut self.budget);
        }
    }

    /// Time goes on; to be called every second or so.
    pub fn advance(&mut self, now_ns: u64) {
        self.retained.expire(now_ns, &self.store, &mut self.budget);
        let seconds = u32::try_from(now_ns / 1_000_000_000).unwrap_or(u32::MAX);
        self.store.advance(seconds);
        self.recurring.advance(seconds, &mut self.budget);
        self.budget.attributes = self.store.bytes();
    }
}

/// The tables of a session, of which something was seen.
fn tables<'a>(
    sessions: &'a mut HashMap<u64, Tables, RandomState>,
    session: &Session,
    now_ns: u64,
) -> &'a mut Tables {
    sessions
        .entry(session.id)
        .or_insert_with(|| Tables::in_its_midst(session, now_ns))
}

/// Not if both OPENs were seen and one of them lacks the family: then its receiver may ignore the routes
/// (RFC 4760 §8), or end the session.
fn is_agreed(session: &Session, family: Family) -> bool {
    match (session.open(0), session.open(1)) {
        (Some(a), Some(b)) => a.families.contains(family) && b.families.contains(family),
        _ => true,
    }
}

fn count(field: &NlriField<'_>) -> u32 {
    u32::try_from(field.count()).unwrap_or(u32::MAX)
}

/// Whether each attribute has a greater type code than the one before it, as senders should see to (RFC 4271 §5).
fn is_ascending(update: &Update<'_>) -> bool {
    update
        .attributes()
        .map(|attribute| attribute.code)
        .is_sorted_by(|a, b| a < b)
}

/// The attributes that the routes of a message have, out of `all`: these are there once each and in ascending order, so
/// that equal sets are equal however they were sent; without those that are to be discarded (RFC 7606 §2).
fn kept<'u>(
    update: &'u Update<'_>,
    reach: Option<&'u MpReach<'_>>,
    all: impl Iterator<Item = Attribute<'u>>,
) -> impl Iterator<Item = Attribute<'u>> {
    all.filter_map(move |attribute| {
        let value = match (attribute.code, reach) {
            (MP_UNREACH, _) | (MP_REACH, None) | (NEXT_HOP, Some(_)) => return None,
            (MP_REACH, Some(reach)) => reach.next_hops.as_bytes(),
            _ => attribute.value,
        };
        (!is_discarded(update, &attribute)).then_some(Attribute { value, ..attribute })
    })
}

/// Whether the first attribute of its type is to be discarded. Of one that was given again
/// the second is, and that lies behind it.
fn is_discarded(update: &Update<'_>, attribute: &Attribute<'_>) -> bool {
    let errors = update.errors().as_slice();
    let mut about = errors.iter().filter(|error| {
        error.attribute == Some(attribute.code)
            && error.disposition == Disposition::AttributeDiscard
    });
    about.any(|error| {
        let start = attribute.value.as_ptr() as usize;
        let before = start.saturating_sub(update.body().as_ptr() as usize);
        let end = HEADER_LEN + before + attribute.value.len();
        let offset = usize::from(error.offset);
        offset < end || attribute.value.is_empty() && offset == end
    })
}
