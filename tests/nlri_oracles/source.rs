//! Random NLRI as a sender has them: what they say, and the octets that say it.
//!
//! The octets are put together here from the figures of the RFCs, with no code of the decoder.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use bgptap::bgp::Family;
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::{evpn, flowspec, multicast, services};

/// One NLRI: its octets without path identifier, and its fields as the JSON of an event has them.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    pub(crate) octets: Vec<u8>,
    pub(crate) json: Value,
}

/// What a sender has agreed on, and in which direction the routes go.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mode {
    pub(crate) family: Family,
    pub(crate) multiple_labels: bool,
    pub(crate) withdrawn: bool,
}

/// Every family with NLRI that this test can send.
pub(crate) const FAMILIES: [Family; 25] = [
    Family::IPV4_UNICAST,
    Family::IPV6_UNICAST,
    Family::IPV4_MULTICAST,
    Family::IPV6_MULTICAST,
    Family::IPV4_LABELED,
    Family::IPV6_LABELED,
    Family::IPV4_VPN,
    Family::IPV6_VPN,
    Family::IPV4_VPN_MULTICAST,
    Family::IPV6_VPN_MULTICAST,
    Family::EVPN,
    Family::ROUTE_TARGET,
    Family::VPLS,
    Family::IPV4_MVPN,
    Family::IPV6_MVPN,
    Family::MDT,
    Family::IPV4_MUP,
    Family::IPV6_MUP,
    Family::IPV4_SR_POLICY,
    Family::IPV6_SR_POLICY,
    Family::SFC,
    Family::IPV4_FLOWSPEC,
    Family::IPV6_FLOWSPEC,
    Family::IPV4_FLOWSPEC_VPN,
    Family::IPV6_FLOWSPEC_VPN,
];

pub(crate) fn nlri(mode: Mode) -> BoxedStrategy<Source> {
    let v6 = mode.family.afi.0 == 2;
    match mode.family.safi.0 {
        1 | 2 => plain(v6),
        4 => labeled(v6, mode),
        128 => vpn(v6, mode),
        129 => upstream_hop(v6),
        70 => evpn::route(),
        5 => multicast::mvpn(v6),
        66 => multicast::mdt(),
        85 => services::mup(v6),
        73 => services::sr_policy(v6),
        9 => services::sfc(),
        65 => services::vpls(),
        132 => services::route_target(),
        133 => flowspec::flowspec(v6, false),
        134 => flowspec::flowspec(v6, true),
        other => panic!("no sender for SAFI {other}"),
    }
}

pub(crate) fn addr(v6: bool) -> BoxedStrategy<IpAddr> {
    if v6 {
        any::<[u8; 16]>()
            .prop_map(|o| Ipv6Addr::from(o).into())
            .boxed()
    } else {
        any::<[u8; 4]>()
            .prop_map(|o| Ipv4Addr::from(o).into())
            .boxed()
    }
}

pub(crate) fn any_addr() -> impl Strategy<Value = IpAddr> {
    any::<bool>().prop_flat_map(addr)
}

pub(crate) fn octets(addr: IpAddr) -> Vec<u8> {
    match addr {
        IpAddr::V4(addr) => addr.octets().to_vec(),
        IpAddr::V6(addr) => addr.octets().to_vec(),
    }
}

/// An address behind its length in bits.
pub(crate) fn with_bits(addr: IpAddr) -> Vec<u8> {
    let octets = octets(addr);
    let bits = u8::try_from(8 * octets.len()).expect("at most 128");
    [vec![bits], octets].concat()
}

/// An address behind its length, or nothing behind a length of zero.
pub(crate) fn maybe_with_bits(addr: Option<IpAddr>) -> Vec<u8> {
    addr.map_or(vec![0], with_bits)
}

/// A network, its bits behind the length zero.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Network {
    pub(crate) addr: IpAddr,
    pub(crate) len: u8,
}

impl Network {
    pub(crate) fn text(self) -> Value {
        format!("{}/{}", self.addr, self.len).into()
    }

    /// The octets that the length covers.
    pub(crate) fn covered(self) -> Vec<u8> {
        let mut octets = octets(self.addr);
        octets.truncate(usize::from(self.len).div_ceil(8));
        octets
    }
}

pub(crate) fn network(v6: bool) -> impl Strategy<Value = Network> {
    let width: u8 = if v6 { 128 } else { 32 };
    (addr(v6), 0..=width).prop_map(move |(addr, len)| {
        let keep = |width: u32, bits: u128| match width - u32::from(len) {
            128 => 0,
            host => bits >> host << host,
        };
        let addr = match addr {
            IpAddr::V4(addr) => {
                let bits = keep(32, addr.to_bits().into());
                Ipv4Addr::from_bits(u32::try_from(bits).expect("32 bits")).into()
            }
            IpAddr::V6(addr) => Ipv6Addr::from_bits(keep(128, addr.to_bits())).into(),
        };
        Network { addr, len }
    })
}

fn plain(v6: bool) -> BoxedStrategy<Source> {
    let source = |network: Network| Source {
        octets: [vec![network.len], network.covered()].concat(),
        json: network.text(),
    };
    network(v6).prop_map(source).boxed()
}

/// A route distinguisher and its text (RFC 4364 §4.2).
pub(crate) fn rd() -> impl Strategy<Value = ([u8; 8], String)> {
    (0..3u8, any::<[u8; 6]>()).prop_map(|(kind, value)| {
        let [a, b, c, d, e, f] = value;
        let text = match kind {
            0 => format!(
                "{}:{}",
                u16::from_be_bytes([a, b]),
                u32::from_be_bytes([c, d, e, f])
            ),
            1 => format!(
                "{}:{}",
                Ipv4Addr::new(a, b, c, d),
                u16::from_be_bytes([e, f])
            ),
            _ => format!(
                "{}:{}",
                u32::from_be_bytes([a, b, c, d]),
                u16::from_be_bytes([e, f])
            ),
        };
        ([0, kind, a, b, c, d, e, f], text)
    })
}

/// Twenty bits, three that mean nothing, and the S bit (RFC 8277 §2.2).
fn label_field(value: u32, reserved: u8, bottom: bool) -> [u8; 3] {
    let [_, a, b, c] = (value << 4).to_be_bytes();
    [a, b, c | reserved << 1 | u8::from(bottom)]
}

/// Label fields and the values in them.
fn labels(mode: Mode, most: usize) -> BoxedStrategy<(Vec<u8>, Vec<u32>)> {
    if mode.withdrawn {
        // RFC 8277 §2.4, and what older implementations send.
        let fields = prop_oneof![Just(vec![0x80, 0, 0]), Just(vec![0, 0, 0])];
        return fields.prop_map(|field| (field, Vec::new())).boxed();
    }
    let most = if mode.multiple_labels { most } else { 1 };
    vec((0..1u32 << 20, 0..8u8), 1..=most)
        .prop_map(|stack| {
            let last = stack.len() - 1;
            let fields = stack.iter().enumerate();
            let octets = fields
                .flat_map(|(at, (value, reserved))| label_field(*value, *reserved, at == last));
            (octets.collect(), stack.iter().map(|(v, _)| *v).collect())
        })
        .boxed()
}

fn labeled(v6: bool, mode: Mode) -> BoxedStrategy<Source> {
    (labels(mode, 3), network(v6))
        .prop_map(|((fields, values), network)| {
            let mut json = json!({ "prefix": network.text() });
            if !values.is_empty() {
                json["labels"] = json!(values);
            }
            sized(network.len, [fields, network.covered()].concat(), json)
        })
        .boxed()
}

fn vpn(v6: bool, mode: Mode) -> BoxedStrategy<Source> {
    (labels(mode, 2), rd(), network(v6))
        .prop_map(|((fields, values), (rd, text), network)| {
            let mut json = json!({ "prefix": network.text(), "rd": text });
            if !values.is_empty() {
                json["labels"] = json!(values);
            }
            let octets = [fields, rd.to_vec(), network.covered()].concat();
            sized(network.len, octets, json)
        })
        .boxed()
}

/// RFC 6514 §10: no label.
fn upstream_hop(v6: bool) -> BoxedStrategy<Source> {
    (rd(), network(v6))
        .prop_map(|((rd, text), network)| {
            let json = json!({ "prefix": network.text(), "rd": text });
            sized(network.len, [rd.to_vec(), network.covered()].concat(), json)
        })
        .boxed()
}

/// Puts the length in bits in front: that of the prefix and all octets before it.
fn sized(prefix_len: u8, octets: Vec<u8>, json: Value) -> Source {
    let head = octets.len() - usize::from(prefix_len).div_ceil(8);
    let bits = u8::try_from(8 * head).expect("short") + prefix_len;
    Source {
        octets: [vec![bits], octets].concat(),
        json,
    }
}

/// Type and length of one octet each in front of a route.
pub(crate) fn typed(kind: u8, value: Vec<u8>, json: Value) -> Source {
    let length = u8::try_from(value.len()).expect("short");
    Source {
        octets: [vec![kind, length], value].concat(),
        json,
    }
}
