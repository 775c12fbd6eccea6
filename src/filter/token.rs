//! Words, quoted text and signs of an expression.

use super::error::{FilterError, Mistake};
use std::ops::Range;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind<'t> {
    /// A name or a value.
    Word(&'t str),
    /// What stands between quotation marks.
    Quoted(&'t str),
    Open,
    Close,
    Comma,
    And,
    Or,
    Not,
    End,
}

#[derive(Clone, Debug)]
pub(super) struct Token<'t> {
    pub(super) kind: Kind<'t>,
    pub(super) span: Range<usize>,
}

pub(super) struct Lexer<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Lexer<'t> {
    pub(super) const fn new(text: &'t str) -> Self {
        Self { text, at: 0 }
    }

    pub(super) fn next(&mut self) -> Result<Token<'t>, FilterError> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let trimmed = rest.trim_start();
        self.at += rest.len() - trimmed.len();
        let start = self.at;
        let (kind, len) = match trimmed.chars().next() {
            None => (Kind::End, 0),
            Some('(') => (Kind::Open, 1),
            Some(')') => (Kind::Close, 1),
            Some(',') => (Kind::Comma, 1),
            Some('!') => (Kind::Not, 1),
            Some(sign @ ('&' | '|')) => self.doubled(trimmed, sign)?,
            Some(mark @ ('"' | '\'')) => self.quoted(trimmed, mark)?,
            Some(_) => {
                let len = word_len(trimmed);
                (word(trimmed.get(..len).unwrap_or(trimmed)), len)
            }
        };
        self.at += len;
        Ok(Token {
            kind,
            span: start..self.at,
        })
    }

    fn doubled(&self, rest: &str, sign: char) -> Result<(Kind<'t>, usize), FilterError> {
        if rest.chars().nth(1) == Some(sign) {
            return Ok((if sign == '&' { Kind::And } else { Kind::Or }, 2));
        }
        let mistake = Mistake::new(format!("a single `{sign}`"))
            .hint("the words are `and`, `or`, `not`; a regular expression goes in quotes");
        Err(FilterError::new(self.text, self.at..self.at + 1, mistake))
    }

    fn quoted(&self, rest: &'t str, mark: char) -> Result<(Kind<'t>, usize), FilterError> {
        let inner = rest.get(1..).unwrap_or_default();
        match inner.split_once(mark) {
            Some((inner, _)) => Ok((Kind::Quoted(inner), inner.len() + 2)),
            None => {
                let mistake = Mistake::new("a quotation mark without its counterpart");
                Err(FilterError::new(
                    self.text,
                    self.at..self.text.len(),
                    mistake,
                ))
            }
        }
    }
}

/// Words go on to a space, a bracket, a quotation mark or a comma; a comma inside braces belongs
/// to the word, as in `10.0.0.0/8{16,24}`.
fn word_len(text: &str) -> usize {
    let mut in_braces = false;
    let end = text.find(|c: char| {
        match c {
            '{' => in_braces = true,
            '}' => in_braces = false,
            _ => {}
        }
        match c {
            ',' => !in_braces,
            '(' | ')' | '"' | '\'' | '&' | '|' | '!' => true,
            _ => c.is_whitespace(),
        }
    });
    end.unwrap_or(text.len())
}

fn word(text: &str) -> Kind<'_> {
    for (name, kind) in [("and", Kind::And), ("or", Kind::Or), ("not", Kind::Not)] {
        if text.eq_ignore_ascii_case(name) {
            return kind;
        }
    }
    Kind::Word(text)
}
