//! The `bgptap` command.
#![forbid(unsafe_code)]

fn main() {}
