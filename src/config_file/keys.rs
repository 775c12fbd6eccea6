//! The keys of the file: the flags of the command line, asked of clap, so that none can be missing.

use crate::cli::Cli;
use clap::{Arg, ArgAction, Command, CommandFactory};

/// The subcommands that read a configuration file.
pub(super) const COMMANDS: [&str; 2] = ["live", "read"];
/// Flags that are no keys.
const NOT_KEYS: [&str; 3] = ["config", "help", "version"];

/// A subcommand as clap knows it.
pub(super) fn command(name: &str) -> Command {
    let cli = Cli::command();
    cli.find_subcommand(name).cloned().unwrap_or_default()
}

/// The flags of a subcommand that are keys of the file.
pub(super) fn keys(command: &Command) -> impl Iterator<Item = (&str, &Arg)> {
    command
        .get_arguments()
        .filter_map(|arg| Some((arg.get_long()?, arg)))
        .filter(|(long, _)| !NOT_KEYS.contains(long))
}

/// The flag of that name.
pub(super) fn key<'c>(command: &'c Command, name: &str) -> Option<&'c Arg> {
    keys(command)
        .find(|(long, _)| *long == name)
        .map(|(_, arg)| arg)
}

/// What values a flag takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Takes {
    /// None: it is there or not.
    Nothing,
    /// One, or none: then it has a default.
    Optional,
    /// One.
    One,
    /// Several.
    List,
    /// Several, each `KEY=VALUE`: a table, or a list of such strings.
    Map,
}

impl Takes {
    pub(super) fn of(arg: &Arg) -> Self {
        match arg.get_action() {
            ArgAction::SetTrue => Self::Nothing,
            ArgAction::Append if is_pair(arg) => Self::Map,
            ArgAction::Append => Self::List,
            _ if arg
                .get_num_args()
                .is_some_and(|range| range.min_values() == 0) =>
            {
                Self::Optional
            }
            _ => Self::One,
        }
    }
}

/// The value's name has a `=` in it: so the help says what is on either side.
fn is_pair(arg: &Arg) -> bool {
    let names = arg.get_value_names().unwrap_or_default();
    names.iter().any(|name| name.contains('='))
}
