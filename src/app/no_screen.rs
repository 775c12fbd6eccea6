//! `live --top` of a program that was built without the terminal view.

use crate::cli;
use crate::error::SetupError;
use crate::http::{Desk, Status};
use crate::sink::stream::Hub;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// There is none.
pub(super) struct Screen;

/// It cannot be had.
pub(super) fn check(_: &cli::Outputs) -> Result<(), SetupError> {
    Err(super::no_top())
}

pub(super) fn need_terminal() -> Result<(), SetupError> {
    Err(super::no_top())
}

pub(super) fn open(
    _wanted: bool,
    _source: (Desk, Hub, Status),
    _stop: &Arc<AtomicBool>,
) -> Result<Option<Screen>, SetupError> {
    Ok(None)
}

pub(super) fn close(_: Option<Screen>) {}
