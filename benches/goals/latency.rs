//! From the hook in the driver's path to the decoded UPDATE.

use super::bench::turns::median;
use super::data::Data;
use super::line::{Goal, Line};
use super::support::Scratch;
use super::wire::{Receiver, Waiting, frames, run};

const ROUNDS: usize = 3;
/// Of each run.
const SECONDS: u32 = 3;
const QUANTILES: [&str; 3] = ["p50", "p99", "p99.9"];

pub(crate) fn lines(data: &mut Data) -> std::io::Result<Vec<Line>> {
    let scratch = Scratch::new("goals-latency");
    let (mut lines, mut table) = (Vec::new(), Vec::new());
    for rate in [10_000, 100_000] {
        let file = frames(&scratch, rate * SECONDS)?;
        for (waiting, name) in [
            (Waiting::Interrupts, "interrupts"),
            (Waiting::BusyPoll, "busy polling"),
        ] {
            let receivers = [Receiver::Ours, Receiver::Timed];
            let mut runs = [Vec::new(), Vec::new()];
            for _ in 0..ROUNDS {
                for (receiver, runs) in receivers.iter().zip(&mut runs) {
                    let run = run(*receiver, waiting, &file, &["--rate", &rate.to_string()]);
                    runs.push(run.latency.unwrap_or([f64::NAN; 3]));
                }
            }
            for (at, quantile) in QUANTILES.iter().enumerate() {
                let [ours, bare] = [0, 1]
                    .map(|who| median(runs[who].iter().map(|run: &[f64; 3]| run[at]).collect()));
                let work = format!("hook → decoded, {rate} frames/s, {name}, {quantile}");
                let goal = if at < 2 {
                    Goal::AtMost(1.5)
                } else {
                    Goal::None
                };
                lines.push(Line::new(work, "µs", "bare xsk drain", (ours, bare), goal));
                for (who, value) in [("bgptap", ours), ("bare drain", bare)] {
                    let row = [
                        &rate.to_string(),
                        name,
                        who,
                        quantile,
                        &format!("{value:.1}"),
                    ];
                    table.push(row.map(str::to_owned).to_vec());
                }
            }
        }
    }
    data.put(
        "latency",
        &["rate", "waiting", "receiver", "quantile", "us"],
        table,
    );
    Ok(lines)
}
