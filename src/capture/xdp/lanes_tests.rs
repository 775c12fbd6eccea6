//! Rings that are looked at one after the other, and what comes out of them in one line.

use super::*;
use crate::capture::{LinkType, StampSource};

fn frame(ns: u64, continues: bool) -> Captured<u64> {
    Captured {
        frame: ns,
        stamp: Stamp {
            ns,
            source: StampSource::Xdp,
        },
        link: LinkType::Ethernet,
        wire_len: 0,
        interface: 0,
        vlan: None,
        continues,
    }
}

/// Sockets, and what their rings show.
struct Rings {
    rings: Vec<VecDeque<Captured<u64>>>,
    lanes: Lanes<u64>,
    now: Instant,
    batch: Vec<Captured<u64>>,
}

impl Rings {
    fn new(count: usize) -> Self {
        let mut lanes = Lanes::new();
        (0..count).for_each(|_| lanes.add());
        Self {
            rings: (0..count).map(|_| VecDeque::new()).collect(),
            lanes,
            now: Instant::now(),
            batch: Vec::new(),
        }
    }

    fn show(&mut self, ring: usize, times: impl IntoIterator<Item = u64>) {
        self.rings[ring].extend(times.into_iter().map(|ns| frame(ns, false)));
    }

    /// One round, so much after the last one; what it brings.
    fn round(&mut self, later: Duration) -> Vec<u64> {
        self.now += later;
        self.lanes.look(self.now);
        for (number, ring) in self.rings.iter_mut().enumerate() {
            self.lanes.fill(number, |most, put| {
                let mut taken = 0;
                let mut open = false;
                while taken < most || open {
                    let Some(frame) = ring.pop_front() else { break };
                    open = frame.continues;
                    put(frame);
                    taken += 1;
                }
                taken
            });
        }
        self.lanes.release(&mut self.batch, false);
        self.batch.drain(..).map(|frame| frame.frame).collect()
    }
}

const SOON: Duration = Duration::from_micros(10);

/// A process that did not run for a while: what came last on one queue is beyond the first round, and
/// what came after it on another queue has to wait for that.
#[test]
fn a_frame_waits_for_older_ones_deep_in_another_ring() {
    let mut rings = Rings::new(2);
    let deep = 3 * LANE as u64 + 7;
    rings.show(0, 0..deep);
    rings.show(1, [deep + 1, deep + 2]);
    let mut seen = Vec::new();
    for _ in 0..4 {
        seen.extend(rings.round(SOON));
    }
    seen.extend(rings.round(SETTLED));
    assert_eq!(seen.len() as u64, deep + 2);
    assert!(seen.is_sorted(), "in the order of arrival");
    assert!(rings.lanes.is_empty());
}

/// As many frames as a lane has room for: whether there are more is not known yet.
#[test]
fn a_lane_that_was_filled_to_the_brim_is_not_drained() {
    let mut rings = Rings::new(2);
    rings.show(0, 0..LANE as u64);
    rings.show(1, [9_000]);
    assert_eq!(rings.round(SOON).len(), LANE);
    assert_eq!(rings.lanes.settles_in(rings.now), Duration::ZERO);
    rings.show(0, [8_000]);
    rings.show(1, [9_001]);
    // What waits since the first round has settled, what came now has not.
    assert_eq!(rings.round(SETTLED), [8_000, 9_000]);
}

/// A frame that was stamped before, but is shown after, comes before.
#[test]
fn a_silent_ring_is_given_the_time_to_show_what_it_has() {
    let mut rings = Rings::new(2);
    rings.show(0, [10, 11]);
    assert_eq!(rings.round(SOON), [0; 0]);
    assert_eq!(rings.lanes.settles_in(rings.now), SETTLED);
    rings.show(1, [5, 20]);
    assert_eq!(rings.round(SOON), [5, 10, 11]);
    // The other one may still have something before 20.
    assert_eq!(rings.round(SOON), [0; 0]);
    assert_eq!(rings.lanes.settles_in(rings.now), SETTLED - SOON);
    assert_eq!(rings.round(SETTLED - SOON), [20]);
}

#[test]
fn a_socket_alone_waits_for_nobody() {
    let mut rings = Rings::new(1);
    rings.show(0, [1, 2, 3]);
    assert_eq!(rings.round(SOON), [1, 2, 3]);
}

#[test]
fn after_the_end_nothing_waits() {
    let mut rings = Rings::new(3);
    rings.show(2, [3]);
    rings.show(0, [4]);
    assert_eq!(rings.round(SOON), [0; 0]);
    rings.lanes.release(&mut rings.batch, true);
    let left: Vec<u64> = rings.batch.iter().map(|frame| frame.frame).collect();
    assert_eq!(left, [3, 4]);
}

/// The further parts of a packet have no metadata, so no time of their own.
#[test]
fn the_parts_of_a_packet_stay_together_at_the_time_of_the_first() {
    let mut rings = Rings::new(2);
    rings.rings[0].extend([frame(5, true), frame(99, true), frame(98, false)]);
    rings.show(0, [8]);
    rings.show(1, [1, 7, 9]);
    assert_eq!(rings.round(SOON), [1, 5, 99, 98, 7, 8]);
    rings.rings[1].push_back(frame(30, true));
    rings.rings[1].push_back(frame(2, false));
    rings.show(0, [29, 31]);
    assert_eq!(rings.round(SETTLED), [9, 29, 30, 2]);
}

/// Whatever is taken from a ring leaves its lane again, in order, and without more memory.
#[test]
fn lanes_take_no_more_memory_than_they_had() {
    let mut rings = Rings::new(3);
    let room: Vec<usize> = rings
        .lanes
        .lanes
        .iter()
        .map(|l| l.waiting.capacity())
        .collect();
    let heads = rings.lanes.heads.capacity();
    let mut seen = Vec::new();
    for number in 0..20_u64 {
        let from = number * 5_000;
        for ring in 0..3 {
            rings.show(ring, (from..from + 1_500).map(|ns| ns * 3 + ring as u64));
        }
        seen.extend(rings.round(SOON));
    }
    for _ in 0..40 {
        seen.extend(rings.round(SETTLED));
    }
    assert_eq!(seen.len(), 3 * 20 * 1_500);
    assert!(seen.is_sorted());
    let now: Vec<usize> = rings
        .lanes
        .lanes
        .iter()
        .map(|l| l.waiting.capacity())
        .collect();
    assert_eq!((now, rings.lanes.heads.capacity()), (room, heads));
}
