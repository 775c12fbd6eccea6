//! No output may destroy a capture that is read, nor be mixed with another.

use super::claims::Claim;
use crate::error::SetupError;
use std::path::Path;

/// What is no text: nothing else may stand between its records.
const BINARY: [&str; 2] = ["--mrt", "--mrt-rib"];

/// Judges names of files before any is opened for writing.
///
/// # Errors
/// Two of them are one file, or may be, and one of the two is an output.
pub(super) fn check(inputs: &[Claim], outputs: &[Claim]) -> Result<(), SetupError> {
    for (at, output) in outputs.iter().enumerate() {
        let refuse = |why: String| SetupError::Other {
            what: format!("writing {} for {}", output.named.display(), output.flag),
            why,
            remedy: "give it a file of its own".into(),
        };
        let mut inputs = inputs.iter().filter(|_| !output.adds);
        if let Some(input) = inputs.find(|input| input.meets(output)) {
            let what = match input.flag {
                "--config" => "the configuration",
                _ => "one of the captures to be read",
            };
            return Err(refuse(format!("it is {what}, or would take its place")));
        }
        let mut before = outputs.iter().take(at);
        if let Some(other) = before.find(|other| other.meets(output)) {
            return Err(refuse(format!(
                "{} is written to the same file",
                other.flag
            )));
        }
    }
    Ok(())
}

/// Lines may share it with a summary that comes behind them, records of archives with nothing.
///
/// # Errors
/// Archives and something else go to standard output.
pub(super) fn check_standard_output(
    outputs: &[(&'static str, Option<&Path>)],
) -> Result<(), SetupError> {
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
        let inputs = inputs.iter();
        let inputs = inputs.filter_map(|path| Claim::file("", Path::new(path)));
        let inputs: Vec<_> = inputs.collect();
        let claims = outputs.iter();
        let claims = claims.filter_map(|(flag, path)| Claim::file(flag, Path::new(*path)));
        let claims: Vec<_> = claims.collect();
        let outputs: Vec<_> = outputs
            .iter()
            .map(|(flag, path)| (*flag, Some(Path::new(*path))))
            .collect();
        let refused = check(&inputs, &claims).and_then(|()| check_standard_output(&outputs));
        refused.err().map(|error| error.to_string())
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
