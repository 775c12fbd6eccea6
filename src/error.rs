//! What can go wrong before capturing starts.
//!
//! Once frames flow, errors are data: they are counted and reported as events
//! and never stop the worker. Only set-up fails outright.

use std::path::PathBuf;

/// A set-up step that failed: what was tried, on what, and what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// A file that could not be opened or read.
    #[error("cannot open {path}: {source}")]
    Open {
        /// The path as it was given.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// A file that is no capture.
    #[error(
        "{path} is not a capture file: {why}; bgptap reads pcap and pcapng, plain or compressed with gzip or zstd"
    )]
    NotACapture {
        /// The path as it was given.
        path: PathBuf,
        /// What was found instead.
        why: String,
    },
    /// Anything about an interface: missing, down, occupied, without rights.
    #[error("{what} on {interface}: {why}\n  try: {remedy}")]
    Interface {
        /// The interface as it was named.
        interface: String,
        /// The step that failed.
        what: &'static str,
        /// Why, as the kernel or library put it.
        why: String,
        /// The command or change that mends it.
        remedy: String,
    },
    /// The configuration file.
    #[error(transparent)]
    Config(#[from] crate::config_file::ConfigError),
    /// Anything else: the step, why it failed and the remedy.
    #[error("{what}: {why}\n  try: {remedy}")]
    Other {
        /// The step that failed.
        what: String,
        /// Why, as the kernel or library put it.
        why: String,
        /// The command or change that mends it.
        remedy: String,
    },
}
