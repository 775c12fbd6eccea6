//! Small serde wrappers that write text without building a `String`: what the JSON forms of
//! attributes and NLRI, each beside its decoder, are made of.

use std::fmt::{self, Display, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::{Serialize, Serializer};

/// A string as the value displays itself.
pub struct Show<T>(pub T);

impl<T: Display> Serialize for Show<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// An array of what an iterator yields; the closure makes the iterator anew.
pub struct List<F>(pub F);

impl<F, I> Serialize for List<F>
where
    F: Fn() -> I,
    I: IntoIterator,
    I::Item: Serialize,
{
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq((self.0)())
    }
}

/// A string of lower-case hexadecimal digits.
pub struct Hex<'a>(pub &'a [u8]);

impl Serialize for Hex<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // In pieces from the stack: a message is up to 130,000 digits long.
        for piece in self.0.chunks(64) {
            let mut digits = [0; 128];
            for (pair, byte) in digits.chunks_exact_mut(2).zip(piece) {
                pair.copy_from_slice(&hex_pair(*byte));
            }
            let used = digits.get(..2 * piece.len()).unwrap_or_default();
            f.write_str(std::str::from_utf8(used).map_err(|_| fmt::Error)?)?;
        }
        Ok(())
    }
}

/// The two hexadecimal digits of an octet.
pub(crate) const fn hex_pair(octet: u8) -> [u8; 2] {
    [digit(octet >> 4), digit(octet & 15)]
}

/// An address, or a prefix, as text without a `String`, as the standard library has it
/// (RFC 5952 for IPv6), but without its formatter, which takes longer than the digits.
pub(crate) struct AddressText {
    bytes: [u8; Self::MAX],
    used: usize,
}

impl AddressText {
    /// `ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255/128` is the longest.
    const MAX: usize = 64;

    /// An address with the length of a prefix, or without.
    pub(crate) fn new(address: IpAddr, len: Option<u8>) -> Self {
        let mut text = Self {
            bytes: [0; Self::MAX],
            used: 0,
        };
        match address {
            IpAddr::V4(address) => text.v4(address),
            IpAddr::V6(address) => text.v6(address),
        }
        if let Some(len) = len {
            text.push(b'/');
            text.decimal(len, 0);
        }
        text
    }

    pub(crate) fn as_str(&self) -> &str {
        std::str::from_utf8(self.as_bytes()).unwrap_or_default()
    }

    /// The text, which is ASCII.
    #[inline]
    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.used).unwrap_or_default()
    }

    /// Appends the text.
    #[inline]
    pub(crate) fn append_to(&self, out: &mut Vec<u8>) {
        // `255.255.255.255/128` is the longest of IPv4: a copy of fixed size is a few stores.
        const SHORT: usize = 24;
        match self.bytes.first_chunk::<SHORT>() {
            Some(short) if self.used <= SHORT => {
                let end = out.len() + self.used;
                out.extend_from_slice(short);
                out.truncate(end);
            }
            _ => out.extend_from_slice(self.as_bytes()),
        }
    }

    #[inline]
    fn v4(&mut self, address: Ipv4Addr) {
        for octet in address.octets() {
            self.decimal(octet, 1);
        }
        // Behind the last number comes no dot.
        self.used -= 1;
    }

    fn v6(&mut self, address: Ipv6Addr) {
        if let Some(mapped) = address.to_ipv4_mapped() {
            b"::ffff:".iter().for_each(|byte| self.push(*byte));
            return self.v4(mapped);
        }
        let fields = address.segments();
        let (mut longest, mut run) = (0..0, 0..0);
        for (at, field) in (1..).zip(fields) {
            run = if field == 0 { run.start..at } else { at..at };
            // The first of the longest (RFC 5952 §4.2.3).
            if run.len() > longest.len() {
                longest = run.clone();
            }
        }
        // One field alone is not shortened (§4.2.2).
        if longest.len() < 2 {
            return self.fields(&fields);
        }
        self.fields(fields.get(..longest.start).unwrap_or_default());
        self.push(b':');
        self.push(b':');
        self.fields(fields.get(longest.end..).unwrap_or_default());
    }

    /// Fields of an IPv6 address with colons between them.
    fn fields(&mut self, fields: &[u16]) {
        for (at, field) in fields.iter().enumerate() {
            if at > 0 {
                self.push(b':');
            }
            let [high, low] = field.to_be_bytes().map(hex_pair);
            let digits = u32::from_le_bytes([high[0], high[1], low[0], low[1]]);
            // The last digit stays if it is zero (§4.1).
            let zeros = (field.leading_zeros() / 4).min(3);
            if let Some(place) = self.bytes.get_mut(self.used..self.used + 4) {
                place.copy_from_slice(&(digits >> (8 * zeros)).to_le_bytes());
                self.used += 4 - zeros as usize;
            }
        }
    }

    fn push(&mut self, byte: u8) {
        if let Some(place) = self.bytes.get_mut(self.used) {
            *place = byte;
            self.used += 1;
        }
    }

    /// Appends the number, and so many of what comes behind it in [`OCTETS`].
    #[inline]
    fn decimal(&mut self, octet: u8, behind: usize) {
        let digits = 1 + usize::from(octet > 9) + usize::from(octet > 99);
        if let Some(place) = self.bytes.get_mut(self.used..self.used + 4) {
            place.copy_from_slice(&OCTETS[usize::from(octet)]);
            self.used += digits + behind;
        }
    }
}

/// The text of each octet with a dot behind it.
const OCTETS: [[u8; 4]; 256] = {
    let mut texts = [[b'.'; 4]; 256];
    let mut octet = 0;
    while octet < 256 {
        let mut digits = 1 + (octet > 9) as usize + (octet > 99) as usize;
        let mut left = octet;
        while digits > 0 {
            digits -= 1;
            texts[octet][digits] = b'0' + (left % 10) as u8;
            left /= 10;
        }
        octet += 1;
    }
    texts
};

impl Serialize for AddressText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

const fn digit(value: u8) -> u8 {
    match value {
        0..=9 => b'0' + value,
        _ => b'a' - 10 + value,
    }
}

/// Text that a router sent: what is not UTF-8 becomes U+FFFD.
pub struct Lossy<'a>(pub &'a [u8]);

impl Display for Lossy<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            f.write_str(chunk.valid())?;
            if !chunk.invalid().is_empty() {
                f.write_str("\u{fffd}")?;
            }
        }
        Ok(())
    }
}

/// Text that a router sent, fit for a terminal: control characters and those that turn the
/// direction of writing appear as `\u{…}`.
pub struct Escaped<'a>(pub &'a str);

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|char| match char {
            // Unicode's separators of lines and its marks, embeddings, overrides and isolates.
            '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                write!(f, "{}", char.escape_unicode())
            }
            _ if char.is_control() => write!(f, "{}", char.escape_unicode()),
            _ => f.write_char(char),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_of_every_byte_across_pieces() {
        let bytes: Vec<u8> = (0..=255).collect();
        let expected: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(Hex(&bytes).to_string(), expected);
        assert_eq!(Hex(&[]).to_string(), "");
    }

    /// The same as the standard library's, whatever the octets.
    #[test]
    fn addresses_are_written_as_the_standard_library_does() {
        for octet in 0..=255u8 {
            let v4 = IpAddr::from([octet, 255 - octet, octet / 3, octet % 10]);
            assert_eq!(AddressText::new(v4, None).as_str(), v4.to_string());
            let prefix = AddressText::new(v4, Some(octet));
            assert_eq!(prefix.as_str(), format!("{v4}/{octet}"));
            for fill in [0, octet, 0xff] {
                let mut octets = [fill; 16];
                octets[usize::from(octet % 16)] = octet;
                let v6 = IpAddr::from(octets);
                let prefix = AddressText::new(v6, Some(octet));
                assert_eq!(prefix.as_str(), format!("{v6}/{octet}"));
            }
        }
        let mapped: IpAddr = "::ffff:255.255.255.255".parse().expect("an address");
        assert_eq!(AddressText::new(mapped, None).as_str(), mapped.to_string());
    }

    /// Every choice of fields that are zero, beside fields of one to four digits.
    #[test]
    fn zeros_are_shortened_as_the_standard_library_does() {
        for zeros in 0..=255u16 {
            for value in [1, 0x20, 0x300, 0xfedc] {
                let field = |at: u16| if zeros >> at & 1 == 1 { 0 } else { value };
                let address = Ipv6Addr::from([0, 1, 2, 3, 4, 5, 6, 7].map(field));
                let text = AddressText::new(address.into(), None);
                assert_eq!(text.as_str(), address.to_string());
            }
        }
    }

    #[test]
    fn lossy_text_marks_what_is_not_utf8() {
        assert_eq!(
            Lossy(b"caf\xc3\xa9 \xff.").to_string(),
            "caf\u{e9} \u{fffd}."
        );
    }
}
