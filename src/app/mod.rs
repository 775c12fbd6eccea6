//! The subcommands: set up, run, report.

#[cfg(feature = "capture")]
mod doctor;
#[cfg(feature = "kafka")]
mod kafka;
#[cfg(feature = "capture")]
mod live;
mod outputs;
mod read;
#[cfg(feature = "capture")]
mod replay;
mod rib;
#[cfg(feature = "capture")]
mod watch;

use crate::cli::{Cli, Command};
use crate::error::SetupError;
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

/// Runs a command.
///
/// # Errors
/// The command could not be set up; nothing was done.
pub fn run(cli: Cli) -> Result<Ended, SetupError> {
    let stop = stop_on_signals()?;
    match cli.command {
        Command::Read(options) => read::run(&options, &stop),
        #[cfg(feature = "capture")]
        Command::Live(options) => live::run(&options, &stop),
        #[cfg(feature = "capture")]
        Command::Replay(options) => replay::run(&options, &stop),
        #[cfg(feature = "capture")]
        Command::Doctor(options) => doctor::run(&options),
        #[cfg(not(feature = "capture"))]
        Command::Live(_) | Command::Replay(_) | Command::Doctor(_) => Err(SetupError::Other {
            what: "capturing".into(),
            why: "this bgptap was built without the feature `capture`".into(),
            remedy: "cargo build --release, with clang and libelf-dev installed".into(),
        }),
    }
}

/// A flag that SIGINT and SIGTERM raise. A second signal ends the process at once.
fn stop_on_signals() -> Result<Arc<AtomicBool>, SetupError> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        signal_hook::flag::register_conditional_shutdown(signal, 130, Arc::clone(&stop))
            .and_then(|_| signal_hook::flag::register(signal, Arc::clone(&stop)))
            .map_err(|error| SetupError::Other {
                what: "registering signal handlers".into(),
                why: error.to_string(),
                remedy: "report this as a bug".into(),
            })?;
    }
    Ok(stop)
}
