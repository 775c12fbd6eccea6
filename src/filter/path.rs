//! Regular expressions over AS paths.

use super::error::Mistake;
use regex::bytes::{Regex, RegexBuilder};
use std::fmt;

/// The most memory that one regular expression may take, bytes: it may come from a config file or over HTTP.
const SIZE_MAX: usize = 1 << 20;
/// What `_` stands for, as in the regular expressions of routers: the beginning, the end, or what
/// separates AS numbers.
const DELIMITER: &str = r"(?:^|$|[ ,{}()\[\]])";

/// A compiled expression, and how it was written.
#[derive(Clone, Debug)]
pub(super) struct PathPattern {
    written: String,
    regex: Regex,
}

impl PathPattern {
    pub(super) fn new(written: &str) -> Result<Self, Mistake> {
        let regex = RegexBuilder::new(&with_delimiters(written))
            .size_limit(SIZE_MAX)
            .dfa_size_limit(SIZE_MAX)
            .unicode(false)
            .build()
            .map_err(|error| Mistake::new("no regular expression").hint(reason(&error)))?;
        Ok(Self {
            written: written.to_owned(),
            regex,
        })
    }

    pub(super) fn matches(&self, path: &str) -> bool {
        self.regex.is_match(path.as_bytes())
    }
}

/// The last line of what `regex` says is the reason; those before it show the place with carets.
fn reason(error: &regex::Error) -> String {
    match error {
        regex::Error::CompiledTooBig(_) => "it would take too much memory".into(),
        other => {
            let text = other.to_string();
            let reason = text.lines().last().unwrap_or_default();
            reason.trim_start_matches("error: ").to_owned()
        }
    }
}

/// Replaces `_`, but neither behind a backslash nor inside brackets.
fn with_delimiters(written: &str) -> String {
    let mut out = String::with_capacity(written.len());
    let (mut escaped, mut in_class) = (false, false);
    for c in written.chars() {
        if c == '_' && !escaped && !in_class {
            out.push_str(DELIMITER);
            continue;
        }
        match c {
            '[' if !escaped => in_class = true,
            ']' if !escaped => in_class = false,
            _ => {}
        }
        escaped = c == '\\' && !escaped;
        out.push(c);
    }
    out
}

impl PartialEq for PathPattern {
    fn eq(&self, other: &Self) -> bool {
        self.written == other.written
    }
}

impl Eq for PathPattern {}

impl fmt::Display for PathPattern {
    /// In quotation marks that do not occur in it: it was written between some.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = if self.written.contains('"') {
            '\''
        } else {
            '"'
        };
        write!(f, "{mark}{}{mark}", self.written)
    }
}
