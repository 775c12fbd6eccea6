//! About prefixes (RFC 9552 §5.3.3, RFC 9085 §2.3, RFC 9351 §4, RFC 9514 §5).

use super::{IGP_FLAGS, IPV4, RAW, SID, SRV6, U32, U32_LIST};
use crate::bgp::tlv::{Field, Head, Kind, Row, Table};

const PREFIX_SID: Row = Row(
    1158,
    "prefix-sid",
    &[
        IGP_FLAGS,
        Field("algorithm", Kind::Uint(1)),
        Field("", Kind::Skip(2)),
        SID,
    ],
);

/// RFC 9085 §2.3.5: inside a range.
static RANGE: Table = Table::new(Head::Wide, &[&[PREFIX_SID]]);

const ADDR: &[Field] = &[Field("value", Kind::Addr)];

pub(super) const ROWS: &[Row] = &[
    Row(
        1044,
        "flex-algo-prefix-metric",
        &[
            Field("algorithm", Kind::Uint(1)),
            Field("flags", Kind::Flags(1, &[])),
            Field("", Kind::Skip(2)),
            Field("metric", Kind::Uint(4)),
        ],
    ),
    Row(
        1152,
        "igp-flags",
        &[Field(
            "value",
            Kind::Flags(
                1,
                &["down", "no-unicast", "local-address", "propagate-nssa"],
            ),
        )],
    ),
    Row(1153, "igp-route-tag", U32_LIST),
    Row(
        1154,
        "igp-extended-route-tag",
        &[Field("value", Kind::Many(&[Field("", Kind::Uint(8))]))],
    ),
    Row(1155, "prefix-metric", U32),
    Row(1156, "ospf-forwarding-address", ADDR),
    Row(1157, "opaque-prefix-attribute", RAW),
    PREFIX_SID,
    Row(
        1159,
        "range",
        &[
            IGP_FLAGS,
            Field("", Kind::Skip(1)),
            Field("size", Kind::Uint(2)),
            Field("tlvs", Kind::Tlvs(&RANGE)),
        ],
    ),
    Row(
        1162,
        "srv6-locator",
        &[
            IGP_FLAGS,
            Field("algorithm", Kind::Uint(1)),
            Field("", Kind::Skip(2)),
            Field("metric", Kind::Uint(4)),
            Field("tlvs", Kind::Tlvs(&SRV6)),
        ],
    ),
    Row(1170, "prefix-attribute-flags", RAW),
    Row(1171, "source-router-identifier", ADDR),
    Row(1174, "source-ospf-router-id", IPV4),
];
