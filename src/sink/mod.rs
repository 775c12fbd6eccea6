//! Outputs.

pub mod bmp;
pub mod json;
#[cfg(feature = "kafka")]
pub mod kafka;
pub mod metrics;
pub mod outputs;
pub mod totals;
pub mod writer;
