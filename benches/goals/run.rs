//! The run that the page tells of: when it was, of what and where, kept with its data, since plots may be drawn
//! again on another day and by another machine.

use super::data::Data;
use std::fs;
use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A table of [`Data`].
const RUN: &str = "run";
/// Its column.
const TOLD: &str = "told";

/// Takes what there is to tell of a run that ends now: what, when and where, and its goals in all.
pub(crate) fn put(data: &mut Data, took: Duration, in_all: String) {
    let seconds = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs());
    let day = chrono::DateTime::from_timestamp(seconds.cast_signed(), 0).unwrap_or_default();
    let day = day.date_naive();
    let measured = format!(
        "Measured on {day} (UTC) at commit {}, in {:.0} s, building not included, on {}.",
        commit(),
        took.as_secs_f64(),
        machine()
    );
    data.put(RUN, &[TOLD], vec![vec![measured], vec![in_all]]);
}

/// The part of the page.
pub(crate) fn section(data: &Data) -> String {
    let told = data.rows(RUN).iter().map(|row| row.concat() + "\n\n");
    told.collect()
}

/// What was built: the commit, and whether anything but what a run writes was changed since.
fn commit() -> String {
    let git = |arguments: &[&str]| {
        let mut git = Command::new("git");
        let output = git
            .args(["-C", env!("CARGO_MANIFEST_DIR")])
            .args(arguments)
            .output()
            .ok()?;
        let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        output.status.success().then_some(said)
    };
    let Some(commit) = git(&["rev-parse", "--short", "HEAD"]) else {
        return "unknown".to_owned();
    };
    let page = [":!docs/performance.md", ":!docs/performance"];
    let status = [&["status", "--porcelain", "--", "."][..], &page].concat();
    match git(&status) {
        Some(changes) if changes.is_empty() => commit,
        _ => commit + " with changes",
    }
}

/// What it was measured on.
fn machine() -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let cpu = read("/proc/cpuinfo");
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name"));
    let model = model.map_or("an unnamed processor", |line| {
        line.trim_start_matches([' ', '\t', ':'])
    });
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let kernel = read("/proc/sys/kernel/osrelease");
    let numbers: String = kernel
        .chars()
        .take_while(|c| c.is_ascii_digit() || *c == '.')
        .collect();
    format!("{cores} cores of {model}, Linux {numbers}")
}
