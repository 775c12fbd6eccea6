//! Outputs as the command line asks for them, and what is said at the end.

use super::Ended;
use super::destination::{self, Destination, Kind, nanoseconds};
use crate::bgp::{Disposition, MessageType};
use crate::cli;
use crate::config::Limits;
use crate::error::SetupError;
use crate::rib::CHANGES;
use crate::sink::metrics::{ERROR_KINDS, Metrics, attribute_label};
use crate::sink::mrt::TableDumps;
use crate::sink::outputs::{JsonLines, Outputs};
#[cfg(feature = "capture")]
use crate::sink::stream::{EventStream, Hub};
use crate::sink::totals::{Frames, Summary};
use crate::sink::writer::{CHUNKS, WhenFull};
use crate::worker::Memory;
use crate::worker::Outcome;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// How often tables are written live, if nothing else is said: as archives of collectors have it.
const TABLES_EVERY: Duration = Duration::from_secs(2 * 3600);

pub(super) type Target = Box<dyn Write + Send>;

/// The files that the command line names. They are opened before anything else is done: a name that cannot
/// be written to is told at once, not after a day of capture, and no rights are needed later.
pub(super) struct Files {
    json: Option<Destination>,
    summary: Option<Target>,
    mrt: Option<Destination>,
    tables: Option<Destination>,
}

impl Files {
    pub(super) fn open(options: &cli::Outputs) -> Result<Self, SetupError> {
        let files = &options.files;
        let open = |path: &Option<PathBuf>, every, size_max, kind| {
            let path = path.as_deref();
            let destination = path.map(|path| {
                Destination::open(destination::Options {
                    path,
                    every,
                    size_max,
                    kind,
                })
            });
            destination.transpose()
        };
        let json = open(
            &options.json,
            files.json_rotate,
            files.json_rotate_size,
            Kind::Lines,
        )?;
        let summary = options.summary.as_deref();
        let summary = summary.map(|path| target(path).map_err(|error| cannot_write(path, &error)));
        Ok(Self {
            json,
            summary: summary.transpose()?,
            mrt: open(
                &files.mrt,
                files.mrt_rotate,
                files.mrt_rotate_size,
                Kind::Records,
            )?,
            tables: open(&files.mrt_rib, None, None, Kind::Snapshots)?,
        })
    }

    /// Starts the threads that write.
    pub(super) fn start(
        &mut self,
        options: &cli::Outputs,
        metrics: Arc<Metrics>,
        when_full: WhenFull,
    ) -> Result<Outputs, SetupError> {
        let start = |destination: Option<Destination>, path: &Option<PathBuf>, chunks| {
            let writer = destination.map(|destination| destination.start(when_full, chunks));
            let path = path.as_deref().unwrap_or(Path::new("-"));
            writer
                .transpose()
                .map_err(|error| cannot_write(path, &error))
        };
        let json = start(self.json.take(), &options.json, CHUNKS)?.map(|writer| JsonLines {
            writer,
            raw: options.raw,
            format: options.files.json_format.into(),
        });
        let mut outputs = Outputs::new(metrics, json, host(options));
        let files = &options.files;
        // A record takes a fraction of the room that a line takes.
        outputs.mrt = start(self.mrt.take(), &files.mrt, CHUNKS / 4)?;
        let tables = start(self.tables.take(), &files.mrt_rib, CHUNKS / 8)?;
        let every = files.mrt_rib_interval.or(match when_full {
            WhenFull::Drop => Some(TABLES_EVERY),
            WhenFull::Wait => None,
        });
        outputs.tables = tables.map(|writer| TableDumps::new(writer, nanoseconds(every)));
        Ok(outputs)
    }
}

/// What listens to events are told through.
#[cfg(feature = "capture")]
pub(super) fn event_stream(hub: Hub, raw: bool) -> Result<EventStream, SetupError> {
    EventStream::start(hub, raw).map_err(|error| cannot_write(Path::new("/events"), &error))
}

/// The folders that outputs are written to.
#[cfg(feature = "capture")]
pub(super) fn folders(options: &cli::Outputs) -> Vec<PathBuf> {
    let summary = options.summary.as_deref();
    let summary = summary.and_then(crate::privileges::folder_of);
    let files = [&options.json, &options.files.mrt, &options.files.mrt_rib];
    let folders = files.into_iter().flatten();
    folders
        .filter_map(|path| destination::folder(path))
        .chain(summary)
        .collect()
}

/// What the worker keeps to.
pub(super) fn limits(options: &cli::Outputs) -> Limits {
    let mut limits = Limits {
        key_vlan: options.key_vlan,
        checksums: options.checksums.into(),
        zero_buffers: options.zero_buffers,
        rib: !options.no_rib,
        rib_bytes_max: u64::from(options.rib_memory) << 20,
        ..Limits::default()
    };
    if !options.messages.is_empty() {
        limits.messages = options.messages.iter().copied().collect();
    }
    let wanted = |kind| limits.messages.contains(kind);
    if !wanted(MessageType::Open) {
        // What nobody reads cannot be waited for.
        limits.open_wait = Duration::ZERO;
        if wanted(MessageType::Update) {
            eprintln!(
                "bgptap: warning: without `open` among --messages nothing tells how UPDATEs are encoded: \
                 four-octet AS numbers and no path identifiers are assumed"
            );
        }
    }
    limits
}

/// Memory for payload beside the frames.
pub(super) fn memory(limits: &Limits) -> Result<Memory, SetupError> {
    Memory::new(limits).map_err(|error| SetupError::Other {
        what: "mapping memory for messages".into(),
        why: error.to_string(),
        remedy: "free some memory: some 20 MiB suffice".into(),
    })
}

pub(super) fn target(path: &Path) -> io::Result<Target> {
    if path.as_os_str() == "-" {
        Ok(Box::new(io::stdout()))
    } else {
        Ok(Box::new(File::create(path)?))
    }
}

pub(super) fn cannot_write(path: &Path, source: &io::Error) -> SetupError {
    SetupError::Other {
        what: format!("writing {}", path.display()),
        why: source.to_string(),
        remedy: "name a file in a folder that exists and that you may write to".into(),
    }
}

/// The name of this monitor in events.
pub(super) fn host(options: &cli::Outputs) -> String {
    options.host.clone().unwrap_or_else(host_name)
}

fn host_name() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname")
        .map_or_else(|_| "localhost".into(), |name| name.trim().to_owned())
}

/// The summary of a run, balanced.
pub(super) fn summarise(outcome: &Outcome, frames: Frames) -> Summary {
    let totals = &outcome.totals;
    let mut summary = Summary {
        frames,
        segments: outcome.frames.segments,
        messages: totals.messages,
        prefixes: totals.prefixes,
        directions: outcome.directions.clone(),
        unlisted: outcome.unlisted,
        refused: outcome.frames.refused,
        refused_bytes: outcome.frames.refused_bytes,
        errors: ERROR_KINDS
            .into_iter()
            .zip(totals.errors)
            .filter(|(_, count)| *count > 0)
            .collect(),
        rendered_attributes: totals.rendered,
        attribute_errors: by_attribute(&totals.attribute_errors),
        evicted: outcome
            .evicted
            .by_reason()
            .into_iter()
            .filter(|(_, count)| *count > 0)
            .collect(),
        gaps: totals.gaps,
        rib: CHANGES
            .into_iter()
            .zip(totals.rib)
            .filter(|(_, count)| *count > 0)
            .collect(),
        duration_s: outcome.duration.as_secs_f64(),
        ..Summary::default()
    };
    summary.balance();
    summary
}

fn by_attribute(
    errors: &BTreeMap<(u8, Disposition), u64>,
) -> BTreeMap<String, BTreeMap<&'static str, u64>> {
    let mut table: BTreeMap<String, BTreeMap<_, _>> = BTreeMap::new();
    for ((attribute, disposition), count) in errors {
        let row = table.entry(attribute_label(*attribute)).or_default();
        row.insert(disposition.name(), *count);
    }
    table
}

/// Closes the outputs, prints the ledger and tells how it ended.
pub(super) fn close(
    options: &cli::Outputs,
    files: Files,
    mut outputs: Outputs,
    outcome: &Outcome,
    summary: &Summary,
) -> Result<Ended, SetupError> {
    let mut ended = Ended::Done;
    for interrupted in &outcome.interrupted {
        eprintln!("bgptap: {interrupted}; what came before it was kept");
        ended = Ended::InPart;
    }
    for closed in outputs.close() {
        let output = closed.output;
        if let Some(error) = closed.error
            // Whoever reads our output may stop reading: `| head` is no failure.
            && error.kind() != io::ErrorKind::BrokenPipe
        {
            let lost = closed.lost_broken;
            eprintln!("bgptap: writing {output}: {error}; events lost: {lost}");
            ended = Ended::InPart;
        }
        if closed.lost_full > 0 {
            let lost = closed.lost_full;
            eprintln!("bgptap: the output {output} could not keep up: {lost} events dropped");
            if options.strict {
                ended = Ended::InPart;
            }
        }
    }
    eprintln!("{summary}");
    if options.strict && summary.has_losses() {
        eprintln!("bgptap: something was lost, and --strict was given");
        ended = Ended::InPart;
    }
    let strays: u64 = summary.directions.iter().map(|d| d.tcp.out_of_window).sum();
    if strays > 0 {
        eprintln!(
            "bgptap: warning: {strays} segments lay far from where their streams stand; if several \
             VLANs carry sessions between the same addresses and ports, --key-vlan keeps them apart"
        );
    }
    if let (Some(path), Some(target)) = (&options.summary, files.summary) {
        let failed = |source: io::Error| cannot_write(path, &source);
        let mut target = io::BufWriter::new(target);
        let write = serde_json::to_writer(&mut target, summary).map_err(io::Error::from);
        let write = write.and_then(|()| writeln!(target));
        write.and_then(|()| target.flush()).map_err(failed)?;
    }
    Ok(ended)
}
