//! Outputs.

pub mod json;
pub mod metrics;
pub mod writer;
