//! tshark's reading, of random NLRI and of every vector of the corpus.
//!
//! Both readings become the same list of words, `"rd 65000:1"`, in the order of the wire.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use bgptap::bgp::{Context, Family, FamilySet, Message, NlriField, View};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use serde_json::Value;

use crate::source::Source;
use crate::support::encode::{Frame, Order, pcap};
use crate::support::skip::skip;
use crate::support::wrap::{IPV4, ethernet, ipv4};
use crate::support::{Scratch, have};
use crate::update::case;
use crate::words;

/// Random messages of NLRI that tshark knows all about, without path identifiers: whether there
/// are some, tshark guesses from the octets. Of plain prefixes it guesses that too often.
fn random(count: usize) -> Vec<Vec<u8>> {
    let mut runner = TestRunner::deterministic();
    let strategy = case(|family| words::knows(family) && family.safi.0 > 2);
    let one = |_| {
        let mut case = strategy.new_tree(&mut runner).expect("a case").current();
        let family = case.mode.family;
        let known = |(_, source): &(u32, Source)| words::of_json(family, &source.json).is_some();
        case.sources.retain(known);
        case.add_path = false;
        case.message()
    };
    (0..count).map(one).collect()
}

/// Messages of the corpus: its captures, and the vectors of other projects.
fn corpus() -> Vec<Vec<u8>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus");
    let Ok(truth) = std::fs::read_dir(root.join("truth")) else {
        skip(&format!("no corpus at {}", root.display()));
        return Vec::new();
    };
    let mut files: Vec<_> = truth.map(|entry| entry.expect("readable").path()).collect();
    files.sort();
    files.push(root.join("hex/split/A-messages.jsonl"));
    files.push(root.join("hex/split/A-exabgp-vectors.jsonl"));
    let lines = files.iter().flat_map(|file| {
        let text = std::fs::read_to_string(file).expect("readable");
        text.lines().map(str::to_owned).collect::<Vec<_>>()
    });
    let message = |line: String| {
        let line: Value = serde_json::from_str(&line).expect("JSON");
        let hex = line["raw"].as_str().or(line["hex"].as_str())?;
        let digit = |c: u8| (c as char).to_digit(16).expect("hexadecimal") as u8;
        let pairs = hex.as_bytes().chunks(2);
        Some(
            pairs
                .map(|pair| digit(pair[0]) << 4 | digit(pair[1]))
                .collect(),
        )
    };
    lines.filter_map(message).collect()
}

/// The message in a TCP segment of a connection of its own.
fn frame(number: u16, message: &[u8]) -> Frame {
    let ports = [(10_000 + number).to_be_bytes(), 179u16.to_be_bytes()].concat();
    let rest = [0, 0, 0, 1, 0, 0, 0, 1, 0x50, 0x18, 0xff, 0xff, 0, 0, 0, 0];
    let bytes = ethernet(IPV4, &ipv4(6, &[&ports[..], &rest, message].concat()));
    Frame {
        ns: u64::from(number) * 1_000_000,
        wire_len: u32::try_from(bytes.len()).expect("short"),
        link: 1,
        bytes,
    }
}

/// tshark's words for each message.
fn theirs(messages: &[Vec<u8>]) -> Vec<Vec<String>> {
    let scratch = Scratch::new("nlri-oracles");
    let numbered = (0..).zip(messages);
    let frames: Vec<_> = numbered.map(|(n, message)| frame(n, message)).collect();
    let file = scratch.write("nlri.pcap", &pcap(&frames, Order::Little, true));
    let output = Command::new("tshark")
        .args(["-n", "-o", "tcp.check_checksum:FALSE"])
        .args(["-o", "bgp.asn_len:4 octet", "-T", "pdml", "-r"])
        .arg(&file)
        .output()
        .expect("tshark runs");
    let text = String::from_utf8_lossy(&output.stdout);
    let packets = text.split("<packet>").skip(1);
    packets.map(words::of_packet).collect()
}

/// Our words for a message; none if it is not one that tshark knows all about.
///
/// Single messages have no OPEN: whether there are path identifiers, we take over from tshark,
/// and as it does we go by the S bit of each label.
fn ours(message: &[u8], add_path: bool) -> Option<Vec<String>> {
    let families = words::families();
    let context = Context {
        multiple_labels: families,
        add_path: if add_path { families } else { FamilySet::EMPTY },
        ..Context::assumed()
    };
    let Ok(Message::Update(update)) = Message::parse(message, &context) else {
        return None;
    };
    if update.errors().total() > 0 {
        return None;
    }
    // As they stand on the wire.
    let mp = update.attributes().filter_map(|a| match a.view(&context) {
        View::MpReach(mp) => Some(mp.nlri),
        View::MpUnreach(mp) => Some(mp.nlri),
        _ => None,
    });
    let fields = [update.withdrawn()]
        .into_iter()
        .chain(mp)
        .chain([update.announced()]);
    let mut list = Vec::new();
    for field in fields.filter(|field| !field.is_empty()) {
        if !words::knows(field.family()) {
            return None;
        }
        if runs_on(&field) {
            return None;
        }
        for nlri in field.iter() {
            let json = serde_json::to_value(nlri).expect("serializable");
            list.extend(words::of_json(field.family(), &json)?);
        }
    }
    (!list.is_empty()).then_some(list)
}

/// RFC 4761 §3.2.2: a label base has three octets. tshark reads on until an S bit is set, and of
/// the last one beyond the field.
fn runs_on(field: &NlriField<'_>) -> bool {
    let last = field.as_bytes().last();
    field.family() == Family::VPLS && last.is_some_and(|octet| octet & 1 == 0)
}

/// How often each kind of word was compared.
fn compare(messages: &[Vec<u8>]) -> BTreeMap<String, usize> {
    let mut compared = BTreeMap::new();
    for (message, theirs) in messages.iter().zip(theirs(messages)) {
        let add_path = theirs.iter().any(|word| word.starts_with("id "));
        let Some(ours) = ours(message, add_path) else {
            continue;
        };
        let [ours, theirs] = words::without_unsaid(&ours, &theirs);
        assert_eq!(ours, theirs, "in {message:02x?}");
        for word in ours {
            let kind = word.split(' ').next().unwrap_or_default().to_owned();
            *compared.entry(kind).or_default() += 1;
        }
    }
    compared
}

#[test]
fn tshark_reads_random_nlri_the_same() {
    if have("tshark") {
        let compared = compare(&random(2000));
        for kind in words::kinds() {
            let count = compared.get(kind).copied().unwrap_or_default();
            assert!(count > 30, "{kind}: {count}");
        }
    }
}

#[test]
fn tshark_reads_the_vectors_the_same() {
    let vectors = corpus();
    if have("tshark") && !vectors.is_empty() {
        let compared = compare(&vectors);
        eprintln!("compared: {compared:?}");
        assert!(
            compared["prefix"] > 300 && compared["rd"] > 100,
            "the corpus is there"
        );
    }
}
