//! Options of outputs that are files, one after the other.

use super::value::whole;
use crate::sink::files::Pattern;
use crate::sink::json;
use clap::builder::{PathBufValueParser, TypedValueParser};
use clap::{Args, ValueEnum};
use std::path::PathBuf;
use std::time::Duration;

/// What JSON lines look like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum JsonFormat {
    /// One object per message and event, named as RIS Live names them.
    #[default]
    Ris,
    /// One object per prefix, as `bgpkit-parser --json` prints them; UPDATEs only.
    Elem,
}

impl From<JsonFormat> for json::Format {
    fn from(format: JsonFormat) -> Self {
        match format {
            JsonFormat::Ris => Self::Ris,
            JsonFormat::Elem => Self::Elem,
        }
    }
}

/// Files that events and tables are written to.
///
/// In their names `%Y%m%d.%H%M` and so on stand for parts of the time (UTC), as in strftime(3); `%%` is a
/// percent sign. What ends in `.gz` is compressed.
#[derive(Args, Debug, Default)]
pub struct Files {
    /// What the lines of --json look like.
    #[arg(long, value_enum, default_value = "ris")]
    pub json_format: JsonFormat,
    /// Begin another file for --json each TIME (30s, 15m, 1h, 1d), counted from midnight UTC.
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub json_rotate: Option<Duration>,
    /// Begin another file for --json before one exceeds SIZE (500k, 100M, 1G).
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub json_rotate_size: Option<u64>,
    /// Write each message and change of state as MRT (RFC 6396, BGP4MP_ET) to FILE ("-": standard
    /// output). Parts of the time may stand in its name (%Y%m%d.%H%M, UTC); .gz compresses.
    #[arg(long, value_name = "FILE", value_parser = pattern())]
    pub mrt: Option<PathBuf>,
    /// Begin another file for --mrt each TIME, as for --json-rotate.
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub mrt_rotate: Option<Duration>,
    /// Begin another file for --mrt before one exceeds SIZE, as for --json-rotate-size.
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub mrt_rotate_size: Option<u64>,
    /// Write all Adj-RIBs as MRT (TABLE_DUMP_V2) to FILE, a file each time and `read` at the end too;
    /// without the time in its name FILE is the newest.
    #[arg(long, value_name = "FILE", conflicts_with = "no_rib", value_parser = pattern())]
    pub mrt_rib: Option<PathBuf>,
    /// How often, counted from midnight UTC [default: live 2h, `read` only at the end].
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub mrt_rib_interval: Option<Duration>,
    /// MiB that may wait for the writer of --json, and for --kafka twice; for that of --mrt a quarter, of
    /// --mrt-rib an eighth. Live, what is more is dropped and counted.
    #[arg(long, value_name = "MIB", default_value = "64", value_parser = whole::<u16>(1..=4096))]
    pub output_queue: u16,
}

/// A path in which parts of the time may stand.
pub(super) fn pattern() -> impl TypedValueParser<Value = PathBuf> {
    PathBufValueParser::new().try_map(|path| Pattern::new(&path).map(|_| path))
}

/// `15m`; a number without unit are seconds.
fn duration(text: &str) -> Result<Duration, String> {
    let units = [("s", 1), ("m", 60), ("h", 3600), ("d", 86_400)];
    scaled(text, &units)
        .map(Duration::from_secs)
        .ok_or_else(|| "a number with s, m, h or d, such as 15m".into())
}

/// `100M`; a number without unit are bytes.
fn size(text: &str) -> Result<u64, String> {
    let units = [("k", 10), ("K", 10), ("M", 20), ("G", 30), ("T", 40)];
    let units = units.map(|(unit, bits)| (unit, 1 << bits));
    scaled(text, &units).ok_or_else(|| "a number with k, M, G or T, such as 100M".into())
}

fn scaled(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let in_unit = |(unit, factor): &(&str, u64)| Some((text.strip_suffix(unit)?, *factor));
    let (number, factor) = units.iter().find_map(in_unit).unwrap_or((text, 1));
    let number: u64 = number.parse().ok()?;
    number.checked_mul(factor).filter(|scaled| *scaled > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_sizes_have_units() {
        let seconds = |text| duration(text).map(|time| time.as_secs());
        assert_eq!(seconds("15m"), Ok(900));
        assert_eq!(seconds("2h"), Ok(7200));
        assert_eq!(seconds("1d"), Ok(86_400));
        assert_eq!(seconds("30s"), seconds("30"));
        assert_eq!(size("500k"), Ok(512_000));
        assert_eq!(size("1G"), Ok(1 << 30));
        assert_eq!(size("7"), Ok(7));
        for wrong in [
            "",
            "m",
            "0",
            "0s",
            "-1s",
            "1.5h",
            "1w",
            "99999999999999999999",
        ] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
        assert!(size("16777216T").is_err(), "more than can be counted");
    }
}
