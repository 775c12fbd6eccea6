//! There and back: what bgptap tells a station of a capture is read from a capture of that.

use super::run;
use super::station::{Messages, Station};
use super::support::encode::Frame;
use super::support::frames::{self, ETHERNET};
use super::support::segments::Seg;
use super::support::{Scratch, read, recording};
use serde_json::Value;
use std::collections::BTreeMap;

/// Octets of the common header (RFC 7854 §4.1), and where in the per-peer header the time is (§4.2).
const COMMON: usize = 6;
const TIME: usize = COMMON + 34;

/// What was said from whom to whom, in order.
type Said = BTreeMap<(String, String), Vec<Update>>;

struct Update {
    /// The bytes, and what was read in them: where path identifiers are taken for prefixes, that differs.
    read: String,
    announces: bool,
    has_errors: bool,
}

fn updates(events: &[Value]) -> Said {
    let mut said = Said::new();
    for event in events.iter().filter(|event| event["type"] == "UPDATE") {
        let text = |name: &str| event[name].as_str().unwrap().to_owned();
        let (announced, withdrawn) = (&event["announcements"], &event["withdrawals"]);
        let update = Update {
            read: format!("{} {announced} {withdrawn}", text("raw")),
            announces: !announced.is_null(),
            has_errors: event.get("errors").is_some(),
        };
        let sender = (text("peer"), text("local"));
        said.entry(sender).or_default().push(update);
    }
    said
}

/// When a message tells to have happened what it tells, microseconds; none of a router as a whole.
fn time(message: &[u8]) -> Option<u64> {
    if !matches!(message[COMMON - 1], 0..=3 | 6) {
        return None;
    }
    let number = |at: usize| {
        let octets = message[at..at + 4].try_into().unwrap();
        u64::from(u32::from_be_bytes(octets))
    };
    Some(number(TIME) * 1_000_000 + number(TIME + 4)).filter(|time| *time > 0)
}

/// The connections, each of a router of its own to the station, as they would be captured: in the order of what they
/// tell.
fn capture(connections: &[Messages]) -> Vec<Frame> {
    let mut messages = Vec::new();
    for (router, connection) in connections.iter().enumerate() {
        let mut now = 0;
        for message in connection {
            now = time(message).unwrap_or(0).max(now);
            messages.push((now, router, message.as_slice()));
        }
    }
    messages.sort_by_key(|(time, ..)| *time);
    let mut segments: Vec<_> = (0..connections.len())
        .map(|router| (router, Seg::new(0, 2, 0, 0, &[])))
        .collect();
    let mut next = vec![1; connections.len()];
    for (_, router, message) in messages {
        for part in message.chunks(1400) {
            segments.push((router, Seg::new(0, 0x18, next[router], 0, part)));
            next[router] += part.len() as u32;
        }
    }
    let frames = segments.iter().zip(0u64..);
    let frames = frames.map(|((router, segment), number)| {
        let mut bytes = segment.frame(0);
        // The router's address: of each connection another.
        bytes[14 + 15] = 100 + *router as u8;
        Frame {
            ns: 1_700_000_000_000_000_000 + number * 1000,
            wire_len: bytes.len() as u32,
            link: ETHERNET,
            bytes,
        }
    });
    frames.collect()
}

/// Every router tells what it has received and sent, so each UPDATE comes twice, and is told once. UPDATEs with
/// errors go by Route Mirroring and as what they withdraw (RFC 7606 §2): that alone is different.
#[test]
fn what_a_station_was_told_is_what_the_routers_said() {
    let scratch = Scratch::new("bmp-trip");
    let station = Station::start();
    let address = station.address.to_string();
    let output = run(recording(), &["--bmp", &address, "--json", "/dev/null"]);
    assert!(output.status.success(), "{output:?}");
    let connections = station.finish();
    let file = frames::write(&capture(&connections), &scratch, "bmp.pcap");

    let original = updates(&read::read(recording(), &[]).events);
    let back = read::read(&file, &["--bmp-port", "179", "--port", "1179"]).events;
    let with_path_ids = back
        .iter()
        .filter(|event| event["context"]["add_path"] != serde_json::json!([]));
    assert!(
        with_path_ids.count() > 1000,
        "most sessions of the lab have path identifiers"
    );
    let told = updates(&back);
    assert_eq!(
        told.keys().collect::<Vec<_>>(),
        original.keys().collect::<Vec<_>>()
    );
    let mut compared = 0;
    for (side, said) in original {
        let told = &told[&side];
        assert_eq!(told.len(), said.len(), "{side:?}");
        for (told, said) in told.iter().zip(&said) {
            if said.has_errors {
                assert!(
                    !told.announces && !told.has_errors,
                    "{side:?}: {}",
                    told.read
                );
            } else {
                assert_eq!(told.read, said.read, "{side:?}");
                compared += 1;
            }
        }
    }
    assert!(compared > 3000, "{compared}");
}
