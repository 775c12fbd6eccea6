//! Both directions of a TCP connection between two BGP speakers.

mod inference;
mod key;
#[allow(clippy::module_inception)]
mod session;
mod state;
mod transfer;

pub use inference::Inference;
pub use key::{Direction, Key, Pair};
pub use session::Session;
pub use state::{Sight, State};
pub(crate) use transfer::stale;
pub use transfer::{End, Transfer};
