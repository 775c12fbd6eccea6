//! `--rib-out`: the tables at the end.

use super::undone::Late;
use super::unwritable::cannot_write;
use crate::error::SetupError;
use crate::filter::Selection;
use crate::rib::{AdjRib, Ribs, Route, RouteKey, Tables};
use crate::sink::json::RouteWriter;
use crate::sink::routes::{RouteFilter, meta_of_table};
use crate::sink::writer::WhenFull;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// A file that tables are written to when all is read.
pub(super) struct Out {
    path: PathBuf,
    target: Late,
    selection: Selection,
}

impl Out {
    /// Opens it at once: a name that cannot be written to is told before anything is read. `selection` says which
    /// routes it is told.
    pub(super) fn open(path: &Path, selection: Selection) -> Result<Self, SetupError> {
        Ok(Self {
            path: path.into(),
            target: Late::open(path, WhenFull::Wait)?,
            selection,
        })
    }

    /// From here on it is this run's.
    pub(super) fn begin(&mut self) {
        self.target.begin();
    }

    /// Writes a line for each table, and behind it one for each of its routes that is selected, by prefix.
    pub(super) fn write(mut self, ribs: &Ribs) -> Result<(), SetupError> {
        let target = BufWriter::new(self.target.into_writer());
        let written = write(target, ribs, &mut self.selection);
        let left_out = self.selection.left_out();
        if left_out > 0 {
            eprintln!("bgptap: filters left out {left_out} routes of rib-out");
        }
        match written {
            // Whoever reads may stop reading.
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                Err(cannot_write(&self.path, &error))
            }
            _ => Ok(()),
        }
    }
}

fn write(mut target: impl Write, ribs: &Ribs, selection: &mut Selection) -> io::Result<()> {
    let (mut writer, mut line) = (RouteWriter::default(), Vec::new());
    let mut filter = RouteFilter::default();
    let mut sessions: Vec<&Tables> = ribs.sessions().chain(ribs.retained()).collect();
    sessions.sort_by_key(|tables| (tables.key.endpoints(0), tables.session));
    for tables in sessions {
        for direction in [0, 1] {
            let meta = meta_of_table(tables, direction, 0);
            for rib in tables.direction(direction).ribs() {
                line.clear();
                writer.table(&mut line, tables, direction, rib);
                target.write_all(&line)?;
                for route in in_order(ribs, rib) {
                    if !filter.selects(selection, &meta, (ribs, rib), &route) {
                        continue;
                    }
                    line.clear();
                    writer.route(&mut line, ribs, (tables, direction, rib), &route);
                    target.write_all(&line)?;
                }
            }
        }
    }
    target.flush()
}

fn in_order<'a>(ribs: &'a Ribs, rib: &'a AdjRib) -> Vec<Route<'a>> {
    let mut routes: Vec<_> = rib.routes().collect();
    routes.sort_unstable_by_key(|route| match route.key {
        RouteKey::Prefix(prefix) => (Some(prefix), &[][..]),
        RouteKey::Labeled(route) => (Some(route.prefix), ribs.distinguisher(&route)),
        RouteKey::Octets(octets) => (None, octets),
    });
    routes
}
