//! Values as JSON text, to the octet as `serde_json` writes them, but into memory only.
//!
//! Lines are numbers, addresses and words that need no escapes. Knowing that its output is a `Vec`
//! that takes all, this serializer writes each of them with one growth of the buffer and no call;
//! what is rare (floating point, characters to be escaped) it leaves to `serde_json`.

use super::decimal;
use super::items::Items;
use serde::ser::{self, Serialize, Serializer};
use serde_json::{Error, Result};
use std::fmt::{self, Display, Write};

/// Writes one value, or the key of a field, which is always a string.
pub(super) struct Text<'a, const KEY: bool>(&'a mut Vec<u8>);

/// Appends a value.
#[inline]
pub(super) fn value<T: Serialize + ?Sized>(out: &mut Vec<u8>, value: &T) -> Result<()> {
    value.serialize(Text::<false>(out))
}

/// Appends a key and its colon.
#[inline]
pub(super) fn key<T: Serialize + ?Sized>(out: &mut Vec<u8>, key: &T) -> Result<()> {
    key.serialize(Text::<true>(out))?;
    out.push(b':');
    Ok(())
}

/// Appends a key that needs no escapes, and its colon. Where it is a literal the compiler knows all octets.
#[inline(always)]
pub(super) fn name(out: &mut Vec<u8>, name: &'static str) {
    debug_assert!(is_plain(name), "{name}");
    const ROOM: usize = 32;
    let name = name.as_bytes();
    let used = name.len() + 3;
    let mut octets = [b'"'; ROOM];
    match octets.get_mut(1..=name.len()) {
        Some(place) if used <= ROOM => {
            place.copy_from_slice(name);
            octets[used - 1] = b':';
            out.extend_from_slice(&octets[..used]);
        }
        _ => {
            out.push(b'"');
            out.extend_from_slice(name);
            out.extend_from_slice(b"\":");
        }
    }
}

/// No octet of it needs an escape (RFC 8259 §7).
#[inline]
fn is_plain(text: &str) -> bool {
    // Without an early end it becomes a few vector instructions.
    let special = |byte: u8| (byte < b' ') | (byte == b'"') | (byte == b'\\');
    !text.bytes().fold(false, |any, byte| any | special(byte))
}

/// The inside of a string.
#[inline]
fn inside(out: &mut Vec<u8>, text: &str) -> Result<()> {
    if is_plain(text) {
        out.extend_from_slice(text.as_bytes());
        return Ok(());
    }
    escaped(out, text)
}

#[cold]
fn escaped(out: &mut Vec<u8>, text: &str) -> Result<()> {
    let start = out.len();
    serde_json::to_writer(&mut *out, text)?;
    // Without its quotation marks.
    out.pop();
    out.remove(start);
    Ok(())
}

/// Takes what a value displays itself as.
struct Displayed<'a>(&'a mut Vec<u8>);

impl Write for Displayed<'_> {
    #[inline]
    fn write_str(&mut self, text: &str) -> fmt::Result {
        inside(self.0, text).map_err(|_| fmt::Error)
    }
}

impl<'a, const KEY: bool> Text<'a, KEY> {
    #[inline]
    fn quoted(self, write: impl FnOnce(&mut Vec<u8>) -> Result<()>) -> Result<()> {
        self.0.push(b'"');
        write(self.0)?;
        self.0.push(b'"');
        Ok(())
    }

    #[inline]
    fn number(self, number: impl Into<u64>) -> Result<()> {
        let number = number.into();
        let write = |out: &mut Vec<u8>| {
            decimal::write(out, number);
            Ok(())
        };
        if KEY {
            self.quoted(write)
        } else {
            write(self.0)
        }
    }

    /// What hardly ever comes.
    fn other(self, number: impl itoa::Integer) -> Result<()> {
        let mut digits = itoa::Buffer::new();
        let digits = digits.format(number).as_bytes();
        let write = |out: &mut Vec<u8>| {
            out.extend_from_slice(digits);
            Ok(())
        };
        if KEY {
            self.quoted(write)
        } else {
            write(self.0)
        }
    }

    /// What is no string cannot be a key.
    #[inline]
    fn not_a_key(&self) -> Result<()> {
        if KEY {
            return Err(ser::Error::custom("a key must be a string"));
        }
        Ok(())
    }

    #[inline]
    fn word(self, word: &[u8]) -> Result<()> {
        self.not_a_key()?;
        self.0.extend_from_slice(word);
        Ok(())
    }

    #[inline]
    fn items(self, open: u8, close: &'static [u8]) -> Result<Items<'a>> {
        self.not_a_key()?;
        Ok(Items::begin(self.0, open, close))
    }

    /// `{"variant":` and what opens its value.
    fn variant(self, name: &str, open: u8, close: &'static [u8]) -> Result<Items<'a>> {
        self.not_a_key()?;
        self.0.push(b'{');
        key(self.0, name)?;
        self.items(open, close)
    }
}

macro_rules! numbers {
    ($($way:ident: $($method:ident($kind:ty)),*;)*) => {
        $($(
            #[inline]
            fn $method(self, number: $kind) -> Result<()> {
                self.$way(number)
            }
        )*)*
    };
}

impl<'a, const KEY: bool> Serializer for Text<'a, KEY> {
    type Ok = ();
    type Error = Error;
    type SerializeSeq = Items<'a>;
    type SerializeTuple = Items<'a>;
    type SerializeTupleStruct = Items<'a>;
    type SerializeTupleVariant = Items<'a>;
    type SerializeMap = Items<'a>;
    type SerializeStruct = Items<'a>;
    type SerializeStructVariant = Items<'a>;

    numbers! {
        number: serialize_u8(u8), serialize_u16(u16), serialize_u32(u32), serialize_u64(u64);
        other: serialize_i8(i8), serialize_i16(i16), serialize_i32(i32), serialize_i64(i64),
            serialize_i128(i128), serialize_u128(u128);
    }

    fn serialize_bool(self, value: bool) -> Result<()> {
        self.word(if value { b"true" } else { b"false" })
    }

    fn serialize_f32(self, number: f32) -> Result<()> {
        self.not_a_key()?;
        serde_json::to_writer(self.0, &number)
    }

    fn serialize_f64(self, number: f64) -> Result<()> {
        self.not_a_key()?;
        serde_json::to_writer(self.0, &number)
    }

    fn serialize_char(self, value: char) -> Result<()> {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    #[inline]
    fn serialize_str(self, text: &str) -> Result<()> {
        if KEY {
            debug_assert!(is_plain(text), "keys are this program's own names: {text}");
            return self.quoted(|out| {
                out.extend_from_slice(text.as_bytes());
                Ok(())
            });
        }
        self.quoted(|out| inside(out, text))
    }

    fn serialize_bytes(self, bytes: &[u8]) -> Result<()> {
        self.collect_seq(bytes)
    }

    fn collect_str<T: Display + ?Sized>(self, value: &T) -> Result<()> {
        self.quoted(|out| write!(Displayed(out), "{value}").map_err(ser::Error::custom))
    }

    fn serialize_none(self) -> Result<()> {
        self.serialize_unit()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<()> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<()> {
        self.word(b"null")
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<()> {
        self.serialize_unit()
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<()> {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<()> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        content: &T,
    ) -> Result<()> {
        self.not_a_key()?;
        self.0.push(b'{');
        key(self.0, variant)?;
        value(self.0, content)?;
        self.0.push(b'}');
        Ok(())
    }

    #[inline]
    fn serialize_seq(self, _: Option<usize>) -> Result<Items<'a>> {
        self.items(b'[', b"]")
    }

    #[inline]
    fn serialize_tuple(self, _: usize) -> Result<Items<'a>> {
        self.items(b'[', b"]")
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Items<'a>> {
        self.items(b'[', b"]")
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Items<'a>> {
        self.variant(variant, b'[', b"]}")
    }

    #[inline]
    fn serialize_map(self, _: Option<usize>) -> Result<Items<'a>> {
        self.items(b'{', b"}")
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Items<'a>> {
        self.items(b'{', b"}")
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Items<'a>> {
        self.variant(variant, b'{', b"}}")
    }
}
