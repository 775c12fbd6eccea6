//! What went missing, wherever that was.

use super::app::App;
use super::text;

/// A count of something that should be zero.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loss {
    /// Where.
    pub place: String,
    /// What.
    pub what: String,
    /// How much.
    pub count: u64,
    /// Of what.
    pub unit: Unit,
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Frames that were BGP.
    Frames,
    /// Bytes of a session.
    Bytes,
    /// Events that an output had no room for.
    Events,
    /// Routes that a table had no room for.
    Routes,
    /// Segments of connections that there was no room for.
    Segments,
    /// Errors in messages: told by the other side, and not lost.
    Errors,
    /// Connections that had to go for others.
    Connections,
}

impl Unit {
    const ALL: [Self; 7] = [
        Self::Frames,
        Self::Bytes,
        Self::Events,
        Self::Routes,
        Self::Segments,
        Self::Errors,
        Self::Connections,
    ];

    /// In words.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Frames => "frames",
            Self::Bytes => "bytes",
            Self::Events => "events",
            Self::Routes => "routes",
            Self::Segments => "segments",
            Self::Errors => "errors",
            Self::Connections => "connections",
        }
    }
}

impl Loss {
    /// Whether something that was said is not known any more.
    #[must_use]
    pub fn is_loss(&self) -> bool {
        !matches!(self.unit, Unit::Errors | Unit::Connections)
    }
}

/// All counts that are not zero.
#[must_use]
pub fn of(app: &App) -> Vec<Loss> {
    let mut losses = Vec::new();
    let mut add = |place: &str, what: &str, count: u64, unit| {
        if count > 0 {
            let (place, what) = (place.to_owned(), what.to_owned());
            losses.push(Loss {
                place,
                what,
                count,
                unit,
            });
        }
    };
    let status = &app.status;
    for (interface, lost) in &status.lost {
        for (why, count) in lost {
            add(interface, why, *count, Unit::Frames);
        }
    }
    for session in app.all() {
        let [a, b] = &session.directions;
        for (from, to) in [(a, b), (b, a)] {
            let place = format!("{} → {}", from.peer, to.peer);
            let limit = from.bytes.discarded.get("limit").copied();
            add(&place, "gap", from.bytes.gap, Unit::Bytes);
            add(&place, "in no message", from.bytes.quarantined, Unit::Bytes);
            add(&place, "no room", limit.unwrap_or(0), Unit::Bytes);
            add(&place, "in messages", from.counts.errors, Unit::Errors);
        }
    }
    for output in &status.outputs {
        for (why, count) in &output.dropped {
            add(&output.name, why, *count, Unit::Events);
        }
    }
    let refused = status.rib.as_ref().map_or(0, |rib| rib.refused);
    add("Adj-RIBs", "no room", refused, Unit::Routes);
    add("connections", "no room", status.refused, Unit::Segments);
    for (why, count) in &status.evicted {
        add("connections", why, *count, Unit::Connections);
    }
    losses
}

/// The sums by unit: `12 frames, 1.5 kB`.
#[must_use]
pub fn brief(losses: &[Loss]) -> String {
    let sums = Unit::ALL.iter().filter_map(|unit| {
        let of_unit = losses.iter().filter(|loss| loss.unit == *unit);
        let sum: u64 = of_unit.map(|loss| loss.count).sum();
        (sum > 0).then(|| match unit {
            Unit::Bytes => format!("{} of sessions", text::bytes(sum)),
            unit => format!("{} {}", text::count(sum), unit.name()),
        })
    });
    sums.collect::<Vec<_>>().join(", ")
}
