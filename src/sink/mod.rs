//! Outputs.

pub mod json;
pub mod metrics;
pub mod outputs;
pub mod text;
pub mod totals;
pub mod writer;
