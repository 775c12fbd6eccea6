//! Messages and events as JSON lines.
//!
//! One bare object per line, field names as RIS Live has them where it has the
//! field. The lines are serde views over borrowed data, which a serializer for memory
//! writes (`text`): into a buffer that is reused, writing one allocates nothing.

mod decimal;
mod elem;
mod fields;
mod heads;
mod items;
pub(super) mod message;
pub(super) mod open;
pub(super) mod refresh;
mod route;
mod session;
mod text;
mod transfer;
mod update;

use std::net::IpAddr;

use crate::bgp::text::{AddressText, hex_pair};
use crate::session::Transfer;
pub use elem::ElemWriter;
use fields::Fields;
use heads::Heads;
pub use message::MessageLine;
pub use route::RouteWriter;
use serde_json::Result;
pub use session::{DirectionFacts, SessionFacts, write_session};

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
    fn write(&self, fields: &mut Fields<'_>, kind: &str) -> Result<()> {
        self.when(fields, kind)?;
        self.who(fields)?;
        self.number(fields)?;
        self.monitor(fields)?;
        self.doubt(fields)
    }

    fn when(&self, fields: &mut Fields<'_>, kind: &str) -> Result<()> {
        fields.field("type", kind)?;
        fields.with("timestamp", |out| decimal::write_seconds(out, self.ts_ns))?;
        fields.quoted("ts_ns", |out| text::value(out, &self.ts_ns))
    }

    /// What stays in a session.
    fn who(&self, fields: &mut Fields<'_>) -> Result<()> {
        let address = |address| AddressText::new(address, None);
        let asn = |fields: &mut Fields<'_>, name, asn: Option<u32>| match asn {
            Some(asn) => fields.quoted(name, |out| text::value(out, &asn)),
            None => Ok(()),
        };
        fields.field("ts_source", self.ts_source)?;
        fields.field("peer", &address(self.peer))?;
        fields.field("peer_port", &self.peer_port)?;
        asn(fields, "peer_asn", self.peer_asn)?;
        fields.field("local", &address(self.local))?;
        fields.field("local_port", &self.local_port)?;
        asn(fields, "local_asn", self.local_asn)?;
        fields.field("session", Hexadecimal::of(self.session).text())
    }

    fn number(&self, fields: &mut Fields<'_>) -> Result<()> {
        fields.field("seq", &self.seq)?;
        fields.quoted("id", |out| {
            out.extend_from_slice(&Hexadecimal::of(self.session).0);
            out.push(b'-');
            text::value(out, &self.event_no)
        })
    }

    fn monitor(&self, fields: &mut Fields<'_>) -> Result<()> {
        fields.field("host", self.host)
    }

    fn doubt(&self, fields: &mut Fields<'_>) -> Result<()> {
        if self.searched {
            fields.field("framing", "searched")?;
        }
        Ok(())
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

/// Writes the lines of messages, faster where they come in the same sessions: what the lines of
/// a session have in common is kept.
pub struct MessageWriter {
    heads: Heads,
}

impl MessageWriter {
    /// A writer that has not seen anything. It takes a megabyte at once, and three at most, with
    /// thousands of directions only.
    #[must_use]
    pub fn new() -> Self {
        Self {
            heads: Heads::new(),
        }
    }

    /// Appends the same line as [`write_message`].
    pub fn write(&mut self, out: &mut Vec<u8>, line: &MessageLine<'_>) {
        let head = self.heads.get(line.meta, line.context);
        end_line(out, |out| line.write(out, head));
    }
}

impl Default for MessageWriter {
    fn default() -> Self {
        Self::new()
    }
}

/// Appends a STATE line; the states are numbered 1 to 6 as in MRT (RFC 6396 §4.4.1).
pub fn write_state(out: &mut Vec<u8>, meta: &Meta<'_>, state: u8, previous: u8, reason: &str) {
    write_event(out, meta, "STATE", |fields| {
        fields.field("state", &state)?;
        fields.field("previous", &previous)?;
        fields.field("reason", reason)
    });
}

/// Appends a TCP line: what happened to the TCP under the session, and how long it has
/// lasted or what is left, in nanoseconds.
pub fn write_alarm(out: &mut Vec<u8>, meta: &Meta<'_>, event: &str, nanoseconds: u64) {
    write_event(out, meta, "TCP", |fields| {
        fields.field("event", event)?;
        fields.field("milliseconds", &(nanoseconds / 1_000_000))
    });
}

/// Appends a TRANSFER line: how far the transfer of one side's routes has come.
pub fn write_transfer(out: &mut Vec<u8>, meta: &Meta<'_>, transfer: &Transfer) {
    write_event(out, meta, "TRANSFER", |fields| {
        transfer::write(fields, transfer)
    });
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
    write_event(out, meta, "GAP", |fields| {
        fields.field("bytes", &bytes)?;
        fields.field("seq_from", &seq_from)?;
        fields.field("seq_to", &seq_to)?;
        fields.field("reason", reason)
    });
}

/// Appends a MALFORMED line: no message could be framed from `bytes` contiguous bytes.
pub fn write_malformed(out: &mut Vec<u8>, meta: &Meta<'_>, bytes: u64, reason: &str) {
    write_event(out, meta, "MALFORMED", |fields| {
        fields.field("bytes", &bytes)?;
        fields.field("reason", reason)
    });
}

/// The line of an event that is no message; `write` adds its own fields.
fn write_event(
    out: &mut Vec<u8>,
    meta: &Meta<'_>,
    kind: &str,
    write: impl FnOnce(&mut Fields<'_>) -> Result<()>,
) {
    end_line(out, |out| {
        let mut fields = Fields::open(out);
        meta.write(&mut fields, kind)?;
        write(&mut fields)?;
        fields.close();
        Ok(())
    });
}

fn end_line(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>) -> Result<()>) {
    let start = out.len();
    match write(out) {
        Ok(()) => out.push(b'\n'),
        // Writing to memory does not fail; if it did, half a line would be worse.
        Err(_) => out.truncate(start),
    }
}

#[cfg(test)]
mod tests;
