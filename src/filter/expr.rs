//! What an expression is made of, and how it is written.

use super::community::CommunityPattern;
use super::family::FamilyPattern;
use super::network::{Network, PrefixPattern};
use super::path::PathPattern;
use super::span::Span;
use std::fmt::{self, Display};

/// An expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Expr {
    /// One of at least two.
    Or(Vec<Expr>),
    /// All of at least two.
    And(Vec<Expr>),
    Not(Box<Expr>),
    Test(Test),
}

/// What is asked of an event. Of several values one has to fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Test {
    Type(Vec<EventType>),
    Session(Vec<SessionId>),
    Address(End, Vec<Network>),
    Asn(Whose, Vec<Span>),
    Family(Vec<FamilyPattern>),
    Prefix(Vec<PrefixPattern>),
    NextHop(Vec<Network>),
    Path(Vec<PathPattern>),
    Community(Vec<CommunityPattern>),
    Is(Trait),
}

macro_rules! named {
    ($(#[$doc:meta])* $name:ident { $($variant:ident = $text:literal $(| $alias:literal)*,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum $name { $($variant,)* }

        impl $name {
            pub(super) const ALL: &'static [Self] = &[$(Self::$variant),*];

            pub(super) const fn name(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }

            /// By any of its names, in any case; an underscore will do for a hyphen.
            pub(super) fn named(name: &str) -> Option<Self> {
                let name = name.to_ascii_lowercase().replace('_', "-");
                match name.as_str() {
                    $($text $(| $alias)* => Some(Self::$variant),)*
                    _ => None,
                }
            }

            pub(super) fn names() -> impl Iterator<Item = &'static str> + Clone {
                Self::ALL.iter().map(|item| item.name())
            }
        }

        impl Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.name())
            }
        }
    };
}

named! {
    /// The types of events.
    EventType {
        Update = "update" | "updates",
        Open = "open",
        Keepalive = "keepalive",
        Notification = "notification",
        RouteRefresh = "route-refresh",
        Unknown = "unknown",
        State = "state",
        Transfer = "transfer",
        Tcp = "tcp",
        Gap = "gap",
        Malformed = "malformed",
    }
}

named! {
    /// Whose address.
    End {
        Peer = "peer" | "neighbor",
        Local = "local",
        Either = "endpoint",
    }
}

named! {
    /// Whose AS number.
    Whose {
        Peer = "peer-as" | "peer-asn" | "peeras",
        Local = "local-as" | "local-asn",
        First = "first-as" | "first-asn",
        Origin = "origin-as" | "origin-asn",
        Any = "as" | "asn",
    }
}

named! {
    /// What an event is, or is not.
    Trait {
        Announces = "announces" | "announcements",
        Withdraws = "withdraws" | "withdrawals",
        Eor = "eor" | "end-of-rib",
        Errors = "errors",
        OnlyChanges = "only-changes",
    }
}

named! {
    /// Names of the other tests.
    Field {
        Type = "type",
        Session = "session",
        Family = "family",
        Prefix = "prefix" | "net",
        NextHop = "next-hop" | "nexthop",
        Path = "aspath" | "as-path" | "path" | "bgp-path",
        Community = "community" | "communities" | "bgp-community",
    }
}

/// An identifier of a session, as events write it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SessionId(pub(super) u64);

impl Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl Display for Expr {
    /// In a form that is read as the same expression.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Or(parts) => joined(f, parts, " or ", |part| matches!(part, Self::Or(_))),
            Self::And(parts) => joined(f, parts, " and ", Self::is_joined),
            Self::Not(inner) if inner.is_joined() => write!(f, "not ({inner})"),
            Self::Not(inner) => write!(f, "not {inner}"),
            Self::Test(test) => test.fmt(f),
        }
    }
}

impl Expr {
    const fn is_joined(&self) -> bool {
        matches!(self, Self::Or(_) | Self::And(_))
    }
}

fn joined(
    f: &mut fmt::Formatter<'_>,
    parts: &[Expr],
    word: &str,
    in_brackets: impl Fn(&Expr) -> bool,
) -> fmt::Result {
    for (index, part) in parts.iter().enumerate() {
        f.write_str(if index > 0 { word } else { "" })?;
        if in_brackets(part) {
            write!(f, "({part})")?;
        } else {
            part.fmt(f)?;
        }
    }
    Ok(())
}

impl Display for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Type(values) => list(f, Field::Type, values),
            Self::Session(values) => list(f, Field::Session, values),
            Self::Address(end, values) => list(f, end, values),
            Self::Asn(whose, values) => list(f, whose, values),
            Self::Family(values) => list(f, Field::Family, values),
            Self::Prefix(values) => list(f, Field::Prefix, values),
            Self::NextHop(values) => list(f, Field::NextHop, values),
            Self::Path(values) => list(f, Field::Path, values),
            Self::Community(values) => list(f, Field::Community, values),
            Self::Is(quality) => quality.fmt(f),
        }
    }
}

fn list(f: &mut fmt::Formatter<'_>, name: impl Display, values: &[impl Display]) -> fmt::Result {
    name.fmt(f)?;
    for (index, value) in values.iter().enumerate() {
        f.write_str(if index == 0 { " " } else { "," })?;
        value.fmt(f)?;
    }
    Ok(())
}
