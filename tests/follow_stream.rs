//! The bytes of each direction against tshark's "follow TCP stream".
//!
//! The captures are other projects' cases for reassembly, most of them HTTP: there the number of
//! contiguous bytes is compared, since no byte of them is a BGP message. Where they carry BGP, the
//! messages one after the other must be tshark's bytes.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use serde_json::Value;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

const ONE_SIDED: &str = "RFC 9293 §3.4: the numbers behind the hole are certain even though no acknowledgement is seen; \
    bgptap reports the hole and goes on behind it, tshark stops before it, for want of one";

/// Directions that differ: file, port of the sender, why.
const ALLOWED: &[(&str, u16, &str)] = &[(
    "unidirectional_tcp_stream_with_missing_packet.pcap",
    61541,
    ONE_SIDED,
)];

/// What tshark shows of one connection: each side with the bytes it sent.
struct Followed {
    sides: [(SocketAddr, Side); 2],
}

/// What one side sent.
#[derive(Default)]
struct Side {
    bytes: Vec<u8>,
    /// Bytes that tshark says are missing.
    missing: u64,
}

impl Side {
    /// Takes a line, which for a hole is a sentence in place of the bytes.
    fn take(&mut self, line: Vec<u8>) {
        let said = std::str::from_utf8(&line).ok();
        let said = said.and_then(|text| text.strip_prefix('['));
        let said = said.and_then(|text| text.strip_suffix(" bytes missing in capture file]\0"));
        match said.and_then(|count| count.parse::<u64>().ok()) {
            Some(count) => self.missing += count,
            None => self.bytes.extend(line),
        }
    }
}

fn tshark(file: &Path, arguments: &[&str]) -> String {
    let output = Command::new("tshark")
        .arg("-r")
        .arg(file)
        .args(arguments)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}: {output:?}", file.display());
    String::from_utf8(output.stdout).unwrap()
}

fn unhex(text: &str) -> Vec<u8> {
    let digits = (0..text.len()).step_by(2);
    digits
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}

/// One connection; `None` for what is only quoted, in an ICMP error.
fn follow(file: &Path, number: u32) -> Option<Followed> {
    let text = tshark(file, &["-q", "-z", &format!("follow,tcp,raw,{number}")]);
    let node = |which: &str| {
        let mut lines = text.lines();
        let address = lines.find_map(|line| line.strip_prefix(which))?;
        // An IPv6 address stands in brackets or not, by version.
        let (address, port) = address.rsplit_once(':')?;
        let address = address.trim_matches(['[', ']']).parse().ok()?;
        Some(SocketAddr::new(address, port.parse().ok()?))
    };
    let mut sides = [
        (node("Node 0: ")?, Side::default()),
        (node("Node 1: ")?, Side::default()),
    ];
    for line in text.lines() {
        let (side, digits) = match line.strip_prefix('\t') {
            Some(digits) => (1, digits),
            None => (0, line),
        };
        if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            sides[side].1.take(unhex(digits));
        }
    }
    Some(Followed { sides })
}

fn streams(file: &Path) -> BTreeSet<u32> {
    let text = tshark(file, &["-T", "fields", "-e", "tcp.stream"]);
    let numbers = text.split([',', '\n']).filter(|part| !part.is_empty());
    numbers.map(|number| number.parse().unwrap()).collect()
}

/// What bgptap says of the same file.
struct Read {
    events: Vec<Value>,
    summary: Value,
}

fn bgptap(file: &Path, ports: &BTreeSet<u16>) -> Read {
    let scratch = support::Scratch::new("follow");
    let summary = scratch.path("summary.json");
    let mut command = Command::new(env!("CARGO_BIN_EXE_bgptap"));
    command.args(["read", "--json", "-", "--raw", "--summary"]);
    command.arg(&summary).arg(file);
    for port in ports {
        command.args(["--port", &port.to_string()]);
    }
    let output = command.output().unwrap();
    assert!(
        matches!(output.status.code(), Some(0 | 1)),
        "{}: {output:?}",
        file.display()
    );
    let events = std::str::from_utf8(&output.stdout).unwrap().lines();
    Read {
        events: events
            .map(|line| serde_json::from_str(line).unwrap())
            .collect(),
        summary: serde_json::from_slice(&std::fs::read(summary).unwrap()).unwrap(),
    }
}

fn is_way(value: &Value, from: SocketAddr, to: SocketAddr) -> bool {
    let is = |addr: &str, port: &str, end: SocketAddr| {
        value[addr] == end.ip().to_string() && value[port] == u64::from(end.port())
    };
    is("peer", "peer_port", from) && is("local", "local_port", to)
}

impl Read {
    /// Contiguous bytes of a direction, and those missing in gaps.
    fn bytes(&self, from: SocketAddr, to: SocketAddr) -> (u64, u64) {
        let directions = self.summary["directions"].as_array().unwrap().iter();
        let found = directions.filter(|direction| is_way(direction, from, to));
        found.fold((0, 0), |(bytes, gaps), direction| {
            let of = |name: &str| direction[name].as_u64().unwrap();
            let more = of("decoded") + of("skipped") + of("quarantined") + of("pending");
            (bytes + more, gaps + of("gap"))
        })
    }

    /// All messages of a direction, one after the other.
    fn messages(&self, from: SocketAddr, to: SocketAddr) -> Vec<u8> {
        let events = self.events.iter();
        let of_way = events.filter(|event| is_way(event, from, to));
        of_way
            .filter_map(|event| event["raw"].as_str())
            .flat_map(unhex)
            .collect()
    }
}

/// How a direction differs from tshark's; `None` if it does not.
fn difference(
    read: &Read,
    followed: &Side,
    from: SocketAddr,
    to: SocketAddr,
    bgp: bool,
) -> Option<String> {
    let (bytes, gaps) = read.bytes(from, to);
    if (bytes, gaps) != (followed.bytes.len() as u64, followed.missing) {
        return Some(format!(
            "tshark has {} bytes and misses {}, bgptap {bytes} and {gaps}",
            followed.bytes.len(),
            followed.missing
        ));
    }
    if gaps == 0 && bgp {
        let messages = read.messages(from, to);
        let rest = followed.bytes.strip_prefix(messages.as_slice());
        // What is left is the beginning of a message that the capture does not end.
        if rest.is_none_or(|rest| rest.len() >= message_length(rest)) {
            return Some(format!("{} bytes of messages differ", messages.len()));
        }
    }
    None
}

/// How long the message at the beginning is, or would be.
fn message_length(bytes: &[u8]) -> usize {
    match bytes.get(16..18) {
        Some(length) => usize::from(u16::from_be_bytes([length[0], length[1]])),
        None => usize::MAX,
    }
}

#[test]
fn streams_are_what_tshark_follows() {
    let Some(files) = support::corpus() else {
        return;
    };
    if !support::have("tshark") {
        return;
    }
    let (mut directions, mut total) = (0, 0);
    let mut used = BTreeSet::new();
    let mut unlisted = Vec::new();
    let of_folder = |file: &&std::path::PathBuf| {
        let path = file.to_string_lossy();
        path.contains("/pcap/tcp/") || path.contains("/pcap/transplant/")
    };
    for file in files.iter().filter(of_folder) {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        let bgp = file.to_string_lossy().contains("/pcap/transplant/");
        let followed: Vec<_> = streams(file)
            .into_iter()
            .filter_map(|number| follow(file, number))
            .collect();
        let ends = followed.iter().flat_map(|one| &one.sides);
        let ports = ends.map(|(address, _)| address.port()).collect();
        let read = bgptap(file, &ports);
        assert_eq!(read.summary["unaccounted"]["bytes"], 0, "{name}");
        for Followed {
            sides: [left, right],
        } in &followed
        {
            for ((from, side), (to, _)) in [(left, right), (right, left)] {
                directions += 1;
                total += side.bytes.len();
                let Some(what) = difference(&read, side, *from, *to, bgp) else {
                    continue;
                };
                println!("{name}: {from}: {what}");
                let listed = |entry: &&(&str, u16, &str)| entry.0 == name && entry.1 == from.port();
                match ALLOWED.iter().find(listed) {
                    Some(entry) => {
                        used.insert((entry.0, entry.1));
                    }
                    None => unlisted.push(format!("{name}: {from}: {what}")),
                }
            }
        }
    }
    println!("{directions} directions, {total} bytes");
    assert!(unlisted.is_empty(), "{}", unlisted.join("\n"));
    for (file, port, why) in ALLOWED {
        let still = used.contains(&(*file, *port));
        assert!(still, "no difference any more: {file} {port}: {why}");
    }
    assert!(directions > 50 && total > 100_000);
}
