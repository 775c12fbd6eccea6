//! Which share of the bytes is copied on the way from a frame to the decoder: those of messages that
//! straddle segments, each once, and no others.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use bgptap::capture::pcap::PcapSource;
use bgptap::capture::{Frame, Polled, Source, Stamp, StampSource};
use bgptap::config::Limits;
use bgptap::stream::{Framing, Gap, Handler, MalformedReason, Stream, Verdict};
use bgptap::wire::{Endpoint, Ports, Segment, TcpFlags, dissect};
use bgptap::worker::Memory;
use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::time::Duration;

/// Payload of a full segment on Ethernet, with timestamps.
const MSS: usize = 1448;

struct Bytes(Vec<u8>);

impl AsRef<[u8]> for Bytes {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Frame for Bytes {}

#[derive(Default)]
struct Count {
    messages: usize,
    bytes: u64,
}

impl Handler for Count {
    fn message(&mut self, message: &[u8], _: Stamp, _: Framing) -> Verdict {
        self.messages += 1;
        self.bytes += message.len() as u64;
        Verdict::Next
    }
    fn gap(&mut self, gap: Gap, _: Stamp) {
        panic!("{gap:?}");
    }
    fn malformed(&mut self, bytes: u64, reason: MalformedReason, _: Stamp) {
        panic!("{bytes}: {reason:?}");
    }
    fn stop_waiting(&mut self) {}
}

fn segment(flags: u8, at: usize, length: usize) -> Segment {
    let end = |port| Endpoint {
        addr: Ipv4Addr::LOCALHOST.into(),
        port,
    };
    Segment {
        seq: at as u32,
        flags: TcpFlags(flags),
        payload: 0..length as u32,
        ..Segment::between(end(179), end(40000))
    }
}

/// Messages of these lengths, in segments that hold so many bytes: bytes in all, bytes copied, and the
/// bytes of messages that straddle.
fn send(lengths: &[usize], segments: &[usize]) -> (u64, u64, u64) {
    let mut bytes = Vec::new();
    for length in lengths {
        bytes.extend([0xff; 16]);
        bytes.extend((*length as u16).to_be_bytes());
        bytes.push(2);
        bytes.resize(bytes.len() + length - 19, 0);
    }
    let limits = Limits::default();
    let mut memory = Memory::new(&limits).unwrap();
    let mut stream = Stream::new((&limits).into(), memory.buffers.clone());
    let (mut seen, mut at) = (Count::default(), 0);
    let stamp = Stamp {
        ns: 0,
        source: StampSource::File,
    };
    stream.begin(&segment(2, usize::MAX, 0));
    let mut borders = Vec::new();
    for size in segments.iter().cycle() {
        let end = (at + size).min(bytes.len());
        let frame = Bytes(bytes[at..end].to_vec());
        let place = segment(0x10, at, end - at);
        stream.segment(frame, &place, stamp, &mut memory.budget, &mut seen);
        at = end;
        borders.push(end);
        if end == bytes.len() {
            break;
        }
    }
    assert_eq!(seen.messages, lengths.len());
    let mut start = 0;
    let straddling = lengths.iter().filter(|length| {
        let inside = start + 1..start + **length;
        start += **length;
        let first = borders.partition_point(|border| *border < inside.start);
        borders
            .get(first)
            .is_some_and(|border| inside.contains(border))
    });
    let straddling: u64 = straddling.map(|length| *length as u64).sum();
    (seen.bytes, stream.copied(), straddling)
}

fn share((bytes, copied, straddling): (u64, u64, u64)) -> f64 {
    assert_eq!(copied, straddling, "exactly what straddles, once");
    copied as f64 / bytes as f64
}

/// Messages of churn leave the sender one by one, or a few in a segment: nothing is copied.
#[test]
fn whole_messages_are_not_copied() {
    assert_eq!(share(send(&[80; 1000], &[80])), 0.0);
    assert_eq!(share(send(&[80; 1000], &[240, 80])), 0.0);
}

/// A table as BIRD sends it has 98 octets in an UPDATE; only those at the border of a segment straddle.
#[test]
fn a_table_of_small_updates_is_copied_in_small_part() {
    let lengths: Vec<_> = (0..20_000).map(|i| 60 + i * 7919 % 77).collect();
    let share = share(send(&lengths, &[MSS]));
    println!("table of small UPDATEs: {:.1} % copied", share * 100.0);
    assert!((0.05..0.09).contains(&share), "{share}");
}

/// Packed UPDATEs are longer than a segment: nearly all of it is copied, and the README says so.
#[test]
fn a_table_of_packed_updates_is_copied() {
    let lengths: Vec<_> = (0..2000).map(|i| 1000 + i * 7919 % 3090).collect();
    let share = share(send(&lengths, &[MSS]));
    println!("table of packed UPDATEs: {:.1} % copied", share * 100.0);
    assert!(share > 0.9, "{share}");
}

#[test]
fn the_recorded_session_is_copied_where_it_straddles() {
    let mut source = PcapSource::open(&[support::recording()]).unwrap();
    let ports = Ports::new(&[179]);
    let limits = Limits::default();
    let mut memory = Memory::new(&limits).unwrap();
    let mut streams: HashMap<_, Stream<Bytes>> = HashMap::new();
    let mut seen = Count::default();
    let mut batch = Vec::new();
    while source.poll(&mut batch, Duration::ZERO).unwrap() != Polled::End {
        for captured in batch.drain(..) {
            let bytes = captured.frame.as_ref();
            let Ok(segment) = dissect(bytes, captured.link, captured.wire_len, None, &ports) else {
                continue;
            };
            let stream = streams
                .entry((segment.src, segment.dst))
                .or_insert_with(|| Stream::new((&limits).into(), memory.buffers.clone()));
            let frame = Bytes(bytes.to_vec());
            stream.segment(
                frame,
                &segment,
                captured.stamp,
                &mut memory.budget,
                &mut seen,
            );
        }
    }
    let copied: u64 = streams.values().map(Stream::copied).sum();
    let share = copied as f64 / seen.bytes as f64;
    println!(
        "recorded session: {:.1} % of {} bytes copied",
        share * 100.0,
        seen.bytes
    );
    assert!(seen.messages > 100 && copied < seen.bytes);
}
