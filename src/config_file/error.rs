//! What is wrong with a configuration file, and in which line.

use crate::hint;
use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// A configuration file that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    path: PathBuf,
    place: Option<Place>,
    what: String,
    hint: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    text: String,
    span: Range<usize>,
}

impl ConfigError {
    /// Something about the file as a whole.
    pub(super) fn new(path: &Path, what: impl Into<String>) -> Self {
        Self {
            path: path.to_owned(),
            place: None,
            what: what.into(),
            hint: None,
        }
    }

    /// Something about these octets of it.
    pub(super) fn at(path: &Path, text: &str, span: Range<usize>, what: impl Into<String>) -> Self {
        Self {
            place: Some(Place {
                text: text.to_owned(),
                span,
            }),
            ..Self::new(path, what)
        }
    }

    pub(super) fn hint(mut self, hint: Option<String>) -> Self {
        self.hint = hint;
        self
    }

    /// The line that is at fault, from 1.
    #[must_use]
    pub fn line(&self) -> Option<usize> {
        let place = self.place.as_ref()?;
        let before = place.text.get(..place.span.start)?;
        Some(before.matches('\n').count() + 1)
    }
}

impl fmt::Display for ConfigError {
    /// `FILE:LINE: what is wrong`, the line with carets below the place, and what to do about it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.path.display())?;
        if let Some(line) = self.line() {
            write!(f, "{line}:")?;
        }
        write!(f, " {}", self.what)?;
        if let Some(Place { text, span }) = &self.place {
            // What is wrong inside a filter is shown already.
            if !self.what.contains('\n') {
                writeln!(f)?;
                hint::point(f, text, span)?;
            }
        }
        match &self.hint {
            Some(hint) => write!(f, "\n  try: {hint}"),
            None => write!(
                f,
                "\n  try: see what every key takes: bgptap config show /dev/null"
            ),
        }
    }
}

impl std::error::Error for ConfigError {}
