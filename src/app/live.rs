//! `bgptap live`

use super::watch::{FRAMES, Watch};
use super::{Ended, outputs};
use crate::capture::xdp::{InterfaceCounts, Options, Taps, Timestamps, XdpSource, ZeroCopy, plan};
use crate::cli;
use crate::config::Limits;
use crate::doctor;
use crate::error::SetupError;
use crate::http;
use crate::privileges::{self, Confined, Keep};
use crate::sink::metrics::{Listener, Metrics, Pool, Snapshot};
use crate::sink::totals::Frames;
use crate::sink::writer::WhenFull;
use crate::wire::{Ports, Skip};
use crate::worker::{Outcome, Worker};
use bgptap_bpf::{Mode, TapMode};
use bgptap_umem::xsk::{FramePool, Gauges, PoolOptions};
use caps::Capability;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Frames that may be worked on at a time, for each queue.
pub(super) const BATCH_FRAMES: u32 = 1024;

pub(super) fn run(options: &cli::Live, stop: &Arc<AtomicBool>) -> Result<Ended, SetupError> {
    let limits = Limits {
        held_frames_max: options.held_frames,
        ..outputs::limits(&options.outputs)
    };
    let held_frames_max = limits.held_frames_max;
    let mut capture = capture_options(options)?;
    let pool_options = plan(&mut capture, limits.held_frames_max, BATCH_FRAMES);
    let checks = doctor::preflight(&capture.wanted(&pool_options));
    let mut warnings = doctor::admit(&checks, options.force)?;
    let listener = Listener::bind(options.metrics)?;
    let http = options.http;
    let http = http.map(|address| Listener::bind_for(address, "--http"));
    let http = http.transpose()?;
    let mut files = outputs::Files::open(&options.outputs)?;
    let taps = capture
        .tap
        .map(|mode| Taps::prepare(&capture.interfaces, mode));
    let taps = taps.transpose()?;
    let pool = match &taps {
        Some(taps) => taps.within(|| frame_pool(&pool_options))?,
        None => frame_pool(&pool_options),
    }?;
    let mut source = XdpSource::open(&pool, &capture, taps)?;
    let memory = outputs::memory(&limits)?;
    // Everything is open now, and no thread runs yet that would keep its rights.
    let confined = privileges::give_up(&Keep {
        folders: outputs::folders(&options.outputs),
        capabilities: kept_capabilities(&capture),
    })?;
    let metrics = Arc::new(Metrics::default());
    let server = listener.serve(Arc::clone(&metrics))?;
    let desk = http::Desk::default();
    let http = http.map(|listener| http::serve(listener, desk.clone()));
    let http = http.transpose()?;
    let closing = files.start(&options.outputs, metrics, WhenFull::Drop)?;
    warnings.extend_from_slice(source.warnings());
    announce(&source, &pool, &confined, &warnings);
    if let Some(seconds) = options.duration {
        stop_after(Duration::from_secs(seconds), stop);
    }

    let ports = Ports::new(&options.outputs.ports);
    eprintln!(
        "bgptap: payload and connections take at most {} MiB beside the pool",
        memory.bound(&limits) >> 20
    );
    if let Some(http) = &http {
        eprintln!("bgptap: sessions at http://{}/sessions", http.address());
    }
    eprintln!("bgptap: metrics at http://{}/metrics", server.address());
    let mut worker = Worker::new(limits, ports, closing, memory);
    worker.answer_at(desk);
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
    let copies = source.tap_counts().collect();
    let frames: Vec<InterfaceCounts> = source.counts().map(|(_, counts)| counts).collect();
    let (outcome, closing) = worker.finish(interrupted, started);
    let mut summary = outputs::summarise(&outcome, add_up(&frames, &outcome));
    summary.capture = source.modes().collect();
    summary.tap = copies;
    let gauges = pool.gauges();
    assert!(
        gauges.conserved(),
        "frames were lost or doubled: {gauges:?}"
    );
    let ended = outputs::close(&options.outputs, files, closing, &outcome, &summary)?;
    report_latency(&outcome);
    drop((server, http));
    Ok(ended)
}

fn frame_pool(options: &PoolOptions) -> Result<FramePool, SetupError> {
    FramePool::new(options).map_err(|error| SetupError::Other {
        what: "setting up the frame pool".into(),
        why: error.to_string(),
        remedy: error.remedy().into(),
    })
}

fn capture_options(options: &cli::Live) -> Result<Options, SetupError> {
    Ok(Options {
        interfaces: options.interfaces.clone(),
        tap: options.tap.then_some(match options.tap_mode {
            cli::TapMode::Tcx => TapMode::Tcx,
            cli::TapMode::Clsact => TapMode::Clsact,
        }),
        ports: options.outputs.ports.clone(),
        drop_foreign: options.foreign == cli::Foreign::Drop,
        fragments: !options.no_fragments,
        mode: xdp_mode(options)?,
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
    })
}

/// What the end of the capture takes: filters of a clsact qdisc are removed by hand.
fn kept_capabilities(capture: &Options) -> Vec<Capability> {
    match capture.tap {
        Some(TapMode::Clsact) => vec![Capability::CAP_NET_ADMIN],
        Some(TapMode::Tcx) | None => Vec::new(),
    }
}

fn xdp_mode(options: &cli::Live) -> Result<Mode, SetupError> {
    match options.mode {
        // The kernel runs no generic XDP on packets that were redirected (net/core/dev.c,
        // netif_receive_generic_xdp), as copies are.
        cli::Mode::Skb if options.tap => Err(SetupError::Other {
            what: "tapping with --mode skb".into(),
            why: "programs in SKB mode do not see copied packets".into(),
            remedy: "leave --mode out: the pair that copies go through has native XDP".into(),
        }),
        cli::Mode::Auto | cli::Mode::Native if options.tap => Ok(Mode::Native),
        cli::Mode::Auto => Ok(Mode::Auto),
        cli::Mode::Native => Ok(Mode::Native),
        cli::Mode::Skb => Ok(Mode::Skb),
    }
}

fn announce(source: &XdpSource<'_>, pool: &FramePool, confined: &Confined, warnings: &[String]) {
    for mode in source.modes() {
        eprintln!("bgptap: {mode}");
    }
    for warning in warnings {
        eprintln!("bgptap: warning: {warning}");
    }
    eprintln!("bgptap: {confined}");
    let locked = if pool.locked().is_ok() {
        "locked"
    } else {
        "not locked"
    };
    eprintln!(
        "bgptap: {} frames in the pool, {locked}",
        pool.gauges().total
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
    for ((_, outcomes), tap) in snapshot.frames.iter_mut().zip(source.tap_counts()) {
        outcomes.push(("tap_ingress", tap.ingress.copied));
        outcomes.push(("tap_egress", tap.egress.copied));
        outcomes.push(("tap_lost", tap.lost()));
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
