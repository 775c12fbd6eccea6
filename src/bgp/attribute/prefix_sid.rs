//! The BGP Prefix-SID attribute (RFC 8669) with the SRv6 services (RFC 9252).

use super::{Flags, PathAttribute, filled};
use crate::bgp::context::Context;
use crate::bgp::error::{Disposition, ErrorCode, Fault};
use crate::bgp::tlv::{Field, Head, Kind, Row, Table, Tlvs};
use serde::ser::{Serialize, Serializer};

/// BGP Prefix-SID attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PrefixSid<'a>(&'a [u8]);

const SRGB: u16 = 3;
/// SRv6 L3 Service and SRv6 L2 Service.
const SERVICES: [u16; 2] = [5, 6];

impl<'a> PrefixSid<'a> {
    /// The TLVs in wire order.
    #[must_use]
    pub fn tlvs(&self) -> Tlvs<'a> {
        Tlvs::new(self.0, &TABLE)
    }
}

impl<'a> PathAttribute<'a> for PrefixSid<'a> {
    const CODE: u8 = 40;
    const FLAGS: Flags = Flags::OPTIONAL_TRANSITIVE;
    /// RFC 8669 §6.
    const DISPOSITION: Disposition = Disposition::AttributeDiscard;

    fn parse(value: &'a [u8], _: &Context) -> Result<Self, Fault> {
        filled(value, "the BGP Prefix-SID attribute is empty").map(Self)
    }

    /// RFC 9252 §7: without its SID a service cannot be reached, so that the route goes.
    fn check(&self, report: &mut dyn FnMut(Fault)) {
        let text = "malformed TLV in the BGP Prefix-SID attribute";
        let flaw = self.tlvs().gravest(text, |flaw| match flaw.top {
            Some(top) if SERVICES.contains(&top) => Disposition::TreatAsWithdraw,
            _ => Self::DISPOSITION,
        });
        if let Some(fault) = flaw {
            return report(fault);
        }
        // RFC 8669 §3.2: one range at least behind the flags.
        if self
            .tlvs()
            .any(|tlv| tlv.kind == SRGB && tlv.value.len() == 2)
        {
            let text = "originator SRGB without a range";
            report(Fault::new(0, ErrorCode::OptionalAttribute, text));
        }
    }
}

impl Serialize for PrefixSid<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.tlvs().serialize(serializer)
    }
}

/// RFC 9252 §3.2.1.
static SID_SUB_SUB: Table = Table::new(
    Head::Long,
    &[&[Row(
        1,
        "srv6-sid-structure",
        &[
            Field("locator_block", Kind::Uint(1)),
            Field("locator_node", Kind::Uint(1)),
            Field("function", Kind::Uint(1)),
            Field("argument", Kind::Uint(1)),
            Field("transposition_length", Kind::Uint(1)),
            Field("transposition_offset", Kind::Uint(1)),
            // RFC 9252 §7: six octets at least.
            Field("", Kind::Rest),
        ],
    )]],
);

/// RFC 9252 §3.1.
static SERVICE: Table = Table::new(
    Head::Long,
    &[&[Row(
        1,
        "srv6-sid-information",
        &[
            Field("", Kind::Skip(1)),
            Field("sid", Kind::Ipv6),
            Field("flags", Kind::Flags(1, &[])),
            Field("behavior", Kind::Uint(2)),
            Field("", Kind::Skip(1)),
            Field("tlvs", Kind::Tlvs(&SID_SUB_SUB)),
        ],
    )]],
);

const SERVICE_FIELDS: &[Field] = &[
    Field("", Kind::Skip(1)),
    Field("tlvs", Kind::Tlvs(&SERVICE)),
];

pub(in crate::bgp) static TABLE: Table = Table::new(
    Head::Long,
    &[&[
        Row(
            1,
            "label-index",
            &[
                Field("", Kind::Skip(1)),
                Field("flags", Kind::Flags(2, &[])),
                Field("value", Kind::Uint(4)),
            ],
        ),
        Row(
            SRGB,
            "originator-srgb",
            &[
                Field("flags", Kind::Flags(2, &[])),
                Field(
                    "ranges",
                    Kind::Many(&[Field("first", Kind::Uint(3)), Field("range", Kind::Uint(3))]),
                ),
            ],
        ),
        Row(SERVICES[0], "srv6-l3-service", SERVICE_FIELDS),
        Row(SERVICES[1], "srv6-l2-service", SERVICE_FIELDS),
    ]],
);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bgp::attribute::vectors::{faults, json};
    use serde_json::json;

    /// `qa/encoding/conf-srv6-mup.ci` of ExaBGP, and what tshark makes of it.
    const L3: &str = "0500220001001e0020010db80001000100000000000000000000480001000640181000 0000";

    #[test]
    fn a_service_with_its_sid() {
        assert_eq!(
            json::<PrefixSid<'_>>(L3),
            json!([{
                "type": 5, "name": "srv6-l3-service",
                "tlvs": [{
                    "type": 1, "name": "srv6-sid-information",
                    "sid": "2001:db8:1:1::", "flags": [], "behavior": 72,
                    "tlvs": [{
                        "type": 1, "name": "srv6-sid-structure",
                        "locator_block": 64, "locator_node": 24, "function": 16, "argument": 0,
                        "transposition_length": 0, "transposition_offset": 0,
                    }],
                }],
            }])
        );
        assert_eq!(faults::<PrefixSid<'_>>(L3), []);
    }

    #[test]
    fn labels_of_a_prefix() {
        // RFC 8669 §3.1, §3.2.
        let value = "01000700000000000064 03000e0000003e80001f40 005dc00003e8 04000102";
        assert_eq!(
            json::<PrefixSid<'_>>(value),
            json!([
                { "type": 1, "name": "label-index", "flags": [], "value": 100 },
                {
                    "type": 3, "name": "originator-srgb", "flags": [],
                    "ranges": [
                        { "first": 16000, "range": 8000 }, { "first": 24000, "range": 1000 },
                    ],
                },
                { "type": 4, "raw": "02" },
            ])
        );
        assert_eq!(faults::<PrefixSid<'_>>(value), []);
    }

    #[test]
    fn a_broken_service_costs_the_route_and_a_broken_label_the_attribute() {
        let place = |hex| faults::<PrefixSid<'_>>(hex);
        let discard = Disposition::AttributeDiscard;
        assert_eq!(place("010006000000000000"), [(0, discard)]);
        assert_eq!(place("0100070000"), [(0, discard)]);
        assert_eq!(place("030007 0000 0000010000"), [(0, discard)]);
        let withdraw = Disposition::TreatAsWithdraw;
        assert_eq!(place("05000600 01000200 00"), [(4, withdraw)]);
        assert_eq!(place("05000500 01000200"), [(4, withdraw)]);
        assert_eq!(place("050000"), [(0, withdraw)]);
        assert_eq!(place("0500ff00"), [(0, withdraw)], "does not fit");
        // The gravest counts, wherever it is.
        assert_eq!(place("0100020000 050000"), [(5, withdraw)]);
        assert_eq!(place("050000 01ff"), [(0, withdraw)]);
        assert_eq!(place("030002 0000"), [(0, discard)], "no range");
        // RFC 9252 §7: a structure of less than six octets is malformed, a longer one is not.
        let service = |structure: &str| {
            let structure = format!("0100{:02x}{structure}", structure.len() / 2);
            let sid = format!("00{}000048 00{structure}", "20".repeat(16));
            let sid = sid.replace(' ', "");
            let sid = format!("01{:04x}{sid}", sid.len() / 2);
            let value = format!("05{:04x}00{sid}", 1 + sid.len() / 2);
            faults::<PrefixSid<'_>>(&value)
        };
        assert_eq!(service("401810000000"), []);
        assert_eq!(service("40181000000000"), []);
        assert_eq!(service("4018100000"), [(28, withdraw)]);
    }
}
