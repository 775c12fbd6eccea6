//! What the types of extended communities hold.

use core::fmt;
use core::net::Ipv4Addr;

use super::FlowAction;
use crate::bgp::nlri::part::{Label, MacAddr};
use crate::bgp::text::Show;
use serde::ser::SerializeMap;

/// Who assigned a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Administrator {
    /// A two-octet or four-octet AS (RFC 4360 §3.1, RFC 5668 §2).
    As(u32),
    /// An IPv4 address (RFC 4360 §3.2).
    Address(Ipv4Addr),
}

impl Administrator {
    /// Writes `asn` or `address`.
    pub(super) fn serialize_entry<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        match self {
            Self::As(asn) => map.serialize_entry("asn", asn),
            Self::Address(addr) => map.serialize_entry("address", &Show(addr)),
        }
    }
}

impl fmt::Display for Administrator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::As(asn) => asn.fmt(f),
            Self::Address(addr) => addr.fmt(f),
        }
    }
}

/// The value of an extended community by its type and sub-type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ExtValue {
    /// A number with its administrator: route targets, route origins and their relatives
    /// (RFC 4360 §4, §5; RFC 6514 §6, §7).
    Specific {
        /// Global administrator.
        admin: Administrator,
        /// Local administrator.
        local: u32,
    },
    /// Link bandwidth (draft-ietf-idr-link-bandwidth §2).
    LinkBandwidth {
        /// Who says so.
        asn: u16,
        /// Octets per second as the bits of an IEEE 754 number.
        bits: u32,
    },
    /// OSPF route type (RFC 4577 §4.2.6).
    OspfRouteType {
        /// Area that the route comes from.
        area: Ipv4Addr,
        /// Type of its LSA.
        route_type: u8,
        /// 1: the metric is of type 2.
        options: u8,
    },
    /// BGP prefix origin validation state (RFC 8097 §2): 0 valid, 1 not found, 2 invalid.
    ValidationState(u8),
    /// Cost (draft-retana-idr-bgp-custom-decision §2).
    Cost {
        /// Where in the decision process it counts.
        point: u8,
        /// Identifier.
        id: u8,
        /// The lower the better.
        cost: u32,
    },
    /// Color (RFC 9012 §4.3).
    Color {
        /// Flags; the two highest bits say what the color may be matched with (RFC 9256 §8.8.1).
        flags: u16,
        /// The color.
        color: u32,
    },
    /// Encapsulation (RFC 9012 §4.1): a tunnel type.
    Encapsulation(u16),
    /// Default gateway (RFC 7432 §7.8).
    DefaultGateway,
    /// MAC mobility (RFC 7432 §7.7).
    MacMobility {
        /// The address must not move.
        sticky: bool,
        /// The highest number wins.
        sequence: u32,
    },
    /// ESI label (RFC 7432 §7.5).
    EsiLabel {
        /// One active link instead of all.
        single_active: bool,
        /// Split horizon label.
        label: Label,
    },
    /// ES-import route target (RFC 7432 §7.6).
    EsImport(MacAddr),
    /// EVPN router's MAC (RFC 9135 §8.1).
    RouterMac(MacAddr),
    /// EVPN layer 2 attributes (RFC 8214 §3.1).
    EvpnLayer2 {
        /// Control flags.
        flags: u16,
        /// MTU in octets, 0 if not said.
        mtu: u16,
    },
    /// E-tree (RFC 8317 §5.1).
    ETree {
        /// The attachment circuit is a leaf.
        leaf: bool,
        /// Leaf label.
        label: Label,
    },
    /// Designated forwarder election (RFC 8584 §2.2, RFC 9785 §4).
    DfElection {
        /// Algorithm.
        algorithm: u8,
        /// Capabilities.
        bitmap: u16,
        /// Preference, for the algorithms that have one.
        preference: u16,
    },
    /// Multicast flags (RFC 9251 §9.5).
    MulticastFlags(u16),
    /// Layer 2 information (RFC 4761 §3.2.4).
    Layer2Info {
        /// Encapsulation type.
        encapsulation: u8,
        /// Control flags.
        flags: u8,
        /// MTU in octets.
        mtu: u16,
        /// Preference (draft-ietf-bess-vpls-multihoming §2.2).
        preference: u16,
    },
    /// Direct segment identifier of mobile user plane (draft-ietf-bess-mup-safi §3.2).
    MupSegment {
        /// First part.
        high: u16,
        /// Second part.
        low: u32,
    },
    /// What is to be done with the traffic of a flow specification.
    Flow(FlowAction),
    /// Not decoded.
    Unknown,
}

impl ExtValue {
    /// The value of the eight octets.
    #[must_use]
    pub fn new(octets: [u8; 8]) -> Self {
        if let Some(action) = FlowAction::new(octets) {
            return Self::Flow(action);
        }
        let [kind, sub, a, b, c, d, e, g] = octets;
        let (ab, cd, low) = (short(a, b), short(c, d), short(e, g));
        let (abcd, cdeg) = (long(a, b, c, d), long(c, d, e, g));
        let label = Label([d, e, g]);
        match (kind, sub) {
            (0x00 | 0x40, 0x04) => Self::LinkBandwidth {
                asn: ab,
                bits: cdeg,
            },
            (0x00 | 0x40, _) => Self::Specific {
                admin: Administrator::As(u32::from(ab)),
                local: cdeg,
            },
            // RFC 4577 §4.2.4 and §4.2.5, in their first encoding.
            (0x80, 0x05) => Self::Specific {
                admin: Administrator::As(u32::from(ab)),
                local: cdeg,
            },
            (0x01 | 0x41, _) | (0x80, 0x01) => Self::Specific {
                admin: Administrator::Address(Ipv4Addr::from_bits(abcd)),
                local: u32::from(low),
            },
            (0x02 | 0x42, _) => Self::Specific {
                admin: Administrator::As(abcd),
                local: u32::from(low),
            },
            (0x43, 0x00) => Self::ValidationState(g),
            (0x03 | 0x43, 0x01) => Self::Cost {
                point: a,
                id: b,
                cost: cdeg,
            },
            // RFC 4577 §4.2.6 gives both type codes.
            (0x03, 0x06) | (0x80, 0x00) => Self::OspfRouteType {
                area: Ipv4Addr::from_bits(abcd),
                route_type: e,
                options: g,
            },
            (0x03, 0x0b) => Self::Color {
                flags: ab,
                color: cdeg,
            },
            (0x03, 0x0c) => Self::Encapsulation(low),
            (0x03, 0x0d) => Self::DefaultGateway,
            (0x06, _) => Self::evpn(sub, [a, b, c, d, e, g], label),
            (0x80, 0x0a) => Self::Layer2Info {
                encapsulation: a,
                flags: b,
                mtu: cd,
                preference: low,
            },
            (0x0c, 0x00) => Self::MupSegment {
                high: ab,
                low: cdeg,
            },
            _ => Self::Unknown,
        }
    }

    fn evpn(sub: u8, octets: [u8; 6], label: Label) -> Self {
        let [a, b, c, d, e, g] = octets;
        match sub {
            0x00 => Self::MacMobility {
                sticky: a & 1 != 0,
                sequence: long(c, d, e, g),
            },
            0x01 => Self::EsiLabel {
                single_active: a & 1 != 0,
                label,
            },
            0x02 => Self::EsImport(MacAddr(octets)),
            0x03 => Self::RouterMac(MacAddr(octets)),
            0x04 => Self::EvpnLayer2 {
                flags: short(a, b),
                mtu: short(c, d),
            },
            0x05 => Self::ETree {
                leaf: a & 1 != 0,
                label,
            },
            0x06 => Self::DfElection {
                algorithm: a & 0x1f,
                bitmap: short(b, c),
                preference: short(e, g),
            },
            0x09 => Self::MulticastFlags(short(a, b)),
            _ => Self::Unknown,
        }
    }

    /// Writes the fields of the value.
    pub(super) fn serialize_entries<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        match *self {
            Self::Specific { admin, local } => {
                admin.serialize_entry(map)?;
                map.serialize_entry("value", &local)
            }
            Self::LinkBandwidth { asn, bits } => {
                map.serialize_entry("asn", &asn)?;
                map.serialize_entry("bytes_per_second", &f32::from_bits(bits))
            }
            Self::OspfRouteType {
                area,
                route_type,
                options,
            } => {
                map.serialize_entry("area", &Show(area))?;
                map.serialize_entry("route_type", &route_type)?;
                map.serialize_entry("options", &options)
            }
            Self::ValidationState(state) => map.serialize_entry("state", &state),
            Self::Cost { point, id, cost } => {
                map.serialize_entry("point", &point)?;
                map.serialize_entry("id", &id)?;
                map.serialize_entry("cost", &cost)
            }
            Self::Color { flags, color } => {
                map.serialize_entry("flags", &flags)?;
                map.serialize_entry("color", &color)
            }
            Self::Encapsulation(tunnel) => map.serialize_entry("tunnel_type", &tunnel),
            Self::Layer2Info {
                encapsulation,
                flags,
                mtu,
                preference,
            } => {
                map.serialize_entry("encapsulation", &encapsulation)?;
                map.serialize_entry("flags", &flags)?;
                map.serialize_entry("mtu", &mtu)?;
                map.serialize_entry("preference", &preference)
            }
            Self::MupSegment { high, low } => {
                map.serialize_entry("segment", &Show(format_args!("{high}:{low}")))
            }
            Self::Flow(action) => action.serialize_entries(map),
            Self::DefaultGateway | Self::Unknown => Ok(()),
            _ => self.serialize_evpn(map),
        }
    }

    fn serialize_evpn<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        match *self {
            Self::MacMobility { sticky, sequence } => {
                map.serialize_entry("sticky", &sticky)?;
                map.serialize_entry("sequence", &sequence)
            }
            Self::EsiLabel {
                single_active,
                label,
            } => {
                map.serialize_entry("single_active", &single_active)?;
                map.serialize_entry("label", &label.value())
            }
            Self::EsImport(mac) | Self::RouterMac(mac) => map.serialize_entry("mac", &mac),
            Self::EvpnLayer2 { flags, mtu } => {
                map.serialize_entry("flags", &flags)?;
                map.serialize_entry("mtu", &mtu)
            }
            Self::ETree { leaf, label } => {
                map.serialize_entry("leaf", &leaf)?;
                map.serialize_entry("label", &label.value())
            }
            Self::DfElection {
                algorithm,
                bitmap,
                preference,
            } => {
                map.serialize_entry("algorithm", &algorithm)?;
                map.serialize_entry("capabilities", &bitmap)?;
                map.serialize_entry("preference", &preference)
            }
            Self::MulticastFlags(flags) => map.serialize_entry("flags", &flags),
            _ => Ok(()),
        }
    }
}

const fn short(a: u8, b: u8) -> u16 {
    u16::from_be_bytes([a, b])
}

const fn long(a: u8, b: u8, c: u8, d: u8) -> u32 {
    u32::from_be_bytes([a, b, c, d])
}
