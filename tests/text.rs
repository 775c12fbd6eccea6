//! Lines for people: the same messages as tshark and the JSON lines have, in colours where they are wanted.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use support::{Scratch, corpus, have, recording};

const ESCAPE: char = '\u{1b}';

/// `bgptap` without what the environment says of colours.
fn bgptap(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bgptap"));
    plain_environment(&mut command);
    command.args(arguments);
    command
}

fn plain_environment(command: &mut Command) {
    for variable in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "CI"] {
        command.env_remove(variable);
    }
    command.env("TERM", "xterm");
}

fn stdout(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(matches!(output.status.code(), Some(0 | 1)), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn text(file: &Path, more: &[&str]) -> String {
    stdout(bgptap(&["read", file.to_str().unwrap()]).args(more))
}

/// Time, sender, receiver, type and the rest of a line, without the AS numbers.
struct Line<'a> {
    time: String,
    speakers: [&'a str; 2],
    word: &'a str,
    rest: String,
}

/// The lines of messages and events: up to the table.
fn lines(text: &str) -> Vec<Line<'_>> {
    // Where nothing was said, it begins with the empty line.
    let (lines, _table) = match text.strip_prefix('\n') {
        Some(table) => ("", table),
        None => text.split_once("\n\n").unwrap_or((text, "")),
    };
    lines
        .lines()
        .filter(|line| !line.is_empty())
        .map(line)
        .collect()
}

fn line(line: &str) -> Line<'_> {
    let mut words = line.split(' ');
    let mut next = || words.next().unwrap();
    let time = format!("{} {}", next(), next());
    let mut speakers = [next(), ""];
    let mut word = next();
    if word != ">" {
        assert!(word.starts_with("AS"), "{line}");
        assert_eq!(next(), ">", "{line}");
    }
    speakers[1] = next();
    word = next();
    if word.starts_with("AS") {
        word = next();
    }
    let rest = words.collect::<Vec<_>>().join(" ");
    Line {
        time,
        speakers,
        word,
        rest,
    }
}

fn is_message(word: &str) -> bool {
    [
        "OPEN",
        "UPDATE",
        "NOTIFICATION",
        "KEEPALIVE",
        "ROUTE-REFRESH",
    ]
    .contains(&word)
}

/// Frame by frame, the types in tshark's column `Info` are those of our lines, with the same addresses.
#[test]
fn the_messages_are_those_of_tshark() {
    if !have("tshark") {
        return;
    }
    let mut tshark = Command::new("tshark");
    tshark
        .arg("-r")
        .arg(recording())
        .args(["-Y", "bgp", "-T", "fields"]);
    for field in ["ip.src", "ipv6.src", "ip.dst", "ipv6.dst", "_ws.col.Info"] {
        tshark.args(["-e", field]);
    }
    let theirs = stdout(&mut tshark);
    let mut expected = Vec::new();
    for frame in theirs.lines() {
        let fields: Vec<_> = frame.split('\t').collect();
        let speakers = [
            format!("{}{}", fields[0], fields[1]),
            format!("{}{}", fields[2], fields[3]),
        ];
        for message in fields[4].split(", ") {
            let word = message.strip_suffix(" Message").unwrap();
            expected.push((speakers.clone(), word.to_owned()));
        }
    }
    let ours = text(recording(), &[]);
    let ours = lines(&ours)
        .into_iter()
        .filter(|line| is_message(line.word));
    let ours: Vec<_> = ours
        .map(|line| (line.speakers.map(str::to_owned), line.word.to_owned()))
        .collect();
    assert!(expected.len() > 3000, "the recording has many messages");
    assert_eq!(ours.len(), expected.len());
    for (at, (ours, theirs)) in ours.iter().zip(&expected).enumerate() {
        assert_eq!(ours, theirs, "message {at}");
    }
}

/// The type of an event as lines have it.
fn word(event: &Value) -> String {
    event["type"].as_str().unwrap().replace("ROUTE_", "ROUTE-")
}

/// Odd messages, broken ones and gaps: each event is one line, at its time, and nothing in it can steer a terminal.
#[test]
fn every_event_of_the_corpus_is_one_line() {
    let Some(files) = corpus() else { return };
    let scratch = Scratch::new("text");
    let (json, lines_file) = (scratch.path("json"), scratch.path("text"));
    // The few larger ones hold more of the same.
    let files = files
        .iter()
        .filter(|file| file.metadata().unwrap().len() < 1 << 20);
    let mut told = 0;
    for file in files {
        let mut read = bgptap(&["read", file.to_str().unwrap(), "--json"]);
        let output = read
            .arg(&json)
            .arg("--text")
            .arg(&lines_file)
            .output()
            .unwrap();
        if output.status.code() == Some(2) {
            continue;
        }
        let name = file.display();
        let text = std::fs::read_to_string(&lines_file).unwrap();
        let steers = |char: char| char.is_control() && char != '\n';
        assert!(!text.contains(steers), "{name}");
        let events = std::fs::read_to_string(&json).unwrap();
        let events: Vec<Value> = events
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let lines = lines(&text);
        assert_eq!(lines.len(), events.len(), "{name}");
        for (line, event) in lines.iter().zip(&events) {
            assert_eq!(line.word, word(event), "{name}");
            assert_eq!(
                line.speakers,
                [&event["peer"], &event["local"]].map(|a| a.as_str().unwrap())
            );
            let ts_ns: u64 = event["ts_ns"].as_str().unwrap().parse().unwrap();
            let fraction = format!(".{:06}Z", ts_ns / 1000 % 1_000_000);
            assert!(
                line.time.ends_with(&fraction),
                "{name}: {} {ts_ns}",
                line.time
            );
            let ailing = event.get("errors").is_some();
            assert_eq!(
                line.rest.contains("ERROR "),
                ailing,
                "{name}: {}",
                line.rest
            );
        }
        told += lines.len();
    }
    assert!(told > 1000, "{told} events");
}

/// NLRI as lines show them: with the identifier of the path behind.
fn shown(nlri: &Value) -> String {
    match nlri {
        Value::String(prefix) => prefix.clone(),
        Value::Object(fields) => match fields.get("path_id") {
            Some(id) => format!("{}[{id}]", fields["prefix"].as_str().unwrap()),
            None => fields["prefix"].as_str().unwrap().to_owned(),
        },
        other => panic!("{other}"),
    }
}

/// With `--verbose` all prefixes are there, in the order of the JSON lines.
#[test]
fn verbose_lines_leave_no_prefix_out() {
    let events = stdout(&mut bgptap(&[
        "read",
        recording().to_str().unwrap(),
        "--json",
        "-",
    ]));
    let mut expected = Vec::new();
    for event in events.lines() {
        let event: Value = serde_json::from_str(event).unwrap();
        for (key, sign) in [("announcements", '+'), ("withdrawals", '-')] {
            let groups = event[key].as_array().into_iter().flatten();
            let prefixes = groups.flat_map(|group| group["prefixes"].as_array().unwrap());
            expected.extend(prefixes.map(|prefix| format!("{sign}{}", shown(prefix))));
        }
    }
    let text = text(recording(), &["-v"]);
    let ours = text.lines().filter_map(|line| line.strip_prefix("      "));
    let ours: Vec<_> = ours.filter(|line| line.starts_with(['+', '-'])).collect();
    assert!(expected.len() > 4000);
    assert_eq!(ours, expected);
    for attribute in [
        "path 65001",
        "community 65003:3",
        "large_community 65001:1:1",
        "capability code=65",
    ] {
        assert!(
            text.contains(&format!("\n    {attribute}")),
            "no {attribute}"
        );
    }
}

/// The columns of the table, by their heads.
fn table(text: &str) -> Vec<BTreeMap<String, String>> {
    let (_, table) = text.split_once("\n\n").unwrap();
    // Columns are two spaces or more apart, and their words one.
    let cells = |line: &str| -> Vec<String> {
        let parts = line.split("  ").map(str::trim);
        parts
            .filter(|part| !part.is_empty())
            .map(str::to_owned)
            .collect()
    };
    let mut rows = table.lines().take_while(|line| !line.is_empty()).map(cells);
    let head = rows.next().unwrap();
    rows.map(|row| {
        assert_eq!(row.len(), head.len(), "{row:?}");
        head.iter().cloned().zip(row).collect()
    })
    .collect()
}

#[test]
fn the_table_adds_up_to_the_summary() {
    let scratch = Scratch::new("text");
    let path = scratch.path("summary");
    let more = [
        "--text",
        "-",
        "--peer-name",
        "192.0.2.10=transit",
        "--summary",
        path.to_str().unwrap(),
    ];
    let text = text(recording(), &more);
    let summary: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    let table = table(&text);
    let sum = |column: &str| -> u64 {
        table
            .iter()
            .map(|row| row[column].parse::<u64>().unwrap())
            .sum()
    };
    let messages = summary["messages"].as_object().unwrap();
    let messages: u64 = messages.values().map(|count| count.as_u64().unwrap()).sum();
    assert_eq!(sum("messages"), messages);
    assert_eq!(sum("updates"), summary["messages"]["UPDATE"]);
    assert_eq!(sum("announced"), summary["prefixes"]["announced"]);
    assert_eq!(sum("withdrawn"), summary["prefixes"]["withdrawn"]);
    let errors = summary["errors"].as_object().unwrap();
    let errors: u64 = errors.values().map(|count| count.as_u64().unwrap()).sum();
    assert_eq!(sum("errors"), errors);
    let named: Vec<_> = table
        .iter()
        .filter(|row| row["sender"] == "transit AS65010")
        .collect();
    assert!(!named.is_empty());
    assert!(
        named
            .iter()
            .all(|row| row["receiver"] == "192.0.2.1 AS65001")
    );
    let addresses = lines(&text).into_iter().flat_map(|line| line.speakers);
    let addresses: Vec<_> = addresses
        .filter(|speaker| *speaker == "192.0.2.10")
        .collect();
    assert!(addresses.is_empty(), "the name stands in its place");
    assert!(table.iter().any(|row| row["state"] == "Established"));
    assert!(text.ends_with("0 gaps of 0 bytes\n"));
}

/// The same on a terminal that script(1) makes.
fn on_terminal(more: &str, variable: Option<(&str, &str)>) -> String {
    let program = env!("CARGO_BIN_EXE_bgptap");
    let file = recording().display();
    let mut script = Command::new("script");
    plain_environment(&mut script);
    script.args([
        "-qec",
        &format!("'{program}' read '{file}' {more} 2>/dev/null"),
        "/dev/null",
    ]);
    script.envs(variable);
    stdout(&mut script).replace("\r\n", "\n")
}

#[test]
fn colours_are_for_terminals_that_want_them() {
    let plain = text(recording(), &[]);
    assert!(!plain.contains(ESCAPE), "a pipe");
    let coloured = text(recording(), &["--color", "always"]);
    assert!(coloured.contains(ESCAPE));
    let force = ("CLICOLOR_FORCE", "1");
    let forced = stdout(bgptap(&["read", recording().to_str().unwrap()]).envs([force]));
    assert_eq!(forced, coloured);
    let scratch = Scratch::new("text");
    let path = scratch.path("lines");
    text(recording(), &["--text", path.to_str().unwrap()]);
    assert_eq!(std::fs::read_to_string(path).unwrap(), plain, "a file");
    if !have("script") {
        return;
    }
    assert_eq!(on_terminal("", None), coloured);
    for variable in [("NO_COLOR", "1"), ("TERM", "dumb"), ("CLICOLOR", "0")] {
        assert_eq!(on_terminal("", Some(variable)), plain, "{variable:?}");
    }
    assert_eq!(on_terminal("--color never", None), plain);
    let both = on_terminal("--color always", Some(("NO_COLOR", "1")));
    assert_eq!(both, coloured, "a flag goes before the environment");
}

/// Lines are for where nothing else is asked for.
#[test]
fn other_outputs_are_left_alone() {
    let scratch = Scratch::new("text");
    for flag in [
        "--json",
        "--summary",
        "--rib-out",
        "--mrt",
        "--mrt-rib",
        "--evidence",
    ] {
        let path = scratch.path(flag.trim_start_matches('-'));
        assert_eq!(
            text(recording(), &[flag, path.to_str().unwrap()]),
            "",
            "{flag}"
        );
    }
}

/// Messages of a type are those that a filter leaves of all lines, whichever of the two filters it is.
#[test]
fn filters_select_lines() {
    let all = text(recording(), &[]);
    let updates = lines(&all).iter().filter(|l| l.word == "UPDATE").count();
    assert!(updates > 0 && updates < lines(&all).len());
    for flag in ["--filter", "--text-filter"] {
        let some = text(recording(), &[flag, "type update"]);
        assert!(lines(&some).iter().all(|line| line.word == "UPDATE"));
        assert_eq!(lines(&some).len(), updates, "{flag}");
    }
    let other = text(
        recording(),
        &[
            "--json",
            "/dev/null",
            "--json-filter",
            "type update",
            "--text",
            "-",
        ],
    );
    assert_eq!(other, all, "a filter of another output");
    // The others have said something all the same.
    let one = text(recording(), &["--filter", "endpoint 192.0.2.5"]);
    assert!(
        one.contains(" directions of which nothing is told"),
        "{one}"
    );
}

/// `live` on a terminal, stopped by Ctrl-C there: the messages as they come, in colours, and the table.
#[cfg(feature = "capture")]
#[test]
fn live_tells_a_terminal() {
    use std::io::{BufRead, BufReader, Write};
    use std::process::Stdio;
    use support::net::{Net, TAP, allowed};

    if !allowed() || !have("script") {
        return;
    }
    let net = Net::new();
    let program = env!("CARGO_BIN_EXE_bgptap");
    // The shell tells the status: where it is not 0, the screen also says why.
    let live = format!(
        "trap : INT; '{program}' live -i {TAP} --metrics 127.0.0.1:0; echo \"ended with $?\""
    );
    let mut script = Command::new("ip");
    script.args([
        "netns",
        "exec",
        &net.mon,
        "script",
        "-qc",
        &live,
        "/dev/null",
    ]);
    plain_environment(&mut script);
    let mut child = script
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut keyboard = child.stdin.take().unwrap();
    let mut screen = BufReader::new(child.stdout.take().unwrap());
    let mut text = String::new();
    let mut until = |text: &mut String, part: &str, times: usize| {
        let mut seen = 0;
        while seen < times {
            let start = text.len();
            let read = screen.read_line(text).unwrap();
            let last: Vec<_> = text.lines().rev().take(8).collect();
            assert!(
                read > 0,
                "it ended without {part:?}, the last line first: {last:#?}"
            );
            seen += usize::from(text[start..].contains(part));
        }
    };
    until(&mut text, "metrics at", 1);
    net.replay(recording(), &["--rate", "2000"]);
    // The last three messages of the recording.
    until(&mut text, "the lab closes", 3);
    keyboard.write_all(b"\x03").unwrap();
    until(&mut text, "prefixes announced", 1);
    until(&mut text, "unaccounted frames 0, bytes 0", 1);
    until(&mut text, "ended with 0", 1);
    child.wait().unwrap();
    assert!(text.contains(ESCAPE));
    let plain = without_colours(&text);
    let updates = plain.matches(" UPDATE ").count();
    assert_eq!(updates, 3249, "as many as tshark counts in the recording");
    assert!(plain.contains("\nsender "), "{plain}");
}

/// Without colours: `ESC [ … m`.
#[cfg(feature = "capture")]
fn without_colours(text: &str) -> String {
    let mut parts = text.split(ESCAPE);
    let first = parts.next().unwrap_or_default();
    let rest = parts.map(|part| part.split_once('m').map_or("", |(_, rest)| rest));
    std::iter::once(first)
        .chain(rest)
        .collect::<String>()
        .replace('\r', "")
}
