//! How long it takes to begin.

use super::bench::turns::median;
use super::line::{Goal, Line};
use super::programs::{Measure, Program, by_turns};
use super::support::net::{Net, TAP, run};
use super::support::{have, recording};
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Instant;

const ROUNDS: usize = 11;
const UNIT: &str = "ms";

pub(crate) fn lines() -> Vec<Line> {
    let file = recording().to_string_lossy().into_owned();
    let ours = Program::bgptap(&["read", &file]);
    let tshark = Program::new("tshark", &["tshark", "-n", "-r", &file]);
    let work = "read of a small file, from start to end";
    let mut turns = [&ours, &tshark].map(|program| program.turn(Measure::Elapsed));
    let line = match &by_turns(&mut turns, ROUNDS)[..] {
        [Ok(ours), Ok(theirs)] => {
            let figures = (ours * 1e3, theirs * 1e3);
            Line::new(work, UNIT, "tshark", figures, Goal::AtMost(0.1))
        }
        times => {
            let why = times.iter().find_map(|time| time.as_ref().err());
            Line::missing(work, why.map_or("it did not run", |why| why))
        }
    };
    vec![line]
}

/// From the start of the program to a capture that is ready.
pub(crate) fn live_lines() -> Vec<Line> {
    let work = "live, from its start to the capture";
    if !have("tcpdump") {
        return vec![Line::missing(
            work,
            "tcpdump is missing: scripts/setup --lab",
        )];
    }
    let net = Net::new();
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let mut command = Net::bgptap(&net.mon, &["live", "-i", TAP, "--metrics", "127.0.0.1:0"]);
        ours.push(until_said(&mut command, "metrics at"));
        let started = Instant::now();
        let link = ["-n", &net.mon, "link", "add", "other0", "type", "veth"];
        run(Command::new("ip").args(link));
        let linked = started.elapsed().as_secs_f64();
        let mut tcpdump = Command::new("ip");
        tcpdump.args([
            "netns",
            "exec",
            &net.mon,
            "tcpdump",
            "-n",
            "-i",
            TAP,
            "-w",
            "/dev/null",
        ]);
        theirs.push(linked + until_said(&mut tcpdump, "listening on"));
        run(Command::new("ip").args(["-n", &net.mon, "link", "del", "other0"]));
    }
    let figures = (median(ours) * 1e3, median(theirs) * 1e3);
    let peer = "ip link add, and tcpdump";
    vec![Line::new(work, UNIT, peer, figures, Goal::AtMost(1.0))]
}

/// Seconds until the program says that on its standard error; then it is ended.
fn until_said(command: &mut Command, words: &str) -> f64 {
    let started = Instant::now();
    let spawned = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn();
    let mut child = spawned.expect("`ip` starts");
    let lines = child.stderr.take().map(BufReader::new);
    let said = lines.is_some_and(|lines| {
        let mut lines = lines.lines().map_while(Result::ok);
        lines.any(|line| line.contains(words))
    });
    let seconds = started.elapsed().as_secs_f64();
    let _ = child.kill();
    let _ = child.wait();
    if said { seconds } else { f64::NAN }
}
