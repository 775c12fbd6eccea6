//! Everything that a message says, on indented lines below its own: `--verbose`.

use super::flat::Lines;
use super::message::Line;
use crate::bgp::attribute::{
    Aggregator, AsPath, Attribute, MpReach, MpUnreach, PathAttribute, serialize_entries,
};
use crate::bgp::text::{Hex, Show};
use crate::bgp::{Context, Message, NlriField, Open, Update, View};
use crate::rib::Changes;
use crate::sink::json::message::ContextView;
use crate::sink::json::open::CapabilityView;
use crate::sink::json::{ContextSource, Meta, refresh};
use serde::ser::SerializeMap;
use std::io::{self, Write};

impl Line<'_> {
    fn lines(&mut self) -> Lines<'_> {
        Lines {
            out: self.out,
            scratch: self.scratch,
            style: self.palette.dim,
        }
    }

    /// Appends the lines.
    pub(super) fn detail(
        &mut self,
        meta: &Meta<'_>,
        message: &Message<'_>,
        (context, source): (&Context, ContextSource),
        changes: Option<&Changes>,
    ) -> io::Result<()> {
        let mut lines = self.lines();
        let (from, to) = (meta.peer_port, meta.local_port);
        let (session, seq, length) = (meta.session, meta.seq, message.length());
        let text = format_args!("{session:016x} ports {from} > {to} message {seq} length {length}");
        lines.show("session", text)?;
        if meta.searched {
            lines.show("framing", "searched")?;
        }
        match message {
            Message::Open(open) => self.capabilities(open)?,
            Message::Update(update) => {
                lines.entry("context", &ContextView(context, source))?;
                self.attributes(update)?;
                self.routes(update)?;
            }
            Message::Notification(notification) => {
                lines.show("data", Hex(notification.data))?;
                if let Some(detail) = notification.detail() {
                    lines.entry("detail", &detail)?;
                }
            }
            Message::RouteRefresh(message) => refresh::write(&mut lines, message)?,
            Message::Broken { body, .. } | Message::Unknown { body, .. } => {
                lines.show("data", Hex(body))?;
            }
            Message::Keepalive => {}
        }
        if let Some(changes) = changes {
            self.lines().entry("rib", changes)?;
        }
        for error in message.errors() {
            let bad = self.palette.bad;
            write!(self.out, "\n    {bad}error ")?;
            self.error(error)?;
            write!(self.out, "{bad:#}")?;
        }
        Ok(())
    }

    fn capabilities(&mut self, open: &Open<'_>) -> io::Result<()> {
        let mut lines = self.lines();
        for capability in open.capabilities() {
            lines.entry("capability", &CapabilityView(capability))?;
        }
        Ok(())
    }

    fn attributes(&mut self, update: &Update<'_>) -> io::Result<()> {
        let mut lines = self.lines();
        let list = update.attributes();
        serialize_entries(&mut lines, list, update.context(), |lines, attribute| {
            write_attribute(lines, update, attribute)
        })
        .map_err(io::Error::from)
    }

    fn routes(&mut self, update: &Update<'_>) -> io::Result<()> {
        let plain = update.announced();
        if !plain.is_empty() {
            self.family("announced", &plain)?;
            if let Some(hop) = update.next_hop() {
                self.next_hop(hop)?;
            }
            self.list("+", &plain)?;
        }
        if let Some(mp) = update.mp_reach() {
            self.family("announced", &mp.nlri)?;
            self.next_hops(mp.next_hops)?;
            self.list("+", &mp.nlri)?;
        }
        for field in update.all_withdrawn().filter(|field| !field.is_empty()) {
            self.family("withdrawn", &field)?;
            self.list("-", &field)?;
        }
        Ok(())
    }

    fn family(&mut self, what: &str, field: &NlriField<'_>) -> io::Result<()> {
        self.lines().show(what, field.family())
    }

    /// The NLRI of a field, each on its line.
    fn list(&mut self, sign: &str, field: &NlriField<'_>) -> io::Result<()> {
        let style = match sign {
            "+" => self.palette.good,
            _ => self.palette.gone,
        };
        for nlri in field.iter() {
            write!(self.out, "\n      {style}{sign}")?;
            self.nlri(&nlri)?;
            write!(self.out, "{style:#}")?;
        }
        match field.unread() {
            [] => Ok(()),
            unread => self.lines().show("unreadable", Hex(unread)),
        }
    }
}

/// Writes an attribute by its name; `false` if it is not decoded or malformed.
fn write_attribute(
    lines: &mut Lines<'_>,
    update: &Update<'_>,
    attribute: Attribute<'_>,
) -> serde_json::Result<bool> {
    match attribute.code {
        // What they hold stands below.
        MpReach::CODE | MpUnreach::CODE => return Ok(true),
        // AS4_PATH and AS4_AGGREGATOR may complete them.
        AsPath::CODE => match update.path() {
            Some(path) => lines.serialize_entry("path", &Show(path))?,
            None => return Ok(false),
        },
        Aggregator::CODE => match update.aggregator() {
            Some(aggregator) => lines.serialize_entry("aggregator", &aggregator)?,
            None => return Ok(false),
        },
        _ => match attribute.view(update.context()) {
            View::Communities(list) => lines.list("community", list.iter())?,
            View::LargeCommunities(list) => lines.list("large_community", list.iter())?,
            View::ExtCommunities(list) => lines.list("ext_community", list.iter())?,
            View::Ipv6ExtCommunities(list) => lines.list("ipv6_ext_community", list.iter())?,
            _ => return attribute.serialize_entry(lines, update.context()),
        },
    }
    Ok(true)
}
