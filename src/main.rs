//! The `bgptap` command.
#![forbid(unsafe_code)]

use bgptap::app::{self, Ended};
use bgptap::cli::Cli;
use clap::Parser;
use std::io::Write;
use std::process::ExitCode;

fn main() -> ExitCode {
    match app::run(Cli::parse()) {
        Ok(Ended::Done) => ExitCode::SUCCESS,
        Ok(Ended::InPart) => ExitCode::from(1),
        Err(error) => {
            // Where nobody reads it, the status tells.
            let _ = writeln!(std::io::stderr(), "bgptap: {error}");
            ExitCode::from(2)
        }
    }
}
