//! MRT files against readers that others wrote: bgpdump, bgpkit-parser and mrtparse.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![allow(unreachable_pub, reason = "modules of one test program")]

mod archives;
#[path = "../support/attributes.rs"]
mod attributes;
mod bgpdump;
mod bgpkit;
#[path = "../support/full_table.rs"]
mod full_table;
mod made;
mod moving;
mod mrtparse;
mod mrtparse_tables;
mod rotation;
#[path = "../support/speakers.rs"]
mod speakers;
#[path = "../support/mod.rs"]
mod support;
mod tables;

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use support::{Scratch, corpus, recording};

/// Runs `bgptap read FILE` with more arguments.
fn read(file: &Path, more: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bgptap"));
    let output = command.arg("read").arg(file).args(more).output().unwrap();
    // 1: the file is damaged; what came before the damage is there.
    let ended = output.status.code();
    assert!(
        matches!(ended, Some(0 | 1)),
        "{}: {output:?}",
        file.display()
    );
    output
}

fn lines(bytes: &[u8]) -> Vec<Value> {
    let lines = std::str::from_utf8(bytes).unwrap().lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// A capture as MRT, with its events and its elements as JSON.
struct Converted {
    scratch: Scratch,
    events: Vec<Value>,
    elements: Vec<Value>,
}

impl Converted {
    fn new(file: &Path) -> Self {
        let scratch = Scratch::new("mrt");
        let mrt = scratch.path("a.mrt");
        let args = ["--mrt", mrt.to_str().unwrap(), "--json", "-"];
        let events = read(file, &[&args[..], &["--raw"]].concat()).stdout;
        let elements = read(file, &["--json", "-", "--json-format", "elem"]).stdout;
        Self {
            events: lines(&events),
            elements: lines(&elements),
            scratch,
        }
    }

    /// The MRT file; there is none if nothing was written to it.
    fn mrt(&self) -> Option<PathBuf> {
        Some(self.scratch.path("a.mrt")).filter(|path| path.exists())
    }
}

/// The captures with BGP, and the recording of the lab.
fn captures() -> Option<Vec<PathBuf>> {
    let mut files = corpus()?;
    files.retain(|file| !file.components().any(|part| part.as_os_str() == "bmp"));
    files.push(recording().to_owned());
    Some(files)
}

/// An archive of the corpus; `None`, and a word about it, if that is absent.
fn archive(name: &str) -> Option<PathBuf> {
    corpus()?;
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus/mrt");
    Some(root.join(name))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
