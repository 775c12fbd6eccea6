//! Standard output, a pipe or a device: there is no name that could be made anew.

use crate::sink::writer::{Recovery, Target};
use std::fs::File;
use std::io::{self, ErrorKind, Seek, SeekFrom, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;
use std::time::Duration;

/// What is written to as it comes.
pub struct Stream {
    out: File,
    /// Standard output that leads to a file: it can be cut.
    is_file: bool,
    /// Whoever goes may come back.
    named: bool,
    retry: bool,
    /// Whoever read standard output does not any more.
    ended: bool,
    /// Bytes of what was written last that are there, although not all of it is.
    torn: usize,
}

impl Stream {
    /// Standard output.
    ///
    /// # Errors
    /// It is closed.
    pub fn stdout() -> io::Result<Self> {
        let out = File::from(io::stdout().as_fd().try_clone_to_owned()?);
        let is_file = out.metadata()?.is_file();
        Ok(Self::new(out, is_file, false))
    }

    /// Opens a pipe or a device. `waits`: for a reader, if it is a pipe that nobody reads as yet.
    ///
    /// # Errors
    /// It cannot be written to; a pipe that is not waited for has to be readable, too.
    pub fn open(path: &Path, waits: bool) -> io::Result<Self> {
        Ok(Self::new(open_stream(path, waits)?, false, true))
    }

    const fn new(out: File, is_file: bool, named: bool) -> Self {
        Self {
            out,
            is_file,
            named,
            retry: false,
            ended: false,
            torn: 0,
        }
    }

    /// What fails may go again later.
    #[must_use]
    pub fn retrying(mut self, retry: bool) -> Self {
        self.retry = retry;
        self
    }

    fn write_all(&mut self, mut events: &[u8]) -> io::Result<()> {
        self.torn = 0;
        while !events.is_empty() {
            match self.out.write(events) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(count) => {
                    self.torn += count;
                    events = events.get(count..).unwrap_or_default();
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => (),
                // Whoever gave it has made it so that nobody waits for it; the writer's thread may.
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    std::thread::sleep(Duration::from_millis(1));
                }
                Err(error) => return Err(error),
            }
        }
        self.torn = 0;
        Ok(())
    }

    /// Takes back what is there of events that are not all there. A pipe whose reader has gone holds nothing of it.
    fn mend(&mut self) -> io::Result<()> {
        let torn = std::mem::take(&mut self.torn) as u64;
        if torn == 0 || !self.is_file {
            return Ok(());
        }
        let whole = self.out.stream_position()?.saturating_sub(torn);
        self.out.set_len(whole)?;
        self.out.seek(SeekFrom::Start(whole)).map(drop)
    }
}

/// Opens a pipe or a device, as [`Stream::open`].
///
/// # Errors
/// As there.
pub fn open_stream(path: &Path, waits: bool) -> io::Result<File> {
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
    Ok(out)
}

impl Target for Stream {
    fn write(&mut self, events: &[u8], _: u64, _: u64) -> io::Result<()> {
        let written = self.write_all(events);
        if let Err(error) = &written {
            self.ended |= !self.named && error.kind() == ErrorKind::BrokenPipe;
        }
        written
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn recover(&mut self) -> Recovery {
        let whole = self.mend().is_ok();
        Recovery {
            again: self.retry && whole && !self.ended,
            lost: 0,
        }
    }
}
