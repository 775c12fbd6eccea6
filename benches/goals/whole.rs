//! Capture files to counters and to JSON, by whole programs.

use super::bench::{ours, turns};
use super::counts::{self, OfLine};
use super::data::Data;
use super::files::Messages;
use super::line::{Goal, Line};
use super::programs::{Measure, Program, Turn, by_turns};
use super::support::Scratch;
use super::workloads;
use bgptap::bgp::Context;
use std::hint::black_box;

/// Messages of the files that all programs count.
const COUNTED: usize = 400_000;
/// Messages of the files that become JSON; tshark takes a second for some thousands.
const PRINTED: usize = 40_000;
/// Each program has its turn in each; those of tshark take seconds.
const ROUNDS: usize = 5;
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

pub(crate) fn lines(data: &mut Data) -> Result<Vec<Line>> {
    let scratch = Scratch::new("goals");
    let files = |list: &[Messages], to| {
        let rows = list.iter().map(|messages| workloads::file(messages, to));
        rows.collect::<Result<Vec<_>>>()
    };
    let counted = [
        Messages::transfer(&scratch, COUNTED)?,
        Messages::churn(&scratch, COUNTED)?,
    ];
    let mut table = files(&counted, "counters")?;
    let mut lines: Vec<_> = counted.iter().flat_map(count).collect();
    drop(counted);
    let printed = [
        Messages::transfer(&scratch, PRINTED)?,
        Messages::churn(&scratch, PRINTED)?,
    ];
    table.extend(files(&printed, "JSON")?);
    workloads::put(data, workloads::FILES, table);
    lines.extend(printed.iter().flat_map(print));
    Ok(lines)
}

/// Who is compared with ours: a name, seconds, and the goal.
type Peer<'a> = (&'a str, &'a Time, Goal);
type Time = std::result::Result<f64, String>;

fn compare(work: &str, ours: &Time, peers: &[Peer<'_>], messages: f64) -> Vec<Line> {
    let each = |seconds: &f64| seconds * 1e9 / messages;
    let line = |(name, theirs, goal): &Peer<'_>| match (ours, theirs) {
        (Ok(ours), Ok(theirs)) => Line::new(work, UNIT, *name, (each(ours), each(theirs)), *goal),
        (Err(why), _) | (_, Err(why)) => Line::missing(format!("{work}, beside {name}"), why),
    };
    peers.iter().map(line).collect()
}

/// All of them by turns.
fn times<const N: usize>(programs: [&Program; N], more: Option<Turn<'_>>) -> Vec<Time> {
    let turns = programs.map(|program| program.turn(Measure::Processor));
    by_turns(
        &mut turns.into_iter().chain(more).collect::<Vec<_>>(),
        ROUNDS,
    )
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
    let programs = [&plain, &tables, &tshark, &count, &records];
    let mut times = times(programs, Some(Box::new(|| Ok(from_memory(messages).0))));
    let updates = (messages.list.len(), "UPDATEs");
    let told = ["read", "--summary", "-", &pcap];
    let told = [
        Program::bgptap(&[&told[..], &["--no-rib"]].concat()),
        Program::bgptap(&told),
    ];
    // Elements of bgpkit-parser are prefixes, announced or withdrawn.
    let prefixes = counts::count(&told[0], counts::prefixes_in_summary).unwrap_or(0);
    let readings: [(&Program, OfLine, _); 5] = [
        (&told[0], counts::in_summary, updates),
        (&told[1], counts::in_summary, updates),
        (&tshark, counts::types_in_fields, updates),
        (&count, counts::total, (prefixes, "prefixes")),
        (&records, counts::total, (messages.list.len(), "records")),
    ];
    judge(&mut times, &readings);
    let decoded = Ok(from_memory(messages).1);
    if let Err(why) = counts::expect("decoding from memory", decoded, updates) {
        times[5] = Err(why);
    }
    let works = [
        ("read --no-rib", &times[0], Goal::AtMost(2.0)),
        // The table is work that decoding does not do.
        ("read", &times[1], Goal::None),
    ];
    let lines = works.into_iter().flat_map(|(what, ours, beside_memory)| {
        let work = format!("{what}, {}", messages.name);
        let peers = [
            (&*tshark.name, &times[2], Goal::AtMost(1.0 / 100.0)),
            (&*count.name, &times[3], Goal::AtMost(1.0 / 8.0)),
            (&*records.name, &times[4], Goal::None),
            ("decoding from memory", &times[5], beside_memory),
        ];
        compare(&work, ours, &peers, messages.list.len() as f64)
    });
    lines.collect()
}

/// A time stands only if the program reads what all were given.
fn judge(times: &mut [Time], readings: &[(&Program, OfLine, (usize, &str))]) {
    for (time, (program, of_line, expected)) in times.iter_mut().zip(readings) {
        let counted = counts::count(program, *of_line);
        if let (Ok(_), Err(why)) = (&*time, counts::expect(&program.name, counted, *expected)) {
            *time = Err(why);
        }
    }
}

/// Seconds of processor time for messages that are decoded where they lie, everything in them visited; and how
/// many of them were decoded.
fn from_memory(messages: &Messages) -> (f64, usize) {
    let context = Context {
        as4: true,
        ..Context::assumed()
    };
    let (before, mut decoded) = (turns::now(), 0);
    for message in &messages.list {
        decoded += usize::from(black_box(ours::visit(black_box(message), &context)).is_some());
    }
    ((turns::now() - before).as_secs_f64(), decoded)
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
    let mut times = times([&tables, &plain, &tshark, &json], None);
    let updates = (messages.list.len(), "UPDATEs");
    let told = Program::bgptap(&["read", "--summary", "-", "--no-rib", &pcap]);
    let prefixes = counts::count(&told, counts::prefixes_in_summary).unwrap_or(0);
    let readings: [(&Program, OfLine, _); 4] = [
        (&tables, counts::events, updates),
        (&plain, counts::events, updates),
        (&tshark, counts::types_in_json, updates),
        (&json, counts::lines, (prefixes, "prefixes")),
    ];
    judge(&mut times, &readings);
    let peers = [
        (&*tshark.name, &times[2], Goal::AtMost(1.0 / 100.0)),
        (&*json.name, &times[3], Goal::AtMost(1.0 / 8.0)),
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
