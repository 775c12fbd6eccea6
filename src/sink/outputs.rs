//! All outputs of a run behind one face: what happens is told once.

mod lines;
mod status;

pub use status::Closed;

use super::bmp::Bmp;
use super::delivered::Delivered;
use super::evidence::{Evidence, incidents};
use super::json::{self, ContextSource, Meta};
use super::metrics::{Direction, FamilyCounters, Metrics};
use super::mrt;
use super::reload::Reload;
use super::stream::EventStream;
use super::text::{TextLines, TextWriter};
use super::totals::{Gaps, Messages, Prefixes};
use super::writer::{Losses, Writer};
use crate::bgp::{self, Message, MessageType};
use crate::filter::{Event, Selection, What};
use crate::health::Alarm;
use crate::rib::{CHANGES, Changes};
use crate::session::{State, Transfer};
use crate::stream::{Gap, GapReason, MalformedReason};
use lines::Lines;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Figures over the whole run.
#[derive(Clone, Debug, Default)]
pub struct Totals {
    /// Messages by type.
    pub messages: Messages,
    /// Prefixes of the families whose NLRI is decoded.
    pub prefixes: Prefixes,
    /// Holes given up.
    pub gaps: Gaps,
    /// What messages did to Adj-RIBs, see [`CHANGES`].
    pub rib: [u64; CHANGES.len()],
    /// Errors in the order of [`super::metrics::ERROR_KINDS`].
    pub errors: [u64; super::metrics::ERROR_KINDS.len()],
    /// Those of them that concern a path attribute, by its type code.
    pub attribute_errors: BTreeMap<(u8, bgp::Disposition), u64>,
}

/// JSON lines and what belongs to them.
pub struct JsonLines {
    /// Where they go.
    pub writer: Writer,
    /// With the bytes of each message.
    pub raw: bool,
    /// What they look like.
    pub format: json::Format,
    /// Which events are told.
    pub selection: Selection,
}

impl JsonLines {
    fn is_elem(&self) -> bool {
        self.format == json::Format::Elem
    }
}

/// BGP4MP records and what belongs to them.
pub struct MrtRecords {
    /// Where they go.
    pub writer: Writer,
    /// Which events are told.
    pub selection: Selection,
}

/// Metrics, JSON lines and totals.
pub struct Outputs {
    /// Shared with the exporter.
    pub metrics: Arc<Metrics>,
    /// If asked for.
    pub json: Option<JsonLines>,
    /// The same to Kafka, if asked for.
    pub kafka: Option<JsonLines>,
    /// What has become of these.
    pub kafka_delivered: Arc<Delivered>,
    /// BGP4MP records, if asked for.
    pub mrt: Option<MrtRecords>,
    /// Snapshots of all tables, if asked for.
    pub tables: Option<mrt::TableDumps>,
    /// Who listens to events over HTTP, if that is served.
    pub stream: Option<EventStream>,
    /// Frames around what went wrong, if they are kept.
    pub evidence: Option<Evidence>,
    /// Where changes come from while it runs, if any may.
    pub(super) reload: Option<Reload>,
    /// What writers have lost that were replaced or removed, by the names of their outputs.
    pub(super) former: BTreeMap<&'static str, Vec<Arc<Losses>>>,
    /// The names of the source's interfaces.
    pub(super) interfaces: Vec<String>,
    /// Lines for people, if asked for.
    pub text: Option<TextLines>,
    /// Somebody wants to know what it all comes to in the end.
    pub summarised: bool,
    /// Over the whole run.
    pub totals: Totals,
    /// Name of this monitor.
    pub host: String,
    /// BMP feeds, if any are asked for.
    pub bmp: Option<Box<Bmp>>,
    /// Made with the first message that is written.
    messages: Option<json::MessageWriter>,
    elements: json::ElemWriter,
}

impl Outputs {
    /// Outputs that only count.
    #[must_use]
    pub fn new(metrics: Arc<Metrics>, json: Option<JsonLines>, host: String) -> Self {
        Self {
            metrics,
            json,
            kafka: None,
            kafka_delivered: Arc::default(),
            mrt: None,
            tables: None,
            stream: None,
            evidence: None,
            reload: None,
            former: BTreeMap::new(),
            interfaces: Vec::new(),
            text: None,
            summarised: false,
            totals: Totals::default(),
            host,
            bmp: None,
            messages: None,
            elements: json::ElemWriter::default(),
        }
    }

    /// A message was decoded, and did something to the Adj-RIB if that is known.
    pub fn message(
        &mut self,
        meta: &Meta<'_>,
        counters: &Direction,
        message: &Message<'_>,
        context: (&bgp::Context, ContextSource),
        bytes: &[u8],
        changes: Option<&Changes>,
    ) {
        self.count(counters, message);
        if let Some(changes) = changes {
            self.count_changes(counters, changes);
        }
        let event = Event {
            meta,
            what: What::Message(message, changes),
        };
        if let Some(evidence) = &mut self.evidence {
            incidents::of_message(evidence, &event, message);
        }
        self.text(&event, |out, lines| {
            lines.message(out, meta, message, context, changes);
        });
        if let Some(mrt) = &mut self.mrt
            && mrt.selection.wants(&event)
        {
            mrt.writer.event(meta.ts_ns, |out| {
                mrt::write_message(out, meta, message, context.0, bytes);
            });
        }
        if let Some(json) = self.json.as_mut().filter(|json| json.is_elem())
            && json.selection.wants(&event)
        {
            let elements = &mut self.elements;
            json.writer
                .event(meta.ts_ns, |out| elements.write(out, meta, message));
        }
        let Some(lines) = Lines::wanted(&mut self.json, &mut self.kafka, &mut self.stream, &event)
        else {
            return;
        };
        let raw = lines.raw.then_some(bytes);
        let messages = self.messages.get_or_insert_default();
        let line = json::MessageLine {
            context: Some(context),
            raw,
            changes,
            ..json::MessageLine::new(meta, message)
        };
        lines.write(meta.ts_ns, |out| messages.write(out, &line));
    }

    /// A message that nobody asked for: all that is known of it is its type.
    pub fn skipped(&mut self, counters: &Direction, kind: MessageType) {
        self.count_kind(counters, kind);
    }

    fn count_kind(&mut self, counters: &Direction, kind: MessageType) {
        let totals = &mut self.totals.messages;
        let (index, total) = match kind {
            MessageType::Open => (0, &mut totals.open),
            MessageType::Update => (1, &mut totals.update),
            MessageType::Notification => (2, &mut totals.notification),
            MessageType::Keepalive => (3, &mut totals.keepalive),
            MessageType::RouteRefresh => (4, &mut totals.route_refresh),
            MessageType::Unknown(_) => (5, &mut totals.unknown),
        };
        *total += 1;
        counters.messages[index].add(1);
    }

    fn count(&mut self, counters: &Direction, message: &Message<'_>) {
        self.count_kind(counters, message.kind());
        for error in message.errors() {
            self.error(counters, disposition_index(error.disposition));
            if let Some(attribute) = error.attribute {
                counters.attribute_errors.add(attribute, error.disposition);
                let key = (attribute, error.disposition);
                *self.totals.attribute_errors.entry(key).or_default() += 1;
            }
        }
        if let Message::Update(update) = message {
            self.count_prefixes(counters, update);
        }
    }

    fn count_changes(&mut self, counters: &Direction, changes: &Changes) {
        let totals = self.totals.rib.iter_mut().zip(&counters.rib_changes);
        for (count, (total, counter)) in changes.counts().into_iter().zip(totals) {
            *total += u64::from(count);
            counter.add(count.into());
        }
    }

    fn count_prefixes(&mut self, counters: &Direction, update: &bgp::Update<'_>) {
        for field in update.all_announced() {
            let count = field.count() as u64;
            self.totals.prefixes.announced += count;
            family(counters, &field).announced.add(count);
            self.count_undecoded(counters, &field);
        }
        for field in update.all_withdrawn() {
            let count = field.count() as u64;
            self.totals.prefixes.withdrawn += count;
            family(counters, &field).withdrawn.add(count);
            self.count_undecoded(counters, &field);
        }
    }

    /// Where one NLRI of an unknown family ends, nothing says: its octets are what can be counted.
    fn count_undecoded(&mut self, counters: &Direction, field: &bgp::NlriField<'_>) {
        if field.is_opaque() {
            let bytes = field.as_bytes().len() as u64;
            self.totals.prefixes.undecoded_bytes += bytes;
            family(counters, field).undecoded_bytes.add(bytes);
        }
    }

    fn error(&mut self, counters: &Direction, kind: usize) {
        if let (Some(total), Some(counter)) =
            (self.totals.errors.get_mut(kind), counters.errors.get(kind))
        {
            *total += 1;
            counter.add(1);
        }
    }

    /// The session's state changed.
    pub fn state(&mut self, meta: &Meta<'_>, state: State, previous: State, reason: &str) {
        let what = What::State;
        let event = Event { meta, what };
        if let Some(evidence) = &mut self.evidence {
            incidents::of_state(evidence, &event, (state, previous), reason);
        }
        if let Some(mrt) = &mut self.mrt
            && mrt.selection.wants(&event)
        {
            mrt.writer.event(meta.ts_ns, |out| {
                mrt::write_state(out, meta, state, previous);
            });
        }
        self.text(&event, |out, lines| {
            lines.state(out, meta, state, previous, reason);
        });
        self.line(&event, |out| {
            json::write_state(out, meta, state.number(), previous.number(), reason);
        });
    }

    /// The transfer of one side's routes has come to another point.
    pub fn transfer(&mut self, meta: &Meta<'_>, transfer: &Transfer) {
        let what = What::Transfer(transfer);
        let event = Event { meta, what };
        self.text(&event, |out, lines| lines.transfer(out, meta, transfer));
        self.line(&event, |out| json::write_transfer(out, meta, transfer));
    }

    /// The TCP under a session is in trouble, or out of it.
    pub fn alarm(&mut self, meta: &Meta<'_>, counters: &Direction, alarm: Alarm) {
        counters.alarms[alarm.index()].add(1);
        let what = What::Tcp;
        let event = Event { meta, what };
        self.text(&event, |out, lines| lines.alarm(out, meta, alarm));
        self.line(&event, |out| {
            json::write_alarm(out, meta, alarm.name(), alarm.nanoseconds());
        });
    }

    /// A hole was given up.
    pub fn gap(&mut self, meta: &Meta<'_>, counters: Option<&Direction>, gap: &Gap) {
        self.totals.gaps.count += 1;
        self.totals.gaps.bytes += gap.bytes;
        if let Some(counters) = counters {
            counters.gaps.add(1);
        }
        let reason = gap_reason(gap.reason);
        let what = What::Gap;
        let event = Event { meta, what };
        if let Some(evidence) = &mut self.evidence {
            incidents::of_gap(evidence, &event, gap.bytes, reason);
        }
        self.text(&event, |out, lines| lines.gap(out, meta, gap.bytes, reason));
        self.line(&event, |out| {
            json::write_gap(out, meta, gap.bytes, gap.seq_from, gap.seq_to, reason);
        });
    }

    /// Contiguous bytes were passed over.
    pub fn malformed(
        &mut self,
        meta: &Meta<'_>,
        counters: &Direction,
        bytes: u64,
        reason: MalformedReason,
    ) {
        let (kind, name) = malformed_reason(reason);
        self.error(counters, kind);
        let what = What::Malformed;
        let event = Event { meta, what };
        if let Some(evidence) = &mut self.evidence {
            incidents::of_malformed(evidence, &event, bytes, name);
        }
        self.text(&event, |out, lines| lines.malformed(out, meta, bytes, name));
        self.line(&event, |out| {
            json::write_malformed(out, meta, bytes, name);
        });
    }

    /// Writes the line for people, if they want the event.
    fn text(&mut self, event: &Event<'_>, write: impl FnOnce(&mut Vec<u8>, &mut TextWriter)) {
        if let Some(text) = &mut self.text
            && text.selection.wants(event)
        {
            let lines = &mut text.lines;
            text.writer.event(event.meta.ts_ns, |out| write(out, lines));
        }
    }

    /// Writes the line of an event for all who want it.
    fn line(&mut self, event: &Event<'_>, encode: impl FnMut(&mut Vec<u8>)) {
        let lines = Lines::wanted(&mut self.json, &mut self.kafka, &mut self.stream, event);
        if let Some(lines) = lines {
            lines.write(event.meta.ts_ns, encode);
        }
    }
}

fn family<'a>(counters: &'a Direction, field: &bgp::NlriField<'_>) -> &'a FamilyCounters {
    let family = field.family();
    counters.prefixes(family.afi.0, family.safi.0)
}

fn gap_reason(reason: GapReason) -> &'static str {
    match reason {
        GapReason::MirrorLoss => "mirror_loss",
        GapReason::NetworkLoss => "network_loss",
        GapReason::OneSided => "one_sided",
        GapReason::Limit => "limit",
        GapReason::CutFrame => "cut_frame",
        GapReason::Outage => "outage",
        GapReason::End => "end",
    }
}

/// Index in [`super::metrics::ERROR_KINDS`].
fn disposition_index(disposition: bgp::Disposition) -> usize {
    match disposition {
        bgp::Disposition::SessionReset => 0,
        bgp::Disposition::AfiSafiDisable => 1,
        bgp::Disposition::TreatAsWithdraw => 2,
        bgp::Disposition::AttributeDiscard => 3,
        bgp::Disposition::Ignore => 9,
        bgp::Disposition::NlriDiscard => 11,
    }
}

/// Index and name in [`super::metrics::ERROR_KINDS`].
fn malformed_reason(reason: MalformedReason) -> (usize, &'static str) {
    let index = match reason {
        MalformedReason::BadMarker => 4,
        MalformedReason::BadLength => 5,
        MalformedReason::BeforeFirstHeader => 6,
        MalformedReason::AfterGap => 7,
        MalformedReason::CutMessage => 8,
        MalformedReason::Limit => 10,
    };
    (index, super::metrics::ERROR_KINDS[index])
}
