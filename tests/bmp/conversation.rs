//! A session made to order, in parts that are sent one after the other.

use super::support::encode::{Frame, Order, pcap};
use super::support::segments::{ACK, BEGIN_NS, MS, SYN, Seg, keepalive, message, open_with};
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
}

/// The longest payload of a segment.
const MSS: usize = 1400;

impl Conversation {
    /// With handshake, OPENs and KEEPALIVEs.
    pub fn new() -> Self {
        let mut this = Self {
            ns: BEGIN_NS,
            ..Self::default()
        };
        for (direction, flags) in [(0, SYN), (1, SYN | ACK), (0, ACK)] {
            this.segment(direction, flags, &[]);
        }
        for direction in [0, 1] {
            let asn = 65001 + direction as u16;
            let as4 = u32::from(asn).to_be_bytes();
            let open = open_with(asn, &[(65, &as4), (1, &[0, 1, 0, 1])]);
            this.segment(direction, ACK, &open);
        }
        for direction in [0, 1] {
            this.segment(direction, ACK, &keepalive());
        }
        this
    }

    /// Announces a prefix of such a number with a path of two.
    pub fn announce(&mut self, number: u32, origin: u16) {
        self.announce_with(number, origin, &[]);
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
        seg.window = u16::MAX;
        self.seq[direction] += payload.len() as u32 + u32::from(flags & SYN != 0);
        let bytes = seg.frame(self.frames.len() as u16);
        self.ns += MS;
        self.frames.push(Frame {
            ns: self.ns,
            wire_len: bytes.len() as u32,
            link: 1,
            bytes,
        });
    }

    /// The part since the last one, as a capture.
    pub fn part(&mut self) -> Vec<u8> {
        if !self.waiting.is_empty() {
            self.flush();
        }
        self.segment(1, ACK, &[]);
        pcap(&std::mem::take(&mut self.frames), Order::Little, true)
    }
}
