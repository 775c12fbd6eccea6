//! VPLS (RFC 4761 §3.2.2, RFC 6074 §3.2.2.1), route target membership (RFC 4684 §4), SR policies
//! (RFC 9830 §2.1), service function chains (RFC 9015 §3) and the mobile user plane
//! (draft-ietf-bess-mup-safi §3.1).

use proptest::option;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::source::{Source, addr, maybe_with_bits, network, octets, rd, with_bits};

pub(crate) fn vpls() -> BoxedStrategy<Source> {
    let block = (any::<[u16; 3]>(), 0..1u32 << 20, 0..16u8);
    let block = (rd(), block).prop_map(|((rd, text), (numbers, base, rest))| {
        let [_, a, b, c] = (base << 4).to_be_bytes();
        let [site, offset, size] = numbers;
        let numbers = numbers.map(u16::to_be_bytes).concat();
        Source {
            octets: [&[0, 17], &rd[..], &numbers, &[a, b, c | rest]].concat(),
            json: json!({
                "nlri_type": "vpls",
                "rd": text,
                "ve_id": site,
                "block_offset": offset,
                "block_size": size,
                "label_base": base,
            }),
        }
    });
    let discovery = (rd(), addr(false)).prop_map(|((rd, text), pe)| Source {
        octets: [&[0, 12], &rd[..], &octets(pe)].concat(),
        json: json!({ "nlri_type": "bgp-ad", "rd": text, "pe_addr": pe.to_string() }),
    });
    prop_oneof![block, discovery].boxed()
}

pub(crate) fn route_target() -> BoxedStrategy<Source> {
    let membership = |(asn, target_as, number, len): (u32, u16, u32, u8)| {
        let target = [&[0, 2][..], &target_as.to_be_bytes(), &number.to_be_bytes()];
        let mut octets = [&asn.to_be_bytes()[..], &target.concat()].concat();
        octets.truncate(usize::from(len) / 8);
        let mut json = json!({ "nlri_type": "route-target" });
        if len > 0 {
            json["origin_as"] = asn.into();
        }
        match len {
            96 => json["route_target"] = format!("RT:{target_as}:{number}").into(),
            _ => json["prefix_len"] = len.into(),
        }
        if let (33..96, Some(rest)) = (len, octets.get(4..)) {
            let digits: String = rest.iter().map(|octet| format!("{octet:02x}")).collect();
            json["route_target_prefix"] = digits.into();
        }
        Source {
            octets: [vec![len], octets].concat(),
            json,
        }
    };
    let lengths = prop_oneof![Just(96u8), Just(0), Just(32), (5..12u8).prop_map(|n| 8 * n)];
    (any::<u32>(), any::<u16>(), any::<u32>(), lengths)
        .prop_map(membership)
        .boxed()
}

pub(crate) fn sr_policy(v6: bool) -> BoxedStrategy<Source> {
    (any::<u32>(), any::<u32>(), addr(v6))
        .prop_map(|(distinguisher, color, endpoint)| {
            let value = [
                &distinguisher.to_be_bytes()[..],
                &color.to_be_bytes(),
                &octets(endpoint),
            ]
            .concat();
            let bits = u8::try_from(8 * value.len()).expect("short");
            Source {
                octets: [vec![bits], value].concat(),
                json: json!({
                    "nlri_type": "sr-policy",
                    "distinguisher": distinguisher,
                    "color": color,
                    "endpoint": endpoint.to_string(),
                }),
            }
        })
        .boxed()
}

pub(crate) fn sfc() -> BoxedStrategy<Source> {
    let instance = (rd(), any::<u16>()).prop_map(|((rd, text), kind)| Source {
        octets: [&[0, 1, 0, 10], &rd[..], &kind.to_be_bytes()].concat(),
        json: json!({
            "nlri_type": "service-function-instance",
            "rd": text,
            "service_function_type": kind,
        }),
    });
    let path = (rd(), any::<[u8; 3]>()).prop_map(|((rd, text), [a, b, c])| Source {
        octets: [&[0, 2, 0, 11], &rd[..], &[a, b, c]].concat(),
        json: json!({
            "nlri_type": "service-function-path",
            "rd": text,
            "service_path_id": u32::from_be_bytes([0, a, b, c]),
        }),
    });
    prop_oneof![instance, path].boxed()
}

pub(crate) fn mup(v6: bool) -> BoxedStrategy<Source> {
    prop_oneof![interwork(v6), direct(v6), type_1(v6), type_2(v6)].boxed()
}

/// Behind architecture 3GPP 5G, type and length.
fn mup_route(kind: u8, value: Vec<u8>, json: Value) -> Source {
    let length = u8::try_from(value.len()).expect("short");
    Source {
        octets: [vec![1, 0, kind, length], value].concat(),
        json,
    }
}

fn interwork(v6: bool) -> BoxedStrategy<Source> {
    (rd(), network(v6))
        .prop_map(|((rd, text), network)| {
            let json = json!({
                "nlri_type": "interwork-segment-discovery",
                "rd": text,
                "prefix": network.text(),
            });
            let value = [&rd[..], &[network.len], &network.covered()];
            mup_route(1, value.concat(), json)
        })
        .boxed()
}

fn direct(v6: bool) -> BoxedStrategy<Source> {
    (rd(), addr(v6))
        .prop_map(|((rd, text), address)| {
            let json = json!({
                "nlri_type": "direct-segment-discovery",
                "rd": text,
                "address": address.to_string(),
            });
            mup_route(2, [&rd[..], &octets(address)].concat(), json)
        })
        .boxed()
}

fn type_1(v6: bool) -> BoxedStrategy<Source> {
    let tunnel = (1..=u32::MAX, any::<u8>(), addr(v6), option::of(addr(v6)));
    (rd(), network(v6), tunnel)
        .prop_map(|((rd, text), network, (teid, qfi, endpoint, source))| {
            let mut json = json!({
                "nlri_type": "type-1-session-transformed",
                "rd": text,
                "prefix": network.text(),
                "teid": teid,
                "qfi": qfi,
                "endpoint": endpoint.to_string(),
            });
            if let Some(source) = source {
                json["source"] = source.to_string().into();
            }
            let value = [
                &rd[..],
                &[network.len],
                &network.covered(),
                &teid.to_be_bytes(),
                &[qfi],
                &with_bits(endpoint),
                &maybe_with_bits(source),
            ];
            mup_route(3, value.concat(), json)
        })
        .boxed()
}

/// The upper bits of an identifier that is not zero.
fn type_2(v6: bool) -> BoxedStrategy<Source> {
    (rd(), addr(v6), any::<u32>(), 0..=32u8)
        .prop_map(|((rd, text), endpoint, teid, len)| {
            let top = 1u32.rotate_right(1);
            let below = u32::MAX.checked_shr(len.into()).unwrap_or(0);
            let teid = (teid | top) & !below;
            let mut json = json!({
                "nlri_type": "type-2-session-transformed",
                "rd": text,
                "endpoint": endpoint.to_string(),
                "teid": teid,
            });
            if len != 32 {
                json["teid_len"] = len.into();
            }
            let address = octets(endpoint);
            let bits = u8::try_from(8 * address.len()).expect("at most 128") + len;
            let teid = teid.to_be_bytes();
            let sent = &teid[..usize::from(len).div_ceil(8)];
            let value = [&rd[..], &[bits], &address, sent];
            mup_route(4, value.concat(), json)
        })
        .boxed()
}
