//! Messages found in the tests of other projects, with the width of their AS numbers.

use std::collections::BTreeMap;

use bgptap::bgp::{Context, Message};

use crate::{bytes, corpus, lines};

/// The end of a vector whose AS_PATH is `{0,32934}`.
const AS_0_IN_A_SET: &[u8] = &[0x40, 2, 6, 1, 2, 0, 0, 0x80, 0xa6, 16, 4, 5];

#[test]
fn messages_from_the_tests_of_other_projects_have_the_stated_as_width() {
    let Some(corpus) = corpus() else { return };
    let mut counts = BTreeMap::<_, u64>::new();
    let vectors = lines(&corpus.join("hex/split/A-messages.jsonl"));
    for vector in vectors.iter().filter(|vector| vector["type"] == 2) {
        let raw = bytes(vector["hex"].as_str().unwrap());
        let context = |as4| Context {
            as4,
            ..Context::assumed()
        };
        let readable = |as4| match Message::parse(&raw, &context(as4)) {
            Ok(Message::Update(update)) => update.as_path().is_some(),
            _ => false,
        };
        let place = || format!("{}:{}", vector["path"], vector["line"]);
        let width = vector["as_width"].as_str().unwrap();
        if vector["truncated"] == true {
            assert!(Message::parse(&raw, &context(true)).is_err(), "{}", place());
            continue;
        }
        let stated = match width {
            // RFC 7607 §2: a set with AS 0 is malformed in either width.
            "2" if raw.ends_with(AS_0_IN_A_SET) => (false, false),
            "2" => (true, false),
            "4" => (false, true),
            _ => continue,
        };
        assert_eq!((readable(false), readable(true)), stated, "{}", place());
        *counts.entry(width.to_owned()).or_default() += 1;
    }
    eprintln!("{counts:?}");
    assert!(
        counts["4"] > 40 && counts["2"] > 15,
        "the vectors are there"
    );
}
