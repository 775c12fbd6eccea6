//! Outputs as the command line asks for them, and what is said at the end.

use super::Ended;
use crate::bgp::{Disposition, MessageType};
use crate::cli;
use crate::config::Limits;
use crate::error::SetupError;
use crate::sink::metrics::{ERROR_KINDS, Metrics, attribute_label};
use crate::sink::outputs::{JsonLines, Outputs};
use crate::sink::totals::{Frames, Summary};
use crate::sink::writer::{WhenFull, Writer};
use crate::worker::Memory;
use crate::worker::Outcome;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Opens what `options` name.
pub(super) fn open(
    options: &cli::Outputs,
    metrics: Arc<Metrics>,
    when_full: WhenFull,
) -> Result<Outputs, SetupError> {
    let json = match &options.json {
        None => None,
        Some(path) => {
            let failed = |source: io::Error| cannot_write(path, &source);
            let target = target(path).map_err(failed)?;
            let writer = Writer::start(target, when_full).map_err(failed)?;
            Some(JsonLines {
                writer,
                raw: options.raw,
            })
        }
    };
    let host = options.host.clone().unwrap_or_else(host_name);
    Ok(Outputs::new(metrics, json, host))
}

/// What the worker keeps to.
pub(super) fn limits(options: &cli::Outputs) -> Limits {
    let mut limits = Limits {
        key_vlan: options.key_vlan,
        zero_buffers: options.zero_buffers,
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

fn target(path: &Path) -> io::Result<Box<dyn Write + Send>> {
    if path.as_os_str() == "-" {
        Ok(Box::new(io::stdout()))
    } else {
        Ok(Box::new(File::create(path)?))
    }
}

fn cannot_write(path: &Path, source: &io::Error) -> SetupError {
    SetupError::Other {
        what: format!("writing {}", path.display()),
        why: source.to_string(),
        remedy: "name a file in a folder that exists and that you may write to".into(),
    }
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
    mut outputs: Outputs,
    outcome: &Outcome,
    summary: &Summary,
) -> Result<Ended, SetupError> {
    let mut ended = Ended::Done;
    for interrupted in &outcome.interrupted {
        eprintln!("bgptap: {interrupted}; what came before it was kept");
        ended = Ended::InPart;
    }
    if let Some(json) = &mut outputs.json {
        let lost = (json.writer.lost_full(), json.writer.lost_broken());
        if let Err(error) = json.writer.close()
            // Whoever reads our output may stop reading: `| head` is no failure.
            && error.kind() != io::ErrorKind::BrokenPipe
        {
            eprintln!("bgptap: writing JSON: {error}; events lost: {}", lost.1);
            ended = Ended::InPart;
        }
        if lost.0 > 0 {
            eprintln!(
                "bgptap: the JSON output could not keep up: {} events dropped",
                lost.0
            );
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
    if let Some(path) = &options.summary {
        let failed = |source: io::Error| cannot_write(path, &source);
        let mut target = io::BufWriter::new(target(path).map_err(failed)?);
        let write = serde_json::to_writer(&mut target, summary).map_err(io::Error::from);
        let write = write.and_then(|()| writeln!(target));
        write.and_then(|()| target.flush()).map_err(failed)?;
    }
    Ok(ended)
}
