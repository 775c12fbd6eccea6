//! A BGP stream, cut, doubled, mixed up, robbed and acknowledged as the fuzzer likes, against a model
//! that knows which bytes were shown and nothing of how a stream is put together.
#![no_main]

use bgptap::capture::{Frame, Stamp, StampSource};
use bgptap::config::Limits;
use bgptap::stream::{Budget, CLASSES, Framing, Gap, Handler, MalformedReason, Stream, Verdict};
use bgptap::wire::{Endpoint, Segment, TcpFlags};
use bgptap_umem::buffer::{BufferPool, Class};
use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;
use std::net::Ipv4Addr;
use std::ops::Range;

const MESSAGES_MAX: usize = 24;
const STEPS_MAX: usize = 200;
/// No message is longer than RFC 4271 §4.1 allows.
const VALUE_MAX: usize = 4000;
/// In all, without loss: less than the grace time, so that nothing may be given up.
const PATIENCE_MS: u64 = 150;

#[derive(Arbitrary, Debug)]
struct Input {
    isn: u32,
    begin: Begin,
    /// Whatever was left out is sent at the end, and nothing may be missing.
    whole: bool,
    messages: Vec<Sent>,
    steps: Vec<Step>,
}

#[derive(Arbitrary, Debug, Clone, Copy, PartialEq, Eq)]
enum Begin {
    Syn,
    /// The SYN is overtaken by the first byte.
    LateSyn,
    /// The stream is joined.
    NoSyn,
}

#[derive(Arbitrary, Debug)]
enum Sent {
    Keepalive,
    Update(Vec<Content>),
}

/// What an attribute holds.
#[derive(Arbitrary, Debug)]
enum Content {
    /// One octet over and over, but not that of a marker.
    Fill(u8, u16),
    Bytes(Vec<u8>),
    Ones(u8),
    Header(u16, u8),
    Keepalives(u8),
    Update(Vec<u8>),
}

#[derive(Arbitrary, Debug)]
enum Step {
    /// The next bytes.
    Next(u16),
    /// The next bytes are not shown now.
    Omit(u16),
    /// Any bytes.
    Any(u16, u16),
    /// Other bytes in place of some that were shown.
    Forge(u16, u16, u8),
    /// Bytes of a frame from which the capture has cut some.
    Cut(u16, u16, u8),
    /// The receiver has everything up to here.
    Ack(u16),
    /// The receiver has these bytes too.
    Sack(u16, u16),
    /// The receiver offers a window.
    Offer(u16),
    /// Something further away than any window reaches, with these flags.
    Stray(u16, u8),
    /// Something beyond the window that was offered.
    Beyond(u16, bool),
    /// The SYN once more.
    SynAgain,
    /// Memory is short.
    Shed,
    Time(u16),
    Fin,
    /// The next message has to wait.
    Hold,
    Resume,
}

fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = header(19 + body.len() as u16, kind);
    bytes.extend_from_slice(body);
    bytes
}

fn header(length: u16, kind: u8) -> Vec<u8> {
    let mut bytes = vec![0xff; 16];
    bytes.extend(length.to_be_bytes());
    bytes.push(kind);
    bytes
}

/// An UPDATE without fault: one optional transitive attribute that nobody knows.
fn update(value: &[u8]) -> Vec<u8> {
    let length = value.len() as u16;
    let mut body = vec![0, 0];
    body.extend((length + 4).to_be_bytes());
    body.extend([0xd0, 200]);
    body.extend(length.to_be_bytes());
    body.extend_from_slice(value);
    message(2, &body)
}

impl Content {
    fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Fill(byte, count) => vec![(*byte).min(0xfe); usize::from(count % 1024)],
            Self::Bytes(bytes) => bytes.clone(),
            Self::Ones(count) => vec![0xff; (*count).into()],
            Self::Header(length, kind) => header(*length, *kind),
            Self::Keepalives(count) => message(4, &[]).repeat(usize::from(count % 16)),
            Self::Update(value) => update(&value[..value.len().min(1000)]),
        }
    }
}

impl Sent {
    fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Keepalive => message(4, &[]),
            Self::Update(contents) => {
                let mut value: Vec<u8> = contents.iter().flat_map(Content::bytes).collect();
                value.truncate(VALUE_MAX);
                update(&value)
            }
        }
    }

    /// Nothing in it looks like a header.
    fn is_plain(&self) -> bool {
        match self {
            Self::Keepalive => true,
            Self::Update(contents) => contents.iter().all(|c| matches!(c, Content::Fill(..))),
        }
    }
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
    messages: Vec<(Vec<u8>, Framing)>,
    gaps: Vec<Gap>,
    malformed: u64,
    hold: bool,
}

impl Handler for Seen {
    fn message(&mut self, message: &[u8], _: Stamp, framing: Framing) -> Verdict {
        if self.hold {
            return Verdict::Wait;
        }
        self.messages.push((message.to_vec(), framing));
        Verdict::Next
    }
    fn gap(&mut self, gap: Gap, _: Stamp) {
        self.gaps.push(gap);
    }
    fn malformed(&mut self, bytes: u64, _: MalformedReason, _: Stamp) {
        self.malformed += bytes;
    }
    fn stop_waiting(&mut self) {
        self.hold = false;
    }
}

thread_local! {
    /// Buffers for messages, of which there are few, and for held segments: mapped once, not for each case.
    static POOLS: (BufferPool, BufferPool) = {
        let few = CLASSES.map(|class| Class { count: 2, ..class });
        let slots = [256, 2048, 65_536].map(|size| Class { size, count: 64 });
        let pool = |classes: &[Class]| BufferPool::new(classes, false).expect("a small pool");
        (pool(&few), pool(&slots))
    };
}

/// The stream under test beside what is known of it.
struct Bench {
    stream: Stream<Bytes>,
    seen: Seen,
    budget: Budget,
    now_ns: u64,
    isn: u32,
    sent: Vec<u8>,
    /// Shown in some segment.
    shown: Vec<bool>,
    captured: u64,
    /// The first number after the last that a segment spoke of.
    highest: usize,
    acked: usize,
    /// Gaps that were looked at.
    checked: usize,
    /// The receiver has offered a window.
    offered: bool,
    /// So much time may pass before what lies beyond the window is believed.
    left_ms: u64,
    /// Bytes were given up for want of memory.
    shed: bool,
}

impl Bench {
    fn new(isn: u32, sent: Vec<u8>) -> Self {
        let (pool, spill) = POOLS.with(Clone::clone);
        Self {
            stream: Stream::new((&Limits::default()).into(), pool),
            seen: Seen::default(),
            budget: Budget::with_spill(2048, 1 << 20, spill),
            now_ns: 1,
            isn,
            shown: vec![false; sent.len()],
            sent,
            captured: 0,
            highest: 0,
            acked: 0,
            checked: 0,
            offered: false,
            left_ms: u64::MAX,
            shed: false,
        }
    }

    fn stamp(&self) -> Stamp {
        Stamp {
            ns: self.now_ns,
            source: StampSource::File,
        }
    }

    fn sequence(&self, offset: usize) -> u32 {
        self.isn.wrapping_add(1).wrapping_add(offset as u32)
    }

    fn segment(&mut self, flags: u8, seq: u32, payload: Vec<u8>) {
        self.cut_segment(flags, seq, payload, 0);
    }

    fn cut_segment(&mut self, flags: u8, seq: u32, payload: Vec<u8>, cut: u32) {
        let end = |port| Endpoint {
            addr: Ipv4Addr::LOCALHOST.into(),
            port,
        };
        let segment = Segment {
            seq,
            flags: TcpFlags(flags),
            payload: 0..payload.len() as u32,
            cut,
            ..Segment::between(end(179), end(40000))
        };
        self.captured += payload.len() as u64;
        self.stream.count_captured(payload.len() as u64);
        let (stamp, frame) = (self.stamp(), Bytes(payload));
        self.stream
            .segment(frame, &segment, stamp, &mut self.budget, &mut self.seen);
        self.check();
    }

    fn syn(&mut self) {
        self.segment(0x02, self.isn, Vec::new());
    }

    fn show(&mut self, range: Range<usize>) {
        if range.is_empty() {
            return;
        }
        self.shown[range.clone()].fill(true);
        self.highest = self.highest.max(range.end);
        let payload = self.sent[range.clone()].to_vec();
        self.segment(0x10, self.sequence(range.start), payload);
    }

    /// A frame of which the last `cut` bytes are missing.
    fn show_cut(&mut self, range: Range<usize>, cut: u8) {
        let until = range.end.saturating_sub(cut.into()).max(range.start);
        if until == range.end || until == range.start {
            return self.show(range);
        }
        self.shown[range.start..until].fill(true);
        self.highest = self.highest.max(range.end);
        let payload = self.sent[range.start..until].to_vec();
        let cut = (range.end - until) as u32;
        self.cut_segment(0x10, self.sequence(range.start), payload, cut);
    }

    /// No two of them follow one another, so none of them moves the stream.
    fn stray(&mut self, distance: u32, flags: u8) {
        let seq = self.sequence(0).wrapping_add(distance);
        self.segment(flags, seq, vec![0xff; 7]);
    }

    fn beyond(&mut self, place: u16, fin: bool) {
        if self.offered {
            // A receiver that leaves much unanswered for a second is not seen any more.
            self.left_ms = self.left_ms.min(900);
            self.stray((1 << 23) + (u32::from(place) << 8), 0x10 | u8::from(fin));
        }
    }

    fn offer(&mut self, window: u16) {
        // A receiver is heard by what it acknowledges.
        self.offered = true;
        self.stream.offered(window.into());
        self.ack(0);
    }

    fn sack(&mut self, range: Range<usize>) {
        let (from, to) = (self.sequence(range.start), self.sequence(range.end));
        self.stream.sacked(from, to);
        self.check();
    }

    fn shed(&mut self) {
        self.shed = true;
        let stamp = self.stamp();
        self.stream.shed(stamp, &mut self.budget, &mut self.seen);
        self.check();
    }

    fn forge(&mut self, range: Range<usize>, mask: u8) {
        if !range.is_empty() && self.shown[range.clone()].iter().all(|shown| *shown) {
            let payload = self.sent[range.clone()].iter().map(|byte| byte ^ mask);
            self.segment(0x10, self.sequence(range.start), payload.collect());
        }
    }

    fn fin(&mut self) {
        self.highest = self.sent.len();
        self.segment(0x11, self.sequence(self.sent.len()), Vec::new());
    }

    /// No receiver takes back what it has acknowledged.
    fn ack(&mut self, offset: usize) {
        let offset = offset.max(self.acked);
        self.acked = self.acked.max(offset);
        let (ack, stamp) = (self.sequence(offset), self.stamp());
        self.stream
            .acked(ack, stamp, &mut self.budget, &mut self.seen);
        self.check();
    }

    fn time(&mut self, milliseconds: u64) {
        let milliseconds = milliseconds.min(self.left_ms);
        if self.left_ms < u64::MAX {
            self.left_ms -= milliseconds;
        }
        self.now_ns += milliseconds * 1_000_000;
        let stamp = self.stamp();
        self.stream
            .tick(self.now_ns, stamp, &mut self.budget, &mut self.seen);
        self.check();
    }

    fn resume(&mut self) {
        self.seen.hold = false;
        let stamp = self.stamp();
        self.stream.resume(stamp, &mut self.budget, &mut self.seen);
        self.check();
    }

    fn finish(&mut self) {
        self.resume();
        let stamp = self.stamp();
        self.stream.finish(stamp, &mut self.budget, &mut self.seen);
        self.check();
        assert_eq!(self.budget.frames, 0, "frames held after the end");
        assert_eq!(self.budget.bytes, 0, "bytes kept after the end");
        assert_eq!(self.stream.ledger().open_hole, 0, "open after the end");
    }

    /// Both equations, with what this side has counted; a gap holds nothing that was shown.
    fn check(&mut self) {
        let l = self.stream.ledger();
        let kept = l.decoded + l.skipped + l.quarantined + l.pending;
        let explained = kept + l.unproven + l.duplicate + l.discarded_window + l.discarded_limit;
        assert_eq!(self.captured, explained, "captured: {l:?}");
        assert_eq!(l.span, kept + l.gap + l.open_hole, "span: {l:?}");
        let messages = self.seen.messages.iter().map(|(message, _)| message.len());
        assert_eq!(l.decoded, messages.sum::<usize>() as u64, "decoded");
        let gaps = self.seen.gaps.iter().map(|gap| gap.bytes).sum::<u64>();
        assert_eq!(l.gap, gaps, "gaps");
        for at in self.checked..self.seen.gaps.len() {
            let range = self.place(&self.seen.gaps[at]);
            assert!(range.end <= self.sent.len(), "gap behind the end");
            let shown = self.shown[range].contains(&true);
            assert!(!shown, "a gap of what was shown: {:?}", self.seen.gaps[at]);
        }
        self.checked = self.seen.gaps.len();
    }

    /// Where a gap lies in the stream.
    fn place(&self, gap: &Gap) -> Range<usize> {
        let from = gap.seq_from.wrapping_sub(self.sequence(0)) as usize;
        from..from + gap.bytes as usize
    }
}

/// Where each message lies.
fn places(messages: &[Vec<u8>]) -> Vec<Range<usize>> {
    let mut at = 0;
    let mut place = |message: &Vec<u8>| {
        at += message.len();
        at - message.len()..at
    };
    messages.iter().map(&mut place).collect()
}

fn run(input: &Input, bench: &mut Bench) {
    let length = bench.sent.len();
    let part = |at: usize, count: u16| at.min(length)..(at + usize::from(count % 2048)).min(length);
    match input.begin {
        Begin::Syn => bench.syn(),
        Begin::LateSyn => {
            bench.show(0..1);
            bench.syn();
        }
        Begin::NoSyn => bench.show(0..1),
    }
    let (mut cursor, mut waited) = (0, 0);
    for step in input.steps.iter().take(STEPS_MAX) {
        match *step {
            Step::Next(count) | Step::Omit(count) => {
                let range = part(cursor, count);
                cursor = range.end;
                if matches!(step, Step::Next(_)) {
                    bench.show(range);
                }
            }
            Step::Any(at, count) => bench.show(part(usize::from(at), count)),
            Step::Forge(at, count, mask) => bench.forge(part(usize::from(at), count), mask),
            Step::Cut(at, count, cut) => bench.show_cut(part(usize::from(at), count), cut),
            Step::Sack(at, count) => bench.sack(part(usize::from(at), count)),
            Step::Offer(window) => bench.offer(window),
            // Outside the gibibyte that a stream without a window may go on in, either way.
            Step::Stray(place, flags) => {
                bench.stray(
                    (1 << 30) + (1 << 24) + (u32::from(place) << 15),
                    flags & 0x15,
                );
            }
            Step::Beyond(place, fin) => bench.beyond(place, fin),
            Step::SynAgain if input.begin == Begin::Syn => bench.syn(),
            Step::SynAgain => (),
            Step::Shed => bench.shed(),
            Step::Ack(at) => bench.ack(usize::from(at).min(length)),
            Step::Time(milliseconds) => {
                waited += u64::from(milliseconds);
                if !input.whole || waited < PATIENCE_MS {
                    bench.time(milliseconds.into());
                }
            }
            Step::Fin => bench.fin(),
            Step::Hold => bench.seen.hold = true,
            Step::Resume => bench.resume(),
        }
    }
    if input.whole {
        while let Some(from) = bench.shown.iter().position(|shown| !shown) {
            let rest = bench.shown[from..].iter().position(|shown| *shown);
            bench.show(from..rest.map_or(length, |rest| from + rest));
        }
    }
    bench.finish();
}

/// Nothing was left out: the messages of the contiguous stream, nothing else.
fn check_whole(bench: &Bench, messages: &[Vec<u8>]) {
    let seen: Vec<_> = bench
        .seen
        .messages
        .iter()
        .map(|(message, _)| message)
        .collect();
    assert!(seen.iter().copied().eq(messages), "not what was sent");
    assert!(bench.seen.gaps.is_empty() && bench.seen.malformed == 0);
    let exact = |(_, framing): &(_, Framing)| *framing == Framing::Exact;
    assert!(
        bench.seen.messages.iter().all(exact),
        "searched for without need"
    );
}

/// Bytes were left out: what is beyond doubt was sent, in this order, and the gaps are the bytes.
fn check_loss(bench: &Bench, messages: &[Vec<u8>], plain: bool, began: bool) {
    let exact = |(_, framing): &&(Vec<u8>, Framing)| plain || *framing == Framing::Exact;
    let mut rest = messages.iter();
    for (message, _) in bench.seen.messages.iter().filter(exact) {
        assert!(
            rest.any(|sent| sent == message),
            "invented, or out of order"
        );
    }
    if !began {
        return;
    }
    let mut missing = vec![false; bench.sent.len()];
    for gap in &bench.seen.gaps {
        missing[bench.place(gap)].fill(true);
    }
    // An acknowledged number right behind all that was shown or told of may be that of a FIN.
    let told = missing.iter().rposition(|missing| *missing);
    let known = bench.highest.max(told.map_or(0, |last| last + 1));
    let acked = if bench.acked > known + 1 {
        bench.acked
    } else {
        0
    };
    let end = bench.highest.max(acked);
    for at in 0..end {
        assert!(bench.shown[at] || missing[at], "no gap tells of {at}");
    }
    let whole = |place: &Range<usize>| place.end <= end && !missing[place.clone()].contains(&true);
    let places = places(messages);
    let untouched = places.iter().filter(|place| whole(place)).count();
    let first_gap = missing.iter().position(|missing| *missing).unwrap_or(end);
    let before = places
        .iter()
        .take_while(|place| place.end <= first_gap)
        .count();
    let seen = bench.seen.messages.len();
    if bench.shed {
        return;
    }
    assert!(seen >= before, "messages before the first gap");
    if plain {
        assert_eq!(seen, untouched, "messages that no gap touches");
    }
}

fuzz_target!(|input: Input| {
    let sent = &input.messages[..input.messages.len().min(MESSAGES_MAX)];
    let messages: Vec<_> = sent.iter().map(Sent::bytes).collect();
    if messages.is_empty() {
        return;
    }
    let mut bench = Bench::new(input.isn, messages.concat());
    run(&input, &mut bench);
    if input.whole && input.begin != Begin::NoSyn && !bench.shed {
        check_whole(&bench, &messages);
    } else {
        let plain = sent.iter().all(Sent::is_plain);
        check_loss(&bench, &messages, plain, input.begin != Begin::NoSyn);
    }
});
