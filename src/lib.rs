//! bgptap: a passive BGP monitor.
//!
//! The path of a byte, and the module that answers for each step:
//!
//! ```text
//! capture  frames from AF_XDP rings or capture files       → Captured<F>
//! wire     Ethernet … TCP headers of one frame             → Segment
//! stream   one direction of a TCP connection, in order     → whole messages, gaps
//! health   round-trip times, windows, stalls              → figures, alarms
//! session  both directions: OPENs, negotiation, state      → decoding context
//! bgp      borrowed views of messages, decoded lazily      → Update<'a> …
//! rib      what each side has told the other           → tables
//! filter   which events an output gets                  → selected or not
//! sink     metrics, JSON lines, summary
//! top      a running instance in the terminal
//! worker   the loop that carries a frame through all of it
//! ```
//!
//! Nothing is copied while a message lies whole in a frame; `docs/architecture.md`
//! says where and why bytes are copied otherwise.
#![forbid(unsafe_code)]

pub mod app;
pub mod bgp;
pub mod capture;
pub mod cli;
pub mod config;
pub mod config_file;
#[cfg(feature = "capture")]
pub mod doctor;
pub mod error;
pub mod filter;
pub mod health;
mod hint;
pub mod http;
pub mod intern;
#[cfg(feature = "capture")]
pub mod privileges;
pub mod replay;
pub mod rib;
pub mod session;
pub mod sink;
mod staggered;
pub mod stream;
#[cfg(feature = "top")]
pub mod top;
pub mod wire;
pub mod worker;
