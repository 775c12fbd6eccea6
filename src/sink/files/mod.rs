//! Files that are begun anew by time and size.
//!
//! A file grows under its name with `.part` behind it and gets its name when it is finished, so that
//! whoever watches the folder never takes half a file. What is handed over at a time is never torn.

mod direct;
mod pattern;

pub use direct::Direct;
pub use pattern::{NoPattern, Pattern};

use super::writer::{Recovery, Target};
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
/// How many bytes of it: enough for the compressor to find what recurs.
const MEMBER_BYTES: u64 = 1 << 20;

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
    /// What is not in the file yet, if that is compressed.
    member: Option<Member>,
    /// Bytes that it holds for sure, and the events in them.
    whole: u64,
    events: u64,
}

/// A member of a gzip file (RFC 1952 §2.2), made in memory and then written at once: a file is whole
/// behind each, so that one that cannot be written costs the events in it and no others.
struct Member {
    gzip: GzEncoder<Vec<u8>>,
    /// Bytes and events that went into it.
    bytes: u64,
    events: u64,
    begun: Instant,
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
            member: self.pattern.is_gzip().then(Member::new),
            whole: 0,
            events: 0,
        }
    }

    /// What comes next belongs to another file.
    fn is_over(&self, bytes: usize, at_ns: u64) -> bool {
        self.open.as_ref().is_some_and(|open| {
            let most = self.rotation.size_max.unwrap_or(u64::MAX);
            let held = open.bytes();
            let full = held > 0 && held.saturating_add(bytes as u64) > most;
            full || self.rotation.by_time && open.at_ns != at_ns
        })
    }
}

impl Target for Files {
    fn write(&mut self, bytes: &[u8], events: u64, at_ns: u64) -> io::Result<()> {
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
        let Some(member) = &mut self.member else {
            self.file.write_all(bytes)?;
            self.whole += bytes.len() as u64;
            self.events += events;
            return Ok(());
        };
        member.gzip.write_all(bytes)?;
        member.bytes += bytes.len() as u64;
        if member.bytes >= MEMBER_BYTES {
            // Whoever gave these counts them, if they cannot be written.
            self.end_member()?;
            self.events += events;
        } else {
            member.events += events;
        }
        Ok(())
    }

    /// Bytes that it comes to by now; of those in the compressor, what that has made of them.
    fn bytes(&self) -> u64 {
        let member = self.member.as_ref();
        self.whole + member.map_or(0, |member| member.gzip.get_ref().len() as u64)
    }

    /// What a compressor holds back goes out now and then: often would make it large.
    fn sync(&mut self) -> io::Result<()> {
        let waits = |member: &Member| member.begun.elapsed() >= SYNC;
        if self.member.as_ref().is_some_and(waits) {
            self.end_member()?;
        }
        Ok(())
    }

    /// Writes what the compressor has, if it has anything, and begins anew.
    fn end_member(&mut self) -> io::Result<()> {
        let Some(member) = &mut self.member else {
            return Ok(());
        };
        if member.bytes > 0 {
            member.gzip.try_finish()?;
            let bytes = member.gzip.get_ref();
            self.file.write_all(bytes)?;
            self.whole += bytes.len() as u64;
            self.events += member.events;
        }
        *member = Member::new();
        Ok(())
    }

    /// Gives it its name, once all of it is on the disk.
    fn finish(&mut self) -> io::Result<()> {
        self.end_member()?;
        self.file.sync_data()?;
        fs::rename(&self.part, &self.name)
    }

    /// Keeps what is whole of a file that cannot be written to, if that is wanted and there is any. How many of the
    /// events that it has taken are lost.
    fn rescue(self, keep: bool) -> u64 {
        let waiting = self.member.as_ref().map_or(0, |member| member.events);
        // There is nobody to tell of a second failure.
        if !keep || self.whole == 0 {
            let _ = fs::remove_file(&self.part);
            return self.events + waiting;
        }
        // What is torn does not get the name of what is whole.
        if self.file.set_len(self.whole).is_ok() {
            let _ = fs::rename(&self.part, &self.name);
        }
        waiting
    }
}

impl Member {
    fn new() -> Self {
        Self {
            gzip: GzEncoder::new(Vec::new(), Compression::default()),
            bytes: 0,
            events: 0,
            begun: Instant::now(),
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
