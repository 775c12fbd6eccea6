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
mod exabgp;
mod exabgp_tlvs;
mod ext_community;
mod nlri;
mod projects;
mod quoted;
#[path = "../support/skip.rs"]
#[allow(unreachable_pub, reason = "shared by several test programs")]
mod skip;
mod tshark;

/// A difference that an RFC decides in our favour.
struct Allowed {
    /// How the file's name begins.
    file: &'static str,
    /// Numbers of the messages in it.
    messages: RangeInclusive<u64>,
    fields: &'static [&'static str],
    why: &'static str,
}

fn corpus() -> Option<PathBuf> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus");
    if dir.is_dir() {
        return Some(dir);
    }
    skip::skip(&format!("no corpus at {}", dir.display()));
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
    compared: BTreeMap<&'static str, u64>,
}

impl Differences {
    fn new(allowed: &'static [Allowed]) -> Self {
        Self {
            allowed,
            found: Vec::new(),
            used: BTreeSet::new(),
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
            file.starts_with(a.file) && a.messages.contains(&number) && a.fields.contains(&field)
        });
        match allowed {
            Some(index) => {
                self.used.insert((index, field));
            }
            None => self.found.push(format!(
                "{file} message {number} {field}:\n  ours   {ours}\n  theirs {theirs}"
            )),
        }
    }

    fn finish(self) {
        eprintln!("compared: {:?}", self.compared);
        assert!(self.found.is_empty(), "{}", self.found.join("\n"));
        for (index, entry) in self.allowed.iter().enumerate() {
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

fn strings<T: ToString>(items: Option<impl Iterator<Item = T>>) -> Value {
    items.map_or(Value::Null, |items| {
        items.map(|item| Value::from(item.to_string())).collect()
    })
}

fn text<T: ToString>(value: Option<T>) -> Value {
    value.map_or(Value::Null, |value| value.to_string().into())
}
