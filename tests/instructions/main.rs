//! What the paths that every message takes cost, in instructions that callgrind counts: the same on a busy
//! machine and on a quiet one. Fails where one costs over five hundredths more than `figures.tsv` says, or less: what
//! was saved could come back unseen. The figures are those of a compiler, which the file names.
//!
//! After a change that is meant to cost more, or that saves, and with another compiler: `BGPTAP_FIGURES=write`,
//! profile `fast`, and the file's change is part of the commit, to be seen by who reads it.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../support/full_table.rs"]
mod full_table;
#[path = "../support/speakers.rs"]
mod speakers;
#[path = "../support/mod.rs"]
mod support;
mod work;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Hundredths above or below the figure that fail.
const CHANGE_MAX: f64 = 5.0;
/// Names the work that a process under callgrind does.
const WORK: &str = "BGPTAP_INSTRUCTIONS_OF";
const FIGURES: &str = "BGPTAP_FIGURES";
/// Writes the figures again.
const AGAIN: &str = "BGPTAP_FIGURES=write cargo test --profile fast --test instructions";
/// Begins the line that names the compiler.
const COMMENT: char = '#';

fn file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/instructions/figures.tsv")
}

/// Work and its figure, as the file has them, and the compiler that they are of.
fn figures() -> (BTreeMap<String, u64>, String) {
    let text = std::fs::read_to_string(file()).unwrap_or_default();
    let (named, figures): (Vec<_>, Vec<_>) =
        text.lines().partition(|line| line.starts_with(COMMENT));
    let lines = figures.iter().map(|line| line.split_once('\t').unwrap());
    let figures = lines.map(|(name, figure)| (name.to_owned(), figure.parse().unwrap()));
    let compiler = named.concat().trim_start_matches([COMMENT, ' ']).to_owned();
    (figures.collect(), compiler)
}

/// The compiler that is chosen for this repository.
fn compiler() -> String {
    let mut rustc = Command::new("rustc");
    let output = rustc
        .arg("--version")
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output();
    let said = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    said.unwrap_or_else(|_| "an unknown compiler".to_owned())
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
fn instructions_are_what_they_were() {
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
    let compiler = compiler();
    if std::env::var(FIGURES).is_ok_and(|what| what == "write") {
        let lines = counted.iter().map(|(name, n)| format!("{name}\t{n}\n"));
        let text = format!("{COMMENT} {compiler}\n{}", lines.collect::<String>());
        std::fs::write(file(), text).unwrap();
    }
    let (figures, theirs) = figures();
    assert!(
        figures.keys().eq(counted.keys()),
        "the figures of all work are made by {AGAIN}"
    );
    println!("figures of {theirs}, counted with {compiler}");
    let (mut dearer, mut cheaper) = (Vec::new(), Vec::new());
    for (name, now) in &counted {
        let figure = figures[name];
        let change = 100.0 * (*now as f64 / figure as f64 - 1.0);
        println!("{name}: {now} instructions, {change:+.2} % of {figure}");
        assert!(*now > 0, "{name} was not measured at all");
        if change > CHANGE_MAX {
            dearer.push(name);
        } else if change < -CHANGE_MAX {
            cheaper.push(name);
        }
    }
    let note = if compiler == theirs {
        String::new()
    } else {
        format!(" The figures are those of {theirs}, and this is {compiler}.")
    };
    assert!(
        dearer.is_empty(),
        "cost more than they did: {dearer:?}.{note} If that is meant: {AGAIN}"
    );
    assert!(
        cheaper.is_empty(),
        "a saving: {cheaper:?}.{note} Write the figures again, or it could come back unseen: {AGAIN}"
    );
}
