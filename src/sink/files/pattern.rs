//! Names of files with the time in them.

use chrono::DateTime;
use chrono::format::{Item, StrftimeItems};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// A path in which `%Y`, `%m` and so on stand for parts of a time, as in strftime(3); times are UTC.
#[derive(Clone, Debug)]
pub struct Pattern {
    /// As it was given.
    given: PathBuf,
    /// Its parts, if any depends on the time.
    items: Option<Vec<Item<'static>>>,
}

/// What in a path is no pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} has a % that begins nothing strftime knows; write %Y, %m, %d, %H, %M, %S or %s for parts of the time, and %% for a plain one"
)]
pub struct NoPattern(PathBuf);

impl Pattern {
    /// Takes a path as a pattern. One that is no UTF-8 is taken as it is.
    ///
    /// # Errors
    /// A `%` is followed by something that stands for nothing.
    pub fn new(path: &Path) -> Result<Self, NoPattern> {
        let text = path.to_str().filter(|text| text.contains('%'));
        let items = text.map(|text| StrftimeItems::new(text).parse_to_owned());
        Ok(Self {
            given: path.to_owned(),
            items: items.transpose().map_err(|_| NoPattern(path.to_owned()))?,
        })
    }

    /// The name depends on the time.
    #[must_use]
    pub fn is_dated(&self) -> bool {
        self.items.is_some()
    }

    /// The name ends in `.gz`.
    #[must_use]
    pub fn is_gzip(&self) -> bool {
        self.given.extension().is_some_and(|suffix| suffix == "gz")
    }

    /// As it was given.
    #[must_use]
    pub fn given(&self) -> &Path {
        &self.given
    }

    /// The name at a time, nanoseconds since the epoch. `number` tells further files of the same name
    /// apart: it comes behind the name, before `.gz`.
    #[must_use]
    pub fn name(&self, ns: u64, number: u32) -> PathBuf {
        let name = match &self.items {
            Some(items) => {
                // In signed nanoseconds until 2262.
                let time = DateTime::from_timestamp_nanos(i64::try_from(ns).unwrap_or(i64::MAX));
                PathBuf::from(time.format_with_items(items.iter()).to_string())
            }
            None => self.given.clone(),
        };
        if number == 0 {
            return name;
        }
        let stem = if self.is_gzip() {
            name.with_extension("")
        } else {
            name
        };
        let mut name = OsString::from(stem);
        name.push(format!(".{number}"));
        if self.is_gzip() {
            name.push(".gz");
        }
        name.into()
    }

    /// The last folder on the way whose name does not depend on the time.
    #[must_use]
    pub fn folder(&self) -> &Path {
        let dated = |folder: &&Path| folder.to_str().is_some_and(|text| text.contains('%'));
        let mut folders = self.given.ancestors().skip(1);
        match folders.find(|folder| self.items.is_none() || !dated(folder)) {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-01-02T03:04:05Z by `date -u -d @1767323045`.
    const NS: u64 = 1_767_323_045_000_000_000;

    fn pattern(text: &str) -> Pattern {
        Pattern::new(Path::new(text)).expect(text)
    }

    #[test]
    fn the_time_stands_in_the_name_and_in_folders() {
        let dated = pattern("/a/%Y.%m/updates.%Y%m%d.%H%M.gz");
        assert!(dated.is_dated() && dated.is_gzip());
        let name = |number| dated.name(NS, number);
        assert_eq!(name(0), Path::new("/a/2026.01/updates.20260102.0304.gz"));
        assert_eq!(name(2), Path::new("/a/2026.01/updates.20260102.0304.2.gz"));
        assert_eq!(dated.folder(), Path::new("/a"));
    }

    #[test]
    fn a_plain_name_stays() {
        let plain = pattern("events.json");
        assert!(!plain.is_dated() && !plain.is_gzip());
        assert_eq!(plain.name(NS, 0), Path::new("events.json"));
        assert_eq!(plain.name(NS, 1), Path::new("events.json.1"));
        assert_eq!(plain.folder(), Path::new("."));
        assert_eq!(pattern("/x/y").folder(), Path::new("/x"));
    }

    #[test]
    fn a_percent_sign_is_written_twice() {
        assert_eq!(pattern("100%%").name(NS, 0), Path::new("100%"));
        let wrong = Pattern::new(Path::new("50%=x")).expect_err("no such specifier");
        assert!(wrong.to_string().contains("50%=x"), "{wrong}");
    }
}
