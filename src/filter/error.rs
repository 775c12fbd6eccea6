//! What is wrong with an expression, and where.

use crate::hint;
use std::fmt;
use std::ops::Range;

/// An expression that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilterError {
    text: String,
    span: Range<usize>,
    what: String,
    hint: Option<String>,
}

impl FilterError {
    pub(super) fn new(text: &str, span: Range<usize>, mistake: Mistake) -> Self {
        Self {
            text: text.to_owned(),
            span,
            what: mistake.what,
            hint: mistake.hint,
        }
    }

    /// The octets of the expression that are at fault.
    #[must_use]
    pub fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// The expression, as far as it was read.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// What is wrong, without the place.
    pub(crate) fn what(&self) -> &str {
        &self.what
    }

    /// What is wrong, and the line with carets below the place.
    pub(crate) const fn with_place(&self) -> WithPlace<'_> {
        WithPlace(self)
    }

    /// What to do about it.
    pub(crate) fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }
}

impl fmt::Display for FilterError {
    /// What is wrong, the line with carets below the place, and what to do about it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.with_place())?;
        match &self.hint {
            Some(hint) => write!(f, "\n  {hint}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for FilterError {}

/// An error without what to do about it.
pub(crate) struct WithPlace<'e>(&'e FilterError);

impl fmt::Display for WithPlace<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.0.what)?;
        hint::point(f, &self.0.text, &self.0.span)
    }
}

/// What is wrong, before it is known where.
#[derive(Debug)]
pub(super) struct Mistake {
    what: String,
    hint: Option<String>,
    /// Which octets of the value are at fault, if not all.
    place: Option<Range<usize>>,
}

impl Mistake {
    pub(super) fn new(what: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            hint: None,
            place: None,
        }
    }

    /// Only these octets of the value are wrong.
    pub(super) fn at(mut self, place: Range<usize>) -> Self {
        self.place = Some(place);
        self
    }

    /// The octets of an expression that are at fault, if the value stands in it from `start` on.
    pub(super) fn place_from(&self, start: usize) -> Option<Range<usize>> {
        let place = self.place.as_ref()?;
        Some(start + place.start..start + place.end)
    }

    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// A word that is none of those that may stand there.
    pub(super) fn unknown<'a>(
        what: &str,
        word: &str,
        known: impl IntoIterator<Item = &'a str> + Clone,
    ) -> Self {
        let mistake = Self::new(format!("there is no {what} `{word}`"));
        match hint::nearest(&word.to_ascii_lowercase(), known.clone()) {
            Some(near) => mistake.hint(format!("perhaps `{near}`")),
            None => {
                let known: Vec<_> = known.into_iter().collect();
                mistake.hint(format!("there are {}", known.join(", ")))
            }
        }
    }
}
