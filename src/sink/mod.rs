//! Outputs.

pub mod json;
