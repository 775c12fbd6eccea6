//! Files that are begun anew by time and size.
//!
//! A file grows under its name with `.part` behind it and gets its name when it is finished, so that
//! whoever watches the folder never takes half a file. What is handed over at a time is never torn.

mod direct;
mod gzip;
mod pattern;
mod stream;

pub use direct::{Direct, open_as_it_is};
pub use pattern::{NoPattern, Pattern};
pub use stream::{Stream, open_stream};

use super::writer::{Recovery, Target};
use gzip::Gzip;
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// Files of one name that are told apart by numbers: far more than come up in one period.
const NUMBER_MAX: u32 = 1_000_000;
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
    file: File,
    /// What is not in the file yet, if that is compressed, and the events in it.
    gzip: Option<Gzip>,
    waiting: u64,
    /// Bytes that it holds for sure, and the events in them.
    whole: u64,
    events: u64,
    /// The disk did not say that it has them: they may be gone, whatever it says when it is asked again (fsync(2)).
    doubtful: bool,
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
            let replace = self.rotation.replace;
            let file = if replace && self.rotation.by_time {
                // Half a snapshot is of no use to anyone.
                File::create(&part)
            } else if !replace && name.exists() {
                continue;
            } else {
                // What another run has left may be all that there is of it.
                OpenOptions::new().write(true).create_new(true).open(&part)
            };
            let name = if replace {
                self.pattern.name(at_ns, 0)
            } else {
                name
            };
            match file {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => (),
                file => return Ok(self.growing(name, part, at_ns, file?)),
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }

    fn growing(&self, name: PathBuf, part: PathBuf, at_ns: u64, file: File) -> Growing {
        Growing {
            name,
            part,
            at_ns,
            file,
            gzip: self.pattern.is_gzip().then(Gzip::new),
            waiting: 0,
            whole: 0,
            events: 0,
            doubtful: false,
        }
    }

    /// What comes next belongs to another file.
    fn is_over(&mut self, bytes: usize, at_ns: u64) -> io::Result<bool> {
        let Some(open) = &mut self.open else {
            return Ok(false);
        };
        if self.rotation.by_time && open.at_ns != at_ns {
            return Ok(true);
        }
        match self.rotation.size_max {
            Some(most) => Ok(!open.has_room(bytes as u64, most)?),
            None => Ok(false),
        }
    }
}

impl Target for Files {
    fn write(&mut self, bytes: &[u8], events: u64, at_ns: u64) -> io::Result<()> {
        if self.is_over(bytes.len(), at_ns)? {
            self.finish()?;
        }
        if bytes.is_empty() {
            return Ok(());
        }
        let mut open = match self.open.take() {
            Some(open) => open,
            None => self.begin(at_ns)?,
        };
        let written = open.write(bytes, events);
        self.open = Some(open);
        written
    }

    fn flush(&mut self) -> io::Result<()> {
        self.open.as_mut().map_or(Ok(()), Growing::sync)
    }

    fn finish(&mut self) -> io::Result<()> {
        if let Some(open) = &mut self.open {
            open.finish()?;
        }
        self.open = None;
        Ok(())
    }

    fn recover(&mut self) -> Recovery {
        // Half a snapshot is no reason to lose the whole one that has its name.
        let newest = self.rotation.replace && self.rotation.by_time;
        let open = self.open.take();
        let lost = open.map_or(0, |open| open.rescue(!newest));
        // What comes next is a file beside what was rescued.
        self.rotation.replace = newest;
        Recovery {
            again: self.rotation.retry,
            lost,
        }
    }
}

impl Growing {
    /// Takes events, or none of them.
    fn write(&mut self, bytes: &[u8], events: u64) -> io::Result<()> {
        let Some(gzip) = &mut self.gzip else {
            self.file.write_all(bytes)?;
            self.whole += bytes.len() as u64;
            self.events += events;
            return Ok(());
        };
        if gzip.take(bytes)? {
            // Whoever gave these counts them, if they cannot be written.
            self.end_piece()?;
            self.events += events;
        } else {
            self.waiting += events;
        }
        Ok(())
    }

    /// Whether the file with so many bytes more has at most `most`; an empty one takes whatever comes.
    fn has_room(&mut self, bytes: u64, most: u64) -> io::Result<bool> {
        let Some(gzip) = &self.gzip else {
            return Ok(self.whole == 0 || self.whole.saturating_add(bytes) <= most);
        };
        // How much the compressor makes of what it holds shows when it has to give it out: only if that matters.
        if self.whole.saturating_add(gzip.most(bytes)) > most {
            self.end_piece()?;
        }
        let Some(gzip) = &self.gzip else {
            return Ok(true);
        };
        let held = self.whole + gzip.taken();
        Ok(held == 0 || self.whole.saturating_add(gzip.most(bytes)) <= most)
    }

    /// What a compressor holds back goes out now and then: often would make it large.
    fn sync(&mut self) -> io::Result<()> {
        if self.gzip.as_ref().is_some_and(Gzip::waits) {
            self.end_piece()?;
        }
        Ok(())
    }

    /// Writes what the compressor has, if it has anything.
    fn end_piece(&mut self) -> io::Result<()> {
        let Some(gzip) = &mut self.gzip else {
            return Ok(());
        };
        let piece = gzip.piece()?;
        self.file.write_all(piece)?;
        self.whole += piece.len() as u64;
        self.events += std::mem::take(&mut self.waiting);
        gzip.is_written();
        Ok(())
    }

    /// Writes what is due behind what it holds for sure.
    fn end(&self) -> io::Result<()> {
        let end = self.gzip.as_ref().map(Gzip::end);
        self.file.write_all_at(&end.unwrap_or_default(), self.whole)
    }

    /// Gives it its name, once all of it is on the disk.
    fn finish(&mut self) -> io::Result<()> {
        self.end_piece()?;
        self.end()?;
        self.sync_data()?;
        fs::rename(&self.part, &self.name)
    }

    fn sync_data(&mut self) -> io::Result<()> {
        let synced = self.file.sync_data();
        self.doubtful |= synced.is_err();
        synced
    }

    /// Keeps what is whole of a file that cannot be written to, if that is wanted and there is any. How many of the
    /// events that it has taken are lost: all, unless the disk has them under the name of the file.
    fn rescue(mut self, keep: bool) -> u64 {
        // There is nobody to tell of a second failure.
        if !keep || self.whole == 0 {
            let _ = fs::remove_file(&self.part);
            return self.events + self.waiting;
        }
        // What is torn, or may be, does not get the name of what is whole. It stays, for whoever wants to look at it.
        let whole = !self.doubtful && self.file.set_len(self.whole).is_ok();
        let kept = whole && self.end().is_ok() && self.sync_data().is_ok();
        if kept && fs::rename(&self.part, &self.name).is_ok() {
            self.waiting
        } else {
            self.events + self.waiting
        }
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
