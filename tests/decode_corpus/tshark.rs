//! tshark's reading of each BGP capture.

use std::collections::HashMap;
use std::fs;

use bgptap::bgp::attribute::As4Aggregator;
use bgptap::bgp::{Capability, Context, Family, Message, NlriField, OpenFacts, Update, View};
use serde_json::{Value, json};

use crate::ext_community::tshark_text;
use crate::nlri::{as_truth, in_truth};
use crate::{Allowed, Differences, bytes, corpus, lines, strings, text};

pub(crate) const ALLOWED: &[Allowed] = &[
    Allowed {
        file: "bgp_pcapplusplus_fuzz-1eb005b8",
        messages: &[4..=9],
        fields: &["attrs", "as_path", "med", "large", "next_hop", "announced"],
        why: "RFC 7606 §7.2: an AS_PATH that holds AS 0 and an unknown segment is malformed, \
              and what follows it stays readable; tshark stops there",
    },
    Allowed {
        file: "bgp_pcapplusplus_fuzz-clusterfuzz",
        messages: &[2..=2],
        fields: &["type"],
        why: "RFC 4271 §6.1: a header without its marker is none",
    },
    Allowed {
        file: "bgp_tcpdump_bgp-aigp-oobr",
        messages: &[2..=2],
        fields: &["type"],
        why: "RFC 4271 §6.1: a header without its marker is none",
    },
    Allowed {
        file: "bgp_tcpdump_bgp-aigp-oobr",
        messages: &[5..=9],
        fields: &["attrs"],
        why: "RFC 7606 §4: an attribute that exceeds the path attributes field is not one",
    },
    Allowed {
        file: "bgp_tcpdump_bgp-addpath",
        messages: &[1..=1],
        fields: &["next_hop", "announced", "withdrawn"],
        why: "RFC 7606 §3 g: the second MP_REACH_NLRI and MP_UNREACH_NLRI are errors; \
              §7.3: a NEXT_HOP of no octets is malformed",
    },
    Allowed {
        file: "bgp_tcpdump_bgp-bgp_capabilities_print-oobr-1",
        messages: &[1..=1],
        fields: &["asn", "caps"],
        why: "RFC 5492 §4: capabilities end with their parameter; tshark reads past its end",
    },
    Allowed {
        file: "bgp_ryu_evpn_nlri_ip_prefix",
        messages: &[1..=1],
        fields: &["announced"],
        why: "RFC 4271 §4.3: bits behind the prefix are irrelevant; tshark shows 10.10.10.10/24",
    },
];

/// Fields of the truth: first those that say where the message was and how tshark got it, which
/// nothing here decodes; then those that are compared.
const FIELDS: [&str; 48] = [
    "n",
    "dir_n",
    "frame",
    "ts",
    "stream",
    "src",
    "dst",
    "sport",
    "dport",
    "ooo",
    "malformed",
    "warn",
    "asn_len",
    "raw",
    "type",
    "len",
    "version",
    "asn",
    "asn4",
    "hold",
    "id",
    "caps",
    "mp",
    "addpath",
    "attrs",
    "origin",
    "as_path",
    "as4_path",
    "med",
    "local_pref",
    "atomic",
    "aggregator",
    "as4_aggregator",
    "communities",
    "large",
    "ext",
    "originator",
    "cluster",
    "next_hop",
    "eor",
    "announced",
    "withdrawn",
    "code",
    "subcode",
    "data",
    "afi",
    "safi",
    "subtype",
];

/// The context of each message of a truth file, from the OPENs of its stream.
pub(crate) struct Contexts(HashMap<(u64, String), OpenFacts>);

impl Contexts {
    pub(crate) fn new(messages: &[Value]) -> Self {
        let mut facts = HashMap::new();
        for message in messages.iter().filter(|m| m["type"] == "OPEN") {
            let raw = bytes(message["raw"].as_str().unwrap());
            if let Ok(Message::Open(open)) = Message::parse(&raw, &Context::assumed()) {
                facts.insert(Self::key(message, "src", "sport"), OpenFacts::new(&open));
            }
        }
        Self(facts)
    }

    fn key(message: &Value, addr: &str, port: &str) -> (u64, String) {
        let stream = message["stream"].as_u64().unwrap();
        (stream, format!("{}:{}", message[addr], message[port]))
    }

    fn negotiated(&self, message: &Value) -> Option<Context> {
        let sender = self.0.get(&Self::key(message, "src", "sport"))?;
        let receiver = self.0.get(&Self::key(message, "dst", "dport"))?;
        Some(Context::negotiate(sender, receiver))
    }

    /// Where an OPEN is missing, the truth is tshark's guess about ADD-PATH, which
    /// we take over, and AS numbers have two octets only if four cannot be.
    pub(crate) fn of(&self, message: &Value) -> Context {
        if let Some(context) = self.negotiated(message) {
            return context;
        }
        let add_path = ["announced", "withdrawn"]
            .into_iter()
            .flat_map(|field| message[field].as_array().into_iter().flatten())
            .filter(|item| item.get("path_id").is_some())
            .map(family)
            .collect();
        let wide = Context {
            add_path,
            ..Context::assumed()
        };
        let narrow = Context { as4: false, ..wide };
        let raw = bytes(message["raw"].as_str().unwrap());
        let readable = |context| match Message::parse(&raw, context) {
            Ok(Message::Update(update)) => {
                update.as_path().is_some() || update.aggregator().is_some()
            }
            _ => false,
        };
        if !readable(&wide) && readable(&narrow) {
            narrow
        } else {
            wide
        }
    }
}

impl Contexts {
    /// What both OPENs say about AS numbers, where both are there.
    fn compare_width(&self, differences: &mut Differences, file: &str, message: &Value) {
        let theirs = &message["asn_len"];
        let Some(context) = self.negotiated(message) else {
            return;
        };
        if message["type"] == "UPDATE" {
            let ours = if context.as4 { "4" } else { "2" };
            let number = message["n"].as_u64().unwrap();
            differences.compare(file, number, "asn_len", &ours.into(), theirs);
        }
    }
}

fn family(item: &Value) -> Family {
    let number = |field: &str| item[field].as_u64().unwrap();
    Family::new(
        u16::try_from(number("afi")).unwrap(),
        u8::try_from(number("safi")).unwrap(),
    )
}

fn our_nlri<'a>(fields: impl Iterator<Item = NlriField<'a>>) -> Value {
    let fields = fields.filter(|field| in_truth(field.family()));
    let mut list: Vec<_> = fields.flat_map(as_truth).collect();
    // tshark lists attributes where they stand, before the NLRI field.
    list.sort_by_key(|item| item.to_string());
    list.into()
}

fn their_nlri(items: &Value) -> Value {
    let items = items.as_array().into_iter().flatten();
    let mut list: Vec<_> = items
        .filter(|item| in_truth(family(item)))
        .cloned()
        .collect();
    for item in &mut list {
        // What an EVPN route is called, which its number says, too.
        item.as_object_mut().expect("an object").remove("text");
        // RFC 8277 §2.4: in a withdrawal, a label means nothing.
        if item["labels"] == "0 (withdrawn)" {
            item["labels"] = "".into();
        }
    }
    list.sort_by_key(|item| item.to_string());
    list.into()
}

/// All next hops, NEXT_HOP and MP_REACH_NLRI in the order of the attributes.
fn our_next_hops(update: &Update<'_>) -> Value {
    let mut list: Vec<String> = Vec::new();
    for attribute in update.attributes() {
        match attribute.view(update.context()) {
            View::NextHop(hop) => list.push(hop.0.to_string()),
            View::MpReach(mp) => {
                list.extend(mp.next_hops.iter().map(|addr| addr.to_string()));
            }
            _ => {}
        }
    }
    if list.is_empty() {
        Value::Null
    } else {
        json!(list)
    }
}

/// Our reading of an UPDATE in the shape of the truth.
fn our_update(update: &Update<'_>) -> Vec<(&'static str, Value)> {
    let codes: Vec<u8> = update.attributes().map(|a| a.code).collect();
    let eor = update
        .eor()
        .map(|family| json!([family.afi.0, family.safi.0]));
    let ext = update.ext_communities().map(|list| {
        list.iter()
            .map(|c| Value::from(format!("{:016x}", c.to_bits())))
            .collect::<Value>()
    });
    vec![
        ("attrs", json!(codes)),
        ("origin", json!(update.origin().map(|o| o as u8))),
        ("as_path", text(update.as_path())),
        ("as4_path", text(update.as4_path())),
        ("med", json!(update.med())),
        ("local_pref", json!(update.local_pref())),
        ("atomic", json!(update.atomic_aggregate().then_some(true))),
        (
            "aggregator",
            text(update.aggregator().map(|a| format!("{} {}", a.asn, a.addr))),
        ),
        (
            "as4_aggregator",
            text(
                update
                    .get::<As4Aggregator>()
                    .map(|a| format!("{} {}", a.0.asn, a.0.addr)),
            ),
        ),
        (
            "communities",
            strings(update.communities().map(|c| c.iter())),
        ),
        (
            "large",
            strings(update.large_communities().map(|c| c.iter())),
        ),
        ("ext", comparable(ext.unwrap_or_default())),
        (
            "ext_text",
            strings(update.ext_communities().map(|c| c.iter().map(tshark_text))),
        ),
        ("originator", text(update.originator_id())),
        ("cluster", strings(update.cluster_list().map(|c| c.iter()))),
        ("next_hop", our_next_hops(update)),
        ("eor", json!(eor)),
        ("announced", our_nlri(update.all_announced())),
        ("withdrawn", our_nlri(update.all_withdrawn())),
    ]
}

/// The truth puts extended communities together from the fields that tshark
/// shows; for the types where those leave bits out, only the type is compared.
fn comparable(mut list: Value) -> Value {
    for item in list.as_array_mut().into_iter().flatten() {
        let text = item.as_str().unwrap();
        if ["80", "030c"].iter().any(|kind| text.starts_with(kind)) {
            *item = text[..4].into();
        }
    }
    list
}

fn their_field(message: &Value, field: &str) -> Value {
    match field {
        "announced" | "withdrawn" => their_nlri(&message[field]),
        "ext_text" => message["ext"].as_array().map_or(Value::Null, |list| {
            list.iter().map(|item| item["text"].clone()).collect()
        }),
        "ext" => comparable(message["ext"].as_array().map_or(Value::Null, |list| {
            list.iter().map(|item| item["raw"].clone()).collect()
        })),
        _ => message[field].clone(),
    }
}

fn compare_open(differences: &mut Differences, file: &str, number: u64, raw: &[u8], truth: &Value) {
    let Ok(Message::Open(open)) = Message::parse(raw, &Context::assumed()) else {
        return differences.compare(file, number, "type", &"unreadable".into(), &truth["type"]);
    };
    let codes: Vec<u8> = open.capabilities().map(|c| c.code()).collect();
    let families: Vec<_> = open
        .capabilities()
        .filter_map(|c| match c {
            Capability::Multiprotocol(f) => Some((f.afi.0, f.safi.0)),
            _ => None,
        })
        .collect();
    let add_path: Vec<_> = open
        .capabilities()
        .filter_map(|c| match c {
            Capability::AddPath(list) => Some(list.iter()),
            _ => None,
        })
        .flatten()
        .map(|(f, mode)| (f.afi.0, f.safi.0, mode))
        .collect();
    let add_path = match add_path.is_empty() {
        true => Value::Null,
        false => json!(add_path),
    };
    differences.compare(file, number, "addpath", &add_path, &truth["addpath"]);
    let asn = truth.get("asn4").unwrap_or(&truth["asn"]);
    differences.compare(
        file,
        number,
        "version",
        &json!(open.version),
        &truth["version"],
    );
    differences.compare(file, number, "asn", &json!(open.asn()), asn);
    differences.compare(file, number, "hold", &json!(open.hold_time), &truth["hold"]);
    differences.compare(file, number, "id", &text(Some(open.bgp_id)), &truth["id"]);
    differences.compare(file, number, "caps", &json!(codes), &truth["caps"]);
    differences.compare(file, number, "mp", &json!(families), &truth["mp"]);
}

pub(crate) fn compare_message(
    differences: &mut Differences,
    file: &str,
    truth: &Value,
    context: &Context,
) {
    for field in truth.as_object().expect("an object").keys() {
        assert!(FIELDS.contains(&field.as_str()), "{field} is not compared");
    }
    let number = truth["n"].as_u64().unwrap();
    let raw = bytes(truth["raw"].as_str().unwrap());
    let message = match Message::parse(&raw, context) {
        Ok(message) => message,
        Err(error) => {
            let ours = Value::from(error.to_string());
            return differences.compare(file, number, "type", &ours, &truth["type"]);
        }
    };
    let name = message.kind().name().replace('_', "-");
    differences.compare(file, number, "type", &name.into(), &truth["type"]);
    differences.compare(file, number, "len", &json!(message.length()), &truth["len"]);
    match message {
        Message::Update(update) => {
            for (field, ours) in our_update(&update) {
                differences.compare(file, number, field, &ours, &their_field(truth, field));
            }
        }
        Message::Open(_) => compare_open(differences, file, number, &raw, truth),
        Message::Notification(notification) => {
            let (code, subcode) = (json!(notification.code), json!(notification.subcode));
            differences.compare(file, number, "code", &code, &truth["code"]);
            differences.compare(file, number, "subcode", &subcode, &truth["subcode"]);
            let data: String = notification
                .data
                .iter()
                .map(|b| format!("{b:02x}"))
                .collect();
            differences.compare(file, number, "data", &data.into(), &truth["data"]);
        }
        Message::RouteRefresh(refresh) => {
            let family = json!([refresh.family.afi.0, refresh.family.safi.0]);
            let theirs = json!([truth["afi"], truth["safi"]]);
            differences.compare(file, number, "family", &family, &theirs);
            differences.compare(
                file,
                number,
                "subtype",
                &json!(refresh.subtype),
                &truth["subtype"],
            );
        }
        Message::Broken { error, .. } => {
            // A table entry of its own has to say why tshark reads it.
            differences.compare(file, number, "type", &error.text.into(), &truth["type"]);
        }
        Message::Keepalive | Message::Unknown { .. } => {}
    }
}

#[test]
fn every_message_reads_as_tshark_reads_it() {
    let Some(corpus) = corpus() else { return };
    let mut files: Vec<_> = fs::read_dir(corpus.join("truth"))
        .expect("a directory")
        .map(|entry| entry.expect("readable").path())
        .collect();
    files.sort();
    let mut differences = Differences::new(ALLOWED);
    let mut count = 0;
    for path in &files {
        let file = path.file_name().unwrap().to_string_lossy();
        let messages = lines(path);
        let contexts = Contexts::new(&messages);
        count += messages.len() as u64;
        for message in &messages {
            compare_message(&mut differences, &file, message, &contexts.of(message));
            contexts.compare_width(&mut differences, &file, message);
        }
    }
    assert!(differences.compared["type"] == count && count > 500);
    differences.finish();
}
