//! Kafka as the command line asks for it.

use crate::cli::{self, KafkaFormat};
use crate::error::SetupError;
use crate::filter::Selection;
use crate::sink::bmp::Carrier;
use crate::sink::delivered::Delivered;
use crate::sink::json::Format;
use crate::sink::kafka::{self, Form, KafkaCarrier, Settings};
use crate::sink::outputs::JsonLines;
use crate::sink::writer::WhenFull;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

/// How long a record is tried to be delivered: as long as brokers may be away for a restart or an election, and more.
const PATIENCE: Duration = Duration::from_secs(300);
/// The same of what is read from files, which waits while nobody takes it.
const PATIENCE_WITH_FILES: Duration = Duration::from_secs(30);

/// Brokers and topic for one kind of records, if these are asked for.
pub(super) fn settings(options: &cli::Outputs, format: KafkaFormat) -> Option<Settings> {
    let options = &options.kafka;
    let brokers = options.kafka.clone();
    let brokers = brokers.filter(|_| options.kafka_format == format)?;
    let default = match format {
        KafkaFormat::Openbmp => "openbmp.bmp_raw",
        KafkaFormat::Json => "bgptap.events",
    };
    let topic = options.kafka_topic.clone();
    Some(Settings {
        brokers,
        topic: topic.unwrap_or_else(|| default.to_owned()),
        patience: PATIENCE,
    })
}

/// JSON lines to Kafka.
pub(super) fn json(
    options: &cli::Outputs,
    settings: &Settings,
    when_full: WhenFull,
    delivered: Arc<Delivered>,
) -> Result<JsonLines, SetupError> {
    let room = options.files.output_queue;
    let settings = patient(settings, when_full);
    let writer = kafka::writer(&settings, room, when_full, Form::Json, delivered);
    Ok(JsonLines {
        writer: writer.map_err(|error| refused(&error))?,
        raw: options.raw,
        format: Format::Ris,
        selection: selection_of_lines(options),
    })
}

/// Refuses BMP without tables.
///
/// # Errors
/// There are none, and Kafka is to be told BMP.
pub(super) fn check(options: &cli::Outputs) -> Result<(), SetupError> {
    if options.no_rib && settings(options, KafkaFormat::Openbmp).is_some() {
        return Err(SetupError::Other {
            what: "--kafka with --no-rib".into(),
            why: "after a loss consumers are told the tables, and there would be none".into(),
            remedy: "leave --no-rib out, or use --kafka-format json".into(),
        });
    }
    Ok(())
}

/// BMP to Kafka.
pub(super) fn openbmp(
    options: &cli::Outputs,
    settings: &Settings,
    host: &str,
    when_full: WhenFull,
) -> Result<Box<dyn Carrier>, SetupError> {
    let room = options.files.output_queue;
    let settings = patient(settings, when_full);
    let carrier = KafkaCarrier::start(&settings, room, host, when_full);
    Ok(Box::new(carrier.map_err(|error| refused(&error))?))
}

/// Which events are told as JSON lines.
pub(super) fn selection_of_lines(options: &cli::Outputs) -> Selection {
    let own = options.kafka.kafka_filter.as_ref();
    options.filters.of_events(own)
}

/// Which routes are told by BMP.
pub(super) fn selection_of_routes(options: &cli::Outputs) -> Selection {
    let own = options.kafka.kafka_filter.as_ref();
    options.filters.of_events(own)
}

/// What tells a producer of BMP from others.
pub(super) fn key(settings: &Settings) -> String {
    let Settings { brokers, topic, .. } = settings;
    format!("kafka {brokers} {topic}")
}

/// Says how many lines no broker took, and why, if any.
pub(super) fn tell(options: &cli::Outputs, lines: &Delivered) -> bool {
    let failed = lines.failed.load(Relaxed);
    if failed > 0 {
        let delivered = lines.delivered.load(Relaxed);
        let remedy = remedy(options, lines.why());
        eprintln!("bgptap: kafka: {delivered} lines delivered, {failed} not: {remedy}");
    }
    failed > 0
}

/// Why no broker took records, and what to do.
pub(super) fn remedy(options: &cli::Outputs, why: Option<String>) -> String {
    let why = why.unwrap_or_else(|| "no broker took them".into());
    let brokers = options.kafka.kafka.as_deref().unwrap_or_default();
    format!(
        "{why}\n  try: see whether the brokers can be reached from here, and have the topic: kcat -L -b {brokers}"
    )
}

fn patient(settings: &Settings, when_full: WhenFull) -> Settings {
    let patience = match when_full {
        WhenFull::Drop => settings.patience,
        WhenFull::Wait => PATIENCE_WITH_FILES,
    };
    Settings {
        patience,
        ..settings.clone()
    }
}

fn refused(error: &io::Error) -> SetupError {
    SetupError::Other {
        what: "--kafka".into(),
        why: error.to_string(),
        remedy: "give the brokers as HOST:PORT,HOST:PORT".into(),
    }
}
