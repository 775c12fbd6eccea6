//! Sessions of which the handshake, or one direction, is not seen: nobody knows the receiver's window then.
//! Nothing genuine is lost for that, and what somebody makes up moves a stream by no more than it must.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use support::segments::{ACK, Bench, FIN, MS, S, SYN, Seg, Told, keepalive, open};

/// An UPDATE of so many bytes: one attribute that nobody knows.
fn update(fill: u8, length: u16) -> Vec<u8> {
    let value = length - 27;
    let mut out = vec![0xff; 16];
    out.extend(length.to_be_bytes());
    out.extend([2, 0, 0]);
    out.extend((4 + value).to_be_bytes());
    out.extend([0xd0, 200]);
    out.extend(value.to_be_bytes());
    out.resize(usize::from(length), fill);
    out
}

/// Both sides of a session, and the next number of each.
struct Session {
    bench: Bench,
    next: [u32; 2],
}

impl Session {
    /// Joined when it is up.
    fn joined() -> Self {
        Self {
            bench: Bench::new(),
            next: [1001, 9001],
        }
    }

    /// From its handshake on; both OPENs and a KEEPALIVE each. The windows are small and not scaled.
    fn whole() -> Self {
        let mut session = Self::joined();
        let [a, b] = session.next;
        session.bench.send(&Seg::new(0, SYN, a - 1, 0, &[]));
        session.bench.send(&Seg::new(1, SYN | ACK, b - 1, a, &[]));
        for message in [open(65001, 180), keepalive()] {
            session.sends(0, &message);
            session.sends(1, &message);
        }
        session.sends(0, &[]);
        session
    }

    /// What a side sends next.
    fn next(&mut self, side: usize, payload: &[u8]) -> Seg {
        let seg = Seg::new(side, ACK, self.next[side], self.next[side ^ 1], payload);
        self.next[side] = seg.seq.wrapping_add(payload.len() as u32);
        seg
    }

    fn sends(&mut self, side: usize, payload: &[u8]) {
        let seg = self.next(side, payload);
        self.bench.send(&seg);
    }

    /// KEEPALIVEs both ways, so many times, half a minute apart.
    fn idles(&mut self, times: usize) {
        for _ in 0..times {
            self.sends(0, &keepalive());
            self.sends(1, &keepalive());
            self.bench.now_ns += 30 * S;
        }
    }

    /// The other side may have acknowledged anything as far as this one knows.
    fn forge(&mut self, side: usize, flags: u8, ahead: u32, payload: &[u8]) {
        let seq = self.next[side].wrapping_add(ahead);
        self.bench
            .send(&Seg::new(side, flags, seq, 0x1234_5678, payload));
    }
}

fn states(told: &Told) -> Vec<u64> {
    told.of("STATE")
        .map(|line| line["state"].as_u64().unwrap())
        .collect()
}

#[test]
fn a_direction_whose_receiver_is_not_shown_any_more_goes_on_behind_a_hole() {
    // The other port of the mirror has failed; this one loses a segment, and more than a window follows.
    for (whole, heard) in [(true, true), (true, false), (false, false)] {
        let mut session = if whole {
            Session::whole()
        } else {
            Session::joined()
        };
        for fill in 0..10 {
            session.sends(0, &update(fill, 527));
            if heard {
                session.sends(1, &[]);
            }
        }
        session.next(0, &update(0, 527));
        for fill in 0..3000_u32 {
            session.sends(0, &update(fill as u8, 527));
            session.bench.now_ns += 9 * MS;
        }
        let told = session.bench.finish();
        assert_eq!(told.of("UPDATE").count(), 3010, "{whole} {heard}");
        let gaps: Vec<_> = told.of("GAP").map(|gap| gap["bytes"].as_u64()).collect();
        assert_eq!(gaps, [Some(527)]);
    }
}

#[test]
fn a_forged_fin_does_not_end_a_joined_session() {
    // Far away, and inside any window: its receiver waits for what is before it.
    for ahead in [100 << 20, 60_000] {
        let mut session = Session::joined();
        session.idles(3);
        session.forge(0, FIN | ACK, ahead, &[]);
        session.idles(10);
        let told = session.bench.finish();
        assert_eq!(told.of("KEEPALIVE").count(), 26);
        assert_eq!(states(&told), [6], "{ahead}");
    }
}

#[test]
fn a_fin_that_overtakes_data_ends_the_session_behind_them() {
    let mut session = Session::whole();
    let data = session.next(0, &update(7, 100));
    let mut fin = session.next(0, &[]);
    fin.flags |= FIN;
    session.bench.send(&fin);
    session.bench.send(&data);
    let told = session.bench.finish();
    let kinds: Vec<_> = told.lines.iter().rev().take(2).collect();
    assert_eq!(kinds[1]["type"], "UPDATE");
    assert_eq!(
        (&kinds[0]["type"], &kinds[0]["reason"]),
        (&"STATE".into(), &"fin".into())
    );
}

#[test]
fn forged_data_far_ahead_do_not_move_a_joined_session() {
    let mut session = Session::joined();
    session.idles(3);
    for count in 1..=300 {
        session.forge(0, ACK, count * 400_000, &[7; 50]);
    }
    for fill in 0..20 {
        session.sends(0, &update(fill, 127));
        session.sends(1, &[]);
        session.bench.now_ns += S;
    }
    let told = session.bench.finish();
    assert_eq!(told.of("UPDATE").count(), 20);
}

#[test]
fn forged_data_do_not_move_a_direction_that_goes_on() {
    // Nothing of the receiver is seen. As long as bytes come before the hole, it is none.
    let mut session = Session::joined();
    for fill in 0..3 {
        session.sends(0, &update(fill, 127));
        session.bench.now_ns += S;
    }
    session.forge(0, ACK, 500 << 20, &[7; 50]);
    for fill in 0..200 {
        session.sends(0, &update(fill, 127));
        session.bench.now_ns += S;
    }
    let told = session.bench.finish();
    assert_eq!(told.of("UPDATE").count(), 203);
}

#[test]
fn a_forged_acknowledgement_does_not_make_a_joined_session_deaf() {
    let mut session = Session::joined();
    session.idles(3);
    let ack = session.next[0].wrapping_add(30 << 20);
    let seq = session.next[1];
    session.bench.send(&Seg::new(1, ACK, seq, ack, &[]));
    session.bench.now_ns += S;
    for fill in 0..20 {
        session.sends(0, &update(fill, 127));
        session.sends(1, &keepalive());
        session.bench.now_ns += S;
    }
    let told = session.bench.finish();
    // One goes by before it is sure that the stream stands elsewhere.
    let updates = told.of("UPDATE").count();
    assert!(updates >= 19, "{updates} of 20");
}
