//! Sessions whose OPENs were not seen must read as if they had been.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![allow(unreachable_pub, reason = "modules of one test program")]

mod archive;
mod behaviour;
mod properties;
mod recut;
mod session;
#[path = "../support/mod.rs"]
mod support;

use recut::Ids;
use serde_json::Value;
use session::{Sent, compare};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use support::segments::open_with;

/// The folder of the corpus; `None`, and a word about it, if it is absent.
fn corpus() -> Option<PathBuf> {
    support::corpus()?;
    Some(Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus"))
}

fn bytes(hex: &str) -> Vec<u8> {
    let pairs = hex.as_bytes().chunks(2);
    pairs
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

/// The TCP connections of a capture, by tshark's reading of it.
fn connections(truth: &Path) -> BTreeMap<u64, Vec<Sent>> {
    let mut found: BTreeMap<u64, Vec<Sent>> = BTreeMap::new();
    for line in std::fs::read_to_string(truth).unwrap().lines() {
        let message: Value = serde_json::from_str(line).unwrap();
        let end = |host: &str, port: &str| (message[host].to_string(), message[port].as_u64());
        let direction = usize::from(end("src", "sport") > end("dst", "dport"));
        let raw = bytes(message["raw"].as_str().unwrap());
        let stream = message["stream"].as_u64().unwrap();
        found
            .entry(stream)
            .or_default()
            .push(Sent { direction, raw });
    }
    found
}

/// Captures whose OPENs contradict their UPDATEs, so that only the routes can be the same.
const CONTRADICTIONS: [(&str, &str); 1] = [(
    "bgp_pcapplusplus_fuzz-1eb005b8d62599b6561acf7e778f51603ccbc5ddf948c0b081617668bb56",
    "made by a fuzzer: an OPEN lost its capability of four-octet AS numbers, which UPDATEs have",
)];

/// A capture whose second message has no marker, so that no header confirms the first.
const UNFRAMED: &str = "bgp_pcapplusplus_fuzz-clusterfuzz-testcase-minimized-FuzzTarget-56439034";

/// Every capture of the corpus in which an OPEN was seen.
#[test]
fn captures_read_the_same_without_their_opens() {
    let Some(corpus) = corpus() else { return };
    let (mut sessions, mut compared, mut doubtful) = (0, 0, Vec::new());
    let mut files: Vec<_> = std::fs::read_dir(corpus.join("truth"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    for file in files {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        if name.starts_with(UNFRAMED) {
            continue;
        }
        for (stream, sent) in connections(&file) {
            if !sent.iter().any(|message| message.raw[18] == 1) {
                continue;
            }
            let contradictory = CONTRADICTIONS
                .iter()
                .any(|(file, _)| name.starts_with(file));
            let what = format!("{name} {stream}");
            let (updates, unsure) = compare(&what, &sent, contradictory);
            sessions += 1;
            compared += updates;
            if unsure > 0 {
                doubtful.push(format!("{name} {stream}: {unsure}"));
            }
        }
    }
    assert!(
        sessions > 20 && compared > 150,
        "{sessions} sessions, {compared} UPDATEs"
    );
    assert!(doubtful.is_empty(), "not inferred: {doubtful:?}");
}

/// Archives, and whether their peers send path identifiers. That BIRD's does can be seen from its
/// NLRI field, which begins with 00000002 18 ac1100: 172.17.0.0/24 of path 2.
const ARCHIVES: [(&str, bool); 6] = [
    ("bgpdump/updates.20071015.1505.gz", false),
    ("bgpstream/ris.rrc06.updates.1427846400.gz", false),
    ("bgpkit/ripe_rrc01_2000.11_updates.20001104.0124.gz", false),
    ("mrtparse/bird-mrtdump_bgp", false),
    ("mrtparse/bird_bgp", true),
    ("mrtparse/openbgpd_bgp", false),
];

/// OPENs of both sides that agree on the width of AS numbers and on path identifiers.
fn opens(as4: bool, add_path: bool) -> Vec<Sent> {
    let mut capabilities: Vec<(u8, &[u8])> = vec![(1, &[0, 1, 0, 1]), (1, &[0, 2, 0, 1])];
    if as4 {
        capabilities.push((65, &[0, 0, 0xfb, 0xf4]));
    }
    if add_path {
        capabilities.push((69, &[0, 1, 1, 3, 0, 2, 1, 3]));
    }
    let sent = |direction| Sent {
        direction,
        raw: open_with(64500 + direction as u16, &capabilities),
    };
    vec![sent(0), sent(1)]
}

/// The UPDATEs of all peers of the archives, as `form` has them sent: with path identifiers,
/// without, or as the archive has them.
fn compare_archives(
    add_path: Option<bool>,
    form: impl Fn(&[u8], bool) -> Option<Vec<u8>>,
) -> Option<(usize, usize)> {
    let corpus = corpus()?;
    let (mut compared, mut doubtful) = (0, 0);
    for (name, has_path_ids) in ARCHIVES {
        for peer in archive::peers(&corpus.join("mrt").join(name)) {
            let mut sent = opens(peer.as4, add_path.unwrap_or(has_path_ids));
            let updates = peer.updates.iter().filter_map(|raw| form(raw, peer.as4));
            sent.extend(updates.map(|raw| Sent { direction: 0, raw }));
            let (updates, unsure) = compare(&format!("{name} {}", peer.name), &sent, false);
            compared += updates;
            doubtful += unsure;
        }
    }
    Some((compared, doubtful))
}

/// Real plain UPDATEs, most of 2007 with two-octet AS numbers: none is taken for ADD-PATH.
#[test]
fn archives_read_the_same_without_opens() {
    let Some((compared, doubtful)) = compare_archives(None, |raw, _| Some(raw.to_vec())) else {
        return;
    };
    assert!(compared > 5000, "{compared} UPDATEs");
    assert_eq!(doubtful, 0, "of {compared}");
}

/// The same routes with path identifiers of many kinds.
#[test]
fn archives_with_path_identifiers_read_the_same_without_opens() {
    for ids in Ids::ALL {
        let number = std::cell::Cell::new(0);
        let marked = compare_archives(Some(true), |raw, as4| {
            let mut at = number.get();
            let marked = recut::with_path_ids(raw, as4, ids, &mut at);
            number.set(at);
            marked
        });
        let Some((compared, doubtful)) = marked else {
            return;
        };
        assert!(compared > 4500, "{ids:?}: {compared} UPDATEs");
        assert_eq!(doubtful, 0, "{ids:?}: of {compared}");
    }
}

/// As an identifier that is itself a prefix: 0x18010203 reads as 1.2.3.0/24. What gives it away is
/// that the same prefix comes again before the next route. A message with one route reads well
/// either way, and there is no telling.
#[test]
fn an_identifier_that_looks_like_a_prefix_is_found_out_where_it_repeats() {
    let ids = Ids::Same(0x1801_0203);
    let marked = compare_archives(Some(true), |raw, as4| {
        let telling = !recut::holds_one_alone(raw, as4);
        let mark = || recut::with_path_ids(raw, as4, ids, &mut 0);
        telling.then(mark).flatten()
    });
    let Some((compared, doubtful)) = marked else {
        return;
    };
    assert!(compared > 1000, "{compared} UPDATEs");
    assert_eq!(doubtful, 0, "of {compared}");
}
