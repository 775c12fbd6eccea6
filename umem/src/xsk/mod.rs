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

mod bare;
mod error;
mod mode;
mod pool;
mod receive;
mod transmit;
mod wait;

pub use bare::Bare;
pub use error::XskError;
pub use mode::{Mode, Refusal, Wish, ZeroCopy};
pub use pool::{Frame, FramePool, Gauges, PoolOptions};
pub use receive::{KernelDrops, Socket, SocketOptions};
pub use transmit::{SendError, Transmitter, TransmitterStats};
pub use wait::Waiter;

/// Bytes of a frame. The largest that the kernel takes for a UMEM in aligned mode: a page.
pub const FRAME_SIZE: u32 = 4096;
/// The longest packet that one frame holds: the kernel keeps room in front of it (linux/bpf.h,
/// `XDP_PACKET_HEADROOM`).
pub const PACKET_MAX: u32 = FRAME_SIZE - 256;
