//! ATTR_SET: the attributes of a customer's route, carried through a VPN (RFC 6368 §5).

use super::json::serialize_entries;
use super::{AsPath, Attribute, Attributes, Flags, PathAttribute};
use crate::bgp::context::Context;
use crate::bgp::error::{Disposition, ErrorCode, Fault};
use crate::bgp::reader::Reader;
use serde::ser::{Serialize, SerializeMap, Serializer};

/// ATTR_SET inside ATTR_SET that are read; what lies deeper keeps its bytes.
const NESTING_MAX: u8 = 4;

/// ATTR_SET.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AttrSet<'a> {
    /// AS of the customer.
    pub origin_as: u32,
    field: &'a [u8],
    as4: bool,
    nesting: u8,
}

impl<'a> AttrSet<'a> {
    /// The customer's attributes.
    #[must_use]
    pub const fn attributes(&self) -> Attributes<'a> {
        Attributes::new(self.field)
    }

    /// How they are to be read.
    #[must_use]
    pub const fn context(&self) -> Context {
        let mut context = Context::assumed();
        context.as4 = self.as4;
        context.nesting = self.nesting;
        context
    }
}

/// RFC 6368 §5: AS numbers have four octets whatever the session has. Routers older than that
/// wrote two; such a set is malformed, but stays readable.
fn is_as4(field: &[u8]) -> bool {
    let Some(path) = Attributes::new(field).find(|a| a.code == AsPath::CODE) else {
        return true;
    };
    let readable = |as4| {
        let mut context = Context::assumed();
        context.as4 = as4;
        AsPath::parse(path.value, &context).is_ok()
    };
    readable(true) || !readable(false)
}

impl<'a> PathAttribute<'a> for AttrSet<'a> {
    const CODE: u8 = 128;
    const FLAGS: Flags = Flags::OPTIONAL_TRANSITIVE;
    /// RFC 7606 §7.16.
    const DISPOSITION: Disposition = Disposition::TreatAsWithdraw;

    fn parse(value: &'a [u8], context: &Context) -> Result<Self, Fault> {
        let mut reader = Reader::new(value);
        let Some(origin_as) = reader.u32() else {
            let text = "ATTR_SET is shorter than its AS";
            return Err(Fault::new(0, ErrorCode::AttributeLength, text));
        };
        if context.nesting >= NESTING_MAX {
            let text = "ATTR_SET nested too deeply to be read";
            return Err(Fault::new(0, ErrorCode::OptionalAttribute, text));
        }
        let field = reader.rest();
        Ok(Self {
            origin_as,
            field,
            as4: is_as4(field),
            nesting: context.nesting + 1,
        })
    }

    fn check(&self, report: &mut dyn FnMut(Fault)) {
        const HEAD: usize = 4;
        let mut report = |fault: Fault| report(fault.with(Self::disposition_of(fault)));
        if !self.as4 {
            let text = "AS numbers of two octets in ATTR_SET";
            report(Fault::new(HEAD, ErrorCode::MalformedAsPath, text));
        }
        let context = self.context();
        let mut reader = Reader::new(self.field);
        while !reader.is_empty() {
            let at = HEAD + self.field.len() - reader.len();
            let Some(attribute) = Attribute::take(&mut reader) else {
                let text = "attribute exceeds ATTR_SET";
                return report(Fault::new(at, ErrorCode::AttributeLength, text));
            };
            let value = HEAD + self.field.len() - reader.len() - attribute.value.len();
            super::check(&attribute, &context, |fault: Fault| {
                report(fault.shifted(value));
            });
        }
    }
}

impl AttrSet<'_> {
    /// What is wrong inside concerns the customer's routes, never the session.
    fn disposition_of(fault: Fault) -> Disposition {
        let inner = fault.disposition.unwrap_or(Self::DISPOSITION);
        inner.min(Self::DISPOSITION)
    }
}

impl Serialize for AttrSet<'_> {
    /// `{"origin_as", …}` with the attributes under the names that an UPDATE gives them.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("origin_as", &self.origin_as)?;
        let context = self.context();
        serialize_entries(&mut map, self.attributes(), &context, |map, attribute| {
            attribute.serialize_entry(map, &context)
        })?;
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bgp::View;
    use serde_json::json;

    fn faults(set: &AttrSet<'_>) -> Vec<(usize, Disposition)> {
        let mut list = Vec::new();
        set.check(&mut |fault| list.push((fault.at, AttrSet::disposition_of(fault))));
        list
    }

    #[test]
    fn nested_attributes_have_the_names_of_an_update() {
        let value = [
            0, 0, 0xfd, 0xe9, 0x40, 1, 1, 0, 0x40, 2, 6, 2, 1, 0, 1, 0, 0, 0x40, 5, 4, 0, 0, 0, 44,
            0x80, 9, 4, 22, 5, 5, 5, 0xc0, 99, 1, 7,
        ];
        let set = AttrSet::parse(&value, &Context::assumed()).expect("long enough");
        assert_eq!(
            serde_json::to_value(set).expect("plain data"),
            json!({
                "origin_as": 65001, "origin": "igp", "path": [65536], "local_pref": 44,
                "originator_id": "22.5.5.5",
                "unknown_attributes": [{ "code": 99, "flags": 192, "value": "07" }],
            })
        );
        assert_eq!(faults(&set), []);
    }

    #[test]
    fn faults_inside_have_their_place_and_never_reset_the_session() {
        let value = [0, 0, 0, 1, 0x40, 1, 1, 9, 0x40, 200, 0, 0xc0, 8, 9, 1];
        let set = AttrSet::parse(&value, &Context::assumed()).expect("long enough");
        assert_eq!(
            faults(&set),
            [
                (7, Disposition::TreatAsWithdraw),
                (11, Disposition::TreatAsWithdraw),
                (11, Disposition::TreatAsWithdraw),
            ],
            "ORIGIN 9, an unknown well-known attribute, one that does not fit"
        );
        assert!(AttrSet::parse(&[0, 0, 1], &Context::assumed()).is_err());
    }

    #[test]
    fn depth_is_bounded() {
        let mut value = vec![0, 0, 0, 1];
        for _ in 0..2000 {
            let length = u16::try_from(value.len()).expect("short").to_be_bytes();
            value = [&[0, 0, 0, 1, 0xd0, 128][..], &length, &value].concat();
        }
        let mut context = Context::assumed();
        let mut rest = &value[..];
        let mut depth = 0;
        while let Ok(set) = AttrSet::parse(rest, &context) {
            depth += 1;
            context = set.context();
            rest = set.attributes().next().expect("nested").value;
        }
        assert_eq!(depth, NESTING_MAX);
        let view = View::new(AttrSet::CODE, &value, &Context::assumed());
        let View::AttrSet(set) = view else {
            panic!("not typed");
        };
        let json = serde_json::to_value(set).expect("plain data");
        let innermost = &json["attr_set"]["attr_set"]["attr_set"]["unknown_attributes"][0];
        assert_eq!(innermost["malformed"], true);
    }
}
