//! The configuration file: TOML, a key for each flag.
//!
//! The file is turned into flags, which stand before those of the command line: so the two cannot
//! mean different things, and a flag that is given beats the file. Keys at the top are for all
//! subcommands that know them, those in `[live]` and `[read]` for one, and these go first.

mod error;
mod keys;
mod read;
mod show;
#[cfg(test)]
mod tests;

pub use error::ConfigError;
pub use show::show;

use crate::cli::{Alone, Cli};
use clap::error::ErrorKind;
use clap::{ArgAction, ArgMatches, Command, CommandFactory, FromArgMatches, Parser};
use keys::{COMMANDS, command};
use read::{Entry, File};
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

/// Why there is nothing to run.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// The command line; or help was asked for.
    #[error("{0}")]
    CommandLine(#[from] clap::Error),
    /// The file.
    #[error("{0}")]
    Config(#[from] ConfigError),
}

/// A command line with the file that it names; it can be read again.
#[derive(Clone, Debug)]
pub struct CommandLine {
    args: Vec<OsString>,
}

impl CommandLine {
    /// The program's name and its arguments.
    pub fn new(args: impl IntoIterator<Item = impl Into<OsString>>) -> Self {
        Self {
            args: args.into_iter().map(Into::into).collect(),
        }
    }

    /// Reads the file and the flags.
    ///
    /// # Errors
    /// One of them is wrong.
    pub fn parse(&self) -> Result<Cli, Refused> {
        let Some((name, command)) = self.command() else {
            return Ok(Cli::try_parse_from(&self.args)?);
        };
        let (program, rest) = self.args.split_at(2);
        let given = Given::read(&command, rest);
        let said = given.said_by_file(name, &command)?;
        let flags = said.values().flatten().map(Into::into);
        let all = program.iter().cloned().chain(flags);
        let all = all.chain(given.args.iter().cloned());
        let mut whole = Cli::command();
        let matches = match (whole.try_get_matches_from_mut(all), &given.file) {
            (Ok(matches), _) => matches,
            // What the file says may not go together by itself: then the line is told.
            (Err(error), Some(file)) => {
                return Err(check(file).err().map_or(error.into(), Into::into));
            }
            (Err(error), None) => return Err(error.into()),
        };
        let reloads = name == "live" && given.file.is_some();
        let alone = match matches.subcommand_matches(name) {
            Some(matched) => Alone::all(&command, matched, reloads),
            None => Vec::new(),
        };
        for alone in alone {
            match &given.file {
                Some(path) if said.contains_key(alone.option) => {
                    let text = read_text(path)?;
                    let file = File::parse(path, &text)?;
                    if file.is_for_nothing(name, alone.option)? {
                        return Err(file.is_alone(&alone, &file.entries(name)?).into());
                    }
                }
                _ => {
                    let command = whole.find_subcommand_mut(name);
                    let mut command = command.map_or_else(Command::default, std::mem::take);
                    let error = command.error(ErrorKind::MissingRequiredArgument, &alone);
                    return Err(error.into());
                }
            }
        }
        Cli::from_arg_matches(&matches).map_err(|error| error.format(&mut whole).into())
    }

    /// What the file says and no flag overrules: the flags that stand for each key.
    ///
    /// # Errors
    /// The file cannot be used.
    pub fn said(&self) -> Result<BTreeMap<String, Vec<String>>, ConfigError> {
        let Some((name, command)) = self.command() else {
            return Ok(BTreeMap::new());
        };
        let rest = self.args.get(2..).unwrap_or_default();
        Given::read(&command, rest).said_by_file(name, &command)
    }

    /// The subcommand, if it reads a configuration file.
    fn command(&self) -> Option<(&str, Command)> {
        let name = self.args.get(1)?.to_str()?;
        COMMANDS.contains(&name).then(|| (name, command(name)))
    }

    /// The file that is named, if one is.
    #[must_use]
    pub fn file(&self) -> Option<PathBuf> {
        let (_, command) = self.command()?;
        Given::read(&command, self.args.get(2..)?).file
    }
}

fn read_text(path: &Path) -> Result<String, ConfigError> {
    std::fs::read_to_string(path).map_err(|error| {
        let hint = match error.kind() {
            io::ErrorKind::NotFound => {
                "check the name; `bgptap config show /dev/null` prints a file to begin with"
            }
            io::ErrorKind::PermissionDenied => "ask the owner for it, or run it as who may read it",
            io::ErrorKind::IsADirectory => "name the file in it",
            _ => "it has to be a text file in UTF-8",
        };
        ConfigError::new(path, format!("the configuration cannot be read: {error}"))
            .hint(Some(hint.to_owned()))
    })
}

/// What was given on the command line itself.
struct Given {
    /// The arguments, without `--flag=false`.
    args: Vec<OsString>,
    /// Long names of the flags, given in whatever way.
    flags: BTreeSet<String>,
    file: Option<PathBuf>,
}

impl Given {
    /// Values never begin with a hyphen, so what does is a flag, up to `--`.
    fn read(command: &Command, rest: &[OsString]) -> Self {
        let mut given = Self {
            args: Vec::new(),
            flags: BTreeSet::new(),
            file: None,
        };
        let mut args = rest.iter();
        while let Some(arg) = args.next() {
            let text = arg.to_str().unwrap_or_default();
            if text == "--" {
                given.args.push(arg.clone());
                given.args.extend(args.cloned());
                break;
            }
            if let Some(long) = text.strip_prefix("--") {
                let (name, value) = match long.split_once('=') {
                    Some((name, value)) => (name, Some(value)),
                    None => (long, None),
                };
                given.flags.insert(name.to_owned());
                if name == "config" {
                    let next = args.as_slice().first();
                    given.file = value.map(PathBuf::from).or_else(|| next.map(PathBuf::from));
                }
                if let (true, Some("true" | "false")) = (is_switch(command, name), value) {
                    if value == Some("true") {
                        given.args.push(format!("--{name}").into());
                    }
                    continue;
                }
            } else if let Some(short) = text.strip_prefix('-').and_then(|s| s.chars().next()) {
                let arg = command
                    .get_arguments()
                    .find(|arg| arg.get_short() == Some(short));
                given
                    .flags
                    .extend(arg.and_then(|arg| arg.get_long()).map(str::to_owned));
            }
            given.args.push(arg.clone());
        }
        given
    }
}

impl Given {
    fn said_by_file(
        &self,
        name: &str,
        command: &Command,
    ) -> Result<BTreeMap<String, Vec<String>>, ConfigError> {
        let Some(path) = &self.file else {
            return Ok(BTreeMap::new());
        };
        let text = read_text(path)?;
        let entries = File::parse(path, &text)?.entries(name)?;
        let said = entries
            .into_iter()
            .filter(|entry| !is_overruled(command, &entry.key, &self.flags))
            .map(|entry| (entry.key, entry.flags));
        Ok(said.collect())
    }
}

/// Whether `--name` has no value; then `--name=false` takes back what the file says.
fn is_switch(command: &Command, name: &str) -> bool {
    let arg = keys::key(command, name);
    arg.is_some_and(|arg| matches!(arg.get_action(), ArgAction::SetTrue))
}

/// Whether a flag that is given stands instead of the key, or against it.
fn is_overruled(command: &Command, key: &str, given: &BTreeSet<String>) -> bool {
    if given.contains(key) {
        return true;
    }
    let conflict = |a: &str, b: &str| {
        keys::key(command, a).is_some_and(|arg| {
            let others = command.get_arg_conflicts_with(arg);
            others.iter().any(|other| other.get_long() == Some(b))
        })
    };
    given
        .iter()
        .any(|flag| conflict(key, flag) || conflict(flag, key))
}

impl File<'_> {
    /// Whether a key that this subcommand has no output for has none anywhere: one at the top is for all, and enough if it
    /// means something to one of them.
    fn is_for_nothing(&self, name: &str, key: &str) -> Result<bool, ConfigError> {
        if self.is_own(name, key) {
            return Ok(true);
        }
        for other in COMMANDS {
            let command = command(other);
            if self.is_own(other, key) || keys::key(&command, key).is_none() {
                continue;
            }
            let entries = self.entries(other)?;
            let Ok((_, matches)) = together(other, &command, &entries.iter().collect::<Vec<_>>())
            else {
                continue;
            };
            if alone(other, &command, &matches)
                .iter()
                .all(|alone| alone.option != key)
            {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// Keys of a file without their outputs, as one subcommand sees them.
fn alone(name: &str, command: &Command, matches: &ArgMatches) -> Vec<Alone> {
    match matches.subcommand_matches(name) {
        Some(matched) => Alone::all(command, matched, name == "live"),
        None => Vec::new(),
    }
}

/// A file that no subcommand refuses for what it says.
#[derive(Debug)]
pub struct Checked {
    /// Long names of the flags that `live` needs and the file does not have.
    pub lacking: Vec<String>,
    /// What it says to each subcommand.
    pub commands: Vec<Cli>,
}

/// Reads a file as each subcommand would; what only a command line can tell is made up.
///
/// # Errors
/// The file cannot be used.
pub fn check(path: &Path) -> Result<Checked, ConfigError> {
    let text = read_text(path)?;
    let file = File::parse(path, &text)?;
    let (mut lacking, mut commands) = (Vec::new(), Vec::new());
    for name in COMMANDS {
        let command = command(name);
        let entries = file.entries(name)?;
        let needed = command.get_arguments().filter(|arg| arg.is_required_set());
        let needed = needed.filter_map(|arg| arg.get_long());
        let without = needed.filter(|long| entries.iter().all(|entry| entry.key != *long));
        if name == "live" {
            lacking.extend(without.map(str::to_owned));
        }
        let all: Vec<_> = entries.iter().collect();
        let error = match together(name, &command, &all) {
            Err(error) => error,
            Ok((cli, matches)) => {
                commands.push(cli);
                for alone in alone(name, &command, &matches) {
                    if file.is_for_nothing(name, alone.option)? {
                        return Err(file.is_alone(&alone, &entries));
                    }
                }
                continue;
            }
        };
        // Whose absence makes it right is at fault, as far as one alone is.
        let rest = |left_out: usize| -> Vec<_> {
            let all = all.iter().enumerate();
            all.filter(|(at, _)| *at != left_out)
                .map(|(_, entry)| *entry)
                .collect()
        };
        let culprit = (0..all.len()).find(|at| together(name, &command, &rest(*at)).is_ok());
        return Err(file.does_not_go(&error, culprit.and_then(|at| entries.get(at))));
    }
    Ok(Checked { lacking, commands })
}

/// Has clap judge what a file says to a subcommand as a whole.
fn together(
    name: &str,
    command: &Command,
    entries: &[&Entry],
) -> Result<(Cli, ArgMatches), clap::Error> {
    let mut args = vec!["bgptap".to_owned(), name.to_owned()];
    args.extend(entries.iter().flat_map(|entry| entry.flags.clone()));
    for arg in command.get_arguments().filter(|arg| arg.is_required_set()) {
        match arg.get_long() {
            Some(long) if entries.iter().any(|entry| entry.key == long) => {}
            Some(long) => args.push(format!("--{long}=made-up")),
            None => args.push("made-up".into()),
        }
    }
    let matches = Cli::command().try_get_matches_from(args)?;
    Cli::from_arg_matches(&matches).map(|cli| (cli, matches))
}
