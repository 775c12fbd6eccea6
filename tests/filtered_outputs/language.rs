//! Every test of the language, on captures in which it selects some events and not all.

use super::cases::Cases;
use super::made;
use super::support::{Scratch, corpus, recording};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The lines of `--json` that a filter leaves, or all.
fn lines(file: &Path, filter: Option<&str>) -> Vec<String> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bgptap"));
    command.args(["read", "--json", "-"]).arg(file);
    command.args(filter.iter().flat_map(|expr| ["--filter", expr]));
    let output = command.output().unwrap();
    // 1: the file is damaged; what came before the damage is there.
    let ended = output.status.code();
    assert!(matches!(ended, Some(0 | 1)), "{filter:?}: {output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(str::to_owned).collect()
}

/// Asks a file by the expressions that `is_asked` takes; those that have selected some of the events and not all.
fn expressions_of(file: &Path, is_asked: impl Fn(&str) -> bool) -> BTreeSet<String> {
    let all = lines(file, None);
    let events: Vec<Value> = all
        .iter()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let mut told = BTreeSet::new();
    for (expr, wanted) in Cases::of(&events).list {
        let wanted = all.iter().zip(wanted).filter(|(_, wanted)| *wanted);
        let wanted: Vec<_> = wanted.map(|(line, _)| line).collect();
        let is_some = !wanted.is_empty() && wanted.len() < all.len();
        if !is_some || !is_asked(&expr) || !told.insert(expr.clone()) {
            continue;
        }
        let found = lines(file, Some(&expr));
        let mut pairs = found.iter().zip(&wanted);
        let other = pairs.find(|(found, wanted)| found != *wanted);
        let counts = (found.len(), wanted.len());
        assert!(
            other.is_none() && counts.0 == counts.1,
            "{}: {expr}: {counts:?} lines; found and wanted: {other:#?}",
            file.display()
        );
    }
    told
}

/// The names of tests that the page has, with one of their values where they are a list, and other names.
fn on_the_page() -> BTreeSet<String> {
    let page = include_str!("../../docs/filters.md");
    let words = |text: &str| {
        let quoted = text.split('`').skip(1).step_by(2).map(str::to_owned);
        quoted.collect::<Vec<_>>()
    };
    let mut found = BTreeSet::new();
    let rows = page
        .lines()
        .skip_while(|line| !line.starts_with("| test |"));
    for row in rows.skip(2).take_while(|line| line.starts_with('|')) {
        let cells: Vec<_> = row.split('|').collect();
        for name in words(cells[1]).iter().chain(&words(cells[3])) {
            if name == "type T" {
                found.extend(words(cells[2]).iter().map(|kind| format!("type {kind}")));
            } else {
                found.extend(name.split(' ').next().map(str::to_owned));
            }
        }
    }
    let (_, relations) = page.split_once("**Prefixes.**").unwrap();
    let (relations, _) = relations.split_once("Or as BIRD").unwrap();
    found.extend(words(relations).iter().map(|word| format!("prefix {word}")));
    let families = page.lines().find(|line| line.starts_with("**Families**"));
    let families = words(families.unwrap()).into_iter();
    found.extend(families.map(|name| format!("family {name}")));
    found
}

/// Asks all files by the expressions that begin with names: each name has to have selected something.
fn ask(files: &[PathBuf], names: &BTreeSet<String>) {
    let begins = |expr: &str, name: &str| {
        let rest = expr.strip_prefix(name);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
    };
    let is_asked = |expr: &str| names.iter().any(|name| begins(expr, name));
    let told = files.iter().flat_map(|file| expressions_of(file, is_asked));
    let told: BTreeSet<_> = told.collect();
    println!("{} expressions", told.len());
    let is_told = |name: &&String| told.iter().any(|expr| begins(expr, name));
    let missing: Vec<_> = names.iter().filter(|name| !is_told(name)).collect();
    assert!(missing.is_empty(), "nothing was selected by {missing:?}");
}

/// All that is on the page of the language, by the fields of the lines.
#[test]
fn each_test_selects_what_the_fields_of_lines_say() {
    let mut names = on_the_page();
    assert!(names.len() > 50, "{names:?}");
    // Only captures of the corpus have them.
    assert!(names.remove("family vpnv6"));
    // Names in any case, and what is joined.
    names.extend(["TYPE".to_owned(), "not".to_owned()]);
    let scratch = Scratch::new("language");
    let made = [("sessions", made::sessions()), ("damaged", made::damaged())];
    let made = made.map(|(name, bytes)| scratch.write(&format!("{name}.pcap"), &bytes));
    let files = [&made[..], &[recording().to_owned()]].concat();
    ask(&files, &names);
}

/// The same of captures of others, in which families are that the recording does not have.
#[test]
fn captures_of_others_are_selected_by_the_fields_of_their_lines() {
    let Some(mut files) = corpus() else { return };
    files.retain(|file| file.components().any(|part| part.as_os_str() == "bgp"));
    let names = ["vpnv4", "vpnv6", "evpn", "flowspec", "ipv4/labeled-unicast"];
    let names = names.map(|name| format!("family {name}"));
    let others = [
        "first-as",
        "local-as",
        "eor",
        "type gap",
        "type malformed",
        "type transfer",
    ];
    let others = others.map(str::to_owned);
    ask(&files, &names.into_iter().chain(others).collect());
}
