//! Filters select what other programs select by filters of their own: tshark frames of the recording,
//! bgpkit-parser messages of public archives.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use bgpkit_parser::models::{BgpElem, MetaCommunity};
use bgpkit_parser::parser::mrt::mrt_record::parse_mrt_record;
use bgpkit_parser::{Elementor, Filter as Theirs, Filterable};
use bgptap::bgp::{Context, Message};
use bgptap::filter::{Event, Filter, What};
use bgptap::sink::json::Meta;
use flate2::read::GzDecoder;
use std::collections::BTreeSet;
use std::io::Read;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;
use std::process::Command;
use support::{have, recording};

/// The times of the frames, in nanoseconds, that tshark selects.
fn tshark(filter: &str) -> BTreeSet<String> {
    let output = Command::new("tshark")
        .args(["-r", recording().to_str().unwrap(), "-T", "fields"])
        .args(["-e", "frame.time_epoch", "-Y", filter])
        .output()
        .unwrap();
    assert!(output.status.success(), "{filter}: {output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| line.replace('.', "")).collect()
}

/// The times of the frames that completed the messages that we select.
fn ours(filter: &str) -> BTreeSet<String> {
    let output = Command::new(env!("CARGO_BIN_EXE_bgptap"))
        .args(["read", "--json", "-", "--filter", filter])
        .arg(recording())
        .output()
        .unwrap();
    assert!(output.status.success(), "{filter}: {output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    let events = text
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    events
        .map(|event| event["ts_ns"].as_str().unwrap().to_owned())
        .collect()
}

/// A display filter selects frames, so each pair asks for one thing: two could be in two messages of a frame.
#[test]
fn frames_are_selected_as_by_display_filters() {
    if !have("tshark") {
        return;
    }
    for (filter, display) in [
        ("type notification", "bgp.type == 3"),
        ("type update", "bgp.type == 2"),
        ("type open,route-refresh", "bgp.type in {1, 5}"),
        (
            "type keepalive and peer 192.0.2.1",
            "bgp.type == 4 && ip.src == 192.0.2.1",
        ),
        (
            "type keepalive and local 2001:db8:179::/64",
            "bgp.type == 4 && ipv6.dst == 2001:db8:179::/64",
        ),
        (
            "type keepalive and endpoint 192.0.2.3",
            "bgp.type == 4 && ip.addr == 192.0.2.3",
        ),
        (
            "community *:5443",
            "bgp.update.path_attribute.community_value == 5443",
        ),
        (
            "community 25902:*,45000-47000:*",
            "bgp.update.path_attribute.community_as in {25902, 45000..47000}",
        ),
        ("community 204488:*:*", "bgp.large_communities.ga == 204488"),
        ("community *:*:7859", "bgp.large_communities.ldp2 == 7859"),
        ("community rt:65005:*", "bgp.ext_com.stype_tr_as2 == 2"),
        ("community soo:*:8", "bgp.ext_com.stype_tr_as2 == 3"),
        ("community 0x*", "bgp.ext_communities"),
        (
            "as 65005",
            "bgp.update.path_attribute.as_path_segment.as4 == 65005 || bgp.update.path_attribute.as_path_segment.as2 == 65005",
        ),
        (
            "family ipv6/unicast and announces",
            "bgp.mp_reach_nlri_ipv6_prefix",
        ),
        (
            "next-hop 192.0.2.10",
            "bgp.update.path_attribute.next_hop == 192.0.2.10",
        ),
        (
            "next-hop 192.0.2.0/29",
            "bgp.update.path_attribute.next_hop == 192.0.2.0/29",
        ),
        (
            "prefix longer 117.0.0.0/8",
            "bgp.nlri_prefix == 117.0.0.0/8 || bgp.withdrawn_prefix == 117.0.0.0/8 || bgp.mp_reach_nlri_ipv4_prefix == 117.0.0.0/8 || bgp.mp_unreach_nlri_ipv4_prefix == 117.0.0.0/8",
        ),
        (
            "prefix longer 2001::/16",
            "bgp.mp_reach_nlri_ipv6_prefix == 2001::/16 || bgp.mp_unreach_nlri_ipv6_prefix == 2001::/16",
        ),
        ("prefix 0.0.0.0/0{26,26}", "bgp.prefix_length == 26"),
    ] {
        let (ours, theirs) = (ours(filter), tshark(display));
        let of_one = |a: &BTreeSet<String>, b: &BTreeSet<String>| {
            a.difference(b).take(3).cloned().collect::<Vec<_>>()
        };
        println!("{filter}: {} frames", ours.len());
        assert!(
            ours == theirs,
            "{filter}: only ours {:?}, only tshark's {:?}",
            of_one(&ours, &theirs),
            of_one(&theirs, &ours)
        );
        assert!(!ours.is_empty(), "{filter}: nothing to compare");
    }
}

/// A record of MRT's type BGP4MP (RFC 6396 §4.4): the whole, the peer, and the message.
struct Record {
    whole: Vec<u8>,
    peer: (IpAddr, u32),
    as4: bool,
    message: Vec<u8>,
    elems: Vec<BgpElem>,
}

fn archive(name: &str) -> Option<Vec<u8>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus/mrt");
    let Ok(packed) = std::fs::read(root.join(name)) else {
        support::skip::skip(&format!("no corpus with {name}"));
        return None;
    };
    let mut bytes = Vec::new();
    GzDecoder::new(&packed[..]).read_to_end(&mut bytes).unwrap();
    Some(bytes)
}

fn records(mut mrt: &[u8]) -> Vec<Record> {
    let u16_at = |b: &[u8], at: usize| u16::from_be_bytes([b[at], b[at + 1]]);
    let mut list = Vec::new();
    while mrt.len() >= 12 {
        let length = u32::from_be_bytes(mrt[8..12].try_into().unwrap()) as usize;
        let (whole, rest) = mrt.split_at(12 + length);
        mrt = rest;
        let (16, subtype @ (1 | 4)) = (u16_at(whole, 4), u16_at(whole, 6)) else {
            continue;
        };
        let (as4, body) = (subtype == 4, &whole[12..]);
        let width = if as4 { 4 } else { 2 };
        let asn = body[..width]
            .iter()
            .fold(0, |asn, b| asn << 8 | u32::from(*b));
        let (family, rest) = body[2 * width..].split_at(4);
        let (addr, message): (IpAddr, _) = match u16_at(family, 2) {
            1 => (
                Ipv4Addr::from(<[u8; 4]>::try_from(&rest[..4]).unwrap()).into(),
                &rest[8..],
            ),
            _ => (
                Ipv6Addr::from(<[u8; 16]>::try_from(&rest[..16]).unwrap()).into(),
                &rest[32..],
            ),
        };
        let Ok(record) = parse_mrt_record(&mut &whole[..]) else {
            continue;
        };
        let elems = Elementor::new().record_to_elems(record);
        if elems.is_empty() {
            // No UPDATE with routes: nothing that their filters could look at.
            continue;
        }
        list.push(Record {
            peer: (addr, asn),
            as4,
            message: message.to_vec(),
            elems,
            whole: whole.to_vec(),
        });
    }
    list
}

fn selects(filter: &mut Filter, record: &Record) -> bool {
    let meta = Meta {
        ts_ns: 0,
        ts_source: "file",
        peer: record.peer.0,
        peer_port: 179,
        peer_asn: Some(record.peer.1),
        local: Ipv4Addr::UNSPECIFIED.into(),
        local_port: 179,
        local_asn: None,
        session: 0,
        seq: 1,
        event_no: 1,
        host: "",
        searched: false,
    };
    let context = Context {
        as4: record.as4,
        ..Context::assumed()
    };
    let message = Message::parse(&record.message, &context).unwrap();
    let what = What::Message(&message, None);
    filter.selects(&Event { meta: &meta, what })
}

/// Our expression and bgpkit's filter for what an elem of an archive has.
fn pairs(elem: &BgpElem) -> Vec<(String, Theirs)> {
    let prefix = elem.prefix.prefix;
    let of = |kind: &str, value: String| Theirs::new(kind, &value).unwrap();
    let mut pairs = vec![
        (
            format!("peer {}", elem.peer_ip),
            of("peer_ip", elem.peer_ip.to_string()),
        ),
        (
            format!("peer-as {}", elem.peer_asn),
            of("peer_asn", elem.peer_asn.to_string()),
        ),
        ("announces".into(), of("type", "a".into())),
        ("withdraws".into(), of("type", "w".into())),
        (format!("prefix {prefix}"), of("prefix", prefix.to_string())),
        (
            format!("prefix longer {prefix}"),
            of("prefix_sub", prefix.to_string()),
        ),
        (
            format!("prefix covers {prefix}"),
            of("prefix_super", prefix.to_string()),
        ),
        (
            format!("prefix any {prefix}"),
            of("prefix_super_sub", prefix.to_string()),
        ),
    ];
    if let Some(supernet) = prefix.supernet() {
        pairs.push((
            format!("prefix longer {supernet}"),
            of("prefix_sub", supernet.to_string()),
        ));
    }
    for asn in elem.origin_asns.iter().flatten() {
        pairs.push((
            format!("origin-as {asn}"),
            of("origin_asn", asn.to_string()),
        ));
    }
    if let Some(path) = &elem.as_path {
        for regex in [
            format!("^{path}$").replace(['{', '}'], "."),
            format!(r"\b{}\b", elem.peer_asn),
            "( [0-9]+){4}$".into(),
        ] {
            pairs.push((format!("aspath '{regex}'"), of("as_path", regex)));
        }
    }
    if let Some(addr) = elem.next_hop {
        pairs.push((format!("next-hop {addr}"), of("next_hop", addr.to_string())));
    }
    for community in elem.communities.iter().flatten() {
        let text = community.to_string();
        // Well-known ones have names there that differ from IANA's.
        if matches!(community, MetaCommunity::Plain(_))
            && text.split(':').all(|part| part.parse::<u32>().is_ok())
        {
            pairs.push((
                format!("community {text}"),
                of("community", format!("^{text}$")),
            ));
            let asn = text.split(':').next().unwrap();
            pairs.push((
                format!("community {asn}:*"),
                of("community", format!("^{asn}:[0-9]+$")),
            ));
        }
    }
    pairs
}

/// bgpkit's filters select elems, one of each prefix: a message is selected if any of its elems is.
#[test]
fn messages_are_selected_as_by_bgpkit() {
    for name in [
        "bgpdump/updates.20071015.1505.gz",
        "bgpstream/ris.rrc06.updates.1427846400.gz",
    ] {
        let Some(mrt) = archive(name) else { return };
        let records = records(&mrt);
        let elems = records.iter().flat_map(|record| &record.elems);
        let (mut compared, mut selected, mut asked) = (0, 0, BTreeSet::new());
        for elem in elems.step_by(301) {
            for (expr, theirs) in pairs(elem) {
                if !asked.insert(expr.clone()) {
                    continue;
                }
                let mut filter = Filter::parse(&expr).unwrap();
                for record in &records {
                    let expected = record.elems.iter().any(|elem| elem.match_filter(&theirs));
                    let ours = selects(&mut filter, record);
                    assert_eq!(ours, expected, "{name}: {expr}: {:02x?}", record.whole);
                    compared += 1;
                    selected += usize::from(ours);
                }
            }
        }
        println!(
            "{name}: {} filters, {compared} comparisons, {selected} selected",
            asked.len()
        );
        assert!(
            asked.len() > 20 && selected > 0 && selected < compared,
            "{name}"
        );
    }
}
