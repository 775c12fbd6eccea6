//! Attributes that the truth files leave out, as tcpdump and tshark print them.

use bgptap::bgp::attribute::{Aigp, AttrSet, OnlyToCustomer};
use bgptap::bgp::{Context, Message, Update};
use serde_json::{Value, json};

use crate::{bytes, corpus, lines};

/// What someone else says about an attribute of a message.
struct Quoted {
    file: &'static str,
    message: u64,
    as4: bool,
    ours: fn(&Update<'_>) -> Value,
    theirs: &'static str,
    who: &'static str,
}

const QUOTED: [Quoted; 4] = [
    Quoted {
        file: "bgp_tcpdump_bgp-aigp-2.pcap",
        message: 1,
        as4: true,
        ours: |update| json!(update.get::<Aigp<'_>>()),
        theirs: r#"{ "metric": 4294967295 }"#,
        who: "tshark 4.0 -V: AIGP Accumulated IGP Metric: 4294967295",
    },
    Quoted {
        file: "bgp_tcpdump_bgp-role.pcapng",
        message: 3,
        as4: true,
        ours: |update| json!(update.get::<OnlyToCustomer>()),
        theirs: "65001",
        who: "tcpdump -vv: Unknown Attribute (35), 0000 fde9",
    },
    Quoted {
        file: "bgp_tcpdump_bgp_vpn_attrset.pcap",
        message: 1,
        as4: true,
        ours: |update| json!(update.get::<AttrSet<'_>>()),
        theirs: r#"{
            "origin_as": 65001, "origin": "igp", "path": [5555], "local_pref": 44,
            "originator_id": "22.5.5.5", "cluster_list": ["22.5.5.5"]
        }"#,
        who: "tcpdump -vv: Origin AS: 65001, IGP, 5555, 44, 22.5.5.5, 22.5.5.5",
    },
    Quoted {
        file: "bgp_tcpdump_bgp-4byte-asn.pcap",
        message: 5,
        as4: false,
        ours: |update| json!(update.path()),
        theirs: "[200, 1, 222222, 333333, 4294967290]",
        who: "RFC 6793 §4.2.3 of tshark's 200 1 23456 23456 23456 and 1 222222 333333 4294967290",
    },
];

#[test]
fn attributes_beyond_the_truth_files() {
    let Some(corpus) = corpus() else { return };
    for quoted in QUOTED {
        let (file, number) = (quoted.file, quoted.message);
        let messages = lines(&corpus.join(format!("truth/{file}.jsonl")));
        let message = messages.iter().find(|message| message["n"] == number);
        let raw = bytes(message.expect("in the file")["raw"].as_str().unwrap());
        let context = Context {
            as4: quoted.as4,
            ..Context::assumed()
        };
        let Ok(Message::Update(update)) = Message::parse(&raw, &context) else {
            panic!("{file} {number} is no UPDATE");
        };
        let theirs: Value = serde_json::from_str(quoted.theirs).expect("JSON");
        assert_eq!(
            (quoted.ours)(&update),
            theirs,
            "{file} {number}: {}",
            quoted.who
        );
    }
}
