//! A real session under whatever someone sends who does not know its sequence numbers, on a mirror that doubles
//! and reorders: both directions are decoded whole, in one session that stays up.
//!
//! RFC 5961 is about the same attacker. Segments that lie in the window by chance are the
//! receiver's problem too, and are not made here.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use support::segments::{ACK, Bench, FIN, MS, RST, SYN, Seg, keepalive, open};

/// Nothing forged lies so near to where a stream stands.
const FAR: u32 = 1 << 22;

/// What one side does next.
#[derive(Clone, Debug)]
enum Step {
    /// It sends a message, cut in two at a place.
    Sends { side: usize, fill: u8, cut: u8 },
    /// It acknowledges all that it has.
    Acknowledges { side: usize },
    /// Somebody forges a segment in its name.
    Forged {
        side: usize,
        kind: Forged,
        seq: u32,
        ack: u32,
    },
    /// Nothing happens for so many milliseconds.
    Pause(u16),
}

#[derive(Clone, Copy, Debug)]
enum Forged {
    Data,
    FinWithData,
    Fin,
    Rst,
    Syn,
    SynWithData,
    SynAck,
    Ack,
    Sack,
}

/// What the mirror does with a genuine segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mirror {
    Shows,
    Doubles,
    /// It changes places with the next one.
    Delays,
}

fn step() -> impl Strategy<Value = (Step, Mirror)> {
    let kind = prop_oneof![
        Just(Forged::Data),
        Just(Forged::FinWithData),
        Just(Forged::Fin),
        Just(Forged::Rst),
        Just(Forged::Syn),
        Just(Forged::SynWithData),
        Just(Forged::SynAck),
        Just(Forged::Ack),
        Just(Forged::Sack),
    ];
    let step = prop_oneof![
        6 => (0..2usize, any::<u8>(), any::<u8>())
            .prop_map(|(side, fill, cut)| Step::Sends { side, fill, cut }),
        3 => (0..2usize).prop_map(|side| Step::Acknowledges { side }),
        4 => (0..2usize, kind, any::<u32>(), any::<u32>())
            .prop_map(|(side, kind, seq, ack)| Step::Forged { side, kind, seq, ack }),
        1 => (1..3000u16).prop_map(Step::Pause),
    ];
    let mirror = prop_oneof![
        5 => Just(Mirror::Shows),
        1 => Just(Mirror::Doubles),
        1 => Just(Mirror::Delays),
    ];
    (step, mirror)
}

/// An UPDATE with an attribute that nobody knows.
fn update(fill: u8) -> Vec<u8> {
    let value = vec![fill; usize::from(fill) % 90];
    let mut out = vec![0xff; 16];
    out.extend((19 + 4 + 4 + value.len() as u16).to_be_bytes());
    out.extend([2, 0, 0]);
    out.extend((4 + value.len() as u16).to_be_bytes());
    out.extend([0xd0, 200]);
    out.extend((value.len() as u16).to_be_bytes());
    out.extend(value);
    out
}

/// The session, and the mirror in front of the worker.
struct Session {
    bench: Bench,
    /// The next number of each side.
    next: [u32; 2],
    delayed: Option<Seg>,
    updates: usize,
    /// Numbers of the SYNs that were forged in the name of each side.
    syns: [Vec<u32>; 2],
}

/// Acknowledgements so far behind a SYN answer it.
const ANSWERS: u32 = 1 << 20;

impl Session {
    fn new(isns: [u32; 2]) -> Self {
        let mut session = Self {
            bench: Bench::new(),
            next: isns.map(|isn| isn.wrapping_add(1)),
            delayed: None,
            updates: 0,
            syns: Default::default(),
        };
        let [a, b] = isns;
        session.bench.send(&Seg::new(0, SYN, a, 0, &[]));
        let answer = Seg::new(1, SYN | ACK, b, session.next[0], &[]);
        session.bench.send(&answer);
        for message in [open(65001, 180), keepalive()] {
            session.sends(0, &message, 5, Mirror::Shows);
            session.sends(1, &message, 9, Mirror::Shows);
        }
        session
    }

    fn sends(&mut self, side: usize, message: &[u8], cut: usize, mirror: Mirror) {
        let (first, second) = message.split_at(cut.min(message.len()));
        for part in [first, second] {
            let [seq, ack] = [self.next[side], self.next[side ^ 1]];
            self.next[side] = seq.wrapping_add(part.len() as u32);
            self.show(Seg::new(side, ACK, seq, ack, part), mirror);
        }
    }

    fn show(&mut self, seg: Seg, mirror: Mirror) {
        if mirror == Mirror::Delays && self.delayed.is_none() {
            self.delayed = Some(seg);
            return;
        }
        self.bench.send(&seg);
        if mirror == Mirror::Doubles {
            self.bench.send(&seg);
        }
        if let Some(late) = self.delayed.take() {
            self.bench.send(&late);
        }
    }

    /// Moves a number away from where the real ones are.
    fn far_from(&self, side: usize, number: u32) -> u32 {
        let distance = number.wrapping_sub(self.next[side]).cast_signed();
        if distance.unsigned_abs() < FAR {
            number.wrapping_add(2 * FAR)
        } else {
            number
        }
    }

    fn forge(&mut self, side: usize, kind: Forged, seq: u32, ack: u32) {
        let (seq, ack) = (self.far_from(side, seq), self.far_from(side ^ 1, ack));
        // A SYN and what answers it are a session of its own: who can forge both has made one up, which nobody can tell
        // (README.md).
        let answers = |syn: &u32| ack.wrapping_sub(*syn) <= ANSWERS + 1;
        if self.syns[side ^ 1].iter().any(answers) {
            return;
        }
        if matches!(kind, Forged::Syn | Forged::SynWithData | Forged::SynAck) {
            self.syns[side].push(seq);
        }
        let keepalive = keepalive();
        let (flags, payload): (u8, &[u8]) = match kind {
            Forged::Data => (ACK, &keepalive),
            Forged::FinWithData => (FIN | ACK, &keepalive),
            Forged::Fin => (FIN | ACK, &[]),
            Forged::Rst => (RST | ACK, &[]),
            Forged::Syn => (SYN, &[]),
            Forged::SynWithData => (SYN, &keepalive),
            Forged::SynAck => (SYN | ACK, &[]),
            Forged::Ack | Forged::Sack => (ACK, &[]),
        };
        let mut seg = Seg::new(side, flags, seq, ack, payload);
        if let Forged::Sack = kind {
            // What it claims is real; who claims it is not.
            let real = self.next[side ^ 1];
            seg.options = vec![1, 1, 5, 10];
            seg.options.extend(real.wrapping_add(10).to_be_bytes());
            seg.options.extend(real.wrapping_add(5000).to_be_bytes());
        }
        self.bench.send(&seg);
    }

    fn run(&mut self, steps: &[(Step, Mirror)]) {
        for (step, mirror) in steps {
            match step {
                Step::Sends { side, fill, cut } => {
                    self.updates += 1;
                    self.sends(*side, &update(*fill), usize::from(*cut), *mirror);
                }
                Step::Acknowledges { side } => {
                    let [seq, ack] = [self.next[*side], self.next[*side ^ 1]];
                    self.show(Seg::new(*side, ACK, seq, ack, &[]), *mirror);
                }
                Step::Forged {
                    side,
                    kind,
                    seq,
                    ack,
                } => self.forge(*side, *kind, *seq, *ack),
                Step::Pause(ms) => self.bench.now_ns += u64::from(*ms) * MS,
            }
        }
        // Whatever the mirror still has comes before the session goes on.
        for side in [0, 1] {
            self.sends(side, &keepalive(), 19, Mirror::Shows);
        }
    }
}

#[test]
fn a_session_is_whole_whatever_is_forged_beside_it() {
    let config = Config {
        cases: 400,
        ..Config::default()
    };
    let seed: [u8; 32] = std::array::from_fn(|at| {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        (now.unwrap().as_nanos() >> (at % 8 * 8)) as u8
    });
    println!("seed {seed:?}");
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &seed);
    let mut runner = TestRunner::new_with_rng(config, rng);
    let isns = prop_oneof![Just([1000, 9000]), Just([u32::MAX - 60, u32::MAX - 90])];
    let steps = proptest::collection::vec(step(), 1..60);
    let cases = (isns, steps);
    let outcome = runner.run(&cases, |(isns, steps)| {
        let mut session = Session::new(isns);
        session.run(&steps);
        let updates = session.updates;
        let told = session.bench.finish();
        prop_assert_eq!(told.of("UPDATE").count(), updates);
        prop_assert_eq!(told.of("KEEPALIVE").count(), 4);
        prop_assert_eq!(told.of("OPEN").count(), 2);
        prop_assert_eq!(told.of("GAP").count(), 0, "nothing was lost");
        prop_assert_eq!(told.of("MALFORMED").count(), 0);
        prop_assert_eq!(told.sessions().len(), 1);
        let state = told
            .of("STATE")
            .last()
            .and_then(|line| line["state"].as_u64());
        prop_assert_eq!(state, Some(6), "still up");
        for direction in &told.directions {
            let in_flight = direction.tcp.in_flight;
            prop_assert!(in_flight < 1 << 16, "{in_flight} bytes cannot be under way");
        }
        Ok(())
    });
    if let Err(found) = outcome {
        panic!("{found}");
    }
}
