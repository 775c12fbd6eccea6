//! Outputs.

pub mod json;
pub mod metrics;
