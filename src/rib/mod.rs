//! What each side of a session has told the other and not taken back: Adj-RIBs.
//!
//! A session has a table for each direction and address family, which is what the receiver has to
//! keep as its Adj-RIB-In (RFC 4271 §3.2) and the sender as its Adj-RIB-Out. It follows everything
//! that changes it: announcements, implicit replacements and withdrawals, messages to be treated as
//! withdrawals (RFC 7606), End-of-RIB and graceful restart (RFC 4724, RFC 8538), demarcated refreshes
//! (RFC 7313) and the end of the session.
//!
//! A table says whether it is whole: [`Partial`] since when and why, if it may lack routes or have
//! too many. It becomes whole again with a demarcated refresh.
//!
//! Routes are small: IPv4 prefixes take twelve bytes each and the room that a hash table leaves free,
//! and share their attributes ([`crate::intern::AttrStore`]). All tables and attributes together keep to
//! one [`Budget`] of bytes; what does not fit is refused, counted, and makes its table partial.

mod adj;
mod budget;
mod changes;
#[cfg(test)]
pub(crate) mod conversation;
mod doubt;
mod entry;
mod held;
mod labeled;
mod labeled_routes;
mod octets;
mod prefix;
mod recurring;
mod restart;
mod ribs;
mod routes;
mod session;
mod waiting;

pub use adj::{AdjRib, LabeledPrefix, Moves, Route, RouteKey};
pub use budget::Budget;
pub use changes::{CHANGES, Changes, Codes};
pub use doubt::{Partial, Why};
pub use ribs::{Ribs, Usage};
pub use session::{Direction, Tables};
