//! UPDATEs in BMP as NetGauze has read them: its own expectations of its captures.

use super::support::{Scratch, read};
use super::{CAPTURES, PORTS, captures};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;

/// What each side said, in order.
type Said = BTreeMap<String, Vec<Value>>;

fn expected(name: &str) -> Option<Said> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus/expect/netgauze");
    let name = name.strip_suffix(".pcap")?;
    let entries = std::fs::read_dir(folder).unwrap();
    let mut files = entries.map(|entry| entry.unwrap().path());
    let file = files.find(|file| {
        file.to_str()
            .unwrap()
            .ends_with(&format!("--{name}-bmp.json"))
    })?;
    let mut said = Said::new();
    for line in std::fs::read_to_string(file).unwrap().lines() {
        let message: Value = serde_json::from_str(line).unwrap();
        let monitoring = &message["V3"]["RouteMonitoring"];
        let peer = &monitoring["peer_header"];
        // RFC 9069: the Loc-RIB is nobody's message.
        if peer["peer_type"].get("LocRibInstancePeer").is_some() || !monitoring.is_object() {
            continue;
        }
        let kind = peer["peer_type"]
            .as_object()
            .unwrap()
            .values()
            .next()
            .unwrap();
        assert_eq!(
            kind["post_policy"], false,
            "there are no others in the corpus"
        );
        assert_eq!(kind["adj_rib_out"], false);
        let address = peer["address"].as_str().unwrap().to_owned();
        let update = &monitoring["update_message"]["Update"];
        said.entry(address).or_default().push(theirs(update));
    }
    Some(said)
}

/// Their UPDATE in the form that ours is brought to.
fn theirs(update: &Value) -> Value {
    let mut form = BTreeMap::new();
    let mut nlri: Vec<Value> = list(&update["nlri"]).map(their_prefix).collect();
    let mut withdrawn: Vec<Value> = list(&update["withdrawn_routes"])
        .map(their_prefix)
        .collect();
    for attribute in list(&update["path_attributes"]) {
        let Some((name, value)) = attribute["value"]
            .as_object()
            .and_then(|one| one.iter().next())
        else {
            continue;
        };
        let (name, value) = match name.as_str() {
            "Origin" => ("origin", value.as_str().unwrap().to_lowercase().into()),
            "AsPath" => {
                let segments = list(&value["As4PathSegments"]);
                let numbers = segments.flat_map(|segment| {
                    assert_eq!(segment["segment_type"], "AsSequence");
                    list(&segment["as_numbers"])
                });
                ("path", numbers.cloned().collect())
            }
            "NextHop" => ("next_hop", value["next_hop"].clone()),
            "MultiExitDiscriminator" => ("med", value["metric"].clone()),
            "LocalPreference" => ("local_pref", value["metric"].clone()),
            "Communities" => {
                let split = |one: &Value| {
                    let one = one.as_u64().unwrap();
                    json!([one >> 16, one & 0xffff])
                };
                (
                    "community",
                    list(&value["communities"]).map(split).collect(),
                )
            }
            "ExtendedCommunities" => ("extended", list(&value["communities"]).count().into()),
            "MpReach" => {
                let family = value.as_object().unwrap().values().next().unwrap();
                nlri.extend(list(&family["nlri"]).map(their_prefix));
                ("next_hop", their_next_hop(family).into())
            }
            "MpUnreach" => {
                let family = value.as_object().unwrap().values().next().unwrap();
                withdrawn.extend(list(&family["nlri"]).map(without_labels));
                continue;
            }
            _ => continue,
        };
        form.insert(name.to_owned(), value);
    }
    form.insert("nlri".into(), nlri.into());
    form.insert("withdrawn".into(), withdrawn.into());
    json!(form)
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn their_next_hop(family: &Value) -> String {
    let mut place = family;
    if let Some(global) = place["next_hop_global"].as_str() {
        let local = place["next_hop_local"].as_str();
        return local.map_or(global.to_owned(), |local| format!("{global},{local}"));
    }
    while let Some(inner) = place
        .get("next_hop")
        .or_else(|| place.get("Ipv4"))
        .or_else(|| place.get("Ipv6"))
    {
        place = inner;
    }
    place.as_str().unwrap().to_owned()
}

/// Prefix, route distinguisher and labels; of EVPN only that there is a route.
fn their_prefix(one: &Value) -> Value {
    let Some(prefix) = one.get("network").or_else(|| one.get("prefix")) else {
        assert!(one["route"].is_object(), "{one}");
        return "evpn".into();
    };
    assert!(
        one["path_id"].is_null(),
        "no OPEN of the corpus has ADD-PATH"
    );
    let labels = one.get("label_stack").or_else(|| one.get("labels"));
    let octet = |label: &Value, at: usize| label[at].as_u64().unwrap();
    let labels = labels.map(|labels| -> Vec<u64> {
        // RFC 3032 §2.1: twenty bits.
        let value = |l: &Value| (octet(l, 0) << 16 | octet(l, 1) << 8 | octet(l, 2)) >> 4;
        list(labels).map(value).collect()
    });
    let rd = one.get("rd").map(|rd| {
        let fields = rd.as_object().unwrap().values().next().unwrap();
        let of = ["asn2", "asn4", "ip"]
            .iter()
            .find_map(|name| fields.get(name))
            .unwrap();
        let of = of.as_str().map_or_else(|| of.to_string(), str::to_owned);
        format!("{of}:{}", fields["number"])
    });
    json!([prefix, rd, labels])
}

/// Of what is withdrawn the label says nothing (RFC 8277 §2.4).
fn without_labels(one: &Value) -> Value {
    let mut prefix = their_prefix(one);
    prefix[2] = Value::Null;
    prefix
}

fn ours(event: &Value) -> Value {
    let mut form = BTreeMap::new();
    for name in [
        "origin",
        "path",
        "next_hop",
        "med",
        "local_pref",
        "community",
    ] {
        if let Some(value) = event.get(name) {
            form.insert(name.to_owned(), value.clone());
        }
    }
    if let Some(communities) = event.get("ext_community") {
        let count = list(communities).count();
        form.insert("extended".into(), count.into());
    }
    if let Some(hop) = event["announcements"][0].get("next_hop") {
        form.insert("next_hop".into(), hop.clone());
    }
    let prefixes = |field: &str| -> Value {
        let prefixes = list(&event[field]).flat_map(|part| list(&part["prefixes"]));
        let prefix = |one: &Value| match one.get("prefix") {
            Some(prefix) => json!([prefix, one.get("rd"), one.get("labels")]),
            None if one.is_string() => json!([one, null, null]),
            None => {
                assert!(one["nlri_type"].is_string(), "{one}");
                "evpn".into()
            }
        };
        prefixes.map(prefix).collect()
    };
    form.insert("nlri".into(), prefixes("announcements"));
    form.insert("withdrawn".into(), prefixes("withdrawals"));
    json!(form)
}

#[test]
fn updates_are_what_netgauze_reads() {
    let scratch = Scratch::new("bmp-netgauze");
    let Some(files) = captures(&scratch) else {
        return;
    };
    let mut compared = 0;
    for (file, (name, ..)) in files.iter().zip(CAPTURES) {
        // Of one capture there is no expectation.
        let Some(expected) = expected(name) else {
            assert_eq!(name, "data--bmp.pcapng");
            continue;
        };
        let mut said = Said::new();
        for event in read::read(file, &PORTS).events {
            if event["type"] == "UPDATE" {
                let peer = event["peer"].as_str().unwrap().to_owned();
                said.entry(peer).or_default().push(ours(&event));
            }
        }
        assert_eq!(
            said.keys().collect::<Vec<_>>(),
            expected.keys().collect::<Vec<_>>(),
            "{name}"
        );
        for (peer, expected) in expected {
            let said = &said[&peer];
            assert_eq!(said.len(), expected.len(), "{name}: {peer}");
            for (number, (said, expected)) in said.iter().zip(&expected).enumerate() {
                assert_eq!(said, expected, "{name}: {peer}, UPDATE {number}");
                compared += 1;
            }
        }
    }
    assert_eq!(compared, 66 + 251 + 143);
}
