//! Multicast VPN attributes: PMSI_TUNNEL and PE Distinguisher Labels (RFC 6514 §5, §8).

use core::net::IpAddr;

use super::{Flags, PathAttribute};
use crate::bgp::context::Context;
use crate::bgp::error::{Disposition, ErrorCode, Fault};
use crate::bgp::names;
use crate::bgp::nlri::part::{Label, addr};
use crate::bgp::reader::Reader;
use crate::bgp::text::{Hex, List, Show};
use serde::ser::{Serialize, SerializeMap, Serializer};

/// PMSI_TUNNEL: the tunnel that carries multicast or broadcast traffic to the sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pmsi<'a> {
    /// Bit 0: leaf information required; RFC 7902 §3 defines more.
    pub flags: u8,
    /// "P-Multicast Service Interface (PMSI) Tunnel Type".
    pub tunnel_type: u8,
    /// Label, or part of a VNI (RFC 8365 §5.1.3).
    pub label: Label,
    /// Identifier of the tunnel as sent; see [`Pmsi::tunnel`].
    pub identifier: &'a [u8],
}

/// An identifier of a tunnel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tunnel<'a> {
    /// No tunnel information.
    None,
    /// RSVP-TE P2MP LSP (RFC 4875 §19.1).
    RsvpTe {
        /// P2MP identifier.
        p2mp_id: u32,
        /// Tunnel identifier.
        tunnel_id: u16,
        /// Extended tunnel identifier, an address by custom.
        extended: IpAddr,
    },
    /// mLDP P2MP or MP2MP LSP: a forwarding equivalence class (RFC 6388 §2.2, §3.2).
    Mldp {
        /// Type of the element: 6 P2MP, 7 MP2MP upstream, 8 MP2MP downstream.
        fec: u8,
        /// Root of the tree.
        root: IpAddr,
        /// What tells trees with that root apart.
        opaque: &'a [u8],
    },
    /// PIM trees: address of root or sender, then the group.
    Pim(IpAddr, IpAddr),
    /// Ingress replication and assisted replication (RFC 9574 §4): address of the endpoint.
    Endpoint(IpAddr),
    /// BIER (RFC 8556 §3).
    Bier {
        /// Sub-domain.
        sub_domain: u8,
        /// Forwarding router that originates it.
        bfr_id: u16,
        /// Prefix of that router.
        prefix: IpAddr,
    },
    /// Of a type that is not decoded.
    Unknown(&'a [u8]),
}

/// Tunnel types that stand for two tunnels, one each way: the bit is set, the rest is the type of
/// the one towards the leaves (RFC 8317 §5.2).
const COMPOSITE: core::ops::RangeInclusive<u8> = 0x80..=0xfa;

/// RFC 6514 §5: "undefined" is what IANA's registry neither assigns nor leaves to experiments
/// (RFC 7385 §3, RFC 8317 §7).
fn is_defined(tunnel_type: u8) -> bool {
    let assigned = |kind| names::pmsi_tunnel(kind).is_some();
    match tunnel_type {
        0x7b..=0x7e | 0xfb..=0xfe => true,
        kind if COMPOSITE.contains(&kind) => assigned(kind & 0x7f),
        kind => assigned(kind),
    }
}

fn take_mldp(bytes: &[u8]) -> Option<Tunnel<'_>> {
    let mut reader = Reader::new(bytes);
    let fec = reader.u8()?;
    let family = reader.u16()?;
    let length = usize::from(reader.u8()?);
    let root = addr(reader.take(length)?)?;
    let length = usize::from(reader.u16()?);
    let opaque = reader.take(length)?;
    let fits = family == if root.is_ipv4() { 1 } else { 2 };
    (fits && reader.is_empty()).then_some(Tunnel::Mldp { fec, root, opaque })
}

impl<'a> Pmsi<'a> {
    /// Whether leaves are asked to answer (RFC 6514 §5, L flag).
    #[must_use]
    pub const fn leaf_information(&self) -> bool {
        self.flags & 1 != 0
    }

    /// Type of the tunnel towards the leaves.
    fn kind(&self) -> u8 {
        match self.tunnel_type {
            kind if COMPOSITE.contains(&kind) => kind & 0x7f,
            kind => kind,
        }
    }

    /// Name of the type of tunnel.
    #[must_use]
    pub fn tunnel_name(&self) -> Option<&'static str> {
        names::pmsi_tunnel(self.kind())
    }

    /// The label for what comes back from the leaves, where there are two tunnels (RFC 8317 §5.2).
    #[must_use]
    pub fn receive_label(&self) -> Option<Label> {
        let label = self.identifier.first_chunk().copied().map(Label);
        label.filter(|_| COMPOSITE.contains(&self.tunnel_type))
    }

    /// The identifier by its type; `None` if it is no identifier of that type.
    #[must_use]
    pub fn tunnel(&self) -> Option<Tunnel<'a>> {
        let bytes = match COMPOSITE.contains(&self.tunnel_type) {
            true => self.identifier.get(3..)?,
            false => self.identifier,
        };
        Some(match self.kind() {
            // RFC 6514 §5: no identifier then.
            0 if bytes.is_empty() => Tunnel::None,
            0 => return None,
            1 => {
                let (head, extended) = bytes.split_at_checked(8)?;
                let &[a, b, c, d, _, _, e, f] = head else {
                    return None;
                };
                Tunnel::RsvpTe {
                    p2mp_id: u32::from_be_bytes([a, b, c, d]),
                    tunnel_id: u16::from_be_bytes([e, f]),
                    extended: addr(extended)?,
                }
            }
            2 | 7 => take_mldp(bytes)?,
            3..=5 => {
                let (first, second) = bytes.split_at_checked(bytes.len() / 2)?;
                Tunnel::Pim(addr(first)?, addr(second)?)
            }
            6 | 10 => Tunnel::Endpoint(addr(bytes)?),
            11 => {
                let (&[sub_domain, a, b], prefix) = bytes.split_first_chunk::<3>()?;
                Tunnel::Bier {
                    sub_domain,
                    bfr_id: u16::from_be_bytes([a, b]),
                    prefix: addr(prefix)?,
                }
            }
            _ => Tunnel::Unknown(bytes),
        })
    }
}

impl<'a> PathAttribute<'a> for Pmsi<'a> {
    const CODE: u8 = 22;
    const FLAGS: Flags = Flags::OPTIONAL_TRANSITIVE;
    /// RFC 6514 §5, for tunnel types that are not defined, too.
    const DISPOSITION: Disposition = Disposition::TreatAsWithdraw;

    fn parse(value: &'a [u8], _: &Context) -> Result<Self, Fault> {
        let Some((&[flags, tunnel_type, a, b, c], identifier)) = value.split_first_chunk::<5>()
        else {
            let text = "PMSI_TUNNEL is shorter than five octets";
            return Err(Fault::new(0, ErrorCode::AttributeLength, text));
        };
        Ok(Self {
            flags,
            tunnel_type,
            label: Label([a, b, c]),
            identifier,
        })
    }

    fn check(&self, report: &mut dyn FnMut(Fault)) {
        if !is_defined(self.tunnel_type) {
            let text = "tunnel type that is not defined";
            report(Fault::new(1, ErrorCode::OptionalAttribute, text));
        } else if self.tunnel().is_none() {
            let text = "tunnel identifier is none of its type";
            report(Fault::new(5, ErrorCode::OptionalAttribute, text));
        }
    }
}

impl Serialize for Pmsi<'_> {
    /// `{"flags", "tunnel_type", "tunnel_name", "label", …}` with what identifies the tunnel.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("flags", &self.flags)?;
        map.serialize_entry("tunnel_type", &self.tunnel_type)?;
        if let Some(name) = self.tunnel_name() {
            map.serialize_entry("tunnel_name", name)?;
        }
        // A VNI fills all 24 bits (RFC 8365 §5.1.3); only its encapsulation says that it is one.
        map.serialize_entry("label", &self.label.value())?;
        map.serialize_entry("label_field", &self.label.bits())?;
        if let Some(label) = self.receive_label() {
            map.serialize_entry("receive_label", &label.value())?;
        }
        match self.tunnel() {
            Some(Tunnel::None) => {}
            Some(Tunnel::RsvpTe {
                p2mp_id,
                tunnel_id,
                extended,
            }) => {
                map.serialize_entry("p2mp_id", &p2mp_id)?;
                map.serialize_entry("tunnel_id", &tunnel_id)?;
                map.serialize_entry("extended_tunnel_id", &Show(extended))?;
            }
            Some(Tunnel::Pim(source, group)) => {
                map.serialize_entry("source", &Show(source))?;
                map.serialize_entry("group", &Show(group))?;
            }
            Some(Tunnel::Endpoint(addr)) => map.serialize_entry("endpoint", &Show(addr))?,
            Some(Tunnel::Bier {
                sub_domain,
                bfr_id,
                prefix,
            }) => {
                map.serialize_entry("sub_domain", &sub_domain)?;
                map.serialize_entry("bfr_id", &bfr_id)?;
                map.serialize_entry("bfr_prefix", &Show(prefix))?;
            }
            Some(Tunnel::Mldp { fec, root, opaque }) => {
                map.serialize_entry("fec_type", &fec)?;
                map.serialize_entry("root", &Show(root))?;
                map.serialize_entry("opaque", &Hex(opaque))?;
            }
            Some(Tunnel::Unknown(bytes)) => map.serialize_entry("identifier", &Hex(bytes))?,
            None => map.serialize_entry("identifier", &Hex(self.identifier))?,
        }
        map.end()
    }
}

/// PE Distinguisher Labels: a label for each router of a multicast VPN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeLabels<'a> {
    value: &'a [u8],
    /// Octets of each address.
    width: usize,
}

impl<'a> PeLabels<'a> {
    /// Routers with their labels.
    pub fn iter(&self) -> impl Iterator<Item = (IpAddr, Label)> + Clone + use<'a> {
        let (mut reader, width) = (Reader::new(self.value), self.width);
        core::iter::from_fn(move || {
            let addr = addr(reader.take(width)?)?;
            reader.array().map(|label| (addr, Label(label)))
        })
    }
}

impl<'a> PathAttribute<'a> for PeLabels<'a> {
    const CODE: u8 = 27;
    const FLAGS: Flags = Flags::OPTIONAL_TRANSITIVE;
    /// RFC 6514 §8.
    const DISPOSITION: Disposition = Disposition::TreatAsWithdraw;

    fn parse(value: &'a [u8], _: &Context) -> Result<Self, Fault> {
        // RFC 6514 §8: malformed unless a multiple of 7 (IPv4) or of 19 (IPv6).
        let width = match value.len() {
            length if length % 7 == 0 && length > 0 => 4,
            length if length % 19 == 0 && length > 0 => 16,
            _ => {
                let text = "PE Distinguisher Labels is no multiple of 7 or 19 octets";
                return Err(Fault::new(0, ErrorCode::AttributeLength, text));
            }
        };
        Ok(Self { value, width })
    }

    fn check(&self, report: &mut dyn FnMut(Fault)) {
        if self.iter().any(|(addr, _)| addr.is_multicast()) {
            let text = "PE address is not unicast";
            report(Fault::new(0, ErrorCode::OptionalAttribute, text));
        }
    }
}

struct PeLabel(IpAddr, Label);

impl Serialize for PeLabel {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("pe", &Show(self.0))?;
        map.serialize_entry("label", &self.1.value())?;
        map.end()
    }
}

impl Serialize for PeLabels<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let items = || self.iter().map(|(addr, label)| PeLabel(addr, label));
        List(items).serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bgp::closed;
    use serde_json::{Value, json};

    fn pmsi(value: &[u8]) -> (Value, usize) {
        let pmsi = Pmsi::parse(value, &Context::assumed()).expect("five octets");
        let mut faults = 0;
        pmsi.check(&mut |_| faults += 1);
        (closed::to_value("pmsi_tunnel", pmsi), faults)
    }

    #[test]
    fn identifiers_of_each_type_of_tunnel() {
        // From GoBGP's tests of an EVPN inclusive multicast route: ingress replication to 10.0.0.1,
        // VNI 100 in the whole field.
        assert_eq!(
            pmsi(&[0, 6, 0, 0, 100, 10, 0, 0, 1]),
            (
                json!({
                    "flags": 0, "tunnel_type": 6, "tunnel_name": "ingress-replication",
                    "label": 6, "label_field": 100, "endpoint": "10.0.0.1",
                }),
                0
            )
        );
        let (value, faults) = pmsi(&[1, 4, 0, 0, 0, 192, 0, 2, 1, 239, 1, 1, 1]);
        assert_eq!((&value["source"], faults), (&json!("192.0.2.1"), 0));
        assert_eq!(value["group"], "239.1.1.1");
        let (value, _) = pmsi(&[0, 1, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 7, 10, 0, 0, 1]);
        assert_eq!(
            (&value["p2mp_id"], &value["tunnel_id"]),
            (&json!(9), &json!(7))
        );
        assert_eq!(value["extended_tunnel_id"], "10.0.0.1");
        let (value, _) = pmsi(&[0, 11, 0, 0, 0, 3, 1, 0, 10, 0, 0, 1]);
        assert_eq!(
            (&value["sub_domain"], &value["bfr_id"]),
            (&json!(3), &json!(256))
        );
    }

    #[test]
    fn an_identifier_of_another_type_is_malformed_and_an_unknown_type_is_kept() {
        let kinds = [
            (0, 1),
            (1, 7),
            (2, 0),
            (2, 9),
            (3, 12),
            (4, 9),
            (6, 5),
            (7, 8),
            (11, 2),
        ];
        for (kind, length) in kinds {
            let value = [&[0, kind, 0, 0, 0][..], &vec![1; length]].concat();
            assert_eq!(pmsi(&value).1, 1, "type {kind}");
        }
        let (value, faults) = pmsi(&[0, 99, 0, 0, 0, 1, 2]);
        assert_eq!((&value["identifier"], faults), (&json!("0102"), 1));
        assert!(Pmsi::parse(&[0; 4], &Context::assumed()).is_err());
    }

    /// RFC 6514 §5; IANA's registry as ExaBGP's and rustbgpd's tests have it.
    #[test]
    fn tunnel_types_that_are_defined() {
        let undefined: Vec<u8> = (0..=255).filter(|kind| !is_defined(*kind)).collect();
        let base = [&[9][..], &(14..=0x7a).collect::<Vec<u8>>()].concat();
        let composite = base.iter().map(|kind| kind | 0x80);
        let experimental_with_the_bit = (0xfbu8..).next();
        assert_eq!(experimental_with_the_bit, Some(0xfb));
        let expected: Vec<u8> = base
            .iter()
            .copied()
            .chain([0x7f])
            .chain(composite)
            .collect();
        assert_eq!(undefined, expected);
    }

    /// RFC 6388 §2.2: type, family, root, opaque value. RFC 8317 §5.2: a label in front.
    #[test]
    fn trees_of_mldp_and_tunnels_both_ways() {
        let fec = [6, 0, 1, 4, 10, 0, 0, 1, 0, 7, 1, 0, 4, 0, 0, 0, 9];
        let (value, faults) = pmsi(&[&[0, 2, 0, 0, 0][..], &fec].concat());
        assert_eq!(
            (&value["root"], &value["opaque"], faults),
            (&json!("10.0.0.1"), &json!("01000400000009"), 0)
        );
        for changed in [(2, 2), (3, 5), (9, 8), (9, 6)] {
            let mut fec = fec;
            fec[changed.0] = changed.1;
            assert_eq!(
                pmsi(&[&[0, 7, 0, 0, 0][..], &fec].concat()).1,
                1,
                "{changed:?}"
            );
        }
        let (value, faults) = pmsi(&[0, 0x84, 0, 0, 0, 0, 1, 0x41, 10, 0, 0, 1, 239, 1, 1, 1]);
        assert_eq!(
            (&value["tunnel_name"], &value["receive_label"], faults),
            (&json!("pim-sm"), &json!(20), 0)
        );
        assert_eq!(value["group"], "239.1.1.1");
        assert_eq!(pmsi(&[0, 0x80, 0, 0, 0, 0, 1]).1, 1, "no label");
    }

    #[test]
    fn labels_of_routers() {
        let value = [10, 10, 10, 1, 0, 0x4e, 0x38 << 1 | 1];
        let list = PeLabels::parse(&value, &Context::assumed()).expect("seven octets");
        let json = closed::to_value("attributes.pe_distinguisher_labels", list);
        assert_eq!(json[0]["pe"], "10.10.10.1");
        let v6 = PeLabels::parse(&[0x20; 38], &Context::assumed()).expect("two of 19");
        assert_eq!(v6.iter().count(), 2);
        assert!(PeLabels::parse(&[0; 8], &Context::assumed()).is_err());
        assert!(PeLabels::parse(&[], &Context::assumed()).is_err());
    }
}
