//! A session made to order, in parts that are sent one after the other.
#![allow(dead_code, reason = "each test uses a part")]

use super::support::encode::{Frame, Order, pcap};
use super::support::segments::{
    ACK, BEGIN_NS, FIN, MS, RST, SYN, Seg, keepalive, message, open_with,
};
use std::collections::BTreeMap;

/// What 192.0.2.1 (AS 65001) tells 192.0.2.2 (AS 65002), and the segments that carry it.
#[derive(Default)]
pub struct Conversation {
    seq: [u32; 2],
    frames: Vec<Frame>,
    waiting: Vec<u8>,
    segments: usize,
    /// What the receiver holds: the AS path of each prefix.
    pub routes: BTreeMap<String, String>,
    /// UPDATEs so far.
    pub updates: usize,
    ns: u64,
    /// The TCP port of 192.0.2.1.
    port: u16,
    /// What each side is ready to take.
    windows: [u16; 2],
}

/// What `announce` adds: communities and large ones, and an attribute that nobody knows.
const MORE: [&[u8]; 3] = [
    &[0xc0, 8, 4, 0xfd, 0xe9, 0, 7],
    &[0xc0, 32, 12, 0, 0, 0xfd, 0xe9, 0, 0, 0, 1, 0, 0, 0, 2],
    &[0xe0, 198, 3, 1, 2, 3],
];

/// All attributes of a route that was announced by it with a path.
pub fn attributes(path: &str) -> serde_json::Value {
    serde_json::json!({
        "origin": "igp", "path": path, "next_hop": "192.0.2.1", "communities": ["65001:7"],
        "large": ["65001:1:2"], "unknown": [[198, "010203"]],
    })
}

/// The longest payload of a segment.
const MSS: usize = 1400;

impl Conversation {
    /// With handshake, OPENs and KEEPALIVEs.
    pub fn new() -> Self {
        Self::from_port(40_000)
    }

    /// The same from another port, with another BGP identifier: of two with the same ones the older would be over.
    pub fn from_port(port: u16) -> Self {
        Self::between([65001, 65002], port, &[(1, &[0, 1, 0, 1])])
    }

    /// The same of other ASes that have other capabilities, beside four-octet AS numbers.
    pub fn between(asns: [u16; 2], port: u16, capabilities: &[(u8, &[u8])]) -> Self {
        let mut this = Self {
            ns: BEGIN_NS,
            port,
            windows: [u16::MAX; 2],
            ..Self::default()
        };
        for (direction, flags) in [(0, SYN), (1, SYN | ACK), (0, ACK)] {
            this.segment(direction, flags, &[]);
        }
        for direction in [0, 1] {
            let asn = asns[direction];
            let as4 = u32::from(asn).to_be_bytes();
            let mut open = open_with(asn, &[&[(65, &as4[..])], capabilities].concat());
            // The last octet of the identifier (RFC 4271 §4.2).
            open[27] ^= this.port.to_be_bytes()[1] ^ 40_000_u16.to_be_bytes()[1];
            this.segment(direction, ACK, &open);
        }
        for direction in [0, 1] {
            this.segment(direction, ACK, &keepalive());
        }
        this
    }

    /// Announces a prefix of such a number with a path of two.
    pub fn announce(&mut self, number: u32, origin: u16) {
        self.announce_with(number, origin, &MORE.concat());
    }

    /// The same with further attributes.
    pub fn announce_with(&mut self, number: u32, origin: u16, attributes: &[u8]) {
        let [_, a, b, c] = number.to_be_bytes();
        let [high, low] = (24 + attributes.len() as u16).to_be_bytes();
        let mut body = vec![0, 0, high, low, 0x40, 1, 1, 0, 0x40, 2, 10, 2, 2];
        body.extend(65001_u32.to_be_bytes());
        body.extend(u32::from(origin).to_be_bytes());
        body.extend([0x40, 3, 4, 192, 0, 2, 1]);
        body.extend(attributes);
        body.extend([32, 10, a, b, c]);
        self.say(&message(2, &body));
        self.routes
            .insert(format!("10.{a}.{b}.{c}/32"), format!("65001 {origin}"));
    }

    /// Withdraws it.
    pub fn withdraw(&mut self, number: u32) {
        let [_, a, b, c] = number.to_be_bytes();
        self.say(&message(2, &[0, 5, 32, 10, a, b, c, 0, 0]));
        self.routes.remove(&format!("10.{a}.{b}.{c}/32"));
    }

    fn say(&mut self, update: &[u8]) {
        self.updates += 1;
        if self.waiting.len() + update.len() > MSS {
            self.flush();
        }
        self.waiting.extend_from_slice(update);
    }

    fn flush(&mut self) {
        let payload = std::mem::take(&mut self.waiting);
        self.segment(0, ACK, &payload);
        self.segments += 1;
        if self.segments.is_multiple_of(8) {
            self.segment(1, ACK, &[]);
        }
    }

    fn segment(&mut self, direction: usize, flags: u8, payload: &[u8]) {
        let (seq, ack) = (self.seq[direction], self.seq[direction ^ 1]);
        let mut seg = Seg::new(direction, flags, seq, ack, payload);
        seg.window = self.windows[direction];
        self.seq[direction] += payload.len() as u32 + u32::from(flags & SYN != 0);
        let mut bytes = seg.frame(self.frames.len() as u16);
        // Behind Ethernet and IPv4: the source's port, then the destination's.
        let at = 34 + 2 * direction;
        bytes[at..at + 2].copy_from_slice(&self.port.to_be_bytes());
        self.ns += MS;
        self.frames.push(Frame {
            ns: self.ns,
            wire_len: bytes.len() as u32,
            link: 1,
            bytes,
        });
    }

    /// One side says something of its own: a whole message.
    pub fn say_as(&mut self, direction: usize, message: &[u8]) {
        self.settle();
        self.segment(direction, ACK, message);
    }

    /// One side's words that nobody sees, though they are received.
    pub fn say_unseen(&mut self, direction: usize, message: &[u8]) {
        self.settle();
        self.segment(direction, ACK, message);
        self.frames.pop();
        self.segment(direction ^ 1, ACK, &[]);
    }

    /// Nothing is said for so many milliseconds.
    pub fn pause(&mut self, milliseconds: u64) {
        self.settle();
        self.ns += milliseconds * MS;
    }

    /// One side says how much it is ready to take from now on.
    pub fn set_window(&mut self, direction: usize, window: u16) {
        self.settle();
        self.windows[direction] = window;
        self.segment(direction, ACK, &[]);
    }

    /// One side ends the connection at once (RFC 9293 §3.5.2).
    pub fn reset(&mut self, direction: usize) {
        self.settle();
        self.segment(direction, RST | ACK, &[]);
    }

    /// One side ends the connection, and the other one follows.
    pub fn close(&mut self, direction: usize) {
        self.settle();
        for direction in [direction, direction ^ 1] {
            self.segment(direction, FIN | ACK, &[]);
            self.seq[direction] += 1;
        }
    }

    fn settle(&mut self) {
        if !self.waiting.is_empty() {
            self.flush();
        }
    }

    /// The frames since the last part.
    pub fn frames(&mut self) -> Vec<Frame> {
        self.settle();
        self.segment(1, ACK, &[]);
        std::mem::take(&mut self.frames)
    }

    /// The part since the last one, as a capture.
    pub fn part(&mut self) -> Vec<u8> {
        pcap(&self.frames(), Order::Little, true)
    }
}
