//! What can go wrong before capturing starts.
//!
//! Once frames flow, errors are data: they are counted and reported as events
//! and never stop the worker. Only set-up fails outright.

use std::io;
use std::path::{Path, PathBuf};

/// A set-up step that failed: what was tried, on what, and what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// A file that could not be opened or read.
    #[error("cannot open {}: {source}\n  try: {}", named(.path), to_open(.path, .source))]
    Open {
        /// The path as it was given.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// A file that is no capture.
    #[error(
        "{} is not a capture file: {why}; bgptap reads pcap and pcapng, plain or compressed with gzip or zstd",
        named(.path)
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

/// The path as messages have it.
fn named(path: &Path) -> String {
    match path.to_str() {
        Some("-") => "standard input".into(),
        _ => path.display().to_string(),
    }
}

/// What to do about an input that cannot be opened.
fn to_open(path: &Path, source: &io::Error) -> String {
    let path = path.display();
    match source.kind() {
        io::ErrorKind::NotFound => {
            "check the name; one without / at its start is looked for in the current folder".into()
        }
        io::ErrorKind::PermissionDenied => {
            format!("ask the owner for it, or as root: chmod +r {path}")
        }
        io::ErrorKind::IsADirectory => format!("name the files in it: {path}/*.pcap"),
        _ => format!("see whether anything else can read it: wc -c {path}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(path: &str, kind: io::ErrorKind) -> String {
        let (path, source) = (path.into(), kind.into());
        SetupError::Open { path, source }.to_string()
    }

    #[test]
    fn each_says_what_happened_to_what_and_what_to_do() {
        let missing = open("x.pcap", io::ErrorKind::NotFound);
        assert!(missing.starts_with("cannot open x.pcap: "), "{missing}");
        assert!(
            missing.ends_with("is looked for in the current folder"),
            "{missing}"
        );
        let forbidden = open("x.pcap", io::ErrorKind::PermissionDenied);
        assert!(forbidden.ends_with("chmod +r x.pcap"), "{forbidden}");
        let folder = open("/captures", io::ErrorKind::IsADirectory);
        assert!(
            folder.ends_with("name the files in it: /captures/*.pcap"),
            "{folder}"
        );
        let (path, why) = ("-".into(), "it is empty".into());
        let input = SetupError::NotACapture { path, why }.to_string();
        assert!(
            input.starts_with("standard input is not a capture file"),
            "{input}"
        );
    }
}
