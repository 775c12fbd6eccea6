//! Outputs that cannot be written: why, and what to do about it.

use crate::error::SetupError;
use crate::sink::files::Pattern;
use std::io::{self, ErrorKind};
use std::path::Path;

/// A file that cannot be written.
pub(super) fn cannot_write(path: &Path, source: &io::Error) -> SetupError {
    SetupError::Other {
        what: format!("writing {}", path.display()),
        why: source.to_string(),
        remedy: to_write(path, source.kind()),
    }
}

/// A folder in which no files can be made.
pub(super) fn cannot_write_into(folder: &Path, source: &io::Error) -> SetupError {
    let named = folder.display();
    let remedy = match source.kind() {
        ErrorKind::AlreadyExists | ErrorKind::NotADirectory => {
            format!("name a folder, or one that can be made; {named} is a file, or would be in one")
        }
        ErrorKind::PermissionDenied => {
            format!("name a folder that you may write to, or as root: install -d -o USER {named}")
        }
        kind @ (ErrorKind::StorageFull
        | ErrorKind::QuotaExceeded
        | ErrorKind::OutOfMemory
        | ErrorKind::ReadOnlyFilesystem) => to_write(folder, kind),
        _ => format!("see whether anything else can make it: mkdir -p {named}"),
    };
    SetupError::Other {
        what: format!("writing into {named}"),
        why: source.to_string(),
        remedy,
    }
}

/// What to do about an output that cannot be written.
fn to_write(path: &Path, kind: ErrorKind) -> String {
    let folder = path.parent().filter(|parent| *parent != Path::new(""));
    // Those with the time in their names are made.
    let pattern = Pattern::new(path).ok().filter(Pattern::is_dated);
    let folder = pattern.as_ref().map(Pattern::folder).or(folder);
    let folder = folder.unwrap_or(Path::new(".")).display();
    match kind {
        ErrorKind::NotFound => {
            format!("name a file in a folder that exists, or: mkdir -p {folder}")
        }
        ErrorKind::NotADirectory => format!("name a file in a folder; {folder} is none"),
        ErrorKind::PermissionDenied => {
            format!("name a file that you may write to, or have {folder} made yours (chown)")
        }
        ErrorKind::IsADirectory => format!("name a file in it: {}/NAME", path.display()),
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            format!("make room (df -h {folder} shows how much there is), or name a file elsewhere")
        }
        ErrorKind::OutOfMemory => "set less: --evidence-memory MIB".into(),
        ErrorKind::ReadOnlyFilesystem => "name a file on a disk that can be written".into(),
        _ => format!(
            "see whether anything else can write there: touch {}",
            path.display()
        ),
    }
}
