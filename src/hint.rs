//! Pointing at the place of a mistake, and guessing what was meant.

use std::fmt;
use std::ops::Range;

/// The line of `text` in which `span` begins, and a line with carets below the span.
pub(crate) fn point(f: &mut fmt::Formatter<'_>, text: &str, span: &Range<usize>) -> fmt::Result {
    let start = span.start.min(text.len());
    let before = text.get(..start).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let line = text.get(line_start..).unwrap_or_default();
    let line = line.lines().next().unwrap_or_default();
    let column = text.get(line_start..start).map_or(0, |s| s.chars().count());
    let end = span
        .end
        .clamp(start, line_start + line.len().max(start - line_start));
    let carets = text.get(start..end).map_or(0, |s| s.chars().count()).max(1);
    // A tab is as wide as a space here, so that what stands below fits.
    let shown: String = line
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    write!(f, "  {shown}\n  {:column$}{:^<carets$}", "", "")
}

/// What among `known` somebody may have meant by `word`.
pub(crate) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let distance = |known: &str| strsim::damerau_levenshtein(word, known);
    let best = known.into_iter().min_by_key(|known| distance(known))?;
    // A third of the letters may be wrong.
    (distance(best) <= (best.len().max(word.len()) / 3).max(1)).then_some(best)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Shown<'a>(&'a str, Range<usize>);

    impl fmt::Display for Shown<'_> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            point(f, self.0, &self.1)
        }
    }

    #[test]
    fn carets_stand_below_what_they_mean() {
        let show = |text, span| Shown(text, span).to_string();
        assert_eq!(show("a bcd e", 2..5), "  a bcd e\n    ^^^");
        assert_eq!(show("one\ntwo three", 8..13), "  two three\n      ^^^^^");
        assert_eq!(
            show("one\ntwo", 1..7),
            "  one\n   ^^",
            "no further than its line"
        );
        assert_eq!(show("ab", 2..2), "  ab\n    ^", "the end");
        assert_eq!(show("", 0..0), "  \n  ^");
        assert_eq!(show("é\tx", 3..4), "  é x\n    ^", "characters, not octets");
        assert_eq!(show("ab", 7..9), "  ab\n    ^", "beyond the end");
    }

    #[test]
    fn near_is_a_slip_of_the_finger() {
        let known = ["prefix", "peer", "family"];
        assert_eq!(nearest("prefx", known), Some("prefix"));
        assert_eq!(nearest("pere", known), Some("peer"));
        assert_eq!(nearest("zebra", known), None);
        assert_eq!(nearest("x", []), None);
    }
}
