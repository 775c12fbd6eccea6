//! What metrics say of tables whose session is over, and whose routes wait for a restart (RFC 4724).

use crate::support::segments::{
    ACK, Bench, Bytes, FIN, S, SYN, Seg, keepalive, message, open_with,
};
use bgptap::capture::{Captured, Interrupted, Polled, Source};
use bgptap::sink::metrics::{Direction, Snapshot};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// A source at its end.
struct Nothing;

impl Source for Nothing {
    type Frame = Bytes;

    fn poll(&mut self, _: &mut Vec<Captured<Bytes>>, _: Duration) -> Result<Polled, Interrupted> {
        Ok(Polled::End)
    }

    fn interfaces(&self) -> &[String] {
        &[]
    }
}

struct Talk {
    bench: Bench,
    seq: [u32; 2],
}

impl Talk {
    /// A connection with both OPENs; routes are kept for 4000 seconds.
    fn connect(bench: Bench, begin: u32) -> Self {
        let mut talk = Self {
            bench,
            seq: [begin; 2],
        };
        for (direction, flags) in [(0, SYN), (1, SYN | ACK), (0, ACK)] {
            talk.send(direction, flags, &[]);
        }
        let graceful = [0x0f, 0xa0, 0, 1, 1, 0x80];
        for direction in [0, 1] {
            let capabilities: [(u8, &[u8]); 2] = [(1, &[0, 1, 0, 1]), (64, &graceful)];
            let asn = 64500 + direction as u16;
            talk.send(direction, ACK, &open_with(asn, &capabilities));
            talk.send(direction ^ 1, ACK, &keepalive());
        }
        talk
    }

    fn send(&mut self, direction: usize, flags: u8, payload: &[u8]) {
        let (seq, ack) = (self.seq[direction], self.seq[direction ^ 1]);
        let seg = Seg::new(direction, flags, seq, ack, payload);
        self.bench.send(&seg);
        self.seq[direction] += payload.len() as u32 + u32::from(flags & (SYN | FIN) != 0);
    }

    /// So many prefixes, in one UPDATE.
    fn announce(&mut self, routes: u8) {
        let mut body = vec![0, 0, 0, 18, 0x40, 1, 1, 0, 0x40, 2, 4, 2, 1, 0xfb, 0xf4];
        body.extend([0x40, 3, 4, 192, 0, 2, 1]);
        body.extend((0..routes).flat_map(|n| [16, 10, n]));
        self.send(0, ACK, &message(2, &body));
    }

    fn end_of_rib(&mut self) {
        self.send(0, ACK, &message(2, &[0; 4]));
    }

    fn lose(&mut self) {
        self.send(0, FIN | ACK, &[]);
        self.send(1, FIN | ACK, &[]);
    }

    /// Later something comes that has nothing to do with it.
    fn wait(&mut self, seconds: u64) {
        self.bench.now_ns += seconds * S;
        self.bench.put(vec![0xff; 60]);
    }

    /// Connections, and what is counted of the side that announces, as of now.
    fn counted(&mut self) -> (u64, Arc<Direction>) {
        let (worker, mut connections) = (&mut self.bench.worker, 0);
        let take = |_: &mut Nothing, snapshot: &mut Snapshot| connections = snapshot.sessions;
        let interrupted = worker.run(&mut Nothing, &AtomicBool::new(false), take);
        assert!(interrupted.is_empty());
        let [peer, local] = [1, 2].map(|last| IpAddr::from([192, 0, 2, last]));
        (connections, worker.outputs.metrics.direction(peer, local))
    }

    /// Connections; UPDATEs of that side; routes of its table, stale ones among them, and whether that is whole.
    fn figures(&mut self) -> (u64, u64, Option<[u64; 3]>) {
        let (connections, counted) = self.counted();
        let family = counted
            .families()
            .find(|(afi, safi, _)| (*afi, *safi) == (1, 1));
        let table = family.and_then(|(_, _, family)| {
            let routes = family.rib()?;
            Some([routes, family.rib_stale.get(), family.rib_complete.get()])
        });
        (connections, counted.messages[1].get(), table)
    }
}

#[test]
fn tables_that_are_kept_have_their_figures_until_they_go() {
    let mut talk = Talk::connect(Bench::new(), 1000);
    talk.announce(7);
    // The other may have kept routes from before.
    assert_eq!(talk.figures(), (1, 1, Some([7, 0, 0])));
    talk.end_of_rib();
    assert_eq!(talk.figures(), (1, 2, Some([7, 0, 1])));
    talk.lose();
    assert_eq!(talk.figures(), (1, 2, Some([7, 7, 1])));
    // The connection is forgotten, and its routes are still there.
    talk.wait(3800);
    assert_eq!(talk.figures(), (0, 2, Some([7, 7, 1])));
    // The restart time is over: no table, and nothing is counted any more.
    talk.wait(300);
    assert_eq!(talk.figures(), (0, 0, None));
}

#[test]
fn a_session_that_takes_routes_over_says_what_is_stale_of_them() {
    let mut talk = Talk::connect(Bench::new(), 1000);
    talk.announce(7);
    talk.end_of_rib();
    talk.lose();
    talk.wait(3800);
    assert_eq!(talk.figures(), (0, 2, Some([7, 7, 1])));
    let mut talk = Talk::connect(talk.bench, 90_000);
    talk.announce(3);
    assert_eq!(talk.figures(), (1, 3, Some([7, 4, 1])));
    talk.end_of_rib();
    assert_eq!(talk.figures(), (1, 4, Some([3, 0, 1])));
}
