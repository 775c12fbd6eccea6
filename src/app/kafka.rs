//! Kafka as the command line asks for it.

use crate::cli::{self, KafkaFormat};
use crate::error::SetupError;
use crate::sink::bmp::Carrier;
use crate::sink::kafka::{Delivered, KafkaCarrier, Lines, Settings};
use crate::sink::outputs::JsonLines;
use crate::sink::writer::{WhenFull, Writer};
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

fn settings(options: &cli::Outputs, format: KafkaFormat) -> Option<Settings> {
    let brokers = options
        .kafka
        .clone()
        .filter(|_| options.kafka_format == format)?;
    let default = match format {
        KafkaFormat::Openbmp => "openbmp.bmp_raw",
        KafkaFormat::Json => "bgptap.events",
    };
    let topic = options.kafka_topic.clone();
    Some(Settings {
        brokers,
        topic: topic.unwrap_or_else(|| default.to_owned()),
    })
}

/// JSON lines to Kafka, if asked for.
pub(super) fn json(
    options: &cli::Outputs,
    when_full: WhenFull,
    delivered: Arc<Delivered>,
) -> Result<Option<JsonLines>, SetupError> {
    let Some(settings) = settings(options, KafkaFormat::Json) else {
        return Ok(None);
    };
    let lines = Lines::json(&settings, delivered);
    let writer = lines.and_then(|lines| Writer::start(lines, when_full));
    Ok(Some(JsonLines {
        writer: writer.map_err(|error| refused(&error))?,
        raw: options.raw,
    }))
}

/// BMP to Kafka, if asked for.
pub(super) fn openbmp(
    options: &cli::Outputs,
    host: &str,
    when_full: WhenFull,
) -> Result<Option<Box<dyn Carrier>>, SetupError> {
    let Some(settings) = settings(options, KafkaFormat::Openbmp) else {
        return Ok(None);
    };
    if options.no_rib {
        return Err(SetupError::Other {
            what: "--kafka with --no-rib".into(),
            why: "after a loss consumers are told the tables, and there would be none".into(),
            remedy: "leave --no-rib out, or use --kafka-format json".into(),
        });
    }
    let carrier = KafkaCarrier::start(&settings, host, when_full);
    Ok(Some(Box::new(carrier.map_err(|error| refused(&error))?)))
}

/// Says how many lines no broker took, if any.
pub(super) fn tell(lines: &Delivered) -> bool {
    let failed = lines.failed.load(Relaxed);
    if failed > 0 {
        let delivered = lines.delivered.load(Relaxed);
        eprintln!("bgptap: kafka: {delivered} lines delivered, {failed} not");
    }
    failed > 0
}

/// What cannot be asked for together.
pub(super) fn check(options: &cli::Outputs) -> Result<(), SetupError> {
    if options.json.is_some() && settings(options, KafkaFormat::Json).is_some() {
        return Err(SetupError::Other {
            what: "--json with --kafka-format json".into(),
            why: "JSON lines have one destination".into(),
            remedy: "leave one of them out, or use --kafka-format openbmp".into(),
        });
    }
    Ok(())
}

fn refused(error: &io::Error) -> SetupError {
    SetupError::Other {
        what: "--kafka".into(),
        why: error.to_string(),
        remedy: "give the brokers as HOST:PORT,HOST:PORT".into(),
    }
}
