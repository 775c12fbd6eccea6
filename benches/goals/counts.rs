//! Whether a program reads what it was given: once for each, apart from the timing, since its output is counted.

use super::programs::Program;
use std::io::{BufRead, BufReader};

/// What a line of a program's output adds to what is counted.
pub(crate) type OfLine = fn(&[u8]) -> usize;

/// UPDATEs in the summary of `bgptap read`, which is one line.
pub(crate) fn in_summary(line: &[u8]) -> usize {
    figure(line, "/messages/UPDATE")
}

/// Prefixes announced and withdrawn there.
pub(crate) fn prefixes_in_summary(line: &[u8]) -> usize {
    figure(line, "/prefixes/announced") + figure(line, "/prefixes/withdrawn")
}

fn figure(line: &[u8], pointer: &str) -> usize {
    let summary: Option<serde_json::Value> = serde_json::from_slice(line).ok();
    let figure = summary.and_then(|summary| summary.pointer(pointer)?.as_u64());
    figure.unwrap_or(0) as usize
}

/// UPDATEs among the events of `bgptap read --json`, one in each line.
pub(crate) fn events(line: &[u8]) -> usize {
    usize::from(line.starts_with(br#"{"type":"UPDATE""#))
}

/// Types of messages in the third column of `tshark -T fields`: those of one frame, between commas.
pub(crate) fn types_in_fields(line: &[u8]) -> usize {
    let column = line.split(|byte| *byte == b'\t').nth(2).unwrap_or_default();
    let types = column.split(|byte| *byte == b',');
    types.filter(|kind| *kind == b"2").count()
}

/// The same in the JSON of tshark, each in a line of its own.
pub(crate) fn types_in_json(line: &[u8]) -> usize {
    usize::from(line.trim_ascii().starts_with(br#""bgp.type": "2""#))
}

/// `total elems: 12`
pub(crate) fn total(line: &[u8]) -> usize {
    let digits = line.trim_ascii().rsplit(|byte| *byte == b' ').next();
    let digits = std::str::from_utf8(digits.unwrap_or_default());
    digits.map_or(0, |digits| digits.parse().unwrap_or(0))
}

/// What is one in each line.
pub(crate) fn lines(_: &[u8]) -> usize {
    1
}

/// What the program's output comes to.
pub(crate) fn count(program: &Program, of_line: OfLine) -> Result<usize, String> {
    let name = &program.name;
    let mut child = program
        .spawn()
        .map_err(|error| format!("{name}: {error}"))?;
    let (mut counted, mut line) = (0, Vec::new());
    if let Some(output) = child.stdout.take() {
        let mut output = BufReader::new(output);
        while output
            .read_until(b'\n', &mut line)
            .map_err(|error| format!("{name}: {error}"))?
            > 0
        {
            counted += of_line(&line);
            line.clear();
        }
    }
    let status = child.wait().map_err(|error| format!("{name}: {error}"))?;
    if status.success() {
        Ok(counted)
    } else {
        Err(format!("{name}: {status}"))
    }
}

/// That the program counts so many of `what`: if not, its time is not comparable, and this is why.
pub(crate) fn expect(
    name: &str,
    counted: Result<usize, String>,
    (expected, what): (usize, &str),
) -> Result<(), String> {
    match counted {
        Ok(counted) if counted == expected => Ok(()),
        Ok(counted) => Err(format!("{name} reads {counted} of {expected} {what}")),
        Err(why) => Err(why),
    }
}
