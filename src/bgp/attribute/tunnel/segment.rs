//! Sub-TLVs of policies of segment routing (RFC 9830 §2.4, RFC 9831 §2).

use super::STACK_ENTRY;
use crate::bgp::tlv::{Field, Head, Kind, Row, Table};

const FLAGS: Field = Field("flags", Kind::Flags(1, &[]));
const RESERVED: Field = Field("", Kind::Skip(1));
/// RFC 9830 §2.4.4.2.3, RFC 9831 §2.10.
const SEGMENT_FLAGS: Field = Field(
    "flags",
    Kind::Flags(1, &["verify", "algorithm", "sid", "behavior"]),
);
const ALGORITHM: Field = Field("algorithm", Kind::Uint(1));
const SID: Field = Field("sid", Kind::Ipv6);

/// RFC 9830 §2.4.4.2.4: what a SID does and how it divides.
const BEHAVIOR: Field = Field(
    "",
    Kind::Bits(&[
        ("behavior", 16),
        ("", 16),
        ("locator_block", 8),
        ("locator_node", 8),
        ("function", 8),
        ("argument", 8),
    ]),
);

/// A SID of MPLS may follow the node or the adjacency.
const LABEL_OPTION: Field = Field("", Kind::ByLength(&[(0, &[]), (4, &[STACK_ENTRY])]));
/// A SID of SRv6 may follow, and its behavior behind it.
const SID_OPTION: Field = Field(
    "",
    Kind::ByLength(&[(0, &[]), (16, &[SID]), (24, &[SID, BEHAVIOR])]),
);
const BEHAVIOR_OPTION: Field = Field("", Kind::ByLength(&[(0, &[]), (8, &[BEHAVIOR])]));

const BINDING_FLAGS: &[&str] = &["specified-only", "drop-upon-invalid", "behavior"];

/// Two ends of an adjacency.
const LOCAL_IF: Field = Field("local_interface", Kind::Uint(4));
const LOCAL_V6: Field = Field("local", Kind::Ipv6);
const REMOTE_IF: Field = Field("remote_interface", Kind::Uint(4));
const REMOTE_V6: Field = Field("remote", Kind::Ipv6);

static SEGMENTS: Table = Table::new(
    Head::Narrow,
    &[&[
        Row(1, "type-a", &[SEGMENT_FLAGS, RESERVED, STACK_ENTRY]),
        Row(
            3,
            "type-c",
            &[
                SEGMENT_FLAGS,
                ALGORITHM,
                Field("node", Kind::Ipv4),
                LABEL_OPTION,
            ],
        ),
        Row(
            4,
            "type-d",
            &[
                SEGMENT_FLAGS,
                ALGORITHM,
                Field("node", Kind::Ipv6),
                LABEL_OPTION,
            ],
        ),
        Row(
            5,
            "type-e",
            &[
                SEGMENT_FLAGS,
                RESERVED,
                LOCAL_IF,
                Field("node", Kind::Ipv4),
                LABEL_OPTION,
            ],
        ),
        Row(
            6,
            "type-f",
            &[
                SEGMENT_FLAGS,
                RESERVED,
                Field("local", Kind::Ipv4),
                Field("remote", Kind::Ipv4),
                LABEL_OPTION,
            ],
        ),
        Row(
            7,
            "type-g",
            &[
                SEGMENT_FLAGS,
                RESERVED,
                LOCAL_IF,
                LOCAL_V6,
                REMOTE_IF,
                REMOTE_V6,
                LABEL_OPTION,
            ],
        ),
        Row(
            8,
            "type-h",
            &[SEGMENT_FLAGS, RESERVED, LOCAL_V6, REMOTE_V6, LABEL_OPTION],
        ),
        Row(
            9,
            "weight",
            &[FLAGS, RESERVED, Field("value", Kind::Uint(4))],
        ),
        Row(
            13,
            "type-b",
            &[SEGMENT_FLAGS, RESERVED, SID, BEHAVIOR_OPTION],
        ),
        Row(
            14,
            "type-i",
            &[
                SEGMENT_FLAGS,
                ALGORITHM,
                Field("node", Kind::Ipv6),
                SID_OPTION,
            ],
        ),
        Row(
            15,
            "type-j",
            &[
                SEGMENT_FLAGS,
                ALGORITHM,
                LOCAL_IF,
                LOCAL_V6,
                REMOTE_IF,
                REMOTE_V6,
                SID_OPTION,
            ],
        ),
        Row(
            16,
            "type-k",
            &[SEGMENT_FLAGS, ALGORITHM, LOCAL_V6, REMOTE_V6, SID_OPTION],
        ),
    ]],
);

const NAME: &[Field] = &[RESERVED, Field("value", Kind::Text)];

pub(super) const ROWS: &[Row] = &[
    Row(
        12,
        "preference",
        &[FLAGS, RESERVED, Field("value", Kind::Uint(4))],
    ),
    Row(
        13,
        "binding-sid",
        &[
            Field("flags", Kind::Flags(1, BINDING_FLAGS)),
            RESERVED,
            Field(
                "",
                Kind::ByLength(&[(0, &[]), (4, &[STACK_ENTRY]), (16, &[SID])]),
            ),
        ],
    ),
    Row(
        14,
        "explicit-null-label-policy",
        &[FLAGS, RESERVED, Field("value", Kind::Uint(1))],
    ),
    Row(15, "priority", &[Field("value", Kind::Uint(1)), RESERVED]),
    Row(
        20,
        "srv6-binding-sid",
        &[
            Field("flags", Kind::Flags(1, BINDING_FLAGS)),
            RESERVED,
            SID,
            BEHAVIOR_OPTION,
        ],
    ),
    Row(
        128,
        "segment-list",
        &[RESERVED, Field("tlvs", Kind::Tlvs(&SEGMENTS))],
    ),
    Row(129, "candidate-path-name", NAME),
    Row(130, "policy-name", NAME),
];
