//! Reassembly against the contiguous stream, and each rule on its own.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::capture::{Frame, StampSource};
use crate::wire::{Endpoint, Segment, TcpFlags};
use bgptap_umem::buffer::{BufferPool, Class};
use std::net::Ipv4Addr;

mod properties;
mod resync;
mod rules;
mod skipping;
mod window;

#[derive(Clone)]
struct Bytes(Vec<u8>);

impl AsRef<[u8]> for Bytes {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Frame for Bytes {}

#[derive(Default)]
struct Collector {
    messages: Vec<Vec<u8>>,
    gaps: Vec<Gap>,
    malformed: Vec<(u64, MalformedReason)>,
    times: Vec<u64>,
    skipped: Vec<u8>,
    searched: usize,
    exact: Vec<Vec<u8>>,
    wait: bool,
}

impl Handler for Collector {
    fn message(&mut self, message: &[u8], stamp: Stamp, framing: Framing) -> Verdict {
        if self.wait {
            return Verdict::Wait;
        }
        self.messages.push(message.to_vec());
        self.times.push(stamp.ns);
        match framing {
            Framing::Searched => self.searched += 1,
            Framing::Exact => self.exact.push(message.to_vec()),
        }
        Verdict::Next
    }
    fn skipped(&mut self, header: &Header, _: Stamp) {
        self.skipped.push(header.kind.code());
    }
    fn gap(&mut self, gap: Gap, _: Stamp) {
        self.gaps.push(gap);
    }
    fn malformed(&mut self, bytes: u64, reason: MalformedReason, _: Stamp) {
        self.malformed.push((bytes, reason));
    }
    fn stop_waiting(&mut self) {
        self.wait = false;
    }
}

thread_local! {
    /// Buffers for messages, of which there are few, and for held segments: mapped once, not for each case.
    static POOLS: (BufferPool, BufferPool) = {
        let few = CLASSES.map(|class| Class { count: 2, ..class });
        let slots = [256, 2048, 65_536].map(|size| Class { size, count: 64 });
        (BufferPool::new(&few, false).unwrap(), BufferPool::new(&slots, false).unwrap())
    };
}

/// A stream with its collector; checks both equations after every step.
struct Bench {
    stream: Stream<Bytes>,
    seen: Collector,
    budget: Budget,
    isn: u32,
    now_ns: u64,
}

impl Bench {
    fn new(isn: u32) -> Self {
        let limits = crate::config::Limits::default();
        let (pool, spill) = POOLS.with(Clone::clone);
        Self {
            stream: Stream::new((&limits).into(), pool),
            seen: Collector::default(),
            budget: Budget::with_spill(2048, 1 << 20, spill),
            isn,
            now_ns: 0,
        }
    }

    fn stamp(&self) -> Stamp {
        Stamp {
            ns: self.now_ns,
            source: StampSource::File,
        }
    }

    fn flags(&mut self, flags: u8, offset: i64, payload: &[u8]) {
        self.segment(flags, offset, payload, 0);
    }

    fn segment(&mut self, flags: u8, offset: i64, payload: &[u8], cut: u32) {
        let end = |port| Endpoint {
            addr: Ipv4Addr::LOCALHOST.into(),
            port,
        };
        // Offset 0 is the byte behind the SYN.
        let sequence = self.isn.wrapping_add(1).wrapping_add_signed(offset as i32);
        let segment = Segment {
            seq: sequence,
            flags: TcpFlags(flags),
            payload: 0..payload.len() as u32,
            cut,
            ..Segment::between(end(179), end(40000))
        };
        self.stream.count_captured(payload.len() as u64);
        let stamp = self.stamp();
        let frame = Bytes(payload.to_vec());
        self.stream
            .segment(frame, &segment, stamp, &mut self.budget, &mut self.seen);
        self.check();
    }

    fn syn(&mut self) {
        self.flags(0x02, -1, &[]);
    }

    fn data(&mut self, offset: usize, payload: &[u8]) {
        self.flags(0x10, offset as i64, payload);
    }

    /// Data of a frame that was cut short by `cut` bytes.
    fn cut_data(&mut self, offset: usize, payload: &[u8], cut: u32) {
        self.segment(0x10, offset as i64, payload, cut);
    }

    fn ack(&mut self, offset: usize) {
        let ack = self.isn.wrapping_add(1).wrapping_add(offset as u32);
        let stamp = self.stamp();
        self.stream
            .acked(ack, stamp, &mut self.budget, &mut self.seen);
        self.check();
    }

    /// The receiver offers a window.
    fn offered(&mut self, window: u64) {
        self.stream.offered(window);
    }

    fn wait_ms(&mut self, milliseconds: u64) {
        self.now_ns += milliseconds * 1_000_000;
        let stamp = self.stamp();
        self.stream
            .tick(self.now_ns, stamp, &mut self.budget, &mut self.seen);
        self.check();
    }

    fn finish(&mut self) {
        let stamp = self.stamp();
        self.stream.finish(stamp, &mut self.budget, &mut self.seen);
        self.check();
        assert_eq!(self.budget.frames, 0, "no frame is held after the end");
        assert_eq!(self.budget.bytes, 0, "nothing is kept after the end");
    }

    fn check(&self) {
        let l = self.stream.ledger();
        let kept = l.decoded + l.skipped + l.quarantined + l.pending;
        let explained = kept + l.unproven + l.duplicate + l.discarded_window + l.discarded_limit;
        assert_eq!(l.captured, explained, "captured: {l:?}");
        assert_eq!(l.span, kept + l.gap + l.open_hole, "span: {l:?}");
    }
}

fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0xff; 16];
    bytes.extend((19 + body.len() as u16).to_be_bytes());
    bytes.push(kind);
    bytes.extend_from_slice(body);
    bytes
}

fn updates(count: usize) -> Vec<Vec<u8>> {
    (0..count)
        .map(|i| update(&vec![i as u8; 10 + i * 7 % 50]))
        .collect()
}

/// An UPDATE without fault: one optional attribute that nobody knows, with any value.
fn update(value: &[u8]) -> Vec<u8> {
    let attribute = 4 + value.len() as u16;
    let mut body = vec![0, 0];
    body.extend(attribute.to_be_bytes());
    body.extend([0xd0, 200]);
    body.extend((value.len() as u16).to_be_bytes());
    body.extend_from_slice(value);
    message(2, &body)
}
