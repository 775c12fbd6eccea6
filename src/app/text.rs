//! Whether lines for people are written, where to, and in which colours.

use super::destination::{self, Destination, Kind};
use super::outputs::Queues;
use super::unwritable::cannot_write;
use crate::cli::{self, Color};
use crate::error::SetupError;
use crate::sink::text::{Options, TextLines, TextWriter};
use crate::sink::writer::WhenFull;
use anstream::{AutoStream, ColorChoice};
use std::io::{IsTerminal, stdout};
use std::path::{Path, PathBuf};

/// Lines for people, opened and without a thread yet.
pub(super) struct Text {
    path: PathBuf,
    target: Destination,
}

impl Text {
    /// Opens what is asked for; `otherwise`, if nothing else is to be written either, standard output.
    pub(super) fn open(
        options: &cli::Outputs,
        otherwise: bool,
        when_full: WhenFull,
    ) -> Result<Option<Self>, SetupError> {
        let stdout = Path::new("-");
        let path = options.text.text.as_deref();
        let Some(path) = path.or((otherwise && is_idle(options)).then_some(stdout)) else {
            return Ok(None);
        };
        let target = Destination::open(&files(path), when_full)?;
        Ok(Some(Self {
            path: path.to_owned(),
            target,
        }))
    }

    /// What was opened elsewhere.
    #[cfg(feature = "capture")]
    pub(super) const fn opened(target: Destination, path: PathBuf) -> Self {
        Self { path, target }
    }

    /// Lines are going to appear on a terminal.
    pub(super) fn is_on_terminal(&self) -> bool {
        self.path.as_os_str() == "-" && stdout().is_terminal()
    }

    /// Starts the thread that writes.
    pub(super) fn start(
        self,
        options: &cli::Outputs,
        when_full: WhenFull,
    ) -> Result<TextLines, SetupError> {
        let cli::Outputs { text, filters, .. } = options;
        let lines = TextWriter::new(Options {
            coloured: is_coloured(text.color, &self.path),
            verbose: text.verbose,
            names: text.peer_names.iter().cloned().collect(),
        });
        let writer = self.target.start(when_full, Queues::of(options).lines);
        Ok(TextLines {
            writer: writer.map_err(|error| cannot_write(&self.path, &error))?,
            lines,
            selection: filters.of_events(filters.text_filter.as_ref()),
        })
    }
}

/// Where lines for people go.
pub(super) fn files(path: &Path) -> destination::Options {
    destination::Options {
        path: path.to_owned(),
        every: None,
        size_max: None,
        kind: Kind::Lines,
    }
}

/// Nothing else is to be told to anybody.
fn is_idle(options: &cli::Outputs) -> bool {
    #[cfg(feature = "kafka")]
    let kafka = options.kafka.kafka.is_some();
    #[cfg(not(feature = "kafka"))]
    let kafka = false;
    let files = super::outputs::Files::named(options);
    let named = files.iter().any(|(_, path)| path.is_some());
    !named && options.bmp.bmp.is_empty() && options.evidence.evidence.is_none() && !kafka
}

/// Where lines for people go to standard output, nothing else that is told of events may.
///
/// # Errors
/// Something does.
pub(super) fn check(options: &cli::Outputs) -> Result<(), SetupError> {
    if options.text.text.as_deref() != Some(Path::new("-")) {
        return Ok(());
    }
    let files = super::outputs::Files::named(options);
    let mixed = files.iter().find(|(flag, path)| {
        let mixes = !matches!(*flag, "--text" | "--summary");
        mixes && path.is_some_and(|path| path.as_os_str() == "-")
    });
    mixed.map_or(Ok(()), |(flag, _)| {
        Err(SetupError::Other {
            what: format!("writing {flag} and --text to standard output"),
            why: "what they write would be mixed".into(),
            remedy: "give one of them the name of a file".into(),
        })
    })
}

/// By <https://no-color.org> and <https://bixense.com/clicolors>, as clap has it for its help.
fn is_coloured(when: Color, path: &Path) -> bool {
    match when {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => {
            path.as_os_str() == "-" && AutoStream::choice(&stdout()) != ColorChoice::Never
        }
    }
}
