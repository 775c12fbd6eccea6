//! Whether an event is selected. Nothing is decoded that no test asks for.

use super::Event;
use super::What;
use super::expr::{End, EventType, Expr, Test, Trait, Whose};
use crate::bgp::attribute::SegmentKind;
use crate::bgp::nlri::{EvpnRoute, Nlri, Prefix};
use crate::bgp::{Family, Message, MessageType, NlriField, Update};
use crate::rib::Changes;
use crate::session::Transfer;
use std::fmt::Write;
use std::net::IpAddr;

/// The AS path of an event as text, written when it is asked for the first time.
#[derive(Clone, Debug, Default)]
pub(super) struct PathText {
    text: String,
    written: bool,
}

impl PathText {
    /// Forgets the path, and keeps the memory.
    pub(super) const fn reset(&mut self) {
        self.written = false;
    }

    fn of(&mut self, update: &Update<'_>) -> Option<&str> {
        let path = update.path()?;
        if !self.written {
            self.text.clear();
            write!(self.text, "{path}").ok()?;
            self.written = true;
        }
        Some(&self.text)
    }
}

impl Expr {
    pub(super) fn selects(&self, event: &Event<'_>, path: &mut PathText) -> bool {
        match self {
            Self::Or(parts) => parts.iter().any(|part| part.selects(event, path)),
            Self::And(parts) => parts.iter().all(|part| part.selects(event, path)),
            Self::Not(inner) => !inner.selects(event, path),
            Self::Test(test) => test.holds(event, path),
        }
    }
}

impl Test {
    fn holds(&self, event: &Event<'_>, path: &mut PathText) -> bool {
        let meta = event.meta;
        match self {
            Self::Type(types) => types.contains(&event.kind()),
            Self::Session(ids) => ids.iter().any(|id| id.0 == meta.session),
            Self::Address(end, nets) => {
                let within = |addr| nets.iter().any(|net| net.contains(addr));
                match end {
                    End::Peer => within(meta.peer),
                    End::Local => within(meta.local),
                    End::Either => within(meta.peer) || within(meta.local),
                }
            }
            Self::Asn(whose, spans) => {
                let fits = |asn| spans.iter().any(|span| span.contains(asn));
                match whose {
                    Whose::Peer => meta.peer_asn.is_some_and(fits),
                    Whose::Local => meta.local_asn.is_some_and(fits),
                    _ => event.update().is_some_and(|u| in_path(u, *whose, fits)),
                }
            }
            Self::Family(patterns) => {
                event.has_family(|family| patterns.iter().any(|p| p.matches(family)))
            }
            Self::Prefix(patterns) => event.update().is_some_and(|update| {
                has_prefix(update, |prefix| patterns.iter().any(|p| p.matches(prefix)))
            }),
            Self::NextHop(nets) => event.update().is_some_and(|update| {
                has_next_hop(update, |addr| nets.iter().any(|net| net.contains(addr)))
            }),
            Self::Path(patterns) => {
                let text = event.update().and_then(|update| path.of(update));
                text.is_some_and(|text| patterns.iter().any(|p| p.matches(text)))
            }
            Self::Community(patterns) => event.update().is_some_and(|update| {
                let standard = update.communities();
                let large = update.large_communities();
                let extended = update.ext_communities();
                patterns.iter().any(|p| {
                    standard.is_some_and(|list| list.iter().any(|c| p.standard(c)))
                        || large.is_some_and(|list| list.iter().any(|c| p.large(c)))
                        || extended.is_some_and(|list| list.iter().any(|c| p.extended(c)))
                })
            }),
            Self::Is(quality) => event.is(*quality),
        }
    }
}

impl<'a> Event<'a> {
    const fn update(&self) -> Option<&'a Update<'a>> {
        match self.what {
            What::Message(Message::Update(update), _) => Some(update),
            _ => None,
        }
    }

    const fn kind(&self) -> EventType {
        match self.what {
            What::Message(message, _) => match message.kind() {
                MessageType::Open => EventType::Open,
                MessageType::Update => EventType::Update,
                MessageType::Notification => EventType::Notification,
                MessageType::Keepalive => EventType::Keepalive,
                MessageType::RouteRefresh => EventType::RouteRefresh,
                MessageType::Unknown(_) => EventType::Unknown,
            },
            What::State => EventType::State,
            What::Transfer(_) => EventType::Transfer,
            What::Tcp => EventType::Tcp,
            What::Gap => EventType::Gap,
            What::Malformed => EventType::Malformed,
        }
    }

    fn has_family(&self, mut fits: impl FnMut(Family) -> bool) -> bool {
        match self.what {
            What::Message(Message::Update(update), _) => {
                fields(update).any(|field| fits(field.family())) || update.eor().is_some_and(fits)
            }
            What::Message(Message::RouteRefresh(refresh), _) => fits(refresh.family),
            What::Transfer(transfer) => match transfer {
                Transfer::Begin { families, .. } | Transfer::Stale { families, .. } => {
                    families.iter().any(fits)
                }
                Transfer::EndOfRib { family, .. }
                | Transfer::RefreshBegin { family, .. }
                | Transfer::RefreshEnd { family, .. } => fits(*family),
            },
            _ => false,
        }
    }

    fn is(&self, quality: Trait) -> bool {
        let update = self.update();
        match quality {
            Trait::Announces => update.is_some_and(|u| u.all_announced().next().is_some()),
            Trait::Withdraws => update.is_some_and(|u| u.all_withdrawn().next().is_some()),
            Trait::Eor => update.is_some_and(|u| u.eor().is_some()),
            Trait::Errors => match self.what {
                What::Message(message, _) => !message.errors().is_empty(),
                What::Malformed => true,
                _ => false,
            },
            Trait::OnlyChanges => match (self.what, update) {
                (What::Message(_, Some(changes)), Some(update)) => {
                    changes_anything(update, changes)
                }
                _ => true,
            },
        }
    }
}

/// A route came, changed or went. Where the tables do not know, it may have.
fn changes_anything(update: &Update<'_>, changes: &Changes) -> bool {
    let Changes {
        new,
        replaced,
        withdrawn,
        expired,
        refused,
        ..
    } = *changes;
    new > 0
        || replaced > 0
        || withdrawn > 0
        || expired > 0
        || refused > 0
        || fields(update).any(|field| field.is_opaque())
}

/// Everything that is announced, then everything that is withdrawn.
fn fields<'a>(update: &Update<'a>) -> impl Iterator<Item = NlriField<'a>> + use<'a> {
    update.all_announced().chain(update.all_withdrawn())
}

fn has_prefix(update: &Update<'_>, fits: impl Fn(&Prefix) -> bool) -> bool {
    fields(update).any(|field| {
        let mut plain = field.prefixes().peekable();
        if plain.peek().is_some() {
            return plain.any(|prefix| fits(&prefix));
        }
        field
            .iter()
            .any(|nlri| prefix_of(&nlri).is_some_and(|p| fits(&p)))
    })
}

/// The destination of a route, if that is a prefix.
fn prefix_of(nlri: &Nlri<'_>) -> Option<Prefix> {
    match nlri {
        Nlri::Ipv4(prefix) | Nlri::Ipv6(prefix) => Some(*prefix),
        Nlri::Labeled(labeled) => Some(labeled.prefix),
        Nlri::Vpn(vpn) => Some(vpn.prefix),
        Nlri::EvpnRoutes(evpn) => match evpn.route().ok()? {
            EvpnRoute::IpPrefix { prefix, .. } => Some(prefix),
            _ => None,
        },
        _ => None,
    }
}

fn has_next_hop(update: &Update<'_>, mut fits: impl FnMut(IpAddr) -> bool) -> bool {
    let plain = update.next_hop().map(IpAddr::V4);
    plain.is_some_and(&mut fits)
        || update
            .mp_reach()
            .is_some_and(|mp| mp.next_hops.iter().any(fits))
}

/// Confederation segments are within an AS: neither its neighbour nor an origin is in them.
fn in_path(update: &Update<'_>, whose: Whose, fits: impl Fn(u32) -> bool) -> bool {
    let Some(path) = update.path() else {
        return false;
    };
    let mut segments = path
        .segments()
        .filter(|s| whose == Whose::Any || !s.kind.is_confederation());
    match whose {
        Whose::Any => segments.any(|mut segment| segment.asns.any(&fits)),
        Whose::First => segments.next().is_some_and(|mut first| match first.kind {
            SegmentKind::Sequence => first.asns.next().is_some_and(fits),
            _ => first.asns.any(fits),
        }),
        _ => segments.last().is_some_and(|mut last| match last.kind {
            SegmentKind::Sequence => last.asns.last().is_some_and(fits),
            _ => last.asns.any(fits),
        }),
    }
}
