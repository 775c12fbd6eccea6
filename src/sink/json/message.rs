//! The line of a message: what is common to all types, and the small types.

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::cache::Cache;
use super::fields::Fields;
use super::heads::Head;
use super::{ContextSource, Meta, open, refresh, update};
use crate::bgp::text::{Hex, List};
use crate::bgp::{Context, Error, Family, Message};
use crate::rib::Changes;

/// What the line of a message says.
#[derive(Clone, Copy, Debug)]
pub struct MessageLine<'a> {
    /// When, who, where.
    pub meta: &'a Meta<'a>,
    /// The message.
    pub message: &'a Message<'a>,
    /// How it was read, where that decided anything.
    pub context: Option<(&'a Context, ContextSource)>,
    /// Its bytes, where they are wanted too.
    pub raw: Option<&'a [u8]>,
    /// What it did to its Adj-RIB, where that is known.
    pub changes: Option<&'a Changes>,
}

impl<'a> MessageLine<'a> {
    /// The message and nothing beside it.
    #[must_use]
    pub const fn new(meta: &'a Meta<'a>, message: &'a Message<'a>) -> Self {
        Self {
            meta,
            message,
            context: None,
            raw: None,
            changes: None,
        }
    }
}

impl MessageLine<'_> {
    /// Writes the object; what was `kept` as it was written before: attributes, and what the
    /// lines of a direction have in common.
    pub(super) fn write(
        &self,
        out: &mut Vec<u8>,
        kept: Option<(&mut Cache, Option<&Head>)>,
    ) -> serde_json::Result<()> {
        let (cache, head) = kept.map_or((None, None), |(cache, head)| (Some(cache), head));
        let mut map = Fields::open(out);
        self.begin(&mut map, head)?;
        map.serialize_entry("length", &self.message.length())?;
        match self.message {
            Message::Open(message) => open::write(&mut map, message)?,
            Message::Update(message) => update::write(&mut map, message, cache)?,
            Message::Notification(message) => {
                map.serialize_entry("notification", message)?;
            }
            Message::Keepalive => {}
            Message::RouteRefresh(message) => refresh::write(&mut map, message)?,
            Message::Broken { body, .. } => map.serialize_entry("data", &Hex(body))?,
            Message::Unknown { code, body } => {
                map.serialize_entry("type_code", code)?;
                map.serialize_entry("data", &Hex(body))?;
            }
        }
        if let Some(changes) = self.changes {
            map.serialize_entry("rib", changes)?;
        }
        let errors = self.message.errors();
        if !errors.is_empty() {
            map.serialize_entry("errors", &List(|| errors.iter().map(ErrorView)))?;
        }
        if let Some(raw) = self.raw {
            map.serialize_entry("raw", &Hex(raw))?;
        }
        map.close();
        Ok(())
    }

    fn begin(&self, map: &mut Fields<'_>, head: Option<&Head>) -> serde_json::Result<()> {
        let kind = self.message.kind().name();
        let Some(head) = head else {
            self.meta.write(map, kind)?;
            return match self.context {
                Some((context, source)) => {
                    map.serialize_entry("context", &ContextView(context, source))
                }
                None => Ok(()),
            };
        };
        self.meta.when(map, kind)?;
        map.splice(&head.who);
        self.meta.number(map)?;
        map.splice(&head.monitor);
        self.meta.doubt(map)?;
        map.splice(&head.context);
        Ok(())
    }
}

/// A family as `[afi, safi]`.
pub(super) fn pair(family: Family) -> (u16, u8) {
    (family.afi.0, family.safi.0)
}

pub(in crate::sink) struct ContextView<'a>(
    pub(in crate::sink) &'a Context,
    pub(in crate::sink) ContextSource,
);

impl Serialize for ContextView<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(context, source) = self;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("as4", &context.as4)?;
        map.serialize_entry("add_path", &List(|| context.add_path.iter().map(pair)))?;
        map.serialize_entry("extended", &context.extended)?;
        let labels = context.multiple_labels;
        if !labels.is_empty() {
            map.serialize_entry("multiple_labels", &List(|| labels.iter().map(pair)))?;
        }
        map.serialize_entry("source", source.name())?;
        map.end()
    }
}

struct ErrorView<'a>(&'a Error);

impl Serialize for ErrorView<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let error = self.0;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("code", &error.code.code())?;
        map.serialize_entry("subcode", &error.code.subcode())?;
        if let Some(attribute) = error.attribute {
            map.serialize_entry("attribute", &attribute)?;
        }
        map.serialize_entry("offset", &error.offset)?;
        map.serialize_entry("disposition", error.disposition.name())?;
        map.serialize_entry("text", error.text)?;
        map.end()
    }
}
