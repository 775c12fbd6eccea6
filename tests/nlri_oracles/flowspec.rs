//! Filters for traffic (RFC 8955 §4, RFC 8956 §3), in a VPN behind a route distinguisher (RFC 8955
//! §8). Bits that a receiver is to ignore are set at random.

use std::net::{IpAddr, Ipv6Addr};

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::subsequence;
use serde_json::{Value, json};

use crate::source::{Network, Source, network, rd};

/// Components by type, from 1 on, as ExaBGP calls them.
const NAMES: [&str; 12] = [
    "destination-ipv4",
    "source-ipv4",
    "protocol",
    "port",
    "destination-port",
    "source-port",
    "icmp-type",
    "icmp-code",
    "tcp-flags",
    "packet-length",
    "dscp",
    "fragment",
];

/// The same of IPv6.
const NAMES_V6: [&str; 13] = [
    "destination-ipv6",
    "source-ipv6",
    "next-header",
    "port",
    "destination-port",
    "source-port",
    "icmp-type",
    "icmp-code",
    "tcp-flags",
    "packet-length",
    "traffic-class",
    "fragment",
    "flow-label",
];

/// IANA's numbers of protocols, those that have a name here.
const PROTOCOLS: [(u64, &str); 13] = [
    (1, "icmp"),
    (2, "igmp"),
    (6, "tcp"),
    (8, "egp"),
    (17, "udp"),
    (46, "rsvp"),
    (47, "gre"),
    (50, "esp"),
    (51, "ah"),
    (89, "ospf"),
    (94, "ipip"),
    (103, "pim"),
    (132, "sctp"),
];

const TCP_FLAGS: &[&str] = &[
    "fin", "syn", "rst", "push", "ack", "urg", "ece", "cwr", "ns",
];
const FRAGMENTS: &[&str] = &[
    "dont-fragment",
    "is-fragment",
    "first-fragment",
    "last-fragment",
];

/// A component: what is sent behind the type, its fields behind type and name, and its text.
#[derive(Clone, Debug)]
struct Part {
    octets: Vec<u8>,
    json: Value,
    text: String,
}

pub(crate) fn flowspec(v6: bool, vpn: bool) -> BoxedStrategy<Source> {
    let names: &[&str] = if v6 { &NAMES_V6 } else { &NAMES };
    let kinds: Vec<_> = (1..).zip(names.iter().copied()).collect();
    let count = kinds.len();
    let parts = subsequence(kinds, 1..=count).prop_flat_map(move |kinds| {
        let part = |(kind, name): (u8, &'static str)| {
            component(kind, v6).prop_map(move |part| (kind, name, part))
        };
        kinds.into_iter().map(part).collect::<Vec<_>>()
    });
    (rd(), parts)
        .prop_map(move |((rd, rd_text), parts)| {
            let mut json = json!({ "nlri_type": "flowspec" });
            let mut value = Vec::new();
            if vpn {
                json["rd"] = rd_text.into();
                value.extend(rd);
            }
            let (mut texts, mut components) = (Vec::new(), Vec::new());
            for (kind, name, mut part) in parts {
                value.push(kind);
                value.extend(part.octets);
                part.json["type"] = kind.into();
                part.json["name"] = name.into();
                components.push(part.json);
                texts.push(format!("{name} {}", part.text));
            }
            json["text"] = texts.join(" ").into();
            json["components"] = components.into();
            // RFC 8955 §4.1.
            let length = u16::try_from(value.len()).expect("short");
            let octets = match u8::try_from(length) {
                Ok(length @ ..240) => [vec![length], value].concat(),
                _ => [(0xf000 | length).to_be_bytes().to_vec(), value].concat(),
            };
            Source { octets, json }
        })
        .boxed()
}

fn component(kind: u8, v6: bool) -> BoxedStrategy<Part> {
    match kind {
        1 | 2 if v6 => pattern(),
        1 | 2 => network(false).prop_map(prefix).boxed(),
        9 => bitmask(0..2, 0x0fff, TCP_FLAGS),
        // RFC 8956 §3.6: no "don't fragment".
        12 => bitmask(0..1, if v6 { 0x0e } else { 0x0f }, FRAGMENTS),
        11 => numeric(0..1, 0x3f, false),
        _ => numeric(0..4, u64::MAX, kind == 3),
    }
}

fn prefix(network: Network) -> Part {
    let text = format!("{}/{}", network.addr, network.len);
    Part {
        octets: [vec![network.len], network.covered()].concat(),
        json: json!({ "prefix": text }),
        text,
    }
}

/// RFC 8956 §3.1: the bits from the offset to the length, from the first octet on.
fn pattern() -> BoxedStrategy<Part> {
    (network(true), any::<u8>())
        .prop_map(|(network, offset)| {
            let len = network.len;
            let offset = offset.checked_rem(len).unwrap_or(0);
            let IpAddr::V6(addr) = network.addr else {
                unreachable!("a network of IPv6");
            };
            let mut sent = (addr.to_bits() << offset).to_be_bytes().to_vec();
            sent.truncate(usize::from(len - offset).div_ceil(8));
            let seen = Ipv6Addr::from_bits(addr.to_bits() & u128::MAX >> offset);
            Part {
                octets: [vec![len, offset], sent].concat(),
                json: json!({ "prefix": format!("{seen}/{len}"), "offset": offset }),
                text: format!("{seen}/{len}/{offset}"),
            }
        })
        .boxed()
}

/// An operator's four lower bits, whether it is joined to the one before, and its value in as many
/// octets as two to the power of `width`.
#[derive(Clone, Copy, Debug)]
struct Sent {
    bits: u8,
    and: bool,
    width: u8,
    value: u64,
}

fn sent(widths: std::ops::Range<u8>) -> impl Strategy<Value = Vec<Sent>> {
    let one = (0..16u8, any::<bool>(), widths, any::<u64>());
    let one = one.prop_map(|(bits, and, width, value)| Sent {
        bits,
        and,
        width,
        value: value >> (64 - 8 * (1 << width)),
    });
    vec(one, 1..4)
}

/// The component of operators whose fields and texts `show` says.
fn part(list: &[Sent], show: impl Fn(&Sent) -> (Value, String)) -> Part {
    let (mut octets, mut operations, mut text) = (Vec::new(), Vec::new(), String::new());
    for (at, sent) in list.iter().enumerate() {
        let last = u8::from(at + 1 == list.len()) << 7;
        octets.push(last | u8::from(sent.and) << 6 | sent.width << 4 | sent.bits);
        octets.extend(&sent.value.to_be_bytes()[8 - (1 << sent.width)..]);
        let (mut fields, shown) = show(sent);
        // RFC 8955 §4.2.1.1: the first is joined to nothing.
        let and = sent.and && at > 0;
        if and {
            fields["and"] = true.into();
        }
        let joint = if at == 0 {
            ""
        } else {
            [" ", "&"][usize::from(and)]
        };
        text += &[joint, &shown].concat();
        operations.push(fields);
    }
    if list.len() > 1 {
        text = format!("[ {text} ]");
    }
    let json = json!({ "operations": operations });
    Part { octets, json, text }
}

fn numeric(widths: std::ops::Range<u8>, counts: u64, protocol: bool) -> BoxedStrategy<Part> {
    const SYMBOLS: [&str; 8] = ["false", "=", ">", ">=", "<", "<=", "!=", "true"];
    sent(widths)
        .prop_map(move |list| {
            part(&list, |sent| {
                let symbol = SYMBOLS[usize::from(sent.bits & 7)];
                let value = sent.value & counts;
                let name = PROTOCOLS.iter().find(|(number, _)| *number == value);
                let number = match name {
                    _ if ["false", "true"].contains(&symbol) => String::new(),
                    Some((_, name)) if protocol => (*name).to_owned(),
                    _ => value.to_string(),
                };
                let fields = json!({ "op": symbol, "value": value });
                (fields, format!("{symbol}{number}"))
            })
        })
        .boxed()
}

fn bitmask(
    widths: std::ops::Range<u8>,
    counts: u64,
    names: &'static [&'static str],
) -> BoxedStrategy<Part> {
    sent(widths)
        .prop_map(move |list| {
            part(&list, |sent| {
                let value = sent.value & counts;
                let (all, not) = (sent.bits & 1 != 0, sent.bits & 2 != 0);
                let mut fields = json!({ "op": if all { "all" } else { "any" }, "value": value });
                if not {
                    fields["not"] = true.into();
                }
                let set =
                    |(at, name): (usize, &&str)| (value >> at & 1 == 1).then(|| (*name).to_owned());
                let mut words: Vec<_> = names.iter().enumerate().filter_map(set).collect();
                let nameless = value >> names.len() << names.len();
                if nameless != 0 || value == 0 {
                    words.push(format!("{nameless:#x}"));
                }
                let symbol = ["", "=", "!", "!="][usize::from(sent.bits & 3)];
                (fields, format!("{symbol}{}", words.join("+")))
            })
        })
        .boxed()
}
