//! The BGP-LS attribute: what is known about the object that the NLRI names (RFC 9552 §5.3).

mod link;
mod node;
mod prefix;

use super::{Flags, PathAttribute, filled};
use crate::bgp::context::Context;
use crate::bgp::error::{Disposition, Fault};
use crate::bgp::nlri::link_state_descriptor::{LINK_IDS, TOPOLOGIES};
use crate::bgp::tlv::{Field, Head, Kind, Row, Table, Tlvs};
use serde::ser::{Serialize, Serializer};

/// BGP-LS attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkStateAttribute<'a>(&'a [u8]);

/// All types share one registry, whatever the NLRI is about.
pub(in crate::bgp) static TABLE: Table = Table::new(
    Head::Wide,
    &[
        node::ROWS,
        link::TE_ROWS,
        link::ROWS,
        prefix::ROWS,
        SRV6_ROWS,
        BUNDLE,
        &[LINK_IDS, TOPOLOGIES],
    ],
);

impl<'a> LinkStateAttribute<'a> {
    /// The TLVs in wire order.
    #[must_use]
    pub fn tlvs(&self) -> Tlvs<'a> {
        Tlvs::new(self.0, &TABLE)
    }
}

impl<'a> PathAttribute<'a> for LinkStateAttribute<'a> {
    const CODE: u8 = 29;
    const FLAGS: Flags = Flags::OPTIONAL;
    /// RFC 9552 §8.2.2.
    const DISPOSITION: Disposition = Disposition::AttributeDiscard;

    fn parse(value: &'a [u8], _: &Context) -> Result<Self, Fault> {
        filled(value, "the BGP-LS attribute is empty").map(Self)
    }

    fn check(&self, report: &mut dyn FnMut(Fault)) {
        if let Some(flaw) = self.tlvs().worst() {
            report(flaw.fault("malformed TLV in the BGP-LS attribute"));
        }
    }
}

impl Serialize for LinkStateAttribute<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.tlvs().serialize(serializer)
    }
}

const U8: &[Field] = &[Field("value", Kind::Uint(1))];
const U32: &[Field] = &[Field("value", Kind::Uint(4))];
const FLOAT: &[Field] = &[Field("value", Kind::Float)];
const IPV4: &[Field] = &[Field("value", Kind::Ipv4)];
const IPV6: &[Field] = &[Field("value", Kind::Ipv6)];
const TEXT: &[Field] = &[Field("value", Kind::Text)];
const RAW: &[Field] = &[Field("value", Kind::Raw)];
const U32_LIST: &[Field] = &[Field("value", Kind::Many(&[Field("", Kind::Uint(4))]))];

/// Three octets are a label in their lower 20 bits, four an index (RFC 9085 §2.1.1).
const SID: Field = Field("", Kind::ByLength(&[(3, &[LABEL]), (4, &[INDEX])]));
const LABEL: Field = Field("label", Kind::Low(3, 20));
const INDEX: Field = Field("index", Kind::Uint(4));

/// What the flags of a SID of an IGP mean differs between IS-IS, OSPFv2 and OSPFv3, and the
/// attribute does not say which (RFC 9085 §2.2.1, §2.3.1): they have numbers.
const IGP_FLAGS: Field = Field("flags", Kind::Flags(1, &[]));

/// RFC 9514 §8: how a SID divides.
const SID_STRUCTURE: Row = Row(
    1252,
    "srv6-sid-structure",
    &[
        Field("locator_block", Kind::Uint(1)),
        Field("locator_node", Kind::Uint(1)),
        Field("function", Kind::Uint(1)),
        Field("argument", Kind::Uint(1)),
    ],
);

/// Inside TLVs with a SID.
static SRV6: Table = Table::new(Head::Wide, &[&[SID_STRUCTURE]]);

/// About SRv6 SIDs (RFC 9514 §7, §8).
const SRV6_ROWS: &[Row] = &[
    Row(
        1250,
        "srv6-endpoint-behavior",
        &[
            Field("behavior", Kind::Uint(2)),
            Field("flags", Kind::Flags(1, &[])),
            Field("algorithm", Kind::Uint(1)),
        ],
    ),
    Row(
        1251,
        "srv6-bgp-peer-node-sid",
        &[
            Field("flags", Kind::Flags(1, &["backup", "set", "persistent"])),
            Field("weight", Kind::Uint(1)),
            Field("", Kind::Skip(2)),
            Field("peer_asn", Kind::Uint(4)),
            Field("peer_bgp_id", Kind::Ipv4),
        ],
    ),
    SID_STRUCTURE,
];

/// Inside the members of a bundle: what a link may have.
static MEMBER: Table = Table::new(Head::Wide, &[link::TE_ROWS, link::ROWS]);

/// RFC 9085 §2.2.3.
const BUNDLE: &[Row] = &[Row(
    1172,
    "l2-bundle-member-attributes",
    &[
        Field("member", Kind::Uint(4)),
        Field("tlvs", Kind::Tlvs(&MEMBER)),
    ],
)];

#[cfg(test)]
mod tests;
