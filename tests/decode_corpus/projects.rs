//! Messages found in the tests of other projects: what the corpus states of each, and what tshark
//! reads in it.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::path::Path;
use std::process::Command;

use bgptap::bgp::{Context, Message};
use serde_json::{Value, json};

use crate::support::dissect::capture;
use crate::support::{Scratch, have};
use crate::tshark::{Contexts, compare_message};
use crate::{Allowed, Differences, bytes, corpus, lines};

/// The end of a vector whose AS_PATH is `{0,32934}`.
const AS_0_IN_A_SET: &[u8] = &[0x40, 2, 6, 1, 2, 0, 0, 0x80, 0xa6, 16, 4, 5];

fn vectors(corpus: &Path) -> Vec<Value> {
    lines(&corpus.join("hex/split/A-messages.jsonl"))
}

fn octets(vector: &Value) -> Vec<u8> {
    bytes(vector["hex"].as_str().expect("octets"))
}

/// What is cut off is refused; of the others, AS_PATH can be read with the stated width and no other.
#[test]
fn messages_from_the_tests_of_other_projects_have_the_stated_as_width() {
    let Some(corpus) = corpus() else { return };
    let mut counts = BTreeMap::<_, u64>::new();
    let vectors = vectors(&corpus);
    for vector in &vectors {
        let raw = octets(vector);
        let context = |as4| Context {
            as4,
            ..Context::assumed()
        };
        let place = || format!("{}:{}", vector["path"], vector["line"]);
        if vector["truncated"] == true {
            assert!(Message::parse(&raw, &context(true)).is_err(), "{}", place());
            *counts.entry("cut off").or_default() += 1;
            continue;
        }
        // One that is not there is no obstacle.
        let readable = |as4| match Message::parse(&raw, &context(as4)) {
            Ok(Message::Update(update)) => update.as_path().is_some() || !update.has(2),
            _ => true,
        };
        let width = vector["as_width"].as_str().unwrap();
        let stated = match width {
            // RFC 7607 §2: a set with AS 0 is malformed in either width.
            "2" if raw.ends_with(AS_0_IN_A_SET) => (false, false),
            "2" => (true, false),
            "4" => (false, true),
            "either/none" => (true, true),
            _ => {
                let malformed = |as4| match Message::parse(&raw, &context(as4)) {
                    Ok(message) => !message.errors().is_empty(),
                    Err(_) => true,
                };
                assert!(malformed(true) && malformed(false), "{}", place());
                *counts.entry("neither").or_default() += 1;
                continue;
            }
        };
        assert_eq!((readable(false), readable(true)), stated, "{}", place());
        *counts.entry(width).or_default() += 1;
    }
    println!("{counts:?}");
    assert_eq!(counts.values().sum::<u64>(), vectors.len() as u64);
}

/// A difference among the messages of `A-messages.jsonl`.
const fn among(
    messages: &'static [RangeInclusive<u64>],
    fields: &'static [&'static str],
    why: &'static str,
) -> Allowed {
    Allowed {
        file: "A-messages",
        messages,
        fields,
        why,
    }
}

/// Where tshark 4.0 reads something else, by the number of the vector.
pub(crate) const ALLOWED: &[Allowed] = &[
    among(
        &[154..=154, 224..=224, 251..=260],
        &["next_hop"],
        "RFC 4760 §3: MP_REACH_NLRI has a next hop whatever the family is; tshark shows none of SR policies, multicast VPNs of IPv6 and mobile user planes",
    ),
    among(
        &[272..=272],
        &["next_hop"],
        "RFC 2545 §3: four octets are no next hop of IPv6, which is reported; tshark hides them",
    ),
    among(
        &[302..=302],
        &["withdrawn"],
        "RFC 7606 §5.3: a prefix of 255 bits ends the field; tshark starts again with path identifiers",
    ),
    among(
        &[337..=337],
        &[
            "attrs",
            "origin",
            "as_path",
            "next_hop",
            "announced",
            "withdrawn",
        ],
        "RFC 4271 §4.3: withdrawn routes end with their field, and then there are 1024 octets of attributes; tshark takes one octet more of the routes",
    ),
    among(
        &[
            374..=374,
            376..=376,
            379..=379,
            389..=389,
            397..=397,
            448..=448,
        ],
        &["attrs"],
        "RFC 4271 §6.3: a total attribute length beyond the message; tshark reads attributes nevertheless",
    ),
    among(
        &[374..=374],
        &["as_path"],
        "RFC 4271 §6.3: a total attribute length beyond the message; tshark reads attributes nevertheless",
    ),
    among(
        &[391..=391],
        &["withdrawn"],
        "RFC 7606 §5.3: a prefix of 255 bits is none; tshark lists it without any",
    ),
    among(
        &[399..=399],
        &["withdrawn"],
        "RFC 4271 §6.3: withdrawn routes beyond the message; tshark lists one without a prefix",
    ),
    among(
        &[447..=447, 846..=846],
        &["announced"],
        "RFC 4271 §4.3: NLRI begin behind path attributes of length zero; tshark shows none",
    ),
    among(
        &[446..=446, 507..=507, 508..=508],
        &["cluster"],
        "RFC 4271 §4.3: an extended length has two octets; tshark begins one octet late",
    ),
    among(
        &[466..=466, 477..=477],
        &["type"],
        "RFC 4271 §6.1: an OPEN has 29 octets at least, a NOTIFICATION 21; tshark names the type alone",
    ),
    among(
        &[475..=475],
        &["attrs"],
        "RFC 7606 §4: an attribute that exceeds the path attributes field is not one",
    ),
    among(
        &[485..=485],
        &["announced"],
        "RFC 8277 §2.2: without the capability there is one label, and 47 bits are no prefix of \
         IPv4; tshark goes by the S bit",
    ),
    among(
        &[891..=891],
        &["announced", "withdrawn"],
        "RFC 8277 §2.2: 20 bits hold no label and route distinguisher; tshark lists an NLRI \
         without a prefix",
    ),
    among(
        &[487..=487],
        &["as_path"],
        "RFC 7607 §2: AS 0 makes an AS_PATH malformed",
    ),
    among(
        &[488..=488],
        &["as_path", "announced"],
        "RFC 7606 §7.2: what follows a malformed AS_PATH stays readable; tshark stops there",
    ),
    among(
        &[493..=493],
        &["attrs", "announced"],
        "RFC 7606 §2: what follows a malformed attribute stays readable; tshark stops there",
    ),
    among(
        &[750..=750],
        &["attrs", "next_hop", "announced"],
        "RFC 7606 §4 and §7.3: an attribute that overruns its field, and a NEXT_HOP of two octets; NLRI begin behind the field",
    ),
    among(
        &[834..=834],
        &["as4_path"],
        "RFC 6793 §6: an AS4_PATH of no octets is malformed",
    ),
];

/// tshark's reading of each message in the shape of the truth files, by the script that made those.
fn truth(corpus: &Path, messages: &[Vec<u8>], width: &str) -> Vec<Value> {
    let scratch = Scratch::new("projects");
    let output = Command::new("python3")
        .arg(corpus.join("truth.py"))
        .args(["--asn", width])
        .arg(capture(&scratch, messages))
        .output()
        .expect("python3 runs");
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect()
}

/// Type and length as stated for each vector; every field that the truth files have, for each
/// that is whole.
#[test]
fn messages_from_the_tests_of_other_projects_read_as_tshark_reads_them() {
    let Some(corpus) = corpus() else { return };
    if !have("tshark") || !have("python3") {
        return;
    }
    let mut differences = Differences::new(ALLOWED);
    let vectors = vectors(&corpus);
    let whole = |vector: &&Value| vector["truncated"] == false;
    let mut count = 0;
    for (width, narrow) in [("2", true), ("4", false)] {
        let wanted = |vector: &&Value| (vector["as_width"] == "2") == narrow;
        let vectors: Vec<_> = vectors.iter().filter(whole).filter(wanted).collect();
        let messages: Vec<_> = vectors.iter().map(|vector| octets(vector)).collect();
        let read = truth(&corpus, &messages, width);
        let contexts = Contexts::new(&read);
        for (port, (vector, message)) in (10_000..).zip(vectors.iter().zip(&messages)) {
            let (name, number) = ("A-messages", vector["id"].as_u64().expect("a number"));
            let hex = &vector["hex"];
            let truth = read.iter().find(|t| t["sport"] == port && t["raw"] == *hex);
            let mut truth = truth
                .unwrap_or_else(|| panic!("tshark lacks {vector}"))
                .clone();
            truth["n"] = json!(number);
            compare_message(&mut differences, name, &truth, &contexts.of(&truth));
            let head = [
                u16::from_be_bytes([message[16], message[17]]),
                message[18].into(),
            ];
            let stated = json!([vector["length"], vector["type"]]);
            differences.compare(name, number, "header", &json!(head), &stated);
            count += 1;
        }
    }
    assert_eq!(count, vectors.iter().filter(whole).count());
    differences.finish();
}
