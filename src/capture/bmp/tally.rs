//! What became of the BMP in a capture, and what is told of it.

use crate::wire::Endpoint;
use chrono::{DateTime, SecondsFormat};
use std::collections::BTreeMap;

/// Counts of a whole run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Messages that were read or passed over.
    pub messages: u64,
    /// Places where bytes are missing in the capture.
    pub holes: u64,
    /// Bytes that are missing there.
    pub missing: u64,
    /// Bytes that were captured, and of no use behind a hole or out of step.
    pub passed: u64,
    /// Places where no message followed a message.
    pub out_of_step: u64,
    /// Messages that could not be read.
    pub malformed: u64,
    /// Why, of the first of them.
    pub malformed_why: &'static str,
    /// Streams that were given up for others.
    pub evicted: u64,
    /// Messages of peers that there was no room for.
    pub refused: u64,
    /// Of whom the first damage was, and when in nanoseconds since the epoch.
    pub first: Option<(Endpoint, Endpoint, u64)>,
    /// Streams that were joined in their middle.
    pub joined: u64,
    /// Bytes before the first message of these.
    pub before: u64,
    /// Bytes that came behind the ends of their connections.
    pub behind_end: u64,
    /// Bytes of messages that were not complete when the capture ended.
    pub pending: u64,
    /// UPDATEs and Peer Downs of peers whose Peer Up was not seen.
    pub without_up: u64,
    /// Messages of peers that have the addresses of another one.
    pub indistinct: u64,
    /// UPDATEs that the other end, or another feed, has told.
    pub twice: u64,
    /// UPDATEs of a session whose end the other end has told before.
    pub late: u64,
    /// Messages of the version of a draft.
    pub draft: u64,
    /// Route Monitoring messages of views that no wire has, by view.
    pub views: BTreeMap<&'static str, u64>,
}

impl Tally {
    /// Bytes are missing.
    pub(super) fn lose(&mut self, bytes: u64) {
        self.holes += 1;
        self.missing += bytes;
    }

    /// A Route Monitoring message is of a view that no wire has.
    pub(super) fn pass_view(&mut self, view: &'static str) {
        *self.views.entry(view).or_default() += 1;
    }

    /// Something was lost, or could not be read: the run has done its work in part only.
    #[must_use]
    pub const fn is_damaged(&self) -> bool {
        self.damage() > 0
    }

    /// Grows with each damage.
    pub(super) const fn damage(&self) -> u64 {
        self.holes + self.passed + self.out_of_step + self.malformed + self.evicted + self.refused
    }

    /// What a user has to know, a line for each.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        let mut note = |count: u64, text: String| {
            if count > 0 {
                notes.push(text);
            }
        };
        let (holes, missing) = (self.holes, self.missing);
        note(
            holes,
            format!("BMP: {missing} bytes are missing in {holes} places"),
        );
        note(
            self.out_of_step,
            format!(
                "BMP: {} times no message followed a message",
                self.out_of_step
            ),
        );
        note(
            self.passed,
            format!(
                "BMP: {} bytes were passed over until a message was found again",
                self.passed
            ),
        );
        let why = self.malformed_why;
        note(
            self.malformed,
            format!(
                "BMP: {} messages could not be read; of the first: {why}",
                self.malformed
            ),
        );
        note(
            self.evicted,
            format!("BMP: {} connections were given up for others", self.evicted),
        );
        note(
            self.refused,
            format!(
                "BMP: {} messages were of peers that there was no room for",
                self.refused
            ),
        );
        if let Some((from, to, ns)) = &self.first {
            let at = time(*ns);
            note(
                self.damage(),
                format!(
                    "BMP: the first of this was from {} port {} to {} port {} at {at}",
                    from.addr, from.port, to.addr, to.port
                ),
            );
        }
        let (joined, before) = (self.joined, self.before);
        note(
            joined + before,
            format!(
                "BMP: {joined} connections were joined in their middle, {before} bytes before their first messages"
            ),
        );
        note(
            self.behind_end,
            format!(
                "BMP: {} bytes were passed over: they came behind the ends of their connections",
                self.behind_end
            ),
        );
        note(
            self.pending,
            format!(
                "BMP: {} bytes are of messages that were not complete at the end",
                self.pending
            ),
        );
        note(
            self.without_up,
            format!(
                "BMP: of the peers of {} messages no Peer Up was seen: the address that the router sends BMP from \
                 stands for its own",
                self.without_up
            ),
        );
        note(
            self.indistinct,
            format!(
                "BMP: {} messages were passed over: their peers have the addresses of others (another VRF, or another feed)",
                self.indistinct
            ),
        );
        note(
            self.twice,
            format!(
                "BMP: {} UPDATEs were passed over: the other end tells them too",
                self.twice
            ),
        );
        note(
            self.late,
            format!(
                "BMP: {} UPDATEs were passed over: the other end had told the end of their sessions before",
                self.late
            ),
        );
        note(
            self.draft,
            format!(
                "BMP: {} messages of version 4, a draft, were passed over",
                self.draft
            ),
        );
        for (view, count) in &self.views {
            note(
                *count,
                format!(
                    "BMP: {count} Route Monitoring messages of the {view} were passed over: no session has them"
                ),
            );
        }
        notes
    }
}

/// RFC 3339, UTC.
fn time(ns: u64) -> String {
    let time = DateTime::from_timestamp_nanos(i64::try_from(ns).unwrap_or(i64::MAX));
    time.to_rfc3339_opts(SecondsFormat::Micros, true)
}
