//! Extended communities as people write them: the forms of FRR where it has one.

use core::fmt::{self, Display};

use super::{ExtCommunity, ExtValue};
use crate::bgp::text::Hex;

pub(super) fn write(f: &mut fmt::Formatter<'_>, community: ExtCommunity) -> fmt::Result {
    let Some(name) = community.name() else {
        return Hex(&community.0).fmt(f);
    };
    match community.value() {
        ExtValue::Specific { admin, local } => {
            let label = match name {
                "route-target" => "RT",
                "route-origin" => "SoO",
                other => other,
            };
            write!(f, "{label}:{admin}:{local}")
        }
        ExtValue::LinkBandwidth { asn, bits } => write!(f, "LB:{asn}:{}", f32::from_bits(bits)),
        ExtValue::OspfRouteType {
            area,
            route_type,
            options,
        } => write!(f, "OSPF-RT:{area}:{route_type}:{options}"),
        ExtValue::ValidationState(state) => match state {
            0 => f.write_str("OVS:valid"),
            1 => f.write_str("OVS:not-found"),
            2 => f.write_str("OVS:invalid"),
            other => write!(f, "OVS:{other}"),
        },
        ExtValue::Cost { point, id, cost } => write!(f, "Cost:{point}:{id}:{cost}"),
        // The two bits are the CO flags of RFC 9256.
        ExtValue::Color { flags, color } => {
            write!(f, "Color:{:02b}:{color}", flags >> 14)
        }
        ExtValue::Encapsulation(tunnel) => write!(f, "ET:{tunnel}"),
        ExtValue::DefaultGateway => f.write_str("Default Gateway"),
        ExtValue::Layer2Info {
            encapsulation,
            flags,
            mtu,
            preference,
        } => write!(f, "L2:{encapsulation}:{flags:#x}:{mtu}:{preference}"),
        ExtValue::MupSegment { high, low } => write!(f, "MUP:{high}:{low}"),
        ExtValue::Flow(action) => action.fmt(f),
        ExtValue::Unknown => Hex(&community.0).fmt(f),
        evpn => write_evpn(f, evpn),
    }
}

fn write_evpn(f: &mut fmt::Formatter<'_>, value: ExtValue) -> fmt::Result {
    match value {
        ExtValue::MacMobility { sticky, sequence } => {
            write!(f, "MM:{sequence}")?;
            f.write_str(if sticky { ", sticky MAC" } else { "" })
        }
        ExtValue::EsiLabel {
            single_active,
            label,
        } => {
            let mode = if single_active { "SA" } else { "AA" };
            write!(f, "ESI-label-Rt:{mode}:{}", label.value())
        }
        ExtValue::EsImport(mac) => write!(f, "ES-Import-Rt:{mac}"),
        ExtValue::RouterMac(mac) => write!(f, "Rmac:{mac}"),
        ExtValue::EvpnLayer2 { flags, mtu } => write!(f, "EVPN-L2:{flags:#06x}:{mtu}"),
        ExtValue::ETree { leaf, label } => {
            let role = if leaf { "leaf" } else { "root" };
            write!(f, "E-Tree:{role}:{}", label.value())
        }
        ExtValue::DfElection {
            algorithm,
            bitmap,
            preference,
        } => write!(
            f,
            "DF: (alg: {algorithm}, bmap: {bitmap:#x} pref: {preference})"
        ),
        ExtValue::MulticastFlags(flags) => write!(f, "Multicast-Flags:{flags:#06x}"),
        _ => Ok(()),
    }
}
