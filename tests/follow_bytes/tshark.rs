//! What tshark says of a capture: its segments, and each stream as it follows it.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use std::process::Command;

/// A TCP segment as tshark dissects it, behind tunnels and fragments.
#[derive(Clone, Debug)]
pub(crate) struct Segment {
    pub ns: u64,
    /// Number of the connection.
    pub stream: usize,
    /// Address and port, as in [`Followed`].
    pub sender: String,
    pub seq: u32,
    pub ack: u32,
    pub flags: u8,
    pub payload: Vec<u8>,
    /// Bytes that were sent; more than `payload` holds if the capture cut the frame.
    pub length: usize,
}

/// A part of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Bytes(Vec<u8>),
    /// So many bytes are missing.
    Missing(u64),
}

/// What each sender of each stream said, neighbouring bytes in one part.
pub(crate) type Followed = BTreeMap<(usize, String), Vec<Part>>;

/// Puts the frames of a capture in the order of their times.
pub(crate) fn reorder(from: &Path, to: &Path) {
    output(Command::new("reordercap").arg(from).arg(to));
}

/// Streams that the first run follows; few captures have more.
const STREAMS: usize = 4;

/// The segments of a capture, in the order of its frames, and its streams as tshark follows them.
pub(crate) fn read(file: &Path) -> (Vec<Segment>, Followed) {
    let mut command = Command::new("tshark");
    command.args(["-n", "-r"]).arg(file);
    command.args(["-Y", "tcp && !icmp && !icmpv6"]);
    command.args(["-o", "tcp.relative_sequence_numbers:FALSE"]);
    command.args(["-T", "fields", "-E", "occurrence=l"]);
    for field in [
        "frame.time_epoch",
        "tcp.stream",
        "ip.src",
        "ipv6.src",
        "tcp.srcport",
        "tcp.seq_raw",
        "tcp.ack_raw",
        "tcp.flags",
        "tcp.len",
        "tcp.payload",
    ] {
        command.args(["-e", field]);
    }
    let text = output(follow(&mut command, 0..STREAMS));
    let (fields, follows) = text.split_once("\n==").unwrap_or((&text, ""));
    let segments: Vec<_> = fields.lines().filter_map(segment).collect();
    let mut followed = Followed::new();
    parse(follows, &mut followed);
    let streams = segments.iter().map(|s| s.stream + 1).max().unwrap_or(0);
    if streams > STREAMS {
        let mut command = Command::new("tshark");
        command.args(["-n", "-q", "-r"]).arg(file);
        parse(
            &output(follow(&mut command, STREAMS..streams)),
            &mut followed,
        );
    }
    (segments, followed)
}

fn follow(command: &mut Command, streams: Range<usize>) -> &mut Command {
    for stream in streams {
        command.args(["-z", &format!("follow,tcp,raw,{stream}")]);
    }
    command
}

fn segment(line: &str) -> Option<Segment> {
    let fields: Vec<_> = line.split('\t').collect();
    let [time, stream, v4, v6, port, seq, ack, flags, length, payload] = fields[..] else {
        panic!("unexpected fields: {line}");
    };
    let (seconds, fraction) = time.split_once('.')?;
    let flags = u16::from_str_radix(flags.strip_prefix("0x")?, 16).ok()?;
    let address = if v4.is_empty() { v6 } else { v4 };
    Some(Segment {
        ns: seconds.parse::<u64>().ok()? * 1_000_000_000 + fraction.parse::<u64>().ok()?,
        stream: stream.parse().ok()?,
        sender: format!("{address}:{port}"),
        seq: seq.parse().ok()?,
        ack: ack.parse().unwrap_or(0),
        flags: (flags & 0xff) as u8,
        payload: unhex(payload),
        length: length.parse().ok()?,
    })
}

/// Reads what `follow` prints.
fn parse(text: &str, followed: &mut Followed) {
    let (mut stream, mut nodes) = (0, [String::new(), String::new()]);
    for line in text.lines() {
        if let Some(number) = line.strip_prefix("Filter: tcp.stream eq ") {
            stream = number.parse().unwrap();
        } else if let Some(node) = line.strip_prefix("Node 0: ") {
            nodes[0] = node.replace(['[', ']'], "");
        } else if let Some(node) = line.strip_prefix("Node 1: ") {
            nodes[1] = node.replace(['[', ']'], "");
        } else if !line.is_empty() && !line.starts_with(['=', 'F']) {
            let sender = nodes[usize::from(line.starts_with('\t'))].clone();
            let parts = followed.entry((stream, sender)).or_default();
            add(parts, part(unhex(line.trim())));
        }
    }
}

/// tshark writes a text into the stream where bytes are missing.
fn part(bytes: Vec<u8>) -> Part {
    let text = std::str::from_utf8(&bytes).unwrap_or_default();
    let missing = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(" bytes missing in capture file]\0"))
        .and_then(|number| number.parse().ok());
    missing.map_or(Part::Bytes(bytes), Part::Missing)
}

/// Adds a part; what adjoins becomes one.
pub(crate) fn add(parts: &mut Vec<Part>, part: Part) {
    match (parts.last_mut(), part) {
        (Some(Part::Bytes(known)), Part::Bytes(more)) => known.extend(more),
        (Some(Part::Missing(known)), Part::Missing(more)) => *known += more,
        (_, part) => parts.push(part),
    }
}

pub(crate) fn unhex(text: &str) -> Vec<u8> {
    let digits = text.as_bytes().as_chunks::<2>().0;
    let byte = |pair: &[u8; 2]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.iter().map(byte).collect()
}

fn output(command: &mut Command) -> String {
    let output = command.output().unwrap();
    // It also fails over a capture that ends in the middle of a frame, after having read all before.
    String::from_utf8_lossy(&output.stdout).into_owned()
}
