//! `bgptap live`

mod figures;

use super::reload::{self, Reloader};
use super::watch::{Watch, warn};
use super::{Ended, closing, feeds, outputs, screen};
use crate::capture::af_packet::{self, AfPacketSource, Sockets};
use crate::capture::xdp::{
    Options, Taps, Timestamps, WITHOUT, XdpSource, ZeroCopy, best_mode, plan,
};
use crate::capture::{Live, TapCounts};
use crate::cli;
use crate::config::Limits;
use crate::config_file::CommandLine;
use crate::doctor;
use crate::error::SetupError;
use crate::http::{self, Status};
use crate::privileges::{self, Confined, Keep};
use crate::sink::metrics::{Listener, Metrics, Snapshot};
use crate::sink::stream::Hub;
use crate::sink::writer::WhenFull;
use crate::wire::Ports;
use crate::worker::{Memory, Worker};
use bgptap_bpf::{Mode, Program, Release, TapMode};
use bgptap_umem::xsk::{FramePool, PoolOptions};
use caps::Capability;
use figures::{
    add_up, count_frames, describe_blocks, describe_pool, describe_taps, describe_usage,
    report_latency,
};
use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Frames that may be worked on at a time, for each queue.
pub(super) const BATCH_FRAMES: u32 = 1024;
/// The first kernel on which maps are read without rights.
const MAPS_WITHOUT_RIGHTS: Release = (5, 19);

pub(super) fn run(
    options: &cli::Live,
    stop: &Arc<AtomicBool>,
    command_line: &CommandLine,
) -> Result<Ended, SetupError> {
    check(options)?;
    if options.top {
        screen::need_terminal()?;
    }
    match options.backend {
        cli::Backend::Xdp => by_xdp(options, stop, command_line),
        cli::Backend::AfPacket => by_af_packet(options, stop, command_line),
    }
}

/// Judges what is asked for by itself.
///
/// # Errors
/// Some of it does not go together.
pub(super) fn check(options: &cli::Live) -> Result<(), SetupError> {
    refuse_twice(&options.interfaces)?;
    if options.tap && options.backend == cli::Backend::AfPacket {
        return Err(no_tap_by_packets());
    }
    if options.top {
        screen::check(&options.outputs)?;
    }
    if options.backend == cli::Backend::Xdp {
        xdp_mode(options)?;
    }
    outputs::Files::check(&options.outputs, &[], &[])
}

fn by_xdp(
    options: &cli::Live,
    stop: &Arc<AtomicBool>,
    command_line: &CommandLine,
) -> Result<Ended, SetupError> {
    let limits = limits(options);
    let held_frames_max = limits.held_frames_max;
    let mut capture = xdp_options(options)?;
    let pool_options = plan(&mut capture, limits.held_frames_max, BATCH_FRAMES);
    let run = Run::open(
        (options, command_line),
        stop,
        limits,
        &capture.wanted(&pool_options),
    )?;
    let taps = capture.tap.map(|mode| Taps::prepare(&capture, mode));
    let taps = taps.transpose()?;
    let pool = match &taps {
        Some(taps) => taps.within(|| frame_pool(&pool_options))?,
        None => frame_pool(&pool_options),
    }?;
    let source = XdpSource::open(&pool, &capture, taps)?;
    let locked = if pool.locked().is_ok() {
        "locked"
    } else {
        "not locked"
    };
    let room = format!("{} frames in the pool, {locked}", pool.gauges().total);
    let taps = |source: &XdpSource<'_>| source.tap_counts().collect();
    let keep = kept_capabilities(&capture);
    let ended = run.carry(source, keep, &room, taps, |source, snapshot, watch| {
        describe_taps(source.tap_counts(), snapshot);
        describe_pool(&pool.gauges(), source.pending(), snapshot);
        describe_usage(&source.usage(held_frames_max), snapshot, watch);
    })?;
    let gauges = pool.gauges();
    assert!(
        gauges.conserved(),
        "frames were lost or doubled: {gauges:?}"
    );
    Ok(ended)
}

fn frame_pool(options: &PoolOptions) -> Result<FramePool, SetupError> {
    FramePool::new(options).map_err(|error| SetupError::Other {
        what: "setting up the frame pool".into(),
        why: error.to_string(),
        remedy: format!("{}; {WITHOUT}", error.remedy()),
    })
}

fn by_af_packet(
    options: &cli::Live,
    stop: &Arc<AtomicBool>,
    command_line: &CommandLine,
) -> Result<Ended, SetupError> {
    let capture = af_packet::Options {
        interfaces: options.interfaces.clone(),
        ports: options.outputs.ports.clone(),
        fragments: !options.no_fragments,
        ring: options.ring,
        timestamps: timestamps(options),
    };
    let mut run = Run::open(
        (options, command_line),
        stop,
        limits(options),
        &capture.wanted(),
    )?;
    let without_effect = without_effect(options)
        .map(|flag| format!("{flag} has no effect with --backend af-packet"));
    run.warnings.extend(without_effect);
    let sockets = Sockets::open(&capture)?;
    let room = format!("{} blocks in the rings, locked", sockets.blocks().0);
    let source = AfPacketSource::new(&sockets);
    let ended = run.carry(
        source,
        Vec::new(),
        &room,
        |_| Vec::new(),
        |_, snapshot, _| {
            describe_blocks(sockets.blocks(), snapshot);
        },
    )?;
    let (_, ours) = sockets.blocks();
    assert_eq!(ours, 0, "blocks that were not given back");
    Ok(ended)
}

/// A packet socket copies already.
pub(super) fn no_tap_by_packets() -> SetupError {
    SetupError::Other {
        what: "tapping with --backend af-packet".into(),
        why: "copies are captured by AF_XDP".into(),
        remedy: "leave --tap out: a packet socket sees what the host sends and receives anyway"
            .into(),
    }
}

/// Each frame of such an interface would be captured twice.
pub(super) fn refuse_twice(interfaces: &[String]) -> Result<(), SetupError> {
    let mut named = interfaces.iter().enumerate();
    let twice = named.find(|(at, name)| interfaces[..*at].contains(name));
    twice.map_or(Ok(()), |(_, name)| {
        Err(SetupError::Other {
            what: format!("capturing on {name}"),
            why: "the interface is named twice".into(),
            remedy: format!("-i {name} once"),
        })
    })
}

/// How taps are attached, as the command line and the kernel have it.
pub(super) fn tap_mode(
    asked: cli::TapMode,
    interfaces: &[String],
    pretend: Option<Release>,
) -> TapMode {
    match asked {
        cli::TapMode::Auto => best_mode(interfaces, pretend),
        cli::TapMode::Tcx => TapMode::Tcx,
        cli::TapMode::Clsact => TapMode::Clsact,
    }
}

fn limits(options: &cli::Live) -> Limits {
    Limits {
        held_frames_max: options.held_frames,
        ..outputs::limits(&options.outputs)
    }
}

/// Options that only mean something with AF_XDP.
fn without_effect(options: &cli::Live) -> impl Iterator<Item = &'static str> {
    [
        ("--foreign drop", options.foreign == cli::Foreign::Drop),
        ("--mode", options.mode != cli::Mode::Auto),
        ("--program", options.program != cli::Program::Auto),
        ("--zero-copy", options.zero_copy != cli::ZeroCopy::Auto),
        ("--busy-poll", options.busy_poll),
        ("--huge-pages", options.huge_pages),
    ]
    .into_iter()
    .filter_map(|(flag, given)| given.then_some(flag))
}

/// A capture that is set up but for its source.
struct Run<'o> {
    options: &'o cli::Live,
    command_line: &'o CommandLine,
    reloader: Option<Reloader>,
    stop: &'o Arc<AtomicBool>,
    limits: Limits,
    warnings: Vec<String>,
    listener: Listener,
    http: Option<Listener>,
    files: outputs::Files,
}

impl<'o> Run<'o> {
    /// Opens the outputs, if what is wanted can be.
    fn open(
        (options, command_line): (&'o cli::Live, &'o CommandLine),
        stop: &'o Arc<AtomicBool>,
        limits: Limits,
        wanted: &doctor::Wanted,
    ) -> Result<Self, SetupError> {
        // Without a file to read again the signal ends the capture.
        let reloader = options.outputs.config.is_some();
        let reloader = reloader.then(Reloader::register);
        let for_people = !options.top && std::io::stdout().is_terminal();
        let http = options.http;
        let http = http.map(|address| Listener::bind_for(address, "--http"));
        Ok(Self {
            options,
            command_line,
            reloader: reloader.transpose()?,
            stop,
            limits,
            warnings: doctor::admit(&doctor::preflight(wanted), options.force)?,
            listener: Listener::bind(options.metrics)?,
            http: http.transpose()?,
            files: outputs::Files::open(&options.outputs, for_people, WhenFull::Drop)?,
        })
    }

    /// Captures until it is stopped. `keep` are the capabilities that its end takes, `room` says what memory
    /// frames come into, `taps` what taps have copied in the end, and `describe` adds to the metrics
    /// what the source alone can tell.
    fn carry<S: Live>(
        mut self,
        mut source: S,
        keep: Vec<Capability>,
        room: &str,
        taps: impl Fn(&S) -> Vec<TapCounts>,
        describe: impl Fn(&mut S, &mut Snapshot, &mut Watch),
    ) -> Result<Ended, SetupError> {
        let outputs = &self.options.outputs;
        let memory = outputs::memory(&self.limits)?;
        // Everything is open now, and no thread runs yet that would keep its rights.
        let anywhere = outputs::connects_anywhere(outputs);
        let config = self.command_line.file();
        let config = config.and_then(|file| privileges::folder_of(&file));
        let mut readable: Vec<_> = config.into_iter().collect();
        if anywhere || !readable.is_empty() {
            readable.extend(privileges::resolver());
        }
        let ports = self.files.ports();
        let confined = privileges::give_up(&Keep {
            folders: outputs::folders(outputs),
            readable,
            ports: ports.clone(),
            anywhere,
            capabilities: keep,
        })?;
        let metrics = Arc::new(Metrics::default());
        let server = self.listener.serve(Arc::clone(&metrics))?;
        let (desk, hub) = (http::Desk::default(), Hub::default());
        let status = Status::new(Arc::clone(&metrics), outputs::host(outputs));
        let http = self
            .http
            .map(|listener| http::serve(listener, desk.clone(), hub.clone(), status.clone()));
        let http = http.transpose()?;
        let mut closing = self.files.start(outputs, metrics, WhenFull::Drop)?;
        closing.set_interfaces(source.interfaces());
        if http.is_some() || self.options.top {
            closing.stream = Some(outputs::event_stream(hub.clone(), outputs)?);
        }
        if let Some(reloader) = self.reloader {
            // Of sessions that come up before there is a station their OPENs are known.
            closing
                .bmp
                .get_or_insert_with(|| Box::new(feeds::feeds(outputs, Vec::new(), &closing.host)));
            let bounds = reload::Bounds {
                ports,
                anywhere,
                #[cfg(feature = "kafka")]
                host: closing.host.clone(),
                #[cfg(feature = "kafka")]
                delivered: Arc::clone(&closing.kafka_delivered),
            };
            closing.reload_by(reloader.start(self.command_line.clone(), outputs, bounds)?);
        }
        self.warnings.extend_from_slice(source.warnings());
        announce(&source, room, &confined, &self.warnings);
        if !memory.locked() {
            eprintln!(
                "bgptap: warning: the buffers for messages could not be locked and may be paged out: \
                 raise RLIMIT_MEMLOCK (`ulimit -l`), or give CAP_IPC_LOCK"
            );
        }
        if let Some(seconds) = self.options.duration {
            stop_after(Duration::from_secs(seconds), self.stop);
        }
        eprintln!("bgptap: {}", bounds(&memory, &self.limits));
        if let Some(http) = &http {
            eprintln!("bgptap: sessions at http://{}/", http.address());
        }
        eprintln!("bgptap: metrics at http://{}/metrics", server.address());
        let heap_max = self.limits.carry_heap_max;
        let mut worker = Worker::new(self.limits, Ports::new(&outputs.ports), closing, memory);
        worker.answer_at(desk.clone());
        let started = Instant::now();
        let told = (desk, hub, status);
        let screen = screen::open(self.options.top, told, self.stop)?;
        let mut watch = Watch::default();
        let mut interrupted = worker.run(&mut source, self.stop, |source, snapshot| {
            for pool in &snapshot.pools {
                let warning = watch.buffers(pool, heap_max);
                warn(warning);
            }
            for output in &snapshot.outputs {
                let warning = watch.output(output);
                warn(warning);
            }
            let warning = snapshot.rib.as_ref().and_then(|usage| watch.tables(usage));
            warn(warning);
            count_frames(source, snapshot);
            describe(source, snapshot, &mut watch);
        });
        screen::close(screen);
        // Off first: then what came is in the rings, and the last round finds it all.
        // Where that fails the interface is gone.
        if let Err(error) = source.stop()
            && interrupted.is_empty()
        {
            return Err(error);
        }
        interrupted.extend(worker.drain(&mut source));
        let copies = taps(&source);
        let frames = source.counts();
        let (outcome, closing) = worker.finish(interrupted, started);
        let mut summary = closing::summarise(&outcome, add_up(&frames, &outcome));
        summary.capture = source.modes();
        summary.tap = copies;
        let ended = closing::close(outputs, self.files, closing, &outcome, &mut summary, false);
        report_latency(&outcome);
        drop((server, http));
        Ok(ended)
    }
}

fn xdp_options(options: &cli::Live) -> Result<Options, SetupError> {
    Ok(Options {
        interfaces: options.interfaces.clone(),
        tap: options
            .tap
            .then(|| tap_mode(options.tap_mode, &options.interfaces, options.pretend_linux)),
        ports: options.outputs.ports.clone(),
        drop_foreign: options.foreign == cli::Foreign::Drop,
        fragments: !options.no_fragments,
        mode: xdp_mode(options)?,
        program: match options.program {
            cli::Program::Auto => None,
            cli::Program::Kfuncs => Some(Program::Kfuncs),
            cli::Program::Plain => Some(Program::Plain),
            cli::Program::Basic => Some(Program::Basic),
        },
        pretend: options.pretend_linux,
        ring: options.ring,
        zero_copy: match options.zero_copy {
            cli::ZeroCopy::Auto => ZeroCopy::Auto,
            cli::ZeroCopy::Require => ZeroCopy::Require,
            cli::ZeroCopy::Never => ZeroCopy::Never,
        },
        timestamps: timestamps(options),
        busy_poll: options.busy_poll,
        huge_pages: options.huge_pages,
    })
}

/// What counting and the end of the capture take: filters of a clsact qdisc are removed by hand.
fn kept_capabilities(capture: &Options) -> Vec<Capability> {
    let mut kept = Vec::new();
    if capture.tap == Some(TapMode::Clsact) {
        kept.push(Capability::CAP_NET_ADMIN);
    }
    if capture.pretend.unwrap_or_else(doctor::running) < MAPS_WITHOUT_RIGHTS {
        kept.push(Capability::CAP_BPF);
    }
    kept
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

fn timestamps(options: &cli::Live) -> Timestamps {
    match options.timestamps {
        cli::Timestamps::Xdp => Timestamps::Xdp,
        cli::Timestamps::Hardware => Timestamps::Hardware,
    }
}

/// What may be taken beside frames and locked buffers; tables apart, as they have a limit that can be set.
fn bounds(memory: &Memory, limits: &Limits) -> String {
    let bound = memory.bound(limits) >> 20;
    let text = format!("payload and connections take at most {bound} MiB beside that");
    if !limits.keeps_ribs() {
        return text;
    }
    let routes = limits.rib_bytes_max >> 20;
    format!("{text}, and the routes of all tables {routes} MiB (--rib-memory)")
}

fn announce(source: &impl Live, room: &str, confined: &Confined, warnings: &[String]) {
    for mode in source.modes() {
        eprintln!("bgptap: {mode}");
        for fallback in &mode.fallbacks {
            eprintln!("bgptap: {}: without {fallback}", mode.interface);
        }
    }
    for warning in warnings {
        eprintln!("bgptap: warning: {warning}");
    }
    eprintln!("bgptap: {confined}");
    eprintln!("bgptap: {room}");
}

fn stop_after(duration: Duration, stop: &Arc<AtomicBool>) {
    let stop = Arc::clone(stop);
    std::thread::spawn(move || {
        std::thread::sleep(duration);
        stop.store(true, Ordering::Relaxed);
    });
}
