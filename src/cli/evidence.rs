//! Options of evidence.

use super::value::whole;
use clap::Args;
use std::path::PathBuf;

/// Frames around what went wrong.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// Keep the frames around each NOTIFICATION, malformed message, gap and session loss, as
    /// pcapng files in DIR.
    #[arg(long, value_name = "DIR")]
    pub evidence: Option<PathBuf>,
    /// How many seconds of frames evidence reaches back.
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = whole::<u32>(1..=3600))]
    pub evidence_seconds: u32,
    /// Memory, in MiB, for the frames of the last seconds; taken at the start.
    #[arg(long, value_name = "MIB", default_value = "64", value_parser = whole::<u32>(1..=1 << 16))]
    pub evidence_memory: u32,
    /// The most, in MiB, that the files of evidence take; then old ones go.
    #[arg(long, value_name = "MIB", default_value = "256", value_parser = whole::<u32>(1..=1 << 24))]
    pub evidence_disk: u32,
}
