//! About nodes (RFC 9552 §5.3.1, RFC 9085 §2.1, RFC 8814, RFC 9247, RFC 9351, RFC 9514 §3).

use super::{IPV4, IPV6, RAW, SID, TEXT, U8, U32_LIST};
use crate::bgp::tlv::{Field, Head, Kind, Row, Table};

/// RFC 8814 §3: pairs of type and depth.
const MSD: &[Field] = &[Field(
    "value",
    Kind::Many(&[
        Field("msd_type", Kind::Uint(1)),
        Field("msd", Kind::Uint(1)),
    ]),
)];

/// RFC 9085 §2.1.1: alone inside a range of labels.
static SID_LABEL: Table = Table::new(Head::Wide, &[&[Row(1161, "sid-label", &[SID])]]);

/// RFC 9085 §2.1.2, §2.1.4: sizes of label ranges with their first labels.
const RANGES: Kind = Kind::Many(&[
    Field("range", Kind::Uint(3)),
    Field("first", Kind::Tlv(&SID_LABEL)),
]);

/// RFC 9351 §3: inside a definition.
static FLEX_ALGO: Table = Table::new(
    Head::Wide,
    &[&[
        Row(1040, "flex-algo-exclude-any-affinity", U32_LIST),
        Row(1041, "flex-algo-include-any-affinity", U32_LIST),
        Row(1042, "flex-algo-include-all-affinity", U32_LIST),
        Row(1043, "flex-algo-definition-flags", RAW),
        Row(1045, "flex-algo-exclude-srlg", U32_LIST),
        Row(
            1046,
            "flex-algo-unsupported",
            &[
                Field("protocol_id", Kind::Uint(1)),
                Field("types", Kind::Raw),
            ],
        ),
    ]],
);

pub(super) const ROWS: &[Row] = &[
    Row(266, "node-msd", MSD),
    Row(267, "link-msd", MSD),
    Row(
        1024,
        "node-flag-bits",
        &[Field(
            "value",
            Kind::Flags(
                1,
                &["overload", "attached", "external", "abr", "router", "v6"],
            ),
        )],
    ),
    Row(1025, "opaque-node-attribute", RAW),
    Row(1026, "node-name", TEXT),
    Row(1027, "isis-area-identifier", RAW),
    Row(1028, "ipv4-router-id-of-local-node", IPV4),
    Row(1029, "ipv6-router-id-of-local-node", IPV6),
    Row(1030, "ipv4-router-id-of-remote-node", IPV4),
    Row(1031, "ipv6-router-id-of-remote-node", IPV6),
    Row(1032, "s-bfd-discriminators", U32_LIST),
    Row(
        1034,
        "sr-capabilities",
        &[
            Field("flags", Kind::Flags(1, &["mpls-ipv4", "mpls-ipv6"])),
            Field("", Kind::Skip(1)),
            Field("ranges", RANGES),
        ],
    ),
    Row(
        1035,
        "sr-algorithm",
        &[Field("value", Kind::Many(&[Field("", Kind::Uint(1))]))],
    ),
    Row(
        1036,
        "sr-local-block",
        &[
            Field("flags", Kind::Flags(1, &[])),
            Field("", Kind::Skip(1)),
            Field("ranges", RANGES),
        ],
    ),
    Row(1037, "srms-preference", U8),
    Row(
        1038,
        "srv6-capabilities",
        &[
            Field("flags", Kind::Flags(2, &["", "oam"])),
            Field("", Kind::Skip(2)),
        ],
    ),
    Row(
        1039,
        "flex-algo-definition",
        &[
            Field("algorithm", Kind::Uint(1)),
            Field("metric_type", Kind::Uint(1)),
            Field("calculation_type", Kind::Uint(1)),
            Field("priority", Kind::Uint(1)),
            Field("tlvs", Kind::Tlvs(&FLEX_ALGO)),
        ],
    ),
];
