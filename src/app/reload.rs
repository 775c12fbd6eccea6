//! SIGHUP: the configuration file is read again, and outputs go on as it says.
//!
//! A thread reads, opens and closes; the worker takes over between two batches of frames. What cannot be
//! used is refused as a whole, and everything stays as it was.

mod names;
mod places;

use super::claims::Claim;
use super::destination::{self, Destination};
use super::feeds::{self};
#[cfg(feature = "kafka")]
use super::kafka;
use super::text::Text;
use super::unwritable::cannot_write;
use super::{closing, outputs};
use crate::cli::{self, Command};
use crate::config_file::{CommandLine, Refused};
use crate::error::SetupError;
use crate::sink::bmp::Wanted;
use crate::sink::deadline::Deadline;
#[cfg(feature = "kafka")]
use crate::sink::outputs::JsonLines;
use crate::sink::reload::{Change, Exchange, News, Retired, Selections};
use crate::sink::writer::{WhenFull, Writer};
use names::Names;
pub(super) use places::Bounds;
use places::Places;
use signal_hook::consts::SIGHUP;
use signal_hook::iterator::Signals;
use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Keys of the file that take effect without a restart.
const AT_ONCE: [&str; 28] = [
    "bmp",
    "bmp-filter",
    "evidence",
    "evidence-disk",
    "evidence-filter",
    "evidence-memory",
    "evidence-seconds",
    "filter",
    "json",
    "json-filter",
    "json-format",
    "json-rotate",
    "json-rotate-size",
    "kafka",
    "kafka-filter",
    "kafka-format",
    "kafka-topic",
    "mrt",
    "mrt-filter",
    "mrt-rib",
    "mrt-rib-filter",
    "mrt-rib-interval",
    "mrt-rotate",
    "mrt-rotate-size",
    "only-changes",
    "raw",
    "text",
    "text-filter",
];

/// Registered for the signal, but without a thread: rights are given up before there is one.
pub(super) struct Reloader(Signals);

impl Reloader {
    pub(super) fn register() -> Result<Self, SetupError> {
        let signals = Signals::new([SIGHUP]).map_err(|error| SetupError::Other {
            what: "registering signal handlers".into(),
            why: error.to_string(),
            remedy: "report this as a bug".into(),
        })?;
        Ok(Self(signals))
    }

    /// Starts the thread, which ends with the process.
    pub(super) fn start(
        mut self,
        command_line: CommandLine,
        outputs: &cli::Outputs,
        bounds: Bounds,
    ) -> Result<Arc<Exchange>, SetupError> {
        let exchange = Arc::new(Exchange::new());
        let mut running = Running {
            said: command_line.said().unwrap_or_default(),
            command_line,
            at: Places::of(outputs),
            names: Names::of(outputs),
            tables: !outputs.no_rib,
            bounds,
            exchange: Arc::clone(&exchange),
        };
        let thread = std::thread::Builder::new().name("reload".into());
        let started = thread.spawn(move || {
            for _ in self.0.forever() {
                running.reload();
            }
        });
        started.map_err(|error| SetupError::Other {
            what: "starting a thread".into(),
            why: error.to_string(),
            remedy: "raise the limit of processes".into(),
        })?;
        Ok(exchange)
    }
}

/// Why everything stays as it was.
#[derive(Debug, thiserror::Error)]
enum Stays {
    #[error(transparent)]
    Refused(#[from] Refused),
    #[error(transparent)]
    Output(#[from] SetupError),
}

/// What is at work, as far as it can change.
struct Running {
    command_line: CommandLine,
    /// What the file said when it was last read.
    said: BTreeMap<String, Vec<String>>,
    at: Places,
    names: Names,
    /// There are tables.
    tables: bool,
    bounds: Bounds,
    exchange: Arc<Exchange>,
}

impl Running {
    fn reload(&mut self) {
        match self.read_again() {
            Ok(later) => {
                eprintln!("bgptap: SIGHUP: the configuration was read again and is in effect");
                if !later.is_empty() {
                    let later = later.join(", ");
                    eprintln!("bgptap: warning: a restart is needed for what changed of {later}");
                }
            }
            Err(error) => eprintln!("bgptap: SIGHUP: refused, all stays as it was: {error}"),
        }
    }

    /// Hands what is new to the worker; says which other keys have changed.
    fn read_again(&mut self) -> Result<Vec<String>, Stays> {
        let said = self.command_line.said().map_err(Refused::from)?;
        let cli = self.command_line.parse()?;
        let Command::Live(cli::Live { outputs, .. }) = cli.command else {
            return Ok(Vec::new());
        };
        let at = Places::of(&outputs);
        let news = self.news(&outputs, &at)?;
        self.note_names(&outputs, &news);
        // There is room: the news before were taken.
        let _ = self.exchange.news.push(news);
        self.retire();
        self.at = at;
        let before = std::mem::replace(&mut self.said, said);
        let keys = before.keys().chain(self.said.keys());
        let mut later: Vec<_> = keys
            .filter(|key| before.get(*key) != self.said.get(*key))
            .filter(|key| !AT_ONCE.contains(&key.as_str()))
            .cloned()
            .collect();
        later.sort();
        later.dedup();
        Ok(later)
    }

    /// Takes note of the files that are opened.
    fn note_names(&mut self, options: &cli::Outputs, news: &News) {
        let is_new = |claim: &Claim| match claim.flag {
            "--json" => news.json.is_new(),
            "--mrt" => news.mrt.is_new(),
            "--mrt-rib" => news.tables.is_new(),
            "--text" => news.text.is_new(),
            "--evidence" => news.evidence.is_new(),
            _ => false,
        };
        let claims = outputs::Files::claims(options);
        self.names.extend(claims.into_iter().filter(is_new));
    }

    /// Opens what is new, so that nothing is left to fail.
    fn news(&self, options: &cli::Outputs, at: &Places) -> Result<News, SetupError> {
        outputs::Files::check(options, &[], &[])?;
        self.bounds.admit(at, self.tables)?;
        let filters = &options.filters;
        let queues = outputs::Queues::of(options);
        // What leaves traces comes last: whatever is refused has made no file, and emptied none.
        let feeds = self.feeds(options, at)?;
        #[cfg(feature = "kafka")]
        let kafka = self.kafka(options, at)?;
        #[cfg(not(feature = "kafka"))]
        let kafka = Change::Same;
        let (now, names) = (&self.at, &self.names);
        let json = (&now.json, &at.json);
        let json = renewed(json, (names, "--json"), |(files, _)| files)?;
        let mrt = (&now.mrt, &at.mrt);
        let mrt = renewed(mrt, (names, "--mrt"), |files| files)?;
        let tables = (&now.tables, &at.tables);
        let tables = renewed(tables, (names, "--mrt-rib"), |files| files)?;
        let text = (&now.text, &at.text);
        let text = renewed(text, (names, "--text"), |files| files)?;
        let evidence = if self.at.evidence == at.evidence {
            Change::Same
        } else {
            let started = at.evidence.as_ref();
            let started =
                started.map(|evidence| outputs::start_evidence(options, evidence, WhenFull::Drop));
            Change::Other(started.transpose()?)
        };
        let mrt = started(mrt, queues.records)?;
        let tables = started(tables, queues.tables)?;
        let json = started(json, queues.lines)?;
        let text = match text {
            Change::Same => Change::Same,
            Change::Other(opened) => {
                let text = opened.map(|(target, path)| Text::opened(target, path));
                let text = text.map(|text| text.start(options, WhenFull::Drop));
                Change::Other(text.transpose()?)
            }
        };
        let tables_every = outputs::tables_every(options, WhenFull::Drop);
        Ok(News {
            raw: options.raw,
            selections: Selections {
                json: filters.of_events(filters.json_filter.as_ref()),
                mrt: filters.of_events(filters.mrt_filter.as_ref()),
                text: filters.of_events(filters.text_filter.as_ref()),
                stream: filters.of_events(None),
                evidence: filters.of_events(filters.evidence_filter.as_ref()),
                tables: filters.of_tables(filters.mrt_rib_filter.as_ref()),
                #[cfg(feature = "kafka")]
                kafka: kafka::selection_of_lines(options),
                #[cfg(not(feature = "kafka"))]
                kafka: crate::filter::Selection::default(),
            },
            json: json.map(|writer| outputs::json_lines(options, writer)),
            mrt: mrt.map(|writer| outputs::mrt_records(options, writer)),
            tables: tables.map(|writer| outputs::table_dumps(options, writer, tables_every)),
            tables_every,
            evidence,
            kafka,
            text,
            feeds,
        })
    }

    #[cfg(feature = "kafka")]
    fn kafka(&self, options: &cli::Outputs, at: &Places) -> Result<Change<JsonLines>, SetupError> {
        let ([before, _], [wanted, _]) = (&self.at.kafka, &at.kafka);
        if before == wanted {
            return Ok(Change::Same);
        }
        let lines = wanted.as_ref().map(|settings| {
            let delivered = Arc::clone(&self.bounds.delivered);
            kafka::json(options, settings, WhenFull::Drop, delivered)
        });
        Ok(Change::Other(lines.transpose()?))
    }

    /// Who listens to BMP: who does already goes on.
    fn feeds(&self, options: &cli::Outputs, at: &Places) -> Result<Vec<Wanted>, SetupError> {
        let mut wanted = Vec::new();
        for name in &at.stations {
            let carrier = if self.at.stations.contains(name) {
                None
            } else {
                let found = feeds::find(name)?;
                self.bounds.admit_station(&found)?;
                Some(feeds::speak_to(options, &found, WhenFull::Drop)?)
            };
            wanted.push(Wanted {
                key: name.clone(),
                carrier,
                selection: feeds::selection(options),
            });
        }
        #[cfg(feature = "kafka")]
        if let [_, Some(settings)] = &at.kafka {
            let same = self.at.kafka[1].as_ref() == Some(settings);
            let host = &self.bounds.host;
            let start = || kafka::openbmp(options, settings, host, WhenFull::Drop);
            wanted.push(Wanted {
                key: kafka::key(settings),
                carrier: (!same).then(start).transpose()?,
                selection: kafka::selection_of_routes(options),
            });
        }
        Ok(wanted)
    }

    /// Waits until the worker has taken over, and has closed what it does not need any more.
    fn retire(&self) {
        let retired = loop {
            match self.exchange.retired() {
                Some(retired) => break retired,
                None => std::thread::sleep(Duration::from_millis(5)),
            }
        };
        if let Err(error) = self.exchange.close_by(retired, close) {
            eprintln!("bgptap: closing former outputs: {error}");
        }
    }
}

/// Closes what is not needed any more, and says what it has lost.
fn close(mut retired: Retired) {
    let writers = retired.writers.iter_mut();
    writers.for_each(|(_, writer)| writer.begin_close());
    let carriers = retired.carriers.iter_mut();
    carriers.for_each(|carrier| carrier.begin_close());
    for (output, mut writer) in retired.writers {
        if let Err(error) = writer.close() {
            eprintln!("bgptap: closing the former output {output}: {error}");
        }
    }
    for mut carrier in retired.carriers {
        let ledger = carrier.ledger();
        let undelivered = || ledger.fate().undelivered + ledger.fate().late;
        let before = undelivered();
        carrier.close(Deadline::NEVER);
        let lost = undelivered().saturating_sub(before);
        if lost > 0 {
            let output = carrier.name();
            eprintln!("bgptap: closing the former output {output}: {lost} messages not delivered");
        }
    }
    if let Some(mut evidence) = retired.evidence {
        closing::tell_evidence(evidence.close());
    }
}

/// Where an output is going to be written, and the name that was given for that.
type Opened = (Destination, PathBuf);

/// What becomes of an output that goes to files. A file of the same name is opened again only if it was moved
/// away.
fn renewed<T: PartialEq>(
    (now, wanted): (&Option<T>, &Option<T>),
    (names, flag): (&Names, &'static str),
    files: impl Fn(&T) -> &destination::Options,
) -> Result<Change<Opened>, SetupError> {
    let Some(to) = wanted else {
        return Ok(match now {
            Some(_) => Change::Other(None),
            None => Change::Same,
        });
    };
    let same = now.as_ref() == Some(to);
    let to = files(to);
    if same && !names.was_moved(flag, to) {
        return Ok(Change::Same);
    }
    if !same {
        names.admit(flag, to)?;
    }
    let opened = Destination::open(to, WhenFull::Drop).map_err(|error| elsewhere(error, to))?;
    Ok(Change::Other(Some((opened, to.path.clone()))))
}

/// What lies outside of the folders of the start cannot be opened, by whoever.
fn elsewhere(error: SetupError, to: &destination::Options) -> SetupError {
    match error {
        SetupError::Other { what, why, .. } if why.starts_with("Permission denied") => {
            SetupError::Other {
                what,
                why,
                remedy: format!(
                    "name a file in a folder that outputs had at the start, or start it anew: the right to open others was \
                     given up; else have {} made yours (chown)",
                    to.path.parent().unwrap_or(&to.path).display()
                ),
            }
        }
        other => other,
    }
}

/// The same with a thread that writes: existing files are emptied now.
fn started(opened: Change<Opened>, chunks: usize) -> Result<Change<Writer>, SetupError> {
    let (destination, path) = match opened {
        Change::Same => return Ok(Change::Same),
        Change::Other(None) => return Ok(Change::Other(None)),
        Change::Other(Some(opened)) => opened,
    };
    let writer = destination.start(WhenFull::Drop, chunks);
    let writer = writer.map_err(|error: io::Error| cannot_write(&path, &error))?;
    Ok(Change::Other(Some(writer)))
}
