//! AF_PACKET: a socket whose ring of blocks the kernel fills (TPACKET_V3,
//! Documentation/networking/packet_mmap.rst).
//!
//! Life of a block:
//!
//! ```text
//! kernel ──full, or its time is over──► open ──take──► Frames (batch) ──mark_held──► Frames (held)
//!   ▲                                                     │                             │
//!   └──────────────── the last of them is dropped ────────┴─────────────────────────────┘
//! ```
//!
//! A [`Frame`] is a view of its block, so nothing is copied, and a block goes back when its last
//! frame does. The kernel takes blocks strictly in turn: it stops at one that is not back yet,
//! and drops what comes. [`Frame::is_wanted_back`] tells in time whose payload should be copied.

mod block;
mod ring;
mod socket;

pub use block::{Clock, Packet};
pub use ring::{Frame, Ring};
pub use socket::{
    Instruction, Options, PacketError, RingSize, Socket, Statistics, attach_filter, wait,
};
