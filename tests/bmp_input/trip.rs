//! There and back: what bgptap tells a station of a capture is read from a capture of that.

use super::run;
use super::station::{Messages, Station};
use super::support::encode::Frame;
use super::support::frames::{self, ETHERNET};
use super::support::segments::Seg;
use super::support::{Scratch, read, recording};
use serde_json::Value;
use std::collections::BTreeMap;

/// Who spoke to whom, and what of it could be used.
type Said = BTreeMap<(String, String), Vec<String>>;

fn updates(events: &[Value]) -> Said {
    let mut said = Said::new();
    let good = |event: &&Value| event["type"] == "UPDATE" && event.get("errors").is_none();
    for event in events.iter().filter(good) {
        let text = |name: &str| event[name].as_str().unwrap().to_owned();
        // The bytes, and what was read in them: where path identifiers are taken for prefixes, that differs.
        let read = format!(
            "{} {} {}",
            text("raw"),
            event["announcements"],
            event["withdrawals"]
        );
        said.entry((text("peer"), text("local")))
            .or_default()
            .push(read);
    }
    said
}

/// Each connection as a stream of segments: of a router to the station, from ports of their own.
fn capture(connections: &[Messages]) -> Vec<Frame> {
    let mut frames = Vec::new();
    for (number, messages) in connections.iter().enumerate() {
        let stream = messages.concat();
        let mut segments = vec![Seg::new(0, 2, 0, 0, &[])];
        let parts = stream.chunks(1400).enumerate();
        segments.extend(parts.map(|(at, part)| Seg::new(0, 0x18, 1 + (at * 1400) as u32, 0, part)));
        for segment in segments {
            let mut bytes = segment.frame(0);
            // The router's address: of each connection another.
            bytes[14 + 15] = 100 + number as u8;
            frames.push(Frame {
                ns: 1_700_000_000_000_000_000 + frames.len() as u64 * 1000,
                wire_len: bytes.len() as u32,
                link: ETHERNET,
                bytes,
            });
        }
    }
    frames
}

/// Every router tells what it has received and sent, so each UPDATE comes twice, and is told once. UPDATEs with
/// errors go by Route Mirroring and as what they withdraw (RFC 7606 §2): those alone may be different.
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
        let mut told = told[&side].iter();
        for update in &said {
            assert!(told.any(|one| one == update), "{side:?}: {update}");
            compared += 1;
        }
    }
    assert!(compared > 3000, "{compared}");
}
