//! Options that say which events outputs get.

use crate::filter::{Filter, Selection};
use clap::Args;

/// Which messages and events outputs are told.
#[derive(Args, Clone, Debug, Default)]
pub struct Filters {
    /// Tell outputs only of messages and events that EXPR selects, for instance
    /// `prefix longer 10.0.0.0/8 and not as 64500`: see docs/filters.md.
    #[arg(long, value_name = "EXPR")]
    pub filter: Option<Filter>,
    /// Leave out UPDATEs by which no route comes, changes or goes.
    #[arg(long, conflicts_with = "no_rib")]
    pub only_changes: bool,
    /// As --filter, for --json only.
    #[arg(long, value_name = "EXPR")]
    pub json_filter: Option<Filter>,
    /// As --filter, for lines for people only.
    #[arg(long, value_name = "EXPR")]
    pub text_filter: Option<Filter>,
    /// As --filter, for --mrt only.
    #[arg(long, value_name = "EXPR")]
    pub mrt_filter: Option<Filter>,
    /// As --filter, for --mrt-rib only: which routes are told.
    #[arg(long, value_name = "EXPR")]
    pub mrt_rib_filter: Option<Filter>,
    /// As --filter, for --evidence only.
    #[arg(long, value_name = "EXPR")]
    pub evidence_filter: Option<Filter>,
}

impl Filters {
    /// What an output of events gets: what all of them get, of which its own filter selects some.
    #[must_use]
    pub fn of_events(&self, own: Option<&Filter>) -> Selection {
        let changes = self.only_changes.then(Filter::only_changes);
        let filters = [changes.as_ref(), self.filter.as_ref(), own];
        filters.into_iter().flatten().cloned().collect()
    }

    /// What snapshots of tables get: a route in a table says nothing of which message changed it.
    #[must_use]
    pub fn of_tables(&self, own: Option<&Filter>) -> Selection {
        let filters = [self.filter.as_ref(), own];
        filters.into_iter().flatten().cloned().collect()
    }
}
