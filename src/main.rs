//! The `bgptap` command.
#![forbid(unsafe_code)]

use bgptap::app;
use bgptap::config_file::{CommandLine, Refused};
use std::io::Write;
use std::process::ExitCode;

fn main() -> ExitCode {
    let command_line = CommandLine::new(std::env::args_os());
    let cli = match command_line.parse() {
        Ok(cli) => cli,
        Err(Refused::CommandLine(error)) => error.exit(),
        Err(Refused::Config(error)) => {
            tell(&error);
            return ExitCode::from(2);
        }
    };
    match app::run(cli, &command_line) {
        Ok(ended) => ExitCode::from(ended.status()),
        Err(error) => {
            tell(&error);
            ExitCode::from(2)
        }
    }
}

/// Where nobody reads it, the status tells.
fn tell(error: &dyn std::error::Error) {
    let _ = writeln!(std::io::stderr(), "bgptap: {error}");
}
