//! One capture file or stream: opened, recognised, read frame by frame.

use std::fs::File;
use std::io::{self, Cursor, Read, Seek};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use bgptap_umem::mapped::MappedFile;
use bytes::Bytes;

use super::decompress::{Compression, Counted, MAGIC_LEN};
use super::feed::Feed;
use super::record::{Damage, Next, require};
use super::window::{Fill, Window};
use super::{archive, legacy, link, ng};
use crate::error::SetupError;
use crate::wire::mrt;

#[derive(Debug)]
enum Format {
    Legacy(legacy::Reader),
    Ng(ng::Reader),
    Mrt,
}

/// How far an input has been read.
#[derive(Debug)]
enum Progress {
    /// By the window's place in a file of this many bytes.
    Mapped(u64),
    /// By what the reader thread took from a file of this many bytes, or from a pipe.
    Streamed(Arc<AtomicU64>, Option<u64>),
}

/// An opened capture.
#[derive(Debug)]
pub(super) struct Input {
    window: Window,
    format: Format,
    progress: Progress,
}

impl Input {
    /// Opens the file at `path`; a regular file is mapped unless it is compressed.
    pub(super) fn open(path: &Path) -> Result<Self, SetupError> {
        let failed = |source| SetupError::Open {
            path: path.to_owned(),
            source,
        };
        let mut file = File::open(path).map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        if metadata.is_dir() {
            return Err(failed(io::ErrorKind::IsADirectory.into()));
        }
        if !metadata.is_file() {
            return Self::stream(path, file, None);
        }
        let magic = read_magic(&mut file).map_err(failed)?;
        if Compression::of(&magic) != Compression::None {
            file.rewind().map_err(failed)?;
            return Self::stream(path, file, Some(metadata.len()));
        }
        let bytes = Bytes::from_owner(MappedFile::open(path).map_err(failed)?);
        let length = bytes.len() as u64;
        Self::recognise(path, Window::whole(bytes), Progress::Mapped(length))
    }

    /// Opens a stream of `length` bytes, if that is known. Waits for its first bytes.
    pub(super) fn stream(
        path: &Path,
        mut reader: impl Read + Send + 'static,
        length: Option<u64>,
    ) -> Result<Self, SetupError> {
        let failed = |source| SetupError::Open {
            path: path.to_owned(),
            source,
        };
        let magic = read_magic(&mut reader).map_err(failed)?;
        let compression = Compression::of(&magic);
        if let Compression::Foreign(program) = compression {
            return Err(not_a_capture(
                path,
                format!(
                    "it is compressed; try `{program} -dc {} | bgptap read -`",
                    path.display()
                ),
            ));
        }
        let done = Arc::new(AtomicU64::new(0));
        let whole = Cursor::new(magic).chain(reader);
        let plain = compression.reader(Counted::new(whole, Arc::clone(&done)));
        let feed = Feed::spawn(plain).map_err(failed)?;
        Self::recognise(path, Window::fed(feed), Progress::Streamed(done, length))
    }

    fn recognise(path: &Path, mut window: Window, progress: Progress) -> Result<Self, SetupError> {
        let broken = |damage: Damage| not_a_capture(path, damage.to_string());
        let fill = require(&mut window, 4, "the file's first word", None).map_err(broken)?;
        if fill != Fill::Ready {
            return Err(not_a_capture(path, "it is empty"));
        }
        let format = if ng::recognised(window.bytes()) {
            Format::Ng(ng::Reader::open(&mut window).map_err(broken)?)
        } else if legacy::recognised(window.bytes()) {
            require(&mut window, legacy::HEADER_LEN, "the file's header", None).map_err(broken)?;
            let reader = legacy::open(window.bytes()).map_err(|refusal| match refusal {
                legacy::Refusal::Link(number) => unsupported(path, number),
                legacy::Refusal::Header => not_a_capture(path, "its header does not parse"),
            })?;
            window.advance(legacy::HEADER_LEN as u64);
            Format::Legacy(reader)
        } else if is_archive(&mut window) {
            Format::Mrt
        } else {
            return Err(not_a_capture(path, foreign(window.bytes())));
        };
        Ok(Self {
            window,
            format,
            progress,
        })
    }

    /// The next frame, waiting for its bytes until `deadline`.
    pub(super) fn next(&mut self, deadline: Option<Instant>) -> Result<Next, Damage> {
        match &mut self.format {
            Format::Legacy(reader) => reader.next(&mut self.window, deadline),
            Format::Ng(reader) => reader.next(&mut self.window, deadline),
            Format::Mrt => archive::next(&mut self.window, deadline),
        }
    }

    /// Whether frames are views of chunks that are better not kept for long.
    pub(super) fn is_streamed(&self) -> bool {
        matches!(self.progress, Progress::Streamed(..))
    }

    /// Bytes of the file read so far, and all of them if that is known.
    pub(super) fn progress(&self) -> (u64, Option<u64>) {
        match &self.progress {
            Progress::Mapped(total) => (self.window.offset().min(*total), Some(*total)),
            Progress::Streamed(done, total) => (done.load(Ordering::Relaxed), *total),
        }
    }

    /// Frames passed over, by link type.
    pub(super) fn unreadable(&self) -> &[ng::Unreadable] {
        match &self.format {
            Format::Legacy(_) | Format::Mrt => &[],
            Format::Ng(reader) => reader.unreadable(),
        }
    }
}

/// Whether an MRT archive begins there. Whatever is shorter than the header of a record is none.
fn is_archive(window: &mut Window) -> bool {
    let filled = window.ensure(mrt::HEADER_LEN, None);
    matches!(filled, Ok(Fill::Ready)) && mrt::is_archive(window.bytes())
}

/// The first bytes of an input, fewer if it is shorter.
fn read_magic(reader: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut magic = Vec::with_capacity(MAGIC_LEN);
    reader.take(MAGIC_LEN as u64).read_to_end(&mut magic)?;
    Ok(magic)
}

fn not_a_capture(path: &Path, why: impl Into<String>) -> SetupError {
    SetupError::NotACapture {
        path: path.to_owned(),
        why: why.into(),
    }
}

fn unsupported(path: &Path, number: u32) -> SetupError {
    SetupError::Other {
        what: format!("reading {}", path.display()),
        why: format!("its link type is {number}, {}", link::name(number)),
        remedy: format!("name a capture taken as one of {}", link::READABLE),
    }
}

/// What a file that is no capture looks like.
fn foreign(start: &[u8]) -> String {
    match start {
        [0x7f, b'E', b'L', b'F', ..] => "it is an ELF program or library".to_owned(),
        [b'P', b'K', 3, 4, ..] => "it is a ZIP archive".to_owned(),
        [b's', b'n', b'o', b'o', ..] => {
            "it looks like a snoop capture; try `editcap -F pcap`".to_owned()
        }
        [a, b, c, d, ..] => format!("it begins with {a:02x} {b:02x} {c:02x} {d:02x}"),
        _ => "it is too short".to_owned(),
    }
}
