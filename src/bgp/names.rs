//! Names that IANA's registries give to numbers, in the short form that tools use.

mod ext_community;

pub use ext_community::{ext_community, ipv6_ext_community};

/// "Address Family Numbers", those that BGP carries.
#[must_use]
pub const fn afi(code: u16) -> Option<&'static str> {
    Some(match code {
        1 => "ipv4",
        2 => "ipv6",
        25 => "l2vpn",
        31 => "sfc",
        16388 => "bgp-ls",
        16398 => "routing-policy",
        _ => return None,
    })
}

/// "SAFI Values".
#[must_use]
pub const fn safi(code: u8) -> Option<&'static str> {
    Some(match code {
        1 => "unicast",
        2 => "multicast",
        4 => "labeled-unicast",
        5 => "mcast-vpn",
        6 => "pseudowire",
        7 => "encapsulation",
        8 => "mcast-vpls",
        9 => "sfc",
        64 => "tunnel",
        65 => "vpls",
        66 => "mdt",
        67 => "4over6",
        68 => "6over4",
        69 => "l1vpn-auto-discovery",
        70 => "evpn",
        71 => "link-state",
        72 => "link-state-vpn",
        73 => "sr-policy",
        74 => "sd-wan",
        75 => "routing-policy",
        76 => "classful-transport",
        77 => "tunneled-flowspec",
        78 => "mcast-tree",
        79 => "dynamic-path-selection",
        80 => "link-state-spf",
        83 => "car",
        84 => "vpn-car",
        85 => "mup",
        128 => "vpn",
        129 => "vpn-multicast",
        132 => "route-target",
        133 => "flowspec",
        134 => "flowspec-vpn",
        140 => "vpn-auto-discovery",
        _ => return None,
    })
}

/// "BGP Path Attributes".
#[must_use]
pub const fn attribute(code: u8) -> Option<&'static str> {
    Some(match code {
        1 => "ORIGIN",
        2 => "AS_PATH",
        3 => "NEXT_HOP",
        4 => "MULTI_EXIT_DISC",
        5 => "LOCAL_PREF",
        6 => "ATOMIC_AGGREGATE",
        7 => "AGGREGATOR",
        8 => "COMMUNITIES",
        9 => "ORIGINATOR_ID",
        10 => "CLUSTER_LIST",
        11 => "DPA_DEPRECATED",
        12 => "ADVERTISER_DEPRECATED",
        13 => "RCID_PATH_DEPRECATED",
        14 => "MP_REACH_NLRI",
        15 => "MP_UNREACH_NLRI",
        16 => "EXTENDED_COMMUNITIES",
        17 => "AS4_PATH",
        18 => "AS4_AGGREGATOR",
        19 => "SSA_DEPRECATED",
        20 => "CONNECTOR_DEPRECATED",
        21 => "AS_PATHLIMIT_DEPRECATED",
        22 => "PMSI_TUNNEL",
        23 => "TUNNEL_ENCAPSULATION",
        24 => "TRAFFIC_ENGINEERING",
        25 => "IPV6_EXTENDED_COMMUNITIES",
        26 => "AIGP",
        27 => "PE_DISTINGUISHER_LABELS",
        28 => "ENTROPY_LABEL_DEPRECATED",
        29 => "BGP_LS",
        30 | 31 | 129 | 241..=243 => "DEPRECATED",
        32 => "LARGE_COMMUNITIES",
        33 => "BGPSEC_PATH",
        34 => "COMMUNITY_CONTAINER",
        35 => "ONLY_TO_CUSTOMER",
        36 => "D_PATH",
        37 => "SFP",
        38 => "BFD_DISCRIMINATOR",
        39 => "NEXT_HOP_DEPENDENT_CHARACTERISTICS",
        40 => "PREFIX_SID",
        41 => "BIER",
        42 => "EDGE_METADATA",
        128 => "ATTR_SET",
        255 => "DEVELOPMENT",
        _ => return None,
    })
}

/// "Capability Codes".
#[must_use]
pub const fn capability(code: u8) -> Option<&'static str> {
    Some(match code {
        1 => "multiprotocol",
        2 => "route-refresh",
        3 => "outbound-route-filtering",
        4 => "multiple-routes-deprecated",
        5 => "extended-next-hop",
        6 => "extended-message",
        7 => "bgpsec",
        8 => "multiple-labels",
        9 => "role",
        64 => "graceful-restart",
        65 => "four-octet-as",
        66 => "dynamic-capability-deprecated",
        67 => "dynamic-capability",
        68 => "multisession",
        69 => "add-path",
        70 => "enhanced-route-refresh",
        71 => "long-lived-graceful-restart",
        72 => "routing-policy-distribution",
        73 => "fqdn",
        74 => "bfd-strict-mode",
        75 => "software-version",
        76 => "paths-limit",
        77 => "link-local-next-hop",
        128 => "route-refresh-cisco",
        129 => "routing-policy-distribution-prestandard",
        130 => "outbound-route-filtering-cisco",
        131 => "multisession-cisco",
        184 => "fqdn-prestandard",
        185 => "operational-message-prestandard",
        _ => return None,
    })
}

/// "BGP Outbound Route Filtering (ORF) Types".
#[must_use]
pub const fn route_filter(kind: u8) -> Option<&'static str> {
    Some(match kind {
        2 => "communities",
        3 => "extended-communities",
        64 => "address-prefix",
        65 => "covering-prefixes",
        128 => "address-prefix-cisco",
        129 => "community-list-cisco",
        130 => "extended-community-list-cisco",
        131 => "as-path-list-cisco",
        _ => return None,
    })
}

/// "BGP Well-known Communities".
#[must_use]
pub const fn community(value: u32) -> Option<&'static str> {
    Some(match value {
        0xffff_0000 => "graceful-shutdown",
        0xffff_0001 => "accept-own",
        0xffff_0002 => "route-filter-translated-v4",
        0xffff_0003 => "route-filter-v4",
        0xffff_0004 => "route-filter-translated-v6",
        0xffff_0005 => "route-filter-v6",
        0xffff_0006 => "llgr-stale",
        0xffff_0007 => "no-llgr",
        0xffff_0008 => "accept-own-nexthop",
        0xffff_0009 => "standby-pe",
        0xffff_029a => "blackhole",
        0xffff_ff01 => "no-export",
        0xffff_ff02 => "no-advertise",
        0xffff_ff03 => "no-export-subconfed",
        0xffff_ff04 => "no-peer",
        _ => return None,
    })
}

/// "P-Multicast Service Interface (PMSI) Tunnel Types".
#[must_use]
pub const fn pmsi_tunnel(kind: u8) -> Option<&'static str> {
    Some(match kind {
        0 => "none",
        1 => "rsvp-te-p2mp",
        2 => "mldp-p2mp",
        3 => "pim-ssm",
        4 => "pim-sm",
        5 => "bidir-pim",
        6 => "ingress-replication",
        7 => "mldp-mp2mp",
        8 => "transport-tunnel",
        10 => "assisted-replication",
        11 => "bier",
        12 => "sr-mpls-p2mp",
        13 => "srv6-p2mp",
        255 => "wildcard",
        _ => return None,
    })
}

/// "BGP Error (Notification) Codes".
#[must_use]
pub const fn error(code: u8) -> Option<&'static str> {
    Some(match code {
        1 => "Message Header Error",
        2 => "OPEN Message Error",
        3 => "UPDATE Message Error",
        4 => "Hold Timer Expired",
        5 => "Finite State Machine Error",
        6 => "Cease",
        7 => "ROUTE-REFRESH Message Error",
        8 => "Send Hold Timer Expired",
        9 => "Loss of LSDB Synchronization",
        _ => return None,
    })
}

/// The subcodes of each error code: "BGP Error Subcodes" and its like for each code.
///
/// 0 is "Unspecific" where no other is defined (RFC 4271 §4.5) or IANA says so; below Cease and
/// ROUTE-REFRESH Message Error it is reserved, and has no name.
#[must_use]
pub const fn error_subcode(code: u8, subcode: u8) -> Option<&'static str> {
    Some(match (code, subcode) {
        (1, 1) => "Connection Not Synchronized",
        (1, 2) => "Bad Message Length",
        (1, 3) => "Bad Message Type",
        (2, 1) => "Unsupported Version Number",
        (2, 2) => "Bad Peer AS",
        (2, 3) => "Bad BGP Identifier",
        (2, 4) => "Unsupported Optional Parameter",
        (2, 5) => "Authentication Failure",
        (2, 6) => "Unacceptable Hold Time",
        (2, 7) => "Unsupported Capability",
        (2, 11) => "Role Mismatch",
        (3, 1) => "Malformed Attribute List",
        (3, 2) => "Unrecognized Well-known Attribute",
        (3, 3) => "Missing Well-known Attribute",
        (3, 4) => "Attribute Flags Error",
        (3, 5) => "Attribute Length Error",
        (3, 6) => "Invalid ORIGIN Attribute",
        (3, 7) => "AS Routing Loop",
        (3, 8) => "Invalid NEXT_HOP Attribute",
        (3, 9) => "Optional Attribute Error",
        (3, 10) => "Invalid Network Field",
        (3, 11) => "Malformed AS_PATH",
        (5, 1) => "Receive Unexpected Message in OpenSent State",
        (5, 2) => "Receive Unexpected Message in OpenConfirm State",
        (5, 3) => "Receive Unexpected Message in Established State",
        (6, 1) => "Maximum Number of Prefixes Reached",
        (6, 2) => "Administrative Shutdown",
        (6, 3) => "Peer De-configured",
        (6, 4) => "Administrative Reset",
        (6, 5) => "Connection Rejected",
        (6, 6) => "Other Configuration Change",
        (6, 7) => "Connection Collision Resolution",
        (6, 8) => "Out of Resources",
        (6, 9) => "Hard Reset",
        (6, 10) => "BFD Down",
        (7, 1) => "Invalid Message Length",
        (5, 0) => "Unspecified Error",
        (1..=4 | 8 | 9, 0) => "Unspecific",
        _ => return None,
    })
}

/// The subtype of a ROUTE-REFRESH (RFC 7313 §3.2).
#[must_use]
pub const fn refresh(subtype: u8) -> Option<&'static str> {
    Some(match subtype {
        0 => "request",
        1 => "begin",
        2 => "end",
        _ => return None,
    })
}

/// The roles of RFC 9234 §4.1.
#[must_use]
pub const fn role(value: u8) -> Option<&'static str> {
    Some(match value {
        0 => "provider",
        1 => "route-server",
        2 => "route-server-client",
        3 => "customer",
        4 => "peer",
        _ => return None,
    })
}
