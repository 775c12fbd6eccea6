//! What BGP-LS describes objects by (RFC 9552 §5.2.1 to §5.2.3, RFC 9086 §4.1, RFC 9514 §6.1).

use crate::bgp::family::Afi;
use crate::bgp::tlv::{Field, Head, Kind, Row, Table};

pub(super) const LOCAL_NODE: u16 = 256;
pub(super) const REMOTE_NODE: u16 = 257;
pub(super) const IP_REACHABILITY: u16 = 265;
pub(super) const IGP_ROUTER_ID: u16 = 515;
pub(super) const BGP_ROUTER_ID: u16 = 516;
pub(super) const SRV6_SID: u16 = 518;

const NUMBER: &[Field] = &[Field("value", Kind::Uint(4))];
const IPV4: &[Field] = &[Field("value", Kind::Ipv4)];
const IPV6: &[Field] = &[Field("value", Kind::Ipv6)];

/// The length says which protocol made an IGP Router-ID and whether it is that of a
/// pseudonode (RFC 9552 §5.2.1.4).
const ROUTER_ID: &[Field] = &[Field(
    "",
    Kind::ByLength(&[
        (4, IPV4),
        (6, &[Field("value", Kind::SystemId)]),
        (
            7,
            &[Field("value", Kind::SystemId), Field("psn", Kind::Uint(1))],
        ),
        (
            8,
            &[
                Field("value", Kind::Ipv4),
                Field("designated_router", Kind::Ipv4),
            ],
        ),
    ]),
)];

/// Inside node descriptors.
static NODE: Table = Table::new(
    Head::Wide,
    &[&[
        Row(512, "autonomous-system", NUMBER),
        Row(513, "bgp-ls-identifier", NUMBER),
        Row(514, "ospf-area-id", IPV4),
        Row(IGP_ROUTER_ID, "igp-router-id", ROUTER_ID),
        Row(BGP_ROUTER_ID, "bgp-router-id", IPV4),
        Row(517, "bgp-confederation-member", NUMBER),
    ]],
);

const NODES: &[Row] = &[
    Row(
        LOCAL_NODE,
        "local-node-descriptors",
        &[Field("tlvs", Kind::Tlvs(&NODE))],
    ),
    Row(
        REMOTE_NODE,
        "remote-node-descriptors",
        &[Field("tlvs", Kind::Tlvs(&NODE))],
    ),
];

/// The upper four bits of each are reserved (RFC 9552 §5.2.2.1).
pub(in crate::bgp) const TOPOLOGIES: Row = Row(
    263,
    "multi-topology-id",
    &[Field("value", Kind::Many(&[Field("", Kind::Low(2, 12))]))],
);

pub(in crate::bgp) const LINK_IDS: Row = Row(
    258,
    "link-local-remote-identifiers",
    &[
        Field("local", Kind::Uint(4)),
        Field("remote", Kind::Uint(4)),
    ],
);

const LINK_ROWS: &[Row] = &[
    LINK_IDS,
    Row(259, "ipv4-interface-address", IPV4),
    Row(260, "ipv4-neighbor-address", IPV4),
    Row(261, "ipv6-interface-address", IPV6),
    Row(262, "ipv6-neighbor-address", IPV6),
    TOPOLOGIES,
];

const PREFIX_ROWS: &[Row] = &[
    TOPOLOGIES,
    Row(264, "ospf-route-type", &[Field("value", Kind::Uint(1))]),
];

const REACHABLE_V4: &[Row] = &[Row(
    IP_REACHABILITY,
    "ip-reachability-information",
    &[Field("value", Kind::Prefix(Afi::IPV4))],
)];

const REACHABLE_V6: &[Row] = &[Row(
    IP_REACHABILITY,
    "ip-reachability-information",
    &[Field("value", Kind::Prefix(Afi::IPV6))],
)];

const SID_ROWS: &[Row] = &[TOPOLOGIES, Row(SRV6_SID, "srv6-sid-information", IPV6)];

/// Descriptors of node and link NLRI, and of NLRI of types that are not known.
pub(in crate::bgp) static LINK: Table = Table::new(Head::Wide, &[NODES, LINK_ROWS]);
/// Descriptors of IPv4 prefix NLRI.
pub(in crate::bgp) static PREFIX_V4: Table =
    Table::new(Head::Wide, &[NODES, PREFIX_ROWS, REACHABLE_V4]);
/// Descriptors of IPv6 prefix NLRI.
pub(in crate::bgp) static PREFIX_V6: Table =
    Table::new(Head::Wide, &[NODES, PREFIX_ROWS, REACHABLE_V6]);
/// Descriptors of SRv6 SID NLRI.
pub(in crate::bgp) static SID: Table = Table::new(Head::Wide, &[NODES, SID_ROWS]);
