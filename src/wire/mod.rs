//! The headers of one frame, down to its TCP payload.

mod segment;

pub use segment::{Endpoint, Segment, TcpFlags};
