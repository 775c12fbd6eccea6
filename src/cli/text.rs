//! Options of lines that people read.

use crate::sink::text::PeerName;
use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// What is printed for people.
#[derive(Args, Debug)]
pub struct Text {
    /// Write one readable line per message and event, and a table at the end, to FILE ("-": standard
    /// output). Without any output `read` does so on standard output, and so does `live` on a terminal.
    #[arg(long, value_name = "FILE", value_parser = super::files::pattern())]
    pub text: Option<PathBuf>,
    /// With --text: show all attributes and prefixes of messages, on lines of their own.
    #[arg(short, long)]
    pub verbose: bool,
    /// With --text: when to use colours.
    #[arg(long, value_name = "WHEN", value_enum, default_value_t = Color::Auto)]
    pub color: Color,
    /// With --text: what to call the speaker at ADDR (repeatable).
    #[arg(long = "peer-name", value_name = "ADDR=NAME")]
    pub peer_names: Vec<PeerName>,
}

/// When to use colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal, unless NO_COLOR is set; CLICOLOR and CLICOLOR_FORCE are heeded.
    Auto,
    /// Whatever the output is.
    Always,
    /// In no case.
    Never,
}
