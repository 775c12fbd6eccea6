//! Where an output's events go: a stream, a file, or one file after the other.

use super::unwritable::cannot_write;
use crate::error::SetupError;
use crate::sink::files::{Direct, Files, Pattern, Rotation, Stream};
use crate::sink::writer::{self, Division, WhenFull, Writer};
use std::io;
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What the command line says of an output's files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Options {
    pub(super) path: PathBuf,
    /// Another file is begun each so often.
    pub(super) every: Option<Duration>,
    /// A file takes no more bytes.
    pub(super) size_max: Option<u64>,
    /// What the file is, beside that.
    pub(super) kind: Kind,
}

impl Options {
    /// It is one file that has its name while it grows.
    pub(super) fn is_direct_file(&self) -> bool {
        let pattern = Pattern::new(&self.path);
        pattern.is_ok_and(|pattern| self.is_direct(&pattern))
    }

    /// Files of these names never take the place of those that are there already.
    pub(super) fn adds(&self) -> bool {
        let pattern = Pattern::new(&self.path);
        let dated = pattern.is_ok_and(|pattern| pattern.is_dated());
        self.rotates() || dated || is_stream(&self.path)
    }

    /// It is one file, which whoever reads it may move away.
    #[cfg(feature = "capture")]
    pub(super) fn is_single(&self) -> bool {
        self.is_direct_file() && !is_stream(&self.path)
    }

    /// Refuses what means nothing where there is no file.
    ///
    /// # Errors
    /// A stream is to be begun anew by time or size.
    pub(super) fn check(&self) -> Result<(), SetupError> {
        if self.rotates() && is_stream(&self.path) {
            return Err(SetupError::Other {
                what: format!("writing {} and beginning another file", self.path.display()),
                why: "it is standard output, a pipe or a device".into(),
                remedy: "name a file, or leave out that another one is begun by time or size"
                    .into(),
            });
        }
        Ok(())
    }

    fn rotates(&self) -> bool {
        self.every.is_some() || self.size_max.is_some()
    }

    fn is_direct(&self, pattern: &Pattern) -> bool {
        let lines = self.kind == Kind::Lines && !self.rotates();
        lines && !pattern.is_dated() && !pattern.is_gzip()
    }
}

/// Standard output, a pipe or a device.
pub(super) fn is_stream(path: &Path) -> bool {
    path.as_os_str() == "-" || path.exists() && !path.is_file()
}

/// What files are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Lines, which others may read while the file grows: the only one, if not compressed, has its name at once.
    Lines,
    /// Records: half a file is none.
    Records,
    /// One snapshot each; without the time in the name the newest one.
    Snapshots,
}

/// Opened, and without a thread yet.
pub(super) enum Destination {
    Stream(Stream),
    Direct(Direct),
    Files(Box<Files>, Division),
}

impl Destination {
    pub(super) fn open(options: &Options, when_full: WhenFull) -> Result<Self, SetupError> {
        let path = options.path.as_path();
        let failed = |error: io::Error| cannot_write(path, &error);
        options.check()?;
        if path.as_os_str() == "-" {
            return Stream::stdout().map(Self::Stream).map_err(failed);
        }
        if is_stream(path) {
            // A capture does not wait for whoever reads the pipe.
            let stream = Stream::open(path, when_full == WhenFull::Wait).map_err(failed)?;
            return Ok(Self::Stream(stream));
        }
        // The command line was judged before.
        let pattern = Pattern::new(path);
        let pattern = pattern.map_err(|error| failed(io::Error::other(error)))?;
        if options.is_direct(&pattern) {
            return Direct::create(path).map(Self::Direct).map_err(failed);
        }
        let rotation = Rotation {
            by_time: options.every.is_some() || options.kind == Kind::Snapshots,
            size_max: options.size_max,
            replace: !options.rotates() && !pattern.is_dated(),
            retry: false,
        };
        let files = Files::new(pattern, rotation).map_err(failed)?;
        let division = match options.kind {
            Kind::Snapshots => Division::Told,
            Kind::Lines | Kind::Records => division(options.every),
        };
        Ok(Self::Files(Box::new(files), division))
    }

    /// Starts the thread that writes. Live, what fails is tried again later.
    pub(super) fn start(self, when_full: WhenFull, chunks: usize) -> io::Result<Writer> {
        let retry = when_full == WhenFull::Drop;
        let options = |division| writer::Options {
            division,
            when_full,
            chunks,
        };
        match self {
            Self::Stream(stream) => {
                Writer::start_with(stream.retrying(retry), options(Division::None))
            }
            Self::Direct(file) => Writer::start_with(file.retrying(retry), options(Division::None)),
            Self::Files(files, division) => {
                Writer::start_with(files.retrying(retry), options(division))
            }
        }
    }
}

fn division(every: Option<Duration>) -> Division {
    nanoseconds(every).map_or(Division::None, Division::Every)
}

pub(super) fn nanoseconds(time: Option<Duration>) -> Option<NonZeroU64> {
    let ns = time.and_then(|time| u64::try_from(time.as_nanos()).ok());
    ns.and_then(NonZeroU64::new)
}

/// The folder in which files of that name are made, if it is no device or pipe.
#[cfg(feature = "capture")]
pub(super) fn folder(path: &Path) -> Option<PathBuf> {
    if is_stream(path) {
        return None;
    }
    Pattern::new(path).ok()?.folder().canonicalize().ok()
}
