//! The steering program in the kernel: what it does with crafted packets, and
//! how it goes on and off an interface. Needs root.

#![allow(clippy::unwrap_used)]

mod live;
mod machine;
mod packet;
mod tap;
mod verdicts;
#[allow(
    dead_code,
    unreachable_pub,
    reason = "shared with the tests of the binary"
)]
#[path = "../../../tests/support/wrap.rs"]
mod wrap;
