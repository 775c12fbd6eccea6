//! Decoding: time and allocations, beside other decoders and beside adding up every byte.

use super::bench::decoders::{self, Agreement, add_up, agree};
use super::bench::turns::interleaved;
use super::bench::workload::{self, Workload};
use super::data::Data;
use super::line::{Goal, Line};
use super::workloads;
use bgptap::bgp::{Context, Message};
use bytes::Bytes;
use std::collections::BTreeMap;
use std::hint::black_box;
use std::process::Command;

const UNIT: &str = "ns/message";

pub(crate) fn lines(data: &mut Data) -> Vec<Line> {
    let (list, missing) = workload::all();
    let mut lines = Vec::new();
    let (mut table, mut counts) = (Vec::new(), Vec::new());
    for workload in list {
        lines.extend(measure(workload, &mut table, &mut counts));
    }
    workloads::put(data, workloads::DECODED, counts);
    data.put("decode", &["workload", "decoder", "ns"], table);
    for name in missing {
        let why = "its files are not here (../shared/corpus)";
        lines.push(Line::missing(format!("decode {name}"), why));
    }
    lines.extend(allocations());
    lines
}

/// Its lines; `table` takes the times, `counts` what was measured.
fn measure(
    mut workload: Workload,
    table: &mut Vec<Vec<String>>,
    counts: &mut Vec<Vec<String>>,
) -> Vec<Line> {
    let agreements = agree(&mut workload, |_| {});
    let messages = &workload.messages;
    counts.push(workloads::decoded(workload.name, messages));
    let mut decoders = decoders::all(workload.as4);
    let names: Vec<_> = decoders.iter().map(|decoder| decoder.name()).collect();
    let sums: Vec<_> = decoders.iter_mut().map(|d| d.run(messages)).collect();
    let mut runs: Vec<Box<dyn FnMut() + '_>> = vec![Box::new(|| {
        black_box(add_up(black_box(messages)));
    })];
    for decoder in &mut decoders {
        runs.push(Box::new(|| {
            black_box(decoder.run(black_box(messages)));
        }));
    }
    let context = Context {
        as4: workload.as4,
        ..Context::assumed()
    };
    // A part of ours: everything is judged (RFC 7606), and nothing of it visited.
    runs.push(Box::new(|| {
        for message in black_box(messages) {
            let _ = black_box(&Message::parse(message, &context));
        }
    }));
    let count = messages.len() as f64;
    let times: Vec<_> = interleaved(&mut runs).iter().map(|t| t / count).collect();
    drop(runs);
    let (least, ours) = (times[0], times[1]);
    let mut told = vec![("every byte", least)];
    let bytes: usize = messages.iter().map(Bytes::len).sum();
    let what = format!(
        "decode {}, {:.0} octets",
        workload.name,
        bytes as f64 / count
    );
    let of_least = goal_of_least(workload.name);
    let mut lines = vec![Line::new(
        &what,
        UNIT,
        "every byte added up",
        (ours, least),
        of_least,
    )];
    for (at, name) in names.iter().enumerate().skip(1) {
        let theirs = times[at + 1];
        let whole = matches!(agreements[at], Agreement::Whole);
        let (peer, goal) = if whole {
            // Who may differ is apart, as `agree` has made sure.
            assert!(
                sums[at] == sums[0],
                "{}, {name}: other sums than ours",
                workload.name
            );
            ((*name).to_owned(), goal_of_peer(workload.name, name))
        } else {
            // It does less than ours, or something else.
            (format!("{name}, which does not decode it all"), Goal::None)
        };
        lines.push(Line::new(&what, UNIT, peer, (ours, theirs), goal));
    }
    let judged = times[times.len() - 1];
    let part = "its own check of RFC 7606 alone";
    lines.push(Line::new(&what, UNIT, part, (ours, judged), Goal::None));
    told.extend(names.iter().copied().zip(times[1..].iter().copied()));
    let row = |(decoder, ns): (&str, f64)| {
        vec![
            workload.name.to_owned(),
            decoder.to_owned(),
            format!("{ns:.1}"),
        ]
    };
    table.extend(told.into_iter().map(row));
    lines
}

fn goal_of_least(workload: &str) -> Goal {
    match workload.as_bytes()[0] {
        b'a' | b'c' => Goal::AtMost(3.5),
        b'd' | b'e' | b'f' => Goal::AtMost(5.0),
        _ => Goal::None,
    }
}

fn goal_of_peer(workload: &str, peer: &str) -> Goal {
    match (workload.as_bytes()[0], peer) {
        (b'b', "bgpkit-parser") => Goal::AtMost(1.0 / 10.0),
        (b'g', _) => Goal::None,
        (_, "bgpkit-parser") => Goal::AtMost(1.0 / 8.0),
        (b'b', _) => Goal::None,
        (_, "netgauze-bgp-pkt") => Goal::AtMost(1.0 / 4.0),
        _ => Goal::None,
    }
}

/// Counted by a program of its own, since counting slows those that allocate.
fn allocations() -> Vec<Line> {
    let work = "allocations in decoding";
    let Some(cargo) = std::env::var_os("CARGO") else {
        return vec![Line::missing(work, "not started by cargo")];
    };
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    let output = Command::new(cargo)
        .args(["bench", "--quiet", "--locked", "--manifest-path", manifest])
        .args(["--bench", "decode_allocations"])
        .output();
    let text = match output {
        Ok(output) if output.status.success() => {
            String::from_utf8_lossy(&output.stdout).into_owned()
        }
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr);
            return vec![Line::missing(
                work,
                said.lines().last().unwrap_or("it failed"),
            )];
        }
        Err(error) => return vec![Line::missing(work, error.to_string())],
    };
    // The first workload says enough of the others: ours is none in each, or the program fails.
    let mut rows = text.lines();
    let work = format!("decode {}", rows.next().unwrap_or_default());
    let counts: BTreeMap<_, f64> = rows
        .take_while(|line| line.starts_with(' '))
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            Some((words.next()?, words.next()?.parse().ok()?))
        })
        .collect();
    let ours = counts.get("bgptap").copied().unwrap_or(f64::NAN);
    let peers = counts.iter().filter(|(name, _)| **name != "bgptap");
    peers
        .map(|(peer, theirs)| {
            let unit = "allocations/message";
            Line::new(&work, unit, *peer, (ours, *theirs), Goal::AtMost(0.0))
        })
        .collect()
}
