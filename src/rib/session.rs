//! The tables of a session.

use super::adj::AdjRib;
use super::budget::Budget;
use super::doubt::{Doubt, Why};
use crate::bgp::{Context, Family, FamilySet, Form, OpenFacts};
use crate::session::{Key, Session};

/// What one side has told the other.
#[derive(Default)]
pub struct Direction {
    ribs: Vec<AdjRib>,
    /// Holds for tables that are still to come.
    doubt: Doubt,
    /// Families that have no table, for which there was no room when routes came; since when that has been so.
    refused: Since,
    /// Families that have no table yet, whose receiver may have kept routes that were not seen; since when.
    unseen: Since,
}

/// Families, and when the first of them came, nanoseconds since the epoch.
#[derive(Clone, Copy, Default)]
struct Since {
    families: FamilySet,
    ns: u64,
}

impl Since {
    fn add(&mut self, families: FamilySet, now_ns: u64) {
        if self.families.is_empty() {
            self.ns = now_ns;
        }
        self.families = self.families.union(families);
    }

    /// Takes a family out; since when, if it was there.
    fn take(&mut self, family: Family) -> Option<u64> {
        let was_there = self.families.contains(family);
        self.families = self.families.without(family);
        was_there.then_some(self.ns)
    }
}

/// Both directions of a session.
pub struct Tables {
    /// The session's endpoints.
    pub key: Key,
    /// The session, as events name it.
    pub session: u64,
    /// What each side said of itself.
    pub opens: [Option<OpenFacts>; 2],
    /// The AS number of each side, from its OPEN or as an archive tells it.
    pub asns: [Option<u32>; 2],
    pub(super) directions: [Direction; 2],
    /// It has been seen to come up.
    pub(super) up: bool,
}

impl Direction {
    /// Its tables, one for each family that was spoken of.
    #[must_use]
    pub fn ribs(&self) -> &[AdjRib] {
        &self.ribs
    }

    /// The table of a family.
    #[must_use]
    pub fn rib(&self, family: Family) -> Option<&AdjRib> {
        self.ribs.iter().find(|rib| rib.family() == family)
    }

    /// The table of a family, which is made if it is not there, and made anew if NLRI turn out to be
    /// encoded in another way. `None` if there is no room for one more.
    pub(super) fn rib_mut(
        &mut self,
        form: Form,
        context: &Context,
        now_ns: u64,
        budget: &mut Budget,
    ) -> Option<&mut AdjRib> {
        let at = self.ribs.iter().position(|rib| rib.family() == form.family);
        if at.is_none() {
            let bytes = size_of::<AdjRib>() as u64;
            if !budget.fits(bytes) {
                return None;
            }
            budget.resized(0, bytes);
            let mut doubt = self.doubt;
            if let Some(since_ns) = self.refused.take(form.family) {
                doubt.add(since_ns, Why::Limit);
            }
            let mut rib = AdjRib::new(form, context, doubt, now_ns, budget.number());
            if let Some(since_ns) = self.unseen.take(form.family) {
                // What has come of the routes is not all there is, if anything was missing before.
                if self.doubt.first().is_none() {
                    rib.expect_unseen(since_ns);
                } else {
                    rib.disturb(since_ns, Why::Restart);
                }
            }
            self.ribs.reserve_exact(1);
            self.ribs.push(rib);
        }
        let rib = match at {
            Some(at) => self.ribs.get_mut(at)?,
            None => self.ribs.last_mut()?,
        };
        if !rib.suits(form, context) {
            let mut doubt = rib.doubt();
            doubt.add(now_ns, Why::Encoding);
            rib.release(budget);
            *rib = AdjRib::new(form, context, doubt, now_ns, budget.number());
        }
        rib.set_context(context);
        Some(rib)
    }

    /// Routes came of a family for whose table there is no room: it is the only one that lacks them.
    pub(super) fn refuse(&mut self, family: Family, now_ns: u64) {
        self.refused.add(FamilySet::EMPTY.with(family), now_ns);
    }

    /// Receivers may still have routes of these families that nobody has seen, but for those whose tables are there.
    pub(super) fn expect_unseen(&mut self, families: FamilySet, now_ns: u64) {
        let there = self.ribs.iter().map(AdjRib::family);
        let left = there.fold(families, FamilySet::without);
        if !left.is_empty() {
            self.unseen.add(left, now_ns);
        }
    }

    /// Something may be missing in all tables.
    pub(super) fn disturb(&mut self, now_ns: u64, why: Why) {
        self.doubt.add(now_ns, why);
        for rib in &mut self.ribs {
            rib.disturb(now_ns, why);
        }
    }

    /// Takes a table over from an earlier session. If this one has told of its family already, before it was known that
    /// it goes on from the other, its own table stays: what it withdrew meanwhile may be in the older one. It is not
    /// whole, for the receiver keeps the older routes until End-of-RIB.
    pub(super) fn adopt(&mut self, mut rib: AdjRib, now_ns: u64, budget: &mut Budget) {
        let mut own = self.ribs.iter_mut();
        match own.find(|own| own.family() == rib.family()) {
            Some(own) => {
                own.disturb(now_ns, Why::Assumed);
                release(&mut rib, budget);
            }
            None => {
                if let Some(since_ns) = self.refused.take(rib.family()) {
                    rib.disturb(since_ns, Why::Limit);
                }
                self.ribs.reserve_exact(1);
                self.ribs.push(rib);
            }
        }
    }

    /// Drops the tables of which `keep` does not say yes.
    pub(super) fn retain(&mut self, keep: impl FnMut(&mut AdjRib) -> bool) {
        self.ribs.retain_mut(keep);
    }

    /// Takes all tables out.
    pub(super) fn take(&mut self) -> Vec<AdjRib> {
        std::mem::take(&mut self.ribs)
    }
}

impl Tables {
    pub(super) fn new(session: &Session, now_ns: u64) -> Self {
        let direction = |direction| {
            let mut of_direction = Direction::default();
            if let Some(why) = doubt(session, direction) {
                of_direction.doubt.add(now_ns, why);
            }
            of_direction
        };
        let mut tables = Self {
            key: session.key,
            session: session.id,
            opens: [None; 2],
            asns: [None; 2],
            directions: [direction(0), direction(1)],
            up: false,
        };
        tables.take_opens(session);
        tables
    }

    /// Tables of a session that had none when something else than its OPENs was seen of it. Both OPENs bring tables with
    /// them, so that with these it has had some, and lost them.
    pub(super) fn in_its_midst(session: &Session, now_ns: u64) -> Self {
        let mut tables = Self::new(session, now_ns);
        if session.is_negotiated() {
            tables.up = true;
            for direction in &mut tables.directions {
                direction.disturb(now_ns, Why::Dropped);
            }
        }
        tables
    }

    pub(super) fn take_opens(&mut self, session: &Session) {
        self.opens = [0, 1].map(|direction| session.open(direction).copied());
        self.asns = [0, 1].map(|direction| session.asn(direction));
    }

    /// What the endpoint that is `direction`'s sender has told the other one.
    #[must_use]
    pub fn direction(&self, direction: usize) -> &Direction {
        &self.directions[direction & 1]
    }
}

/// What speaks against a direction's tables being whole from the start.
fn doubt(session: &Session, direction: usize) -> Option<Why> {
    if session.open(direction).is_none() {
        Some(Why::Joined)
    } else if !session.is_negotiated() {
        Some(Why::Assumed)
    } else {
        None
    }
}

/// Gives back what a table took, which is to go.
pub(super) fn release(rib: &mut AdjRib, budget: &mut Budget) {
    rib.release(budget);
    budget.resized(size_of::<AdjRib>() as u64, 0);
}
