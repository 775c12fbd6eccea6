//! Where outputs go, and where they may.

use super::super::destination;
use super::super::feeds::Found;
#[cfg(feature = "kafka")]
use super::super::kafka;
use super::super::{outputs, text};
#[cfg(feature = "kafka")]
use crate::cli::KafkaFormat;
use crate::cli::{self, JsonFormat};
use crate::error::SetupError;
#[cfg(feature = "kafka")]
use crate::sink::delivered::Delivered;
use crate::sink::evidence;
#[cfg(feature = "kafka")]
use crate::sink::kafka::Settings;
#[cfg(feature = "kafka")]
use std::sync::Arc;

/// Where outputs go: what stays the same goes on.
#[derive(PartialEq, Eq)]
pub(super) struct Places {
    pub(super) json: Option<(destination::Options, JsonFormat)>,
    pub(super) mrt: Option<destination::Options>,
    pub(super) text: Option<destination::Options>,
    pub(super) tables: Option<destination::Options>,
    pub(super) evidence: Option<evidence::Options>,
    pub(super) stations: Vec<String>,
    #[cfg(feature = "kafka")]
    pub(super) kafka: [Option<Settings>; 2],
}

impl Places {
    pub(super) fn of(options: &cli::Outputs) -> Self {
        let format = options.files.json_format;
        Self {
            json: outputs::json_files(options).map(|files| (files, format)),
            mrt: outputs::mrt_files(options),
            text: options.text.text.as_deref().map(text::files),
            tables: outputs::table_files(options),
            evidence: outputs::evidence_options(options),
            stations: options.bmp.bmp.clone(),
            #[cfg(feature = "kafka")]
            kafka: [KafkaFormat::Json, KafkaFormat::Openbmp]
                .map(|format| kafka::settings(options, format)),
        }
    }
}

/// What was settled at the start.
pub(in super::super) struct Bounds {
    /// TCP ports that may be connected to.
    pub(in super::super) ports: Vec<u16>,
    /// Any may.
    pub(in super::super) anywhere: bool,
    /// Name of this monitor.
    #[cfg(feature = "kafka")]
    pub(in super::super) host: String,
    /// Counts lines to Kafka.
    #[cfg(feature = "kafka")]
    pub(in super::super) delivered: Arc<Delivered>,
}

impl Bounds {
    pub(super) fn admit(&self, at: &Places, tables: bool) -> Result<(), SetupError> {
        let needs_restart = |what: &str, why: &str| SetupError::Other {
            what: what.into(),
            why: why.into(),
            remedy: "start it anew".into(),
        };
        #[cfg(feature = "kafka")]
        let (any, routes) = (at.kafka.iter().any(Option::is_some), at.kafka[1].is_some());
        #[cfg(not(feature = "kafka"))]
        let (any, routes) = (false, false);
        if any && !self.anywhere {
            let why = "without Kafka at the start the right to connect to brokers was given up";
            return Err(needs_restart("--kafka", why));
        }
        if !tables && (routes || at.tables.is_some() || !at.stations.is_empty()) {
            let why = "it was started with --no-rib, so there are no tables";
            return Err(needs_restart("telling tables", why));
        }
        Ok(())
    }

    pub(super) fn admit_station(&self, found: &Found) -> Result<(), SetupError> {
        let allowed = |address: &std::net::SocketAddr| self.ports.contains(&address.port());
        if self.anywhere || found.addresses.iter().all(allowed) {
            return Ok(());
        }
        Err(SetupError::Other {
            what: format!("--bmp {}", found.name),
            why: "the right to connect to ports other than those of the start was given up".into(),
            remedy: "use the port of a station that was there at the start, or start it anew"
                .into(),
        })
    }
}
