//! Outputs.

pub mod bmp;
pub mod json;
pub mod metrics;
pub mod outputs;
pub mod totals;
pub mod writer;
