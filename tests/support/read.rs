//! `bgptap read` as its users run it, and whether its accounts are right.

use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

/// Who spoke to whom: addresses and ports of the sender, then of the receiver.
pub type Direction = (String, u16, String, u16);

/// What one run of `bgptap read` printed.
pub struct Run {
    /// The lines of `--json`.
    pub events: Vec<Value>,
    /// The object of `--summary`.
    pub summary: Value,
}

/// Runs `bgptap read FILE --json - --raw --summary` and more; checks the accounts it gives.
///
/// # Panics
/// If it fails, or if one of the two equations of conservation does not hold.
pub fn read(file: &Path, more: &[&str]) -> Run {
    let scratch = super::Scratch::new("read");
    let path = scratch.path("summary.json");
    let output = Command::new(env!("CARGO_BIN_EXE_bgptap"))
        .args(["read", "--json", "-", "--raw", "--summary"])
        .arg(&path)
        .args(more)
        .arg(file)
        .output()
        .unwrap();
    // 1: the file is damaged; what came before the damage is there.
    assert!(
        matches!(output.status.code(), Some(0 | 1)),
        "{}: {output:?}",
        file.display()
    );
    let text = std::str::from_utf8(&output.stdout).unwrap();
    let run = Run {
        events: text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect(),
        summary: serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap(),
    };
    run.check_accounts(&file.display().to_string());
    run
}

/// Where the payload bytes of one direction went: an object of `directions` in the summary.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Account {
    pub captured: u64,
    pub span: u64,
    pub decoded: u64,
    pub skipped: u64,
    pub duplicate: u64,
    pub quarantined: u64,
    pub discarded: u64,
    pub pending: u64,
    pub open_hole: u64,
    pub gap: u64,
}

impl Account {
    fn of(direction: &Value) -> Self {
        let number = |name: &str| direction[name].as_u64().unwrap();
        let discarded = direction["discarded"].as_object().unwrap();
        Self {
            captured: number("captured"),
            span: number("span"),
            decoded: number("decoded"),
            skipped: number("skipped"),
            duplicate: number("duplicate"),
            quarantined: number("quarantined"),
            discarded: discarded.values().map(|n| n.as_u64().unwrap()).sum(),
            pending: number("pending"),
            open_hole: number("open_hole"),
            gap: number("gap"),
        }
    }

    /// Bytes that were put in order, whatever became of them then.
    pub fn ordered(&self) -> u64 {
        self.decoded + self.skipped + self.quarantined + self.pending
    }

    /// Adds what another session between the same endpoints came to.
    fn add(&mut self, other: &Self) {
        self.captured += other.captured;
        self.span += other.span;
        self.decoded += other.decoded;
        self.skipped += other.skipped;
        self.duplicate += other.duplicate;
        self.quarantined += other.quarantined;
        self.discarded += other.discarded;
        self.pending += other.pending;
        self.open_hole += other.open_hole;
        self.gap += other.gap;
    }
}

impl Run {
    /// Both equations of conservation for each direction, what the messages and gaps that were
    /// printed add up to, and that nothing is left over.
    fn check_accounts(&self, file: &str) {
        for (direction, account) in self.accounts() {
            let a = account;
            assert_eq!(
                a.captured,
                a.ordered() + a.duplicate + a.discarded,
                "{file}: {direction:?} captured: {a:?}"
            );
            assert_eq!(
                a.span,
                a.ordered() + a.gap + a.open_hole,
                "{file}: {direction:?} span: {a:?}"
            );
            let sum = |kind: fn(&Value) -> u64| -> u64 {
                let events = self.events.iter().filter(|e| direction_of(e) == direction);
                events.map(kind).sum()
            };
            let lengths = sum(|e| e["length"].as_u64().unwrap_or(0));
            assert_eq!(lengths, a.decoded, "{file}: {direction:?}: messages");
            let gaps = sum(|e| bytes_of(e, "GAP"));
            assert_eq!(gaps, a.gap, "{file}: {direction:?}: gaps");
            let malformed = sum(|e| bytes_of(e, "MALFORMED"));
            assert_eq!(malformed, a.quarantined, "{file}: {direction:?}: malformed");
        }
        let unaccounted = &self.summary["unaccounted"];
        assert_eq!(unaccounted["frames"], 0, "{file}");
        assert_eq!(unaccounted["bytes"], 0, "{file}");
    }

    /// What each direction came to; sessions between the same endpoints together.
    pub fn accounts(&self) -> BTreeMap<Direction, Account> {
        let mut accounts = BTreeMap::<_, Account>::new();
        for direction in self.summary["directions"].as_array().unwrap() {
            let account = accounts.entry(direction_of(direction)).or_default();
            account.add(&Account::of(direction));
        }
        accounts
    }

    /// The messages of each direction, in order, as hex.
    pub fn messages(&self) -> BTreeMap<Direction, Vec<String>> {
        let mut messages = BTreeMap::<_, Vec<_>>::new();
        for event in &self.events {
            if let Some(raw) = event["raw"].as_str() {
                let list = messages.entry(direction_of(event)).or_default();
                list.push(raw.to_owned());
            }
        }
        messages
    }
}

/// Whom an event or a direction of the summary is about.
pub fn direction_of(event: &Value) -> Direction {
    let text = |name: &str| event[name].as_str().unwrap().to_owned();
    let port = |name: &str| u16::try_from(event[name].as_u64().unwrap()).unwrap();
    (
        text("peer"),
        port("peer_port"),
        text("local"),
        port("local_port"),
    )
}

fn bytes_of(event: &Value, kind: &str) -> u64 {
    let bytes = event["bytes"].as_u64().filter(|_| event["type"] == kind);
    bytes.unwrap_or(0)
}
