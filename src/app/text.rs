//! Whether lines for people are written, where to, and in which colours.

use super::outputs::{Target, cannot_write, target};
use crate::cli::{self, Color};
use crate::error::SetupError;
use crate::sink::text::{Options, TextLines, TextWriter};
use crate::sink::writer::{WhenFull, Writer};
use anstream::{AutoStream, ColorChoice};
use std::io::{IsTerminal, stdout};
use std::path::{Path, PathBuf};

/// Lines for people, opened and without a thread yet.
pub(super) struct Text {
    path: PathBuf,
    target: Target,
}

impl Text {
    /// Opens what is asked for; `otherwise`, if nothing else is to be written either, standard output.
    pub(super) fn open(
        options: &cli::Outputs,
        otherwise: bool,
    ) -> Result<Option<Self>, SetupError> {
        let stdout = Path::new("-");
        let idle = options.json.is_none() && options.summary.is_none();
        let path = options.text.text.as_deref();
        let Some(path) = path.or((idle && otherwise).then_some(stdout)) else {
            return Ok(None);
        };
        if path == stdout && options.json.as_deref() == Some(stdout) {
            return Err(SetupError::Other {
                what: "writing --json and --text to standard output".into(),
                why: "their lines would be mixed".into(),
                remedy: "give one of them the name of a file".into(),
            });
        }
        let target = target(path).map_err(|error| cannot_write(path, &error))?;
        Ok(Some(Self {
            path: path.to_owned(),
            target,
        }))
    }

    /// Lines are going to appear on a terminal.
    pub(super) fn is_on_terminal(&self) -> bool {
        self.path.as_os_str() == "-" && stdout().is_terminal()
    }

    /// Starts the thread that writes.
    pub(super) fn start(
        self,
        options: &cli::Text,
        when_full: WhenFull,
    ) -> Result<TextLines, SetupError> {
        let lines = TextWriter::new(Options {
            coloured: is_coloured(options.color, &self.path),
            verbose: options.verbose,
            names: options.peer_names.iter().cloned().collect(),
        });
        let writer = Writer::start(self.target, when_full);
        let writer = writer.map_err(|error| cannot_write(&self.path, &error))?;
        Ok(TextLines { writer, lines })
    }
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
