//! ExaBGP's own vectors, with the JSON that it expects.

use bgptap::bgp::{Context, Family, FamilySet, Message, NlriField, Update};
use serde_json::{Value, json};
use std::collections::BTreeMap;

use crate::ext_community::exabgp_json;
use crate::nlri::from_exabgp;
use crate::{Allowed, Differences, bytes, corpus, lines, strings, text};

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
        "ext" => json!(update.ext_communities().map(|c| exabgp_json(c.iter()))),
        "originator" => text(update.originator_id()),
        "cluster" => strings(update.cluster_list().map(|c| c.iter())),
        other => panic!("no such field: {other}"),
    }
}

/// ExaBGP's name for a family.
fn family_name(family: Family) -> String {
    let name = family.to_string().replace('/', " ");
    match name.as_str() {
        "ipv4 vpn" | "ipv6 vpn" => name.replace("vpn", "mpls-vpn"),
        _ => name,
    }
}

fn our_nlri(field: NlriField<'_>) -> Value {
    let items = field.iter();
    items
        .map(|nlri| serde_json::to_value(nlri).expect("serializable"))
        .collect()
}

/// `{"ipv4 unicast": {"next hop": [NLRI, ..]}}`.
fn our_announcements(update: &Update<'_>) -> Value {
    let mut routes = json!({});
    let mp = update.mp_reach();
    let mp = mp.map(|mp| (text(mp.next_hops.iter().next()), mp.nlri));
    let plain = (text(update.next_hop()), update.announced());
    for (next_hop, field) in [plain].into_iter().chain(mp) {
        if !field.is_empty() && COMPARED.contains(&family_name(field.family()).as_str()) {
            let next_hop = next_hop.as_str().unwrap_or("null");
            routes[family_name(field.family())][next_hop] = our_nlri(field);
        }
    }
    routes
}

fn our_withdrawals(update: &Update<'_>) -> Value {
    let mut routes = json!({});
    for field in update.all_withdrawn() {
        if COMPARED.contains(&family_name(field.family()).as_str()) {
            routes[family_name(field.family())] = our_nlri(field);
        }
    }
    routes
}

/// The families of [`from_exabgp`].
const COMPARED: [&str; 13] = [
    "ipv4 unicast",
    "ipv4 multicast",
    "ipv6 unicast",
    "ipv6 multicast",
    "ipv4 mpls-vpn",
    "ipv6 mpls-vpn",
    "ipv4 mcast-vpn",
    "ipv6 mcast-vpn",
    "ipv4 mup",
    "ipv6 mup",
    "ipv4 sr-policy",
    "ipv6 sr-policy",
    "l2vpn vpls",
];

fn their_nlri(family: &str, items: &Value) -> Value {
    let items = items.as_array().expect("a list").iter();
    items
        .map(|item| from_exabgp(family, item).expect("compared"))
        .collect()
}

fn their_announcements(announce: &Value, counts: &mut BTreeMap<String, usize>) -> Value {
    let mut routes = json!({});
    for (family, hops) in announce.as_object().into_iter().flatten() {
        if !COMPARED.contains(&family.as_str()) {
            continue;
        }
        for (next_hop, items) in hops.as_object().unwrap() {
            let items = their_nlri(family, items);
            *counts.entry(family.clone()).or_default() += items.as_array().map_or(0, Vec::len);
            routes[family][next_hop] = items;
        }
    }
    routes
}

fn their_withdrawals(withdraw: &Value) -> Value {
    let mut routes = json!({});
    for (family, items) in withdraw.as_object().into_iter().flatten() {
        if COMPARED.contains(&family.as_str()) {
            routes[family] = their_nlri(family, items);
        }
    }
    routes
}

pub(crate) const ALLOWED_EXABGP: &[Allowed] = &[Allowed {
    file: "qa/encoding/conf-srv6-mup.ci",
    messages: &[158..=158],
    fields: &["announced"],
    why: "draft-ietf-bess-mup-safi §3.1.4: of a tunnel endpoint identifier of less than 32 bits \
          the upper ones are sent, as the tests of FRR and GoBMP have them; ExaBGP sends the lower ones",
}];

#[test]
fn exabgp_vectors_read_as_exabgp_reads_them() {
    let Some(corpus) = corpus() else { return };
    let mut differences = Differences::new(ALLOWED_EXABGP);
    let mut counts = BTreeMap::new();
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
        let theirs = their_announcements(&expected["announce"], &mut counts);
        let ours = our_announcements(&update);
        differences.compare(file, number, "announced", &ours, &theirs);
        let theirs = their_withdrawals(&expected["withdraw"]);
        let ours = our_withdrawals(&update);
        differences.compare(file, number, "withdrawn", &ours, &theirs);
    }
    for family in COMPARED {
        let compared = counts.get(family).copied().unwrap_or_default();
        let none = ["ipv4 multicast", "ipv6 multicast", "ipv6 sr-policy"].contains(&family);
        assert_eq!(compared == 0, none, "{family}: {compared}");
    }
    assert!(
        differences.compared["origin"] > 100,
        "the vectors are there"
    );
    differences.finish();
}
