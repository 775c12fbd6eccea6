//! Locked memory for bgptap.
//!
//! * [`xsk`]: the UMEM whose frames are the buffer pool, and the AF_XDP sockets on it
//!   (feature `xsk`).
//! * [`buffer`]: pooled buffers for messages that straddle frames.
//! * [`mapped`]: capture files, mapped.
//! * [`packet`]: the ring of an AF_PACKET socket and its frames.
//! * [`clock`]: what the kernel's clocks are apart.
//!
//! Together with the `bpf` crate this is where the project keeps its `unsafe`; every block
//! says why it holds.

pub mod buffer;
pub mod clock;
pub mod mapped;
pub mod packet;
#[cfg(feature = "xsk")]
pub mod xsk;
