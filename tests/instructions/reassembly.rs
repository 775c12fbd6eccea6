//! Reassembly alone: one direction of a connection, from segments to messages that nobody reads.

use super::measured;
use super::workload;
use crate::support::view::View;
use bgptap::capture::{Stamp, StampSource};
use bgptap::config::Limits;
use bgptap::stream::{Framing, Gap, Handler, MalformedReason, Stream, Verdict};
use bgptap::wire::{Endpoint, Segment, TcpFlags};
use bgptap::worker::Memory;
use std::net::Ipv4Addr;

const MESSAGES: usize = 8000;
/// Less than most messages, so that nearly each of them straddles two segments or three.
const SHORT: usize = 100;
const LONG: usize = 512;
const SYN: u8 = 0x02;
const ACK: u8 = 0x10;

/// Of eight segments: two holes at once, each closed by itself, and three the wrong way round.
const MIXED: [usize; 8] = [0, 2, 4, 1, 3, 7, 6, 5];

/// Counts what it is handed.
#[derive(Default)]
struct Seen {
    messages: usize,
    bytes: usize,
    lost: u64,
}

impl Handler for Seen {
    fn message(&mut self, message: &[u8], _: Stamp, _: Framing) -> Verdict {
        self.messages += 1;
        self.bytes += message.len();
        Verdict::Next
    }
    fn gap(&mut self, gap: Gap, _: Stamp) {
        self.lost += gap.bytes;
    }
    fn malformed(&mut self, bytes: u64, _: MalformedReason, _: Stamp) {
        self.lost += bytes;
    }
    fn stop_waiting(&mut self) {}
}

fn segment(seq: u32, flags: u8, payload: &[u8]) -> Segment {
    let end = |port| Endpoint {
        addr: Ipv4Addr::LOCALHOST.into(),
        port,
    };
    Segment {
        seq,
        flags: TcpFlags(flags),
        payload: 0..payload.len() as u32,
        ..Segment::between(end(30_000), end(179))
    }
}

/// Messages in short segments, or in longer ones that come `out_of_order` and are held.
pub(super) fn run(out_of_order: bool) {
    let messages = workload::typical_list(MESSAGES);
    let sent = messages.concat();
    let length = if out_of_order { LONG } else { SHORT };
    let mut at = 1;
    let mut segments: Vec<_> = sent
        .chunks(length)
        .map(|payload| {
            at += payload.len() as u32;
            (segment(at - payload.len() as u32, ACK, payload), payload)
        })
        .collect();
    if out_of_order {
        for group in segments.chunks_exact_mut(MIXED.len()) {
            let mixed = MIXED.map(|from| group[from].clone());
            group.clone_from_slice(&mixed);
        }
    }
    let limits = Limits::default();
    let Memory {
        buffers,
        mut budget,
    } = Memory::new(&limits).expect("memory");
    let mut stream = Stream::new((&limits).into(), buffers);
    let (mut seen, mut ns) = (Seen::default(), 0);
    stream.begin(&segment(0, SYN, &[]));
    measured(&mut || {
        for group in segments.chunks(MIXED.len()) {
            let mut stamp = Stamp {
                ns,
                source: StampSource::Xdp,
            };
            for (segment, payload) in group {
                ns += 1000;
                stamp.ns = ns;
                stream.count_captured(payload.len() as u64);
                stream.segment(View(payload), segment, stamp, &mut budget, &mut seen);
            }
            // Of each group the receiver has all.
            let last = group.iter().map(|(segment, _)| segment);
            let acked = last.map(|segment| segment.seq + segment.payload.end).max();
            stream.acked(acked.unwrap_or(0), stamp, &mut budget, &mut seen);
        }
    });
    let told = (seen.messages, seen.bytes, seen.lost);
    assert_eq!(told, (MESSAGES, sent.len(), 0));
    // Half of each group comes before its turn, or none; and what straddles is put together.
    let before_their_turn = stream.counters().out_of_order as usize;
    let whole_groups = segments.len() / MIXED.len();
    let early = if out_of_order { 4 * whole_groups } else { 0 };
    assert_eq!(before_their_turn, early);
    assert!(stream.copied() as usize > sent.len() / if out_of_order { 8 } else { 2 });
}
