//! Capture files to counters and to JSON, by whole programs.

use super::bench::{ours, turns};
use super::files::Messages;
use super::line::{Goal, Line};
use super::programs::{Measure, Program, by_turns};
use super::support::Scratch;
use bgptap::bgp::Context;
use std::hint::black_box;

/// Messages of the files that all programs count.
const COUNTED: usize = 400_000;
/// Messages of the files that become JSON; tshark takes a second for some thousands.
const PRINTED: usize = 40_000;
const ROUNDS: usize = 5;
/// Of programs that take seconds.
const SLOW_ROUNDS: usize = 3;
const UNIT: &str = "ns/message";

/// Six fields of each UPDATE.
const FIELDS: [&str; 14] = [
    "-n",
    "-T",
    "fields",
    "-e",
    "frame.time_epoch",
    "-e",
    "ip.src",
    "-e",
    "bgp.type",
    "-e",
    "bgp.nlri_prefix",
    "-e",
    "bgp.update.path_attribute.next_hop",
    "-e",
];
const LAST_FIELD: &str = "bgp.update.path_attribute.as_path_segment.as4";

type Result<T> = std::io::Result<T>;

pub(crate) fn lines() -> Result<Vec<Line>> {
    let scratch = Scratch::new("goals");
    let counted = [
        Messages::transfer(&scratch, COUNTED)?,
        Messages::churn(&scratch, COUNTED)?,
    ];
    let mut lines: Vec<_> = counted.iter().flat_map(count).collect();
    drop(counted);
    let printed = [
        Messages::transfer(&scratch, PRINTED)?,
        Messages::churn(&scratch, PRINTED)?,
    ];
    lines.extend(printed.iter().flat_map(print));
    Ok(lines)
}

fn compare(
    work: &str,
    ours: &std::result::Result<f64, String>,
    peers: &[(&Program, &std::result::Result<f64, String>, Goal)],
    messages: f64,
) -> Vec<Line> {
    let each = |seconds: f64| seconds * 1e9 / messages;
    let line =
        |(program, theirs, goal): &(&Program, &std::result::Result<f64, String>, Goal)| match (
            ours, theirs,
        ) {
            (Ok(ours), Ok(theirs)) => Line::new(
                work,
                UNIT,
                &*program.name,
                (each(*ours), each(*theirs)),
                *goal,
            ),
            (Err(why), _) | (_, Err(why)) => {
                Line::missing(format!("{work}, beside {}", program.name), why)
            }
        };
    peers.iter().map(line).collect()
}

fn count(messages: &Messages) -> Vec<Line> {
    let (pcap, mrt) = (path(&messages.pcap), path(&messages.mrt));
    // A summary alone: without any output each message is printed as text.
    let counters = ["read", "--summary", "/dev/null", &pcap];
    let plain = Program::bgptap(&[&counters[..], &["--no-rib"]].concat());
    let tables = Program::bgptap(&counters);
    let fields = [&["tshark"], &FIELDS[..], &[LAST_FIELD, "-r", &pcap]].concat();
    let tshark = Program::new("tshark -T fields", &fields);
    let count = Program::peer(
        "bgpkit-parser --elems-count of MRT",
        &["bgpkit-count", &mrt],
    );
    let records = Program::peer(
        "bgpkit-parser --records-count of MRT",
        &["bgpkit-records", &mrt],
    );
    let quick = [&plain, &tables, &count, &records];
    let times = by_turns(&quick, ROUNDS, Measure::Processor);
    let slow = by_turns(&[&tshark], SLOW_ROUNDS, Measure::Processor);
    let number = messages.list.len() as f64;
    let memory = from_memory(messages);
    let mut lines = Vec::new();
    for (what, ours) in [("read --no-rib", &times[0]), ("read", &times[1])] {
        let work = format!("{what}, {}", messages.name);
        let peers = [
            (&tshark, &slow[0], Goal::AtMost(1.0 / 100.0)),
            (&count, &times[2], Goal::AtMost(1.0 / 8.0)),
            (&records, &times[3], Goal::None),
        ];
        lines.extend(compare(&work, ours, &peers, number));
        if let Ok(ours) = ours {
            let figures = (ours * 1e9 / number, memory);
            // The table is work that decoding does not do.
            let goal = if what == "read" {
                Goal::None
            } else {
                Goal::AtMost(2.0)
            };
            lines.push(Line::new(work, UNIT, "decoding from memory", figures, goal));
        }
    }
    lines
}

/// Processor time for each message that is decoded where it lies, everything in it visited.
fn from_memory(messages: &Messages) -> f64 {
    let context = Context {
        as4: true,
        ..Context::assumed()
    };
    let round = || {
        let before = turns::now();
        for message in &messages.list {
            black_box(ours::visit(black_box(message), &context));
        }
        (turns::now() - before).as_nanos() as f64
    };
    turns::median((0..ROUNDS).map(|_| round()).collect()) / messages.list.len() as f64
}

fn print(messages: &Messages) -> Vec<Line> {
    let (pcap, mrt) = (path(&messages.pcap), path(&messages.mrt));
    let tables = Program::bgptap(&["read", "--json", "-", &pcap]);
    let plain = Program::bgptap(&["read", "--json", "-", "--no-rib", &pcap]);
    let tshark = Program::new(
        "tshark -T json",
        &["tshark", "-n", "-T", "json", "-r", &pcap],
    );
    let json = Program::peer("bgpkit-parser --json of MRT", &["bgpkit-json", &mrt]);
    let times = by_turns(&[&tables, &plain, &json], ROUNDS, Measure::Processor);
    let slow = by_turns(&[&tshark], SLOW_ROUNDS, Measure::Processor);
    let peers = [
        (&tshark, &slow[0], Goal::AtMost(1.0 / 100.0)),
        (&json, &times[2], Goal::AtMost(1.0 / 8.0)),
    ];
    let number = messages.list.len() as f64;
    [
        ("read --json", &times[0]),
        ("read --json --no-rib", &times[1]),
    ]
    .iter()
    .flat_map(|(what, ours)| {
        let work = format!("{what}, {}", messages.name);
        compare(&work, ours, &peers, number)
    })
    .collect()
}

fn path(path: &std::path::Path) -> String {
    path.to_string_lossy().into_owned()
}
