//! `bgptap top`

use super::Ended;
use crate::cli;
use crate::error::SetupError;
use crate::top::{self, Remote, Source, Trouble};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

pub(super) fn run(options: &cli::Top, stop: &Arc<AtomicBool>) -> Result<Ended, SetupError> {
    let source: Arc<dyn Source> = Arc::new(Remote::new(&options.address));
    top::ask(&*source, Instant::now()).map_err(|trouble| no_answer(&*source, &trouble))?;
    need_terminal()?;
    top::show(&source, interval(options.interval), stop).map_err(|error| no_screen(&error))?;
    Ok(Ended::Done)
}

/// Seconds, as the command line has checked them.
fn interval(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::from_secs(1))
}

/// A screen is wanted, so there has to be one.
pub(super) fn need_terminal() -> Result<(), SetupError> {
    if top::is_terminal() {
        return Ok(());
    }
    Err(SetupError::Other {
        what: "showing the terminal view".into(),
        why: "standard input or output is no terminal".into(),
        remedy: "run it in a terminal; programs ask /status, /sessions and /events of --http"
            .into(),
    })
}

pub(super) fn no_screen(error: &std::io::Error) -> SetupError {
    SetupError::Other {
        what: "drawing on the terminal".into(),
        why: error.to_string(),
        remedy: "run it in another terminal".into(),
    }
}

fn no_answer(source: &dyn Source, trouble: &Trouble) -> SetupError {
    let address = source.name();
    let remedy = match trouble {
        Trouble::Unreachable(_) => format!(
            "start `bgptap live -i IFACE --http {address}`, or name the address that was given to --http: bgptap top ADDR:PORT"
        ),
        Trouble::Stranger(_) => {
            "name the address that was given to --http (that of --metrics serves metrics only)"
                .into()
        }
        Trouble::Busy(_) => "try again".into(),
    };
    SetupError::Other {
        what: format!("asking bgptap at {address}"),
        why: trouble.to_string(),
        remedy,
    }
}
