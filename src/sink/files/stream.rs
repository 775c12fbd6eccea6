//! Standard output, a pipe or a device: there is no name that could be made anew.

use crate::sink::writer::{Recovery, Target};
use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

/// What is written to as it comes.
pub struct Stream {
    out: Box<dyn Write + Send>,
    /// Whoever goes may come back.
    named: bool,
    retry: bool,
    /// Whoever read standard output does not any more.
    ended: bool,
}

impl Stream {
    /// Standard output.
    #[must_use]
    pub fn stdout() -> Self {
        Self {
            out: Box::new(io::stdout()),
            named: false,
            retry: false,
            ended: false,
        }
    }

    /// Opens a pipe or a device. `waits`: for a reader, if it is a pipe that nobody reads as yet.
    ///
    /// # Errors
    /// It cannot be written to.
    pub fn open(path: &Path, waits: bool) -> io::Result<Self> {
        let mut options = File::options();
        options.write(true);
        // With a reader of our own the pipe opens at once (fifo(7)); writing fails until there is another one.
        let is_pipe = path.metadata()?.file_type().is_fifo();
        let reader = match is_pipe && !waits {
            true => Some(options.clone().read(true).open(path)?),
            false => None,
        };
        let out = options.open(path)?;
        drop(reader);
        Ok(Self {
            out: Box::new(out),
            named: true,
            retry: false,
            ended: false,
        })
    }

    /// What fails may go again later.
    #[must_use]
    pub fn retrying(mut self, retry: bool) -> Self {
        self.retry = retry;
        self
    }

    fn note(&mut self, result: io::Result<()>) -> io::Result<()> {
        if let Err(error) = &result {
            self.ended |= !self.named && error.kind() == ErrorKind::BrokenPipe;
        }
        result
    }
}

impl Target for Stream {
    fn write(&mut self, events: &[u8], _: u64, _: u64) -> io::Result<()> {
        let written = self.out.write_all(events);
        self.note(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        let flushed = self.out.flush();
        self.note(flushed)
    }

    fn recover(&mut self) -> Recovery {
        Recovery {
            again: self.retry && !self.ended,
            lost: 0,
        }
    }
}
