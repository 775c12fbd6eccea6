//! What a run amounts to: the summary and the ledger.

use crate::capture::{CaptureMode, TapCounts};
use crate::health::Figures;
use crate::sink::metrics::Output;
use crate::stream::Ledger;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

/// Messages by type.
#[derive(Clone, Copy, Debug, Default, Serialize)]
#[serde(rename_all = "UPPERCASE")]
#[allow(missing_docs)]
pub struct Messages {
    pub open: u64,
    pub update: u64,
    pub keepalive: u64,
    pub notification: u64,
    pub route_refresh: u64,
    pub unknown: u64,
}

/// Prefixes by action.
#[derive(Clone, Copy, Debug, Default, Serialize)]
#[allow(missing_docs)]
pub struct Prefixes {
    pub announced: u64,
    pub withdrawn: u64,
    /// Octets of NLRI of families that are not decoded.
    pub undecoded_bytes: u64,
}

/// Gaps.
#[derive(Clone, Copy, Debug, Default, Serialize)]
#[allow(missing_docs)]
pub struct Gaps {
    pub count: u64,
    pub bytes: u64,
}

/// Where the frames went.
///
/// `seen` = `other` + `redirected`; `redirected` = `received` + `drops`. For capture files, which
/// have no kernel in front of them, `redirected` and `received` are the frames that held a segment.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Frames {
    /// Frames that reached the program, or that the file holds.
    pub seen: u64,
    /// Frames that were BGP.
    pub redirected: u64,
    /// Frames that reached user space.
    pub received: u64,
    /// Frames that were not BGP, by reason.
    pub other: BTreeMap<&'static str, u64>,
    /// Frames that the kernel dropped on their way to user space, by its own names.
    pub drops: BTreeMap<&'static str, u64>,
    /// Frames that user space received and found no segment in, by reason.
    pub undissected: BTreeMap<&'static str, u64>,
    /// Times that a ring of AF_PACKET stood still, since a block was not given back yet.
    #[serde(skip_serializing_if = "is_zero")]
    pub freezes: u64,
}

#[allow(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// One direction of one session.
#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs)]
pub struct Direction {
    #[serde(serialize_with = "hex16")]
    pub session: u64,
    pub peer: IpAddr,
    pub peer_port: u16,
    pub local: IpAddr,
    pub local_port: u16,
    #[serde(flatten)]
    pub bytes: Bytes,
    pub tcp: Figures,
}

/// What became of the bytes of a direction, or of several.
#[derive(Clone, Copy, Debug, Default, Serialize)]
#[allow(missing_docs)]
pub struct Bytes {
    pub captured: u64,
    pub span: u64,
    pub decoded: u64,
    pub skipped: u64,
    pub duplicate: u64,
    pub quarantined: u64,
    pub discarded: Discarded,
    pub pending: u64,
    pub open_hole: u64,
    pub gap: u64,
}

/// Directions that are not listed one by one, because the list is full: those of connections of which both
/// sides were heard come first.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Unlisted {
    /// How many.
    pub directions: u64,
    /// Bytes of all of them.
    #[serde(flatten)]
    pub bytes: Bytes,
    /// What the equations leave unexplained of each, added up.
    #[serde(skip)]
    unaccounted: i64,
}

/// Bytes dropped, by reason.
#[derive(Clone, Copy, Debug, Default, Serialize)]
#[allow(missing_docs)]
pub struct Discarded {
    pub window: u64,
    pub limit: u64,
}

/// What one output has lost.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct OutputLosses {
    /// Events, by the reasons of metrics.
    pub dropped: BTreeMap<&'static str, u64>,
}

/// What cannot be explained: left side minus right side of the equations. 0 always.
#[derive(Clone, Copy, Debug, Default, Serialize)]
#[allow(missing_docs)]
pub struct Unaccounted {
    pub frames: i64,
    pub bytes: i64,
}

/// The summary, as FORMATS describes it.
#[derive(Clone, Debug, Default, Serialize)]
#[allow(missing_docs)]
pub struct Summary {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub capture: Vec<CaptureMode>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tap: Vec<TapCounts>,
    pub frames: Frames,
    pub segments: u64,
    pub messages: Messages,
    pub prefixes: Prefixes,
    pub directions: Vec<Direction>,
    pub unlisted: Unlisted,
    /// Segments of connections that there was no room for.
    pub refused: u64,
    /// Payload of these, bytes: in no direction.
    pub refused_bytes: u64,
    pub errors: BTreeMap<&'static str, u64>,
    /// Those of them that concern a path attribute, by its name and then by kind.
    pub attribute_errors: BTreeMap<String, BTreeMap<&'static str, u64>>,
    /// Connections that went before they ended, by reason.
    pub evicted: BTreeMap<&'static str, u64>,
    pub gaps: Gaps,
    /// What messages did to Adj-RIBs, by kind.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub rib: BTreeMap<&'static str, u64>,
    /// The outputs that have lost something, by their names in metrics.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub outputs: BTreeMap<&'static str, OutputLosses>,
    pub duration_s: f64,
    pub unaccounted: Unaccounted,
}

impl OutputLosses {
    /// Those outputs that have lost something, with the reasons for which they have.
    #[must_use]
    pub fn of(outputs: &[Output]) -> BTreeMap<&'static str, Self> {
        let losses = outputs.iter().map(|output| {
            let dropped = output.dropped.iter().copied();
            let dropped = dropped.filter(|(_, count)| *count > 0).collect();
            (output.name, Self { dropped })
        });
        losses
            .filter(|(_, lost)| !lost.dropped.is_empty())
            .collect()
    }
}

impl Direction {
    /// The figures of a ledger. `session`, then sender, then receiver.
    #[must_use]
    pub fn new(
        session: u64,
        peer: crate::wire::Endpoint,
        local: crate::wire::Endpoint,
        ledger: &Ledger,
        tcp: Figures,
    ) -> Self {
        Self {
            session,
            peer: peer.addr,
            peer_port: peer.port,
            local: local.addr,
            local_port: local.port,
            bytes: ledger.into(),
            tcp,
        }
    }
}

impl From<&Ledger> for Bytes {
    fn from(ledger: &Ledger) -> Self {
        Self {
            captured: ledger.captured,
            span: ledger.span,
            decoded: ledger.decoded,
            skipped: ledger.skipped,
            duplicate: ledger.duplicate,
            quarantined: ledger.quarantined,
            discarded: Discarded {
                window: ledger.discarded_window,
                limit: ledger.discarded_limit,
            },
            pending: ledger.pending,
            open_hole: ledger.open_hole,
            gap: ledger.gap,
        }
    }
}

impl Bytes {
    /// Bytes that either equation leaves unexplained, whatever the sign.
    fn unaccounted(&self) -> i64 {
        let kept = self.decoded + self.skipped + self.quarantined + self.pending;
        let captured = kept + self.duplicate + self.discarded.window + self.discarded.limit;
        let span = kept + self.gap + self.open_hole;
        difference(self.captured, captured).abs() + difference(self.span, span).abs()
    }
}

impl Unlisted {
    /// Adds a direction.
    pub fn add(&mut self, direction: &Direction) {
        let (sum, more) = (&mut self.bytes, &direction.bytes);
        self.directions += 1;
        self.unaccounted = self.unaccounted.saturating_add(more.unaccounted());
        sum.captured += more.captured;
        sum.span += more.span;
        sum.decoded += more.decoded;
        sum.skipped += more.skipped;
        sum.duplicate += more.duplicate;
        sum.quarantined += more.quarantined;
        sum.discarded.window += more.discarded.window;
        sum.discarded.limit += more.discarded.limit;
        sum.pending += more.pending;
        sum.open_hole += more.open_hole;
        sum.gap += more.gap;
    }
}

impl Summary {
    /// Works out what is unaccounted for; call it when all else is filled in.
    pub fn balance(&mut self) {
        let frames = &self.frames;
        let other: u64 = frames.other.values().sum();
        let drops: u64 = frames.drops.values().sum();
        let undissected: u64 = frames.undissected.values().sum();
        self.unaccounted.frames = difference(frames.seen, other + frames.redirected).abs()
            + difference(frames.redirected, frames.received + drops).abs()
            + difference(frames.received, self.segments + undissected).abs();
        let listed = self.directions.iter().map(|direction| &direction.bytes);
        let listed: i64 = listed.map(Bytes::unaccounted).sum();
        self.unaccounted.bytes = listed.saturating_add(self.unlisted.unaccounted);
    }

    /// The bytes of all directions, listed or not.
    fn bytes(&self) -> impl Iterator<Item = &Bytes> {
        let listed = self.directions.iter().map(|direction| &direction.bytes);
        listed.chain([&self.unlisted.bytes])
    }

    /// Something was lost: frames dropped, copies of a tap, gaps, or bytes that could not be framed.
    #[must_use]
    pub fn has_losses(&self) -> bool {
        self.frames.drops.values().any(|count| *count > 0)
            || self.tap.iter().any(|tap| tap.lost() > 0)
            || self.gaps.count > 0
            || self.refused > 0
            || self
                .bytes()
                .any(|bytes| bytes.quarantined > 0 || bytes.discarded.limit > 0)
    }
}

fn difference(left: u64, right: u64) -> i64 {
    i64::try_from(i128::from(left) - i128::from(right)).unwrap_or(i64::MAX)
}

fn hex16<S: serde::Serializer>(id: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{id:016x}"))
}

/// The ledger, for people.
impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let frames = &self.frames;
        writeln!(f, "ledger")?;
        writeln!(
            f,
            "  frames      seen {} = other {} + redirected {}",
            frames.seen,
            frames.other.values().sum::<u64>(),
            frames.redirected
        )?;
        writeln!(
            f,
            "              redirected {} = received {} + drops {}",
            frames.redirected,
            frames.received,
            frames.drops.values().sum::<u64>()
        )?;
        for (title, counts) in [
            ("other", &frames.other),
            ("drops", &frames.drops),
            ("undissected", &frames.undissected),
        ] {
            let mut named = counts.iter().filter(|(_, count)| **count > 0).peekable();
            if named.peek().is_some() {
                write!(f, "              {title}:")?;
                for (name, count) in named {
                    write!(f, " {name} {count}")?;
                }
                writeln!(f)?;
            }
        }
        for tap in &self.tap {
            writeln!(f, "  tap         {tap}")?;
        }
        let m = &self.messages;
        writeln!(
            f,
            "  messages    {} UPDATE, {} KEEPALIVE, {} OPEN, {} NOTIFICATION, {} ROUTE-REFRESH, {} unknown",
            m.update, m.keepalive, m.open, m.notification, m.route_refresh, m.unknown
        )?;
        writeln!(
            f,
            "  prefixes    {} announced, {} withdrawn",
            self.prefixes.announced, self.prefixes.withdrawn
        )?;
        let sum = |value: fn(&Bytes) -> u64| self.bytes().map(value).sum::<u64>();
        writeln!(
            f,
            "  bytes       captured {} = decoded {} + duplicate {} + quarantined {} + discarded {} + pending {} (skipped {})",
            sum(|d| d.captured),
            sum(|d| d.decoded),
            sum(|d| d.duplicate),
            sum(|d| d.quarantined),
            sum(|d| d.discarded.window + d.discarded.limit),
            sum(|d| d.pending),
            sum(|d| d.skipped),
        )?;
        writeln!(
            f,
            "  gaps        {} of {} bytes in all",
            self.gaps.count, self.gaps.bytes
        )?;
        if self.refused > 0 {
            writeln!(
                f,
                "  refused     {} segments of connections that there was no room for",
                self.refused
            )?;
        }
        for (kind, count) in self.errors.iter().filter(|(_, count)| **count > 0) {
            writeln!(f, "  errors      {kind} {count}")?;
        }
        for (attribute, kinds) in &self.attribute_errors {
            for (kind, count) in kinds {
                writeln!(f, "  attribute   {attribute}: {kind} {count}")?;
            }
        }
        write!(
            f,
            "  unaccounted frames {}, bytes {}",
            self.unaccounted.frames, self.unaccounted.bytes
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_add_up_is_unaccounted() {
        let mut summary = Summary::default();
        summary.frames.seen = 10;
        summary.frames.other.insert("other_port", 3);
        summary.frames.redirected = 7;
        summary.frames.received = 6;
        summary.frames.drops.insert("rx_ring_full", 1);
        summary.segments = 6;
        summary.balance();
        assert_eq!(summary.unaccounted.frames, 0);
        summary.segments = 5;
        summary.balance();
        assert_eq!(summary.unaccounted.frames, 1);
        assert!(summary.has_losses());
    }

    #[test]
    fn field_names_are_those_of_the_contract() {
        let json = serde_json::to_value(Summary::default()).expect("plain data");
        for field in [
            "frames",
            "segments",
            "messages",
            "prefixes",
            "directions",
            "errors",
            "gaps",
            "duration_s",
        ] {
            assert!(json.get(field).is_some(), "{field}");
        }
        assert_eq!(json["messages"]["ROUTE_REFRESH"], 0);
        assert_eq!(json["unaccounted"]["frames"], 0);
    }
}
