//! `bgptap read`

use super::{Ended, closing, outputs};
use crate::capture::Source;
use crate::capture::bmp::BmpSource;
use crate::capture::pcap::PcapSource;
use crate::cli;
use crate::config::Limits;
use crate::error::SetupError;
use crate::sink::metrics::{Metrics, Server};
use crate::sink::totals::Frames;
use crate::sink::writer::WhenFull;
use crate::wire::{Ports, Skip};
use crate::worker::{Outcome, Worker};
use indicatif::{ProgressBar, ProgressStyle};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

pub(super) fn run(options: &cli::Read, stop: &AtomicBool) -> Result<Ended, SetupError> {
    let started = Instant::now();
    let captures = PcapSource::open(&options.files)?;
    let metrics = Arc::new(Metrics::default());
    let server = options
        .metrics
        .map(|address| Server::start(address, Arc::clone(&metrics)))
        .transpose()?;
    let rib_out = options.rib_out.as_deref();
    check(options)?;
    let text = rib_out.is_none();
    let mut files = outputs::Files::open(&options.outputs, text, WhenFull::Wait)?;
    let selection = options.outputs.filters.of_tables(None);
    let rib_out = rib_out.map(|path| super::rib::Out::open(path, selection));
    let mut rib_out = rib_out.transpose()?;
    let ports = Ports::new(&options.outputs.ports);
    let limits = Limits {
        // A file waits.
        lock_memory: false,
        ..outputs::limits(&options.outputs)
    };
    let memory = outputs::memory(&limits)?;
    let mut source = BmpSource::new(captures, &options.bmp_ports, memory.buffers.clone());
    // Nothing is refused behind this.
    let mut outputs = files.start(&options.outputs, metrics, WhenFull::Wait)?;
    rib_out.iter_mut().for_each(super::rib::Out::begin);
    outputs.summarised |= rib_out.is_some();
    outputs.set_interfaces(source.interfaces());
    let mut worker = Worker::new(limits, ports, outputs, memory);

    let bar = match files.are_on_terminal() {
        // It would be drawn over lines.
        true => ProgressBar::hidden(),
        false => progress_bar(source.captures()),
    };
    let interrupted = worker.run(&mut source, stop, |source: &mut BmpSource, _| {
        bar.set_position(source.captures().progress().0);
    });
    bar.finish_and_clear();
    let (outcome, closing) = worker.finish(interrupted, started);
    for unreadable in source.captures().unreadable() {
        eprintln!(
            "bgptap: {} frames of link type {} ({}) were passed over: bgptap does not read it",
            unreadable.frames, unreadable.link_type, unreadable.name
        );
    }
    for note in source.tally().notes() {
        eprintln!("bgptap: {note}");
    }
    if let Some(warning) = without_bgp(&outcome, &options.outputs.ports) {
        eprintln!("bgptap: warning: {warning}");
    }
    let mut summary = closing::summarise(&outcome, frames(&outcome));
    drop(server);
    let mut ended = Ended::Done;
    if let (Some(out), Some(ribs)) = (rib_out, &outcome.ribs)
        && let Err(error) = out.write(ribs)
    {
        eprintln!("bgptap: {error}");
        ended = Ended::InPart;
    }
    let (out, summary) = (&options.outputs, &mut summary);
    let closed = closing::close(out, files, closing, &outcome, summary, true);
    // The process ends: its memory goes back at once, while a million routes that are dropped take each other's
    // attributes apart one by one.
    std::mem::forget(outcome);
    if source.tally().is_damaged() {
        ended = Ended::InPart;
    }
    Ok(ended.max(closed))
}

/// Judges what is asked for by itself.
///
/// # Errors
/// Some of it does not go together.
pub(super) fn check(options: &cli::Read) -> Result<(), SetupError> {
    check_ports(options)?;
    let more = [("--rib-out", options.rib_out.as_deref())];
    outputs::Files::check(&options.outputs, &options.files, &more)
}

/// A port is that of one protocol.
fn check_ports(options: &cli::Read) -> Result<(), SetupError> {
    let both = options
        .bmp_ports
        .iter()
        .find(|port| options.outputs.ports.contains(port));
    both.map_or(Ok(()), |port| {
        Err(SetupError::Other {
            what: format!("reading BMP at TCP port {port}"),
            why: "BGP is looked for there".into(),
            remedy: "name the port of the station by --bmp-port, and that of BGP by --port".into(),
        })
    })
}

/// What may be amiss where no BGP was found.
fn without_bgp(outcome: &Outcome, ports: &[u16]) -> Option<String> {
    let counts = &outcome.frames;
    match (counts.received, counts.segments) {
        (0, _) => Some("there are no frames to be read".into()),
        (frames, 0) => {
            let ports: Vec<_> = ports.iter().map(u16::to_string).collect();
            Some(format!(
                "none of {frames} frames is of TCP port {}; if these sessions use another one, name it: --port N, or --bmp-port N if it is BMP",
                ports.join(" or ")
            ))
        }
        _ => None,
    }
}

/// A file has no kernel in front of it: what holds a segment was "redirected" and "received".
fn frames(outcome: &Outcome) -> Frames {
    let counts = &outcome.frames;
    Frames {
        seen: counts.received,
        redirected: counts.segments,
        received: counts.segments,
        other: Skip::ALL
            .iter()
            .map(|skip| (skip.name(), counts.skipped[skip.index()]))
            .collect(),
        ..Frames::default()
    }
}

/// On a terminal only: indicatif draws nothing elsewhere.
fn progress_bar(source: &PcapSource) -> ProgressBar {
    let (_, total) = source.progress();
    let (bar, template) = match total {
        Some(total) => (
            ProgressBar::new(total),
            "{bar:40} {bytes}/{total_bytes} {bytes_per_sec} {eta}",
        ),
        None => (
            ProgressBar::new_spinner(),
            "{spinner} {bytes} {bytes_per_sec}",
        ),
    };
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar
}
