//! The BIER attribute (RFC 9793).

use super::{Flags, PathAttribute, filled};
use crate::bgp::context::Context;
use crate::bgp::error::{Disposition, Fault};
use crate::bgp::tlv::{Field, Head, Kind, Row, Table, Tlvs};
use serde::ser::{Serialize, Serializer};

/// BIER attribute: sub-domains in which the prefix is that of a router.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bier<'a>(&'a [u8]);

impl<'a> Bier<'a> {
    /// The TLVs in wire order.
    #[must_use]
    pub fn tlvs(&self) -> Tlvs<'a> {
        Tlvs::new(self.0, &TABLE)
    }
}

impl<'a> PathAttribute<'a> for Bier<'a> {
    const CODE: u8 = 41;
    const FLAGS: Flags = Flags::OPTIONAL_TRANSITIVE;
    /// RFC 9793 §3.
    const DISPOSITION: Disposition = Disposition::AttributeDiscard;

    fn parse(value: &'a [u8], _: &Context) -> Result<Self, Fault> {
        filled(value, "the BIER attribute is empty").map(Self)
    }

    fn check(&self, report: &mut dyn FnMut(Fault)) {
        if let Some(flaw) = self.tlvs().worst() {
            report(flaw.fault("malformed TLV in the BIER attribute"));
        }
    }
}

impl Serialize for Bier<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.tlvs().serialize(serializer)
    }
}

static ENCAPSULATION: Table = Table::new(
    Head::Wide,
    &[&[
        Row(
            1,
            "mpls-encapsulation",
            &[Field(
                "",
                Kind::Bits(&[("max_si", 8), ("bs_len", 4), ("label", 20)]),
            )],
        ),
        Row(
            2,
            "non-mpls-encapsulation",
            &[Field(
                "",
                Kind::Bits(&[("max_si", 8), ("bs_len", 4), ("bift_id", 20)]),
            )],
        ),
        Row(3, "nexthop", &[Field("value", Kind::Addr)]),
    ]],
);

pub(in crate::bgp) static TABLE: Table = Table::new(
    Head::Wide,
    &[&[Row(
        1,
        "bier",
        &[
            Field("sub_domain", Kind::Uint(1)),
            Field("bfr_id", Kind::Uint(2)),
            Field("", Kind::Skip(1)),
            Field("tlvs", Kind::Tlvs(&ENCAPSULATION)),
        ],
    )]],
);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bgp::attribute::vectors::{faults, json};
    use serde_json::json;

    #[test]
    fn a_sub_domain_with_its_labels() {
        // By RFC 9793 §3: sub-domain 7, router 258, 256 bits from label 16000 on.
        let value = "0001000c 07010200 0001000402303e80 0009000100";
        assert_eq!(
            json::<Bier<'_>>(value),
            json!([
                {
                    "type": 1, "name": "bier", "sub_domain": 7, "bfr_id": 258,
                    "tlvs": [{
                        "type": 1, "name": "mpls-encapsulation",
                        "max_si": 2, "bs_len": 3, "label": 16000,
                    }],
                },
                { "type": 9, "raw": "00" },
            ])
        );
        assert_eq!(faults::<Bier<'_>>(value), []);
    }

    #[test]
    fn a_malformed_one_is_discarded() {
        // The values of bgpkit-parser's tests: three octets are no sub-domain, and two TLVs
        // that do not fit.
        let discard = Disposition::AttributeDiscard;
        for value in ["00010003aabbcc", "000100", "00010002aa"] {
            assert_eq!(faults::<Bier<'_>>(value), [(0, discard)], "{value}");
        }
        assert_eq!(faults::<Bier<'_>>("12340002dead"), []);
    }
}
