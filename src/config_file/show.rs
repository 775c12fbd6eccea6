//! The configuration as a commented file.

use super::error::ConfigError;
use super::keys::{COMMANDS, Takes, command, keys};
use super::read::{Entry, File};
use super::read_text;
use clap::Arg;
use std::fmt::Write;
use std::path::Path;
use toml::Value;

/// Everything that can be configured, with what the file says of it. What it does not say is
/// commented out, with its default: so what is printed is a file that means the same.
///
/// # Errors
/// The file cannot be used.
pub fn show(path: &Path) -> Result<String, ConfigError> {
    let text = read_text(path)?;
    let file = File::parse(path, &text)?;
    let commands = COMMANDS.map(command);
    let mut said = Vec::new();
    for name in COMMANDS {
        said.push(file.entries(name)?);
    }
    let [live, read] = &commands;
    let source = |list: &[Entry], long: &str| {
        let entry = list.iter().find(|entry| entry.key == long)?;
        let arg = super::keys::key(live, long).or_else(|| super::keys::key(read, long));
        match arg.map(Takes::of) {
            // The table may stand under a heading of its own.
            Some(Takes::Map) => Some(pairs(entry)),
            _ => text.get(entry.value.clone()).map(str::to_owned),
        }
    };
    let mut out = String::new();
    let common = |long: &str, arg: &Arg| {
        let same = |other: &Arg| {
            help(other) == help(arg) && other.get_default_values() == arg.get_default_values()
        };
        super::keys::key(read, long).is_some_and(same)
            && super::keys::key(live, long).is_some_and(same)
            && source(&said[0], long) == source(&said[1], long)
    };
    for (long, arg) in keys(live).filter(|(long, arg)| common(long, arg)) {
        write_key(&mut out, long, arg, source(&said[0], long));
    }
    for ((name, command), said) in COMMANDS.iter().zip(&commands).zip(&said) {
        let _ = writeln!(out, "\n[{name}]");
        for (long, arg) in keys(command).filter(|(long, arg)| !common(long, arg)) {
            write_key(&mut out, long, arg, source(said, long));
        }
    }
    Ok(out)
}

/// A table on one line.
fn pairs(entry: &Entry) -> String {
    let start = format!("--{}=", entry.key);
    let flags = entry.flags.iter();
    let pairs = flags.filter_map(|flag| flag.strip_prefix(&start)?.split_once('='));
    let string = |text: &str| Value::String(text.to_owned());
    let pairs: Vec<_> = pairs
        .map(|(key, value)| format!("{} = {}", string(key), string(value)))
        .collect();
    format!("{{ {} }}", pairs.join(", "))
}

fn help(arg: &Arg) -> String {
    let help = arg.get_help().map(ToString::to_string);
    help.unwrap_or_default()
}

fn write_key(out: &mut String, long: &str, arg: &Arg, said: Option<String>) {
    // Writing to a string cannot fail.
    let _ = writeln!(out);
    for line in wrapped(&help(arg)) {
        let _ = writeln!(out, "# {line}");
    }
    let possible: Vec<_> = arg
        .get_possible_values()
        .iter()
        .map(|v| v.get_name().to_owned())
        .collect();
    if !possible.is_empty() && Takes::of(arg) != Takes::Nothing {
        let _ = writeln!(out, "# One of: {}", possible.join(", "));
    }
    let _ = match said {
        Some(value) => writeln!(out, "{long} = {value}"),
        None => writeln!(out, "#{long} = {}", default(arg)),
    };
}

/// The default, or an example of the value's type.
fn default(arg: &Arg) -> String {
    let values: Vec<Value> = arg
        .get_default_values()
        .iter()
        .map(|value| literal(&value.to_string_lossy()))
        .collect();
    match (Takes::of(arg), values.as_slice()) {
        (Takes::Nothing | Takes::Optional, _) => "false".into(),
        (Takes::Map, _) => "{}".into(),
        (Takes::List, values) => Value::Array(values.to_vec()).to_string(),
        (Takes::One, [value, ..]) => value.to_string(),
        (Takes::One, []) => {
            let name = arg.get_value_names().and_then(|names| names.first());
            Value::String(name.map(ToString::to_string).unwrap_or_default()).to_string()
        }
    }
}

fn literal(text: &str) -> Value {
    match text.parse() {
        Ok(number) => Value::Integer(number),
        Err(_) => Value::String(text.to_owned()),
    }
}

/// Lines of at most some eighty characters.
fn wrapped(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.len() + word.len() < 78 => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}
