//! What live captures write, in each mode that the summary tells of, and what listeners at `/events` hear.
#![cfg(feature = "capture")]

use super::{have_validator, refused, validate};
use crate::support::http;
use crate::support::net::{Live, Net, TAP, allowed};
use crate::support::synth::Synth;
use crate::support::talk::Talk;
use crate::support::{Scratch, recording};
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;

const HTTP: &str = "127.0.0.1:9180";

/// The summary's own octets, as validated as JSON: what `live` has written.
fn validate_summary(scratch: &Scratch, summary: &Value) {
    let line = scratch.write("summary.line", summary.to_string().as_bytes());
    assert_eq!(validate("summary.schema.json", &line), 1);
}

/// A listener at `/events`, from now on.
fn listen(net: &Net) -> BufReader<TcpStream> {
    let stream = Net::within(&net.mon, || TcpStream::connect(HTTP).unwrap());
    let ask = "GET /events HTTP/1.0\r\nHost: localhost\r\n\r\n";
    (&stream).write_all(ask.as_bytes()).unwrap();
    let mut reader = BufReader::new(stream);
    // The head comes once it is known that somebody listens.
    let mut line = String::new();
    while line != "\r\n" {
        line.clear();
        reader.read_line(&mut line).unwrap();
    }
    reader
}

/// What is asked by paths of HTTP.
fn validate_answers(net: &Net, scratch: &Scratch) {
    let address = HTTP.parse().unwrap();
    let ask = |path: &str| Net::within(&net.mon, || http::one(address, path));
    let (sessions, status) = (ask("/sessions"), ask("/status"));
    let told = sessions["sessions"].as_array().unwrap();
    assert!(told.len() > 3, "{sessions}");
    let ids = told
        .iter()
        .map(|session| session["session"].as_str().unwrap());
    // Those that are over have none.
    let (tables, without): (Vec<_>, Vec<_>) = ids
        .map(|id| {
            let path = format!("/rib?session={id}");
            let (status, answer) = Net::within(&net.mon, || http::get(address, "localhost", &path));
            (path, status, answer)
        })
        .partition(|(_, status, _)| *status == 200);
    assert!(without.iter().all(|(_, status, _)| *status == 404));
    let mut answers = Vec::new();
    for (path, _, answer) in tables {
        for table in answer["tables"].as_array().unwrap() {
            let [peer, afi, safi] = ["peer", "afi", "safi"].map(|key| &table[key]);
            let peer = peer.as_str().unwrap();
            answers.push(ask(&format!("{path}&peer={peer}&afi={afi}&safi={safi}")));
        }
        answers.push(answer);
    }
    assert!(answers.iter().any(|answer| answer["routes"][0].is_object()));
    answers.extend([sessions, status]);
    let lines: Vec<_> = answers.iter().map(Value::to_string).collect();
    let file = scratch.write("answers", lines.join("\n").as_bytes());
    assert_eq!(validate("http.schema.json", &file), answers.len());
    for answer in &mut answers {
        answer["more"] = 1.into();
        assert!(refused("http.schema.json", scratch, answer), "{answer}");
    }
    let mut sessions = answers.swap_remove(answers.len() - 2);
    sessions["sessions"][0]["directions"][0]["tcp"]["more"] = 1.into();
    sessions.as_object_mut().unwrap().remove("more");
    assert!(refused("http.schema.json", scratch, &sessions));
}

#[test]
fn a_capture_and_whoever_listens_to_it_say_what_the_schemas_say() {
    if !allowed() || !have_validator() {
        return;
    }
    let (net, scratch) = (Net::new(), Scratch::new("schema-live"));
    let live = Live::start(&net.mon, TAP, &scratch, &["--raw", "--http", HTTP]);
    let mut listener = listen(&net);
    net.replay(recording(), &["--speed", "8"]);
    validate_answers(&net, &scratch);
    let summary = live.stop();
    let mut heard = Vec::new();
    listener.read_to_end(&mut heard).unwrap();
    let heard = scratch.write("heard", &heard);
    assert!(validate("event.schema.json", &heard) > 1000);
    assert_eq!(summary["capture"][0]["backend"], "xdp");
    validate_summary(&scratch, &summary);
}

#[test]
fn a_tap_writes_what_the_schema_says() {
    if !allowed() || !have_validator() {
        return;
    }
    let (net, scratch) = (Net::new(), Scratch::new("schema-tap"));
    let mut talk = Talk::start(&net);
    let live = Live::start(&net.mon, TAP, &scratch, &["--tap"]);
    talk.exchange(100);
    let summary = live.stop();
    assert!(
        summary["tap"][0]["egress"]["copied"].as_u64() > Some(0),
        "{summary}"
    );
    validate_summary(&scratch, &summary);
    let mut more = summary;
    more["tap"][0]["egress"]["more"] = 1.into();
    assert!(refused("summary.schema.json", &scratch, &more));
}

/// Forty thousand frames into a ring of 64 KiB that nobody looks after meanwhile.
#[test]
fn a_ring_that_stood_still_is_told_as_the_schema_says() {
    if !allowed() || !have_validator() {
        return;
    }
    let (net, scratch) = (Net::new(), Scratch::new("schema-ring"));
    let more = ["--backend", "af-packet", "--ring", "64"];
    let live = Live::start(&net.mon, TAP, &scratch, &more);
    live.signal("STOP");
    net.replay(&many_frames(&scratch), &["--rate", "30000"]);
    live.signal("CONT");
    let summary = live.stop();
    assert!(summary["frames"]["freezes"].as_u64() > Some(0), "{summary}");
    assert_eq!(summary["capture"][0]["backend"], "af-packet");
    validate_summary(&scratch, &summary);
    let mut more = summary;
    more["capture"][0]["native"] = true.into();
    assert!(
        refused("summary.schema.json", &scratch, &more),
        "that is XDP's"
    );
}

fn many_frames(scratch: &Scratch) -> PathBuf {
    let shape = Synth {
        frames: 30_000,
        sessions: 4,
        gap_ns: 1000,
    };
    let mut file = Vec::new();
    shape.write(&mut file).unwrap();
    scratch.write("many.pcap", &file)
}
