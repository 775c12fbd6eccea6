//! Programs that were built in different ways, by turns: which build profile is worth its time.

use super::files::Messages;
use super::programs::{Measure, Program, by_turns};
use super::support::Scratch;
use std::error::Error;
use std::fs::metadata;

const MESSAGES: usize = 400_000;
const ROUNDS: usize = 11;

/// Prints a line for each `NAME=FILE`: its size, and the processor time of pieces of work beside the first.
///
/// # Errors
/// An argument that is no `NAME=FILE`, a file that is not there, or a program that does not run.
pub(crate) fn compare(builds: &[String]) -> Result<(), Box<dyn Error>> {
    let builds: Option<Vec<_>> = builds.iter().map(|build| build.split_once('=')).collect();
    let builds = builds.ok_or("a build is given as NAME=FILE")?;
    if builds.is_empty() {
        return Err("no builds to compare: NAME=FILE...".into());
    }
    let scratch = Scratch::new("profiles");
    let transfer = Messages::transfer(&scratch, MESSAGES)?;
    let churn = Messages::churn(&scratch, MESSAGES)?;
    let works: [(&str, &Messages, &[&str]); 4] = [
        (
            "transfer",
            &transfer,
            &["--summary", "/dev/null", "--no-rib"],
        ),
        ("churn", &churn, &["--summary", "/dev/null", "--no-rib"]),
        ("transfer, tables", &transfer, &["--summary", "/dev/null"]),
        ("transfer, JSON", &transfer, &["--json", "-", "--no-rib"]),
    ];
    let mut rows = Vec::new();
    for (name, program) in &builds {
        let size = metadata(program)?.len() as f64 / f64::from(1 << 20);
        rows.push(format!("| {name} | {size:.1} |"));
    }
    for (_, messages, options) in &works {
        let pcap = messages.pcap.to_string_lossy();
        let programs: Vec<_> = builds
            .iter()
            .map(|(name, program)| {
                Program::new(name, &[&[program, "read", &pcap], *options].concat())
            })
            .collect();
        let turns = programs
            .iter()
            .map(|program| program.turn(Measure::Processor));
        let times = by_turns(&mut turns.collect::<Vec<_>>(), ROUNDS);
        let times = times.into_iter().collect::<Result<Vec<_>, _>>()?;
        for (row, time) in rows.iter_mut().zip(&times) {
            let each = time * 1e9 / MESSAGES as f64;
            row.push_str(&format!(" {each:.0} ({:.2}) |", time / times[0]));
        }
    }
    let heads: Vec<_> = works
        .iter()
        .map(|(name, ..)| format!(" {name} |"))
        .collect();
    println!(
        "ns a message, processor time, and beside the first; median of {ROUNDS} rounds by turns"
    );
    println!("| build | MiB |{}", heads.concat());
    println!("|---|---|{}", "---|".repeat(works.len()));
    rows.iter().for_each(|row| println!("{row}"));
    Ok(())
}
