//! For the tests of attributes: a vector in, JSON and faults out.

use super::{Attribute, PathAttribute, View, check_as};
use crate::bgp::closed;
use crate::bgp::context::Context;
use crate::bgp::error::Disposition;
use serde::Serialize;
use serde_json::Value;

/// Octets from hexadecimal digits; blanks between them are for the reader.
pub(super) fn bytes(hex: &str) -> &'static [u8] {
    let digits: Vec<u8> = hex
        .chars()
        .filter(|c| !c.is_whitespace())
        .map(|c| u8::try_from(c.to_digit(16).expect("hexadecimal")).expect("below 16"))
        .collect();
    let octets = digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]);
    // A test ends soon enough.
    octets.collect::<Vec<_>>().leak()
}

/// The JSON form of a value.
pub(super) fn json<T: PathAttribute<'static> + Serialize>(hex: &str) -> Value {
    let value = T::parse(bytes(hex), &Context::assumed()).expect("readable");
    let keys = View::KEYS.iter();
    let (_, key) = keys
        .copied()
        .find(|(code, _)| *code == T::CODE)
        .expect("it has one");
    closed::to_value(&format!("attributes.{key}"), value)
}

/// Offset in the value and disposition of each fault.
pub(super) fn faults<T: PathAttribute<'static>>(hex: &str) -> Vec<(usize, Disposition)> {
    let attribute = Attribute {
        flags: T::FLAGS,
        code: T::CODE,
        value: bytes(hex),
    };
    let mut list = Vec::new();
    check_as::<T>(&attribute, &Context::assumed(), &mut |fault| {
        list.push((fault.at, fault.disposition.expect("decided")));
    });
    list
}
