//! How the messages of a session that was joined in its midst are encoded, by vote.
//!
//! Each UPDATE is tried in every encoding that it may have ([`crate::bgp::evidence`]); the one
//! that fits most of them wins, the plainest of equals. AS numbers have one width in both
//! directions (RFC 6793 §4.1); path identifiers and stacks of labels are asked for in each
//! direction and family by itself.

use super::key::Direction;
use crate::bgp::evidence::{Reading, Readings, Widths};
use crate::bgp::family::KNOWN;
use crate::bgp::{Context, Family, FamilySet, NlriField, Possible, Safi, Update};

/// An answer is believed once it fits so many messages more than any other.
const MARGIN: u8 = 2;
/// A question that was answered is asked anew at most so often.
const REOPENED_MAX: u8 = 8;

/// The votes of one session.
#[derive(Debug)]
pub struct Inference {
    /// 0 stands for four octets, 1 for two.
    widths: Votes,
    directions: [Questions; 2],
}

/// What is asked about one direction.
#[derive(Debug)]
struct Questions {
    /// By position in [`KNOWN`], readings as in [`Reading::ALL`].
    families: [Votes; KNOWN.len()],
    /// Messages wait for the answers about these.
    asked: FamilySet,
    /// Messages wait for the width of AS numbers.
    asked_width: bool,
}

/// How many messages each answer fits.
#[derive(Clone, Copy, Debug, Default)]
struct Votes {
    fits: [u8; 4],
    settled: bool,
    reopened: u8,
}

impl Votes {
    /// The answer that fits most, the first of equals; `None` if there is no evidence.
    fn winner(&self) -> Option<usize> {
        let most = self.fits.iter().copied().max().filter(|most| *most > 0)?;
        self.fits.iter().position(|fits| *fits == most)
    }

    /// By how much the winner leads. Those that differ from it in the number of labels alone are no
    /// rivals: whatever fits one label fits several and reads the same, so that the first stack decides.
    fn lead(&self) -> u8 {
        let Some(winner) = self.winner() else {
            return 0;
        };
        let of = |answer: usize| self.fits.get(answer).copied().unwrap_or(0);
        of(winner).saturating_sub(of(winner ^ 1).max(of(winner ^ 3)))
    }

    /// Counts a message that the answers in `mask` fit.
    fn count(&mut self, mask: impl Fn(usize) -> bool) {
        let matching = (0..4).filter(|answer| mask(*answer)).count();
        if matching == 0 {
            // It is damaged, and says nothing.
            return;
        }
        let contradicts = self.winner().is_some_and(|winner| !mask(winner));
        for (answer, fits) in self.fits.iter_mut().enumerate() {
            *fits = fits.saturating_add(u8::from(mask(answer)));
        }
        if self.fits.contains(&u8::MAX) {
            // Who leads goes on leading.
            self.fits = self.fits.map(|fits| fits.saturating_sub(u8::MAX / 2));
        }
        if self.settled && contradicts && self.reopened < REOPENED_MAX {
            self.settled = false;
            self.reopened += 1;
        }
        self.settled |= self.lead() >= MARGIN && !contradicts;
    }
}

impl Default for Inference {
    fn default() -> Self {
        let questions = || Questions {
            families: [Votes::default(); KNOWN.len()],
            asked: FamilySet::EMPTY,
            asked_width: false,
        };
        Self {
            widths: Votes::default(),
            directions: [questions(), questions()],
        }
    }
}

impl Inference {
    /// Takes the evidence of an UPDATE, which was read as all that is known so far says; whether
    /// there was any that is still of interest.
    pub fn weigh(&mut self, direction: Direction, update: &Update<'_>, possible: Possible) -> bool {
        let mut weighed = false;
        let doubtful = update.errors().total() > 0;
        let questions = &mut self.directions[direction & 1];
        if possible.as4
            && (doubtful || !self.widths.settled)
            && let Some(widths) = Widths::of(update)
        {
            let fits = [widths.four, widths.two];
            self.widths.count(|answer| fits.get(answer) == Some(&true));
            questions.asked_width |= !self.widths.settled;
            weighed = true;
        }
        for family in families(update) {
            weighed |= questions.weigh(family, update, possible, doubtful);
        }
        weighed
    }

    /// Something is asked about the direction and not answered yet.
    pub fn is_open(&self, direction: Direction) -> bool {
        let questions = &self.directions[direction & 1];
        questions.asked_width && !self.widths.settled || questions.is_open()
    }

    /// No more evidence is waited for: what there is decides.
    pub fn settle(&mut self, direction: Direction) {
        let questions = &mut self.directions[direction & 1];
        if std::mem::take(&mut questions.asked_width) {
            self.widths.settled = true;
        }
        for family in std::mem::take(&mut questions.asked).iter() {
            if let Some(votes) = questions.votes_mut(family) {
                votes.settled = true;
            }
        }
    }

    /// Puts the answers in place of what was expected.
    pub fn apply(&self, direction: Direction, context: &mut Context) {
        if let Some(width) = self.widths.winner() {
            context.as4 = width == 0;
        }
        let questions = &self.directions[direction & 1];
        for (votes, family) in questions.families.iter().zip(KNOWN) {
            let Some(reading) = votes.winner().map(|answer| Reading::ALL[answer & 3]) else {
                continue;
            };
            let put = |set: FamilySet, member: bool| {
                if member {
                    set.with(family)
                } else {
                    set.without(family)
                }
            };
            context.add_path = put(context.add_path, reading.add_path());
            context.multiple_labels = put(context.multiple_labels, reading.multiple_labels());
        }
    }

    /// There is evidence for the way in which the UPDATE was read, and against the others.
    pub fn supports(&self, direction: Direction, update: &Update<'_>) -> bool {
        let questions = &self.directions[direction & 1];
        let leads = |votes: &Votes| votes.lead() > 0;
        let mut routes = families(update).map(|family| questions.votes(family));
        let routes = routes.all(|votes| votes.is_some_and(leads));
        routes && (!Widths::matter_to(update) || leads(&self.widths))
    }

    /// There is evidence of any kind about a direction.
    pub fn has_evidence(&self, direction: Direction) -> bool {
        let questions = &self.directions[direction & 1];
        let mut votes = questions.families.iter().chain([&self.widths]);
        votes.any(|votes| votes.lead() > 0)
    }
}

impl Questions {
    fn is_open(&self) -> bool {
        let unsettled = |family| self.votes(family).is_some_and(|votes| !votes.settled);
        !self.asked.is_empty() && self.asked.iter().any(unsettled)
    }

    fn votes(&self, family: Family) -> Option<&Votes> {
        self.families.get(family.index()? as usize)
    }

    fn votes_mut(&mut self, family: Family) -> Option<&mut Votes> {
        self.families.get_mut(family.index()? as usize)
    }

    fn weigh(
        &mut self,
        family: Family,
        update: &Update<'_>,
        possible: Possible,
        doubtful: bool,
    ) -> bool {
        let Some(votes) = self.votes_mut(family) else {
            return false;
        };
        let fitting = |among: Readings| {
            let of_family = fields(update).filter(|field| field.family() == family);
            of_family.fold(among, Readings::that_fit)
        };
        if votes.settled && !doubtful {
            // A stack of labels may read without an error where one label is expected.
            let labeled = matches!(family.safi, Safi::LABELED | Safi::VPN);
            let answer = votes.winner().and_then(|answer| Reading::ALL.get(answer));
            let fits = |answer| !fitting(Readings::NONE.with(answer)).is_empty();
            if !labeled || answer.is_some_and(|answer| fits(*answer)) {
                return false;
            }
        }
        let among = possible_readings(family, possible);
        if among.iter().count() < 2 {
            return false;
        }
        let fitting = fitting(among);
        votes.count(|answer| {
            let reading = Reading::ALL.get(answer);
            reading.is_some_and(|reading| fitting.contains(*reading))
        });
        if !votes.settled {
            self.asked = self.asked.with(family);
        }
        true
    }
}

/// The readings that no OPEN rules out.
fn possible_readings(family: Family, possible: Possible) -> Readings {
    let allowed = |set: Option<FamilySet>| set.is_none_or(|set| set.contains(family));
    Readings::of(family)
        .iter()
        .filter(|r| !r.add_path() || allowed(possible.add_path))
        .filter(|r| !r.multiple_labels() || allowed(possible.multiple_labels))
        .fold(Readings::NONE, Readings::with)
}

fn fields<'a>(update: &Update<'a>) -> impl Iterator<Item = NlriField<'a>> + use<'a> {
    update.all_withdrawn().chain(update.all_announced())
}

/// The families of the message's NLRI, each once.
fn families(update: &Update<'_>) -> impl Iterator<Item = Family> + use<> {
    let told = |field: NlriField<'_>| (!field.is_empty()).then_some(field.family());
    let plain = told(update.withdrawn()).or(told(update.announced()));
    let reach = update.mp_reach().and_then(|mp| told(mp.nlri));
    let unreach = update.mp_unreach().and_then(|mp| told(mp.nlri));
    let reach = reach.filter(|_| reach != plain);
    let unreach = unreach.filter(|_| unreach != plain && unreach != reach);
    [plain, reach, unreach].into_iter().flatten()
}

#[cfg(test)]
#[path = "inference/tests.rs"]
mod tests;
