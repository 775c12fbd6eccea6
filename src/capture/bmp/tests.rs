//! Connections that come, go, and are too many.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::wire::TcpFlags;
use crate::wire::mrt::archived;
use bgptap_umem::buffer::Class;
use std::net::IpAddr;

const SYN: u8 = 2;
const FIN: u8 = 1;
const RST: u8 = 4;
const STATION: u16 = 11019;

/// A capture without frames: segments come by hand.
fn source() -> BmpSource {
    let mut header = vec![0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0];
    header.extend([0; 8]);
    header.extend([0, 0, 4, 0, 1, 0, 0, 0]);
    let captures = PcapSource::from_reader("by hand", std::io::Cursor::new(header)).unwrap();
    let class = Class { size: 64, count: 1 };
    let buffers = BufferPool::with_heap_max(&[class], false, 0).unwrap();
    BmpSource::new(captures, &[STATION], buffers)
}

fn end(host: u32, port: u16) -> Endpoint {
    let [a, b, c, d] = (0x0a00_0000 + host).to_be_bytes();
    Endpoint {
        addr: [a, b, c, d].into(),
        port,
    }
}

/// A segment from a router to the station.
fn segment(router: Endpoint, flags: u8, seq: u32) -> Segment {
    Segment {
        flags: TcpFlags(flags),
        seq,
        ..Segment::between(router, end(9, STATION))
    }
}

fn bgp(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(19 + body.len()).unwrap();
    [&[0xff; 16], &length.to_be_bytes()[..], &[kind], body].concat()
}

/// A message about 10.0.1.0.
fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![3];
    bytes.extend(u32::try_from(48 + body.len()).unwrap().to_be_bytes());
    bytes.push(kind);
    bytes.extend([0; 22]);
    bytes.extend([10, 0, 1, 0, 0, 0, 0, 7, 10, 0, 1, 0]);
    bytes.extend([0; 8]);
    bytes.extend(body);
    bytes
}

/// With 10.0.0.77 as the router's own address.
fn up() -> Vec<u8> {
    let open = |host| bgp(1, &[4, 0, 7, 0, 180, 10, 0, 0, host, 0]);
    let mut body = vec![0; 12];
    body.extend([10, 0, 0, 77, 0, 179, 0, 99]);
    message(3, &[body, open(1), open(2)].concat())
}

fn update() -> Vec<u8> {
    message(0, &bgp(2, &[0; 4]))
}

/// The receivers of the messages that the records hold, and how many records hold none.
fn told(source: &mut BmpSource) -> (Vec<IpAddr>, usize) {
    let records: Vec<_> = source.records.drain(..).collect();
    let found = records.iter().flat_map(|record| archived(record).ok());
    let receivers: Vec<_> = found.map(|record| record.receiver.addr).collect();
    let rest = records.len() - receivers.len();
    (receivers, rest)
}

#[test]
fn a_router_that_connects_anew_goes_on_where_it_was() {
    let mut source = source();
    let (old, new) = (end(1, 1000), end(1, 1001));
    source.segment(&segment(old, SYN, 0), &[], 0);
    source.segment(&segment(old, 0, 1), &[up(), update()].concat(), 0);
    assert_eq!(told(&mut source).0.len(), 4);
    source.segment(&segment(new, SYN, 500), &[], 1);
    source.segment(&segment(new, 0, 501), &up(), 1);
    assert_eq!(told(&mut source), (vec![], 1), "the same session");
    let old_end = u32::try_from(up().len() + update().len()).unwrap() + 1;
    source.segment(&segment(old, FIN, old_end), &[], 2);
    let new_end = u32::try_from(up().len()).unwrap() + 501;
    source.segment(&segment(new, 0, new_end), &update(), 3);
    let own: IpAddr = [10, 0, 0, 77].into();
    assert_eq!(
        told(&mut source),
        (vec![own], 0),
        "its Peer Up still counts"
    );
    assert_eq!(source.streams.len(), 1);
    assert_eq!(source.tally().notes(), [""; 0]);
}

/// The mirror may copy each frame, and a router sends its last segment again.
#[test]
fn a_copy_of_the_end_is_not_another_session() {
    let mut source = source();
    let router = end(1, 1000);
    let last = [up(), update()].concat();
    let behind = 1 + u32::try_from(last.len()).unwrap();
    source.segment(&segment(router, SYN, 0), &[], 0);
    source.segment(&segment(router, FIN, 1), &last, 0);
    assert_eq!(told(&mut source).0.len(), 4);
    source.segment(&segment(router, FIN, 1), &last, 0);
    source.segment(&segment(router, 0, behind - 9), &last[..9], 0);
    source.segment(&segment(router, FIN, behind), &[], 0);
    assert_eq!(told(&mut source), (vec![], 0));
    assert_eq!((source.streams.len(), source.ended.len()), (0, 1));
    assert_eq!(source.tally().notes(), [""; 0]);
    // The same ports again, by a SYN.
    source.segment(&segment(router, SYN, 0), &[], 1);
    source.segment(&segment(router, 0, 1), &last, 1);
    assert_eq!(
        told(&mut source).0.len(),
        1,
        "an UPDATE of the same session"
    );
}

/// What was under way then has not reached the station; the router tells it anew.
#[test]
fn a_station_that_resets_its_connection_ends_the_feed() {
    let mut source = source();
    let (old, new) = (end(1, 1000), end(2, 1000));
    let from_station = |flags, seq| Segment {
        flags: TcpFlags(flags),
        seq,
        ..Segment::between(end(9, STATION), old)
    };
    source.segment(&segment(old, SYN, 0), &[], 0);
    source.segment(&from_station(SYN, 700), &[], 0);
    source.segment(&segment(old, 0, 1), &[up(), update()].concat(), 0);
    assert_eq!(told(&mut source).0.len(), 4);
    source.segment(&from_station(RST, 77), &[], 1);
    assert_eq!(source.streams.len(), 1, "a forged one");
    source.segment(&from_station(RST, 701), &[], 1);
    assert_eq!(source.streams.len(), 0);
    let under_way = 1 + u32::try_from(up().len() + update().len()).unwrap();
    for _ in 0..2 {
        source.segment(&segment(old, 0, under_way), &update(), 1);
    }
    assert_eq!(source.tally().behind_end, update().len() as u64);
    assert_eq!(source.tally().notes().len(), 1);
    // Another router, or address, speaks for the same end.
    source.segment(&segment(new, SYN, 0), &[], 2);
    source.segment(&segment(new, 0, 1), &[up(), update()].concat(), 2);
    assert_eq!(told(&mut source).0.len(), 1);
    assert_eq!(source.tally().indistinct, 0);
    assert!(!source.tally().is_damaged());
}

#[test]
fn attempts_to_connect_take_nobodys_place() {
    let mut source = source();
    let router = end(1, 1000);
    source.segment(&segment(router, SYN, 0), &[], 0);
    source.segment(&segment(router, 0, 1), &up(), 0);
    assert_eq!(told(&mut source).0.len(), 3);
    for number in 0..u32::try_from(2 * recent::RECENT_MAX).unwrap() {
        source.segment(&segment(end(100 + number, 1000), SYN, 0), &[], 1);
    }
    assert!(source.begun.len() <= recent::RECENT_MAX);
    assert_eq!(source.streams.len(), 1);
    source.segment(
        &segment(router, 0, 1 + u32::try_from(up().len()).unwrap()),
        &update(),
        2,
    );
    assert_eq!(told(&mut source).0.len(), 1);
    assert_eq!(source.tally().notes(), [""; 0]);
    // One that was forgotten meanwhile begins with its first message.
    source.segment(&segment(end(100, 1000), 0, 1), &up(), 3);
    assert_eq!(source.tally().joined, 1);
}

/// It says that bytes were sent which nobody has seen.
#[test]
fn a_fin_behind_nothing_tells_a_hole() {
    let mut source = source();
    source.segment(&segment(end(1, 1000), SYN, 0), &[], 0);
    source.segment(&segment(end(1, 1000), FIN, 101), &[], 0);
    source.end(&mut Vec::new());
    assert_eq!((source.tally().holes, source.tally().missing), (1, 100));
}

/// RFC 7854 §3.2: either side may connect.
#[test]
fn a_router_may_listen_as_well() {
    let mut source = source();
    let (router, station) = (end(1, STATION), end(9, 5000));
    let from_router = |flags, seq| Segment {
        flags: TcpFlags(flags),
        seq,
        ..Segment::between(router, station)
    };
    source.segment(&from_router(SYN, 0), &[], 0);
    source.segment(&from_router(0, 1), &[up(), update()].concat(), 0);
    assert_eq!(told(&mut source).0.len(), 4);
}

#[test]
fn connections_beyond_the_limit_end_those_that_were_silent_for_longest() {
    let mut source = source();
    let max = u32::try_from(STREAMS_MAX).unwrap();
    for number in 0..max + 3 {
        let router = end(100 + number, 1000);
        source.segment(&segment(router, SYN, 0), &[], number.into());
        source.segment(&segment(router, 0, 1), &update()[..10], number.into());
    }
    assert_eq!(source.streams.len(), STREAMS_MAX);
    assert_eq!((source.tally().evicted, source.tally().passed), (3, 30));
    assert!(source.tally().is_damaged());
    let (from, _, ns) = source.tally().first.unwrap();
    assert_eq!((from, ns), (end(100, 1000), u64::from(max)));
}

#[test]
fn what_all_connections_keep_is_bounded() {
    let mut source = source();
    // The longest message there is, but for its last octet.
    let mut head = update();
    head[1..5].copy_from_slice(&u32::try_from(framing::MESSAGE_MAX).unwrap().to_be_bytes());
    head.resize(framing::MESSAGE_MAX - 1, 0);
    for number in 0..80 {
        let router = end(100 + number, 1000);
        source.segment(&segment(router, SYN, 0), &[], 0);
        source.segment(&segment(router, 0, 1), &head, 0);
        let kept: usize = source.streams.values().map(Stream::kept).sum();
        assert_eq!(source.kept, kept);
        assert!(kept <= KEPT_BYTES_MAX);
    }
    let lost = source.tally().passed;
    assert_eq!(
        lost + source.kept as u64,
        80 * head.len() as u64,
        "all of it is accounted for"
    );
    assert!(lost > 0);
    let mut batch = Vec::new();
    assert_eq!(source.end(&mut batch), Polled::End);
    assert_eq!(
        (source.kept, source.tally().pending),
        (0, 80 * head.len() as u64 - lost)
    );
}
