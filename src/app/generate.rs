//! `bgptap completions` and `bgptap man`: made of the same definition that parses the command line.

use super::Ended;
use super::unwritable::cannot_write;
use crate::cli::Cli;
use crate::error::SetupError;
use clap::CommandFactory;
use clap_complete::Shell;
use std::io::{self, Write};
use std::path::Path;

/// Prints a script for a shell.
pub(super) fn completions(shell: Shell) -> Result<Ended, SetupError> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "bgptap", &mut script);
    print(&script)
}

/// Writes to standard output.
pub(super) fn print(text: &[u8]) -> Result<Ended, SetupError> {
    match io::stdout().write_all(text) {
        // Whoever reads it may stop reading.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(cannot_write(Path::new("-"), &error))
        }
        _ => Ok(Ended::Done),
    }
}

/// Writes `bgptap.1` and a page for each subcommand.
pub(super) fn man(folder: &Path) -> Result<Ended, SetupError> {
    let written = std::fs::create_dir_all(folder)
        .and_then(|()| clap_mangen::generate_to(Cli::command(), folder));
    written.map_err(|error| SetupError::Other {
        what: format!("writing manual pages to {}", folder.display()),
        why: error.to_string(),
        remedy: "name a folder that you may write to".into(),
    })?;
    Ok(Ended::Done)
}
