//! No output may destroy a capture that is read, nor be mixed with another.

use crate::error::SetupError;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// What two names of one file have in common.
#[derive(Debug, PartialEq, Eq)]
enum Identity {
    Inode(u64, u64),
    Path(PathBuf),
}

impl Identity {
    /// `None` for pipes and devices, which may serve several.
    fn of(path: &Path) -> Option<Self> {
        match path.metadata() {
            Ok(metadata) if metadata.is_file() => Some(Self::Inode(metadata.dev(), metadata.ino())),
            Ok(_) => None,
            Err(_) => std::path::absolute(path).ok().map(Self::Path),
        }
    }
}

/// What is no text: nothing else may stand between its records.
const BINARY: [&str; 2] = ["--mrt", "--mrt-rib"];

/// Judges names of files before any is opened for writing; outputs come with their flags.
///
/// # Errors
/// Two of them are one file, and one of the two is an output; or archives and something else go to standard output.
pub(super) fn check(
    inputs: &[PathBuf],
    outputs: &[(&'static str, Option<&Path>)],
) -> Result<(), SetupError> {
    let named = |path: &Path| path.as_os_str() != "-";
    let identify = |path: &Path| named(path).then(|| Identity::of(path)).flatten();
    let inputs: Vec<_> = inputs.iter().filter_map(|path| identify(path)).collect();
    let mut taken: Vec<(&str, Identity)> = Vec::new();
    for (flag, path) in outputs {
        let Some(path) = *path else { continue };
        let Some(identity) = identify(path) else {
            continue;
        };
        let refuse = |why: String| SetupError::Other {
            what: format!("writing {} for {flag}", path.display()),
            why,
            remedy: "give it a file of its own".into(),
        };
        if inputs.contains(&identity) {
            return Err(refuse("it is one of the captures to be read".into()));
        }
        if let Some((other, _)) = taken.iter().find(|(_, other)| *other == identity) {
            return Err(refuse(format!("{other} is written to the same file")));
        }
        taken.push((flag, identity));
    }
    check_standard_output(outputs)
}

/// Lines may share it with a summary that comes behind them, records of archives with nothing.
fn check_standard_output(outputs: &[(&'static str, Option<&Path>)]) -> Result<(), SetupError> {
    let is_stdout = |path: &Path| path == Path::new("-") || path == Path::new("/dev/stdout");
    let there: Vec<_> = outputs
        .iter()
        .filter(|(_, path)| path.is_some_and(is_stdout))
        .map(|(flag, _)| *flag)
        .collect();
    let binary = there.iter().find(|flag| BINARY.contains(flag));
    let other = there.iter().find(|flag| Some(*flag) != binary);
    match (binary, other) {
        (Some(binary), Some(other)) => Err(SetupError::Other {
            what: format!("writing {binary} and {other} to standard output"),
            why: "they would be mixed, and nothing could read that".into(),
            remedy: "give one of them a file".into(),
        }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn why(inputs: &[&str], outputs: &[(&'static str, &str)]) -> Option<String> {
        let inputs: Vec<_> = inputs.iter().map(PathBuf::from).collect();
        let outputs: Vec<_> = outputs
            .iter()
            .map(|(flag, path)| (*flag, Some(Path::new(*path))))
            .collect();
        let refused = check(&inputs, &outputs).err();
        refused.map(|error| error.to_string())
    }

    #[test]
    fn one_file_under_two_names_is_refused() {
        let this = std::env::current_exe().expect("this program");
        let this = this.to_str().expect("a plain path");
        let roundabout = this.replacen('/', "/./", 1);
        let input = why(&[this], &[("--json", &roundabout)]).expect("refused");
        assert!(input.contains("one of the captures"), "{input}");
        let both = why(&[], &[("--json", "a.new"), ("--summary", "./a.new")]);
        assert!(
            both.expect("refused")
                .contains("--json is written to the same")
        );
    }

    #[test]
    fn what_is_no_file_may_serve_several() {
        let outputs = [("--json", "-"), ("--summary", "-")];
        assert_eq!(why(&["-"], &outputs), None);
        assert_eq!(
            why(&[], &outputs.map(|(flag, _)| (flag, "/dev/null"))),
            None
        );
        assert_eq!(why(&["a"], &[("--json", "b"), ("--summary", "c")]), None);
    }

    #[test]
    fn records_are_alone_on_standard_output() {
        for (other, path) in [
            ("--json", "-"),
            ("--summary", "/dev/stdout"),
            ("--mrt-rib", "-"),
        ] {
            let both = why(&[], &[(other, path), ("--mrt", "-")]).expect("refused");
            assert!(both.contains("mixed"), "{both}");
            assert_eq!(why(&[], &[(other, "other.new"), ("--mrt", "-")]), None);
        }
    }
}
