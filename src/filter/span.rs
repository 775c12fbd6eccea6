//! Numbers, and ranges of them.

use super::error::Mistake;
use std::fmt;
use std::str::FromStr;

/// A number, a range `from-to`, or `*`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    from: u32,
    to: u32,
}

impl Span {
    /// Any number.
    pub(super) const ALL: Self = Self {
        from: 0,
        to: u32::MAX,
    };

    #[cfg(test)]
    pub(super) const fn new(from: u32, to: u32) -> Self {
        Self { from, to }
    }

    pub(super) const fn only(number: u32) -> Self {
        Self {
            from: number,
            to: number,
        }
    }

    #[inline]
    pub(super) const fn contains(self, number: u32) -> bool {
        self.from <= number && number <= self.to
    }

    /// As [`FromStr`], of numbers up to `max`.
    pub(super) fn parse(text: &str, max: u32) -> Result<Self, Mistake> {
        let span: Self = text.parse()?;
        if span != Self::ALL && span.to > max {
            return Err(Mistake::new(format!("{} is more than {max}", span.to)));
        }
        Ok(span)
    }
}

impl FromStr for Span {
    type Err = Mistake;

    fn from_str(text: &str) -> Result<Self, Mistake> {
        if text == "*" {
            return Ok(Self::ALL);
        }
        let (from, to) = text.split_once('-').unwrap_or((text, text));
        let (from, to) = (number(from)?, number(to)?);
        if from > to {
            return Err(Mistake::new(format!(
                "the range from {from} to {to} is empty"
            )));
        }
        Ok(Self { from, to })
    }
}

/// Plain, or `1.10` (RFC 5396 §2).
fn number(text: &str) -> Result<u32, Mistake> {
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let wrong = || Mistake::new(format!("`{text}` is no number of 32 bits"));
    if let Some((high, low)) = text.split_once('.') {
        let half = |text: &str| text.parse::<u16>().ok().filter(|_| digits(text));
        let (high, low) = half(high).zip(half(low)).ok_or_else(wrong)?;
        return Ok(u32::from(high) << 16 | u32::from(low));
    }
    text.parse().ok().filter(|_| digits(text)).ok_or_else(wrong)
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.from, self.to) {
            (0, u32::MAX) => f.write_str("*"),
            (from, to) if from == to => write!(f, "{from}"),
            (from, to) => write!(f, "{from}-{to}"),
        }
    }
}
