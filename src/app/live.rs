//! `bgptap live`

use super::watch::{FRAMES, Watch};
use super::{Ended, outputs};
use crate::capture::xdp::{InterfaceCounts, Options, Timestamps, XdpSource, ZeroCopy, plan};
use crate::cli;
use crate::config::Limits;
use crate::error::SetupError;
use crate::sink::metrics::{Metrics, Pool, Server, Snapshot};
use crate::sink::totals::Frames;
use crate::sink::writer::WhenFull;
use crate::wire::{Ports, Skip};
use crate::worker::{Outcome, Worker};
use bgptap_bpf::Mode;
use bgptap_umem::xsk::{FramePool, Gauges};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Frames that may be worked on at a time, for each queue.
const BATCH_FRAMES: u32 = 1024;

pub(super) fn run(options: &cli::Live, stop: &Arc<AtomicBool>) -> Result<Ended, SetupError> {
    let limits = Limits {
        held_frames_max: options.held_frames,
        ..outputs::limits(&options.outputs)
    };
    let held_frames_max = limits.held_frames_max;
    let mut capture = capture_options(options);
    let pool_options = plan(&mut capture, limits.held_frames_max, BATCH_FRAMES);
    let metrics = Arc::new(Metrics::default());
    let server = Server::start(options.metrics, Arc::clone(&metrics))?;
    let closing = outputs::open(&options.outputs, metrics, WhenFull::Drop)?;
    let pool = FramePool::new(&pool_options).map_err(|error| SetupError::Other {
        what: "setting up the frame pool".into(),
        why: error.to_string(),
        remedy: error.remedy().into(),
    })?;
    let mut source = XdpSource::open(&pool, &capture)?;
    announce(&source, &pool, &server);
    if let Some(seconds) = options.duration {
        stop_after(Duration::from_secs(seconds), stop);
    }

    let ports = Ports::new(&options.outputs.ports);
    let memory = outputs::memory(&limits)?;
    eprintln!(
        "bgptap: payload and connections take at most {} MiB beside the pool",
        memory.bound(&limits) >> 20
    );
    let mut worker = Worker::new(limits, ports, closing, memory);
    let started = Instant::now();
    let mut watch = Watch::default();
    let gather = |source: &mut XdpSource<'_>, snapshot: &mut Snapshot| {
        let buffers = snapshot.pools.len();
        fill_snapshot(
            source,
            &pool.gauges(),
            held_frames_max,
            snapshot,
            &mut watch,
        );
        for pool in &snapshot.pools[..buffers] {
            warn(watch.buffers(pool));
        }
    };
    let mut interrupted = worker.run(&mut source, stop, gather);
    // Off first: then what was steered is in the rings, and the last round finds it all.
    // Where that fails the interface is gone, and the program with it.
    if let Err(error) = source.stop_steering()
        && interrupted.is_empty()
    {
        return Err(error);
    }
    interrupted.extend(worker.drain(&mut source));
    let frames: Vec<InterfaceCounts> = source.counts().map(|(_, counts)| counts).collect();
    let (outcome, closing) = worker.finish(interrupted, started);
    let mut summary = outputs::summarise(&outcome, add_up(&frames, &outcome));
    summary.capture = source.modes().collect();
    let gauges = pool.gauges();
    assert!(
        gauges.conserved(),
        "frames were lost or doubled: {gauges:?}"
    );
    let ended = outputs::close(&options.outputs, closing, &outcome, &summary)?;
    report_latency(&outcome);
    drop(server);
    Ok(ended)
}

fn capture_options(options: &cli::Live) -> Options {
    Options {
        interfaces: options.interfaces.clone(),
        ports: options.outputs.ports.clone(),
        drop_foreign: options.foreign == cli::Foreign::Drop,
        fragments: !options.no_fragments,
        mode: match options.mode {
            cli::Mode::Auto => Mode::Auto,
            cli::Mode::Native => Mode::Native,
            cli::Mode::Skb => Mode::Skb,
        },
        ring: options.ring,
        zero_copy: match options.zero_copy {
            cli::ZeroCopy::Auto => ZeroCopy::Auto,
            cli::ZeroCopy::Require => ZeroCopy::Require,
            cli::ZeroCopy::Never => ZeroCopy::Never,
        },
        timestamps: match options.timestamps {
            cli::Timestamps::Xdp => Timestamps::Xdp,
            cli::Timestamps::Hardware => Timestamps::Hardware,
        },
        busy_poll: options.busy_poll,
        huge_pages: options.huge_pages,
        force: options.force,
    }
}

fn announce(source: &XdpSource<'_>, pool: &FramePool, server: &Server) {
    for mode in source.modes() {
        eprintln!("bgptap: {mode}");
    }
    for warning in source.warnings() {
        eprintln!("bgptap: warning: {warning}");
    }
    eprintln!(
        "bgptap: {} frames in the pool, {}; metrics at http://{}/metrics",
        pool.gauges().total,
        if pool.locked().is_ok() {
            "locked"
        } else {
            "not locked"
        },
        server.address()
    );
}

fn stop_after(duration: Duration, stop: &Arc<AtomicBool>) {
    let stop = Arc::clone(stop);
    std::thread::spawn(move || {
        std::thread::sleep(duration);
        stop.store(true, Ordering::Relaxed);
    });
}

fn warn(warning: Option<String>) {
    if let Some(warning) = warning {
        eprintln!("bgptap: warning: {warning}");
    }
}

fn fill_snapshot(
    source: &mut XdpSource<'_>,
    gauges: &Gauges,
    held_frames_max: u32,
    snapshot: &mut Snapshot,
    watch: &mut Watch,
) {
    snapshot.frames.clear();
    for (name, counts) in source.counts() {
        let mut outcomes = vec![
            ("seen", counts.seen),
            ("redirected", counts.redirected),
            ("received", counts.received),
        ];
        outcomes.extend(counts.other);
        outcomes.extend(counts.drops);
        snapshot.frames.push((name.to_owned(), outcomes));
    }
    snapshot.frame_states = vec![
        ("free", gauges.free.into()),
        ("given", gauges.given.into()),
        ("batch", gauges.batch.into()),
        ("held", gauges.held.into()),
        ("rx_ring", source.pending()),
    ];
    let waiting = u32::try_from(source.pending()).unwrap_or(u32::MAX);
    let in_use = gauges.batch + gauges.held + waiting;
    snapshot.pools.push(Pool {
        name: "umem".into(),
        utilisation: f64::from(in_use) / f64::from(gauges.total),
        fallbacks: 0,
    });
    for (which, usage) in FRAMES.iter().zip(source.usage(held_frames_max)) {
        snapshot.pools.push(Pool {
            name: which.0.into(),
            utilisation: usage.utilisation(),
            fallbacks: 0,
        });
        warn(watch.frames(*which, &usage));
    }
}

fn add_up(interfaces: &[InterfaceCounts], outcome: &Outcome) -> Frames {
    let mut frames = Frames {
        undissected: Skip::ALL
            .iter()
            .map(|skip| (skip.name(), outcome.frames.skipped[skip.index()]))
            .filter(|(_, count)| *count > 0)
            .collect(),
        ..Frames::default()
    };
    for counts in interfaces {
        frames.seen += counts.seen;
        frames.redirected += counts.redirected;
        add(&mut frames.other, &counts.other);
        add(&mut frames.drops, &counts.drops);
    }
    // As the worker counted them, not the sockets: the two must agree.
    frames.received = outcome.frames.received;
    frames
}

fn add(to: &mut BTreeMap<&'static str, u64>, from: &BTreeMap<&'static str, u64>) {
    for (name, count) in from {
        *to.entry(name).or_default() += count;
    }
}

fn report_latency(outcome: &Outcome) {
    let latency = &outcome.latency;
    if latency.count() > 0 {
        let micros = |quantile| Duration::from_nanos(latency.quantile(quantile)).as_micros();
        eprintln!(
            "  latency     wire to decoded: p50 {} µs, p99 {} µs, p99.9 {} µs",
            micros(0.5),
            micros(0.99),
            micros(0.999)
        );
    }
}
