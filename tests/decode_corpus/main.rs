//! Decoding against truth that others made: tshark's reading of each BGP capture
//! of the corpus, and the JSON that ExaBGP expects for its own vectors.
//!
//! Each allowed difference stands in a table with the clause that decides it;
//! one that is not listed fails the test, and so does one that no longer occurs.
#![allow(clippy::expect_used, clippy::unwrap_used, missing_docs)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use serde_json::Value;

mod bgpdump;
mod elsewhere;
mod exabgp;
mod exabgp_tlvs;
mod ext_community;
mod nlri;
mod projects;
mod quoted;
#[path = "../support/mod.rs"]
mod support;
mod tshark;

/// A difference that an RFC decides in our favour.
struct Allowed {
    /// How the file's name begins.
    file: &'static str,
    /// Numbers of the messages in it.
    messages: &'static [RangeInclusive<u64>],
    fields: &'static [&'static str],
    why: &'static str,
}

fn corpus() -> Option<PathBuf> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus");
    if dir.is_dir() {
        return Some(dir);
    }
    support::skip::skip(&format!("no corpus at {}", dir.display()));
    None
}

fn lines(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).expect("readable");
    text.lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect()
}

fn bytes(hex: &str) -> Vec<u8> {
    let digit = |c: u8| (c as char).to_digit(16).expect("hexadecimal") as u8;
    hex.as_bytes()
        .chunks(2)
        .map(|pair| digit(pair[0]) << 4 | digit(pair[1]))
        .collect()
}

/// Field by field differences, collected and then held against a table.
struct Differences {
    allowed: &'static [Allowed],
    found: Vec<String>,
    used: BTreeSet<(usize, &'static str)>,
    used_ranges: BTreeSet<(usize, u64)>,
    compared: BTreeMap<&'static str, u64>,
}

impl Differences {
    fn new(allowed: &'static [Allowed]) -> Self {
        Self {
            allowed,
            found: Vec::new(),
            used: BTreeSet::new(),
            used_ranges: BTreeSet::new(),
            compared: BTreeMap::new(),
        }
    }

    fn compare(
        &mut self,
        file: &str,
        number: u64,
        field: &'static str,
        ours: &Value,
        theirs: &Value,
    ) {
        *self.compared.entry(field).or_default() += 1;
        if ours == theirs {
            return;
        }
        let allowed = self.allowed.iter().position(|a| {
            file.starts_with(a.file)
                && a.messages.iter().any(|range| range.contains(&number))
                && a.fields.contains(&field)
        });
        match allowed {
            Some(index) => {
                self.used.insert((index, field));
                let ranges = self.allowed[index].messages.iter();
                let of_it = ranges.filter(|range| range.contains(&number));
                self.used_ranges
                    .extend(of_it.map(|range| (index, *range.start())));
            }
            None => self.found.push(format!(
                "{file} message {number} {field}:\n  ours   {ours}\n  theirs {theirs}"
            )),
        }
    }

    fn finish(self) {
        println!("compared: {:?}", self.compared);
        assert!(self.found.is_empty(), "{}", self.found.join("\n"));
        for (index, entry) in self.allowed.iter().enumerate() {
            for range in entry.messages {
                assert!(
                    self.used_ranges.contains(&(index, *range.start())),
                    "{} {range:?} no longer differs: {}",
                    entry.file,
                    entry.why
                );
            }
            for field in entry.fields {
                assert!(
                    self.used.contains(&(index, field)),
                    "{} {field} no longer differs: {}",
                    entry.file,
                    entry.why
                );
            }
        }
    }
}

/// A row of the page for each line of the tables.
fn rows() -> Vec<String> {
    let tables = [tshark::ALLOWED, projects::ALLOWED, exabgp::ALLOWED_EXABGP];
    let row = |allowed: &Allowed| {
        let messages: Vec<_> = allowed
            .messages
            .iter()
            .map(|range| match range.end() - range.start() {
                0 => range.start().to_string(),
                _ => format!("{} to {}", range.start(), range.end()),
            })
            .collect();
        format!(
            "| {} | {} | {} | {} |",
            allowed.file,
            messages.join(", "),
            allowed.fields.join(", "),
            allowed.why
        )
    };
    tables.into_iter().flatten().map(row).collect()
}

#[test]
fn the_page_has_each_difference() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/decoder.md");
    let page = fs::read_to_string(page).expect("readable");
    let head = "| file | messages | fields | why |\n| --- | --- | --- | --- |\n";
    let (_, table) = page.split_once(head).expect("the table");
    let told: Vec<_> = table.lines().take_while(|line| !line.is_empty()).collect();
    assert_eq!(told, rows(), "the rows are:\n{}", rows().join("\n"));
}

fn strings<T: ToString>(items: Option<impl Iterator<Item = T>>) -> Value {
    items.map_or(Value::Null, |items| {
        items.map(|item| Value::from(item.to_string())).collect()
    })
}

fn text<T: ToString>(value: Option<T>) -> Value {
    value.map_or(Value::Null, |value| value.to_string().into())
}
