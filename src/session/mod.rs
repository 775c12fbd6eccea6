//! Both directions of a TCP connection between two BGP speakers.

mod key;
mod state;

pub use key::{Direction, Key};
pub use state::{Sight, State};
