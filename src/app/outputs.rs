//! Outputs as the command line asks for them, and what is said at the end.

use super::Ended;
use super::text::Text;
use crate::bgp::{Disposition, MessageType};
use crate::cli;
use crate::config::Limits;
use crate::error::SetupError;
use crate::rib::CHANGES;
use crate::sink::metrics::{ERROR_KINDS, Metrics, attribute_label};
use crate::sink::outputs::{JsonLines, Outputs};
use crate::sink::totals::{Frames, Summary};
use crate::sink::writer::{WhenFull, Writer};
use crate::worker::Memory;
use crate::worker::Outcome;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

pub(super) type Target = Box<dyn Write + Send>;

/// The files that the command line names. They are opened before anything else is done: a name that cannot
/// be written to is told at once, not after a day of capture, and no rights are needed later.
pub(super) struct Files {
    json: Option<Target>,
    summary: Option<Target>,
    text: Option<Text>,
}

impl Files {
    /// What the command line names, by its flags.
    pub(super) fn named(options: &cli::Outputs) -> [(&'static str, Option<&Path>); 3] {
        [
            ("--json", options.json.as_deref()),
            ("--summary", options.summary.as_deref()),
            ("--text", options.text.text.as_deref()),
        ]
    }

    /// Opens them; without any, lines for people go to standard output if `text`.
    pub(super) fn open(options: &cli::Outputs, text: bool) -> Result<Self, SetupError> {
        let open = |path: &Option<PathBuf>| match path {
            Some(path) => target(path)
                .map(Some)
                .map_err(|error| cannot_write(path, &error)),
            None => Ok(None),
        };
        Ok(Self {
            json: open(&options.json)?,
            summary: open(&options.summary)?,
            text: Text::open(options, text)?,
        })
    }

    /// Lines are going to appear on a terminal.
    pub(super) fn are_on_terminal(&self) -> bool {
        self.text.as_ref().is_some_and(Text::is_on_terminal)
    }

    /// Starts the threads that write.
    pub(super) fn start(
        &mut self,
        options: &cli::Outputs,
        metrics: Arc<Metrics>,
        when_full: WhenFull,
    ) -> Result<Outputs, SetupError> {
        let json = match (self.json.take(), &options.json) {
            (Some(target), Some(path)) => {
                let writer = Writer::start(target, when_full);
                Some(JsonLines {
                    writer: writer.map_err(|error| cannot_write(path, &error))?,
                    raw: options.raw,
                })
            }
            _ => None,
        };
        let text = self.text.take();
        let text = text.map(|text| text.start(&options.text, when_full));
        let host = options.host.clone().unwrap_or_else(host_name);
        let mut outputs = Outputs::new(metrics, json, host);
        outputs.text = text.transpose()?;
        Ok(outputs)
    }
}

/// The folders that outputs are written to.
#[cfg(feature = "capture")]
pub(super) fn folders(options: &cli::Outputs) -> Vec<PathBuf> {
    let files = [&options.json, &options.summary, &options.text.text];
    let files = files.into_iter().flatten();
    files
        .filter_map(|file| crate::privileges::folder_of(file))
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
    if let Some(text) = &mut outputs.text {
        text.writer.event(|out| text.lines.closing(out, summary));
    }
    let json = outputs.json.as_mut().map(|json| ("JSON", &mut json.writer));
    let text = outputs.text.as_mut().map(|text| ("text", &mut text.writer));
    for (name, writer) in json.into_iter().chain(text) {
        let kept_up = close_writer(name, writer, &mut ended);
        if !kept_up && options.strict {
            ended = Ended::InPart;
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

/// Writes out what there is, and says what was lost; whether the writer kept up.
fn close_writer(name: &str, writer: &mut Writer, ended: &mut Ended) -> bool {
    let lost = (writer.lost_full(), writer.lost_broken());
    if let Err(error) = writer.close()
        // Whoever reads our output may stop reading: `| head` is no failure.
        && error.kind() != io::ErrorKind::BrokenPipe
    {
        eprintln!("bgptap: writing {name}: {error}; events lost: {}", lost.1);
        *ended = Ended::InPart;
    }
    if lost.0 > 0 {
        eprintln!(
            "bgptap: the {name} output could not keep up: {} events dropped",
            lost.0
        );
    }
    lost.0 == 0
}
