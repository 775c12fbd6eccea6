//! What is to be done with the traffic of a flow specification (RFC 8955 §7).

use core::fmt;
use core::net::Ipv4Addr;

use super::Administrator;
use crate::bgp::text::Show;
use serde::ser::SerializeMap;

/// An action on the traffic that a flow specification matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlowAction {
    /// Traffic rate in octets (RFC 8955 §7.1) or packets (§7.2) per second; 0 drops everything.
    Rate {
        /// Who says so, informational.
        asn: u16,
        /// The rate as the bits of an IEEE 754 number.
        bits: u32,
        /// Packets, not octets.
        packets: bool,
    },
    /// Traffic action (RFC 8955 §7.3).
    Action {
        /// The rules that follow are looked at, too. IANA calls the bit Terminal Action.
        evaluate_next: bool,
        /// Sampling and logging.
        sample: bool,
    },
    /// Redirection to the VRFs that import this route target (RFC 8955 §7.4).
    Redirect {
        /// Global administrator of the route target.
        admin: Administrator,
        /// Its local administrator.
        local: u32,
    },
    /// Redirection to an IPv4 address (draft-ietf-idr-flowspec-redirect-ip).
    RedirectIp {
        /// Where to.
        addr: Ipv4Addr,
        /// A copy is redirected, the original goes on.
        copy: bool,
    },
    /// Redirection to the next hop of the route (draft-simpson-idr-flowspec-redirect).
    RedirectNextHop {
        /// A copy is redirected, the original goes on.
        copy: bool,
    },
    /// Traffic marking (RFC 8955 §7.5): the DSCP to set.
    Marking(u8),
    /// Interfaces that the rule is for (draft-ietf-idr-flowspec-interfaceset §3).
    InterfaceSet {
        /// Who numbers the groups.
        asn: u32,
        /// For traffic that comes in there.
        input: bool,
        /// For traffic that goes out there.
        output: bool,
        /// Number of the group.
        group: u16,
    },
}

impl FlowAction {
    /// The action of the eight octets, if they are one.
    #[must_use]
    pub(super) fn new([kind, sub, value @ ..]: [u8; 8]) -> Option<Self> {
        let [a, b, c, d, e, g] = value;
        let (short, low) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([e, g]));
        let (head, tail) = (
            u32::from_be_bytes([a, b, c, d]),
            u32::from_be_bytes([c, d, e, g]),
        );
        let redirect = |admin, local| Self::Redirect { admin, local };
        Some(match (kind, sub) {
            (0x80, 0x06 | 0x0c) => Self::Rate {
                asn: short,
                bits: tail,
                packets: sub == 0x0c,
            },
            (0x80, 0x07) => Self::Action {
                evaluate_next: g & 1 != 0,
                sample: g & 2 != 0,
            },
            (0x80, 0x08) => redirect(Administrator::As(u32::from(short)), tail),
            (0x81, 0x08) => redirect(
                Administrator::Address(Ipv4Addr::from_bits(head)),
                u32::from(low),
            ),
            (0x82, 0x08) => redirect(Administrator::As(head), u32::from(low)),
            (0x80, 0x09) => Self::Marking(g & 0x3f),
            (0x01, 0x0c) => Self::RedirectIp {
                addr: Ipv4Addr::from_bits(head),
                copy: g & 1 != 0,
            },
            (0x08, 0x00) => Self::RedirectNextHop { copy: g & 1 != 0 },
            (0x07 | 0x47, 0x02) => Self::InterfaceSet {
                asn: head,
                input: low & 0x4000 != 0,
                output: low & 0x8000 != 0,
                group: low & 0x3fff,
            },
            _ => return None,
        })
    }

    /// Writes the fields of the action.
    pub(super) fn serialize_entries<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        match *self {
            Self::Rate { asn, bits, packets } => {
                let unit = if packets {
                    "packets_per_second"
                } else {
                    "bytes_per_second"
                };
                map.serialize_entry("asn", &asn)?;
                map.serialize_entry(unit, &f32::from_bits(bits))
            }
            Self::Action {
                evaluate_next,
                sample,
            } => {
                map.serialize_entry("evaluate_next", &evaluate_next)?;
                map.serialize_entry("sample", &sample)
            }
            Self::Redirect { admin, local } => {
                admin.serialize_entry(map)?;
                map.serialize_entry("value", &local)
            }
            Self::RedirectIp { addr, copy } => {
                map.serialize_entry("address", &Show(addr))?;
                map.serialize_entry("copy", &copy)
            }
            Self::RedirectNextHop { copy } => map.serialize_entry("copy", &copy),
            Self::Marking(dscp) => map.serialize_entry("dscp", &dscp),
            Self::InterfaceSet {
                asn,
                input,
                output,
                group,
            } => {
                map.serialize_entry("asn", &asn)?;
                map.serialize_entry("input", &input)?;
                map.serialize_entry("output", &output)?;
                map.serialize_entry("group", &group)
            }
        }
    }
}

impl fmt::Display for FlowAction {
    /// `FS:rate 1000`, `FS:redirect VRF 64496:1` and so on.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let copied = |copy| if copy { " (copy)" } else { "" };
        match *self {
            Self::Rate { bits, packets, .. } => {
                let unit = if packets { " packets" } else { "" };
                write!(f, "FS:rate {}{unit}", f32::from_bits(bits))
            }
            Self::Action {
                evaluate_next,
                sample,
            } => {
                let next = if evaluate_next { "continue" } else { "stop" };
                let sample = if sample { ", sample" } else { "" };
                write!(f, "FS:action {next}{sample}")
            }
            Self::Redirect { admin, local } => write!(f, "FS:redirect VRF {admin}:{local}"),
            Self::RedirectIp { addr, copy } => write!(f, "FS:redirect IP {addr}{}", copied(copy)),
            Self::RedirectNextHop { copy } => write!(f, "FS:redirect next hop{}", copied(copy)),
            Self::Marking(dscp) => write!(f, "FS:marking {dscp}"),
            Self::InterfaceSet {
                asn,
                input,
                output,
                group,
            } => {
                let direction = match (input, output) {
                    (true, true) => "both",
                    (true, false) => "input",
                    (false, true) => "output",
                    (false, false) => "none",
                };
                write!(f, "FS:interface-set {direction} {asn}:{group}")
            }
        }
    }
}
