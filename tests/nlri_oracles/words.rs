//! NLRI as lists of words, from our JSON and from tshark's fields.

use std::net::IpAddr;

use bgptap::bgp::{Family, FamilySet};
use serde_json::Value;

use crate::source::FAMILIES;

/// The families that tshark 4.0 decodes. Of an SR policy for IPv6 it does not read the endpoint, nor what follows.
pub(crate) fn knows(family: Family) -> bool {
    let pair = (family.afi.0, family.safi.0);
    matches!(
        pair,
        (1 | 2, 1 | 2 | 4 | 5 | 128) | (1, 66 | 73 | 132) | (25, 65 | 70)
    )
}

pub(crate) fn families() -> FamilySet {
    FAMILIES
        .into_iter()
        .filter(|family| knows(*family))
        .collect()
}

/// tshark's fields, and what they are called here.
const FIELDS: [(&str, &str); 42] = [
    ("bgp.nlri_prefix", "prefix"),
    ("bgp.withdrawn_prefix", "prefix"),
    ("bgp.prefix_length", "bits"),
    ("bgp.label_stack", "labels"),
    ("bgp.rd", "rd"),
    ("bgp.mp_reach_nlri_ipv4_prefix", "prefix"),
    ("bgp.mp_reach_nlri_ipv6_prefix", "prefix"),
    ("bgp.mp_unreach_nlri_ipv4_prefix", "prefix"),
    ("bgp.mp_unreach_nlri_ipv6_prefix", "prefix"),
    ("bgp.evpn.nlri.rt", "type"),
    ("bgp.evpn.nlri.rd", "rd"),
    ("bgp.evpn.nlri.esi", "esi"),
    ("bgp.evpn.nlri.etag", "tag"),
    ("bgp.evpn.nlri.mac_addr", "mac"),
    ("bgp.evpn.nlri.ip.addr", "ip"),
    ("bgp.evpn.nlri.ipv6.addr", "ip"),
    ("bgp.evpn.nlri.prefix_len", "len"),
    ("bgp.evpn.nlri.ipv4.gtw_addr", "gateway"),
    ("bgp.evpn.nlri.ipv6.gtw_addr", "gateway"),
    ("bgp.evpn.nlri.mpls_ls1", "label"),
    ("bgp.evpn.nlri.mpls_ls2", "label"),
    ("bgp.update.path_attribute.mpls_label_value", "vni"),
    ("bgp.evpn.nlri.or_addr_ipv4", "originator"),
    ("bgp.evpn.nlri.or_addr_ipv6", "originator"),
    ("bgp.evpn.nlri.igmp_mc_flags", "flags"),
    ("bgp.mcast_vpn_nlri_route_type", "type"),
    ("bgp.mcast_vpn_nlri_rd", "rd"),
    ("bgp.mcast_vpn_nlri_source_as", "as"),
    ("bgp.mcast_vpn_nlri_source_addr_ipv4", "source"),
    ("bgp.mcast_vpn_nlri_source_addr_ipv6", "source"),
    ("bgp.mcast_vpn_nlri_group_addr_ipv4", "group"),
    ("bgp.mcast_vpn_nlri_group_addr_ipv6", "group"),
    ("bgp.mcast_vpn_nlri_origin_router_ipv4", "originator"),
    ("bgp.mcast_vpn_nlri_origin_router_ipv6", "originator"),
    ("bgp.mdt_safi_rd", "rd"),
    ("bgp.mdt_safi_ipv4_addr", "source"),
    ("bgp.mdt_safi_group_addr", "group"),
    ("bgp.vplsad.rd", "rd"),
    ("bgp.ad.pe_addr", "pe"),
    ("bgp.vplsbgp.ce_id", "site"),
    ("bgp.vplsbgp.labelblock.offset", "offset"),
    ("bgp.vplsbgp.labelblock.size", "size"),
];

/// The same, with numbers that tshark shows in a way of its own.
const NUMBERS: [(&str, &str); 5] = [
    ("bgp.sr_policy_nlri_distinguisher", "distinguisher"),
    ("bgp.sr_policy_nlri_policy_color", "color"),
    ("bgp.originating_as", "as"),
    ("bgp.community_prefix", "target"),
    ("bgp.sr_policy_nlri_endpoint_ipv4", "endpoint"),
];

/// What all words are about.
pub(crate) fn kinds() -> impl Iterator<Item = &'static str> {
    FIELDS.iter().chain(&NUMBERS).map(|(_, word)| *word)
}

/// The value of an attribute of a line of PDML.
fn attribute<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = line.split_once(&format!(" {name}=\""))?;
    rest.split_once('"').map(|(value, _)| value)
}

/// What tshark says of the NLRI in the multiprotocol attributes of a packet.
pub(crate) fn of_packet(pdml: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut inside = false;
    for line in pdml.lines() {
        let Some(name) = attribute(line, "name") else {
            continue;
        };
        match name {
            "bgp.update.path_attribute" | "bgp.update.path_attributes" => inside = false,
            "bgp.update.path_attribute.mp_reach_nlri"
            | "bgp.update.path_attribute.mp_unreach_nlri"
            | "bgp.update.withdrawn_routes"
            | "bgp.update.nlri" => inside = true,
            _ if inside => words.extend(of_field(name, line)),
            _ => {}
        }
    }
    words
}

/// The families of the multiprotocol attributes of a packet, as tshark says.
pub(crate) fn families_of(pdml: &str) -> impl Iterator<Item = Family> + use<'_> {
    let numbers = |end: &'static str| {
        let field = move |name: &str| name.contains("reach_nlri.") && name.ends_with(end);
        let lines = pdml
            .lines()
            .filter(move |line| attribute(line, "name").is_some_and(field));
        lines.filter_map(|line| attribute(line, "show")?.parse().ok())
    };
    let pairs = numbers(".afi").zip(numbers(".safi"));
    pairs.map(|(afi, safi): (u16, u16)| Family::new(afi, u8::try_from(safi).expect("an octet")))
}

fn of_field(name: &str, line: &str) -> Option<String> {
    let show = attribute(line, "show")?;
    let long = attribute(line, "showname").unwrap_or_default();
    if name.ends_with("path_id") {
        return Some(format!("id {show}"));
    }
    if let Some((_, word)) = NUMBERS.iter().find(|(field, _)| *field == name) {
        return number(word, show).map(|value| format!("{word} {value}"));
    }
    let (_, word) = FIELDS.iter().find(|(field, _)| *field == name)?;
    let value = match *word {
        "rd" => {
            let (_, text) = long.split_once(": ")?;
            let inner = text
                .split_once('(')
                .map(|(_, rest)| rest.trim_end_matches(')'));
            inner.unwrap_or(text).to_owned()
        }
        // VPN-IPv6 has one field only; where the route distinguisher is of type 2, or the field
        // is the second of two, it has not even that.
        "labels" if show.starts_with("Label Stack=%s") => return Some(UNSAID.into()),
        "labels" if long.starts_with("Label Stack=") => {
            let (stack, rest) = long["Label Stack=".len()..].split_once(" RD=")?;
            return Some(format!("labels {} RD={rest}", without_value(stack)));
        }
        "labels" => without_value(show).to_owned(),
        "flags" => u8::from_str_radix(show.strip_prefix("0x")?, 16)
            .ok()?
            .to_string(),
        _ => match show.parse::<IpAddr>() {
            Ok(addr) => addr.to_string(),
            Err(_) => show.to_owned(),
        },
    };
    Some(format!("{word} {value}"))
}

/// What stands in the label field of a withdrawal means nothing (RFC 8277 §2.4).
fn without_value(stack: &str) -> &str {
    match stack.contains("withdrawn") {
        true => "withdrawn",
        false => stack,
    }
}

fn number(word: &str, show: &str) -> Option<String> {
    match word {
        // Octets, which tshark does not take for a number.
        "distinguisher" | "color" => {
            let digits: String = show.split(':').collect();
            u32::from_str_radix(&digits, 16).ok().map(|n| n.to_string())
        }
        _ => Some(show.to_owned()),
    }
}

const UNSAID: &str = "unsaid";

/// Both lists without the words that tshark leaves unsaid.
pub(crate) fn without_unsaid(ours: &[String], theirs: &[String]) -> [Vec<String>; 2] {
    let unsaid = |at: usize| theirs.get(at).is_some_and(|word| word == UNSAID);
    [ours, theirs].map(|list| {
        let words = list.iter().enumerate();
        let said = words.filter(|(at, _)| !unsaid(*at));
        said.map(|(_, word)| word.clone()).collect()
    })
}

/// What our JSON says of an NLRI; `None` if tshark 4.0 does not know the type, or says nothing
/// of value about it.
pub(crate) fn of_json(family: Family, json: &Value) -> Option<Vec<String>> {
    let id = json["path_id"].as_u64().map(|id| format!("id {id}"));
    let words = match family.safi.0 {
        1 | 2 => of_plain(json),
        _ => of_route(json)?,
    };
    Some(id.into_iter().chain(words).collect())
}

fn of_plain(json: &Value) -> Vec<String> {
    let prefix = json.as_str().or(json["prefix"].as_str());
    let (addr, len) = prefix
        .and_then(|text| text.split_once('/'))
        .expect("a prefix");
    vec![format!("bits {len}"), format!("prefix {addr}")]
}

fn of_route(json: &Value) -> Option<Vec<String>> {
    let Some(name) = json["nlri_type"].as_str() else {
        return of_prefix(json);
    };
    let evpn = json.get("ethernet_tag").is_some();
    let layout: &[&str] = match name {
        "ethernet-auto-discovery" => &["type 1", "rd", "esi", "tag", "label"],
        "mac-ip-advertisement" => &["type 2", "rd", "esi", "tag", "mac", "ip", "label"],
        "inclusive-multicast-ethernet-tag" => &["type 3", "rd", "tag", "ip"],
        "ethernet-segment" => &["type 4", "rd", "esi", "ip"],
        "ip-prefix" => &["type 5", "rd", "esi", "tag", "len", "ip", "gateway", "vni"],
        "selective-multicast-ethernet-tag" => &[
            "type 6",
            "rd",
            "tag",
            "source",
            "group",
            "originator",
            "flags",
        ],
        "multicast-membership-report-synch" => &[
            "type 7",
            "rd",
            "esi",
            "tag",
            "source",
            "group",
            "originator",
            "flags",
        ],
        // tshark 4.0 reads the flags without the five octets that RFC 9251 §9.3 has before them.
        "multicast-leave-synch" => return None,
        "s-pmsi-ad" if evpn => &["type 10", "rd", "tag", "source", "group", "originator"],
        "intra-as-i-pmsi-ad" => &["type 1", "rd", "originator"],
        "inter-as-i-pmsi-ad" => &["type 2", "rd", "as"],
        "s-pmsi-ad" => &["type 3", "rd", "source", "group", "originator"],
        // tshark shows the route that is answered as octets.
        "leaf-ad" if json["route_key"].get("ethernet_tag").is_none() => &["type 4", "originator"],
        "source-active-ad" => &["type 5", "rd", "source", "group"],
        "shared-tree-join" => &["type 6", "rd", "as", "source", "group"],
        "source-tree-join" => &["type 7", "rd", "as", "source", "group"],
        "mdt" => &["rd", "source", "group"],
        // RFC 4761 §3.2.2 has one label base, in three octets; tshark reads on until an S bit is set.
        "vpls" => &["rd", "site", "offset", "size"],
        "bgp-ad" => &["rd", "pe"],
        "sr-policy" => &["distinguisher", "color", "endpoint"],
        "route-target" => return of_membership(json),
        _ => return None,
    };
    let mut words = Vec::new();
    for word in layout {
        words.extend(
            values(json, word)
                .into_iter()
                .map(|value| match word.contains(' ') {
                    true => (*word).to_owned(),
                    false => format!("{word} {value}"),
                }),
        );
    }
    Some(words)
}

fn text(value: &Value) -> Vec<String> {
    match value {
        Value::Null => Vec::new(),
        Value::String(text) => vec![text.clone()],
        Value::Array(list) => list.iter().flat_map(text).collect(),
        other => vec![other.to_string()],
    }
}

/// The values in our JSON for a word; a wildcard has none.
fn values(json: &Value, word: &str) -> Vec<String> {
    let prefix = || {
        json["prefix"]
            .as_str()
            .and_then(|prefix| prefix.split_once('/'))
    };
    let key = match word {
        "tag" => "ethernet_tag",
        "label" => "labels",
        "vni" => "vnis",
        "as" => "source_as",
        "site" => "ve_id",
        "offset" => "block_offset",
        "size" => "block_size",
        "pe" => "pe_addr",
        "ip" if json.get("originator").is_some() => "originator",
        "ip" | "len" if prefix().is_some() => {
            let (addr, len) = prefix().unwrap_or_default();
            return vec![(if word == "ip" { addr } else { len }).to_owned()];
        }
        "endpoint"
            if json["endpoint"]
                .as_str()
                .is_some_and(|addr| addr.contains(':')) =>
        {
            return Vec::new();
        }
        _ if word.starts_with("type ") => return vec![String::new()],
        same => same,
    };
    text(&json[key])
}

fn of_prefix(json: &Value) -> Option<Vec<String>> {
    let labels = text(&json["labels"]);
    let stack = match labels.is_empty() {
        true => "withdrawn".to_owned(),
        false => format!("{} (bottom)", labels.join(",")),
    };
    let whole = json["prefix"].as_str().expect("a prefix");
    let (addr, len) = whole.split_once('/').expect("a length");
    if len == "0" && json["rd"].is_null() {
        // tshark 4.0 stops at a default route with labels, which is a route (RFC 8277 §2.2).
        return None;
    }
    let mut bits: usize = len.parse().expect("a number");
    bits += 24 * labels.len().max(1);
    let words = match json["rd"].as_str() {
        Some(rd) if addr.contains(':') => vec![format!("labels {stack} RD={rd}, IPv6={whole}")],
        Some(rd) => vec![
            format!("bits {}", bits + 64),
            format!("labels {stack}"),
            format!("rd {rd}"),
            format!("prefix {addr}"),
        ],
        None => vec![
            format!("bits {bits}"),
            format!("labels {stack}"),
            format!("prefix {addr}"),
        ],
    };
    Some(words)
}

/// tshark says that a default route target is one, and looks for a whole route target behind each
/// other origin, whatever the length is (RFC 4684 §4).
fn of_membership(json: &Value) -> Option<Vec<String>> {
    if json["prefix_len"] == 0 {
        return Some(Vec::new());
    }
    let target = json["route_target"].as_str()?.strip_prefix("RT:")?;
    let origin = format!("as {}", json["origin_as"]);
    Some(vec![
        "bits 96".to_owned(),
        origin,
        format!("target {target}"),
    ])
}
