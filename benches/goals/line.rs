//! A line of the table: what was measured, and whether the goal holds.

use std::fmt;

/// What ours divided by theirs should be.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Goal {
    AtMost(f64),
    /// Told for its own sake.
    None,
}

/// What came of a piece of work.
#[derive(Clone, Debug)]
pub(crate) enum Found {
    Figures {
        ours: f64,
        theirs: f64,
        goal: Goal,
    },
    /// It could not be measured, and why.
    Missing(String),
}

#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) work: String,
    pub(crate) unit: &'static str,
    /// Whom ours is compared with.
    pub(crate) peer: String,
    pub(crate) found: Found,
}

impl Line {
    pub(crate) fn new(
        work: impl Into<String>,
        unit: &'static str,
        peer: impl Into<String>,
        (ours, theirs): (f64, f64),
        goal: Goal,
    ) -> Self {
        let (work, peer) = (work.into(), peer.into());
        if let Some(who) = [(ours, "ours"), (theirs, &*peer)]
            .iter()
            .find_map(|(figure, who)| figure.is_nan().then_some(who))
        {
            return Self::missing(
                format!("{work}, beside {peer}"),
                format!("no figure of {who}"),
            );
        }
        Self {
            work,
            unit,
            peer,
            found: Found::Figures { ours, theirs, goal },
        }
    }

    pub(crate) fn missing(work: impl Into<String>, why: impl Into<String>) -> Self {
        Self {
            work: work.into(),
            unit: "",
            peer: String::new(),
            found: Found::Missing(why.into()),
        }
    }

    pub(crate) fn is_missing(&self) -> bool {
        matches!(self.found, Found::Missing(_))
    }

    /// Whether the goal holds; `None` without a goal, or without a measurement.
    pub(crate) fn holds(&self) -> Option<bool> {
        match self.found {
            Found::Figures {
                ours,
                theirs,
                goal: Goal::AtMost(most),
            } => Some(ours <= most * theirs),
            _ => None,
        }
    }

    /// Its columns: work, unit, ours, peer, theirs, ratio, goal, holds.
    pub(crate) fn columns(&self) -> [String; 8] {
        let (ours, theirs, ratio, goal) = match &self.found {
            Found::Figures { ours, theirs, goal } => (
                number(*ours),
                number(*theirs),
                Ratio(ours / theirs).to_string(),
                match goal {
                    Goal::AtMost(most) => format!("≤ {}", Ratio(*most)),
                    Goal::None => "–".to_owned(),
                },
            ),
            Found::Missing(why) => (
                format!("not measured: {why}"),
                "".into(),
                "".into(),
                "".into(),
            ),
        };
        let holds = match (self.holds(), &self.found) {
            (Some(true), _) => "yes",
            (Some(false), _) => GOAL_MISSED,
            (None, Found::Missing(_)) => "?",
            (None, _) => "–",
        };
        let unit = self.unit.to_owned();
        let (work, peer) = (self.work.clone(), self.peer.clone());
        [work, unit, ours, peer, theirs, ratio, goal, holds.into()]
    }
}

/// Names of [`Line::columns`].
pub(crate) const COLUMNS: [&str; 8] = [
    "work", "unit", "ours", "peer", "theirs", "ratio", "goal", "holds",
];

/// Where [`Line::columns`] has what its reason is found by.
pub(crate) const WORK: usize = 0;
pub(crate) const PEER: usize = 3;
pub(crate) const HOLDS: usize = 7;
/// What [`HOLDS`] says of a goal that does not.
pub(crate) const GOAL_MISSED: &str = "**no**";

/// Three digits are what there is to say.
fn number(value: f64) -> String {
    match value.abs() {
        v if v >= 100.0 => format!("{value:.0}"),
        v if v >= 10.0 => format!("{value:.1}"),
        0.0 => "0".to_owned(),
        v if v >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

/// `1.25`, or `1/8.0` where ours is the smaller.
struct Ratio(f64);

impl fmt::Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(ratio) = *self;
        let inverse = 1.0 / ratio;
        if ratio.is_infinite() {
            // Some beside none.
            f.write_str("–")
        } else if ratio > 0.75 {
            write!(f, "{}", round(ratio))
        } else if inverse.is_finite() {
            write!(f, "1/{}", round(inverse))
        } else {
            f.write_str("0")
        }
    }
}

/// Without digits that say nothing.
fn round(value: f64) -> String {
    let text = if value >= 100.0 {
        format!("{value:.0}")
    } else if value >= 10.0 {
        format!("{value:.1}")
    } else {
        format!("{value:.2}")
    };
    match text.split_once('.') {
        Some(_) => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        None => text,
    }
}
