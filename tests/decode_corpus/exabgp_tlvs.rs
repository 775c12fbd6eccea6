//! ExaBGP's reading of flow specifications and of what is made of TLVs, against ours in its shape.

use bgptap::bgp::{Context, Family, Form, Message, NlriField, Update};
use serde_json::{Map, Value, json};

use crate::{Differences, bytes, corpus, lines};

fn to_json(value: impl serde::Serialize) -> Value {
    serde_json::to_value(value).expect("serializable")
}

/// An attribute by its code, as its key has it in events.
fn attribute(update: &Update<'_>, code: u8) -> Value {
    let Some(attribute) = update.attribute(code) else {
        return Value::Null;
    };
    let mut out = Vec::new();
    let mut serializer = serde_json::Serializer::new(&mut out);
    let mut map = serde::Serializer::serialize_map(&mut serializer, None).expect("to memory");
    let view = attribute.view(update.context());
    assert!(
        view.serialize_entry(&mut map).expect("serializable"),
        "{code} has a key"
    );
    serde::ser::SerializeMap::end(map).expect("to memory");
    let object: Map<String, Value> = serde_json::from_slice(&out).expect("JSON");
    object.into_iter().next().expect("one entry").1
}

/// Texts of the filters that an UPDATE announces or withdraws.
fn our_flows(update: &Update<'_>) -> Value {
    let fields = update.all_announced().chain(update.all_withdrawn());
    let flows = fields.filter(|field| field.family() == Family::IPV4_FLOWSPEC);
    let items = flows.flat_map(|field| field.iter());
    items.map(|nlri| to_json(nlri)["text"].clone()).collect()
}

fn their_flows(update: &Value) -> Value {
    let announced = update["announce"]["ipv4 flow"]["no-nexthop"].as_array();
    let withdrawn = update["withdraw"]["ipv4 flow"].as_array();
    let items = announced.into_iter().chain(withdrawn).flatten();
    items
        .map(|item| {
            let text = item["string"].as_str().expect("text");
            Value::from(text.strip_prefix("flow ").expect("a filter"))
        })
        .collect()
}

fn list(json: &Value) -> impl Iterator<Item = &Value> {
    json.as_array().into_iter().flatten()
}

/// A node: `router-id` are the octets of the whole identifier, addresses excepted.
fn node(descriptors: &Value) -> Value {
    let one = |tlv: &Value| {
        let value = &tlv["value"];
        match tlv["type"].as_u64().expect("a type") {
            512 => json!({ "autonomous-system": value }),
            513 => json!({ "bgp-ls-identifier": value.to_string() }),
            514 => json!({ "ospf-area-id": value }),
            515 => {
                let text = value.as_str().expect("text");
                if let Some(psn) = tlv["psn"].as_u64() {
                    let id = format!("{}{psn:02x}", text.replace('.', ""));
                    return json!({ "router-id": id, "psn": psn.to_string() });
                }
                if text.len() == 14 && text.matches('.').count() == 2 {
                    return json!({ "router-id": text.replace('.', "") });
                }
                match tlv.get("designated_router") {
                    Some(dr) => json!({ "router-id": value, "designated-router-id": dr }),
                    None => json!({ "router-id": value }),
                }
            }
            other => panic!("not in the vectors: {other}"),
        }
    };
    list(descriptors).map(one).collect()
}

fn topology_nlri(ours: &Value, next_hop: Option<&str>) -> Value {
    let of = |kinds: &[u64]| {
        let wanted = |tlv: &&Value| kinds.contains(&tlv["type"].as_u64().expect("a type"));
        let found = list(&ours["descriptors"]).filter(wanted);
        found.map(|tlv| tlv["value"].clone()).collect::<Vec<_>>()
    };
    let mut theirs = json!({
        "l3-routing-topology": ours["identifier"], "protocol-id": ours["protocol_id"],
    });
    if ours["nlri_type"] == "node" {
        theirs["ls-nlri-type"] = "bgpls-node".into();
        theirs["node-descriptors"] = node(&ours["local_node"]);
        theirs["nexthop"] = next_hop.into();
        return theirs;
    }
    assert_eq!(ours["nlri_type"], "link", "the vectors have no other");
    theirs["ls-nlri-type"] = "bgpls-link".into();
    theirs["local-node-descriptors"] = node(&ours["local_node"]);
    theirs["remote-node-descriptors"] = node(&ours["remote_node"]);
    theirs["interface-addresses"] = of(&[259, 261]).into();
    theirs["neighbor-addresses"] = of(&[260, 262]).into();
    let topologies = of(&[263]);
    theirs["multi-topology-ids"] = topologies.iter().flat_map(list).cloned().collect();
    let ids = list(&ours["descriptors"]).filter(|tlv| tlv["type"] == 258);
    theirs["link-identifiers"] = ids
        .map(|tlv| json!({ "link-local-id": tlv["local"], "link-remote-id": tlv["remote"] }))
        .collect();
    theirs
}

/// Flags with one letter each, as ExaBGP has them.
fn flags(ours: &Value, names: &[(&str, &str)]) -> Value {
    let set = |name: &str| u8::from(list(ours).any(|flag| flag == name));
    let mut theirs: Map<_, _> = names
        .iter()
        .map(|(letter, name)| ((*letter).to_owned(), set(name).into()))
        .collect();
    theirs.insert("RSV".into(), 0.into());
    theirs.into()
}

fn end_x(tlv: &Value) -> Value {
    let names = [("B", "backup"), ("S", "set"), ("P", "persistent")];
    let part = &tlv["tlvs"][0];
    let mut theirs = json!({
        "flags": flags(&tlv["flags"], &names),
        "behavior": tlv["behavior"], "algorithm": tlv["algorithm"], "weight": tlv["weight"],
        "sid": tlv["sid"],
        "srv6-sid-structure": {
            "loc_block_len": part["locator_block"], "loc_node_len": part["locator_node"],
            "func_len": part["function"], "arg_len": part["argument"],
        },
    });
    if let Some(neighbor) = tlv["neighbor"].as_str() {
        theirs["neighbor-id"] = neighbor.replace('.', "").into();
    }
    theirs
}

/// The name of a TLV of the BGP-LS attribute and its value; `None` of a value that ExaBGP leaves
/// in hexadecimal.
fn topology_tlv(tlv: &Value) -> Option<(&'static str, Value)> {
    let anomalous = || tlv["anomalous"] == 1;
    let value = &tlv["value"];
    Some(match tlv["type"].as_u64().expect("a type") {
        258 => (
            "link-local-remote-identifiers",
            json!({ "local-id": tlv["local"], "remote-id": tlv["remote"] }),
        ),
        1024 => {
            let names = [
                ("O", "overload"),
                ("T", "attached"),
                ("E", "external"),
                ("B", "abr"),
                ("R", "router"),
                ("V", "v6"),
            ];
            ("node-flags", flags(value, &names))
        }
        1026 => ("node-name", value.clone()),
        1027 => {
            let number = u128::from_str_radix(value.as_str().expect("text"), 16);
            ("area-ids", json!([number.expect("short").to_string()]))
        }
        1028 | 1029 => ("local-router-ids", json!([value])),
        1030 | 1031 => ("remote-router-ids", json!([value])),
        1089 => ("maximum-link-bandwidth", value.clone()),
        1095 => ("igp-metric", value.clone()),
        1106 => ("srv6-endx", json!([end_x(tlv)])),
        1107 => ("srv6-lan-endx-isis", json!([end_x(tlv)])),
        1114 => (
            "unidirectional-link-delay",
            json!({ "delay-us": tlv["microseconds"], "anomalous": anomalous() }),
        ),
        1115 => (
            "minmax-unidirectional-link-delay",
            json!({
                "min-delay-us": tlv["min_microseconds"], "max-delay-us": tlv["max_microseconds"],
                "anomalous": anomalous(),
            }),
        ),
        1116 => (
            "unidirectional-delay-variation",
            tlv["microseconds"].clone(),
        ),
        1122 => return None,
        other => panic!("not in the vectors: {other}"),
    })
}

fn our_topology(attribute: &Value) -> Value {
    let mut theirs = json!({});
    for (name, value) in list(attribute).filter_map(topology_tlv) {
        match (theirs.get_mut(name), value) {
            (Some(Value::Array(found)), Value::Array(more)) => found.extend(more),
            (_, value) => theirs[name] = value,
        }
    }
    theirs
}

/// A policy of segment routing in the only shape that the vectors have.
fn our_policy(attribute: &Value) -> Value {
    let tlv = |list: &Value, kind: u64| {
        let found = self::list(list).find(|tlv| tlv["type"] == kind);
        found.cloned().unwrap_or_default()
    };
    let subs = &attribute[0]["tlvs"];
    let segments = &tlv(subs, 128)["tlvs"];
    let segment = tlv(segments, 13);
    json!({ "sr-policy": {
        "preference": tlv(subs, 12)["value"],
        "srv6-binding-sid": tlv(subs, 20)["sid"],
        "policy-name": tlv(subs, 130)["value"],
        "candidate-path-name": tlv(subs, 129)["value"],
        "segment-lists": [{
            "weight": tlv(segments, 9)["value"],
            "segments": [{
                "type": "B", "sid": segment["sid"],
                "endpoint-behavior": {
                    "behavior": segment["behavior"],
                    "lb-length": segment["locator_block"], "ln-length": segment["locator_node"],
                    "fun-length": segment["function"], "arg-length": segment["argument"],
                },
            }],
        }],
    } })
}

fn our_services(attribute: &Value) -> Value {
    let sids = list(&attribute[0]["tlvs"]).map(|sid| {
        let part = &sid["tlvs"][0];
        json!({
            "sid": sid["sid"], "flags": 0, "endpoint_behavior": sid["behavior"],
            "structure": {
                "locator-block-length": part["locator_block"],
                "locator-node-length": part["locator_node"],
                "function-length": part["function"], "argument-length": part["argument"],
                "transposition-length": part["transposition_length"],
                "transposition-offset": part["transposition_offset"],
            },
        })
    });
    json!({ "l3-service": sids.collect::<Vec<_>>() })
}

fn compare_update(
    differences: &mut Differences,
    (file, number): (&str, u64),
    update: &Update<'_>,
    expected: &Value,
) {
    let flows = their_flows(expected);
    if flows != json!([]) {
        differences.compare(file, number, "flow", &our_flows(update), &flows);
    }
    let stated = &expected["attribute"];
    if let Some(theirs) = stated.get("bgp-ls") {
        let mut theirs = theirs.clone();
        let map = theirs.as_object_mut().expect("an object");
        map.retain(|name, _| !name.starts_with("generic-lsid"));
        let ours = our_topology(&attribute(update, 29));
        differences.compare(file, number, "topology", &ours, &theirs);
    }
    if let Some(theirs) = stated.get("tunnel-encap") {
        let ours = our_policy(&attribute(update, 23));
        differences.compare(file, number, "tunnel", &ours, theirs);
    }
    if let Some(theirs) = stated.get("bgp-prefix-sid") {
        let ours = our_services(&attribute(update, 40));
        differences.compare(file, number, "service", &ours, theirs);
    }
    let hops = expected["announce"]["bgp-ls bgp-ls"].as_object();
    for (next_hop, theirs) in hops.into_iter().flatten() {
        let mp = update.mp_reach().expect("announced");
        let ours = mp.nlri.iter();
        let ours: Value = ours
            .map(|nlri| topology_nlri(&to_json(nlri), Some(next_hop)))
            .collect();
        differences.compare(file, number, "object", &ours, theirs);
    }
}

#[test]
fn exabgp_reads_flows_topologies_tunnels_and_sids_the_same() {
    let Some(corpus) = corpus() else { return };
    let mut differences = Differences::new(&[]);
    let vectors = lines(&corpus.join("hex/split/A-exabgp-vectors.jsonl"));
    for (number, vector) in (1..).zip(&vectors) {
        let file = vector["path"].as_str().unwrap();
        if vector["head"] == "nlri bgp-ls bgp-ls" {
            let raw = bytes(vector["vector"].as_str().unwrap());
            let field = NlriField::new(Form::new(Family::LINK_STATE), &raw);
            let ours = field.iter().map(|nlri| topology_nlri(&to_json(nlri), None));
            let ours: Vec<_> = ours.collect();
            let theirs = &vector["expect"];
            differences.compare(file, number, "object", &json!(ours), &json!([theirs]));
        }
        let expected = &vector["expect"]["neighbor"]["message"]["update"];
        let Some(raw) = vector["hex"].as_str().map(bytes) else {
            continue;
        };
        if expected.is_null() {
            continue;
        }
        let Ok(Message::Update(update)) = Message::parse(&raw, &Context::assumed()) else {
            panic!("{file} {number} is no UPDATE");
        };
        compare_update(&mut differences, (file, number), &update, expected);
    }
    let least = [
        ("flow", 16),
        ("topology", 5),
        ("object", 6),
        ("tunnel", 1),
        ("service", 4),
    ];
    for (field, least) in least {
        let compared = differences.compared.get(field).copied();
        assert!(compared >= Some(least), "{field}: {compared:?}");
    }
    differences.finish();
}
