//! Outputs.

pub mod evidence;
pub mod files;
pub mod json;
pub mod metrics;
pub mod mrt;
pub mod outputs;
pub mod reload;
pub mod stream;
pub mod totals;
pub mod writer;
