//! What the paths that every message takes cost, in instructions that callgrind counts: the same on a busy
//! machine and on a quiet one. Fails where one costs over five hundredths more than `figures.tsv` says.
//!
//! After a change that is meant to cost more, or that saves: `BGPTAP_FIGURES=write`, profile `fast`, and the
//! file's change is part of the commit, to be seen by who reads it.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../support/mod.rs"]
mod support;
mod work;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Hundredths above the figure that fail.
const MORE_MAX: f64 = 5.0;
/// Names the work that a process under callgrind does.
const WORK: &str = "BGPTAP_INSTRUCTIONS_OF";
const FIGURES: &str = "BGPTAP_FIGURES";

fn file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/instructions/figures.tsv")
}

/// Work and its figure, as the file has them.
fn figures() -> BTreeMap<String, u64> {
    let text = std::fs::read_to_string(file()).unwrap_or_default();
    let lines = text.lines().map(|line| line.split_once('\t').unwrap());
    lines
        .map(|(name, figure)| (name.to_owned(), figure.parse().unwrap()))
        .collect()
}

/// Runs this program again under callgrind; the instructions of [`work::measured`] alone.
fn count(name: &str) -> u64 {
    let mut command = Command::new("valgrind");
    command
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg("--toggle-collect=*work*measured*")
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "the_work_itself"]);
    let output = command.env(WORK, name).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name}: {said}");
    let collected = said
        .lines()
        .find_map(|line| line.split_once("Collected : "))
        .unwrap_or_else(|| panic!("{name}: {said}"));
    collected.1.trim().parse().unwrap()
}

/// Run by [`count`]; by itself there is nothing to do.
#[test]
fn the_work_itself() {
    if let Ok(name) = std::env::var(WORK) {
        work::run(&name);
    }
}

#[test]
fn nothing_costs_more_instructions_than_it_did() {
    if cfg!(debug_assertions) || !cfg!(target_arch = "x86_64") {
        support::skip::skip("the figures are of optimised programs for x86-64: --profile fast");
        return;
    }
    if Command::new("valgrind").arg("--version").output().is_err() {
        support::skip::skip("valgrind is missing: scripts/setup --lab");
        return;
    }
    let counted: BTreeMap<String, u64> = work::NAMES
        .map(|name| (name.to_owned(), count(name)))
        .into();
    if std::env::var(FIGURES).is_ok_and(|what| what == "write") {
        let lines = counted.iter().map(|(name, n)| format!("{name}\t{n}\n"));
        std::fs::write(file(), lines.collect::<String>()).unwrap();
    }
    let figures = figures();
    assert!(
        figures.keys().eq(counted.keys()),
        "{FIGURES}=write makes the figures of all work"
    );
    let mut dearer = Vec::new();
    for (name, now) in &counted {
        let figure = figures[name];
        let change = 100.0 * (*now as f64 / figure as f64 - 1.0);
        println!("{name}: {now} instructions, {change:+.2} % of {figure}");
        if change > MORE_MAX {
            dearer.push(name);
        }
        assert!(*now > 0, "{name} was not measured at all");
    }
    assert!(dearer.is_empty(), "cost more than they did: {dearer:?}");
}
