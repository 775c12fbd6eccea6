//! The end of a capture while an output hangs.

use super::consumers::archived;
use super::support::Scratch;
use super::support::net::{Live, Net, TAP, allowed, run};
use super::{MRT, RATE, Wire};
use std::fs::File;
use std::io::Read;
use std::process::Command;
use std::time::{Duration, Instant};

/// How long the end waits for outputs, as docs/operations.md says.
const WITHIN: Duration = Duration::from_secs(40);

/// Lines go to a pipe that nobody reads: the end waits for it as long as it says and no longer, tells what was not
/// written, and the archive beside it is whole.
#[test]
fn the_end_does_not_wait_for_ever() {
    if !allowed() {
        return;
    }
    let (net, scratch) = (Net::new(), Scratch::new("hangs"));
    let (pipe, archive) = (scratch.path("pipe"), scratch.path(MRT));
    run(Command::new("mkfifo").arg(&pipe));
    let mut held = File::options().read(true).write(true).open(&pipe).unwrap();
    let options = [
        "--json",
        pipe.to_str().unwrap(),
        "--raw",
        "--mrt",
        archive.to_str().unwrap(),
    ];
    let live = Live::start(&net.mon, TAP, &scratch, &options);
    let mut wire = Wire::new();
    let part = wire.part(&scratch, 2 * RATE);
    wire.send(&net, &part);
    let log = scratch.path("live.log");
    let started = Instant::now();
    let summary = live.stop_with(1);
    let took = started.elapsed();
    assert!(WITHIN <= took && took < 2 * WITHIN, "{took:?}");
    assert_eq!(summary["messages"]["UPDATE"], wire.said, "{summary}");

    let log = std::fs::read_to_string(log).unwrap();
    let late = log.lines().find_map(|line| {
        let rest = line.strip_prefix("bgptap: json: ")?;
        rest.split_once(" events dropped at the end")
    });
    let late: usize = late.expect(&log).0.parse().unwrap();
    let lost = serde_json::json!({"json": {"dropped": {"late": late}}});
    assert_eq!(
        summary["outputs"], lost,
        "and no other output lost anything"
    );
    // What is in the pipe; the last line of it may be cut. Of what was being written some is there and counts as dropped.
    let mut came = vec![0; 1 << 20];
    let count = held.read(&mut came).unwrap();
    let lines = came[..count].iter().filter(|byte| **byte == b'\n').count();
    let recorded = archived(&[archive]).len();
    assert!(recorded >= usize::from(wire.said), "{recorded}");
    assert!(late > 0 && late + lines >= recorded, "{late}, {lines}");
}
