//! What a running instance tells over HTTP: `/sessions`, `/rib`, `/status` and `/events`, and a page that shows them.
//!
//! The worker owns all state, and nothing it holds is ever locked. A request becomes a [`Question`] in a
//! queue of fixed length ([`Desk`]); the worker looks into it on its tick, and its [`Answer`] goes back to the
//! one who waits. How much work one answer is has a bound: what goes beyond is told in pages.
//! `/status` is read from the metrics instead, without a question.
//! Events are not asked for one by one: they come through [`crate::sink::stream`].

mod ask;
mod page;
mod server;
mod status;

pub use ask::{Answer, Asked, Desk, PAGE_MAX, PLACES_MAX, Question, RibQuestion};
pub use server::serve;
pub use status::Status;
