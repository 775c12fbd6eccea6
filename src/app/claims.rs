//! Which files an output may write, by whatever way they are named.

use super::destination::{self, Options};
use crate::sink::files::Pattern;
use regex::bytes::{Regex, RegexBuilder};
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The device of a file and its number there.
pub(super) type Inode = (u64, u64);

/// The files of one output, or one that is read.
#[derive(Clone, Debug)]
pub(super) struct Claim {
    /// The flag that names them.
    pub(super) flag: &'static str,
    /// As it was named.
    pub(super) named: PathBuf,
    /// The same without links and dots, as far as there is such a folder.
    pub(super) place: PathBuf,
    /// All names that files of it may have.
    names: Regex,
    /// They never take the place of a file that is there.
    pub(super) adds: bool,
}

impl Claim {
    /// One file; `None` of what is no file.
    pub(super) fn file(flag: &'static str, path: &Path) -> Option<Self> {
        Self::new(flag, path, false, |name| name)
    }

    /// Files that have a draft, and numbers where they never take the place of others.
    pub(super) fn files(flag: &'static str, options: &Options) -> Option<Self> {
        let (direct, adds) = (options.is_direct_file(), options.adds());
        let pattern = Pattern::new(&options.path);
        let dated = pattern.is_ok_and(|pattern| pattern.is_dated());
        let claim = Self::new(flag, &options.path, dated, |name| {
            if direct {
                return name;
            }
            let (stem, suffix) = match name.strip_suffix(r"\.gz") {
                Some(stem) => (stem, r"\.gz"),
                None => (name.as_str(), ""),
            };
            let number = if adds { r"(\.[0-9]+)?" } else { "" };
            format!(r"{stem}{number}{suffix}(\.part)?")
        });
        claim.map(|claim| Self { adds, ..claim })
    }

    /// Whatever evidence there is in a folder.
    pub(super) fn folder(flag: &'static str, path: &Path) -> Option<Self> {
        Self::new(flag, path, false, |name| {
            format!(r"{name}(/[^/]+\.pcapng(\.part)?)?")
        })
    }

    fn new(
        flag: &'static str,
        path: &Path,
        dated: bool,
        names: impl FnOnce(String) -> String,
    ) -> Option<Self> {
        let is_folder = path.is_dir();
        if !is_folder && destination::is_stream(path) {
            return None;
        }
        let place = resolve(path);
        let text = place.as_os_str().as_bytes();
        let names = names(expression(text, dated));
        let names = RegexBuilder::new(&format!("^(?:{names})$"))
            .unicode(false)
            .dot_matches_new_line(true)
            .build();
        Some(Self {
            flag,
            named: path.to_owned(),
            place,
            names: names.ok()?,
            adds: false,
        })
    }

    /// One of its files may be one of the other's.
    pub(super) fn meets(&self, other: &Self) -> bool {
        let named =
            |claim: &Self, other: &Self| claim.names.is_match(other.place.as_os_str().as_bytes());
        let there = self.inodes();
        self.place == other.place
            || named(self, other)
            || named(other, self)
            || other.inodes().iter().any(|inode| there.contains(inode))
    }

    /// Files that are there, the draft of one among them.
    pub(super) fn inodes(&self) -> Vec<Inode> {
        let draft = part(&self.place);
        let draft = self
            .names
            .is_match(draft.as_os_str().as_bytes())
            .then_some(draft);
        let paths = [Some(self.place.clone()), draft];
        paths
            .iter()
            .flatten()
            .filter_map(|path| inode(path))
            .collect()
    }

    /// A file of its name, or its draft, is there.
    #[cfg(feature = "capture")]
    pub(super) fn is_there(&self) -> bool {
        self.place.exists() || part(&self.place).exists()
    }
}

/// What a file is called until it is finished.
fn part(path: &Path) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(".part");
    name.into()
}

pub(super) fn inode(path: &Path) -> Option<Inode> {
    let metadata = path.metadata().ok().filter(std::fs::Metadata::is_file)?;
    Some((metadata.dev(), metadata.ino()))
}

/// Where a file is, or would be made: links are followed, also those that lead to no file as yet.
fn resolve(path: &Path) -> PathBuf {
    /// As the kernel has it (path_resolution(7)).
    const LINKS_MAX: usize = 40;
    let mut path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    for _ in 0..LINKS_MAX {
        if let Ok(there) = path.canonicalize() {
            return there;
        }
        let Ok(target) = path.read_link() else { break };
        path = path.parent().unwrap_or(Path::new("/")).join(target);
    }
    // The last folder on the way that is there.
    let folders = path.ancestors().skip(1);
    let mut found = folders.filter_map(|folder| Some((folder.canonicalize().ok()?, folder)));
    match found.next() {
        Some((real, folder)) => match path.strip_prefix(folder) {
            Ok(rest) => real.join(rest),
            Err(_) => path,
        },
        None => path,
    }
}

const MONTHS: &str = "(Jan(uary)?|Feb(ruary)?|Mar(ch)?|Apr(il)?|May|June?|July?|Aug(ust)?|Sep(tember)?|Oct(ober)?|Nov(ember)?|Dec(ember)?)";

/// A regular expression of a path; parts of the time (strftime(3)) may be anything.
fn expression(path: &[u8], dated: bool) -> String {
    let mut out = String::new();
    let mut bytes = path.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        if !(dated && byte == b'%') {
            out.push_str(&octet(byte));
            continue;
        }
        match bytes.next() {
            Some(b'%') => out.push_str(&octet(b'%')),
            // Flags and widths stand before the letter.
            Some(mut letter) => {
                while !letter.is_ascii_alphabetic() && letter != b'+' {
                    match bytes.next() {
                        Some(next) => letter = next,
                        None => break,
                    }
                }
                out.push_str(match letter {
                    b'a' | b'A' => "(Sun|Mon|Tues?|Wed(nes)?|Thu(rs)?|Fri|Sat(ur)?)(day)?",
                    b'b' | b'B' | b'h' => MONTHS,
                    b'p' | b'P' => "[AaPp][Mm]",
                    b'+' | b'c' | b'v' | b'x' | b'X' | b'r' | b'z' | b'Z' => ".+",
                    b'n' | b't' => r"\s",
                    _ => "[-+0-9 .:/]+",
                });
            }
            None => (),
        }
    }
    out
}

fn octet(byte: u8) -> String {
    match byte {
        byte if byte.is_ascii_alphanumeric() || byte == b'/' => char::from(byte).to_string(),
        b'.' => r"\.".into(),
        byte => format!(r"(?-u:\x{byte:02x})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::destination::Kind;
    use std::time::Duration;

    fn files(path: &str, every: Option<u64>, kind: Kind) -> Claim {
        let options = Options {
            path: path.into(),
            every: every.map(Duration::from_secs),
            size_max: None,
            kind,
        };
        Claim::files("--x", &options).expect("no stream")
    }

    #[test]
    fn files_meet_where_their_names_may_be_the_same() {
        let records = |path| files(path, None, Kind::Records);
        let lines = |path| files(path, None, Kind::Lines);
        let rotated = |path| files(path, Some(60), Kind::Lines);
        let folder = Claim::folder("--evidence", Path::new("/n/ev")).expect("a folder");
        for (one, other, meet) in [
            (lines("/n/a"), records("/n/a"), true),
            (lines("/n/a.part"), records("/n/a"), true),
            (lines("/n/a.part"), lines("/n/a"), false),
            (lines("/n/a.1"), rotated("/n/a"), true),
            (lines("/n/a.1"), records("/n/a"), false),
            (lines("/n/a.7.gz"), rotated("/n/a.gz"), true),
            (lines("/n/a.gz.7"), rotated("/n/a.gz"), false),
            (records("/n/2026.x"), lines("/n/%Y.x"), true),
            (records("/n/summary.x"), lines("/n/%Y%m%d.x"), false),
            (records("/n/May.x"), lines("/n/%b.x"), true),
            (records("/n/Wednesday.x"), lines("/n/%A.x"), true),
            (records("/n/rib.x"), lines("/n/%a.x"), false),
            (records("/n/summary.x"), lines("/n/%b.x"), false),
            (records("/n/rib.y"), lines("/n/%+.x"), false),
            (records("/n/100%"), lines("/n/100%%"), true),
            (records("/n/%Y"), lines("/n/%Y"), true),
            (lines("/n/ev/1-2-3.pcapng"), folder.clone(), true),
            (lines("/n/ev/events.json"), folder, false),
        ] {
            assert_eq!(one.meets(&other), meet, "{one:?} {other:?}");
            assert_eq!(other.meets(&one), meet, "{one:?} {other:?}");
        }
    }

    #[test]
    fn links_and_dots_lead_to_one_place() {
        let scratch = std::env::temp_dir().join(format!("bgptap-claims-{}", std::process::id()));
        std::fs::create_dir_all(scratch.join("real/inner")).expect("a folder");
        let link = |to: &str, name: &str| {
            std::os::unix::fs::symlink(to, scratch.join(name)).expect("linked");
        };
        link("real", "link");
        link("real/new", "dangling");
        link("loop", "loop");
        let real = scratch.canonicalize().expect("there").join("real/new");
        for way in [
            "real/new",
            "link/new",
            "real/inner/../new",
            "dangling",
            "./link/inner/../new",
        ] {
            assert_eq!(resolve(&scratch.join(way)), real, "{way}");
        }
        assert!(resolve(&scratch.join("loop")).ends_with("loop"));
        std::fs::remove_dir_all(scratch).expect("removed");
    }
}
