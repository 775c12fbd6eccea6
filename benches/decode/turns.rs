//! Taking turns: many short rounds of each, timed by the processor time of the thread. What else runs on
//! the machine slows all of them alike.

use nix::time::{ClockId, clock_gettime};
use std::time::Duration;

/// Turns of each.
const ROUNDS: usize = 41;
/// A turn is repeated until about this time has passed.
const TURN: Duration = Duration::from_millis(2);

/// Processor time of this thread.
pub(crate) fn now() -> Duration {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID)
        .expect("Linux has this clock")
        .into()
}

fn time(run: &mut dyn FnMut(), times: u32) -> Duration {
    let start = now();
    for _ in 0..times {
        run();
    }
    now() - start
}

/// The median time of each per run, in nanoseconds.
pub(crate) fn interleaved(runs: &mut [Box<dyn FnMut() + '_>]) -> Vec<f64> {
    let times: Vec<_> = runs
        .iter_mut()
        .map(|run| {
            run();
            let once = time(run, 3) / 3;
            (TURN.as_nanos() / once.as_nanos().max(1)).clamp(1, 10_000) as u32
        })
        .collect();
    let mut turns = vec![Vec::with_capacity(ROUNDS); runs.len()];
    for _ in 0..ROUNDS {
        for ((run, times), turns) in runs.iter_mut().zip(&times).zip(&mut turns) {
            turns.push(time(run, *times).as_nanos() as f64 / f64::from(*times));
        }
    }
    turns.into_iter().map(median).collect()
}

/// The one in the middle; no number if one of them is none, for a run that failed must not be hidden.
pub(crate) fn median(mut list: Vec<f64>) -> f64 {
    if list.iter().any(|value| value.is_nan()) {
        return f64::NAN;
    }
    list.sort_by(f64::total_cmp);
    list[list.len() / 2]
}
