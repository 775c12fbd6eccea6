//! From TOML to flags.

use super::error::ConfigError;
use super::keys::{COMMANDS, Takes, command, key, keys};
use crate::cli::Alone;
use crate::filter::FilterError;
use crate::hint::nearest;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, Command};
use std::error::Error;
use std::ops::Range;
use std::path::Path;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A key of the file that means something to a subcommand.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) key: String,
    /// The flag with its values, as on the command line; none if the file says `false`.
    pub(super) flags: Vec<String>,
    /// Where the value stands in the file.
    pub(super) value: Range<usize>,
}

/// A file that was read.
#[derive(Debug)]
pub(super) struct File<'t> {
    pub(super) path: &'t Path,
    pub(super) text: &'t str,
    table: DeTable<'t>,
}

impl<'t> File<'t> {
    /// Reads the file and judges all of it, whatever subcommand it is for.
    pub(super) fn parse(path: &'t Path, text: &'t str) -> Result<Self, ConfigError> {
        let table = DeTable::parse(text).map_err(|error| {
            let span = error.span().unwrap_or(0..0);
            let twice = error.message() == "duplicate key";
            let hint = twice.then(|| "leave one of them out, or make a list of both values".into());
            ConfigError::at(path, text, span, error.message()).hint(hint)
        })?;
        let file = Self {
            path,
            text,
            table: table.into_inner(),
        };
        file.check_names()?;
        for name in COMMANDS {
            file.entries(name)?;
        }
        Ok(file)
    }

    fn error(&self, span: Range<usize>, what: impl Into<String>) -> ConfigError {
        ConfigError::at(self.path, self.text, span, what)
    }

    fn check_names(&self) -> Result<(), ConfigError> {
        let commands = COMMANDS.map(command);
        for (name, value) in &self.table {
            let text: &str = name.get_ref();
            match COMMANDS.iter().position(|command| *command == text) {
                Some(index) => {
                    let DeValue::Table(table) = value.get_ref() else {
                        let what = format!("`{text}` is a table: `[{text}]`");
                        return Err(self.error(name.span(), what));
                    };
                    for name in table.keys() {
                        self.check_name(name, &commands[index..=index])?;
                    }
                }
                None => self.check_name(name, &commands)?,
            }
        }
        Ok(())
    }

    fn check_name(
        &self,
        name: &Spanned<std::borrow::Cow<'_, str>>,
        commands: &[Command],
    ) -> Result<(), ConfigError> {
        let text: &str = name.get_ref();
        if commands.iter().any(|command| key(command, text).is_some()) {
            return Ok(());
        }
        let known = || commands.iter().flat_map(keys).map(|(long, _)| long);
        let unknown = format!("unknown key `{text}`");
        let meant = |near: &str| Some(format!("`{near}`, if that is meant"));
        let dashed = text.replace('_', "-");
        let is_of = |other: &&&str| key(&command(other), &dashed).is_some();
        let (what, hint) = if known().any(|known| known == dashed) {
            (unknown, meant(&dashed))
        } else if let Some(other) = COMMANDS.iter().find(is_of) {
            let hint = format!("`{dashed}` in [{other}]");
            (format!("`{text}` is no key of this table"), Some(hint))
        } else {
            // Tables stand at the top only.
            let tables = COMMANDS.into_iter().filter(|_| commands.len() > 1);
            match nearest(text, known().chain(tables)) {
                Some(near) if COMMANDS.contains(&near) => {
                    (unknown, Some(format!("[{near}], if that is meant")))
                }
                near => (unknown, near.and_then(meant)),
            }
        };
        Err(self.error(name.span(), what).hint(hint))
    }

    /// Whether the key stands in the table of that subcommand.
    pub(super) fn is_own(&self, name: &str, key: &str) -> bool {
        match self.table.get(name).map(Spanned::get_ref) {
            Some(DeValue::Table(own)) => own.get(key).is_some(),
            _ => false,
        }
    }

    /// What the file says to a subcommand: its own table goes before what is said to all.
    pub(super) fn entries(&self, name: &str) -> Result<Vec<Entry>, ConfigError> {
        let command = command(name).mut_args(|arg| arg.required(false));
        let own = match self.table.get(name).map(Spanned::get_ref) {
            Some(DeValue::Table(own)) => Some(own),
            _ => None,
        };
        let mut entries = Vec::new();
        for (long, arg) in keys(&command) {
            let own = own.and_then(|own| own.get(long));
            if let Some(value) = own.or_else(|| self.table.get(long)) {
                entries.push(self.entry(&command, long, arg, value)?);
            }
        }
        Ok(entries)
    }

    fn entry(
        &self,
        command: &Command,
        long: &str,
        arg: &Arg,
        value: &Spanned<DeValue<'_>>,
    ) -> Result<Entry, ConfigError> {
        let wrong = |what: &str| self.error(value.span(), format!("`{long}` {what}"));
        let single = |value: &DeValue<'_>| {
            let text = scalar(value).ok_or_else(|| wrong("takes a string or a number"))?;
            Ok(format!("--{long}={text}"))
        };
        let flags = match (Takes::of(arg), value.get_ref()) {
            (Takes::Nothing | Takes::Optional, DeValue::Boolean(true)) => vec![format!("--{long}")],
            (Takes::Nothing | Takes::Optional, DeValue::Boolean(false)) => Vec::new(),
            (Takes::Nothing, _) => return Err(wrong("is `true` or `false`")),
            (Takes::Map, DeValue::Table(table)) => {
                let pairs = table.iter().map(|(name, value)| {
                    let value = scalar(value.get_ref());
                    let value = value.ok_or_else(|| wrong("takes strings"))?;
                    Ok(format!("--{long}={}={value}", name.get_ref()))
                });
                pairs.collect::<Result<_, _>>()?
            }
            (Takes::List | Takes::Map, DeValue::Array(list)) => {
                let flags = list.iter().map(|value| single(value.get_ref()));
                flags.collect::<Result<_, _>>()?
            }
            (_, value) => vec![single(value)?],
        };
        let entry = Entry {
            key: long.to_owned(),
            flags,
            value: value.span(),
        };
        self.check_value(command, &entry)?;
        Ok(entry)
    }

    /// Keys that do not go together, or one that needs another; `culprit` is the one that is too much.
    pub(super) fn does_not_go(&self, error: &clap::Error, culprit: Option<&Entry>) -> ConfigError {
        let flags = error
            .context()
            .filter(|(kind, _)| matches!(kind, ContextKind::InvalidArg | ContextKind::PriorArg))
            .flat_map(|(_, value)| match value {
                ContextValue::String(flag) => vec![flag.as_str()],
                ContextValue::Strings(flags) => flags.iter().map(String::as_str).collect(),
                _ => Vec::new(),
            })
            .filter_map(|flag| flag.strip_prefix("--")?.split([' ', '=', '[']).next());
        let key = culprit.map_or("a key", |entry| entry.key.as_str());
        let others: Vec<_> = flags
            .filter(|flag| *flag != key)
            .map(|flag| format!("`{flag}`"))
            .collect();
        let others = others.join(", ");
        let (what, hint) = match error.kind() {
            ErrorKind::MissingRequiredArgument => (
                format!("`{key}` needs {others}"),
                format!("add {others}, or leave `{key}` out"),
            ),
            ErrorKind::ArgumentConflict => (
                format!("`{key}` cannot be beside {others}"),
                format!("leave one of them out: `{key}` or {others}"),
            ),
            _ => (
                format!("`{key}`: {error}"),
                "see what every key takes: bgptap config show /dev/null".to_owned(),
            ),
        };
        let error = match culprit {
            Some(entry) => self.error(entry.value.clone(), what),
            None => ConfigError::new(self.path, what),
        };
        error.hint(Some(hint))
    }

    /// A key whose output is not there.
    pub(super) fn is_alone(&self, alone: &Alone, entries: &[Entry]) -> ConfigError {
        let key = alone.option;
        let outputs: Vec<_> = alone
            .outputs
            .iter()
            .map(|o| format!("`{}`{}", o.long, o.form))
            .collect();
        let outputs = outputs.join(" or ");
        let what = format!("`{key}` needs {outputs}");
        let entry = entries.iter().find(|entry| entry.key == key);
        let error = match entry {
            Some(entry) => self.error(entry.value.clone(), what),
            None => ConfigError::new(self.path, what),
        };
        error.hint(Some(format!("add {outputs}, or leave `{key}` out")))
    }

    /// A filter with a mistake, at the place that it has in the file unless it stands there otherwise (escaped).
    fn in_filter(&self, entry: &Entry, mistake: &FilterError) -> ConfigError {
        let written = self.text.get(entry.value.clone()).unwrap_or_default();
        let start = written.find(mistake.text());
        let span = start.map(|start| {
            let (start, span) = (entry.value.start + start, mistake.span());
            start + span.start..start + span.end
        });
        let what = match span {
            Some(_) => format!("`{}`: {}", entry.key, mistake.what()),
            None => format!("`{}`: {}", entry.key, mistake.with_place()),
        };
        let error = self.error(span.unwrap_or_else(|| entry.value.clone()), what);
        error.hint(mistake.hint().map(str::to_owned))
    }

    /// Has clap judge the value, alone.
    fn check_value(&self, command: &Command, entry: &Entry) -> Result<(), ConfigError> {
        let parse = command
            .clone()
            .no_binary_name(true)
            .try_get_matches_from(&entry.flags);
        let Err(error) = parse else { return Ok(()) };
        // What else is needed, or in the way, shows when all is known.
        if matches!(
            error.kind(),
            ErrorKind::MissingRequiredArgument | ErrorKind::ArgumentConflict
        ) {
            return Ok(());
        }
        if let Some(mistake) = error.source().and_then(|e| e.downcast_ref::<FilterError>()) {
            return Err(self.in_filter(entry, mistake));
        }
        let what = match error.source() {
            Some(source) => format!("`{}`: {source}", entry.key),
            None => format!("`{}` cannot have this value", entry.key),
        };
        let hint = match error.get(ContextKind::ValidValue) {
            Some(ContextValue::Strings(valid)) if !valid.is_empty() => {
                Some(format!("one of {}", valid.join(", ")))
            }
            _ => None,
        };
        Err(self.error(entry.value.clone(), what).hint(hint))
    }
}

/// A value as it would be written on the command line.
fn scalar(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.clone().into_owned()),
        DeValue::Integer(integer) => {
            let digits = integer.as_str().replace('_', "");
            let number = i128::from_str_radix(&digits, integer.radix()).ok()?;
            Some(number.to_string())
        }
        DeValue::Float(float) => Some(float.as_str().to_owned()),
        _ => None,
    }
}
