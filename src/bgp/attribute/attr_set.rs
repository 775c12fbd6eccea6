//! ATTR_SET: the attributes of a customer's route, carried through a VPN (RFC 6368 §5).

use super::json::Seen;
use super::json::serialize_entries;
use super::{AsPath, Attribute, Attributes, Flags, MpReach, MpUnreach, NextHop, PathAttribute};
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
            // A limit of ours: to a router it may be valid.
            let text = "ATTR_SET nested too deeply to be read";
            let fault = Fault::new(0, ErrorCode::OptionalAttribute, text);
            return Err(fault.with(Disposition::Ignore));
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
        if !self.as4 {
            let text = "AS numbers of two octets in ATTR_SET";
            report(Fault::new(HEAD, ErrorCode::MalformedAsPath, text));
        }
        let context = self.context();
        let mut seen = Seen::default();
        let mut reader = Reader::new(self.field);
        while !reader.is_empty() {
            let at = HEAD + self.field.len() - reader.len();
            let Some(attribute) = Attribute::take(&mut reader) else {
                let text = "attribute exceeds ATTR_SET";
                return report(Fault::new(at, ErrorCode::AttributeLength, text));
            };
            if !seen.insert(attribute.code) {
                // RFC 7606 §3 g: it is discarded unread.
                let text = "attribute given before in ATTR_SET";
                let fault = Fault::new(at, ErrorCode::MalformedAttributeList, text);
                report(fault.with(Disposition::AttributeDiscard));
                continue;
            }
            if matches!(attribute.code, MpReach::CODE | MpUnreach::CODE) {
                let text = "NLRI in ATTR_SET";
                report(Fault::new(at, ErrorCode::OptionalAttribute, text));
                continue;
            }
            let value = HEAD + self.field.len() - reader.len() - attribute.value.len();
            super::check(&attribute, &context, |fault: Fault| {
                let disposition = Self::disposition_of(attribute.code, fault);
                report(fault.shifted(value).with(disposition));
            });
        }
    }
}

impl AttrSet<'_> {
    /// RFC 6368 §5: a malformed attribute inside makes the whole malformed, which concerns the
    /// customer's routes and never the session; NEXT_HOP is ignored.
    fn disposition_of(code: u8, fault: Fault) -> Disposition {
        match fault.disposition {
            Some(Disposition::Ignore) => Disposition::Ignore,
            _ if code == NextHop::CODE => Disposition::Ignore,
            _ => Self::DISPOSITION,
        }
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
    use crate::bgp::{View, closed};
    use serde_json::json;

    fn faults(set: &AttrSet<'_>) -> Vec<(usize, Disposition)> {
        let mut list = Vec::new();
        set.check(&mut |fault| {
            let disposition = fault.disposition.unwrap_or(AttrSet::DISPOSITION);
            list.push((fault.at, disposition));
        });
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
            closed::to_value("attr_set", set),
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

    /// RFC 6368 §5: "malformed themselves"; RFC 7606 §3 g for what is given twice.
    #[test]
    fn what_must_not_be_inside_costs_the_route_and_what_is_repeated_itself() {
        let check = |inside: &[u8]| {
            let value = [&[0, 0, 0, 1][..], inside].concat();
            faults(&AttrSet::parse(&value, &Context::assumed()).expect("long enough"))
        };
        let withdraw = |at| vec![(at, Disposition::TreatAsWithdraw)];
        let discard = |at| vec![(at, Disposition::AttributeDiscard)];
        let ignore = |at| vec![(at, Disposition::Ignore)];
        assert_eq!(check(&[0x80, 15, 3, 0, 1, 1]), withdraw(4), "no NLRI");
        let reach = [0x80, 14, 9, 0, 1, 1, 4, 192, 0, 2, 1, 0];
        assert_eq!(check(&reach), withdraw(4), "no NLRI");
        // Alone in an UPDATE, each would only be discarded itself.
        assert_eq!(check(&[0x40, 6, 1, 9]), withdraw(7), "ATOMIC_AGGREGATE");
        let two = [0xc0, 7, 6, 0xfd, 0xe8, 192, 0, 2, 1];
        assert_eq!(check(&two), withdraw(7), "AGGREGATOR with two octets of AS");
        assert_eq!(check(&[0x40, 1, 1, 0, 0x40, 1, 1, 9]), discard(8));
        assert_eq!(check(&[0xc0, 99, 0, 0xc0, 99, 0]), discard(7), "unknown");
        assert_eq!(check(&[0x40, 3, 4, 192, 0, 2, 1]), []);
        assert_eq!(check(&[0x40, 3, 3, 192, 0, 2]), ignore(7), "NEXT_HOP");
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
        let json = closed::to_value("attr_set", set);
        let innermost = &json["attr_set"]["attr_set"]["attr_set"]["unknown_attributes"][0];
        assert_eq!(innermost["malformed"], true);
    }
}
