//! Outputs.

pub mod json;
pub mod metrics;
pub mod outputs;
pub mod totals;
pub mod writer;
