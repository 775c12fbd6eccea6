//! The subcommands: set up, run, report.

/// As the standard one, but by [`say`](say::say): it does not spoil a screen, and does not end with who reads.
macro_rules! eprintln {
    ($($arg:tt)*) => {
        crate::app::say::say(format_args!($($arg)*))
    };
}

mod claims;
mod closing;
mod destination;
#[cfg(feature = "capture")]
mod doctor;
mod feeds;
mod generate;
#[cfg(feature = "kafka")]
mod kafka;
#[cfg(feature = "capture")]
mod live;
#[cfg(feature = "capture")]
mod open_files;
mod outputs;
mod paths;
mod read;
#[cfg(feature = "capture")]
mod reload;
#[cfg(feature = "capture")]
mod replay;
mod rib;
mod say;
#[cfg(feature = "capture")]
#[cfg_attr(not(feature = "top"), path = "no_screen.rs")]
mod screen;
mod summary;
mod text;
#[cfg(feature = "top")]
mod top;
mod undone;
mod unwritable;
#[cfg(feature = "capture")]
mod watch;

use crate::cli::{Cli, Command, Config};
use crate::config_file::{self, CommandLine};
use crate::error::SetupError;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// How a run ended; the exit status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ended {
    /// Everything was done: 0.
    Done,
    /// Done in part: a damaged file, or losses under `--strict`; or `doctor` found what hinders: 1.
    InPart,
}

impl Ended {
    /// The exit status.
    #[must_use]
    pub const fn status(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::InPart => 1,
        }
    }
}

/// Runs a command. Of the command line a configuration file can be read again.
///
/// # Errors
/// The command could not be set up; nothing was done.
#[cfg_attr(
    not(feature = "capture"),
    allow(
        unused_variables,
        reason = "only what captures can take up a changed configuration"
    )
)]
pub fn run(cli: Cli, command_line: &CommandLine) -> Result<Ended, SetupError> {
    let reloads =
        matches!(&cli.command, Command::Live(options) if options.outputs.config.is_some());
    let stop = stop_on_signals(reloads)?;
    match cli.command {
        Command::Config(command) => config(&command),
        Command::Completions { shell } => generate::completions(shell),
        Command::Man { folder } => generate::man(&folder),
        Command::Read(options) => read::run(&options, &stop),
        #[cfg(feature = "capture")]
        Command::Live(options) => live::run(&options, &stop, command_line),
        #[cfg(feature = "capture")]
        Command::Replay(options) => replay::run(&options, &stop),
        #[cfg(feature = "capture")]
        Command::Doctor(options) => doctor::run(&options),
        #[cfg(feature = "top")]
        Command::Top(options) => top::run(&options, &stop),
        #[cfg(not(feature = "top"))]
        Command::Top(_) => Err(no_top()),
        #[cfg(not(feature = "capture"))]
        Command::Live(_) | Command::Replay(_) | Command::Doctor(_) => Err(SetupError::Other {
            what: "capturing".into(),
            why: "this bgptap was built without the feature `capture`".into(),
            remedy: "cargo build --release, with clang and libelf-dev installed".into(),
        }),
    }
}

fn config(command: &Config) -> Result<Ended, SetupError> {
    match command {
        Config::Check { file } => {
            let config_file::Checked { lacking, commands } = config_file::check(file)?;
            let file = file.display();
            for cli in commands {
                check(&cli.command).map_err(|error| match error {
                    SetupError::Other { what, why, remedy } => SetupError::Other {
                        what: format!("{file}: {what}"),
                        why,
                        remedy,
                    },
                    other => other,
                })?;
            }
            eprintln!("bgptap: {file} can be used");
            for key in lacking {
                eprintln!(
                    "bgptap: it has no `{key}`, so live takes it by flag\n  try: bgptap live --config {file} --{key} …"
                );
            }
        }
        Config::Show { file } => {
            return generate::print(config_file::show(file)?.as_bytes());
        }
    }
    Ok(Ended::Done)
}

/// Judges what a command is asked for by itself.
fn check(command: &Command) -> Result<(), SetupError> {
    match command {
        Command::Read(options) => read::check(options),
        #[cfg(feature = "capture")]
        Command::Live(options) => live::check(options),
        _ => Ok(()),
    }
}

/// The terminal view was left out.
#[cfg(not(feature = "top"))]
fn no_top() -> SetupError {
    SetupError::Other {
        what: "showing the terminal view".into(),
        why: "this bgptap was built without the feature `top`".into(),
        remedy: "cargo build --release --features top".into(),
    }
}

/// A flag that SIGINT, SIGTERM and SIGHUP raise; SIGHUP does not where it has the configuration read again. A second
/// SIGINT or SIGTERM ends the process at once.
fn stop_on_signals(reloads: bool) -> Result<Arc<AtomicBool>, SetupError> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        signal_hook::flag::register_conditional_shutdown(
            signal,
            Ended::InPart.status().into(),
            Arc::clone(&stop),
        )
        .and_then(|_| signal_hook::flag::register(signal, Arc::clone(&stop)))
        .map_err(|error| not_registered(&error))?;
    }
    if reloads {
        return Ok(stop);
    }
    // Whoever started it by nohup(1) wants it to outlive the terminal. Where a terminal goes, the kernel and the
    // shell both tell: the second time means no more than the first.
    if !is_ignored(
        SIGHUP,
        &std::fs::read_to_string("/proc/self/status").unwrap_or_default(),
    ) {
        signal_hook::flag::register(SIGHUP, Arc::clone(&stop))
            .map_err(|error| not_registered(&error))?;
    }
    Ok(stop)
}

fn not_registered(error: &std::io::Error) -> SetupError {
    SetupError::Other {
        what: "registering signal handlers".into(),
        why: error.to_string(),
        remedy: "report this as a bug".into(),
    }
}

/// Whether a process with this `status` of proc(5) was started with a signal ignored.
fn is_ignored(signal: i32, status: &str) -> bool {
    let mut lines = status.lines();
    let mask =
        lines.find_map(|line| u64::from_str_radix(line.strip_prefix("SigIgn:")?.trim(), 16).ok());
    mask.is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mask_of_ignored_signals_is_read() {
        let status = "Name:\tx\nSigBlk:\tffffffffffffffff\nSigIgn:\t0000000000000003\n";
        assert!(is_ignored(SIGHUP, status) && is_ignored(SIGINT, status));
        assert!(!is_ignored(SIGTERM, status));
        assert!(!is_ignored(SIGHUP, ""));
    }
}
