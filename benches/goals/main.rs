//! Every goal of speed beside what was measured: `scripts/bench` has it built and run.
//!
//! Each piece of work is measured by turns with its peers, so that all of them meet the same machine; what is
//! compared are medians of one run. With names of pieces only these are measured and nothing is written.
#![allow(
    clippy::cast_precision_loss,
    reason = "times and counts are far below 2^52"
)]
#![allow(missing_docs, reason = "a program")]
#![allow(clippy::unwrap_used, reason = "a bench that cannot go on has failed")]

mod bench;
mod capture;
mod counts;
mod data;
mod decode;
mod drain;
mod files;
mod filter;
#[path = "../../tests/support/full_table.rs"]
mod full_table;
mod growth;
mod latency;
mod line;
mod memory;
mod page;
mod peers;
mod plots;
mod profiles;
mod programs;
mod reasons;
mod resident;
mod run;
#[path = "../../tests/support/speakers.rs"]
mod speakers;
mod start;
#[path = "../../tests/support/mod.rs"]
mod support;
mod talks;
mod whole;
mod wire;
mod workloads;

use data::Data;
use line::Line;
use std::error::Error;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

type Lines = Result<Vec<Line>, Box<dyn Error>>;
/// A piece of work: its name, whether it needs root, and what measures it.
type Piece = (&'static str, bool, fn(&mut Data) -> Lines);

const PIECES: [Piece; 9] = [
    ("decode", false, |data| Ok(decode::lines(data))),
    ("files", false, |data| Ok(whole::lines(data)?)),
    ("capture", true, |_| Ok(capture::lines()?)),
    ("filter", true, |_| Ok(filter::lines()?)),
    ("latency", true, |data| Ok(latency::lines(data)?)),
    ("memory", true, |data| Ok(memory::lines(data)?)),
    ("growth", false, |data| Ok(growth::lines(data)?)),
    ("start", false, |_| Ok(start::lines())),
    ("start-live", true, |_| Ok(start::live_lines())),
];

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<_> = std::env::args()
        .skip(1)
        .filter(|a| a != "--bench")
        .collect();
    match &arguments[..] {
        [role, name, rest @ ..] if role == peers::ROLE => return peers::act(name, rest),
        [plots] if plots == "--plots" => return page::draw_again(),
        [churn, routes, rest @ ..] if churn == "--churn" => {
            return Ok(growth::churn_once(routes.parse()?, rest.is_empty())?);
        }
        [profiles, builds @ ..] if profiles == "--profiles" => return profiles::compare(builds),
        _ => {}
    }
    let names = PIECES.map(|piece| piece.0);
    if let Some(unknown) = arguments.iter().find(|a| !names.contains(&a.as_str())) {
        return Err(format!("no such piece of work: {unknown}; there are {names:?}").into());
    }
    let wanted = |name: &str| arguments.is_empty() || arguments.iter().any(|a| a == name);
    let (mut data, mut lines) = (Data::default(), Vec::new());
    let started = Instant::now();
    for (name, needs_root, measure) in PIECES.iter().filter(|piece| wanted(piece.0)) {
        eprintln!("{:4.0} s  {name}", started.elapsed().as_secs_f64());
        if *needs_root && !support::net::allowed() {
            lines.push(Line::missing(
                *name,
                "needs root, for network namespaces and XDP",
            ));
            continue;
        }
        // What cannot be set up on this machine costs its lines and not the run.
        match catch_unwind(AssertUnwindSafe(|| measure(&mut data))) {
            Ok(Ok(more)) => lines.extend(more),
            Ok(Err(why)) => lines.push(Line::missing(*name, why.to_string())),
            Err(_) => lines.push(Line::missing(*name, "it broke off, as was said above")),
        }
    }
    page::print(&lines);
    eprintln!("{:4.0} s", started.elapsed().as_secs_f64());
    if arguments.is_empty() {
        page::write(&lines, data, started.elapsed())?;
    }
    Ok(())
}
