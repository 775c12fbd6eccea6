//! What both file formats have in common: a record taken out of a window, and damage.

use std::io;
use std::time::Instant;

use bytes::Bytes;

use super::window::{Fill, Window};
use crate::capture::LinkType;

/// More captured bytes than any frame has; libpcap's `MAXIMUM_SNAPLEN`.
pub(super) const FRAME_MAX: u32 = 256 * 1024;

/// One frame as a file holds it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) bytes: Bytes,
    pub(super) ns: u64,
    pub(super) wire_len: u32,
    pub(super) link: LinkType,
}

/// What a reader found at its place in the file.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    Frame(Record),
    /// The bytes have not arrived yet.
    Pending,
    /// The file ended where a file may end.
    End,
}

/// Why a file cannot be read on, and where.
#[derive(Debug, thiserror::Error)]
#[error("at byte {offset}: {what}")]
pub(super) struct Damage {
    pub(super) offset: u64,
    pub(super) what: String,
}

impl Damage {
    pub(super) fn new(offset: u64, what: impl Into<String>) -> Self {
        Self {
            offset,
            what: what.into(),
        }
    }

    fn unreadable(window: &Window, error: &io::Error) -> Self {
        let have = window.remainder();
        let what = if error.kind() == io::ErrorKind::UnexpectedEof {
            "the compressed data is cut short".to_owned()
        } else {
            format!("cannot read on: {error}")
        };
        Self::new(window.offset() + have as u64, what)
    }
}

/// Whether `count` bytes are there now; `what` they are, should the file end within them.
///
/// # Errors
/// The file ends after the first but before the last of them, or cannot be read.
#[inline]
pub(super) fn require(
    window: &mut Window,
    count: usize,
    what: &str,
    deadline: Option<Instant>,
) -> Result<Fill, Damage> {
    match window.ensure(count, deadline) {
        Ok(Fill::Short) if window.overrun() > 0 => Err(Damage::new(
            window.offset(),
            format!(
                "the file is cut short: {} more bytes were announced",
                window.overrun()
            ),
        )),
        Ok(Fill::Short) if window.remainder() > 0 => Err(Damage::new(
            window.offset(),
            format!(
                "the file is cut short: {what} needs {count} bytes, {} are left",
                window.remainder()
            ),
        )),
        Ok(fill) => Ok(fill),
        Err(error) => Err(Damage::unreadable(window, &error)),
    }
}
