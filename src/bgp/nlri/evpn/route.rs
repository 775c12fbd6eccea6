//! The fields of each EVPN route type, and their JSON form.

use core::net::IpAddr;

use super::Evpn;
use crate::bgp::attribute::ExtCommunity;
use crate::bgp::error::{Disposition, Fault};
use crate::bgp::nlri::Prefix;
use crate::bgp::nlri::part::{
    Esi, HOST_BITS, Label, MacAddr, RouteDistinguisher, fault, hex, raw, show,
};
use crate::bgp::text::List;
use serde::Serialize;
use serde::ser::{SerializeStruct, Serializer};

/// A route of one of the types that IANA lists ("EVPN Route Types").
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "nlri_type", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum EvpnRoute<'a> {
    /// Type 1 (RFC 7432 §7.1).
    EthernetAutoDiscovery {
        /// Route distinguisher.
        rd: RouteDistinguisher,
        /// The segment.
        esi: Esi,
        /// VLAN or the like; all ones for the whole segment.
        ethernet_tag: u32,
        /// One label.
        #[serde(flatten)]
        labels: EvpnLabels<'a>,
    },
    /// Type 2 (RFC 7432 §7.2).
    MacIpAdvertisement {
        /// Route distinguisher.
        rd: RouteDistinguisher,
        /// The segment.
        esi: Esi,
        /// VLAN or the like.
        ethernet_tag: u32,
        /// The host.
        mac: MacAddr,
        /// Its address, if that is advertised.
        #[serde(skip_serializing_if = "Option::is_none")]
        ip: Option<IpAddr>,
        /// One label for bridging, perhaps another for routing (RFC 9135 §5.1).
        #[serde(flatten)]
        labels: EvpnLabels<'a>,
    },
    /// Type 3 (RFC 7432 §7.3).
    InclusiveMulticastEthernetTag {
        /// Route distinguisher.
        rd: RouteDistinguisher,
        /// VLAN or the like.
        ethernet_tag: u32,
        /// Who wants the traffic.
        originator: IpAddr,
    },
    /// Type 4 (RFC 7432 §7.4).
    EthernetSegment {
        /// Route distinguisher.
        rd: RouteDistinguisher,
        /// The segment.
        esi: Esi,
        /// Who is attached to it.
        originator: IpAddr,
    },
    /// Type 5 (RFC 9136 §3.1).
    IpPrefix {
        /// Route distinguisher.
        rd: RouteDistinguisher,
        /// Overlay index, if not zero.
        esi: Esi,
        /// VLAN or the like.
        ethernet_tag: u32,
        /// The prefix.
        #[serde(serialize_with = "show")]
        prefix: Prefix,
        /// Overlay index, if not zero.
        gateway: IpAddr,
        /// One label.
        #[serde(flatten)]
        labels: EvpnLabels<'a>,
        /// Bits behind the prefix were set.
        #[serde(skip)]
        host_bits: bool,
    },
    /// Type 6 (RFC 9251 §9.1).
    SelectiveMulticastEthernetTag {
        /// Route distinguisher.
        rd: RouteDistinguisher,
        /// Who wants which traffic.
        #[serde(flatten)]
        multicast: Multicast,
        /// IGMP or MLD versions, and include or exclude.
        flags: u8,
    },
    /// Type 7 (RFC 9251 §9.2).
    MulticastMembershipReportSynch {
        /// Route distinguisher.
        rd: RouteDistinguisher,
        /// The segment.
        esi: Esi,
        /// Who wants which traffic.
        #[serde(flatten)]
        multicast: Multicast,
        /// IGMP or MLD versions, and include or exclude.
        flags: u8,
    },
    /// Type 8 (RFC 9251 §9.3).
    MulticastLeaveSynch {
        /// Route distinguisher.
        rd: RouteDistinguisher,
        /// The segment.
        esi: Esi,
        /// Who no longer wants which traffic.
        #[serde(flatten)]
        multicast: Multicast,
        /// Maximum response time, in tenths of seconds (RFC 2236 §2.2).
        maximum_response_time: u8,
        /// IGMP or MLD versions, and include or exclude.
        flags: u8,
    },
    /// Type 9 (RFC 9572 §3.1).
    #[serde(rename = "per-region-i-pmsi-ad")]
    PerRegionIPmsiAd {
        /// Route distinguisher.
        rd: RouteDistinguisher,
        /// VLAN or the like.
        ethernet_tag: u32,
        /// The region, in the shape of an extended community.
        #[serde(serialize_with = "show")]
        region_id: ExtCommunity,
    },
    /// Type 10 (RFC 9572 §3.2).
    #[serde(rename = "s-pmsi-ad")]
    SPmsiAd {
        /// Route distinguisher.
        rd: RouteDistinguisher,
        /// Which traffic, and who says so.
        #[serde(flatten)]
        multicast: Multicast,
    },
    /// Type 11 (RFC 9572 §3.3).
    LeafAd {
        /// The route that this one answers.
        route_key: RouteKey<'a>,
        /// Who answers.
        originator: IpAddr,
    },
    /// A type that is not known.
    Unknown {
        /// Route type.
        #[serde(rename = "type")]
        kind: u8,
        /// What is specific to it, as sent.
        #[serde(rename = "raw", serialize_with = "hex")]
        value: &'a [u8],
    },
}

impl EvpnRoute<'_> {
    /// What RFC 9136 §3.2 has treated as withdrawn, and host bits of a prefix.
    pub(super) fn inspect(&self) -> Option<Fault> {
        let Self::IpPrefix {
            esi,
            gateway,
            host_bits,
            ..
        } = self
        else {
            return None;
        };
        if !esi.is_zero() && !gateway.is_unspecified() {
            let text = "IP prefix route with two overlay indices";
            return Some(fault(text).with(Disposition::TreatAsWithdraw));
        }
        host_bits.then_some(HOST_BITS)
    }

    /// An IP prefix whose segment, gateway and label are all zero, so that only a router's MAC
    /// can say where it leads (RFC 9136 §3.2).
    pub(in crate::bgp) fn leads_nowhere(&self) -> bool {
        matches!(
            self,
            Self::IpPrefix { esi, gateway, labels, .. } if esi.is_zero()
                && gateway.is_unspecified()
                && labels.iter().all(|label| label.bits() == 0)
        )
    }
}

/// Multicast traffic and the router that a route about it comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Multicast {
    /// VLAN or the like.
    pub ethernet_tag: u32,
    /// The source; none stands for any.
    pub source: Option<IpAddr>,
    /// The group; none stands for any.
    pub group: Option<IpAddr>,
    /// The router.
    pub originator: IpAddr,
}

/// Label fields of an EVPN route: an MPLS label in the upper 20 bits, or a VNI in all 24.
///
/// Which one it is, the route alone does not say: without an Encapsulation extended community
/// it is a label (RFC 8365 §5.1.3). The JSON form has both, `labels` and `vnis`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EvpnLabels<'a>(pub(super) &'a [[u8; 3]]);

impl<'a> EvpnLabels<'a> {
    /// The fields, in wire order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Label> + Clone + use<'a> {
        self.0.iter().map(|field| Label(*field))
    }
}

impl Serialize for EvpnLabels<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("EvpnLabels", 2)?;
        fields.serialize_field("labels", &List(|| self.iter().map(Label::value)))?;
        fields.serialize_field("vnis", &List(|| self.iter().map(Label::bits)))?;
        fields.end()
    }
}

/// The NLRI of the route that a Leaf A-D route answers, which is its key (RFC 9572 §3.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RouteKey<'a>(pub Evpn<'a>);

impl Serialize for RouteKey<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.kind {
            // No Leaf A-D route answers another: what claims so is shown as it came.
            11 => raw(serializer, "malformed", None, Some(11), self.0.value),
            _ => self.0.serialize(serializer),
        }
    }
}
