//! Values as a person reads them: `key=value`, without most of the signs that JSON needs.
//!
//! Attributes and NLRI tell what they hold by `Serialize`; this writes it in one line. Lists of attributes are
//! `[a b]`, objects `key=value key=value`, in braces where they stand in something. A string has quotes only
//! where it could be taken for something else. Nothing in it can move a terminal's cursor.

use crate::bgp::text::Escaped;
use anstyle::Style;
use serde::Serialize;
use serde::ser::SerializeMap;
use serde_json::ser::{CharEscape, Formatter};
use std::fmt;
use std::io::{self, Write};

/// Appends a value in one line. `scratch` is room to work in.
pub(super) fn write(
    out: &mut Vec<u8>,
    scratch: &mut String,
    value: &(impl Serialize + ?Sized),
) -> io::Result<()> {
    scratch.clear();
    let flat = Flat {
        depth: 0,
        is_key: false,
        string: scratch,
    };
    let mut serializer = serde_json::Serializer::with_formatter(out, flat);
    value.serialize(&mut serializer).map_err(io::Error::from)
}

struct Flat<'a> {
    /// Arrays and objects that are open.
    depth: usize,
    is_key: bool,
    /// The string that is being written.
    string: &'a mut String,
}

impl Flat<'_> {
    /// The outermost value needs no delimiters.
    fn open(&mut self, out: &mut (impl Write + ?Sized), sign: &[u8]) -> io::Result<()> {
        self.depth += 1;
        if self.depth > 1 {
            out.write_all(sign)
        } else {
            Ok(())
        }
    }

    fn close(&mut self, out: &mut (impl Write + ?Sized), sign: &[u8]) -> io::Result<()> {
        self.depth = self.depth.saturating_sub(1);
        if self.depth > 0 {
            out.write_all(sign)
        } else {
            Ok(())
        }
    }
}

fn separate(out: &mut (impl Write + ?Sized), first: bool) -> io::Result<()> {
    if first { Ok(()) } else { out.write_all(b" ") }
}

impl Formatter for Flat<'_> {
    fn begin_string<W: Write + ?Sized>(&mut self, _: &mut W) -> io::Result<()> {
        self.string.clear();
        Ok(())
    }

    fn write_string_fragment<W: Write + ?Sized>(
        &mut self,
        _: &mut W,
        text: &str,
    ) -> io::Result<()> {
        self.string.push_str(text);
        Ok(())
    }

    fn write_char_escape<W: Write + ?Sized>(
        &mut self,
        _: &mut W,
        char: CharEscape,
    ) -> io::Result<()> {
        self.string.push(match char {
            CharEscape::Quote => '"',
            CharEscape::ReverseSolidus => '\\',
            CharEscape::Solidus => '/',
            CharEscape::Backspace => '\u{8}',
            CharEscape::FormFeed => '\u{c}',
            CharEscape::LineFeed => '\n',
            CharEscape::CarriageReturn => '\r',
            CharEscape::Tab => '\t',
            CharEscape::AsciiControl(octet) => char::from(octet),
        });
        Ok(())
    }

    fn end_string<W: Write + ?Sized>(&mut self, out: &mut W) -> io::Result<()> {
        let doubtful = |char: char| char.is_whitespace() || "[]{}=\"".contains(char);
        let plain = !self.string.is_empty() && !self.string.contains(doubtful);
        let text = Escaped(self.string);
        if self.is_key || self.depth == 0 || plain {
            write!(out, "{text}")
        } else {
            write!(out, "\"{text}\"")
        }
    }

    fn begin_array<W: Write + ?Sized>(&mut self, out: &mut W) -> io::Result<()> {
        self.open(out, b"[")
    }

    fn end_array<W: Write + ?Sized>(&mut self, out: &mut W) -> io::Result<()> {
        self.close(out, b"]")
    }

    fn begin_array_value<W: Write + ?Sized>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        separate(out, first)
    }

    fn begin_object<W: Write + ?Sized>(&mut self, out: &mut W) -> io::Result<()> {
        self.open(out, b"{")
    }

    fn end_object<W: Write + ?Sized>(&mut self, out: &mut W) -> io::Result<()> {
        self.close(out, b"}")
    }

    fn begin_object_key<W: Write + ?Sized>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        self.is_key = true;
        separate(out, first)
    }

    fn end_object_key<W: Write + ?Sized>(&mut self, _: &mut W) -> io::Result<()> {
        self.is_key = false;
        Ok(())
    }

    fn begin_object_value<W: Write + ?Sized>(&mut self, out: &mut W) -> io::Result<()> {
        out.write_all(b"=")
    }
}

/// Entries of an object, each on a line of its own, indented.
pub(super) struct Lines<'a> {
    pub(super) out: &'a mut Vec<u8>,
    pub(super) scratch: &'a mut String,
    /// Of the names.
    pub(super) style: Style,
}

impl Lines<'_> {
    /// A line with a value as it displays itself.
    pub(super) fn show(&mut self, name: &str, value: impl fmt::Display) -> io::Result<()> {
        self.name(name)?;
        write!(self.out, "{value}")
    }

    /// A line with a value in one line.
    pub(super) fn entry(&mut self, name: &str, value: &impl Serialize) -> io::Result<()> {
        self.name(name)?;
        write(self.out, self.scratch, value)
    }

    /// A line with values as they display themselves.
    pub(super) fn list(
        &mut self,
        name: &str,
        values: impl Iterator<Item = impl fmt::Display>,
    ) -> serde_json::Result<()> {
        self.name(name).map_err(serde_json::Error::io)?;
        for (at, value) in values.enumerate() {
            separate(self.out, at == 0).map_err(serde_json::Error::io)?;
            write!(self.out, "{value}").map_err(serde_json::Error::io)?;
        }
        Ok(())
    }

    fn name(&mut self, name: &(impl Serialize + ?Sized)) -> io::Result<()> {
        let style = self.style;
        write!(self.out, "\n    {style}")?;
        write(self.out, self.scratch, name)?;
        write!(self.out, "{style:#} ")
    }
}

impl SerializeMap for Lines<'_> {
    type Ok = ();
    type Error = serde_json::Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Self::Error> {
        self.name(key).map_err(serde_json::Error::io)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Self::Error> {
        write(self.out, self.scratch, value).map_err(serde_json::Error::io)
    }

    fn end(self) -> Result<(), Self::Error> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn flat(value: &impl Serialize) -> String {
        let (mut out, mut scratch) = (Vec::new(), String::new());
        write(&mut out, &mut scratch, value).expect("memory");
        String::from_utf8(out).expect("UTF-8")
    }

    #[test]
    fn only_what_is_inside_something_has_delimiters() {
        assert_eq!(flat(&json!("two words")), "two words");
        assert_eq!(
            flat(&json!([1, [2, 3], {"a": 4, "b": []}])),
            "1 [2 3] {a=4 b=[]}"
        );
        assert_eq!(
            flat(&json!({"a": {"b": null}, "c": true})),
            "a={b=null} c=true"
        );
    }

    #[test]
    fn strings_that_could_mislead_are_quoted() {
        assert_eq!(flat(&json!(["a", "a b", "", "a=b"])), r#"a "a b" "" "a=b""#);
    }

    /// Escape sequences, in 7 and in 8 bits, and what turns the direction of writing.
    #[test]
    fn nothing_reaches_the_terminal_but_text() {
        let text = flat(&json!([
            "\u{1b}[2J",
            "\u{9b}2J",
            "\u{202e}",
            "\n\r\u{7f}",
            "é"
        ]));
        assert!(
            text.chars()
                .all(|char| !char.is_control() && char != '\u{202e}'),
            "{text:?}"
        );
        assert!(text.contains('é') && text.contains(r"\u{1b}[2J"), "{text}");
    }
}
