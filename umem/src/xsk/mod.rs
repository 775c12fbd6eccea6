//! AF_XDP: the UMEM, its frames and the sockets on it.
//!
//! Life of a frame:
//!
//! ```text
//! free ──refill──► fill ring ──kernel──► RX ring ──receive──► Frame (batch) ──mark_held──► Frame (held)
//!  ▲                                                              │                            │
//!  └──────────────────────────── drop ────────────────────────────┴────────────────────────────┘
//! ```
//!
//! At any moment free + given (fill ring, kernel, RX ring) + batch + held = total;
//! [`Gauges::conserved`] says so and the worker asserts it.

mod error;
mod pool;
mod receive;
mod transmit;

pub use error::XskError;
pub use pool::{Frame, FramePool, Gauges, PoolOptions};
pub use receive::{KernelDrops, Socket, SocketOptions, ZeroCopy, wait};
pub use transmit::{SendError, Transmitter, TransmitterStats};

/// Bytes of a frame. The largest that the kernel takes for a UMEM in aligned mode: a page.
pub const FRAME_SIZE: u32 = 4096;
