//! The TCP figures of the summary against tshark's analysis of the same captures.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

/// What tshark has found about the sender of one direction.
#[derive(Debug, Default)]
struct Analysis {
    mss: Option<u64>,
    /// Each time from this sender's data to their acknowledgement, microseconds.
    rtts: Vec<f64>,
    segment_max: u64,
    zero_windows: u64,
    retransmissions: u64,
}

/// Sender's address and port, then the receiver's.
type Way = (String, u64, String, u64);

fn tshark(file: &Path) -> BTreeMap<Way, Analysis> {
    const FIELDS: [&str; 13] = [
        "ip.src",
        "ipv6.src",
        "tcp.srcport",
        "ip.dst",
        "ipv6.dst",
        "tcp.dstport",
        "tcp.options.mss_val",
        "tcp.analysis.ack_rtt",
        "tcp.len",
        "tcp.analysis.zero_window",
        "tcp.analysis.retransmission",
        "tcp.analysis.spurious_retransmission",
        "tcp.flags.syn",
    ];
    let mut command = Command::new("tshark");
    command.arg("-r").arg(file).args(["-Y", "tcp.port == 179"]);
    command.args(["-T", "fields", "-E", "occurrence=l"]);
    for field in FIELDS {
        command.args(["-e", field]);
    }
    let output = command.output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let mut ways: BTreeMap<Way, Analysis> = BTreeMap::new();
    for line in text.lines() {
        let field: Vec<_> = line.split('\t').collect();
        let address = |v4: usize, v6: usize| {
            let text = if field[v4].is_empty() {
                field[v6]
            } else {
                field[v4]
            };
            text.to_owned()
        };
        let number = |at: usize| field[at].parse::<u64>().ok();
        let (Some(source), Some(target)) = (number(2), number(5)) else {
            continue;
        };
        let way = (address(0, 1), source, address(3, 4), target);
        let back = (way.2.clone(), target, way.0.clone(), source);
        let side = ways.entry(way).or_default();
        side.mss = number(6).or(side.mss);
        side.segment_max = side.segment_max.max(number(8).unwrap_or(0));
        side.zero_windows += u64::from(!field[9].is_empty());
        let again = !field[10].is_empty() || !field[11].is_empty();
        side.retransmissions += u64::from(again && number(8).unwrap_or(0) > 1);
        if let Ok(seconds) = field[7].parse::<f64>() {
            ways.entry(back).or_default().rtts.push(seconds * 1e6);
        }
    }
    ways
}

fn summary(file: &Path) -> Value {
    let output = Command::new(env!("CARGO_BIN_EXE_bgptap"))
        .arg("read")
        .arg(file)
        .args(["--summary", "-"])
        .output()
        .unwrap();
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Every figure that both tools have: the MSS, the longest segment, whether a window was closed, and
/// round-trip times within those that tshark measured, for each acknowledgement.
#[test]
fn figures_agree_with_tshark() {
    let recording = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/lab-session.pcap");
    let mut files = vec![recording];
    if let Some(corpus) = support::corpus() {
        let plain = |file: &&std::path::PathBuf| {
            let path = file.to_string_lossy();
            path.contains("/pcap/bgp/") && !path.contains("Fuzz") && !path.contains("fuzz")
        };
        files.extend(corpus.iter().filter(plain).cloned());
    }
    if !support::have("tshark") {
        return;
    }
    let (mut directions, mut timed, mut sizes) = (0, 0, 0);
    for file in &files {
        let analysis = tshark(file);
        let summary = summary(file);
        let all = summary["directions"].as_array().unwrap();
        // Where ports were used again, tshark's figures are those of several connections.
        let once = |this: &&Value| {
            let same = |other: &&Value| {
                ["peer", "peer_port", "local", "local_port"]
                    .iter()
                    .all(|key| this[*key] == other[*key])
            };
            all.iter().filter(same).count() == 1
        };
        for direction in all.iter().filter(once) {
            let text = |key: &str| direction[key].as_str().unwrap().to_owned();
            let port = |key: &str| direction[key].as_u64().unwrap();
            let way = (
                text("peer"),
                port("peer_port"),
                text("local"),
                port("local_port"),
            );
            let Some(theirs) = analysis.get(&way) else {
                continue;
            };
            let ours = &direction["tcp"];
            let name = format!("{} {way:?}", file.display());
            directions += 1;
            assert_eq!(ours["mss"].as_u64(), theirs.mss, "{name}: MSS");
            if theirs.segment_max > 0 {
                sizes += 1;
                assert_eq!(ours["segment_max"], theirs.segment_max, "{name}");
            }
            let closed = ours["zero_windows"].as_u64().unwrap() > 0;
            assert_eq!(closed, theirs.zero_windows > 0, "{name}: zero window");
            let samples = ours["rtt"]["samples"].as_u64().unwrap();
            // In some files frames stand in another order than they came in, so that an
            // acknowledgement precedes its data and the next one is far away.
            let ordered = ours["out_of_order"] == 0 && direction["gap"] == 0;
            if ordered && theirs.retransmissions > 0 {
                let again =
                    ["retransmitted", "mirror_copies"].map(|key| ours[key].as_u64().unwrap());
                assert!(again.iter().sum::<u64>() > 0, "{name}: {ours} {theirs:?}");
            }
            if samples > 0 && ordered {
                timed += 1;
                let least = theirs.rtts.iter().copied().fold(f64::MAX, f64::min);
                let most = theirs.rtts.iter().copied().fold(0.0, f64::max);
                let rtt = |key: &str| ours["rtt"][key].as_f64().unwrap();
                assert!(rtt("min_us") + 1.0 >= least, "{name}: {ours} {least}");
                assert!(rtt("smoothed_us") <= most + 1.0, "{name}: {ours} {most}");
                assert!(samples <= theirs.rtts.len() as u64, "{name}");
            }
        }
    }
    println!("{directions} directions, {timed} with round-trip times, {sizes} with data");
    assert!(directions > 40 && timed > 20, "{directions}, {timed}");
}
