//! Names of files that this run writes, or has written: nothing else of it may be written over them.

use super::super::destination::{self, Options};
use super::super::outputs::Files;
use crate::cli;
use crate::error::SetupError;
use std::ffi::OsString;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Files that are remembered: more than a year of rotation by the hour.
const NAMES_MAX: usize = 10_000;

/// The device of a file and its number there.
type Inode = (u64, u64);

struct Name {
    flag: &'static str,
    path: PathBuf,
    /// What was opened under it.
    inode: Option<Inode>,
    /// It is written at the end.
    stays: bool,
}

/// The names, as far as they say which file it is: without the time in them.
pub(super) struct Names(Vec<Name>);

impl Names {
    /// Those of the start, once they are open.
    pub(super) fn of(options: &cli::Outputs) -> Self {
        let named = Files::named(options).into_iter();
        let named = named.filter_map(|(flag, path)| Some((flag, path?)));
        let mut names = Self(Vec::new());
        for (flag, path) in named {
            names.add(flag, path);
        }
        names
    }

    /// An output goes there from now on.
    pub(super) fn add(&mut self, flag: &'static str, path: &Path) {
        if destination::is_stream(path) || destination::is_dated(path) {
            return;
        }
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        // Those that were moved away stay in it: whatever their names are now.
        self.0.push(Name {
            flag,
            inode: inode(&path),
            path,
            stays: flag == "--summary",
        });
        if self.0.len() > NAMES_MAX {
            self.0.remove(0);
        }
    }

    /// An output's single file has been moved away, whether or not there is another one of that name by now.
    pub(super) fn was_moved(&self, flag: &str, to: &Options) -> bool {
        let path = std::path::absolute(&to.path).ok();
        let opened = self.0.iter().rev();
        let mut opened =
            opened.filter(|name| name.flag == flag && Some(&name.path) == path.as_ref());
        let opened = opened.next().and_then(|name| name.inode);
        to.is_single() && opened.is_some() && inode(&to.path) != opened
    }

    /// Refuses to begin a file where this run has written, or is going to.
    ///
    /// # Errors
    /// The name is that of such a file.
    pub(super) fn admit(&self, to: &Options) -> Result<(), SetupError> {
        let (path, there) = (std::path::absolute(&to.path).ok(), inode(&to.path));
        let is_taken = |name: &&Name| {
            let written = || name.path.exists() || part(&name.path).exists() || name.stays;
            let same = there.is_some() && (there == name.inode || there == inode(&name.path));
            same || Some(&name.path) == path.as_ref() && written()
        };
        // These never take the place of a file.
        let taken = self.0.iter().find(is_taken).filter(|_| !to.adds());
        taken.map_or(Ok(()), |name| Err(overwritten(&to.path, name.flag)))
    }
}

fn inode(path: &Path) -> Option<Inode> {
    let metadata = path.metadata().ok().filter(std::fs::Metadata::is_file)?;
    Some((metadata.dev(), metadata.ino()))
}

/// What a file is called until it is finished.
fn part(path: &Path) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(".part");
    name.into()
}

fn overwritten(path: &Path, flag: &str) -> SetupError {
    SetupError::Other {
        what: format!("writing {} otherwise than before", path.display()),
        why: format!(
            "the new file would take the place of what {flag} writes there in this run, or has written"
        ),
        remedy:
            "give it another name, or parts of the time in its name; or move the other one away"
                .into(),
    }
}
