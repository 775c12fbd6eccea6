//! The SFP attribute: the hops of a service function path (RFC 9015 §3.2.1).

use super::{Flags, PathAttribute, filled};
use crate::bgp::context::Context;
use crate::bgp::error::{Disposition, ErrorCode, Fault};
use crate::bgp::tlv::{Field, Head, Kind, Row, Table, Tlvs};
use serde::ser::{Serialize, Serializer};

/// SFP attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sfp<'a>(&'a [u8]);

impl<'a> Sfp<'a> {
    /// The TLVs in wire order.
    #[must_use]
    pub fn tlvs(&self) -> Tlvs<'a> {
        Tlvs::new(self.0, &TABLE)
    }
}

impl<'a> PathAttribute<'a> for Sfp<'a> {
    const CODE: u8 = 37;
    const FLAGS: Flags = Flags::OPTIONAL_TRANSITIVE;
    /// RFC 9015 §3.2.1.
    const DISPOSITION: Disposition = Disposition::TreatAsWithdraw;

    fn parse(value: &'a [u8], _: &Context) -> Result<Self, Fault> {
        filled(value, "the SFP attribute is empty").map(Self)
    }

    fn check(&self, report: &mut dyn FnMut(Fault)) {
        if let Some(flaw) = self.tlvs().worst() {
            return report(flaw.fault("malformed TLV in the SFP attribute"));
        }
        let missing = |text| Fault::new(0, ErrorCode::OptionalAttribute, text);
        let mut hops = self.tlvs().filter(|tlv| tlv.kind == HOP).peekable();
        if hops.peek().is_none() {
            report(missing("SFP attribute without a hop"));
        } else if hops.any(|hop| hop.value.len() == 1) {
            report(missing("hop of an SFP attribute without sub-TLVs"));
        }
    }
}

impl Serialize for Sfp<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.tlvs().serialize(serializer)
    }
}

/// The TLV that holds a hop; one at least, each with a function at least (RFC 9015 §3.2.1).
const HOP: u16 = 2;

/// Inside a hop.
static INSIDE_HOP: Table = Table::new(
    Head::Long,
    &[&[
        Row(
            3,
            "sft",
            &[
                Field("service_function_type", Kind::Uint(2)),
                Field("instances", Kind::Many(&[Field("", Kind::Rd)])),
            ],
        ),
        Row(4, "mpls-swapping-stacking", &[]),
    ]],
);

pub(in crate::bgp) static TABLE: Table = Table::new(
    Head::Long,
    &[&[
        Row(
            1,
            "association",
            &[
                Field("association_type", Kind::Uint(1)),
                Field("rd", Kind::Rd),
                Field("spi", Kind::Uint(3)),
            ],
        ),
        Row(
            HOP,
            "hop",
            &[
                Field("service_index", Kind::Uint(1)),
                Field("tlvs", Kind::Tlvs(&INSIDE_HOP)),
            ],
        ),
        Row(5, "sfp-traversal-with-mpls-label-stack", &[]),
    ]],
);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bgp::attribute::vectors::{faults, json};
    use serde_json::json;

    #[test]
    fn hops_of_a_path() {
        // By RFC 9015 §3.2.1.1 to §3.2.1.5: a path that leads back by path 9; function type 41
        // at index 250 by two instances, then any of type 42.
        let value = "01000c 01 0000fde800000001 000009
            020016 fa 030012 0029 0001c000020100c9 0001c000020200ca
            020009 f9 030002 002a 040000
            050000 7f0002dead";
        assert_eq!(
            json::<Sfp<'_>>(value),
            json!([
                {
                    "type": 1, "name": "association",
                    "association_type": 1, "rd": "65000:1", "spi": 9,
                },
                {
                    "type": 2, "name": "hop", "service_index": 250,
                    "tlvs": [{
                        "type": 3, "name": "sft", "service_function_type": 41,
                        "instances": ["192.0.2.1:201", "192.0.2.2:202"],
                    }],
                },
                {
                    "type": 2, "name": "hop", "service_index": 249,
                    "tlvs": [
                        {
                            "type": 3, "name": "sft",
                            "service_function_type": 42, "instances": [],
                        },
                        { "type": 4, "name": "mpls-swapping-stacking" },
                    ],
                },
                { "type": 5, "name": "sfp-traversal-with-mpls-label-stack" },
                { "type": 127, "raw": "dead" },
            ])
        );
        assert_eq!(faults::<Sfp<'_>>(value), []);
    }

    #[test]
    fn a_malformed_one_costs_the_route() {
        // bgpkit-parser's tests: an association of four octets, and two TLVs that do not fit.
        let withdraw = Disposition::TreatAsWithdraw;
        for value in ["010004aabbccdd", "0100", "010002aa"] {
            assert_eq!(faults::<Sfp<'_>>(value), [(0, withdraw)], "{value}");
        }
        // RFC 9015 §3.2.1: a hop must be there, and a function in it; what is not known is ignored.
        assert_eq!(faults::<Sfp<'_>>("7f0002dead"), [(0, withdraw)]);
        assert_eq!(faults::<Sfp<'_>>("020001fa 7f0002dead"), [(0, withdraw)]);
        assert_eq!(faults::<Sfp<'_>>("020004fa 7f0000 7f0002dead"), []);
    }
}
