//! Communities as bgpkit-parser's types are written by serde: the name of the kind, then its fields.

use crate::bgp::attribute::{Community, Ipv6ExtCommunity};
use crate::bgp::text::Show;
use serde::ser::{Serialize, SerializeStruct, Serializer};
use std::net::Ipv4Addr;

/// `{"Custom":[asn,value]}`, or one of three names.
pub(super) struct Plain(pub(super) Community);

impl Serialize for Plain {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // RFC 1997, "Well-known Communities".
        let (index, name) = match self.0.0 {
            0xffff_ff01 => (0, "NoExport"),
            0xffff_ff02 => (1, "NoAdvertise"),
            0xffff_ff03 => (2, "NoExportSubConfed"),
            _ => {
                let value = (self.0.asn(), self.0.value());
                return serializer.serialize_newtype_variant("Community", 3, "Custom", &value);
            }
        };
        serializer.serialize_unit_variant("Community", index, name)
    }
}

#[derive(serde::Serialize)]
pub(super) struct Large {
    pub(super) global_admin: u32,
    pub(super) local_data: [u32; 2],
}

/// An extended community by the layout that its type has (RFC 4360 §3, RFC 5668 §2).
pub(super) struct Extended(pub(super) [u8; 8]);

/// Administrators of some width, and the rest.
#[derive(serde::Serialize)]
struct Administrated<G, L> {
    subtype: u8,
    global_admin: G,
    local_admin: L,
}

#[derive(serde::Serialize)]
struct Opaque {
    subtype: u8,
    value: [u8; 6],
}

/// draft-ietf-idr-link-bandwidth.
#[derive(serde::Serialize)]
struct LinkBandwidth {
    global_admin: u16,
    bandwidth: f32,
    transitive: bool,
}

impl Serialize for Extended {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let [kind, subtype, a, b, c, d, e, f] = self.0;
        match (kind, subtype) {
            (0x00 | 0x40, 4) => one(
                serializer,
                "LinkBandwidth",
                &LinkBandwidth {
                    global_admin: u16::from_be_bytes([a, b]),
                    bandwidth: f32::from_be_bytes([c, d, e, f]),
                    transitive: kind == 0,
                },
            ),
            (0x00 | 0x40, _) => {
                let name = pick(kind, ["TransitiveTwoOctetAs", "NonTransitiveTwoOctetAs"]);
                one(
                    serializer,
                    name,
                    &Administrated {
                        subtype,
                        global_admin: u16::from_be_bytes([a, b]),
                        local_admin: [c, d, e, f],
                    },
                )
            }
            (0x01 | 0x41, _) => {
                let name = pick(kind, ["TransitiveIpv4Addr", "NonTransitiveIpv4Addr"]);
                one(
                    serializer,
                    name,
                    &Administrated {
                        subtype,
                        global_admin: Show(Ipv4Addr::new(a, b, c, d)),
                        local_admin: [e, f],
                    },
                )
            }
            (0x02 | 0x42, _) => {
                let name = pick(kind, ["TransitiveFourOctetAs", "NonTransitiveFourOctetAs"]);
                one(
                    serializer,
                    name,
                    &Administrated {
                        subtype,
                        global_admin: u32::from_be_bytes([a, b, c, d]),
                        local_admin: [e, f],
                    },
                )
            }
            (0x03 | 0x43, _) => {
                let name = pick(kind, ["TransitiveOpaque", "NonTransitiveOpaque"]);
                let value = [a, b, c, d, e, f];
                one(serializer, name, &Opaque { subtype, value })
            }
            _ => one(serializer, "Raw", &self.0),
        }
    }
}

/// Of two names the one for transitive communities, or the other (RFC 4360 §2: bit 0x40).
const fn pick(kind: u8, [transitive, other]: [&'static str; 2]) -> &'static str {
    if kind & 0x40 == 0 { transitive } else { other }
}

/// An object with one field.
fn one<S: Serializer>(
    serializer: S,
    name: &'static str,
    value: &impl Serialize,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_newtype_variant("ExtendedCommunity", 0, name, value)
}

/// RFC 5701 §2.
pub(super) struct Ipv6(pub(super) Ipv6ExtCommunity);

impl Serialize for Ipv6 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (kind, subtype) = self.0.kind();
        let mut fields = serializer.serialize_struct("Ipv6AddrExtCommunity", 4)?;
        fields.serialize_field("community_type", &Kind(kind))?;
        fields.serialize_field("subtype", &subtype)?;
        fields.serialize_field("global_admin", &Show(self.0.address()))?;
        fields.serialize_field("local_admin", &self.0.local().to_be_bytes())?;
        fields.end()
    }
}

/// The type of an IPv6 community, named as if it were an ordinary extended one.
struct Kind(u8);

impl Serialize for Kind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        const NAMES: [[&str; 2]; 4] = [
            ["TransitiveTwoOctetAs", "NonTransitiveTwoOctetAs"],
            ["TransitiveIpv4Addr", "NonTransitiveIpv4Addr"],
            ["TransitiveFourOctetAs", "NonTransitiveFourOctetAs"],
            ["TransitiveOpaque", "NonTransitiveOpaque"],
        ];
        match NAMES.get(usize::from(self.0 & !0x40)) {
            Some(names) => serializer.serialize_str(pick(self.0, *names)),
            None => serializer.serialize_newtype_variant("Type", 4, "Unknown", &self.0),
        }
    }
}
