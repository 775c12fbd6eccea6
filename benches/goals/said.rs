//! Goals of a bench of its own, as lines behind its figures: taken in turns, so that what else runs slows all alike.

#[allow(dead_code, reason = "each bench needs a part")]
#[path = "line.rs"]
pub(crate) mod line;
#[allow(dead_code, reason = "each bench needs a part")]
#[path = "../decode/turns.rs"]
pub(crate) mod turns;

use line::{COLUMNS, Line};

/// Asked for by `cargo bench`, and not by a run that only tries whether all works.
pub(crate) fn are_asked_for() -> bool {
    let mut arguments = std::env::args();
    arguments.any(|argument| argument == "--bench")
}

/// Prints what was measured, and of each goal whether it holds. Nothing hangs on it.
pub(crate) fn say(lines: &[Line]) {
    let rows: Vec<_> = lines.iter().map(Line::columns).collect();
    let print = |cells: &[&str]| println!("| {} |", cells.join(" | "));
    println!();
    print(&COLUMNS);
    print(&["---"; COLUMNS.len()]);
    for row in &rows {
        print(&row.each_ref().map(String::as_str));
    }
}
