//! The table and the page: `docs/performance.md`, with its data and plots in `docs/performance/`.

use super::data::Data;
use super::line::{COLUMNS, Line};
use super::{plots, reasons, resident, run, workloads};
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

const BEGIN: &str = "<!-- From here on scripts/bench writes. -->";
const END: &str = "<!-- What follows is written by hand. -->";

fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs")
}

/// The table as text, to the standard output.
pub(crate) fn print(lines: &[Line]) {
    let rows: Vec<_> = std::iter::once(COLUMNS.map(str::to_owned))
        .chain(lines.iter().map(Line::columns))
        .collect();
    let wide = |text: &str| text.chars().count();
    let width = |at: usize| rows.iter().map(|row| wide(&row[at])).max().unwrap_or(0);
    // A reason stands where figures would, and goes on over the columns behind.
    let widths: Vec<_> = (0..COLUMNS.len())
        .map(|at| width(at).min(if at == 2 { 9 } else { 90 }))
        .collect();
    for row in &rows {
        let cells = row.iter().zip(&widths).map(|(cell, width)| {
            let padding = " ".repeat(width.saturating_sub(wide(cell)));
            format!("{cell}{padding}")
        });
        println!("{}", cells.collect::<Vec<_>>().join("  ").trim_end());
    }
    println!("\n{}", in_all(lines));
    let rows: Vec<_> = lines.iter().map(|line| line.columns().to_vec()).collect();
    for goal in reasons::unknown(&rows) {
        println!("{}: {goal}", reasons::UNKNOWN);
    }
}

fn in_all(lines: &[Line]) -> String {
    let count = |what: Option<bool>| lines.iter().filter(|line| line.holds() == what).count();
    let missing = lines.iter().filter(|line| line.is_missing()).count();
    format!(
        "Of {} goals {} hold; {} lines have none, {missing} could not be measured.",
        count(Some(true)) + count(Some(false)),
        count(Some(true)),
        count(None) - missing,
    )
}

/// Writes what was measured, draws it, and puts the table into the page.
pub(crate) fn write(lines: &[Line], mut data: Data, took: Duration) -> Result<(), Box<dyn Error>> {
    let rows = lines.iter().map(|line| line.columns().to_vec()).collect();
    data.put("goals", &COLUMNS, rows);
    run::put(&mut data, took, in_all(lines));
    data.write(&docs().join("performance"))?;
    draw(&data)
}

/// The page and its plots anew, from the data that is there.
pub(crate) fn draw_again() -> Result<(), Box<dyn Error>> {
    draw(&Data::read(&docs().join("performance"))?)
}

fn draw(data: &Data) -> Result<(), Box<dyn Error>> {
    let drawn = plots::draw(data, &docs().join("performance"))?;
    let mut text = format!("{BEGIN}\n\n{}", run::section(data));
    text += &format!(
        "| {} |\n|{}\n",
        COLUMNS.join(" | "),
        " --- |".repeat(COLUMNS.len())
    );
    let (rows, reasons) = reasons::beside(data.rows("goals"));
    for row in rows {
        text += &format!("| {} |\n", row.join(" | "));
    }
    if !reasons.is_empty() {
        text += "\nWhy goals do not hold, by the numbers in the table:\n\n";
    }
    for (why, number) in reasons.iter().zip(1..) {
        text += &format!("{number}. {why}\n");
    }
    for goal in reasons::unknown(data.rows("goals")) {
        text += &format!("\n**{}**: {goal}.\n", reasons::UNKNOWN);
    }
    text += &workloads::section(data);
    text += &resident::section(data);
    text += "\n## Plots\n";
    for (file, what) in drawn {
        text += &format!("\n![{what}](performance/{file})\n");
    }
    text += &format!("\n{END}");
    let file = docs().join("performance.md");
    let page = fs::read_to_string(&file)?;
    let (before, rest) = page
        .split_once(BEGIN)
        .ok_or("the page has no place for the table")?;
    let (_, after) = rest
        .split_once(END)
        .ok_or("the place for the table has no end")?;
    fs::write(file, [before, &text, after].concat())?;
    Ok(())
}
