//! Outputs as the command line asks for them.

use super::claims::Claim;
use super::destination::{self, Destination, Kind, nanoseconds};
use super::feeds::{self, Found};
#[cfg(feature = "kafka")]
use super::kafka;
use super::paths;
use super::text::{self, Text};
use super::undone::{Folder, Late};
use super::unwritable::{cannot_write, cannot_write_into};
use crate::bgp::MessageType;
use crate::cli;
#[cfg(feature = "kafka")]
use crate::cli::KafkaFormat;
use crate::config::Limits;
use crate::error::SetupError;
use crate::sink::bmp::Wanted;
use crate::sink::evidence::{self, Evidence};
use crate::sink::metrics::Metrics;
use crate::sink::mrt::TableDumps;
use crate::sink::outputs::{JsonLines, MrtRecords, Outputs};
#[cfg(feature = "capture")]
use crate::sink::stream::{EventStream, Hub};
use crate::sink::writer::{CHUNKS_PER_MIB, WhenFull, Writer};
use crate::worker::Memory;
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// How often tables are written live, if nothing else is said: as archives of collectors have it.
const TABLES_EVERY: Duration = Duration::from_secs(2 * 3600);

/// The files that the command line names. They are opened before anything else is done: a name that cannot
/// be written to is told at once, not after a day of capture, and no rights are needed later. What was in them stays, and
/// what had to be made goes again, unless they are started.
pub(super) struct Files {
    json: Option<Destination>,
    pub(super) summary: Option<Late>,
    evidence: Option<Folder>,
    mrt: Option<Destination>,
    tables: Option<Destination>,
    stations: Vec<Found>,
    text: Option<Text>,
}

impl Files {
    /// What the command line names, by its flags.
    pub(super) fn named(options: &cli::Outputs) -> [(&'static str, Option<&Path>); 6] {
        [
            ("--evidence", options.evidence.evidence.as_deref()),
            ("--json", options.json.as_deref()),
            ("--summary", options.summary.as_deref()),
            ("--text", options.text.text.as_deref()),
            ("--mrt", options.files.mrt.as_deref()),
            ("--mrt-rib", options.files.mrt_rib.as_deref()),
        ]
    }

    /// The files that they may write.
    pub(super) fn claims(options: &cli::Outputs) -> Vec<Claim> {
        let text = options.text.text.as_deref().map(text::files);
        let files = [
            ("--json", json_files(options)),
            ("--text", text),
            ("--mrt", mrt_files(options)),
            ("--mrt-rib", table_files(options)),
        ];
        let files = files.iter();
        let files = files.filter_map(|(flag, files)| Claim::files(flag, files.as_ref()?));
        let summary = options.summary.as_deref();
        let summary = summary.and_then(|path| Claim::file("--summary", path));
        let evidence = options.evidence.evidence.as_deref();
        let evidence = evidence.and_then(|path| Claim::folder("--evidence", path));
        files.chain(summary).chain(evidence).collect()
    }

    /// Judges what is asked for by itself, before anything is opened. `inputs` are files that are read, `more` other files
    /// that are written, by their flags.
    ///
    /// # Errors
    /// Some of it does not go together.
    pub(super) fn check(
        options: &cli::Outputs,
        inputs: &[PathBuf],
        more: &[(&'static str, Option<&Path>)],
    ) -> Result<(), SetupError> {
        let config = options.config.as_deref();
        let config = config.and_then(|path| Claim::file("--config", path));
        let inputs = inputs.iter().filter_map(|path| Claim::file("", path));
        let inputs: Vec<_> = inputs.chain(config).collect();
        let mut claims = Self::claims(options);
        let others = more.iter();
        claims.extend(others.filter_map(|(flag, path)| Claim::file(flag, (*path)?)));
        paths::check(&inputs, &claims)?;
        paths::check_standard_output(&[&Self::named(options), more].concat())?;
        let files = [json_files(options), mrt_files(options)];
        let mut files = files.iter().flatten();
        files.try_for_each(destination::Options::check)?;
        text::check(options)?;
        feeds::check(options)?;
        #[cfg(feature = "kafka")]
        kafka::check(options)?;
        Ok(())
    }

    /// Opens them; without any, lines for people go to standard output if `text`.
    pub(super) fn open(
        options: &cli::Outputs,
        text: bool,
        when_full: WhenFull,
    ) -> Result<Self, SetupError> {
        let open = |files: Option<destination::Options>| {
            let destination = files.map(|files| Destination::open(&files, when_full));
            destination.transpose()
        };
        let summary = options.summary.as_deref();
        let evidence = options.evidence.evidence.as_deref();
        Ok(Self {
            json: open(json_files(options))?,
            summary: summary
                .map(|path| Late::open(path, when_full))
                .transpose()?,
            evidence: evidence.map(Folder::make).transpose()?,
            mrt: open(mrt_files(options))?,
            tables: open(table_files(options))?,
            stations: options
                .bmp
                .bmp
                .iter()
                .map(|name| feeds::find(name))
                .collect::<Result<_, _>>()?,
            text: Text::open(options, text, when_full)?,
        })
    }

    /// Lines are going to appear on a terminal.
    pub(super) fn are_on_terminal(&self) -> bool {
        self.text.as_ref().is_some_and(Text::is_on_terminal)
    }

    /// Starts the threads that write. What can still be refused comes first: then no file has been emptied.
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
        #[cfg(feature = "capture")]
        if let Some(warning) = super::open_files::raise(self.stations.len()) {
            eprintln!("bgptap: warning: {warning}");
        }
        let mut outputs = Outputs::new(metrics, None, host(options));
        let wanted = self.speak(options, &outputs.host, when_full)?;
        if !wanted.is_empty() {
            outputs.bmp = Some(Box::new(feeds::feeds(options, wanted, &outputs.host)));
        }
        #[cfg(feature = "kafka")]
        if let Some(settings) = kafka::settings(options, KafkaFormat::Json) {
            let delivered = Arc::clone(&outputs.kafka_delivered);
            outputs.kafka = Some(kafka::json(options, &settings, when_full, delivered)?);
        }
        let evidence = evidence_options(options);
        let evidence = evidence.map(|evidence| start_evidence(options, &evidence, when_full));
        outputs.evidence = evidence.transpose()?;
        if let Some(folder) = self.evidence.take() {
            folder.keep();
        }
        let (files, queues) = (&options.files, Queues::of(options));
        let json = start(self.json.take(), &options.json, queues.lines)?;
        outputs.json = json.map(|writer| json_lines(options, writer));
        let mrt = start(self.mrt.take(), &files.mrt, queues.records)?;
        outputs.mrt = mrt.map(|writer| mrt_records(options, writer));
        let tables = start(self.tables.take(), &files.mrt_rib, queues.tables)?;
        let every = tables_every(options, when_full);
        outputs.tables = tables.map(|writer| table_dumps(options, writer, every));
        let text = self.text.take();
        let text = text.map(|text| text.start(options, when_full));
        outputs.text = text.transpose()?;
        self.summary.iter_mut().for_each(Late::begin);
        outputs.summarised = self.summary.is_some();
        Ok(outputs)
    }

    /// The TCP ports that outputs connect to.
    #[cfg(feature = "capture")]
    pub(super) fn ports(&self) -> Vec<u16> {
        let addresses = self.stations.iter().flat_map(|found| &found.addresses);
        addresses.map(std::net::SocketAddr::port).collect()
    }

    /// Starts what speaks to listeners of BMP.
    #[cfg_attr(
        not(feature = "kafka"),
        allow(unused_variables, reason = "a station is told the name by BMP itself")
    )]
    fn speak(
        &self,
        options: &cli::Outputs,
        host: &str,
        when_full: WhenFull,
    ) -> Result<Vec<Wanted>, SetupError> {
        let mut wanted = Vec::new();
        for station in &self.stations {
            wanted.push(Wanted {
                key: station.name.clone(),
                carrier: Some(feeds::speak_to(options, station, when_full)?),
                selection: feeds::selection(options),
            });
        }
        #[cfg(feature = "kafka")]
        if let Some(settings) = kafka::settings(options, KafkaFormat::Openbmp) {
            wanted.push(Wanted {
                key: kafka::key(&settings),
                carrier: Some(kafka::openbmp(options, &settings, host, when_full)?),
                selection: kafka::selection_of_routes(options),
            });
        }
        Ok(wanted)
    }
}

/// Chunks that may wait for writers.
pub(super) struct Queues {
    pub(super) lines: usize,
    pub(super) records: usize,
    pub(super) tables: usize,
}

/// One that is filled, one that is written, and two that the end of a snapshot takes.
const TABLE_CHUNKS_MIN: usize = 4;

impl Queues {
    pub(super) fn of(options: &cli::Outputs) -> Self {
        let lines = usize::from(options.files.output_queue) * CHUNKS_PER_MIB;
        Self {
            lines,
            // A record takes a fraction of the room that a line takes.
            records: lines / 4,
            // Tables wait for their writer, not the other way round: a few suffice.
            tables: (lines / 8).max(TABLE_CHUNKS_MIN),
        }
    }
}

/// Where JSON lines go.
pub(super) fn json_files(options: &cli::Outputs) -> Option<destination::Options> {
    let path = options.json.clone();
    path.map(|path| destination::Options {
        path,
        every: options.files.json_rotate,
        size_max: options.files.json_rotate_size,
        kind: Kind::Lines,
    })
}

/// Where BGP4MP records go.
pub(super) fn mrt_files(options: &cli::Outputs) -> Option<destination::Options> {
    let path = options.files.mrt.clone();
    path.map(|path| destination::Options {
        path,
        every: options.files.mrt_rotate,
        size_max: options.files.mrt_rotate_size,
        kind: Kind::Records,
    })
}

/// Where snapshots of tables go.
pub(super) fn table_files(options: &cli::Outputs) -> Option<destination::Options> {
    let path = options.files.mrt_rib.clone();
    path.map(|path| destination::Options {
        path,
        every: None,
        size_max: None,
        kind: Kind::Snapshots,
    })
}

pub(super) fn json_lines(options: &cli::Outputs, writer: Writer) -> JsonLines {
    let filters = &options.filters;
    JsonLines {
        writer,
        raw: options.raw,
        format: options.files.json_format.into(),
        selection: filters.of_events(filters.json_filter.as_ref()),
    }
}

pub(super) fn mrt_records(options: &cli::Outputs, writer: Writer) -> MrtRecords {
    let filters = &options.filters;
    MrtRecords {
        writer,
        selection: filters.of_events(filters.mrt_filter.as_ref()),
    }
}

pub(super) fn table_dumps(
    options: &cli::Outputs,
    writer: Writer,
    every: Option<NonZeroU64>,
) -> TableDumps {
    let filters = &options.filters;
    let mut dumps = TableDumps::new(writer, every);
    dumps.selection = filters.of_tables(filters.mrt_rib_filter.as_ref());
    dumps
}

/// How often tables are written; `None`: only at the end.
pub(super) fn tables_every(options: &cli::Outputs, when_full: WhenFull) -> Option<NonZeroU64> {
    let every = options.files.mrt_rib_interval.or(match when_full {
        WhenFull::Drop => Some(TABLES_EVERY),
        WhenFull::Wait => None,
    });
    nanoseconds(every)
}

/// What listens to events are told through.
#[cfg(feature = "capture")]
pub(super) fn event_stream(hub: Hub, options: &cli::Outputs) -> Result<EventStream, SetupError> {
    let stream = EventStream::start(hub, options.raw);
    let mut stream = stream.map_err(|error| cannot_write(Path::new("/events"), &error))?;
    stream.selection = options.filters.of_events(None);
    Ok(stream)
}

pub(super) fn evidence_options(options: &cli::Outputs) -> Option<evidence::Options> {
    let options = &options.evidence;
    let folder = options.evidence.clone();
    folder.map(|folder| evidence::Options {
        folder,
        before: Duration::from_secs(options.evidence_seconds.into()),
        memory: u64::from(options.evidence_memory) << 20,
        disk: u64::from(options.evidence_disk) << 20,
    })
}

pub(super) fn start_evidence(
    options: &cli::Outputs,
    evidence: &evidence::Options,
    when_full: WhenFull,
) -> Result<Evidence, SetupError> {
    let started = Evidence::start(evidence, when_full);
    let mut started = started.map_err(|error| cannot_write_into(&evidence.folder, &error))?;
    let filters = &options.filters;
    started.selection = filters.of_events(filters.evidence_filter.as_ref());
    Ok(started)
}

/// The folders that outputs are written to.
#[cfg(feature = "capture")]
pub(super) fn folders(options: &cli::Outputs) -> Vec<PathBuf> {
    let summary = options.summary.as_deref();
    let summary = summary.and_then(crate::privileges::folder_of);
    let files = [&options.json, &options.files.mrt, &options.files.mrt_rib];
    let files = files.into_iter().chain([&options.text.text]);
    let folders = files.flatten();
    folders
        .filter_map(|path| destination::folder(path))
        .chain(summary)
        .chain(options.evidence.evidence.clone())
        .collect()
}

/// Outputs connect to what only others will name.
#[cfg(feature = "capture")]
pub(super) fn connects_anywhere(options: &cli::Outputs) -> bool {
    #[cfg(feature = "kafka")]
    return options.kafka.kafka.is_some();
    #[cfg(not(feature = "kafka"))]
    {
        let _ = options;
        false
    }
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

/// The name of this monitor in events.
pub(super) fn host(options: &cli::Outputs) -> String {
    options.host.clone().unwrap_or_else(host_name)
}

fn host_name() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname")
        .map_or_else(|_| "localhost".into(), |name| name.trim().to_owned())
}
