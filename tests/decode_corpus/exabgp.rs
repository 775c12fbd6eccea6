//! ExaBGP's own vectors, with the JSON that it expects.

use bgptap::bgp::attribute::ExtCommunity;
use bgptap::bgp::attribute::ext_community::{Administrator, ExtValue, FlowAction};
use bgptap::bgp::{Context, Family, FamilySet, Message, Update};
use serde_json::{Value, json};
use std::net::Ipv4Addr;

use crate::{Allowed, Differences, bytes, compared, corpus, lines, strings, text};

/// ExaBGP's names for what the truth calls otherwise.
const EXABGP_FIELDS: [(&str, &str); 11] = [
    ("as_path", "as-path"),
    ("origin", "origin"),
    ("med", "med"),
    ("local_pref", "local-preference"),
    ("atomic", "atomic-aggregate"),
    ("aggregator", "aggregator"),
    ("communities", "community"),
    ("large", "large-community"),
    ("ext", "extended-community"),
    ("originator", "originator-id"),
    ("cluster", "cluster-list"),
];

/// Our reading of an attribute in the shape of ExaBGP's JSON.
fn our_exabgp(update: &Update<'_>, field: &str) -> Value {
    match field {
        "as_path" => {
            // ExaBGP leaves an empty path out, and has no vector with other segments.
            let path = update.as_path().filter(|path| !path.is_empty());
            json!(path.map(|path| {
                let asns: Vec<u32> = path.segments().flat_map(|s| s.asns).collect();
                json!({ "0": { "element": "as-sequence", "value": asns } })
            }))
        }
        "origin" => text(update.origin().map(|o| o.name())),
        "med" => json!(update.med()),
        "local_pref" => json!(update.local_pref()),
        "atomic" => json!(update.atomic_aggregate().then_some(true)),
        "aggregator" => text(update.aggregator()),
        "communities" => json!(update.communities().map(|list| {
            let pairs = list.iter().map(|c| (c.asn(), c.value()));
            pairs.collect::<Vec<_>>()
        })),
        "large" => json!(update.large_communities().map(|list| {
            let triples = list.iter().map(|c| (c.global, c.local1, c.local2));
            triples.collect::<Vec<_>>()
        })),
        "ext" => json!(update.ext_communities().map(|list| {
            let items = list.iter().map(|community| {
                let mut item = json!({
                    "value": community.to_bits(),
                    "string": exabgp_text(community),
                });
                if let ExtValue::Flow(FlowAction::InterfaceSet { .. }) = community.value() {
                    item["transitive"] = community.is_transitive().into();
                }
                item
            });
            items.collect::<Vec<_>>()
        })),
        "originator" => text(update.originator_id()),
        "cluster" => strings(update.cluster_list().map(|c| c.iter())),
        other => panic!("no such field: {other}"),
    }
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

/// `{"ipv4 unicast": {"next hop": ["prefix", ..]}}`, a path identifier behind its prefix.
fn our_exabgp_routes(update: &Update<'_>) -> Value {
    let mut routes = json!({});
    let fields = [(text(update.next_hop()), update.announced())]
        .into_iter()
        .chain(
            update
                .mp_reach()
                .map(|mp| (text(mp.next_hops.iter().next()), mp.nlri)),
        );
    for (next_hop, field) in fields.filter(|(_, f)| compared(f.family()) && !f.is_empty()) {
        let family = field.family().to_string().replace('/', " ");
        let prefixes = field
            .prefixes()
            .map(|p| with_path_id(&p.to_string(), p.path_id));
        routes[family][next_hop.as_str().unwrap_or("null")] = prefixes.collect();
    }
    routes
}

fn with_path_id(prefix: &str, path_id: Option<u32>) -> Value {
    path_id.map_or(prefix.into(), |id| format!("{prefix} {id}").into())
}

fn their_exabgp_routes(announce: &Value) -> Value {
    let mut routes = json!({});
    let families = announce.as_object().into_iter().flatten();
    for (family, hops) in families.filter(|(name, _)| {
        [
            "ipv4 unicast",
            "ipv4 multicast",
            "ipv6 unicast",
            "ipv6 multicast",
        ]
        .contains(&name.as_str())
    }) {
        for (next_hop, items) in hops.as_object().unwrap() {
            let items = items.as_array().unwrap().iter();
            routes[family][next_hop] = items
                .map(|item| {
                    let id = item["path-information"].as_str();
                    let id = id.map(|id| u32::from(id.parse::<std::net::Ipv4Addr>().unwrap()));
                    with_path_id(item["nlri"].as_str().unwrap(), id)
                })
                .collect();
        }
    }
    routes
}

const ALLOWED_EXABGP: &[Allowed] = &[];

#[test]
fn exabgp_vectors_read_as_exabgp_reads_them() {
    let Some(corpus) = corpus() else { return };
    let mut differences = Differences::new(ALLOWED_EXABGP);
    let vectors = lines(&corpus.join("hex/split/A-exabgp-vectors.jsonl"));
    for (number, vector) in (1..).zip(&vectors) {
        let file = vector["path"].as_str().unwrap();
        let expected = &vector["expect"]["neighbor"]["message"]["update"];
        // Some vectors state no bytes, some no reading.
        let Some(raw) = vector["hex"].as_str().map(bytes) else {
            continue;
        };
        if expected.is_null() {
            continue;
        }
        let add_path = if expected.to_string().contains("path-information") {
            [Family::IPV4_UNICAST, Family::IPV6_UNICAST]
                .into_iter()
                .collect()
        } else {
            FamilySet::EMPTY
        };
        let context = Context {
            add_path,
            ..Context::assumed()
        };
        let Ok(Message::Update(update)) = Message::parse(&raw, &context) else {
            panic!("{file} {number} is no UPDATE");
        };
        for (field, name) in EXABGP_FIELDS {
            let theirs = &expected["attribute"][name];
            differences.compare(file, number, field, &our_exabgp(&update, field), theirs);
        }
        let theirs = their_exabgp_routes(&expected["announce"]);
        differences.compare(
            file,
            number,
            "announced",
            &our_exabgp_routes(&update),
            &theirs,
        );
    }
    assert!(
        differences.compared["origin"] > 100,
        "the vectors are there"
    );
    differences.finish();
}
