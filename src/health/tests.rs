//! Figures of made-up connections whose times are known.

use super::*;
use crate::wire::{Endpoint, TcpFlags};
use std::net::Ipv4Addr;

const MS: u64 = 1_000_000;
const SECOND: u64 = 1_000 * MS;

/// A connection whose time the test sets.
#[derive(Default)]
struct Bench {
    health: Health,
    now_ns: u64,
}

struct Sent<'a> {
    flags: u8,
    seq: u32,
    ack: u32,
    length: u32,
    window: u16,
    options: &'a [u8],
    ip_id: Option<u16>,
}

impl Default for Sent<'_> {
    fn default() -> Self {
        Self {
            flags: 0x10,
            seq: 0,
            ack: 0,
            length: 0,
            window: 1000,
            options: &[],
            ip_id: None,
        }
    }
}

impl Bench {
    fn sends(&mut self, at_ms: u64, direction: Direction, sent: &Sent<'_>) -> bool {
        self.now_ns = at_ms * MS;
        let end = |port| Endpoint {
            addr: Ipv4Addr::LOCALHOST.into(),
            port,
        };
        let segment = Segment {
            ip_id: sent.ip_id,
            seq: sent.seq,
            ack: sent.ack,
            flags: TcpFlags(sent.flags),
            window: sent.window,
            payload: 0..sent.length,
            ..Segment::between(end(179), end(40000))
        };
        self.health
            .segment(direction, &segment, sent.options, self.now_ns)
    }

    fn data(&mut self, at_ms: u64, seq: u32, length: u32) -> bool {
        let sent = Sent {
            seq,
            length,
            ip_id: Some(at_ms as u16),
            ..Sent::default()
        };
        self.sends(at_ms, 0, &sent)
    }

    fn ack(&mut self, at_ms: u64, ack: u32, window: u16) {
        self.sends(
            at_ms,
            1,
            &Sent {
                ack,
                window,
                ..Sent::default()
            },
        );
    }
}

#[test]
fn a_round_trip_is_from_data_to_its_acknowledgement_across_the_wraparound() {
    let mut bench = Bench::default();
    let seq = u32::MAX - 50;
    bench.data(1000, seq, 100);
    assert_eq!(bench.health.side(0).in_flight(), 100);
    bench.ack(1030, seq.wrapping_add(100), 1000);
    let side = bench.health.side(0);
    assert_eq!((side.rtt.smoothed_ns, side.rtt.samples), (30 * MS, 1));
    assert_eq!((side.in_flight(), side.in_flight_max), (0, 100));
}

#[test]
fn what_was_sent_twice_is_not_timed() {
    let mut bench = Bench::default();
    bench.data(1000, 1, 100);
    bench.data(1200, 1, 100);
    bench.ack(1210, 101, 1000);
    assert_eq!(bench.health.side(0).rtt.samples, 0, "Karn's rule");
    bench.data(1300, 101, 100);
    bench.ack(1310, 201, 1000);
    assert_eq!(bench.health.side(0).rtt.smoothed_ns, 10 * MS);
}

#[test]
fn what_a_mirror_shows_behind_its_acknowledgement_is_not_timed() {
    let mut bench = Bench::default();
    bench.data(1000, 1, 100);
    bench.ack(1010, 101, 1000);
    // The acknowledgement comes first, then the data, then another acknowledgement of the same.
    bench.ack(1100, 201, 1000);
    bench.data(1101, 101, 100);
    bench.ack(1300, 201, 1000);
    let rtt = bench.health.side(0).rtt;
    assert_eq!((rtt.samples, rtt.smoothed_ns), (1, 10 * MS));
    bench.data(1400, 201, 100);
    bench.ack(1410, 301, 1000);
    assert_eq!(bench.health.side(0).rtt.samples, 2);
}

#[test]
fn a_clock_that_a_mirror_shows_behind_its_echo_is_not_timed() {
    let clock = |value: u8, echo: u8| [8, 10, 0, 0, 0, value, 0, 0, 0, echo];
    let mut bench = Bench::default();
    for (at_ms, direction, length, options) in [
        (10, 1, 0, clock(90, 7)),
        (11, 0, 5, clock(7, 0)),
        (400, 1, 0, clock(91, 7)),
    ] {
        let sent = Sent {
            seq: 1,
            length,
            options: &options,
            ..Sent::default()
        };
        bench.sends(at_ms, direction, &sent);
    }
    assert_eq!(bench.health.side(0).timestamp_rtt.samples, 0);
}

#[test]
fn an_echo_of_the_clock_is_timed_once() {
    let clock = |value: u8, echo: u8| [8, 10, 0, 0, 0, value, 0, 0, 0, echo];
    let mut bench = Bench::default();
    bench.sends(
        10,
        0,
        &Sent {
            seq: 1,
            length: 5,
            options: &clock(7, 0),
            ..Sent::default()
        },
    );
    bench.sends(
        14,
        1,
        &Sent {
            ack: 1,
            options: &clock(90, 6),
            ..Sent::default()
        },
    );
    assert_eq!(
        bench.health.side(0).timestamp_rtt.samples,
        0,
        "an older value"
    );
    bench.sends(
        15,
        1,
        &Sent {
            ack: 6,
            options: &clock(91, 7),
            ..Sent::default()
        },
    );
    bench.sends(
        40,
        1,
        &Sent {
            ack: 6,
            options: &clock(92, 7),
            ..Sent::default()
        },
    );
    let rtt = bench.health.side(0).timestamp_rtt;
    assert_eq!((rtt.last_ns, rtt.samples), (5 * MS, 1));
}

#[test]
fn a_copy_by_the_mirror_is_told_from_a_retransmission() {
    let mut bench = Bench::default();
    let sent = |ip_id| Sent {
        seq: 1,
        length: 50,
        ip_id: Some(ip_id),
        ..Sent::default()
    };
    assert!(!bench.sends(100, 0, &sent(7)));
    assert!(bench.sends(101, 0, &sent(7)), "the same packet again");
    assert!(!bench.sends(102, 0, &sent(8)), "a packet of its own");
    assert!(!bench.sends(400, 0, &sent(8)), "too late for a mirror");
    assert!(
        !bench.sends(500, 0, &sent(0)) && !bench.sends(500, 0, &sent(0)),
        "nothing tells them apart"
    );
    assert_eq!(bench.health.side(0).mirror_copies, 1);
}

#[test]
fn probes_are_counted_apart() {
    let mut bench = Bench::default();
    bench.data(0, 1, 100);
    bench.ack(5, 101, 0);
    // A keepalive without a byte, and a window probe of one byte that was sent before.
    bench.data(1000, 100, 0);
    bench.data(2000, 100, 1);
    assert_eq!(bench.health.side(0).probes, 2);
}

#[test]
fn a_closed_window_is_the_fault_of_who_offers_it() {
    let mut bench = Bench::default();
    bench.data(0, 1, 100);
    bench.ack(100, 101, 0);
    bench.ack(900, 101, 0);
    assert_eq!(bench.health.alarm(1, 1000 * MS), None);
    assert_eq!(bench.health.alarm(1, 1200 * MS), Some(Alarm::ZeroWindow));
    assert_eq!(bench.health.alarm(1, 1300 * MS), None, "told once");
    bench.ack(2600, 101, 500);
    let opened = bench.health.window_opened(1);
    assert_eq!(opened, Some(Alarm::WindowOpen(2500 * MS)));
    assert_eq!(bench.health.window_opened(1), None, "told once");
    let side = bench.health.side(1);
    assert_eq!((side.zero_windows, side.zero_window_ns), (1, 2500 * MS));
    assert_eq!(bench.health.side(0).zero_windows, 0);
}

#[test]
fn windows_are_scaled_only_if_both_sides_agreed_to_it() {
    for (scale, window) in [(&[3, 3, 7][..], 1000 << 7), (&[], 1000)] {
        let mut bench = Bench::default();
        bench.sends(
            0,
            0,
            &Sent {
                flags: 2,
                options: &[3, 3, 7, 2, 4, 5, 0xb4],
                ..Sent::default()
            },
        );
        bench.sends(
            1,
            1,
            &Sent {
                flags: 0x12,
                ack: 1,
                options: scale,
                ..Sent::default()
            },
        );
        bench.sends(
            2,
            0,
            &Sent {
                seq: 1,
                ack: 1,
                ..Sent::default()
            },
        );
        assert_eq!(bench.health.side(0).window, window);
        assert_eq!(bench.health.side(0).mss, Some(1460));
        assert_eq!(
            bench.health.side(0).rtt.smoothed_ns,
            MS,
            "the SYN is timed too"
        );
    }
}

#[test]
fn the_margin_of_the_hold_time_shrinks_until_a_message_comes() {
    let mut bench = Bench::default();
    assert_eq!(bench.health.margin_ns(0, SECOND), None);
    bench.health.set_hold_time(9);
    bench.health.message(0, 10 * SECOND);
    assert_eq!(bench.health.margin_ns(0, 12 * SECOND), Some(7 * SECOND));
    assert_eq!(bench.health.alarm(0, 15 * SECOND), None);
    assert_eq!(
        bench.health.alarm(0, 17 * SECOND),
        Some(Alarm::HoldMarginLow(2 * SECOND))
    );
    assert_eq!(bench.health.alarm(0, 18 * SECOND), None, "told once");
    bench.health.message(0, 18 * SECOND);
    assert_eq!(bench.health.margin_min_ns(0), Some(SECOND));
    bench.health.set_hold_time(0);
    assert_eq!(
        bench.health.margin_ns(0, 20 * SECOND),
        None,
        "no hold time, no margin"
    );
}

#[test]
fn a_sender_that_gets_nothing_through_is_stalled() {
    let mut bench = Bench::default();
    bench.health.set_hold_time(300);
    bench.data(1_000, 1, 100);
    assert_eq!(bench.health.alarm(0, 299 * SECOND), None);
    assert_eq!(
        bench.health.alarm(0, 301 * SECOND),
        Some(Alarm::SendStalled(300 * SECOND))
    );
    assert_eq!(bench.health.alarm(0, 600 * SECOND), None);
    let expired = Alarm::SendHoldExpired(600 * SECOND);
    assert_eq!(bench.health.alarm(0, 601 * SECOND), Some(expired));
    bench.ack(602_000, 101, 1000);
    assert_eq!(bench.health.alarm(0, 603 * SECOND), None, "it goes on");
}
