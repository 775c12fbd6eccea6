//! Whole programs, and the processor time that they take.

use super::bench::turns::median;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use std::io;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A program to be run again and again: its output is thrown away where it is timed.
pub(crate) struct Program {
    pub(crate) name: String,
    command: Vec<String>,
}

impl Program {
    pub(crate) fn new(name: &str, command: &[&str]) -> Self {
        Self {
            name: name.to_owned(),
            command: command.iter().map(|word| (*word).to_owned()).collect(),
        }
    }

    /// `bgptap` with arguments.
    pub(crate) fn bgptap(arguments: &[&str]) -> Self {
        let command = [&[env!("CARGO_BIN_EXE_bgptap")], arguments].concat();
        Self::new("bgptap", &command)
    }

    /// This program in the role of a peer.
    pub(crate) fn peer(name: &str, arguments: &[&str]) -> Self {
        let this = std::env::current_exe().unwrap_or_default();
        let this = this.to_string_lossy().into_owned();
        Self::new(
            name,
            &[&[this.as_str(), super::peers::ROLE], arguments].concat(),
        )
    }

    /// Starts it to be read from; what it says of itself is thrown away.
    pub(crate) fn spawn(&self) -> io::Result<Child> {
        Command::new(&self.command[0])
            .args(&self.command[1..])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
    }

    /// Runs it once: seconds of processor time, its own and the kernel's for it, and seconds in all.
    fn run(&self) -> Result<(f64, f64), String> {
        let (before, started) = (of_children(), Instant::now());
        let output = Command::new(&self.command[0])
            .args(&self.command[1..])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .output();
        let output = output.map_err(|error| format!("{}: {error}", self.command[0]))?;
        let elapsed = started.elapsed();
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            let last = said.lines().last().unwrap_or_default();
            return Err(format!("{}: {}: {last}", self.name, output.status));
        }
        Ok((
            (of_children() - before).as_secs_f64(),
            elapsed.as_secs_f64(),
        ))
    }
}

/// Processor time of all processes that this one has waited for.
fn of_children() -> Duration {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).expect("Linux tells");
    let micros = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    Duration::from_micros(micros.unsigned_abs())
}

/// What is measured of a program.
#[derive(Clone, Copy)]
pub(crate) enum Measure {
    Processor,
    Elapsed,
}

/// Done once: the seconds that it took, or why it cannot be done.
pub(crate) type Turn<'a> = Box<dyn FnMut() -> Result<f64, String> + 'a>;

impl Program {
    /// A run of the program, as a turn.
    pub(crate) fn turn(&self, measure: Measure) -> Turn<'_> {
        Box::new(move || {
            let (processor, elapsed) = self.run()?;
            Ok(match measure {
                Measure::Processor => processor,
                Measure::Elapsed => elapsed,
            })
        })
    }
}

/// Rounds in which each has its turn; the median of each, or why it cannot be done.
pub(crate) fn by_turns(turns: &mut [Turn<'_>], rounds: usize) -> Vec<Result<f64, String>> {
    let mut times = vec![Ok(Vec::new()); turns.len()];
    for _ in 0..rounds {
        for (turn, times) in turns.iter_mut().zip(&mut times) {
            let Ok(list) = times else { continue };
            match turn() {
                Ok(seconds) => list.push(seconds),
                Err(why) => *times = Err(why),
            }
        }
    }
    times.into_iter().map(|list| list.map(median)).collect()
}
