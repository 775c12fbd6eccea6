//! Lines that people read: one for each message and event, as tcpdump(8) has them, and a table at the end.
//!
//! ```text
//! 2026-11-21 03:30:49.067643Z 192.0.2.1 AS65001 > 192.0.2.2 AS65002 UPDATE +91.64.172.0/24[7] via 65001 65010 next-hop 192.0.2.10
//! ```
//!
//! The lines are written into a buffer that is reused, as those of JSON are: nothing is allocated for one. What routers
//! have sent is shown so that it cannot move a terminal's cursor.

mod detail;
mod flat;
mod message;
mod names;
mod palette;
mod table;
mod tally;
#[cfg(test)]
mod tests;

pub use names::{NoPeerName, PeerName, PeerNames};

use super::json::{ContextSource, Meta};
use super::totals::Summary;
use super::writer::Writer;
use crate::bgp::{Context, FamilySet, Message, MessageType};
use crate::filter::Selection;
use crate::health::Alarm;
use crate::rib::Changes;
use crate::session::{State, Transfer};
use anstyle::Style;
use chrono::{DateTime, Datelike, Timelike};
use message::Line;
use palette::Palette;
use std::io::{self, Write};
use std::net::IpAddr;
use tally::Tally;

/// How lines look.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// With the escapes of a terminal.
    pub coloured: bool,
    /// With everything that messages say.
    pub verbose: bool,
    /// What speakers are called.
    pub names: PeerNames,
}

/// Lines and where they go.
pub struct TextLines {
    /// Where they go.
    pub writer: Writer,
    /// What makes them.
    pub lines: TextWriter,
    /// Which events are told; the table at the end counts no others.
    pub selection: Selection,
}

/// Makes lines, and keeps what the table at the end is to say.
#[derive(Debug)]
pub struct TextWriter {
    verbose: bool,
    names: PeerNames,
    palette: Palette,
    scratch: String,
    tally: Tally,
}

impl TextWriter {
    /// Takes over what the table at the end is to say.
    pub(super) fn inherit(&mut self, before: &mut Self) {
        self.tally = std::mem::take(&mut before.tally);
    }

    /// A writer that has not seen anything.
    #[must_use]
    pub fn new(options: Options) -> Self {
        Self {
            verbose: options.verbose,
            names: options.names,
            palette: match options.coloured {
                true => Palette::coloured(),
                false => Palette::plain(),
            },
            scratch: String::new(),
            tally: Tally::default(),
        }
    }

    /// Appends the line of a message, which was read by `context` and did `changes` to its Adj-RIB.
    pub fn message(
        &mut self,
        out: &mut Vec<u8>,
        meta: &Meta<'_>,
        message: &Message<'_>,
        context: (&Context, ContextSource),
        changes: Option<&Changes>,
    ) {
        self.tally.message(meta, message);
        let verbose = self.verbose;
        let kind = message.kind();
        self.line(out, meta, word(kind), self.palette.of(kind), |line| {
            line.message(message)?;
            if verbose {
                line.detail(meta, message, context, changes)?;
            }
            Ok(())
        });
    }

    /// Appends the line of a change of state.
    pub fn state(
        &mut self,
        out: &mut Vec<u8>,
        meta: &Meta<'_>,
        state: State,
        previous: State,
        reason: &str,
    ) {
        self.tally.state(meta, state, previous, reason);
        let style = match (state, previous) {
            (State::Established, _) => self.palette.good,
            (_, State::Established) => self.palette.bad,
            _ => self.palette.change,
        };
        self.line(out, meta, "STATE", self.palette.change, |line| {
            let (state, previous) = (state.name(), previous.name());
            write!(
                line.out,
                " {previous} -> {style}{state}{style:#} ({reason})"
            )
        });
    }

    /// Appends the line of a point in a transfer of routes.
    pub fn transfer(&mut self, out: &mut Vec<u8>, meta: &Meta<'_>, transfer: &Transfer) {
        self.line(out, meta, "TRANSFER", self.palette.change, |line| {
            write!(line.out, " {}", transfer.name())?;
            write_transfer(line.out, transfer)
        });
    }

    /// Appends the line of trouble with TCP.
    pub fn alarm(&mut self, out: &mut Vec<u8>, meta: &Meta<'_>, alarm: Alarm) {
        self.line(out, meta, "TCP", self.palette.bad, |line| {
            let ms = alarm.nanoseconds() / 1_000_000;
            write!(line.out, " {} {ms} ms", alarm.name())
        });
    }

    /// Appends the line of a hole of `bytes`.
    pub fn gap(&mut self, out: &mut Vec<u8>, meta: &Meta<'_>, bytes: u64, reason: &str) {
        self.tally.gap(meta, bytes);
        self.line(out, meta, "GAP", self.palette.bad, |line| {
            write!(line.out, " {bytes} bytes missing ({reason})")
        });
    }

    /// Appends the line of `bytes` that no message could be framed from.
    pub fn malformed(&mut self, out: &mut Vec<u8>, meta: &Meta<'_>, bytes: u64, reason: &str) {
        self.tally.malformed(meta);
        self.line(out, meta, "MALFORMED", self.palette.bad, |line| {
            write!(line.out, " {bytes} bytes without a message ({reason})")
        });
    }

    /// Appends the table of sessions.
    pub fn closing(&mut self, out: &mut Vec<u8>, summary: &Summary) {
        let start = out.len();
        if table::write(out, &self.palette, &self.names, &self.tally, summary).is_err() {
            out.truncate(start);
        }
    }

    /// Time, sender, receiver and the type's word; then what `write` adds.
    fn line(
        &mut self,
        out: &mut Vec<u8>,
        meta: &Meta<'_>,
        word: &str,
        style: Style,
        write: impl FnOnce(&mut Line<'_>) -> io::Result<()>,
    ) {
        let start = out.len();
        let written = self.begin(out, meta).and_then(|()| {
            write!(out, " {style}{word}{style:#}")?;
            let mut line = Line {
                out,
                scratch: &mut self.scratch,
                palette: &self.palette,
            };
            write(&mut line)
        });
        match written {
            Ok(()) => out.push(b'\n'),
            // Writing to memory does not fail; if it did, half a line would be worse.
            Err(_) => out.truncate(start),
        }
    }

    fn begin(&self, out: &mut Vec<u8>, meta: &Meta<'_>) -> io::Result<()> {
        // In signed nanoseconds until 2262.
        let time = DateTime::from_timestamp_nanos(i64::try_from(meta.ts_ns).unwrap_or(i64::MAX));
        let dim = self.palette.dim;
        // `DateTime::format` makes strings of its parts.
        write!(
            out,
            "{dim}{:04}-{:02}-{:02} {:02}:{:02}:{:02}.{:06}Z{dim:#} ",
            time.year(),
            time.month(),
            time.day(),
            time.hour(),
            time.minute(),
            time.second(),
            time.nanosecond() / 1000
        )?;
        write_speaker(out, &self.names, meta.peer, meta.peer_asn)?;
        write!(out, " {dim}>{dim:#} ")?;
        write_speaker(out, &self.names, meta.local, meta.local_asn)
    }
}

/// Name or address, and the AS if it is known.
fn write_speaker(
    out: &mut impl Write,
    names: &PeerNames,
    address: IpAddr,
    asn: Option<u32>,
) -> io::Result<()> {
    match names.get(address) {
        Some(name) => write!(out, "{name}")?,
        None => write!(out, "{address}")?,
    }
    asn.map_or(Ok(()), |asn| write!(out, " AS{asn}"))
}

/// The type as the RFCs write it.
const fn word(kind: MessageType) -> &'static str {
    match kind {
        MessageType::RouteRefresh => "ROUTE-REFRESH",
        other => other.name(),
    }
}

fn write_transfer(out: &mut impl Write, transfer: &Transfer) -> io::Result<()> {
    match *transfer {
        Transfer::Begin {
            families,
            graceful,
            restarted,
            ..
        } => {
            write_families(out, families)?;
            for (is_so, word) in [(graceful, "graceful"), (restarted, "restarted")] {
                if is_so {
                    write!(out, " {word}")?;
                }
            }
            Ok(())
        }
        Transfer::EndOfRib {
            family,
            again,
            after_ns,
        } => {
            write!(out, " {family}{}", if again { " again" } else { "" })?;
            after_ns.map_or(Ok(()), |ns| write!(out, " after {} ms", ns / 1_000_000))
        }
        Transfer::RefreshBegin { family, unexpected }
        | Transfer::RefreshEnd { family, unexpected } => {
            write!(
                out,
                " {family}{}",
                if unexpected { " unexpected" } else { "" }
            )
        }
        Transfer::Stale {
            families,
            restart_time,
            ..
        } => {
            write_families(out, families)?;
            write!(out, " for {restart_time} s")
        }
    }
}

fn write_families(out: &mut impl Write, families: FamilySet) -> io::Result<()> {
    families
        .iter()
        .try_for_each(|family| write!(out, " {family}"))
}
