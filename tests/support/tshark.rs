//! What tshark reads in a capture file.

use std::path::Path;
use std::process::Command;

/// Fields of each frame that a display filter selects, one line for each: between fields there are tabs, between the
/// values of one field `|`.
pub fn fields(file: &Path, filter: &str, fields: &[&str]) -> Vec<String> {
    let mut command = Command::new("tshark");
    command.args(["-r", file.to_str().unwrap(), "-T", "fields", "-Y", filter]);
    command.args(["-E", "aggregator=|"]);
    for field in fields {
        command.args(["-e", field]);
    }
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}: {output:?}", file.display());
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(str::to_owned).collect()
}
