//! Borrowed views of BGP messages.
//!
//! [`Message::parse`] checks a whole message once and allocates nothing. What it
//! returns borrows the bytes; getters and iterators read them on demand.
//!
//! Three guarantees hold for any input: nothing here panics, no view reaches
//! beyond its message, and every iterator ends, since each step consumes input.
//! A message that deviates from its RFC stays readable as far as possible and
//! lists its errors ([`Errors`]) with offset and RFC 7606 disposition.
//!
//! ```
//! use bgptap::bgp::{Context, Message};
//!
//! let mut bytes = [0xff; 23];
//! bytes[16..].copy_from_slice(&[0, 23, 2, 0, 0, 0, 0]);
//! let Ok(Message::Update(update)) = Message::parse(&bytes, &Context::assumed()) else {
//!     panic!("not an UPDATE");
//! };
//! assert_eq!(update.eor().map(|family| family.to_string()).as_deref(), Some("ipv4/unicast"));
//! ```

pub mod attribute;
pub mod capability;
#[cfg(test)]
mod closed;
pub mod context;
pub mod error;
pub mod evidence;
pub mod family;
pub mod header;
mod message;
mod message_set;
pub mod names;
pub mod nlri;
pub mod notification;
mod open;
mod reader;
mod refresh;
pub mod route_filter;
pub mod text;
pub mod tlv;
mod update;

pub use attribute::{Attribute, View};
pub use capability::Capability;
pub use context::{Context, LabelLimits, OpenFacts, Peering, Possible, Restart};
pub use error::{Disposition, Error, ErrorCode, Errors};
pub use family::{Afi, Family, FamilySet, Safi};
pub use header::{Header, MessageType};
pub use message::Message;
pub use message_set::{MessageSet, NoSuchMessage};
pub use nlri::{Form, Nlri, NlriField, Prefix};
pub use notification::Notification;
pub use open::{AS_TRANS, Capabilities, Open, Parameters};
pub use refresh::RouteRefresh;
pub use update::Update;
