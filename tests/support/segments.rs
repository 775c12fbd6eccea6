//! TCP segments made by hand, and a worker that they are put into.

use bgptap::capture::{Captured, Frame, LinkType, Stamp, StampSource};
use bgptap::config::Limits;
use bgptap::filter::Selection;
use bgptap::sink::metrics::Metrics;
use bgptap::sink::outputs::{JsonLines, Outputs};
use bgptap::sink::totals;
use bgptap::sink::writer::{WhenFull, Writer};
use bgptap::wire::Ports;
use bgptap::worker::{Memory, Worker};
use serde_json::Value;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::Instant;

pub const FIN: u8 = 0x01;
pub const SYN: u8 = 0x02;
pub const RST: u8 = 0x04;
pub const ACK: u8 = 0x10;

/// Time of the first segment of a test.
pub const BEGIN_NS: u64 = 1_700_000_000_000_000_000;
pub const MS: u64 = 1_000_000;
pub const S: u64 = 1_000_000_000;

/// A segment between 192.0.2.1 port 40000 (direction 0) and 192.0.2.2 port 179 (direction 1).
#[derive(Clone, Debug)]
pub struct Seg {
    /// 0 or 1.
    pub direction: usize,
    pub flags: u8,
    pub seq: u32,
    pub ack: u32,
    pub window: u16,
    pub options: Vec<u8>,
    pub payload: Vec<u8>,
}

impl Seg {
    pub fn new(direction: usize, flags: u8, seq: u32, ack: u32, payload: &[u8]) -> Self {
        Self {
            direction,
            flags,
            seq,
            ack,
            window: 8192,
            options: Vec::new(),
            payload: payload.to_vec(),
        }
    }

    /// The frame: Ethernet, IPv4 with `id`, TCP.
    pub fn frame(&self, id: u16) -> Vec<u8> {
        let mut options = self.options.clone();
        options.resize(options.len().next_multiple_of(4), 0);
        let total = (40 + options.len() + self.payload.len()) as u16;
        let mut out = vec![2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0, 0x45, 0];
        out.extend(total.to_be_bytes());
        out.extend(id.to_be_bytes());
        out.extend([0x40, 0, 64, 6, 0, 0]);
        let mut ends = [([192, 0, 2, 1], 40_000u16), ([192, 0, 2, 2], 179)];
        if self.direction == 1 {
            ends.reverse();
        }
        out.extend(ends[0].0);
        out.extend(ends[1].0);
        out.extend(ends[0].1.to_be_bytes());
        out.extend(ends[1].1.to_be_bytes());
        out.extend(self.seq.to_be_bytes());
        out.extend(self.ack.to_be_bytes());
        out.extend([((20 + options.len()) as u8) << 2, self.flags]);
        out.extend(self.window.to_be_bytes());
        out.extend([0, 0, 0, 0]);
        out.extend(options);
        out.extend(&self.payload);
        out
    }
}

/// An OPEN with a hold time (RFC 4271 §4.2), without capabilities.
pub fn open(asn: u16, hold_time: u16) -> Vec<u8> {
    let mut body = vec![4];
    body.extend(asn.to_be_bytes());
    body.extend(hold_time.to_be_bytes());
    body.extend([192, 0, 2, asn as u8, 0]);
    message(1, &body)
}

/// The same with capabilities: code and value (RFC 5492 §4).
pub fn open_with(asn: u16, capabilities: &[(u8, &[u8])]) -> Vec<u8> {
    let mut list = Vec::new();
    for (code, value) in capabilities {
        list.extend([*code, value.len() as u8]);
        list.extend_from_slice(value);
    }
    let mut body = vec![4];
    body.extend(asn.to_be_bytes());
    body.extend([0, 180, 192, 0, 2, asn as u8]);
    body.extend([list.len() as u8 + 2, 2, list.len() as u8]);
    body.extend(list);
    message(1, &body)
}

pub fn keepalive() -> Vec<u8> {
    message(4, &[])
}

/// A message with its header.
pub fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut out = vec![0xff; 16];
    out.extend((19 + body.len() as u16).to_be_bytes());
    out.push(kind);
    out.extend(body);
    out
}

/// Bytes of a frame.
pub struct Bytes(Vec<u8>);

impl AsRef<[u8]> for Bytes {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Frame for Bytes {}

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A worker with what it has written.
pub struct Bench {
    pub worker: Worker<Bytes>,
    lines: Lines,
    pub now_ns: u64,
    id: u16,
}

/// What a run came to.
pub struct Told {
    pub lines: Vec<Value>,
    pub directions: Vec<totals::Direction>,
}

impl Bench {
    pub fn new() -> Self {
        let lines = Lines::default();
        let writer = Writer::start(lines.clone(), WhenFull::Wait, 16).unwrap();
        let json = JsonLines {
            writer,
            raw: false,
            format: bgptap::sink::json::Format::Ris,
            selection: Selection::default(),
        };
        let outputs = Outputs::new(Arc::new(Metrics::default()), Some(json), "test".into());
        let limits = Limits::default();
        let memory = Memory::new(&limits).unwrap();
        Self {
            worker: Worker::new(limits, Ports::default(), outputs, memory),
            lines,
            now_ns: BEGIN_NS,
            id: 0,
        }
    }

    /// A millisecond later, a segment.
    pub fn send(&mut self, seg: &Seg) {
        self.now_ns += MS;
        self.id += 1;
        let bytes = seg.frame(self.id);
        self.put(bytes);
    }

    /// A frame, now.
    pub fn put(&mut self, bytes: Vec<u8>) {
        let captured = Captured {
            stamp: Stamp {
                ns: self.now_ns,
                source: StampSource::File,
            },
            link: LinkType::Ethernet,
            wire_len: bytes.len() as u32,
            interface: 0,
            vlan: None,
            continues: false,
            frame: Bytes(bytes),
        };
        self.worker.batch(&mut vec![captured]);
    }

    pub fn finish(self) -> Told {
        let (outcome, mut outputs) = self.worker.finish(Vec::new(), Instant::now());
        outputs.json.as_mut().unwrap().writer.close().unwrap();
        let text = self.lines.0.lock().unwrap();
        let lines = text.split(|b| *b == b'\n').filter(|line| !line.is_empty());
        Told {
            lines: lines.map(|l| serde_json::from_slice(l).unwrap()).collect(),
            directions: outcome.directions,
        }
    }
}

impl Told {
    /// Sessions in the order in which they appear.
    pub fn sessions(&self) -> Vec<&str> {
        let mut found: Vec<&str> = Vec::new();
        for line in &self.lines {
            let session = line["session"].as_str().unwrap();
            if !found.contains(&session) {
                found.push(session);
            }
        }
        found
    }

    /// Lines of a type.
    pub fn of<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Value> {
        self.lines.iter().filter(move |line| line["type"] == kind)
    }
}
