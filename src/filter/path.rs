//! Regular expressions over AS paths.

use super::error::Mistake;
use regex::bytes::{Regex, RegexBuilder};
use regex_syntax::ParserBuilder;
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
            .map_err(|error| mistake(&error, written))?;
        Ok(Self {
            written: written.to_owned(),
            regex,
        })
    }

    pub(super) fn matches(&self, path: &str) -> bool {
        self.regex.is_match(path.as_bytes())
    }
}

/// What is wrong, and where: that is what the parser below `regex` tells.
fn mistake(error: &regex::Error, written: &str) -> Mistake {
    let mistake = Mistake::new("no regular expression");
    if let regex::Error::CompiledTooBig(_) = error {
        return mistake.hint("it would take too much memory");
    }
    let mut parser = ParserBuilder::new().unicode(false).utf8(false).build();
    let (what, span) = match parser.parse(&with_delimiters(written)) {
        Err(regex_syntax::Error::Parse(error)) => (error.kind().to_string(), *error.span()),
        Err(regex_syntax::Error::Translate(error)) => (error.kind().to_string(), *error.span()),
        _ => return mistake.hint(error.to_string()),
    };
    let place = [span.start, span.end].map(|at| place(written, at.offset));
    mistake.hint(what).at(place[0]..place[1])
}

/// Where that was written which stands at an offset of the text with delimiters.
fn place(written: &str, offset: usize) -> usize {
    let mut end = 0;
    let mut parts = parts(written).filter(|(_, part)| {
        end += part.len();
        end > offset
    });
    parts.next().map_or(written.len(), |(at, _)| at)
}

/// Replaces `_`, but neither behind a backslash nor inside brackets.
fn with_delimiters(written: &str) -> String {
    parts(written).map(|(_, part)| part).collect()
}

/// Each character, or what stands for it, and where it was written.
fn parts(written: &str) -> impl Iterator<Item = (usize, &str)> {
    let (mut escaped, mut in_class) = (false, false);
    written.char_indices().map(move |(at, c)| {
        if c == '_' && !escaped && !in_class {
            return (at, DELIMITER);
        }
        match c {
            '[' if !escaped => in_class = true,
            ']' if !escaped => in_class = false,
            _ => {}
        }
        escaped = c == '\\' && !escaped;
        (at, written.get(at..at + c.len_utf8()).unwrap_or_default())
    })
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
