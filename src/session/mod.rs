//! Both directions of a TCP connection between two BGP speakers.

mod key;
#[allow(clippy::module_inception)]
mod session;
mod state;

pub use key::{Direction, Key, Pair};
pub use session::Session;
pub use state::{Sight, State};
