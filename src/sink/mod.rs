//! Outputs.

pub mod evidence;
pub mod json;
pub mod metrics;
pub mod outputs;
pub mod reload;
pub mod totals;
pub mod writer;
