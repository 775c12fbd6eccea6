//! Which routes outlive their session: graceful restart (RFC 4724, RFC 8538, RFC 9494).

use super::adj::AdjRib;
use super::budget::Budget;
use super::session::{Direction, Tables, release};
use crate::bgp::attribute::{Communities, PathAttribute};
use crate::bgp::{Context, Family, FamilySet, Form, OpenFacts};
use crate::intern::{AttrSet, AttrStore};
use crate::session::{End, Transfer, stale};

/// NO_LLGR (RFC 9494 §4.3).
const NO_LLGR: [u8; 4] = [0xff, 0xff, 0, 7];
const SECOND_NS: u64 = 1_000_000_000;

/// Tables of a session that is over, until their sender is back.
pub(super) struct Retained {
    /// Only those that are retained: each knows until when.
    tables: Tables,
}

/// For how long a table outlives its session.
#[derive(Clone, Copy, Debug)]
pub(super) struct Outlives {
    pub(super) until_ns: u64,
    /// How much longer, for routes that may stay longer.
    long_lived_s: u32,
}

impl Retained {
    /// Takes those tables that the receiver of their routes has to keep.
    pub(super) fn new(mut tables: Tables, end: End, now_ns: u64, budget: &mut Budget) -> Self {
        let opens = tables.opens;
        for direction in [0, 1] {
            let sender = opens[direction].as_ref();
            let stale = stale(end, sender, opens[direction ^ 1].as_ref());
            for mut rib in tables.directions[direction].take() {
                // With neither routes nor a doubt about that a table says no more than none.
                let says = !rib.is_empty() || rib.partial().is_some();
                let times = times(stale, sender, rib.family()).filter(|_| says);
                let Some((restart_s, long_lived_s)) = times else {
                    release(&mut rib, budget);
                    continue;
                };
                rib.restart(Outlives {
                    until_ns: now_ns.saturating_add(u64::from(restart_s) * SECOND_NS),
                    long_lived_s,
                });
                tables.directions[direction].adopt(rib, now_ns, budget);
            }
        }
        Self { tables }
    }

    pub(super) fn tables(&self) -> &Tables {
        &self.tables
    }

    pub(super) fn is_empty(&self) -> bool {
        let directions = &self.tables.directions;
        directions
            .iter()
            .all(|direction| direction.ribs().is_empty())
    }

    pub(super) fn has_routes(&self) -> bool {
        let mut ribs = self.tables.directions.iter().flat_map(Direction::ribs);
        ribs.any(|rib| !rib.is_empty())
    }

    /// Both are back: tables whose routes are still forwarded go on, stale (RFC 4724 §4.2).
    pub(super) fn go_on(
        mut self,
        tables: &mut Tables,
        contexts: [&Context; 2],
        now_ns: u64,
        budget: &mut Budget,
    ) {
        for direction in [0, 1] {
            let preserved = preserved(tables, direction);
            let context = contexts[direction];
            let kept = self.tables.directions[direction].take();
            let (stay, go): (Vec<_>, Vec<_>) = kept.into_iter().partition(|rib| {
                let form = Form::announced(rib.family(), context);
                preserved.contains(rib.family()) && rib.suits(form, context)
            });
            for mut rib in go {
                release(&mut rib, budget);
            }
            for mut rib in stay {
                rib.outlives = None;
                tables.directions[direction].adopt(rib, now_ns, budget);
            }
        }
    }

    /// Drops what nobody waits for any more.
    pub(super) fn expire(&mut self, now_ns: u64, store: &AttrStore, budget: &mut Budget) {
        for direction in &mut self.tables.directions {
            direction.retain(|rib| {
                let over = expire(rib, now_ns, store, budget);
                if over {
                    release(rib, budget);
                }
                !over
            });
        }
    }

    pub(super) fn drop_all(mut self, budget: &mut Budget) {
        for direction in &mut self.tables.directions {
            for mut rib in direction.take() {
                release(&mut rib, budget);
            }
        }
    }
}

/// Whether the time of a table is over. When it is but for routes that may stay longer, the others go.
fn expire(rib: &mut AdjRib, now_ns: u64, store: &AttrStore, budget: &mut Budget) -> bool {
    let Some(times) = &mut rib.outlives else {
        return false;
    };
    if now_ns < times.until_ns {
        return false;
    }
    let longer = std::mem::take(&mut times.long_lived_s);
    if longer == 0 {
        return true;
    }
    // RFC 9494 §4.2: the long-lived time begins where the restart time ends.
    times.until_ns = times.until_ns.saturating_add(u64::from(longer) * SECOND_NS);
    let over = now_ns >= times.until_ns;
    rib.drop_stale_where(budget, |set| is_short_lived(store, set));
    over
}

/// Seconds for which routes outlive the session, and seconds for which they may live longer still.
/// `None` if they go with the session.
fn times(
    stale: Option<Transfer>,
    sender: Option<&OpenFacts>,
    family: Family,
) -> Option<(u32, u32)> {
    let Some(Transfer::Stale {
        families,
        restart_time,
        long_lived,
    }) = stale
    else {
        return None;
    };
    let longest = sender.map_or(0, |sender| sender.long_lived_s);
    let long_lived_s = if long_lived.contains(family) {
        longest
    } else {
        0
    };
    families
        .contains(family)
        .then_some((restart_time.into(), long_lived_s))
}

/// A session has come up: of what its receivers may keep from before, not all has been seen. By RFC 4724 §4.2 that hangs on
/// the F bits alone: a session that broke without a restart leaves stale routes, too.
pub(super) fn expect_unseen(tables: &mut Tables, now_ns: u64) {
    for direction in [0, 1] {
        let families = preserved(tables, direction);
        tables.directions[direction].expect_unseen(families, now_ns);
    }
}

/// Families whose forwarding the sender has kept, and of which the receiver has not lost what it knew.
fn preserved(tables: &Tables, direction: usize) -> FamilySet {
    let restart = |side: usize| tables.opens[side].as_ref()?.graceful_restart;
    match (restart(direction), restart(direction ^ 1)) {
        (Some(sender), Some(receiver)) if !receiver.restarted => sender.preserved,
        _ => FamilySet::EMPTY,
    }
}

/// The route must not outlive the restart time (RFC 9494 §4.2).
fn is_short_lived(store: &AttrStore, set: &AttrSet) -> bool {
    store
        .get(set)
        .filter(|attribute| attribute.code == Communities::CODE)
        .any(|attribute| attribute.value.as_chunks::<4>().0.contains(&NO_LLGR))
}
