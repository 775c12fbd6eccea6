//! What was measured, as tables that plots are drawn from: one file of tab-separated values for each.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

type Rows = Vec<Vec<String>>;

#[derive(Debug, Default)]
pub(crate) struct Data(BTreeMap<String, Rows>);

impl Data {
    /// A table with its header.
    pub(crate) fn put(&mut self, name: &str, header: &[&str], rows: Rows) {
        let header = header.iter().map(|word| (*word).to_owned()).collect();
        let all = std::iter::once(header).chain(rows).collect();
        self.0.insert(name.to_owned(), all);
    }

    /// The rows of a table without its header; none if nothing was measured.
    pub(crate) fn rows(&self, name: &str) -> &[Vec<String>] {
        self.0.get(name).map_or(&[], |rows| &rows[1..])
    }

    /// Writes all tables, and takes away those of another run that this one has not, with their plots.
    pub(crate) fn write(&self, folder: &Path) -> io::Result<()> {
        fs::create_dir_all(folder)?;
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            let made_here = path
                .extension()
                .is_some_and(|end| end == "tsv" || end == "svg");
            let name = path.file_stem().unwrap_or_default().to_string_lossy();
            if made_here && !self.0.contains_key(&*name) {
                fs::remove_file(&path)?;
            }
        }
        for (name, rows) in &self.0 {
            let lines = rows.iter().map(|row| row.join("\t") + "\n");
            fs::write(
                folder.join(name).with_extension("tsv"),
                lines.collect::<String>(),
            )?;
        }
        Ok(())
    }

    /// What [`Self::write`] has written.
    pub(crate) fn read(folder: &Path) -> io::Result<Self> {
        let mut tables = BTreeMap::new();
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.extension().is_some_and(|end| end == "tsv") {
                let text = fs::read_to_string(&path)?;
                let row = |line: &str| line.split('\t').map(str::to_owned).collect();
                let name = path.file_stem().unwrap_or_default().to_string_lossy();
                tables.insert(name.into_owned(), text.lines().map(row).collect());
            }
        }
        Ok(Self(tables))
    }
}
