//! Files that are begun anew by time and size.
//!
//! A file grows under its name with `.part` behind it and gets its name when it is finished, so that
//! whoever watches the folder never takes half a file. What is handed over at a time is never torn.

mod direct;
mod pattern;

pub use direct::Direct;
pub use pattern::{NoPattern, Pattern};

use super::writer::Target;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Files of one name that are told apart by numbers: far more than come up in one period.
const NUMBER_MAX: u32 = 1_000_000;
/// How long what was written may stay in the compressor.
const SYNC: Duration = Duration::from_secs(5);

/// When another file is begun, and what happens when that fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rotation {
    /// With another time of what is written.
    pub by_time: bool,
    /// A file takes no more bytes, unless what is handed over at a time is longer.
    pub size_max: Option<u64>,
    /// A file takes the place of one that has its name already; else it gets a number.
    pub replace: bool,
    /// A full disk may have room later: go on with another file then.
    pub retry: bool,
}

/// A file, or one after the other.
pub struct Files {
    pattern: Pattern,
    rotation: Rotation,
    open: Option<Growing>,
}

/// The file that is written to.
struct Growing {
    /// Its name when it is finished.
    name: PathBuf,
    part: PathBuf,
    /// The time of what is in it.
    at_ns: u64,
    out: Out,
    /// Bytes that it holds for sure.
    whole: u64,
    synced: Instant,
}

enum Out {
    Plain(Counted),
    Gzip(GzEncoder<Counted>),
}

/// A file that knows how much it holds.
struct Counted {
    file: File,
    bytes: u64,
}

impl Files {
    /// Files named by `pattern`. None is made before there is something to write.
    ///
    /// # Errors
    /// No files can be made in the pattern's folder.
    pub fn new(pattern: Pattern, rotation: Rotation) -> io::Result<Self> {
        probe(pattern.folder())?;
        Ok(Self {
            pattern,
            rotation,
            open: None,
        })
    }

    /// A full disk may have room later: go on with another file then.
    #[must_use]
    pub fn retrying(mut self, retry: bool) -> Self {
        self.rotation.retry = retry;
        self
    }

    fn begin(&mut self, at_ns: u64) -> io::Result<Growing> {
        for number in 0..NUMBER_MAX {
            let name = self.pattern.name(at_ns, number);
            let part = with_part(&name);
            if let Some(folder) = name.parent() {
                fs::create_dir_all(folder)?;
            }
            let file = if self.rotation.replace {
                File::create(&part)
            } else if name.exists() {
                continue;
            } else {
                // What another run has left may be all that there is of it.
                OpenOptions::new().write(true).create_new(true).open(&part)
            };
            match file {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => (),
                file => return Ok(self.growing(name, part, at_ns, file?)),
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }

    fn growing(&self, name: PathBuf, part: PathBuf, at_ns: u64, file: File) -> Growing {
        let file = Counted { file, bytes: 0 };
        Growing {
            name,
            part,
            at_ns,
            out: if self.pattern.is_gzip() {
                Out::Gzip(GzEncoder::new(file, Compression::default()))
            } else {
                Out::Plain(file)
            },
            whole: 0,
            synced: Instant::now(),
        }
    }

    /// What comes next belongs to another file.
    fn is_over(&self, bytes: usize, at_ns: u64) -> bool {
        self.open.as_ref().is_some_and(|open| {
            let most = self.rotation.size_max.unwrap_or(u64::MAX);
            let full = open.whole > 0 && open.whole.saturating_add(bytes as u64) > most;
            full || self.rotation.by_time && open.at_ns != at_ns
        })
    }
}

impl Target for Files {
    fn write(&mut self, bytes: &[u8], at_ns: u64) -> io::Result<()> {
        if self.is_over(bytes.len(), at_ns) {
            self.finish()?;
        }
        if bytes.is_empty() {
            return Ok(());
        }
        let mut open = match self.open.take() {
            Some(open) => open,
            None => self.begin(at_ns)?,
        };
        let written = open.write(bytes);
        self.open = Some(open);
        written
    }

    fn flush(&mut self) -> io::Result<()> {
        self.open.as_mut().map_or(Ok(()), Growing::sync)
    }

    fn finish(&mut self) -> io::Result<()> {
        self.open.take().map_or(Ok(()), Growing::finish)
    }

    fn recover(&mut self) -> bool {
        // Half a snapshot is no reason to lose the whole one that has its name.
        let newest = self.rotation.replace && self.rotation.by_time;
        if let Some(open) = self.open.take() {
            open.rescue(!newest);
        }
        // What comes next is a file beside what was rescued.
        self.rotation.replace = newest;
        self.rotation.retry
    }
}

impl Growing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.out {
            Out::Plain(file) => file.write_all(bytes)?,
            Out::Gzip(file) => file.write_all(bytes)?,
        }
        self.whole = self.file().bytes;
        Ok(())
    }

    fn file(&self) -> &Counted {
        match &self.out {
            Out::Plain(file) => file,
            Out::Gzip(file) => file.get_ref(),
        }
    }

    /// What a compressor holds back goes out now and then: often would make it large.
    fn sync(&mut self) -> io::Result<()> {
        if let Out::Gzip(file) = &mut self.out
            && self.synced.elapsed() >= SYNC
        {
            file.flush()?;
            self.synced = Instant::now();
        }
        Ok(())
    }

    fn finish(self) -> io::Result<()> {
        let finished = match self.out {
            Out::Plain(_) => Ok(()),
            Out::Gzip(file) => file.finish().map(drop),
        };
        fs::rename(&self.part, &self.name)?;
        finished
    }

    /// Keeps what is whole of a file that cannot be written to, if that is wanted and there is any.
    fn rescue(self, keep: bool) {
        // There is nobody to tell of a second failure.
        if !keep || self.whole == 0 {
            let _ = fs::remove_file(&self.part);
            return;
        }
        if let Out::Plain(Counted { file, .. }) = &self.out {
            let _ = file.set_len(self.whole);
        }
        let _ = fs::rename(&self.part, &self.name);
    }
}

impl Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

fn with_part(name: &Path) -> PathBuf {
    let mut name = OsString::from(name);
    name.push(".part");
    name.into()
}

/// Makes a file and removes it, so that a folder that is not there is told of before a day of capture.
fn probe(folder: &Path) -> io::Result<()> {
    let file = folder.join(format!(".bgptap-{}.probe", std::process::id()));
    File::create(&file)?;
    fs::remove_file(file)
}

#[cfg(test)]
mod tests;
