//! TCP in capture files, read in the simplest way there is: nothing here is shared with bgptap.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::ops::Range;

pub const FIN: u8 = 1;
pub const SYN: u8 = 2;
pub const RST: u8 = 4;
pub const ACK: u8 = 16;

/// A frame with the time that the file gives it.
#[derive(Clone, Debug)]
pub struct Captured {
    pub ns: u64,
    pub bytes: Vec<u8>,
}

/// Frames of a classic pcap file, little-endian, Ethernet.
pub fn frames(file: &[u8]) -> Vec<Captured> {
    let word = |at: usize| u32::from_le_bytes(file[at..at + 4].try_into().unwrap());
    let unit = match word(0) {
        0xa1b2_c3d4 => 1_000,
        0xa1b2_3c4d => 1,
        other => panic!("not a little-endian pcap file: {other:#x}"),
    };
    assert_eq!(word(20), 1, "link type Ethernet");
    let mut found = Vec::new();
    let mut at = 24;
    while at + 16 <= file.len() {
        let ns = u64::from(word(at)) * 1_000_000_000 + u64::from(word(at + 4)) * unit;
        let length = word(at + 8) as usize;
        let bytes = file[at + 16..at + 16 + length].to_vec();
        found.push(Captured { ns, bytes });
        at += 16 + length;
    }
    found
}

/// A pcap file of these frames, with nanoseconds.
pub fn file(frames: &[Captured]) -> Vec<u8> {
    let frame = |captured: &Captured| super::encode::Frame {
        ns: captured.ns,
        wire_len: captured.bytes.len() as u32,
        link: 1,
        bytes: captured.bytes.clone(),
    };
    let frames: Vec<_> = frames.iter().map(frame).collect();
    super::encode::pcap(&frames, super::encode::Order::Little, true)
}

/// The frame on a VLAN, its sequence numbers moved on by half of their space.
pub fn on_vlan(frame: &Captured, vlan: u8, shift: u32) -> Captured {
    let mut bytes = frame.bytes.clone();
    let tcp = match bytes[12..14] {
        [0x08, 0x00] => 34,
        [0x86, 0xdd] => 54,
        _ => panic!("the recording is all IP"),
    };
    for at in [tcp + 4, tcp + 8] {
        let number = u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap());
        bytes[at..at + 4].copy_from_slice(&number.wrapping_add(shift).to_be_bytes());
    }
    bytes.splice(12..12, [0x81, 0, 0, vlan]);
    Captured {
        ns: frame.ns,
        bytes,
    }
}

/// Who sends to whom.
pub type Way = (SocketAddr, SocketAddr);

/// What a frame says about its connection.
#[derive(Clone, Debug)]
pub struct Tcp {
    pub way: Way,
    pub seq: u32,
    pub ack: u32,
    pub flags: u8,
    pub payload: Range<usize>,
}

impl Tcp {
    pub fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }
}

/// The TCP segment in an Ethernet frame: VLAN tags, IPv4 or IPv6 without extension headers.
pub fn tcp(frame: &[u8]) -> Option<Tcp> {
    let word = |at: usize| u16::from_be_bytes([frame[at], frame[at + 1]]);
    let long = |at: usize| u32::from_be_bytes(frame[at..at + 4].try_into().unwrap());
    let mut at = 14;
    while matches!(word(at - 2), 0x8100 | 0x88a8 | 0x9100) {
        at += 4;
    }
    let ip = at;
    let (source, target, tcp, end): (IpAddr, IpAddr, usize, usize) = match word(ip - 2) {
        0x0800 if frame[ip + 9] == 6 => {
            assert_eq!(word(ip + 6) & 0x3fff, 0, "no fragments");
            let address = |at: usize| <[u8; 4]>::try_from(&frame[at..at + 4]).unwrap();
            let header = usize::from(frame[ip] & 15) * 4;
            let end = ip + usize::from(word(ip + 2));
            let (source, target) = (address(ip + 12), address(ip + 16));
            (source.into(), target.into(), ip + header, end)
        }
        0x86dd if frame[ip + 6] == 6 => {
            let address = |at: usize| <[u8; 16]>::try_from(&frame[at..at + 16]).unwrap();
            let end = ip + 40 + usize::from(word(ip + 4));
            let (source, target) = (address(ip + 8), address(ip + 24));
            (source.into(), target.into(), ip + 40, end)
        }
        _ => return None,
    };
    let header = usize::from(frame[tcp + 12] >> 4) * 4;
    Some(Tcp {
        way: ((source, word(tcp)).into(), (target, word(tcp + 2)).into()),
        seq: long(tcp + 4),
        ack: long(tcp + 8),
        flags: frame[tcp + 13],
        payload: tcp + header..end,
    })
}

/// Where a message begins and ends in the stream of its direction.
pub type Place = Range<usize>;

/// What one side sent, complete.
#[derive(Clone, Debug, Default)]
pub struct Sent {
    /// Number of the first byte.
    pub first: u32,
    pub bytes: Vec<u8>,
    /// Of whole BGP messages.
    pub places: Vec<Place>,
}

impl Sent {
    /// Where a sequence number lies, seen from the first byte.
    pub fn offset(&self, seq: u32) -> i64 {
        seq.wrapping_sub(self.first).cast_signed().into()
    }
}

/// What each side sent, from a capture in which nothing is missing.
///
/// # Panics
/// If something is missing after all.
pub fn sent(frames: &[Captured]) -> BTreeMap<Way, Sent> {
    let mut ways: BTreeMap<Way, Sent> = BTreeMap::new();
    for frame in frames {
        let Some(tcp) = tcp(&frame.bytes) else {
            continue;
        };
        if tcp.has(SYN) {
            let first = tcp.seq.wrapping_add(1);
            let known = ways.entry(tcp.way).or_insert_with(|| Sent {
                first,
                ..Sent::default()
            });
            assert_eq!(known.first, first, "one connection for each pair of ports");
        }
        let payload = &frame.bytes[tcp.payload.clone()];
        if payload.is_empty() || tcp.has(RST) {
            continue;
        }
        let way = ways.get_mut(&tcp.way).expect("the SYN comes first");
        let from = usize::try_from(way.offset(tcp.seq)).expect("not before the SYN");
        let end = from + payload.len();
        assert!(from <= way.bytes.len(), "nothing is missing");
        if end > way.bytes.len() {
            let new = way.bytes.len() - from;
            way.bytes.extend_from_slice(&payload[new..]);
        }
    }
    for way in ways.values_mut() {
        way.places = places(&way.bytes);
    }
    ways
}

/// Whole messages in a stream that begins with one (RFC 4271 §4.1).
pub fn places(bytes: &[u8]) -> Vec<Place> {
    let mut found = Vec::new();
    let mut at = 0;
    while at + 19 <= bytes.len() {
        assert!(bytes[at..at + 16].iter().all(|&byte| byte == 255), "marker");
        let length = usize::from(u16::from_be_bytes([bytes[at + 16], bytes[at + 17]]));
        if at + length > bytes.len() {
            break;
        }
        found.push(at..at + length);
        at += length;
    }
    found
}
