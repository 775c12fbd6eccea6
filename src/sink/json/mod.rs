//! Messages and events as JSON lines.
//!
//! One bare object per line, field names as RIS Live has them where it has the
//! field. The lines are serde views over borrowed data: into a buffer that is
//! reused, writing one allocates nothing.

mod cache;
mod elem;
mod fields;
mod heads;
pub(super) mod message;
pub(super) mod open;
pub(super) mod refresh;
mod route;
mod session;
mod transfer;
mod update;

use std::net::IpAddr;

use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::bgp::text::{Show, hex_pair};
use crate::session::Transfer;
use cache::Cache;
pub use cache::Lookups;
pub use elem::ElemWriter;
use heads::Heads;
pub use message::MessageLine;
pub use route::RouteWriter;
pub use session::{DirectionFacts, SessionFacts, write_session};
use transfer::TransferLine;

/// What lines look like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// One object per message and event.
    #[default]
    Ris,
    /// One object per prefix: see [`ElemWriter`].
    Elem,
}

/// What every line says: when, who, where.
#[derive(Clone, Copy, Debug)]
pub struct Meta<'a> {
    /// Nanoseconds since the epoch of the frame that completed the message.
    pub ts_ns: u64,
    /// Whose clock: `hardware`, `xdp` or `file`.
    pub ts_source: &'static str,
    /// Address of the sender.
    pub peer: IpAddr,
    /// Its port.
    pub peer_port: u16,
    /// Its AS number, once its OPEN was seen.
    pub peer_asn: Option<u32>,
    /// Address of the receiver.
    pub local: IpAddr,
    /// Its port.
    pub local_port: u16,
    /// Its AS number, once its OPEN was seen.
    pub local_asn: Option<u32>,
    /// Identifier of the session.
    pub session: u64,
    /// Number of the message in its direction, from 1.
    pub seq: u64,
    /// Number of the event in its session; with the session it makes `id`.
    pub event_no: u64,
    /// Name of this monitor.
    pub host: &'a str,
    /// The message's beginning was searched for: see [`crate::stream::Framing::Searched`].
    pub searched: bool,
}

impl Meta<'_> {
    fn write<M: SerializeMap>(&self, map: &mut M, kind: &str) -> Result<(), M::Error> {
        self.when(map, kind)?;
        self.who(map)?;
        self.number(map)?;
        self.monitor(map)?;
        self.doubt(map)
    }

    fn when<M: SerializeMap>(&self, map: &mut M, kind: &str) -> Result<(), M::Error> {
        map.serialize_entry("type", kind)?;
        // Microseconds fit a double exactly up to the year 2255.
        #[allow(clippy::cast_precision_loss, reason = "below 2^53")]
        let seconds = (self.ts_ns / 1000) as f64 / 1e6;
        map.serialize_entry("timestamp", &seconds)?;
        map.serialize_entry("ts_ns", itoa::Buffer::new().format(self.ts_ns))
    }

    /// What stays in a session.
    fn who<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        map.serialize_entry("ts_source", self.ts_source)?;
        map.serialize_entry("peer", &Show(self.peer))?;
        map.serialize_entry("peer_port", &self.peer_port)?;
        if let Some(asn) = self.peer_asn {
            map.serialize_entry("peer_asn", &Show(asn))?;
        }
        map.serialize_entry("local", &Show(self.local))?;
        map.serialize_entry("local_port", &self.local_port)?;
        if let Some(asn) = self.local_asn {
            map.serialize_entry("local_asn", &Show(asn))?;
        }
        map.serialize_entry("session", Hexadecimal::of(self.session).text())
    }

    fn number<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        map.serialize_entry("seq", &self.seq)?;
        let session = Hexadecimal::of(self.session);
        let mut number = itoa::Buffer::new();
        let id = Joint(session.text(), number.format(self.event_no));
        map.serialize_entry("id", &Show(id))
    }

    fn monitor<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        map.serialize_entry("host", self.host)
    }

    fn doubt<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        if self.searched {
            map.serialize_entry("framing", "searched")?;
        }
        Ok(())
    }
}

/// Two texts with a hyphen between them.
struct Joint<'a>(&'a str, &'a str);

impl std::fmt::Display for Joint<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0)?;
        f.write_str("-")?;
        f.write_str(self.1)
    }
}

/// Sixteen hexadecimal digits.
struct Hexadecimal([u8; 16]);

impl Hexadecimal {
    fn of(value: u64) -> Self {
        let mut digits = [0; 16];
        for (pair, octet) in digits.chunks_exact_mut(2).zip(value.to_be_bytes()) {
            pair.copy_from_slice(&hex_pair(octet));
        }
        Self(digits)
    }

    fn text(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

/// What the context of a message rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContextSource {
    /// Both OPENs were seen.
    Negotiated,
    /// The MRT archive that the message comes from says so.
    Archive,
    /// Concluded from the messages themselves.
    Inferred,
    /// The most common case, for want of anything better.
    Assumed,
}

impl ContextSource {
    /// The name in events.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Negotiated => "negotiated",
            Self::Archive => "archive",
            Self::Inferred => "inferred",
            Self::Assumed => "assumed",
        }
    }
}

/// Appends the line of a message.
pub fn write_message(out: &mut Vec<u8>, line: &MessageLine<'_>) {
    end_line(out, |out| line.write(out, None));
}

/// Writes the lines of messages, faster where their attributes recur: what an attribute looks
/// like is kept and found again by its octets.
pub struct MessageWriter {
    attributes: Cache,
    heads: Heads,
}

impl MessageWriter {
    /// A writer that has not seen anything. It takes two megabytes at once, and twelve at most, with
    /// thousands of directions and long attributes only.
    #[must_use]
    pub fn new() -> Self {
        Self {
            attributes: Cache::new(),
            heads: Heads::new(),
        }
    }

    /// Appends the same line as [`write_message`].
    pub fn write(&mut self, out: &mut Vec<u8>, line: &MessageLine<'_>) {
        let head = self.heads.get(line.meta, line.context);
        end_line(out, |out| {
            line.write(out, Some((&mut self.attributes, head)))
        });
    }

    /// How often an attribute was known.
    #[must_use]
    pub const fn lookups(&self) -> Lookups {
        self.attributes.lookups
    }
}

impl Default for MessageWriter {
    fn default() -> Self {
        Self::new()
    }
}

/// Appends a STATE line; the states are numbered 1 to 6 as in MRT (RFC 6396 §4.4.1).
pub fn write_state(out: &mut Vec<u8>, meta: &Meta<'_>, state: u8, previous: u8, reason: &str) {
    write_line(
        out,
        &Event {
            meta,
            kind: "STATE",
            fields: [
                ("state", Field::Number(u64::from(state))),
                ("previous", Field::Number(u64::from(previous))),
                ("reason", Field::Text(reason)),
            ],
        },
    );
}

/// Appends a TCP line: what happened to the TCP under the session, and how long it has
/// lasted or what is left, in nanoseconds.
pub fn write_alarm(out: &mut Vec<u8>, meta: &Meta<'_>, event: &str, nanoseconds: u64) {
    write_line(
        out,
        &Event {
            meta,
            kind: "TCP",
            fields: [
                ("event", Field::Text(event)),
                ("milliseconds", Field::Number(nanoseconds / 1_000_000)),
            ],
        },
    );
}

/// Appends a TRANSFER line: how far the transfer of one side's routes has come.
pub fn write_transfer(out: &mut Vec<u8>, meta: &Meta<'_>, transfer: &Transfer) {
    write_line(out, &TransferLine { meta, transfer });
}

/// Appends a GAP line: `bytes` from `seq_from` up to before `seq_to` were never captured.
pub fn write_gap(
    out: &mut Vec<u8>,
    meta: &Meta<'_>,
    bytes: u64,
    seq_from: u32,
    seq_to: u32,
    reason: &str,
) {
    write_line(
        out,
        &Event {
            meta,
            kind: "GAP",
            fields: [
                ("bytes", Field::Number(bytes)),
                ("seq_from", Field::Number(u64::from(seq_from))),
                ("seq_to", Field::Number(u64::from(seq_to))),
                ("reason", Field::Text(reason)),
            ],
        },
    );
}

/// Appends a MALFORMED line: no message could be framed from `bytes` contiguous bytes.
pub fn write_malformed(out: &mut Vec<u8>, meta: &Meta<'_>, bytes: u64, reason: &str) {
    write_line(
        out,
        &Event {
            meta,
            kind: "MALFORMED",
            fields: [
                ("bytes", Field::Number(bytes)),
                ("reason", Field::Text(reason)),
            ],
        },
    );
}

fn write_line(out: &mut Vec<u8>, line: &impl Serialize) {
    end_line(out, |out| serde_json::to_writer(out, line));
}

fn end_line(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>) -> serde_json::Result<()>) {
    let start = out.len();
    match write(out) {
        Ok(()) => out.push(b'\n'),
        // Writing to memory does not fail; if it did, half a line would be worse.
        Err(_) => out.truncate(start),
    }
}

/// A line of an event that is no message.
struct Event<'a, const N: usize> {
    meta: &'a Meta<'a>,
    kind: &'static str,
    fields: [(&'static str, Field<'a>); N],
}

enum Field<'a> {
    Number(u64),
    Text(&'a str),
}

impl<const N: usize> Serialize for Event<'_, N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        self.meta.write(&mut map, self.kind)?;
        for (name, field) in &self.fields {
            match field {
                Field::Number(number) => map.serialize_entry(name, number)?,
                Field::Text(text) => map.serialize_entry(name, text)?,
            }
        }
        map.end()
    }
}

#[cfg(test)]
mod tests;
