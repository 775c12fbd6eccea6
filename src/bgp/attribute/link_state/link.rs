//! About links (RFC 9552 §5.3.2, RFC 9085 §2.2, RFC 8571, RFC 9086 §5, RFC 9104, RFC 9294,
//! RFC 9514 §4).

use super::{FLOAT, IGP_FLAGS, INDEX, LABEL, RAW, SID, SRV6, TEXT, U32, U32_LIST};
use crate::bgp::tlv::{Field, Head, Kind, Row, Table};

/// A measured value of 24 bits behind the flag that says that it exceeds its bound
/// (RFC 8571 §2).
const MICROSECONDS: &[(&str, u32)] = &[("anomalous", 1), ("", 7), ("microseconds", 24)];

/// What can also be said about a link for one application only (RFC 9294 §3).
pub(super) const TE_ROWS: &[Row] = &[
    Row(1088, "administrative-group", U32),
    Row(1089, "maximum-link-bandwidth", FLOAT),
    Row(1090, "maximum-reservable-link-bandwidth", FLOAT),
    Row(
        1091,
        "unreserved-bandwidth",
        &[Field("value", Kind::Times(8, &[Field("", Kind::Float)]))],
    ),
    Row(1092, "te-default-metric", U32),
    Row(1096, "shared-risk-link-group", U32_LIST),
    Row(
        1114,
        "unidirectional-link-delay",
        &[Field("", Kind::Bits(MICROSECONDS))],
    ),
    Row(
        1115,
        "min-max-unidirectional-link-delay",
        &[Field(
            "",
            Kind::Bits(&[
                ("anomalous", 1),
                ("", 7),
                ("min_microseconds", 24),
                ("", 8),
                ("max_microseconds", 24),
            ]),
        )],
    ),
    Row(
        1116,
        "unidirectional-delay-variation",
        &[Field("", Kind::Bits(&[("", 8), ("microseconds", 24)]))],
    ),
    Row(
        1117,
        "unidirectional-link-loss",
        // In units of 0.000003 per cent.
        &[Field(
            "",
            Kind::Bits(&[("anomalous", 1), ("", 7), ("loss", 24)]),
        )],
    ),
    Row(1118, "unidirectional-residual-bandwidth", FLOAT),
    Row(1119, "unidirectional-available-bandwidth", FLOAT),
    Row(1120, "unidirectional-utilized-bandwidth", FLOAT),
    Row(1173, "extended-administrative-group", U32_LIST),
];

/// RFC 9294 §2: what is said for some applications.
static APPLICATION: Table = Table::new(Head::Wide, &[TE_ROWS]);

/// RFC 9086 §5: of EPE.
const PEER_SID: &[Field] = &[
    Field(
        "flags",
        Kind::Flags(1, &["value", "local", "backup", "persistent"]),
    ),
    Field("weight", Kind::Uint(1)),
    Field("", Kind::Skip(2)),
    SID,
];

/// RFC 9514 §4: what is before a neighbor's identifier or the SID.
const END_X: &[(&str, u32)] = &[("algorithm", 8), ("weight", 8), ("", 8)];
const BEHAVIOR: Field = Field("behavior", Kind::Uint(2));
const END_X_FLAGS: Field = Field("flags", Kind::Flags(1, &["backup", "set", "persistent"]));

pub(super) const ROWS: &[Row] = &[
    Row(
        1093,
        "link-protection-type",
        &[
            Field(
                "value",
                Kind::Flags(
                    1,
                    &[
                        "",
                        "",
                        "enhanced",
                        "dedicated-1+1",
                        "dedicated-1:1",
                        "shared",
                        "unprotected",
                        "extra-traffic",
                    ],
                ),
            ),
            Field("", Kind::Skip(1)),
        ],
    ),
    Row(
        1094,
        "mpls-protocol-mask",
        &[Field("value", Kind::Flags(1, &["ldp", "rsvp-te"]))],
    ),
    Row(
        1095,
        "igp-metric",
        // RFC 9552 §5.3.2.4: IS-IS with small metrics, OSPF, IS-IS with wide metrics.
        &[Field(
            "",
            Kind::ByLength(&[
                (1, &[Field("value", Kind::Low(1, 6))]),
                (2, &[Field("value", Kind::Uint(2))]),
                (3, &[Field("value", Kind::Uint(3))]),
            ]),
        )],
    ),
    Row(1097, "opaque-link-attribute", RAW),
    Row(1098, "link-name", TEXT),
    Row(
        1099,
        "adjacency-sid",
        &[
            IGP_FLAGS,
            Field("weight", Kind::Uint(1)),
            Field("", Kind::Skip(2)),
            SID,
        ],
    ),
    Row(
        1100,
        "lan-adjacency-sid",
        &[
            IGP_FLAGS,
            Field("weight", Kind::Uint(1)),
            Field("", Kind::Skip(2)),
            LAN_SID,
        ],
    ),
    Row(1101, "peer-node-sid", PEER_SID),
    Row(1102, "peer-adj-sid", PEER_SID),
    Row(1103, "peer-set-sid", PEER_SID),
    Row(
        1106,
        "srv6-end-x-sid",
        &[
            BEHAVIOR,
            END_X_FLAGS,
            Field("", Kind::Bits(END_X)),
            Field("sid", Kind::Ipv6),
            Field("tlvs", Kind::Tlvs(&SRV6)),
        ],
    ),
    Row(
        1107,
        "isis-srv6-lan-end-x-sid",
        &[
            BEHAVIOR,
            END_X_FLAGS,
            Field("", Kind::Bits(END_X)),
            Field("neighbor", Kind::SystemId),
            Field("sid", Kind::Ipv6),
            Field("tlvs", Kind::Tlvs(&SRV6)),
        ],
    ),
    Row(
        1108,
        "ospfv3-srv6-lan-end-x-sid",
        &[
            BEHAVIOR,
            END_X_FLAGS,
            Field("", Kind::Bits(END_X)),
            Field("neighbor", Kind::Ipv4),
            Field("sid", Kind::Ipv6),
            Field("tlvs", Kind::Tlvs(&SRV6)),
        ],
    ),
    Row(1121, "graceful-link-shutdown", &[]),
    Row(
        1122,
        "application-specific-link-attributes",
        &[
            Field("", Kind::Masks),
            Field("tlvs", Kind::Tlvs(&APPLICATION)),
        ],
    ),
];

/// RFC 9085 §2.2.2: the neighbor is a router of OSPF or a system of IS-IS, the SID a label or an
/// index.
const LAN_SID: Field = Field(
    "",
    Kind::ByLength(&[
        (7, &[Field("neighbor", Kind::Ipv4), LABEL]),
        (8, &[Field("neighbor", Kind::Ipv4), INDEX]),
        (9, &[Field("neighbor", Kind::SystemId), LABEL]),
        (10, &[Field("neighbor", Kind::SystemId), INDEX]),
    ]),
);
