//! tshark's reading, of random NLRI and of every vector of the corpus.
//!
//! Both readings become the same list of words, `"rd 65000:1"`, in the order of the wire.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use bgptap::bgp::{Context, Family, FamilySet, Message, NlriField, View};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use serde_json::Value;

use crate::source::Source;
use crate::support::dissect::pdml;
use crate::support::have;
use crate::support::skip::skip;
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

/// A message of the corpus and where it is from.
struct Vector {
    place: String,
    octets: Vec<u8>,
}

/// Messages of the corpus: its captures, and the vectors of other projects.
fn corpus() -> Vec<Vector> {
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
        let name = file.file_stem().expect("a file").to_string_lossy();
        let text = std::fs::read_to_string(file).expect("readable");
        let numbered = (1..).zip(text.lines());
        numbered
            .map(|(number, line)| (format!("{name}:{number}"), line.to_owned()))
            .collect::<Vec<_>>()
    });
    let vector = |(place, line): (String, String)| {
        let line: Value = serde_json::from_str(&line).expect("JSON");
        let hex = line["raw"].as_str().or(line["hex"].as_str())?;
        let digit = |c: u8| (c as char).to_digit(16).expect("hexadecimal") as u8;
        let pairs = hex.as_bytes().chunks(2);
        let octets = pairs.map(|pair| digit(pair[0]) << 4 | digit(pair[1]));
        let octets = octets.collect();
        Some(Vector { place, octets })
    };
    lines.filter_map(vector).collect()
}

/// Vectors of the corpus in which tshark 4.0 shows other NLRI, and the clause that decides.
const DIFFERENCES: [(&str, &str); 8] = [
    (
        "bgp_ryu_evpn_nlri_ip_prefix",
        "RFC 4271 §4.3: bits behind the prefix are irrelevant; tshark shows 10.10.10.10/24",
    ),
    (
        "00024020010db8ffff0003",
        "RFC 7606 §5.3: a prefix of 255 bits ends the field; tshark starts again with path identifiers",
    ),
    (
        "400304ac10001418ac100118ac1002",
        "RFC 4271 §4.3: withdrawn routes end with their field; tshark takes one octet more",
    ),
    (
        "02000000000000000000",
        "RFC 4271 §4.3: NLRI begin behind path attributes of length zero; tshark shows none",
    ),
    (
        "020000000010ac101cc0a82000",
        "RFC 4271 §4.3: NLRI begin behind path attributes of length zero; tshark shows none",
    ),
    (
        "44002060102000080a6100405",
        "RFC 7606 §7.2: what follows a malformed AS_PATH stays readable; tshark stops there",
    ),
    (
        "440020101100405",
        "RFC 7606 §7.2: what follows a malformed AS_PATH stays readable; tshark stops there",
    ),
    (
        "40030201020118c0a801",
        "RFC 7606 §4: where attributes overrun their field, NLRI begin behind it; tshark stops",
    ),
];

/// Why a message is not compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Skip {
    /// Its header or its type says so.
    NoUpdate,
    /// Neither of us finds NLRI.
    NoNlri,
    /// tshark 4.0 does not decode the family or the type of route (`words`).
    Unknown,
    /// tshark 4.0 reads on until an S bit is set (RFC 4761 §3.2.2: three octets).
    LabelBase,
}

/// Our words for a message.
///
/// Single messages have no OPEN: whether there are path identifiers, we take over from tshark,
/// and as it does we go by the S bit of each label.
fn ours(message: &[u8], add_path: bool) -> Result<Vec<String>, Skip> {
    let families = words::families();
    let context = Context {
        multiple_labels: families,
        add_path: if add_path { families } else { FamilySet::EMPTY },
        ..Context::assumed()
    };
    let Ok(Message::Update(update)) = Message::parse(message, &context) else {
        return Err(Skip::NoUpdate);
    };
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
            return Err(Skip::Unknown);
        }
        if runs_on(&field) {
            return Err(Skip::LabelBase);
        }
        for nlri in field.iter() {
            let json = serde_json::to_value(nlri).expect("serializable");
            list.extend(words::of_json(field.family(), &json).ok_or(Skip::Unknown)?);
        }
    }
    Ok(list)
}

/// RFC 4761 §3.2.2: a label base has three octets. tshark reads on until an S bit is set, and of
/// the last one beyond the field.
fn runs_on(field: &NlriField<'_>) -> bool {
    let last = field.as_bytes().last();
    field.family() == Family::VPLS && last.is_some_and(|octet| octet & 1 == 0)
}

/// What was compared, and what was not.
#[derive(Default)]
struct Tally {
    /// Messages whose NLRI were compared.
    compared: usize,
    /// As many had to be: whole UPDATEs in which tshark shows NLRI, of families that it decodes.
    expected: usize,
    /// Those not compared, by reason.
    skipped: BTreeMap<Skip, usize>,
    /// How often each kind of word was compared.
    words: BTreeMap<String, usize>,
    /// Messages that differ: number, our words, tshark's.
    differ: Vec<(usize, Vec<String>, Vec<String>)>,
}

fn compare(messages: &[Vec<u8>]) -> Tally {
    let mut tally = Tally::default();
    let packets = pdml(messages);
    for (number, (message, packet)) in messages.iter().zip(&packets).enumerate() {
        let theirs = words::of_packet(packet);
        let known = words::families_of(packet).all(words::knows);
        tally.expected += usize::from(is_update(message) && known && !theirs.is_empty());
        let add_path = theirs.iter().any(|word| word.starts_with("id "));
        let ours = match ours(message, add_path) {
            Ok(ours) if !ours.is_empty() || !theirs.is_empty() => ours,
            other => {
                let why = other.err().unwrap_or(Skip::NoNlri);
                *tally.skipped.entry(why).or_default() += 1;
                continue;
            }
        };
        let [ours, theirs] = words::without_unsaid(&ours, &theirs);
        tally.compared += 1;
        for word in &ours {
            let kind = word.split(' ').next().unwrap_or_default().to_owned();
            *tally.words.entry(kind).or_default() += 1;
        }
        if ours != theirs {
            tally.differ.push((number, ours, theirs));
        }
    }
    let (
        count,
        Tally {
            compared,
            skipped,
            words,
            ..
        },
    ) = (messages.len(), &tally);
    println!(
        "NLRI of {compared} of {count} messages compared, not of {skipped:?}; words: {words:?}"
    );
    assert_eq!(compared + skipped.values().sum::<usize>(), count);
    tally
}

#[test]
fn tshark_reads_random_nlri_the_same() {
    if have("tshark") {
        let messages = random(2000);
        let tally = compare(&messages);
        assert_eq!(tally.differ, []);
        // A withdrawal of nothing that tshark knows all about, and label bases, are left.
        assert!(10 * tally.compared > 8 * messages.len());
        for kind in words::kinds() {
            let count = tally.words.get(kind).copied().unwrap_or_default();
            assert!(count > 30, "{kind}: {count}");
        }
    }
}

/// Each UPDATE of the corpus in which tshark shows NLRI of a family that it decodes.
#[test]
fn tshark_reads_the_vectors_the_same() {
    let vectors = corpus();
    if have("tshark") && !vectors.is_empty() {
        let messages: Vec<_> = vectors.iter().map(|vector| vector.octets.clone()).collect();
        let tally = compare(&messages);
        let updates = messages.iter().filter(|octets| is_update(octets)).count();
        let others = tally.skipped[&Skip::NoUpdate];
        assert_eq!(others, messages.len() - updates, "each UPDATE is one to us");
        assert!(tally.compared >= tally.expected && tally.expected > 0);
        let mut used = BTreeSet::new();
        for (number, ours, theirs) in tally.differ {
            let Vector { place, octets } = &vectors[number];
            let hex: String = octets.iter().map(|octet| format!("{octet:02x}")).collect();
            let listed = |(key, _): &(&str, &str)| place.starts_with(key) || hex.ends_with(key);
            match DIFFERENCES.iter().position(listed) {
                Some(at) => used.insert(at),
                None => panic!("{place}: {ours:?}, {theirs:?} in {hex}"),
            };
        }
        for (at, (key, why)) in DIFFERENCES.iter().enumerate() {
            assert!(used.contains(&at), "{key} no longer differs: {why}");
        }
    }
}

#[test]
fn the_page_has_each_difference() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/decoder.md");
    let page = std::fs::read_to_string(page).expect("readable");
    let head = "| message | why |\n| --- | --- |\n";
    let (_, table) = page.split_once(head).expect("the table");
    let told: Vec<_> = table.lines().take_while(|line| !line.is_empty()).collect();
    let rows = DIFFERENCES.map(|(key, why)| format!("| {key} | {why} |"));
    assert_eq!(told, rows, "the rows are:\n{}", rows.join("\n"));
}

/// RFC 4271 §4.1: a marker, a length that is right, and the type.
fn is_update(octets: &[u8]) -> bool {
    let length = u16::try_from(octets.len()).expect("short").to_be_bytes();
    let head = [&[0xff; 16][..], &length, &[2]].concat();
    octets.len() >= 23 && octets.starts_with(&head)
}
