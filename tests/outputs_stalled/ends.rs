//! The end of a capture while an output hangs.

use super::consumers::archived;
use super::support::Scratch;
use super::support::net::{Live, Net, TAP, WIRE, allowed, run};
use super::{MRT, RATE, Wire, nothing_lost_in_capture};
use std::fs::File;
use std::io::Read;
use std::net::TcpListener;
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

/// A broker that takes connections and answers nothing costs its own records, each of which is counted, and nobody else
/// anything. The end does not wait for it for ever.
#[test]
fn a_broker_that_says_nothing_has_only_its_own_records_lost() {
    if !allowed() {
        return;
    }
    let (net, scratch) = (Net::new(), Scratch::new("mute"));
    // The kernel takes connections in its place.
    let broker = Net::within(&net.mon, || TcpListener::bind("127.0.0.1:0").unwrap());
    let address = broker.local_addr().unwrap().to_string();
    let json = scratch.path("events.json");
    let options = [
        "--json",
        json.to_str().unwrap(),
        "--kafka",
        &address,
        "--kafka-format",
        "json",
    ];
    let live = Live::start(&net.mon, TAP, &scratch, &options);
    let sent = Net::counter(&net.wire, WIRE, "tx_packets");
    let mut wire = Wire::new();
    let part = wire.part(&scratch, 2 * RATE);
    wire.send(&net, &part);
    let sent = Net::counter(&net.wire, WIRE, "tx_packets") - sent;
    let started = Instant::now();
    let summary = live.stop_with(0);
    assert!(started.elapsed() < 2 * WITHIN, "{:?}", started.elapsed());
    nothing_lost_in_capture(&summary, &wire, sent);
    broker.set_nonblocking(true).unwrap();
    assert!(broker.accept().is_ok(), "nobody has come");

    let lines = std::fs::read_to_string(&json).unwrap().lines().count();
    assert!(lines > usize::from(wire.said), "{lines}");
    let lost = serde_json::json!({"kafka": {"dropped": {"undelivered": lines}}});
    assert_eq!(summary["outputs"], lost, "all of its own, and no other's");
    let log = std::fs::read_to_string(scratch.path("live.log")).unwrap();
    let told = format!("kafka: 0 lines delivered, {lines} not: ");
    assert!(log.contains(&told), "{told}: {log}");
}
