//! Runs a program in a pseudo-terminal and makes a picture of its screen, as SVG. `scripts/screenshots` does.
//!
//! ```text
//! screenshot OUT.svg COLSxROWS SECONDS KEYS COMMAND…
//! ```
//!
//! KEYS are typed once the screen is not empty, with a pause of SECONDS before the picture, and before each key
//! behind a comma: `2,\r` types `2`, waits, and types Enter.
#![allow(
    clippy::unwrap_used,
    reason = "a tool of the documentation: it works, or it fails"
)]
#![allow(missing_docs)]

#[path = "../tests/support/pty.rs"]
mod pty;

use std::fmt::Write;
use std::time::Duration;
use vt100::{Cell, Color, Screen};

/// Pixels of a character.
const WIDTH: f64 = 8.4;
const HEIGHT: f64 = 17.0;
/// Around all.
const MARGIN: f64 = 12.0;
const BACKGROUND: &str = "#1b1d22";
const FOREGROUND: &str = "#d5d8de";
/// The sixteen colours of a terminal.
const COLOURS: [&str; 16] = [
    "#2a2d33", "#f0626b", "#8cc570", "#e0b860", "#66a6ee", "#c586d8", "#56b6c2", "#c5c8ce",
    "#757b87", "#ff7b83", "#a5da8b", "#f2cd7a", "#82baf5", "#d9a0e8", "#74cdd8", "#ffffff",
];

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [out, size, seconds, keys, command @ ..] = args.as_slice() else {
        panic!("screenshot OUT.svg COLSxROWS SECONDS KEYS COMMAND…");
    };
    let (cols, rows) = size.split_once('x').unwrap();
    let command: Vec<&str> = command.iter().map(String::as_str).collect();
    let pause = Duration::from_secs_f64(seconds.parse().unwrap());
    let mut pty = pty::Pty::start(&command, rows.parse().unwrap(), cols.parse().unwrap());
    pty.until("anything", |screen| !screen.contents().trim().is_empty());
    for key in keys.split(',').filter(|key| !key.is_empty()) {
        std::thread::sleep(pause);
        pty.keys(&key.replace("\\r", "\r").replace("\\e", "\x1b"));
    }
    std::thread::sleep(pause);
    std::fs::write(out, pty.look(svg)).unwrap();
}

fn svg(screen: &Screen) -> String {
    let (rows, cols) = screen.size();
    let (rows, cols) = (rows.get(), cols.get());
    // What was printed may be shorter than the screen.
    let filled = (0..rows).rev().find(|row| {
        (0..cols).any(|col| {
            screen
                .cell(*row, col)
                .is_some_and(|cell| cell.has_contents())
        })
    });
    let rows = filled.map_or(1, |row| row + 1);
    let (width, height) = (
        f64::from(cols) * WIDTH + 2.0 * MARGIN,
        f64::from(rows) * HEIGHT + 2.0 * MARGIN,
    );
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" width=\"{width:.0}\" \
         font-family=\"ui-monospace,'DejaVu Sans Mono',Menlo,Consolas,monospace\" font-size=\"14\">\n\
         <rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"{BACKGROUND}\"/>\n"
    );
    for row in 0..rows {
        for (col, run) in runs(screen, row, cols) {
            draw(&mut svg, row, col, &run);
        }
    }
    svg.push_str("</svg>\n");
    svg
}

/// Characters beside each other that look the same.
struct Run {
    text: String,
    cells: u16,
    fill: String,
    back: Option<String>,
    bold: bool,
}

fn runs(screen: &Screen, row: u16, cols: u16) -> Vec<(u16, Run)> {
    let mut runs: Vec<(u16, Run)> = Vec::new();
    for col in 0..cols {
        let Some(cell) = screen.cell(row, col) else {
            continue;
        };
        let (fill, back) = colours(cell);
        let text = if cell.has_contents() {
            cell.contents()
        } else {
            " "
        };
        match runs.last_mut() {
            Some((_, run)) if (&run.fill, &run.back, run.bold) == (&fill, &back, cell.bold()) => {
                run.text.push_str(text);
                run.cells += 1;
            }
            _ => {
                let run = Run {
                    text: text.to_owned(),
                    cells: 1,
                    fill,
                    back,
                    bold: cell.bold(),
                };
                runs.push((col, run));
            }
        }
    }
    runs
}

fn colours(cell: &Cell) -> (String, Option<String>) {
    let fill = hex(cell.fgcolor(), FOREGROUND);
    let back = hex(cell.bgcolor(), BACKGROUND);
    match cell.inverse() {
        true => (back, Some(fill)),
        false => (fill, (back != BACKGROUND).then_some(back)),
    }
}

fn hex(colour: Color, default: &str) -> String {
    match colour {
        Color::Idx(index @ 0..16) => COLOURS[usize::from(index)].to_owned(),
        Color::Rgb(red, green, blue) => format!("#{red:02x}{green:02x}{blue:02x}"),
        Color::Default | Color::Idx(_) => default.to_owned(),
    }
}

fn draw(svg: &mut String, row: u16, col: u16, run: &Run) {
    let (x, y) = (
        MARGIN + f64::from(col) * WIDTH,
        MARGIN + f64::from(row) * HEIGHT,
    );
    let width = f64::from(run.cells) * WIDTH;
    if let Some(back) = &run.back {
        // Writing into a string does not fail.
        let _ = writeln!(
            svg,
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{HEIGHT}\" fill=\"{back}\"/>"
        );
    }
    if run.text.trim().is_empty() {
        return;
    }
    let text = run.text.replace('&', "&amp;").replace('<', "&lt;");
    let bold = if run.bold {
        " font-weight=\"bold\""
    } else {
        ""
    };
    let _ = writeln!(
        svg,
        "<text x=\"{x:.1}\" y=\"{:.1}\" textLength=\"{width:.1}\" lengthAdjust=\"spacingAndGlyphs\" \
         xml:space=\"preserve\" fill=\"{}\"{bold}>{text}</text>",
        y + 13.0,
        run.fill
    );
}
