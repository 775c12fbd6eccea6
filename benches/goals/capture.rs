//! What a frame costs from the driver's hook on, and what is lost.

use super::bench::turns::median;
use super::line::{Goal, Line};
use super::support::Scratch;
use super::wire::{Receiver, Run, Waiting, frames, run};

const ROUNDS: usize = 5;
const FRAMES: u32 = 300_000;
const RATE: &str = "100000";
const UNIT: &str = "ns/frame";
const PACKETS: &str = "AF_PACKET TPACKET_V3, same pipeline";

pub(crate) fn lines() -> std::io::Result<Vec<Line>> {
    let scratch = Scratch::new("goals-capture");
    let file = frames(&scratch, FRAMES)?;
    let receivers = [Receiver::Ours, Receiver::Bare, Receiver::Packets];
    let mut paced: [Vec<Run>; 3] = Default::default();
    let mut fastest: [Vec<Run>; 3] = Default::default();
    for _ in 0..ROUNDS {
        for (receiver, runs) in receivers.iter().zip(&mut paced) {
            runs.push(run(
                *receiver,
                Waiting::Interrupts,
                &file,
                &["--rate", RATE],
            ));
        }
        for (receiver, runs) in receivers.iter().zip(&mut fastest) {
            runs.push(run(
                *receiver,
                Waiting::Interrupts,
                &file,
                &["--speed", "max"],
            ));
        }
    }
    let costs = |runs: &[Vec<Run>; 3]| {
        [0, 1, 2].map(|at| median(runs[at].iter().map(|run| run.cost).collect()))
    };
    let ([ours, bare, packets], at_most) = (costs(&paced), costs(&fastest));
    let waited = [0, 2].map(|at| {
        let medians = paced[at].iter().filter_map(|run| run.latency);
        medians.map(|quantiles| quantiles[0]).collect::<Vec<_>>()
    });
    let work = "live --no-rib, 100,000 frames/s, process and softirq";
    let mut lines = vec![
        Line::new(
            work,
            UNIT,
            "bare xsk drain",
            (ours, bare),
            Goal::AtMost(1.3),
        ),
        Line::new(work, UNIT, PACKETS, (ours, packets), Goal::AtMost(1.0)),
    ];
    lines.extend(losses(&paced, "at 100,000 frames/s"));
    let rate = median(fastest[0].iter().map(|run| run.rate).collect());
    let rate = format!(
        "from one sender at its fastest ({:.2} million frames/s)",
        rate / 1e6
    );
    lines.extend(losses(&fastest, &rate));
    lines.push(Line::new(
        "the same from one sender at its fastest",
        UNIT,
        PACKETS,
        (at_most[0], at_most[2]),
        Goal::AtMost(1.0),
    ));
    // A block of a packet ring is handed over when it is full or some milliseconds old: fewer wake-ups, paid for in time.
    if let [ours, packets] = waited
        && !ours.is_empty()
        && !packets.is_empty()
    {
        let figures = (median(ours), median(packets));
        let work = "hook → decoded, 100,000 frames/s, p50";
        lines.push(Line::new(work, "µs", PACKETS, figures, Goal::None));
    }
    Ok(lines)
}

/// What was lost behind the interface, and what never came to it: the kernel's receiving half had no room.
fn losses(runs: &[Vec<Run>; 3], how: &str) -> [Line; 2] {
    let sum = |at: usize, what: fn(&Run) -> f64| runs[at].iter().map(what).sum::<f64>();
    let both = |what| (sum(0, what), sum(1, what));
    let line = |work, figures, goal| Line::new(work, "frames", "bare xsk drain", figures, goal);
    let sent = sum(0, |run| run.sent);
    let reached = sent - sum(0, |run| run.refused);
    [
        line(
            format!("lost of {reached:.0} that reached the interface, {how}"),
            both(|run| run.lost),
            Goal::AtMost(0.0),
        ),
        line(
            format!("refused by the veth of {sent:.0} sent, {how}"),
            both(|run| run.refused),
            Goal::None,
        ),
    ]
}
