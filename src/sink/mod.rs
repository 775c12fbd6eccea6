//! Outputs.

pub mod bmp;
pub mod deadline;
pub mod delivered;
pub mod evidence;
pub mod files;
pub mod json;
#[cfg(feature = "kafka")]
pub mod kafka;
pub mod metrics;
pub mod mrt;
pub mod outputs;
mod rebuild;
pub mod reload;
pub(crate) mod routes;
pub mod stream;
pub mod text;
pub mod totals;
pub mod writer;
