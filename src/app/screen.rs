//! `live --top`: the screen over a capture of this process.

use super::outputs::Files;
use super::say;
pub(super) use super::top::need_terminal;
use super::top::no_screen;
use crate::cli;
use crate::error::SetupError;
use crate::http::{Desk, Status};
use crate::sink::stream::Hub;
use crate::top::{Local, Screen};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc;
use std::time::Duration;

/// How often figures are looked at: as often as they are brought up to date.
const INTERVAL: Duration = Duration::from_secs(1);

/// Refuses what the screen would be mixed with.
///
/// # Errors
/// Something else is written to the terminal.
pub(super) fn check(outputs: &cli::Outputs) -> Result<(), SetupError> {
    let files = Files::named(outputs);
    let mixed = files.iter().find(|(flag, path)| {
        // The summary comes when the screen is gone.
        *flag != "--summary" && *path == Some(Path::new("-"))
    });
    if let Some((flag, _)) = mixed {
        return Err(SetupError::Other {
            what: "showing the terminal view".into(),
            why: format!("{flag} - writes to the same terminal"),
            remedy: format!("give {flag} a file, or run `bgptap top` in another terminal"),
        });
    }
    Ok(())
}

/// Opens it, if it is wanted. From then on all that is told is told there.
pub(super) fn open(
    wanted: bool,
    (desk, hub, status): (Desk, Hub, Status),
    stop: &Arc<AtomicBool>,
) -> Result<Option<Screen>, SetupError> {
    if !wanted {
        return Ok(None);
    }
    let source = Local { desk, hub, status };
    let (sender, notices) = mpsc::channel();
    let screen = Screen::start(Arc::new(source), INTERVAL, notices, stop);
    let screen = screen.map_err(|error| no_screen(&error))?;
    say::cover_by(sender);
    Ok(Some(screen))
}

/// Gives the terminal back, and tells there what only the screen was told.
pub(super) fn close(screen: Option<Screen>) {
    let ended = screen.map(Screen::end);
    say::uncover();
    if let Some(Err(error)) = ended {
        eprintln!("bgptap: warning: {}", no_screen(&error));
    }
}
