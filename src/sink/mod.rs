//! Outputs.

pub mod files;
pub mod json;
pub mod metrics;
pub mod mrt;
pub mod outputs;
pub mod stream;
pub mod totals;
pub mod writer;
