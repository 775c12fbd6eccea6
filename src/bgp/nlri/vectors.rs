//! For the tests of each family: a vector in, JSON and faults out.

use super::{Form, Nlri, NlriField};
use crate::bgp::error::Disposition;
use crate::bgp::{Family, closed};
use serde_json::Value;

/// Octets from hexadecimal digits; blanks between them are for the reader.
pub(super) fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex
        .chars()
        .filter(|c| !c.is_whitespace())
        .map(|c| u8::try_from(c.to_digit(16).expect("hexadecimal")).expect("below 16"))
        .collect();
    digits
        .chunks(2)
        .map(|pair| pair[0] << 4 | pair[1])
        .collect()
}

/// The JSON form of each NLRI of a field.
pub(super) fn json(form: Form, bytes: &[u8]) -> Vec<Value> {
    let field = NlriField::new(form, bytes);
    assert!(!field.is_opaque(), "{} is decoded", form.family);
    let value = |nlri| match nlri {
        Nlri::Ipv4(_) | Nlri::Ipv6(_) => serde_json::to_value(nlri).expect("plain data"),
        nlri => closed::to_value("route", nlri),
    };
    field.iter().map(value).collect()
}

/// The JSON form of the one NLRI in announcements, in which nothing is wrong.
pub(super) fn one(family: Family, hex: &str) -> Value {
    let (form, bytes) = (Form::new(family), bytes(hex));
    assert_eq!(faults(form, &bytes), [], "in {hex}");
    let mut list = json(form, &bytes);
    assert_eq!(list.len(), 1, "of {hex}");
    list.remove(0)
}

/// Offset and disposition of each fault; none stands for that of the attribute.
pub(super) fn faults(form: Form, bytes: &[u8]) -> Vec<(usize, Option<Disposition>)> {
    let mut list = Vec::new();
    NlriField::new(form, bytes).check(|fault| list.push((fault.at, fault.disposition)));
    list
}

/// The same, with path identifiers: `hex` with 0x18010203 before it reads as before, and the
/// path identifier is there.
pub(super) fn with_path_id(family: Family, hex: &str) {
    let form = Form {
        add_path: true,
        ..Form::new(family)
    };
    let bytes = bytes(&format!("18010203 {hex}"));
    assert_eq!(faults(form, &bytes), [], "in {hex}");
    let mut expected = one(family, hex);
    expected["path_id"] = 0x1801_0203.into();
    assert_eq!(json(form, &bytes), [expected]);
}
