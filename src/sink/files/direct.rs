//! One file that is written to under its own name.

use crate::sink::writer::Closing;
use crate::sink::writer::{Recovery, Target};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// A file that others may read while it grows. Until its writer begins, what was in it before stays; if it never
/// does, so does the file, or there is none if there was none.
pub struct Direct {
    file: File,
    /// Its name, if there was no file of that name.
    made: Option<PathBuf>,
    /// Bytes that it holds for sure.
    whole: u64,
    retry: bool,
}

impl Direct {
    /// Opens the file, or makes it.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn create(path: &Path) -> io::Result<Self> {
        let (file, made) = open_as_it_is(path)?;
        Ok(Self {
            file,
            made,
            whole: 0,
            retry: false,
        })
    }

    /// A full disk may have room later: goes on then, behind the last event that is whole.
    #[must_use]
    pub fn retrying(mut self, retry: bool) -> Self {
        self.retry = retry;
        self
    }
}

/// Opens a file to be written, with what is in it; and its name if there was none, so that it had to be made.
///
/// # Errors
/// It can be neither opened nor made.
pub fn open_as_it_is(path: &Path) -> io::Result<(File, Option<PathBuf>)> {
    let mut options = OpenOptions::new();
    options.write(true);
    match options.clone().create_new(true).open(path) {
        Ok(file) => Ok((file, Some(path.to_owned()))),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            // A link may lead to no file as yet.
            let leads_nowhere = !path.exists();
            let file = options.create(true).truncate(false).open(path)?;
            let made = leads_nowhere.then(|| fs::canonicalize(path));
            Ok((file, made.and_then(Result::ok)))
        }
        Err(error) => Err(error),
    }
}

impl Drop for Direct {
    fn drop(&mut self) {
        if let Some(path) = self.made.take() {
            // Nobody has written to it.
            let _ = fs::remove_file(path);
        }
    }
}

impl Target for Direct {
    fn begin(&mut self, _: Closing) {
        self.made = None;
        // A device cannot be emptied, nor need it be.
        let _ = self.file.set_len(0);
    }

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
