//! Options that say something about one output: without the output they would mean nothing, and are refused.

use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command};
use std::fmt;

/// Options, and outputs of which one has to be given with them.
///
/// Those that all outputs have in common, `--filter` for instance, are none of them; of `--only-changes` it is those that
/// tell events. Nor are those that only say how
/// something is shown if it is: `--color`, `--peer-name`, `--raw`.
const OF_OUTPUTS: [(&[&str], &[&str]); 9] = [
    (
        &[
            "json-format",
            "json-filter",
            "json-rotate",
            "json-rotate-size",
        ],
        &["json"],
    ),
    (&["mrt-filter", "mrt-rotate", "mrt-rotate-size"], &["mrt"]),
    (&["mrt-rib-filter", "mrt-rib-interval"], &["mrt-rib"]),
    (&["bmp-filter", "bmp-queue"], &["bmp"]),
    (&["bmp-statistics", "router"], &["bmp", OPENBMP]),
    (&["kafka-filter", "kafka-format", "kafka-topic"], &["kafka"]),
    (
        &[
            "evidence-filter",
            "evidence-seconds",
            "evidence-memory",
            "evidence-disk",
        ],
        &["evidence"],
    ),
    (&["text-filter", "verbose"], &[TEXT]),
    // Tables do not tell what changed them.
    (
        &["only-changes"],
        &[
            "json", "mrt", "bmp", "kafka", "evidence", TEXT, "http", "top",
        ],
    ),
];

/// `--kafka`, if it is told BMP.
const OPENBMP: &str = "openbmp";
/// Lines for people come unasked, where nothing else is asked for.
const TEXT: &str = "text";
const INSTEAD_OF_TEXT: [&str; 9] = [
    "json", "summary", "rib-out", "mrt", "mrt-rib", "bmp", "kafka", "evidence", "top",
];

/// What a reload brings outputs to, but cannot change itself.
const BEFORE_A_RELOAD: [&str; 3] = ["bmp-queue", "bmp-statistics", "router"];

/// An option whose output is not given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alone {
    /// Its long name.
    pub option: &'static str,
    /// As it stands in messages, with its value.
    shown: String,
    /// Outputs that it would be of use with.
    pub outputs: Vec<Output>,
}

/// An output that is missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// The long name of its flag.
    pub long: &'static str,
    shown: String,
    /// What there is to be said of it beside that.
    pub form: &'static str,
}

impl Alone {
    /// Such options among what was given to a subcommand. `reloads`: outputs may come later.
    #[must_use]
    pub fn all(command: &Command, given: &ArgMatches, reloads: bool) -> Vec<Self> {
        let arg = |long: &str| -> Option<&Arg> {
            let mut args = command.get_arguments();
            args.find(|arg| arg.get_long() == Some(long))
        };
        let is_given = |long: &str| {
            let source = arg(long).and_then(|arg| given.value_source(arg.get_id().as_str()));
            source == Some(ValueSource::CommandLine)
        };
        let is_there = |output: &str| match output {
            OPENBMP => is_given("kafka") && !is_told_lines(given),
            TEXT => is_given(TEXT) || !INSTEAD_OF_TEXT.into_iter().any(is_given),
            _ => is_given(output),
        };
        let of_outputs = OF_OUTPUTS.iter();
        let missing = of_outputs.filter(|(_, outputs)| !outputs.iter().any(|o| is_there(o)));
        let options = missing.flat_map(|(options, outputs)| {
            let given = options.iter().filter(|option| is_given(option));
            given.map(move |option| (*option, *outputs))
        });
        let options = options.filter(|(option, _)| !(reloads && BEFORE_A_RELOAD.contains(option)));
        let alone = options.filter_map(|(option, outputs)| {
            // Without the feature there is no such flag.
            let outputs = outputs.iter().filter_map(|output| {
                let (long, form) = match *output {
                    OPENBMP => ("kafka", " in the format openbmp"),
                    long => (long, ""),
                };
                Some(Output {
                    long,
                    shown: shown(arg(long)?),
                    form,
                })
            });
            Some(Self {
                option,
                shown: shown(arg(option)?),
                outputs: outputs.collect(),
            })
        });
        alone.collect()
    }
}

/// Whether Kafka has lines instead of BMP.
#[cfg(feature = "kafka")]
fn is_told_lines(given: &ArgMatches) -> bool {
    use super::KafkaFormat;
    given.get_one("kafka_format") == Some(&KafkaFormat::Json)
}

#[cfg(not(feature = "kafka"))]
const fn is_told_lines(_: &ArgMatches) -> bool {
    false
}

/// The flag with the name of its value, as clap shows it.
fn shown(arg: &Arg) -> String {
    let long = arg.get_long().unwrap_or_default();
    let names = arg.get_value_names().and_then(<[_]>::first);
    match names.filter(|_| !matches!(arg.get_action(), ArgAction::SetTrue)) {
        Some(value) => format!("--{long} <{value}>"),
        None => format!("--{long}"),
    }
}

impl fmt::Display for Alone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let outputs: Vec<_> = self
            .outputs
            .iter()
            .map(|o| format!("'{}'{}", o.shown, o.form))
            .collect();
        let (outputs, option) = (outputs.join(" or "), &self.shown);
        write!(
            f,
            "the argument '{option}' belongs to {outputs}, and that is not given\n\n  tip: add {outputs}, or leave \
             '{option}' out"
        )
    }
}
