//! What a message costs the worker as sessions and routes grow in number, from the frame to the counters and
//! the tables.

use super::bench::turns::{median, now};
use super::bench::workload;
use super::data::Data;
use super::files::{Capture, Talk};
use super::full_table::FullTable;
use super::line::{Goal, Line};
use super::support::view::{View, batches, frames};
use super::talks::{begun, said};
use bgptap::capture::StampSource;
use bgptap::config::Limits;
use bgptap::sink::metrics::Metrics;
use bgptap::sink::outputs::Outputs;
use bgptap::wire::Ports;
use bgptap::worker::{Memory, Worker};
use std::io;
use std::sync::Arc;

const SESSIONS: [usize; 5] = [1, 10, 100, 1_000, 10_000];
/// Full segments that are dealt out to the sessions in turn.
const SEGMENTS: usize = 40_000;
/// Full segments of each session that come before those.
const WARM: usize = 4;
const ROUNDS: usize = 3;
const ROUTES: u32 = 1_000_000;
/// Routes that come behind the last point of the growing table: all that [`FullTable`] has others for.
const BEHIND: u32 = 40_000;
/// Routes that are told and withdrawn before the growing table begins, empty.
const BEFORE: u32 = 10_000;
/// Points of the growing table that lie before the first even step.
const FEW: [u32; 3] = [0, 1_000, 10_000];
/// Even steps of the growing table.
const STEPS: u32 = 20;
/// Tables that grow through [`FEW`] in a round.
const STARTS: usize = 10;
/// Tables that are churned.
const CHURNED: [u32; 4] = [1_000, 10_000, 100_000, 1_000_000];
/// Messages of churn that are measured at least.
const CHURN: usize = 25_000;
/// Dearest and cheapest are 20 % from what lies between them.
const FLAT: f64 = 1.2 / 0.8;
const UNIT: &str = "ns/message";

/// A worker that is fed frames, and what it takes for them.
struct Bench<'a> {
    worker: Worker<View<'a>>,
    number: u64,
}

impl<'a> Bench<'a> {
    fn new(rib: bool) -> io::Result<Self> {
        let limits = Limits {
            rib,
            ..Limits::default()
        };
        let outputs = Outputs::new(Arc::new(Metrics::default()), None, "monitor".into());
        let memory = Memory::new(&limits)?;
        Ok(Self {
            worker: Worker::new(limits, Ports::new(&[179]), outputs, memory),
            number: 0,
        })
    }

    /// Nanoseconds for each UPDATE of those frames.
    fn take(&mut self, frames: &[&'a [u8]]) -> f64 {
        let updates = |worker: &Worker<View<'a>>| worker.outputs.totals.messages.update;
        let before = (now(), updates(&self.worker));
        let worker = &mut self.worker;
        batches(frames, self.number, StampSource::File, |batch| {
            worker.batch(batch);
        });
        self.number += frames.len() as u64;
        let spent = (now() - before.0).as_nanos() as f64;
        spent / (updates(&self.worker) - before.1) as f64
    }
}

pub(crate) fn lines(data: &mut Data) -> io::Result<Vec<Line>> {
    let sessions = by_sessions()?;
    let routes = by_routes()?;
    let churn = by_churn()?;
    let mut lines = Vec::new();
    for (name, header, points) in [
        (
            "sessions",
            "1 to 10,000 sessions, table transfers in turn, no tables",
            &sessions,
        ),
        (
            "routes",
            "0 to 1,000,000 routes, a table that grows",
            &routes,
        ),
        (
            "churn",
            "1,000 to 1,000,000 routes, replaced again and again",
            &churn,
        ),
    ] {
        let costs = points.iter().map(|point| point.1);
        let dearest = costs.clone().fold(f64::MIN, f64::max);
        let cheapest = costs.fold(f64::MAX, f64::min);
        let figures = (dearest, cheapest);
        let peer = "the cheapest of these points";
        lines.push(Line::new(header, UNIT, peer, figures, Goal::AtMost(FLAT)));
        let row = |(at, ns): &(f64, f64)| vec![at.to_string(), format!("{ns:.1}")];
        data.put(name, &[name, "ns"], points.iter().map(row).collect());
    }
    Ok(lines)
}

fn by_sessions() -> io::Result<Vec<(f64, f64)>> {
    let messages = workload::typical_list(1000);
    let mut points = Vec::new();
    let mut costs = vec![Vec::new(); SESSIONS.len()];
    for _ in 0..ROUNDS {
        for (count, costs) in SESSIONS.iter().zip(&mut costs) {
            let mut capture = Capture::create(Vec::new())?;
            let mut talks: Vec<_> = (0..*count).map(Talk::new).collect();
            for talk in &mut talks {
                talk.begin(&mut capture)?;
            }
            let mut said = messages.iter().cycle();
            let mut deal = |capture: &mut Capture<_>, segments| -> io::Result<()> {
                for number in 0..segments {
                    let talk: &mut Talk = &mut talks[number % count];
                    // Until one leaves.
                    while !talk.say_one(capture, said.next().map_or(&[], |m| &m[..]))? {}
                }
                Ok(())
            };
            // Else what a session does once in its life would be dear where sessions are many, and nothing where
            // there is one: the buffer of its first straddling message, and the memory that it touches first.
            deal(&mut capture, WARM * count)?;
            let before = capture.finish()?;
            let mut capture = Capture::create(Vec::new())?;
            deal(&mut capture, SEGMENTS)?;
            let file = capture.finish()?;
            let mut bench = Bench::new(false)?;
            bench.take(&frames(&before));
            costs.push(bench.take(&frames(&file)));
        }
    }
    for (count, costs) in SESSIONS.iter().zip(costs) {
        points.push((*count as f64, median(costs)));
    }
    Ok(points)
}

/// Points, each the mean of what comes from there to the next: at the first the table is empty.
fn by_routes() -> io::Result<Vec<(f64, f64)>> {
    let even = (1..=STEPS).map(|step| step * (ROUTES / STEPS));
    let points: Vec<_> = FEW.into_iter().chain(even).collect();
    let ends = points[1..].iter().copied().chain([ROUTES + BEHIND]);
    let bodies = FullTable::new(ROUTES + BEHIND).announcements(0);
    let body = |routes: u32| bodies.len() * routes as usize / (ROUTES + BEHIND) as usize;
    let (mut talk, beginning) = begun()?;
    // Else the first point would be a process that has just begun.
    let before = FullTable::new(BEFORE);
    let (told, gone) = (before.announcements(1), before.withdrawals());
    let before = said(&mut talk, told.iter().chain(&gone))?;
    let files = points
        .iter()
        .zip(ends)
        .map(|(from, to)| said(&mut talk, &bodies[body(*from)..body(to)]));
    let files: Vec<_> = files.collect::<io::Result<_>>()?;
    let steps: Vec<_> = files.iter().map(|file| frames(file)).collect();
    let (beginning, before) = (frames(&beginning), frames(&before));
    let mut costs = vec![Vec::new(); points.len()];
    for _ in 0..ROUNDS {
        // A table that holds little is soon over: several grow so far, and the last of them on.
        for start in 1..=STARTS {
            let mut bench = Bench::new(true)?;
            bench.take(&beginning);
            bench.take(&before);
            let until = if start == STARTS {
                steps.len()
            } else {
                FEW.len()
            };
            for (frames, costs) in steps[..until].iter().zip(&mut costs) {
                costs.push(bench.take(frames));
            }
        }
    }
    let medians = costs.into_iter().map(median);
    Ok(points.into_iter().map(f64::from).zip(medians).collect())
}

/// Tables whose routes are replaced: the segments of the session's beginning, those that tell all routes in
/// both versions, so that all attributes are known, and those that are measured.
fn churned(routes: u32) -> io::Result<[Vec<u8>; 3]> {
    let table = FullTable::new(routes);
    let versions = [table.announcements(0), table.announcements(1)];
    let turns = CHURN.div_ceil(versions[0].len()).next_multiple_of(2);
    let (mut talk, beginning) = begun()?;
    let known = said(&mut talk, versions.iter().flatten())?;
    let churn = (0..turns).flat_map(|turn| &versions[turn % 2]);
    Ok([beginning, known, said(&mut talk, churn)?])
}

fn by_churn() -> io::Result<Vec<(f64, f64)>> {
    let files = CHURNED.map(churned);
    let files: Vec<_> = files.into_iter().collect::<io::Result<_>>()?;
    let tables: Vec<_> = files
        .iter()
        .map(|parts| parts.each_ref().map(|file| frames(file)))
        .collect();
    let mut costs = vec![Vec::new(); tables.len()];
    for _ in 0..ROUNDS {
        for ([beginning, known, churn], costs) in tables.iter().zip(&mut costs) {
            let mut bench = Bench::new(true)?;
            bench.take(beginning);
            bench.take(known);
            costs.push(bench.take(churn));
        }
    }
    let medians = costs.into_iter().map(median);
    Ok(CHURNED.map(f64::from).into_iter().zip(medians).collect())
}

/// A table of so many routes, and its churn if `measured`: for a program that counts what each does, and the
/// difference is that of the churn. Tells the messages of the churn.
pub(crate) fn churn_once(routes: u32, measured: bool) -> io::Result<()> {
    let parts = churned(routes)?;
    let [beginning, known, churn] = parts.each_ref().map(|part| frames(part));
    let mut bench = Bench::new(true)?;
    bench.take(&beginning);
    bench.take(&known);
    let before = bench.worker.outputs.totals.messages.update;
    if measured {
        bench.take(&churn);
    }
    let told = bench.worker.outputs.totals.messages.update - before;
    println!("{told} messages of churn");
    Ok(())
}
