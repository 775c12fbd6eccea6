//! What arrives of frames that the kernel makes as fast as it can: the program's cost in the
//! driver's path, and how far one thread follows in emptying the rings.
//!
//! `cargo bench --bench xdp_load` (root). The frames come from a test run with live frames, so the
//! sender is one thread in the kernel; it and the receiver have a core each, if there are two.

use bgptap::capture::xdp::{Options, Timestamps, XdpSource, ZeroCopy, plan};
use bgptap::capture::{Live, Polled, Source};
use bgptap_bpf::{Load, Mode, Template};
use bgptap_umem::xsk::FramePool;
use nix::net::if_::if_nametoindex;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

#[path = "../tests/support/load.rs"]
#[allow(unreachable_pub, reason = "shared with the tests")]
mod load;
#[path = "../tests/support/wrap.rs"]
#[allow(dead_code, unreachable_pub, reason = "shared with the tests")]
mod wrap;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// Set in the network namespace that the bench runs in.
const INSIDE: &str = "BGPTAP_BENCH_INSIDE";
const ROUNDS: usize = 5;
const FRAMES: u32 = 500_000;

fn main() -> Result<ExitCode> {
    if std::env::var_os(INSIDE).is_some() {
        return inside().map(|()| ExitCode::SUCCESS);
    }
    let space = format!("bgptap-bench-{}", std::process::id());
    ip(&["netns", "add", &space])?;
    let mut again = Command::new("ip");
    again
        .args(["netns", "exec", &space])
        .arg(std::env::current_exe()?);
    let status = again.env(INSIDE, "1").status();
    ip(&["netns", "del", &space])?;
    Ok(if status?.success() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn ip(arguments: &[&str]) -> Result<()> {
    let status = Command::new("ip").args(arguments).status()?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("ip {arguments:?}: {status}").into())
    }
}

fn inside() -> Result<()> {
    ip(&[
        "link", "add", "tap0", "type", "veth", "peer", "name", "wire0",
    ])?;
    ip(&["link", "set", "tap0", "up"])?;
    ip(&["link", "set", "wire0", "up"])?;
    let mut options = options();
    let pool = FramePool::new(&plan(&mut options, 0, 1024))?;
    let mut source = XdpSource::open(&pool, &options, None)?;
    println!(
        "{ROUNDS} rounds of {FRAMES} frames of {} bytes",
        load::template().len()
    );
    println!(
        "{:12} {:>10} {:>12} {:>10}",
        "frames", "ns each", "steered", "received"
    );
    for (name, port) in [("other port", 443), ("BGP", 179)] {
        let mut frame = load::template();
        frame[36..38].copy_from_slice(&u16::to_be_bytes(port));
        round(&mut source, &frame, name)?;
    }
    Ok(())
}

fn options() -> Options {
    Options {
        interfaces: vec!["tap0".into()],
        tap: None,
        ports: vec![179],
        drop_foreign: true,
        fragments: true,
        mode: Mode::Native,
        program: None,
        pretend: None,
        ring: 8192,
        zero_copy: ZeroCopy::Never,
        timestamps: Timestamps::Xdp,
        busy_poll: false,
        huge_pages: false,
    }
}

/// Sends while this thread empties the rings; one line about it.
fn round(source: &mut XdpSource<'_>, frame: &[u8], name: &str) -> Result<()> {
    let steered = |source: &XdpSource<'_>| -> u64 {
        let counts = source.counts();
        counts.iter().map(|counts| counts.redirected).sum()
    };
    let before = steered(source);
    let sender = {
        let frame = frame.to_vec();
        std::thread::spawn(move || send(&frame).map_err(|error| error.to_string()))
    };
    let (mut batch, mut received) = (Vec::with_capacity(4096), 0u64);
    loop {
        // Asked first: what came until then is found by the poll.
        let done = sender.is_finished();
        let polled = source.poll(&mut batch, Duration::from_millis(10))?;
        received += batch.len() as u64;
        batch.clear();
        if done && polled != Polled::Frames {
            break;
        }
    }
    let elapsed = sender.join().map_err(|_| "the sender panicked")??;
    let each = elapsed.as_nanos() as f64 / (ROUNDS as f64 * f64::from(FRAMES));
    let steered = steered(source) - before;
    println!("{name:12} {each:10.1} {steered:12} {received:10}");
    Ok(())
}

fn send(frame: &[u8]) -> Result<Duration> {
    let template = Template {
        frame,
        tcp: 34,
        payload: load::PAYLOAD,
        sessions: load::SESSIONS,
    };
    let load = Load::new(if_nametoindex("wire0")?, &template)?;
    let started = Instant::now();
    for _ in 0..ROUNDS {
        load.send(FRAMES)?;
    }
    Ok(started.elapsed())
}
