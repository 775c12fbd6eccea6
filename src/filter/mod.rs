//! Which events an output gets: one small language, compiled once.
//!
//! ```text
//! type update and prefix longer 10.0.0.0/8 and not community 65000:*
//! ```
//!
//! A filter selects whole messages and events, as RIS Live does: an UPDATE is selected if any of its
//! routes fits, and then told with all of them. `docs/filters.md` describes the language.
//!
//! Tests look at borrowed views and only at what they need; in steady state nothing is allocated.

mod community;
mod error;
mod eval;
mod expr;
mod family;
mod network;
mod parse;
mod path;
mod span;
mod token;

pub use error::FilterError;

use crate::bgp::Message;
use crate::rib::Changes;
use crate::session::Transfer;
use crate::sink::json::Meta;
use eval::PathText;
use expr::{Expr, Test, Trait};
use std::fmt;
use std::str::FromStr;

/// Something that outputs tell.
#[derive(Clone, Copy, Debug)]
pub struct Event<'a> {
    /// When, who, where.
    pub meta: &'a Meta<'a>,
    /// What.
    pub what: What<'a>,
}

/// What has happened.
#[derive(Clone, Copy, Debug)]
pub enum What<'a> {
    /// A message, with what it did to the Adj-RIB if that is known.
    Message(&'a Message<'a>, Option<&'a Changes>),
    /// The session's state changed.
    State,
    /// The transfer of routes has come to another point.
    Transfer(&'a Transfer),
    /// The TCP under the session is in trouble, or out of it.
    Tcp,
    /// A hole.
    Gap,
    /// Bytes that are no message.
    Malformed,
}

/// A compiled expression.
#[derive(Clone, Debug)]
pub struct Filter {
    expr: Expr,
    path: PathText,
}

impl Filter {
    /// Reads an expression.
    ///
    /// # Errors
    /// It is none; the error says where.
    pub fn parse(text: &str) -> Result<Self, FilterError> {
        parse::parse(text).map(Self::new)
    }

    /// What is new or changed: all but UPDATEs by which no route came, changed or went.
    #[must_use]
    pub fn only_changes() -> Self {
        Self::new(Expr::Test(Test::Is(Trait::OnlyChanges)))
    }

    fn new(expr: Expr) -> Self {
        Self {
            expr,
            path: PathText::default(),
        }
    }

    /// Whether the event is selected.
    pub fn selects(&mut self, event: &Event<'_>) -> bool {
        self.path.reset();
        self.expr.selects(event, &mut self.path)
    }
}

impl FromStr for Filter {
    type Err = FilterError;

    fn from_str(text: &str) -> Result<Self, FilterError> {
        Self::parse(text)
    }
}

impl fmt::Display for Filter {
    /// In a form that is read as the same expression.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.expr.fmt(f)
    }
}

impl PartialEq for Filter {
    fn eq(&self, other: &Self) -> bool {
        self.expr == other.expr
    }
}

impl Eq for Filter {}

/// The filters that an output stands behind: an event has to pass all of them.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    filters: Vec<Filter>,
    left_out: u64,
}

impl Selection {
    /// Whether the output gets the event; counts those that it does not get.
    pub fn wants(&mut self, event: &Event<'_>) -> bool {
        let wanted = self.filters.iter_mut().all(|filter| filter.selects(event));
        self.left_out += u64::from(!wanted);
        wanted
    }

    /// Everything is selected.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.filters.is_empty()
    }

    /// The same events are selected.
    #[must_use]
    pub fn is_like(&self, other: &Self) -> bool {
        self.filters == other.filters
    }

    /// Events that were not selected.
    #[must_use]
    pub const fn left_out(&self) -> u64 {
        self.left_out
    }

    /// Takes the filters of another, and goes on counting.
    pub fn replace(&mut self, filters: Self) {
        self.filters = filters.filters;
    }
}

impl FromIterator<Filter> for Selection {
    fn from_iter<I: IntoIterator<Item = Filter>>(filters: I) -> Self {
        Self {
            filters: filters.into_iter().collect(),
            left_out: 0,
        }
    }
}

#[cfg(test)]
mod tests;
