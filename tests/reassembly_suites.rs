//! What other reassemblers test, as tables of segments and what must come of them.
//!
//! Each row names where the behaviour is tested. Where those projects differ from each other, it says
//! which rule is followed here, and why.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use bgptap::capture::{Frame, Stamp, StampSource};
use bgptap::config::Limits;
use bgptap::stream::{Budget, CLASSES, Framing, Gap, Handler, MalformedReason, Stream, Verdict};
use bgptap::wire::{Endpoint, Segment, TcpFlags};
use bgptap_umem::buffer::{BufferPool, Class};
use std::net::Ipv4Addr;
use std::ops::Range;

const FIN: u8 = 0x11;
const SYN: u8 = 0x02;
const RST: u8 = 0x04;
const ACK: u8 = 0x10;

/// Five UPDATEs of `SIZE` octets each are sent; places count octets from the one behind the SYN.
const SIZE: usize = 100;
const COUNT: usize = 5;
const ALL: usize = SIZE * COUNT;

/// One thing that happens.
#[derive(Clone, Debug)]
enum Step {
    Syn,
    Data(Range<usize>),
    /// Other octets in the place of these.
    Other(Range<usize>),
    /// A FIN behind these octets.
    Fin(Range<usize>),
    Rst(usize),
    /// The receiver has all before this place.
    Acked(usize),
    Milliseconds(u64),
}
use Step::{Acked, Data, Fin, Milliseconds, Other, Rst, Syn};

struct Row {
    origin: &'static str,
    rule: &'static str,
    isn: u32,
    steps: Vec<Step>,
    /// Numbers of the messages that come out, from 0.
    messages: Vec<usize>,
    gaps: Vec<Range<usize>>,
    /// Octets that had been seen before.
    duplicate: u64,
    conflicts: u64,
}

impl Row {
    /// A stream from its SYN on, of which nothing is missing.
    fn new(origin: &'static str, rule: &'static str, steps: &[Step]) -> Self {
        Self {
            origin,
            rule,
            isn: 1_000,
            steps: [&[Syn], steps].concat(),
            messages: (0..COUNT).collect(),
            gaps: Vec::new(),
            duplicate: 0,
            conflicts: 0,
        }
    }

    fn joined(mut self) -> Self {
        self.steps.remove(0);
        self
    }

    fn isn(self, isn: u32) -> Self {
        Self { isn, ..self }
    }

    fn messages(self, messages: &[usize]) -> Self {
        Self {
            messages: messages.to_vec(),
            ..self
        }
    }

    fn gap(mut self, gap: Range<usize>) -> Self {
        self.gaps.push(gap);
        self
    }

    fn duplicate(self, duplicate: u64) -> Self {
        Self { duplicate, ..self }
    }

    fn conflicts(self, conflicts: u64) -> Self {
        Self { conflicts, ..self }
    }
}

fn overlaps() -> Vec<Row> {
    vec![
        Row::new(
            "gopacket tcpassembly TestOverlap; PcapPlusPlus TestTcpReassemblyRetran; Wireshark tcp.analysis.retransmission",
            "octets seen before are dropped, new ones behind them kept (RFC 9293 §3.10.7.4)",
            &[Data(0..200), Data(50..350), Data(0..350), Data(300..ALL)],
        )
        .duplicate(150 + 350 + 50),
        Row::new(
            "Suricata's overlap policies (host-os-policy); Zeek's event rexmit_inconsistency; PcapPlusPlus TestTcpReassemblyRetran",
            "the first copy wins: BGP speakers acknowledge and hand on what comes first, and RFC 9293 §3.10.7.4 trims what was received. Suricata imitates each system's policy, which a passive reader of two routers cannot know",
            &[Data(0..150), Other(100..150), Data(150..ALL)],
        )
        .duplicate(50)
        .conflicts(1),
        Row::new(
            "Suricata's overlap policies, of queued segments: the last wins for some",
            "the first copy wins among held octets too; one rule for both",
            &[Data(200..300), Other(250..300), Data(0..200), Data(300..ALL)],
        )
        .duplicate(50)
        .conflicts(1),
        Row::new(
            "gopacket tcpassembly TestBufferedOverlap; Suricata, overlap on both sides of a queued segment",
            "only what is missing around a held segment is taken",
            &[Data(200..300), Data(100..400), Data(0..100), Data(400..ALL)],
        )
        .duplicate(100),
    ]
}

fn order() -> Vec<Row> {
    vec![
        Row::new(
            "gopacket tcpassembly TestReorderFast; PcapPlusPlus TestTcpReassemblyOutOfOrder",
            "segments wait for what is before them",
            &[Data(400..ALL), Data(300..400), Data(100..300), Data(0..100)],
        ),
        Row::new(
            "PcapPlusPlus TestTcpReassemblyMaxSeq; Peafowl http_seq_num_wrapping; gopacket tcpassembly TestSequenceOverflow",
            "sequence numbers are modulo 2^32 (RFC 9293 §3.4)",
            &[Data(200..ALL), Data(0..200)],
        )
        .isn(u32::MAX - 150),
        Row::new(
            "gopacket tcpassembly TestOverrun1: the SYN itself has the last number",
            "the first octet has number 0 then (RFC 9293 §3.4)",
            &[Data(0..ALL)],
        )
        .isn(u32::MAX),
        Row::new(
            "Suricata and Wireshark, SYN sent again",
            "a SYN with the same number is a copy, not a new connection (RFC 9293 §3.10.7.4)",
            &[Syn, Data(0..100), Syn, Data(100..ALL)],
        ),
        Row::new(
            "gopacket tcpassembly TestCacheLargePacket; Zeek handshake-reorder",
            "a SYN that comes after the first data belongs before it",
            &[Data(0..100), Syn, Data(100..ALL)],
        )
        .joined(),
        Row::new(
            "Wireshark tcp.analysis.keep_alive; Suricata, keepalive of one octet",
            "one octet before what is expected is a keepalive (RFC 9293 §3.8.4): a copy, not data",
            &[Data(0..100), Data(99..100), Data(100..ALL), Data(ALL - 1..ALL)],
        )
        .duplicate(2),
        Row::new(
            "Wireshark keep-alive with a garbage octet (RFC 9293 §3.8.4 allows one)",
            "the octet of a keepalive need not be that of the stream; it is dropped. The message it would lie in has been delivered, so there is nothing to compare it with",
            &[Data(0..100), Other(99..100), Data(100..ALL)],
        )
        .duplicate(1),
    ]
}

fn ends() -> Vec<Row> {
    vec![
        Row::new(
            "PcapPlusPlus TestTcpReassemblyWithFIN_RST; Zeek, FIN with data",
            "the octets of a FIN segment come before the FIN (RFC 9293 §3.4)",
            &[
                Data(0..400),
                Fin(400..ALL),
                Fin(ALL..ALL),
                Acked(ALL + 1),
                Milliseconds(500),
            ],
        ),
        Row::new(
            "PcapPlusPlus TestTcpReassemblyWithFIN_RST, FIN before data",
            "a FIN ends the stream at its number, not when it comes; what is before it is still taken",
            &[Fin(400..ALL), Data(0..400)],
        ),
        Row::new(
            "Suricata, RST validation; PcapPlusPlus TestTcpReassemblyWithFIN_RST",
            "a RST outside the window ends nothing (RFC 5961 §3.2), nor does one inside stop octets that follow in another order",
            &[Data(0..100), Rst(1 << 20), Rst(100), Data(100..ALL)],
        ),
    ]
}

fn losses() -> Vec<Row> {
    vec![
        Row::new(
            "PcapPlusPlus TestTcpReassemblyMissingData; gopacket tcpassembly TestMaxPerSkip; Zeek's event content_gap",
            "a hole the receiver acknowledged is given up after the grace time; it costs the messages it touches. gopacket goes by the number of pages that wait, which on a quiet session is for ever",
            &[Data(0..150), Data(250..ALL), Acked(ALL), Milliseconds(300)],
        )
        .messages(&[0, 3, 4])
        .gap(150..250),
        Row::new(
            "gopacket FlushOlderThan; Wireshark \"previous segment not captured\"",
            "without an acknowledgement it is waited for longer, then given up",
            &[Data(0..100), Data(200..ALL), Milliseconds(20_000)],
        )
        .messages(&[0, 2, 3, 4])
        .gap(100..200),
        Row::new(
            "Wireshark tcp.analysis.ack_lost_segment, then the segment",
            "a mirror may show the acknowledgement first: within the grace time that is no loss",
            &[Data(0..100), Acked(200), Data(200..ALL), Milliseconds(50), Data(100..200), Milliseconds(300)],
        ),
        Row::new(
            "Suricata, retransmission into a gap that was passed",
            "what comes after its hole was given up is a copy of nothing, and counted as one: no octet is handed out behind later ones",
            &[Data(0..100), Data(200..ALL), Acked(ALL), Milliseconds(300), Data(100..200)],
        )
        .messages(&[0, 2, 3, 4])
        .gap(100..200)
        .duplicate(100),
        Row::new(
            "gopacket tcpassembly TestReorder (Skip -1); Zeek partial connections; Suricata midstream",
            "the capture begins in the midst of a message: it costs that message, and is no gap, for nothing says how much was before",
            &[Data(130..300), Data(300..ALL)],
        )
        .joined()
        .messages(&[2, 3, 4]),
        Row::new(
            "PcapPlusPlus TestTcpReassemblyMissingData, the first segment after the SYN",
            "with its SYN the number of the first octet is known (RFC 9293 §3.4): a gap",
            &[Data(150..ALL), Acked(ALL), Milliseconds(300)],
        )
        .messages(&[2, 3, 4])
        .gap(0..150),
    ]
}

/// An UPDATE whose one attribute holds `number` over and over.
fn message(number: usize) -> Vec<u8> {
    let value = SIZE - 19 - 4 - 4;
    let mut bytes = vec![0xff; 16];
    bytes.extend((SIZE as u16).to_be_bytes());
    bytes.extend([2, 0, 0]);
    bytes.extend((value as u16 + 4).to_be_bytes());
    bytes.extend([0xd0, 200]);
    bytes.extend((value as u16).to_be_bytes());
    bytes.extend(vec![number as u8; value]);
    bytes
}

struct Bytes(Vec<u8>);

impl AsRef<[u8]> for Bytes {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Frame for Bytes {}

#[derive(Default)]
struct Seen {
    messages: Vec<Vec<u8>>,
    gaps: Vec<Gap>,
}

impl Handler for Seen {
    fn message(&mut self, message: &[u8], _: Stamp, _: Framing) -> Verdict {
        self.messages.push(message.to_vec());
        Verdict::Next
    }
    fn gap(&mut self, gap: Gap, _: Stamp) {
        self.gaps.push(gap);
    }
    fn malformed(&mut self, _: u64, _: MalformedReason, _: Stamp) {}
    fn stop_waiting(&mut self) {}
}

fn segment(flags: u8, seq: u32, length: usize) -> Segment {
    let end = |port| Endpoint {
        addr: Ipv4Addr::LOCALHOST.into(),
        port,
    };
    Segment {
        seq,
        flags: TcpFlags(flags),
        payload: 0..length as u32,
        ..Segment::between(end(179), end(40000))
    }
}

fn check(row: &Row) {
    let Row { origin, rule, .. } = row;
    let sent: Vec<u8> = (0..COUNT).flat_map(message).collect();
    let few = CLASSES.map(|class| Class { count: 2, ..class });
    let pool = BufferPool::new(&few, false).unwrap();
    let mut stream = Stream::new((&Limits::default()).into(), pool);
    let mut budget = Budget::new(2048, 1 << 20, 1 << 20).unwrap();
    let (mut seen, mut ns) = (Seen::default(), 0);
    let first = row.isn.wrapping_add(1);
    let number = |place: usize| first.wrapping_add(place as u32);
    for step in &row.steps {
        let stamp = Stamp {
            ns,
            source: StampSource::File,
        };
        let (flags, seq, payload) = match step {
            Syn => (SYN, row.isn, Vec::new()),
            Data(place) => (ACK, number(place.start), sent[place.clone()].to_vec()),
            Other(place) => (ACK, number(place.start), vec![0xaa; place.len()]),
            Fin(place) => (FIN, number(place.start), sent[place.clone()].to_vec()),
            Rst(place) => (RST, number(*place), Vec::new()),
            Acked(place) => {
                stream.acked(number(*place), stamp, &mut budget, &mut seen);
                continue;
            }
            Milliseconds(count) => {
                ns += count * 1_000_000;
                let stamp = Stamp { ns, ..stamp };
                stream.tick(ns, stamp, &mut budget, &mut seen);
                continue;
            }
        };
        stream.count_captured(payload.len() as u64);
        let segment = segment(flags, seq, payload.len());
        stream.segment(Bytes(payload), &segment, stamp, &mut budget, &mut seen);
    }
    // Nothing may be left to be given up at the end.
    let gaps_before_end = seen.gaps.len();
    let stamp = Stamp {
        ns,
        source: StampSource::File,
    };
    stream.finish(stamp, &mut budget, &mut seen);
    assert_eq!(
        seen.gaps.len(),
        gaps_before_end,
        "{origin}: {rule}: at the end"
    );
    let messages: Vec<_> = row.messages.iter().copied().map(message).collect();
    assert!(seen.messages == messages, "{origin}: {rule}: messages");
    let gaps = seen.gaps.iter().map(|gap| {
        let from = gap.seq_from.wrapping_sub(first) as usize;
        from..from + gap.bytes as usize
    });
    assert_eq!(gaps.collect::<Vec<_>>(), row.gaps, "{origin}: {rule}");
    let ledger = stream.ledger();
    assert_eq!(ledger.duplicate, row.duplicate, "{origin}: {rule}");
    let conflicts = stream.counters().conflicts;
    assert_eq!(conflicts, row.conflicts, "{origin}: {rule}");
}

#[test]
fn overlaps_and_contradictions() {
    overlaps().iter().for_each(check);
}

#[test]
fn order_and_numbers() {
    order().iter().for_each(check);
}

#[test]
fn ends_of_streams() {
    ends().iter().for_each(check);
}

#[test]
fn holes() {
    losses().iter().for_each(check);
}
