//! "BGP Extended Communities": types with their sub-types (RFC 7153).

/// The name of a type and sub-type in short form.
#[must_use]
pub const fn ext_community(kind: u8, sub: u8) -> Option<&'static str> {
    match kind {
        0x00 | 0x40 => as2(sub),
        0x01 | 0x41 => ipv4(sub),
        0x02 | 0x42 => as4(sub),
        0x03 => opaque(sub),
        0x43 => match sub {
            0x00 => Some("origin-validation-state"),
            0x01 => Some("cost"),
            _ => None,
        },
        0x06 => evpn(sub),
        0x07 | 0x47 => match sub {
            0x02 => Some("flowspec-interface-set"),
            _ => None,
        },
        0x08 => match sub {
            0x00 => Some("flowspec-redirect-next-hop"),
            _ => None,
        },
        0x09 => match sub {
            0x00 => Some("flowspec-redirect-indirection-id"),
            _ => None,
        },
        0x0a | 0x4a => match sub {
            0x02 => Some("transport-class"),
            _ => None,
        },
        0x0b => match sub {
            0x01 => Some("sfir-pool-id"),
            0x02 => Some("sfc-mpls-label-stack"),
            _ => None,
        },
        0x0c => match sub {
            0x00 => Some("mup-direct-segment"),
            _ => None,
        },
        0x80 => experimental(sub),
        // Flow specifications redirect to a route target with an IPv4 address or a four-octet AS.
        0x81 | 0x82 => match sub {
            0x08 => Some("flowspec-redirect"),
            _ => None,
        },
        _ => None,
    }
}

/// Two-octet AS specific.
const fn as2(sub: u8) -> Option<&'static str> {
    Some(match sub {
        0x02 => "route-target",
        0x03 => "route-origin",
        0x04 => "link-bandwidth",
        0x05 => "ospf-domain-id",
        0x08 => "bgp-data-collection",
        0x09 => "source-as",
        0x0a => "l2vpn-id",
        0x10 => "vpn-distinguisher",
        0x13 => "route-target-record",
        0x80 => "virtual-network-id",
        _ => return None,
    })
}

/// IPv4 address specific.
const fn ipv4(sub: u8) -> Option<&'static str> {
    Some(match sub {
        0x02 => "route-target",
        0x03 => "route-origin",
        0x05 => "ospf-domain-id",
        0x07 => "ospf-router-id",
        0x09 => "node-target",
        0x0a => "l2vpn-id",
        0x0b => "vrf-route-import",
        0x0c => "flowspec-redirect-ip",
        0x10 => "vpn-distinguisher",
        0x12 => "p2mp-segmented-next-hop",
        0x13 => "route-target-record",
        0x14 => "vrf-recursive-next-hop",
        0x20 => "mvpn-sa-rp-address",
        _ => return None,
    })
}

/// Four-octet AS specific.
const fn as4(sub: u8) -> Option<&'static str> {
    Some(match sub {
        0x02 => "route-target",
        0x03 => "route-origin",
        0x04 => "generic",
        0x05 => "ospf-domain-id",
        0x08 => "bgp-data-collection",
        0x09 => "source-as",
        0x10 => "vpn-distinguisher",
        0x13 => "route-target-record",
        _ => return None,
    })
}

/// Transitive opaque.
const fn opaque(sub: u8) -> Option<&'static str> {
    Some(match sub {
        0x01 => "cost",
        0x03 => "cp-orf",
        0x04 => "extranet-source",
        0x05 => "extranet-separation",
        0x06 => "ospf-route-type",
        0x07 => "pmsi-tunnel-flags",
        0x08 => "context-label-space",
        0x0b => "color",
        0x0c => "encapsulation",
        0x0d => "default-gateway",
        0x0e => "ppmp-label",
        0x14 => "consistent-hash-sort-order",
        0xaa => "load-balance",
        _ => return None,
    })
}

/// "Generic Transitive Experimental Use": what was standardised stayed there.
const fn experimental(sub: u8) -> Option<&'static str> {
    Some(match sub {
        0x00 => "ospf-route-type",
        0x01 => "ospf-router-id",
        0x05 => "ospf-domain-id",
        0x06 => "flowspec-traffic-rate",
        0x07 => "flowspec-traffic-action",
        0x08 => "flowspec-redirect",
        0x09 => "flowspec-traffic-marking",
        0x0a => "layer2-info",
        0x0b => "e-tree-info",
        0x0c => "flowspec-traffic-rate-packets",
        _ => return None,
    })
}

/// EVPN.
const fn evpn(sub: u8) -> Option<&'static str> {
    Some(match sub {
        0x00 => "mac-mobility",
        0x01 => "esi-label",
        0x02 => "es-import",
        0x03 => "router-mac",
        0x04 => "evpn-layer2-attributes",
        0x05 => "e-tree",
        0x06 => "df-election",
        0x07 => "i-sid",
        0x08 => "arp-nd",
        0x09 => "multicast-flags",
        0x0a => "evi-rt-0",
        0x0b => "evi-rt-1",
        0x0c => "evi-rt-2",
        0x0d => "evi-rt-3",
        0x0e => "attachment-circuit",
        0x0f => "service-carving-timestamp",
        _ => return None,
    })
}

/// "IPv6 Address Specific Extended Community" types (RFC 5701).
#[must_use]
pub const fn ipv6_ext_community(kind: u8, sub: u8) -> Option<&'static str> {
    Some(match (kind, sub) {
        (0x00, 0x02) => "route-target",
        (0x00, 0x03) => "route-origin",
        (0x00, 0x0b) => "vrf-route-import",
        (0x00, 0x0c) => "flowspec-redirect-ip",
        (0x00, 0x0d) => "flowspec-redirect-ipv6",
        (0x00, 0x10) => "vpn-distinguisher",
        (0x00, 0x11) => "uuid-route-target",
        (0x00, 0x12) => "p2mp-segmented-next-hop",
        (0x00, 0x14) => "vrf-recursive-next-hop",
        _ => return None,
    })
}
