//! Running the remedies that are commands.

use super::{Check, Remedy, State};
use std::process::{Command, Stdio};

/// A command that was run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ran {
    /// The command, as one would type it.
    pub command: String,
    /// Why it failed, if it did.
    pub error: Option<String>,
    /// The command that puts back what was found before.
    pub undo: String,
}

/// Runs the command of each check that is not well, telling `say` of each before it is run.
pub fn mend(checks: &[Check], mut say: impl FnMut(&str)) -> Vec<Ran> {
    let mut ran: Vec<Ran> = Vec::new();
    for check in checks.iter().filter(|check| check.state != State::Ok) {
        let Some(Remedy::Command { words, undo }) = &check.remedy else {
            continue;
        };
        let command = words.join(" ");
        if ran.iter().any(|before| before.command == command) {
            continue;
        }
        say(&command);
        let error = run(words).err();
        let undo = undo.clone();
        ran.push(Ran {
            command,
            error,
            undo,
        });
    }
    ran
}

fn run(words: &[String]) -> Result<(), String> {
    let (program, arguments) = words.split_first().ok_or("an empty command")?;
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("{program}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!("{}: {}", output.status, said.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_commands_are_run_and_each_once() {
        let remedies = [
            Remedy::command("true first", "true undone"),
            Remedy::Advice("false".into()),
            Remedy::command("true first", "true undone"),
            Remedy::command("false second", ""),
            Remedy::command("no-such-program-here", ""),
        ];
        let mut checks: Vec<Check> = remedies
            .into_iter()
            .map(|remedy| Check::fail("x", "y", remedy))
            .collect();
        checks.push(Check::ok("x", "y"));
        let mut said = Vec::new();
        let ran = mend(&checks, |command| said.push(command.to_owned()));
        assert_eq!(said, ["true first", "false second", "no-such-program-here"]);
        assert_eq!(
            (&ran[0].error, ran[0].undo.as_str()),
            (&None, "true undone")
        );
        assert!(ran[1].error.is_some() && ran[2].error.is_some(), "{ran:?}");
    }
}
