//! SIGHUP: the configuration file is read again, and outputs go on as it says.
//!
//! A thread reads, opens and closes; the worker takes over between two batches of frames. What cannot be
//! used is refused as a whole, and everything stays as it was.

use super::outputs::{cannot_write, selection, target};
use crate::cli::{self, Command};
use crate::config_file::{CommandLine, Refused};
use crate::error::SetupError;
use crate::sink::reload::{Exchange, NewJson, News};
use crate::sink::writer::{WhenFull, Writer};
use signal_hook::consts::SIGHUP;
use signal_hook::iterator::Signals;
use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Keys of the file that take effect without a restart.
const AT_ONCE: [&str; 5] = ["filter", "json", "json-filter", "only-changes", "raw"];

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
    ) -> io::Result<Arc<Exchange>> {
        let exchange = Arc::new(Exchange::new());
        let mut running = Running {
            said: command_line.said().unwrap_or_default(),
            command_line,
            json: outputs.json.clone(),
            exchange: Arc::clone(&exchange),
        };
        std::thread::Builder::new()
            .name("reload".into())
            .spawn(move || {
                for _ in self.0.forever() {
                    running.reload();
                }
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
    json: Option<PathBuf>,
    exchange: Arc<Exchange>,
}

impl Running {
    fn reload(&mut self) {
        if self.command_line.file().is_none() {
            eprintln!("bgptap: SIGHUP: there is no --config to read again");
            return;
        }
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
        let json = self.new_json(&outputs)?;
        let news = News {
            selection: selection(&outputs, outputs.json_filter.as_ref()),
            raw: outputs.raw,
            json,
        };
        // There is room: the news before were taken.
        let _ = self.exchange.news.push(news);
        self.close_retired();
        self.json = outputs.json;
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

    /// A file of the same name is opened again only if it was moved away.
    fn new_json(&self, outputs: &cli::Outputs) -> Result<NewJson, SetupError> {
        let Some(path) = &outputs.json else {
            return Ok(match self.json {
                Some(_) => NewJson::Other(None),
                None => NewJson::Same,
            });
        };
        if self.json.as_ref() == Some(path) && (path.as_os_str() == "-" || path.exists()) {
            return Ok(NewJson::Same);
        }
        let writer = target(path).and_then(|target| Writer::start(target, WhenFull::Drop));
        let writer = writer.map_err(|error| cannot_write(path, &error))?;
        Ok(NewJson::Other(Some(writer)))
    }

    /// Waits until the worker has taken over, and closes what it does not need any more.
    fn close_retired(&self) {
        let retired = loop {
            match self.exchange.retired() {
                Some(retired) => break retired,
                None => std::thread::sleep(Duration::from_millis(5)),
            }
        };
        if let Some(Err(error)) = retired.map(|mut writer| writer.close()) {
            eprintln!("bgptap: closing the former JSON output: {error}");
        }
    }
}
