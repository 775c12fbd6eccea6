//! Any TCP stream as one of BGP: each octet travels in a message of its own.
//!
//! The captures that prove a reassembler hold HTTP and whatever else, and this program puts
//! out messages, not bytes. So each octet of a stream becomes a ROUTE-REFRESH of 23 octets that
//! carries it as its subtype, at 23 times its distance from the start of the stream.
//! Order, overlap, loss, doubles and wraparound stay as they are, and the messages that come out spell
//! the bytes in the order that the reassembler gave them.

use super::support::encode::Frame;
use super::tshark::{Part, Segment, add};
use serde_json::Value;
use std::collections::BTreeMap;

/// Octets of the message that carries one.
const SIZE: u32 = 23;
/// No segment grows beyond what an IPv4 packet can be.
const PIECE: usize = 2800;
const FIN: u8 = 0x01;
const SYN: u8 = 0x02;
const ACK: u8 = 0x10;

/// Where one direction begins and ends.
#[derive(Clone, Copy)]
struct Space {
    /// Sequence number of the first octet.
    first: u32,
    /// Octets before the FIN, or before the end of what was captured.
    length: u32,
    /// 0 for the sender of the first segment, 1 for the other.
    node: u8,
}

/// A capture in which each octet is a message: connection `n` runs between 10.0.n.1 and 10.0.n.2, the
/// sender of its first segment being the former.
pub(crate) fn spread(segments: &[Segment]) -> Vec<Frame> {
    let spaces = spaces(segments);
    let mut frames = Vec::new();
    for segment in segments {
        let space = spaces[&(segment.stream, segment.sender.as_str())];
        let back = spaces
            .iter()
            .find(|((stream, sender), _)| *stream == segment.stream && *sender != segment.sender);
        let ack = back.map_or(segment.ack, |(_, back)| back.number(segment.ack));
        let syn = u32::from(segment.flags & SYN != 0);
        let mut seq = space
            .number(segment.seq.wrapping_add(syn))
            .wrapping_sub(syn);
        let messages: Vec<u8> = segment.payload.iter().flat_map(message).collect();
        let cut = (segment.length - segment.payload.len()) * SIZE as usize;
        let mut rest = &messages[..];
        loop {
            let (piece, tail) = rest.split_at(rest.len().min(PIECE * SIZE as usize));
            let last = tail.is_empty();
            let flags = segment.flags & if last { 0xff } else { !FIN };
            let flags = flags & if back.is_some() { 0xff } else { !ACK };
            let tcp = Tcp {
                stream: segment.stream,
                node: space.node,
                seq,
                ack,
                flags,
            };
            let mut frame = tcp.frame(piece, if last { cut } else { 0 });
            frame.ns = segment.ns;
            frames.push(frame);
            if last {
                break;
            }
            seq = seq.wrapping_add(piece.len() as u32);
            rest = tail;
        }
    }
    frames
}

fn spaces(segments: &[Segment]) -> BTreeMap<(usize, &str), Space> {
    let mut spaces = BTreeMap::<(usize, &str), Space>::new();
    let mut seen = BTreeMap::<usize, u8>::new();
    for segment in segments {
        let syn = segment.flags & SYN != 0;
        let begin = segment.seq.wrapping_add(u32::from(syn));
        let space = spaces
            .entry((segment.stream, &segment.sender))
            .or_insert_with(|| {
                let node = seen.entry(segment.stream).or_insert(0);
                *node += 1;
                Space {
                    first: begin,
                    length: 0,
                    node: *node - 1,
                }
            });
        let from = begin.wrapping_sub(space.first).cast_signed();
        if from < 0 {
            // It begins earlier than it seemed.
            space.length += from.unsigned_abs();
            space.first = begin;
        }
        let end = begin
            .wrapping_add(segment.length as u32)
            .wrapping_sub(space.first);
        if segment.length > 0 && end < u32::MAX / 2 {
            space.length = space.length.max(end);
        }
    }
    spaces
}

impl Space {
    /// The number at which something stands once every octet has grown.
    fn number(&self, number: u32) -> u32 {
        let at = number.wrapping_sub(self.first).cast_signed();
        // The number of a FIN does not grow.
        let beyond = i32::from(at.checked_sub_unsigned(self.length) == Some(1));
        let grown = (at - beyond).wrapping_mul(SIZE.cast_signed()) + beyond;
        self.first.wrapping_add_signed(grown)
    }
}

/// A ROUTE-REFRESH (RFC 2918 §3) of IPv4 unicast, the octet in place of its subtype (RFC 7313 §3.2).
fn message(octet: &u8) -> [u8; SIZE as usize] {
    let mut message = [0xff; SIZE as usize];
    message[16..].copy_from_slice(&[0, SIZE as u8, 5, 0, 1, *octet, 1]);
    message
}

struct Tcp {
    stream: usize,
    node: u8,
    seq: u32,
    ack: u32,
    flags: u8,
}

impl Tcp {
    /// An Ethernet frame, of whose payload the last `cut` octets were not captured.
    fn frame(&self, payload: &[u8], cut: usize) -> Frame {
        let mut bytes = vec![2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0];
        let length = 40 + payload.len() + cut;
        bytes.extend([0x45, 0]);
        bytes.extend(u16::try_from(length).unwrap().to_be_bytes());
        bytes.extend([0, 0, 0x40, 0, 64, 6, 0, 0]);
        let [high, low] = u16::try_from(self.stream).unwrap().to_be_bytes();
        for node in [self.node, 1 - self.node] {
            bytes.extend([10, high, low, 1 + node]);
        }
        let ports = [40_000_u16, 179];
        bytes.extend(ports[usize::from(self.node)].to_be_bytes());
        bytes.extend(ports[usize::from(1 - self.node)].to_be_bytes());
        bytes.extend(self.seq.to_be_bytes());
        bytes.extend(self.ack.to_be_bytes());
        bytes.extend([0x50, self.flags, 0xff, 0xff, 0, 0, 0, 0]);
        bytes.extend(payload);
        Frame {
            ns: 0,
            wire_len: (14 + length) as u32,
            link: 1,
            bytes,
        }
    }
}

/// What the events of `bgptap read` spell: the parts of each connection and node.
pub(crate) fn spell(events: &[Value]) -> BTreeMap<(usize, u8), Vec<Part>> {
    let mut spelt = BTreeMap::<_, Vec<Part>>::new();
    for event in events {
        let peer: std::net::Ipv4Addr = event["peer"].as_str().unwrap().parse().unwrap();
        let [_, high, low, node] = peer.octets();
        let key = (usize::from(u16::from_be_bytes([high, low])), node - 1);
        let part = match event["type"].as_str().unwrap() {
            "ROUTE_REFRESH" => {
                let raw = event["raw"].as_str().unwrap();
                Part::Bytes(super::tshark::unhex(&raw[42..44]))
            }
            "GAP" => {
                let bytes = event["bytes"].as_u64().unwrap();
                assert_eq!(bytes % u64::from(SIZE), 0, "a hole inside an octet");
                Part::Missing(bytes / u64::from(SIZE))
            }
            "STATE" | "TCP" | "TRANSFER" => continue,
            other => panic!("nothing like {other} was sent: {event}"),
        };
        add(spelt.entry(key).or_default(), part);
    }
    spelt
}
