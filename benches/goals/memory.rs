//! The memory of `live`, over time.

use super::bench::workload;
use super::data::Data;
use super::files::{Capture, Talk};
use super::line::{Goal, Line};
use super::resident::{self, MIB, mapped, parts};
use super::support::Scratch;
use super::support::net::{Live, Net, TAP, WIRE};
use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

const SECONDS: u32 = 24;
const RATE: u32 = 20_000;
const SESSIONS: usize = 16;
/// Messages that say something new; then they come again.
const DISTINCT: usize = 50_000;
const SAMPLE: Duration = Duration::from_millis(250);
/// What may be more at the end than after a third of the run.
const CONSTANT: f64 = 1.01;
/// What may be resident beside what is stated: as much as `tests/rib_resident.rs` allows.
const STATES: f64 = 1.1;

pub(crate) fn lines(data: &mut Data) -> io::Result<Vec<Line>> {
    let (net, scratch) = (Net::new(), Scratch::new("goals-memory"));
    let file = scratch.path("churn.pcap");
    write(&file)?;
    let live = Live::start(&net.mon, TAP, &scratch, &[]);
    let mut sender = Net::bgptap(&net.wire, &["replay"]);
    let rate = RATE.to_string();
    sender.arg(&file).args(["-i", WIRE, "--rate", &rate]);
    let mut sender = sender.stderr(std::process::Stdio::null()).spawn()?;
    let started = Instant::now();
    let mut samples = Vec::new();
    while sender.try_wait()?.is_none() {
        let resident = live.memory("VmRSS") as f64 / MIB;
        samples.push((started.elapsed().as_secs_f64(), resident));
        std::thread::sleep(SAMPLE);
    }
    // Figures are published once a second.
    std::thread::sleep(Duration::from_millis(1500));
    let metrics = Net::within(&net.mon, metrics)?;
    let mapped = mapped(&fs::read_to_string(format!("/proc/{}/smaps", live.pid()))?);
    live.stop();
    let row = |(seconds, mib): &(f64, f64)| vec![format!("{seconds:.2}"), format!("{mib:.2}")];
    data.put(
        "memory",
        &["seconds", "mib"],
        samples.iter().map(row).collect(),
    );
    let at = |share: f64| samples[(samples.len() as f64 * share) as usize].1;
    let (third, end) = (
        at(1.0 / 3.0),
        samples.last().map_or(f64::NAN, |sample| sample.1),
    );
    let run = format!("live, resident after {SECONDS} s of {RATE} frames/s");
    let parts = parts(&metrics, &mapped)?;
    let stated = parts.iter().filter(|part| part.stated);
    let sum = stated.clone().map(|part| part.mib).sum::<f64>();
    let names = stated.map(|part| format!("{} {:.1}", part.name, part.mib));
    let names = names.collect::<Vec<_>>().join(" + ");
    let resident = mapped.values().sum::<f64>();
    resident::put(data, &parts, resident);
    Ok(vec![
        Line::new(
            &run,
            "MiB",
            "itself after a third of that",
            (end, third),
            Goal::AtMost(CONSTANT),
        ),
        Line::new(&run, "MiB", names, (resident, sum), Goal::AtMost(STATES)),
    ])
}

/// Each session says its messages again and again.
fn write(file: &std::path::Path) -> io::Result<()> {
    let mut capture = Capture::create(BufWriter::new(File::create(file)?))?;
    let mut talks: Vec<_> = (0..SESSIONS).map(Talk::new).collect();
    for talk in &mut talks {
        talk.begin(&mut capture)?;
    }
    let messages = workload::typical_list(DISTINCT);
    // Two of three frames hold a message, the third acknowledges.
    let count = (SECONDS * RATE) as usize * 2 / 3;
    for (number, message) in messages.iter().cycle().take(count).enumerate() {
        talks[number % SESSIONS].say(&mut capture, message, 1)?;
    }
    capture.finish()?.flush()
}

fn metrics() -> io::Result<String> {
    let mut stream = TcpStream::connect("127.0.0.1:9179")?;
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}
