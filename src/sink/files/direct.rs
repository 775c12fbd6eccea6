//! One file that is written to under its own name.

use crate::sink::writer::{Recovery, Target};
use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::path::Path;

/// A file that others may read while it grows.
pub struct Direct {
    file: File,
    /// Bytes that it holds for sure.
    whole: u64,
    retry: bool,
}

impl Direct {
    /// Makes the file anew.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn create(path: &Path) -> io::Result<Self> {
        Ok(Self {
            file: File::create(path)?,
            whole: 0,
            retry: false,
        })
    }

    /// A full disk may have room later: goes on then, behind the last event that is whole.
    #[must_use]
    pub fn retrying(self, retry: bool) -> Self {
        Self { retry, ..self }
    }
}

impl Target for Direct {
    fn write(&mut self, events: &[u8], _: u64, _: u64) -> io::Result<()> {
        self.file.write_all(events)?;
        self.whole += events.len() as u64;
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }

    fn recover(&mut self) -> Recovery {
        // A device cannot be cut, nor need it be.
        if self.file.set_len(self.whole).is_ok() {
            let _ = self.file.seek(SeekFrom::Start(self.whole));
        }
        Recovery {
            again: self.retry,
            lost: 0,
        }
    }
}
