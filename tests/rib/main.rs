//! Adj-RIBs: what each kind of message does to them, and random conversations beside a naive model.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod collision;
mod kept;
mod labeled;
mod limits;
mod model;
mod octets;
mod program;
mod restart;
mod rules;
#[path = "../support/speakers.rs"]
mod speakers;
#[path = "../support/mod.rs"]
mod support;
mod talk;
