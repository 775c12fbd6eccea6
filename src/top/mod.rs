//! The terminal view: a running instance, as htop shows processes.
//!
//! ```text
//! source    who is asked: another process over HTTP (remote), or this one (local), in the same JSON
//! feed      two threads: figures at regular times, events as they come
//! model     the answers, as far as they are shown
//! app       what is shown, and what keys do to it
//! view      the pages, drawn
//! screen    the terminal: taken, drawn on, given back
//! ```
//!
//! Nothing here touches the capture: questions go to the worker as anybody's do ([`crate::http`]), and who
//! does not read events in time is dropped.

pub mod app;
pub mod describe;
pub mod events;
pub mod feed;
pub mod filter;
pub mod history;
mod local;
pub mod losses;
pub mod model;
mod remote;
mod screen;
pub mod sort;
mod source;
pub mod text;
pub mod view;

pub use feed::ask;
pub use local::Local;
pub use remote::Remote;
pub use screen::{Screen, is_terminal, show};
pub use source::{Events, Source, Trouble};
