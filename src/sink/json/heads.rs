//! What every line of one direction says in the same words: written once, and kept.
//!
//! Who speaks, to whom, in which session and how it is read fill half of a line, and change only with
//! the session. A table of fixed size; two directions that share a place write it anew in turns.

use super::message::ContextView;
use super::{ContextSource, Meta};
use crate::bgp::Context;
use crate::sink::json::fields::Fields;
use serde::ser::SerializeMap;

/// Places, a power of two.
const PLACES: usize = 4096;

/// What the kept text was made of.
#[derive(Clone, Copy, PartialEq)]
struct Made {
    who: Who,
    context: Option<(Context, ContextSource)>,
}

/// The part of [`Meta`] that stays.
#[derive(Clone, Copy, PartialEq)]
struct Who {
    ts_source: &'static str,
    peer: (std::net::IpAddr, u16, Option<u32>),
    local: (std::net::IpAddr, u16, Option<u32>),
    session: u64,
}

impl Who {
    const fn of(meta: &Meta<'_>) -> Self {
        Self {
            ts_source: meta.ts_source,
            peer: (meta.peer, meta.peer_port, meta.peer_asn),
            local: (meta.local, meta.local_port, meta.local_asn),
            session: meta.session,
        }
    }
}

/// Kept text of one direction.
#[derive(Default)]
pub(super) struct Head {
    made: Option<Made>,
    /// Name of the monitor that `end` has.
    host: String,
    /// From `ts_source` to `session`.
    pub(super) who: Vec<u8>,
    /// `host`.
    pub(super) monitor: Vec<u8>,
    /// `context`, if there is one.
    pub(super) context: Vec<u8>,
}

impl Head {
    /// Writes what is not as it is kept.
    fn renew(
        &mut self,
        meta: &Meta<'_>,
        context: Option<(&Context, ContextSource)>,
    ) -> serde_json::Result<()> {
        let made = Made {
            who: Who::of(meta),
            context: context.map(|(context, source)| (*context, source)),
        };
        if self.made == Some(made) && self.host == meta.host {
            return Ok(());
        }
        self.made = None;
        for text in [&mut self.who, &mut self.monitor, &mut self.context] {
            text.clear();
        }
        self.host.clear();
        self.host.push_str(meta.host);
        meta.who(&mut Fields::bare(&mut self.who))?;
        meta.monitor(&mut Fields::bare(&mut self.monitor))?;
        if let Some((context, source)) = context {
            let mut fields = Fields::bare(&mut self.context);
            fields.serialize_entry("context", &ContextView(context, source))?;
        }
        self.made = Some(made);
        Ok(())
    }
}

/// The heads of many directions.
pub(super) struct Heads(Vec<Head>);

impl Heads {
    /// Room for all; a place takes memory, some 300 bytes, when it is used first.
    pub(super) fn new() -> Self {
        Self(std::iter::repeat_with(Head::default).take(PLACES).collect())
    }

    /// The text for the lines of a direction.
    pub(super) fn get(
        &mut self,
        meta: &Meta<'_>,
        context: Option<(&Context, ContextSource)>,
    ) -> Option<&Head> {
        // Session identifiers are hashes; the two directions take neighbouring places.
        #[allow(clippy::cast_possible_truncation, reason = "only low bits matter")]
        let place = (meta.session as usize)
            .wrapping_mul(2)
            .wrapping_add(usize::from(
                (meta.peer, meta.peer_port) < (meta.local, meta.local_port),
            ));
        let head = self.0.get_mut(place % PLACES)?;
        head.renew(meta, context).ok()?;
        Some(head)
    }
}
