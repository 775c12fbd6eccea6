//! `--rib-out`: the tables at the end.

use super::outputs::{Target, cannot_write, target};
use crate::error::SetupError;
use crate::rib::{AdjRib, Ribs, Route, RouteKey, Tables};
use crate::sink::json::RouteWriter;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// A file that tables are written to when all is read.
pub(super) struct Out {
    path: PathBuf,
    target: Target,
}

impl Out {
    /// Opens it at once: a name that cannot be written to is told before anything is read.
    pub(super) fn open(path: &Path) -> Result<Self, SetupError> {
        Ok(Self {
            path: path.into(),
            target: target(path).map_err(|error| cannot_write(path, &error))?,
        })
    }

    /// Writes a line for each table, and behind it one for each of its routes, by prefix.
    pub(super) fn write(self, ribs: &Ribs) -> Result<(), SetupError> {
        let written = write(BufWriter::new(self.target), ribs);
        match written {
            // Whoever reads may stop reading.
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                Err(cannot_write(&self.path, &error))
            }
            _ => Ok(()),
        }
    }
}

fn write(mut target: impl Write, ribs: &Ribs) -> io::Result<()> {
    let (mut writer, mut line) = (RouteWriter::default(), Vec::new());
    let mut sessions: Vec<&Tables> = ribs.sessions().chain(ribs.retained()).collect();
    sessions.sort_by_key(|tables| (tables.key.endpoints(0), tables.session));
    for tables in sessions {
        for direction in [0, 1] {
            for rib in tables.direction(direction).ribs() {
                line.clear();
                writer.table(&mut line, tables, direction, rib);
                target.write_all(&line)?;
                for route in in_order(ribs, rib) {
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
