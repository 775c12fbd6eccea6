//! Extended communities as other tools write them, from what we read.

use std::net::Ipv4Addr;

use bgptap::bgp::attribute::ExtCommunity;
use bgptap::bgp::attribute::ext_community::{Administrator, ExtValue, FlowAction};
use serde_json::{Value, json};

/// The list as it is in ExaBGP's JSON.
pub(crate) fn exabgp_json(list: impl Iterator<Item = ExtCommunity>) -> Value {
    list.map(|community| {
        let mut item = json!({
            "value": community.to_bits(),
            "string": exabgp_text(community),
        });
        if let ExtValue::Flow(FlowAction::InterfaceSet { .. }) = community.value() {
            item["transitive"] = community.is_transitive().into();
        }
        item
    })
    .collect()
}

/// An extended community as ExaBGP writes it, from what we read.
fn exabgp_text(community: ExtCommunity) -> String {
    match community.value() {
        ExtValue::Specific { admin, local } => match (community.name(), admin) {
            (Some("route-target"), _) => format!("target:{admin}:{local}"),
            // The number of a route origin as an address, if it has four octets.
            (Some("route-origin"), Administrator::As(_)) if community.kind().0 == 0 => {
                format!("origin:{admin}:{}", Ipv4Addr::from_bits(local))
            }
            (Some("route-origin"), _) => format!("origin:{admin}:{local}"),
            other => format!("{other:?}"),
        },
        ExtValue::Layer2Info {
            encapsulation,
            flags,
            mtu,
            preference,
        } => format!("l2info:{encapsulation}:{flags}:{mtu}:{preference}"),
        ExtValue::MupSegment { high, low } => format!("mup:{high}:{low}"),
        ExtValue::Flow(FlowAction::Rate { bits, .. }) => {
            format!("rate-limit:{}", f32::from_bits(bits))
        }
        ExtValue::Flow(FlowAction::Redirect { admin, local }) => {
            format!("redirect:{admin}:{local}")
        }
        ExtValue::Flow(FlowAction::InterfaceSet {
            asn,
            input,
            output,
            group,
        }) => {
            let direction = match (input, output) {
                (true, true) => "input-output",
                (true, false) => "input",
                _ => "output",
            };
            format!("interface-set:{direction}:{asn}:{group}")
        }
        other => format!("{other:?}"),
    }
}

/// What tshark 4.0 calls the type of an extended community whose subtype it does not know.
const WITHOUT_SUBTYPES: [(u8, &str); 4] = [
    (0x07, "FlowSpec Transitive"),
    (0x47, "Unknown community"),
    (0x0c, "Unknown community"),
    (0x10, "Unknown community"),
];

/// An extended community as tshark writes it, from what we read.
pub(crate) fn tshark_text(community: ExtCommunity) -> String {
    let (high, low) = community.kind();
    let known = |(kind, _): &&(u8, _)| *kind == high;
    if let Some((_, name)) = WITHOUT_SUBTYPES.iter().find(known) {
        let [a, b, c] = [32, 16, 0].map(|shift| community.to_bits() >> shift & 0xffff);
        return format!(
            "Unknown type {high:#04x} subtype {low:#04x}: {a:#06x} {b:#06x} {c:#06x} [{name}]"
        );
    }
    let transitive = if community.is_transitive() {
        "Transitive"
    } else {
        "Non-Transitive"
    };
    let kind = match community.kind().0 & 0x3f | community.kind().0 & 0x80 {
        0 => format!("{transitive} 2-Octet AS-Specific"),
        1 => format!("{transitive} IPv4-Address-Specific"),
        2 => format!("{transitive} 4-Octet AS-Specific"),
        3 => format!("{transitive} Opaque"),
        _ => "Generic Transitive Experimental Use".to_owned(),
    };
    let yes = |flag| if flag { "Yes" } else { "No" };
    let text = match community.value() {
        ExtValue::Specific { admin, local } => match (community.name(), admin) {
            (Some("ospf-router-id"), admin) => format!("OSPF Router ID: {admin}"),
            (name, admin) => {
                let name = match name {
                    Some("route-target") => "Route Target".to_owned(),
                    Some("route-origin") => "Route Origin".to_owned(),
                    Some("source-as") => "Source AS".to_owned(),
                    Some("vrf-route-import") => "VRF Route Import".to_owned(),
                    Some(other) => other.to_owned(),
                    None => format!("Unknown subtype {low:#04x}"),
                };
                let admin = match admin {
                    Administrator::As(asn) if community.kind().0 & 0x3f == 2 => {
                        format!("{}.{}({asn})", asn >> 16, asn & 0xffff)
                    }
                    admin => admin.to_string(),
                };
                format!("{name}: {admin}:{local}")
            }
        },
        ExtValue::LinkBandwidth { asn, bits } => {
            let megabits = f32::from_bits(bits) * 8.0 / 1e6;
            format!("Link Bandwidth: ASN {asn}, {megabits:.3} Mbps")
        }
        ExtValue::Layer2Info { .. } => return format!("Layer2 Info: [{kind}]"),
        ExtValue::Encapsulation(8) => "Encapsulation: VXLAN Encapsulation".to_owned(),
        ExtValue::OspfRouteType {
            area, route_type, ..
        } => {
            let name = match route_type {
                1 => "Router",
                5 => "External",
                _ => "another",
            };
            format!("OSPF Route Type: Area: {area}, Type: {name}")
        }
        ExtValue::Flow(FlowAction::Rate { asn, bits, .. }) => {
            let megabits = f32::from_bits(bits) * 8.0 / 1e6;
            format!("Flow spec traffic-rate: ASN {asn}, {megabits:.3} Mbps")
        }
        ExtValue::Flow(FlowAction::Action {
            evaluate_next,
            sample,
        }) => format!(
            "Flow spec traffic-action: Sample: {}, Terminal: {}",
            yes(sample),
            yes(evaluate_next)
        ),
        ExtValue::Flow(FlowAction::Redirect { admin, local }) => {
            format!("Flow spec redirect AS 2 bytes: RT {admin}:{local}")
        }
        ExtValue::Flow(FlowAction::Marking(dscp)) => {
            let name = match dscp {
                24 => "Class Selector 3",
                _ => "Unknown DSCP",
            };
            format!("Flow spec traffic-remarking: {name}")
        }
        other => format!("{other:?}"),
    };
    format!("{text} [{kind}]")
}
