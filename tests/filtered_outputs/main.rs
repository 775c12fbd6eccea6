//! A filter of one output leaves in it what readers that others wrote select of what it holds without the filter, and
//! leaves the other outputs alone.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![allow(unreachable_pub, reason = "modules of this test alone")]

mod cases;
mod changes;
#[path = "../bmp/conversation.rs"]
mod conversation;
mod fields;
mod language;
mod made;
mod seen;
#[path = "../support/mod.rs"]
mod support;

use seen::Seen;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use support::{Scratch, corpus, have, recording, tshark};

/// Outputs of one run, by the name of their file or folder.
const OUTPUTS: [&str; 5] = ["json", "mrt", "text", "evidence", "summary"];

/// What `bgptap read` wrote to all outputs.
struct Run(Scratch);

impl Run {
    fn of(file: &Path, more: &[&str]) -> Self {
        let scratch = Scratch::new("filtered");
        let mut command = Command::new(env!("CARGO_BIN_EXE_bgptap"));
        command.arg("read").arg(file).arg("--raw").args(more);
        for name in OUTPUTS {
            command.arg(format!("--{name}")).arg(scratch.path(name));
        }
        let output = command.output().unwrap();
        // 1: the file is damaged; what came before the damage is there.
        let ended = output.status.code();
        assert!(matches!(ended, Some(0 | 1)), "{command:?}: {output:?}");
        Self(scratch)
    }

    /// Everything that an output has, by the names of its files.
    fn all(&self, name: &str) -> BTreeMap<PathBuf, Vec<u8>> {
        let path = self.0.path(name);
        let files = match fs::read_dir(&path) {
            Ok(folder) => folder.map(|entry| entry.unwrap().path()).collect(),
            Err(_) => Vec::from([path.clone()]),
        };
        // Without a record there is no archive.
        let files = files.into_iter().filter(|file| file.exists());
        let named = |file: PathBuf| file.strip_prefix(&path).unwrap().to_owned();
        files
            .map(|file| {
                let bytes = fs::read(&file).unwrap();
                (named(file), bytes)
            })
            .collect()
    }

    fn summary(&self) -> Value {
        let mut summary = serde_json::from_slice(&fs::read(self.0.path("summary")).unwrap());
        let fields = summary
            .as_mut()
            .map(|value: &mut Value| value.as_object_mut());
        // How long it took is another each time.
        fields.unwrap().unwrap().remove("duration_s").unwrap();
        summary.unwrap()
    }

    /// The lines of `--json`, also as they are read.
    fn events(&self) -> Vec<(String, Value)> {
        let text = fs::read_to_string(self.0.path("json")).unwrap();
        let event = |line: &str| serde_json::from_str(line).unwrap();
        text.lines()
            .map(|line| (line.to_owned(), event(line)))
            .collect()
    }

    fn records(&self) -> Vec<(Vec<u8>, Option<Seen>)> {
        // Without a record there is no archive.
        let archive = fs::read(self.0.path("mrt")).unwrap_or_default();
        seen::records(&archive)
    }

    /// What happened, as the comments of the frames say it: time, ports and comment.
    fn incidents(&self) -> Vec<(String, String, String)> {
        let mut found = Vec::new();
        for file in self.all("evidence").keys() {
            let fields = ["frame.time_epoch", "tcp.port", "frame.comment"];
            let file = self.0.path("evidence").join(file);
            for line in tshark::fields(&file, "frame.comment", &fields) {
                let [time, ports, comments] = line.split('\t').collect::<Vec<_>>()[..] else {
                    panic!("{line}");
                };
                let comments = comments.split('|').map(str::to_owned);
                found.extend(comments.map(|text| (time.into(), ports.into(), text)));
            }
        }
        found.sort();
        found
    }

    /// Fails if another output than this one is not what it was.
    fn assert_rest_as(&self, before: &Self, filtered: &str, what: &str) {
        for name in OUTPUTS {
            match name {
                _ if name == filtered => {}
                "summary" => assert_eq!(self.summary(), before.summary(), "{what}: {name}"),
                _ => assert!(self.all(name) == before.all(name), "{what}: {name} differs"),
            }
        }
    }
}

/// The recording of the lab, and the captures of the corpus with more than a few messages.
fn captures() -> Option<Vec<PathBuf>> {
    let mut files = corpus()?;
    files.retain(|file| file.components().any(|part| part.as_os_str() == "bgp"));
    files.retain(|file| fs::metadata(file).unwrap().len() > 2000);
    files.push(recording().to_owned());
    Some(files)
}

/// A message that its receiver cannot use as it is: how much of it there is to a filter, readers answer differently.
fn is_disputed(event: &Value) -> bool {
    event.get("errors").is_some()
}

/// Events that are records too.
fn is_recorded(event: &Value) -> bool {
    event.get("raw").is_some() || event["type"] == "STATE"
}

#[test]
fn lines_are_those_that_a_reader_of_json_selects() {
    let Some(files) = captures() else { return };
    let (mut selected, mut left_out) = (0, 0);
    for file in files {
        let plain = Run::of(&file, &[]);
        let all = plain.events();
        let all: Vec<_> = all
            .iter()
            .map(|(line, event)| (line, Seen::of_line(event)))
            .collect();
        for (expr, wants) in seen::questions(all.iter().map(|(_, seen)| seen)) {
            let what = format!("{}: {expr}", file.display());
            let run = Run::of(&file, &["--json-filter", &expr]);
            let wanted = all.iter().filter(|(_, seen)| wants(seen));
            let wanted: Vec<_> = wanted.map(|(line, _)| line.as_str()).collect();
            let found = run.events();
            let found: Vec<_> = found.iter().map(|(line, _)| line.as_str()).collect();
            assert_eq!(found, wanted, "{what}");
            run.assert_rest_as(&plain, "json", &what);
            selected += found.len();
            left_out += all.len() - found.len();
        }
    }
    println!("{selected} lines selected, {left_out} left out");
    assert!(selected > 1000 && left_out > 1000, "{selected}, {left_out}");
}

#[test]
fn records_are_those_that_bgpkit_selects() {
    let Some(files) = captures() else { return };
    let (mut selected, mut left_out, mut disputed) = (0, 0, 0);
    for file in files {
        let plain = Run::of(&file, &[]);
        let (events, records) = (plain.events(), plain.records());
        let told: Vec<_> = events.iter().filter(|(_, e)| is_recorded(e)).collect();
        assert_eq!(told.len(), records.len(), "{}", file.display());
        for (expr, wants) in seen::questions(records.iter().filter_map(|(_, seen)| seen.as_ref())) {
            let what = format!("{}: {expr}", file.display());
            let run = Run::of(&file, &["--mrt-filter", &expr]);
            let mut found = run.records().into_iter().map(|(bytes, _)| bytes).peekable();
            for ((bytes, seen), (line, event)) in records.iter().zip(&told) {
                let is_there = found.next_if_eq(bytes).is_some();
                match seen.as_ref().filter(|_| !is_disputed(event)) {
                    Some(seen) => assert_eq!(is_there, wants(seen), "{what}: {line}"),
                    None => disputed += 1,
                }
                *(if is_there {
                    &mut selected
                } else {
                    &mut left_out
                }) += 1;
            }
            assert_eq!(found.next(), None, "{what}: one more");
            run.assert_rest_as(&plain, "mrt", &what);
        }
    }
    println!("{selected} records selected, {left_out} left out, {disputed} not compared");
    assert!(selected > 1000 && left_out > 1000, "{selected}, {left_out}");
    assert!(disputed * 10 < selected + left_out, "{disputed}");
}

#[test]
fn incidents_are_those_whose_comments_fit() {
    if !have("tshark") {
        return;
    }
    let plain = Run::of(recording(), &[]);
    let all = plain.incidents();
    let from = |text: &str, kind: &str, address: &str| {
        text.starts_with(kind) && text.contains(&format!(" from {address} to "))
    };
    type Fits<'f> = &'f dyn Fn(&str) -> bool;
    let cases: [(&str, Fits<'_>); 5] = [
        ("type notification", &|text| {
            text.starts_with("NOTIFICATION")
        }),
        ("type state", &|text| text.contains(" lost: ")),
        ("errors", &|text| text.starts_with("UPDATE")),
        ("type notification and peer 192.0.2.1", &|text| {
            from(text, "NOTIFICATION", "192.0.2.1")
        }),
        ("type update and not peer 192.0.2.1", &|text| {
            text.starts_with("UPDATE") && !from(text, "UPDATE", "192.0.2.1")
        }),
    ];
    for (expr, wants) in cases {
        let run = Run::of(recording(), &["--evidence-filter", expr]);
        let wanted = all.iter().filter(|(_, _, text)| wants(text));
        let wanted: Vec<_> = wanted.cloned().collect();
        assert!(!wanted.is_empty() && wanted.len() < all.len(), "{expr}");
        assert_eq!(run.incidents(), wanted, "{expr}");
        run.assert_rest_as(&plain, "evidence", expr);
    }
}

/// Tables at the end: the lines of the routes that fit, and those of all tables, which count all their routes.
#[test]
fn routes_are_those_that_a_reader_of_json_selects() {
    let routes = |filter: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bgptap"));
        command
            .arg("read")
            .arg(recording())
            .args(["--rib-out", "-"]);
        let output = command.args(filter).output().unwrap();
        assert!(output.status.success(), "{filter:?}: {output:?}");
        let text = String::from_utf8(output.stdout).unwrap();
        let lines = text.lines().map(|line| {
            let value: Value = serde_json::from_str(line).unwrap();
            (line.to_owned(), value)
        });
        lines.collect::<Vec<_>>()
    };
    let all = routes(&[]);
    let first = all.iter().find(|(_, line)| line["type"] == "ROUTE");
    let first = &first.unwrap().1;
    let [peer, prefix] = ["peer", "prefix"].map(|name| first[name].as_str().unwrap());
    type Wants<'w> = &'w dyn Fn(&Value) -> bool;
    let cases: [(String, Wants<'_>); 4] = [
        (format!("prefix {prefix}"), &|line| line["prefix"] == prefix),
        (format!("peer {peer}"), &|line| line["peer"] == peer),
        (format!("prefix {prefix} and not peer {peer}"), &|line| {
            line["prefix"] == prefix && line["peer"] != peer
        }),
        ("type keepalive".into(), &|_| false),
    ];
    for (expr, wants) in cases {
        let wanted = all.iter();
        let wanted = wanted.filter(|(_, line)| line["type"] == "TABLE" || wants(line));
        let wanted: Vec<_> = wanted.collect();
        assert!(wanted.len() < all.len(), "{expr}");
        let found = routes(&["--filter", &expr]);
        assert_eq!(found.iter().collect::<Vec<_>>(), wanted, "{expr}");
    }
}

/// What is left of UPDATEs are those that change a table of the test's own, in all outputs of events; the summary does
/// not ask.
#[test]
fn changes_are_those_of_a_table_of_ones_own() {
    let Some(files) = captures() else { return };
    let (mut changing, mut idle) = (0, 0);
    for file in files {
        let what = file.display().to_string();
        let plain = Run::of(&file, &[]);
        let all = plain.events();
        let changes = changes::of(all.iter().map(|(_, event)| event));
        let run = Run::of(&file, &["--only-changes"]);
        let wanted = all.iter().zip(&changes).filter(|(_, changes)| **changes);
        let wanted: Vec<_> = wanted.map(|((line, _), _)| line.as_str()).collect();
        let found = run.events();
        let found: Vec<_> = found.iter().map(|(line, _)| line.as_str()).collect();
        assert_eq!(found, wanted, "{what}");

        let recorded = all.iter().zip(&changes);
        let recorded = recorded.filter(|((_, event), _)| is_recorded(event));
        let records = plain.records();
        let wanted = records.iter().zip(recorded).filter(|(_, (_, is))| **is);
        let wanted: Vec<_> = wanted.map(|((bytes, _), _)| bytes.clone()).collect();
        let found = run.records();
        let found: Vec<_> = found.into_iter().map(|(bytes, _)| bytes).collect();
        assert!(found == wanted, "{what}: other records");
        assert_eq!(run.summary(), plain.summary(), "{what}");
        changing += wanted.len();
        idle += changes.iter().filter(|changes| !**changes).count();
    }
    println!("{changing} records kept, {idle} UPDATEs without a change");
    assert!(changing > 3000 && idle > 100, "{changing}, {idle}");
}

/// Evidence of an UPDATE is left out where it changes no table of the test's own; all other evidence is there.
#[test]
fn incidents_of_updates_are_those_that_change_a_table() {
    if !have("tshark") {
        return;
    }
    let plain = Run::of(recording(), &[]);
    let events = plain.events();
    let changes = changes::of(events.iter().map(|(_, event)| event));
    let idle = events.iter().zip(changes);
    let idle = idle.filter(|((_, event), changes)| !changes && is_disputed(event));
    let idle: BTreeSet<(String, String)> = idle
        .map(|((_, event), _)| {
            let text = |name: &str| event[name].as_str().unwrap();
            let begin = format!("UPDATE from {} to {},", text("peer"), text("local"));
            (text("ts_ns").to_owned(), begin)
        })
        .collect();
    let mut wanted = plain.incidents();
    let all = wanted.len();
    wanted.retain(|(time, _, text)| {
        let time = time.replace('.', "");
        let is = |(ns, begin): &(String, String)| *ns == time && text.starts_with(begin);
        !idle.iter().any(is)
    });
    assert!(!wanted.is_empty() && wanted.len() < all, "{idle:?}");
    let run = Run::of(recording(), &["--only-changes"]);
    assert_eq!(run.incidents(), wanted);
}
