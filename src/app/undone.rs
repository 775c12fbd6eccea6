//! What is made before all is known to be right, and is undone if the start is refused.

use super::unwritable::{cannot_write, cannot_write_into};
use crate::error::SetupError;
use crate::sink::files::{open_as_it_is, open_stream};
use crate::sink::writer::WhenFull;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

/// A file that is written once, at the end. What was in it stays until [`Late::begin`]; without that it is removed
/// again if there was none.
pub(super) struct Late {
    to: Box<dyn Write + Send>,
    /// The file, as long as it is not begun: with its name, if it was made here.
    idle: Option<(File, Option<PathBuf>)>,
}

impl Late {
    /// Opens the file, or standard output ("-"). A capture does not wait for whoever reads a pipe.
    ///
    /// # Errors
    /// It cannot be written.
    pub(super) fn open(path: &Path, when_full: WhenFull) -> Result<Self, SetupError> {
        let open = || -> io::Result<Self> {
            if path.metadata().is_ok_and(|it| it.file_type().is_fifo()) {
                let waits = when_full == WhenFull::Wait;
                return Ok(Self {
                    to: Box::new(open_stream(path, waits)?),
                    idle: None,
                });
            }
            if path.as_os_str() == "-" {
                return Ok(Self {
                    to: Box::new(io::stdout()),
                    idle: None,
                });
            }
            let (file, made) = open_as_it_is(path)?;
            Ok(Self {
                to: Box::new(file.try_clone()?),
                idle: Some((file, made)),
            })
        };
        open().map_err(|error| cannot_write(path, &error))
    }

    /// Nothing is refused any more: what was in the file goes.
    pub(super) fn begin(&mut self) {
        if let Some((file, _)) = self.idle.take() {
            // A device cannot be emptied, nor need it be.
            let _ = file.set_len(0);
        }
    }

    /// What it is written to.
    pub(super) fn into_writer(mut self) -> Box<dyn Write + Send> {
        self.begin();
        std::mem::replace(&mut self.to, Box::new(io::sink()))
    }
}

impl Drop for Late {
    fn drop(&mut self) {
        if let Some((_, Some(made))) = self.idle.take() {
            let _ = fs::remove_file(made);
        }
    }
}

/// A folder that is there; it goes again, with those above it that were made for it, unless it is kept.
pub(super) struct Folder {
    /// Those that were made, the innermost first.
    made: Vec<PathBuf>,
}

impl Folder {
    /// Makes what there is not of it.
    ///
    /// # Errors
    /// It cannot be made, or is a file.
    pub(super) fn make(path: &Path) -> Result<Self, SetupError> {
        let missing = path.ancestors().take_while(|part| {
            // The last ancestor of a relative path is empty, and the current folder.
            !part.as_os_str().is_empty() && !part.exists()
        });
        // Whatever is made before it fails goes, too.
        let folder = Self {
            made: missing.map(Path::to_owned).collect(),
        };
        match fs::create_dir_all(path) {
            Ok(()) => Ok(folder),
            Err(error) => Err(cannot_write_into(path, &error)),
        }
    }

    /// It is in use, and stays.
    pub(super) fn keep(mut self) {
        self.made.clear();
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        for folder in &self.made {
            // Unless somebody has put something into it meanwhile.
            let _ = fs::remove_dir(folder);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scratch(name: &str) -> PathBuf {
        let name = format!("bgptap-undone-{}-{name}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).expect("a folder for temporary files");
        path
    }

    #[test]
    fn a_file_is_as_it_was_until_it_is_begun() {
        let scratch = scratch("file");
        let (old, new) = (scratch.join("old"), scratch.join("new"));
        fs::write(&old, "an earlier run").expect("written");
        for path in [&old, &new] {
            drop(Late::open(path, WhenFull::Wait).expect("opened"));
        }
        assert_eq!(fs::read(&old).expect("there"), b"an earlier run");
        assert!(!new.exists(), "it was not there");
        for path in [&old, &new] {
            let mut late = Late::open(path, WhenFull::Wait).expect("opened");
            late.begin();
            assert_eq!(fs::read(path).expect("there"), b"");
            late.into_writer().write_all(b"this run").expect("written");
            assert_eq!(fs::read(path).expect("there"), b"this run");
        }
        fs::remove_dir_all(scratch).expect("removed");
    }

    #[test]
    fn what_a_link_leads_to_goes_and_the_link_stays() {
        let scratch = scratch("link");
        let (link, target) = (scratch.join("link"), scratch.join("target"));
        std::os::unix::fs::symlink(&target, &link).expect("linked");
        drop(Late::open(&link, WhenFull::Wait).expect("opened"));
        assert!(!target.exists(), "it was not there");
        assert!(link.is_symlink(), "it was");
        let late = Late::open(&link, WhenFull::Wait).expect("opened");
        late.into_writer().write_all(b"this run").expect("written");
        assert_eq!(fs::read(&target).expect("there"), b"this run");
        drop(Late::open(&link, WhenFull::Wait).expect("opened"));
        assert_eq!(fs::read(&target).expect("there"), b"this run");
        fs::remove_dir_all(scratch).expect("removed");
    }

    #[test]
    fn folders_go_unless_they_are_kept_or_used() {
        let scratch = scratch("folder");
        let inner = scratch.join("a/b/c");
        drop(Folder::make(&inner).expect("made"));
        assert!(scratch.exists() && !scratch.join("a").exists());
        let folder = Folder::make(&inner).expect("made");
        fs::write(scratch.join("a/somebody"), "else's").expect("written");
        drop(folder);
        assert!(scratch.join("a/somebody").exists() && !scratch.join("a/b").exists());
        Folder::make(&inner).expect("made").keep();
        assert!(inner.is_dir());
        drop(Folder::make(&inner).expect("there"));
        assert!(inner.is_dir(), "it was there before");
        fs::remove_dir_all(scratch).expect("removed");
    }
}
