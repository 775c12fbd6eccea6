//! Where one TCP connection ends and the next begins, in both directions.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use support::segments::{ACK, Bench, FIN, RST, S, SYN, Seg, Told, keepalive, open};

/// A SYN, its answer and the ACK, begun by `client`; their initial sequence numbers.
fn handshake(bench: &mut Bench, client: usize, isn: u32, answer: u32) {
    let server = client ^ 1;
    bench.send(&Seg::new(client, SYN, isn, 0, &[]));
    let next = isn.wrapping_add(1);
    bench.send(&Seg::new(server, SYN | ACK, answer, next, &[]));
    bench.send(&Seg::new(client, ACK, next, answer.wrapping_add(1), &[]));
}

/// Both OPENs and a KEEPALIVE each, behind a handshake.
fn establish(bench: &mut Bench, client: usize, isn: u32, answer: u32) -> (u32, u32) {
    handshake(bench, client, isn, answer);
    let (mut a, mut b) = (isn.wrapping_add(1), answer.wrapping_add(1));
    for message in [open(65001, 9), keepalive()] {
        let length = message.len() as u32;
        bench.send(&Seg::new(client, ACK, a, b, &message));
        a = a.wrapping_add(length);
        bench.send(&Seg::new(client ^ 1, ACK, b, a, &message));
        b = b.wrapping_add(length);
    }
    (a, b)
}

fn states(told: &Told) -> Vec<(&str, u64, &str)> {
    told.of("STATE")
        .map(|line| {
            (
                line["session"].as_str().unwrap(),
                line["state"].as_u64().unwrap(),
                line["reason"].as_str().unwrap(),
            )
        })
        .collect()
}

fn balanced(told: &Told) {
    for d in &told.directions {
        let kept = d.bytes.decoded + d.bytes.skipped + d.bytes.quarantined + d.bytes.pending;
        let discarded = d.bytes.discarded.window + d.bytes.discarded.limit;
        assert_eq!(
            d.bytes.captured,
            kept + d.bytes.duplicate + discarded,
            "{d:?}"
        );
        assert_eq!(
            d.bytes.span,
            kept + d.bytes.gap + d.bytes.open_hole,
            "{d:?}"
        );
    }
}

/// A SYN with another initial sequence number between the same ports: the old session ends, whichever
/// side begins the new one, and messages are numbered from 1 again.
#[test]
fn a_port_used_again_is_a_new_session() {
    for first in [0, 1] {
        for second in [0, 1] {
            let mut bench = Bench::new();
            establish(&mut bench, first, 1000, u32::MAX - 20);
            bench.now_ns += S;
            establish(&mut bench, second, 500_000_000, 77);
            let told = bench.finish();
            let sessions = told.sessions();
            assert_eq!(sessions.len(), 2, "{first} {second}");
            let end = (sessions[0], 1, "new_connection");
            assert!(states(&told).contains(&end), "{:?}", states(&told));
            let numbers: Vec<_> = told.of("KEEPALIVE").map(|l| l["seq"].as_u64()).collect();
            assert_eq!(numbers, [Some(2); 4]);
            assert_eq!(told.of("OPEN").count(), 4);
            assert_eq!(told.of("GAP").count() + told.of("MALFORMED").count(), 0);
            balanced(&told);
        }
    }
}

/// The old connection need not be over in the capture, nor its data complete.
#[test]
fn what_the_old_connection_left_does_not_leak_into_the_new_one() {
    for client in [0, 1] {
        let mut bench = Bench::new();
        let (a, b) = establish(&mut bench, client, 1000, 9000);
        // Half a message, and one ahead of a hole.
        bench.send(&Seg::new(client, ACK, a, b, &keepalive()[..10]));
        bench.send(&Seg::new(client, ACK, a + 500, b, &keepalive()));
        establish(&mut bench, client, a + 300, b + 300);
        let told = bench.finish();
        assert_eq!(told.sessions().len(), 2);
        assert_eq!(told.of("OPEN").count(), 4);
        let gaps: Vec<_> = told.of("GAP").map(|l| l["bytes"].as_u64()).collect();
        assert_eq!(gaps, [Some(490)], "the hole of the old connection");
        balanced(&told);
    }
}

/// RFC 9293 §3.5, figure 7: both send a SYN, and answer each other's with a SYN-ACK.
#[test]
fn a_simultaneous_open_is_one_session() {
    for first in [0, 1] {
        let (mut bench, second) = (Bench::new(), first ^ 1);
        bench.send(&Seg::new(first, SYN, 100, 0, &[]));
        bench.send(&Seg::new(second, SYN, 300, 0, &[]));
        bench.send(&Seg::new(second, SYN | ACK, 300, 101, &[]));
        bench.send(&Seg::new(first, SYN | ACK, 100, 301, &[]));
        bench.send(&Seg::new(first, ACK, 101, 301, &open(65001, 9)));
        bench.send(&Seg::new(second, ACK, 301, 130, &open(65002, 9)));
        let told = bench.finish();
        assert_eq!(told.sessions().len(), 1);
        assert_eq!(told.of("OPEN").count(), 2);
        assert_eq!(told.of("GAP").count() + told.of("MALFORMED").count(), 0);
        for direction in &told.directions {
            assert_eq!(direction.tcp.retransmitted, 0);
        }
        balanced(&told);
    }
}

/// A SYN or SYN-ACK that is sent again has the same initial sequence number.
#[test]
fn a_repeated_syn_is_no_new_session() {
    for client in [0, 1] {
        let (mut bench, server) = (Bench::new(), client ^ 1);
        for _ in 0..3 {
            bench.send(&Seg::new(client, SYN, 100, 0, &[]));
            bench.now_ns += S;
        }
        bench.send(&Seg::new(server, SYN | ACK, 300, 101, &[]));
        bench.now_ns += S;
        bench.send(&Seg::new(server, SYN | ACK, 300, 101, &[]));
        bench.send(&Seg::new(client, ACK, 101, 301, &open(65001, 9)));
        // A copy of the first SYN that comes far too late.
        bench.send(&Seg::new(client, SYN, 100, 0, &[]));
        bench.send(&Seg::new(server, ACK, 301, 130, &open(65002, 9)));
        let told = bench.finish();
        assert_eq!(told.sessions().len(), 1);
        assert_eq!(told.of("OPEN").count(), 2);
        balanced(&told);
    }
}

/// Data may come with the SYN-ACK (RFC 9293 §3.5), and with the SYN itself (RFC 7413).
#[test]
fn data_that_comes_with_a_syn_counts() {
    for client in [0, 1] {
        for early in [false, true] {
            let (mut bench, server) = (Bench::new(), client ^ 1);
            let hello = open(65001, 9);
            let length = hello.len() as u32;
            let with_syn: &[u8] = if early { &hello } else { &[] };
            bench.send(&Seg::new(client, SYN, 100, 0, with_syn));
            let next = 101 + with_syn.len() as u32;
            bench.send(&Seg::new(
                server,
                SYN | ACK,
                u32::MAX,
                next,
                &open(65002, 9),
            ));
            if !early {
                bench.send(&Seg::new(client, ACK, 101, length, &hello));
            }
            bench.send(&Seg::new(client, ACK, 101 + length, length, &keepalive()));
            bench.send(&Seg::new(server, ACK, length, 120 + length, &keepalive()));
            let told = bench.finish();
            assert_eq!(told.of("OPEN").count(), 2, "{client} {early}");
            assert_eq!(told.of("KEEPALIVE").count(), 2);
            assert_eq!(told.of("GAP").count() + told.of("MALFORMED").count(), 0);
            balanced(&told);
        }
    }
}

/// RFC 5961 §3: a RST outside the window is ignored. It may be forged, or of an older connection.
#[test]
fn a_rst_outside_the_window_ends_nothing() {
    for sender in [0, 1] {
        for far in [1 << 20, 1 << 29, u32::MAX - 500] {
            let mut bench = Bench::new();
            let (a, b) = establish(&mut bench, 0, 1000, 9000);
            let (seq, ack) = if sender == 0 { (a, b) } else { (b, a) };
            bench.send(&Seg::new(sender, RST, seq.wrapping_add(far), ack, &[]));
            bench.send(&Seg::new(sender, ACK, seq, ack, &keepalive()));
            let told = bench.finish();
            assert_eq!(told.of("KEEPALIVE").count(), 3, "{sender} {far}");
            assert_eq!(states(&told).last().map(|s| s.1), Some(6), "still up");
            balanced(&told);
        }
    }
}

/// A RST where the sender stands ends the session at once.
#[test]
fn a_rst_in_the_window_ends_the_session() {
    for sender in [0, 1] {
        let mut bench = Bench::new();
        let (a, b) = establish(&mut bench, 0, 1000, 9000);
        let (seq, ack) = if sender == 0 { (a, b) } else { (b, a) };
        bench.send(&Seg::new(sender, RST | ACK, seq, ack, &[]));
        let told = bench.finish();
        assert_eq!(states(&told).last().map(|s| (s.1, s.2)), Some((1, "rst")));
    }
}

/// Data on a FIN is delivered before the session ends.
#[test]
fn data_on_a_fin_counts() {
    for sender in [0, 1] {
        let mut bench = Bench::new();
        let (a, b) = establish(&mut bench, 0, 1000, 9000);
        let (seq, ack) = if sender == 0 { (a, b) } else { (b, a) };
        bench.send(&Seg::new(sender, FIN | ACK, seq, ack, &keepalive()));
        let told = bench.finish();
        assert_eq!(told.of("KEEPALIVE").count(), 3);
        assert_eq!(states(&told).last().map(|s| (s.1, s.2)), Some((1, "fin")));
        balanced(&told);
    }
}

/// RFC 5961 §4: a SYN to a session that is up is answered by an acknowledgement, and the session goes
/// on. It may be forged by someone who knows nothing but the ports.
#[test]
fn a_syn_that_nobody_accepts_ends_nothing() {
    for sender in [0, 1] {
        for flags in [SYN, SYN | ACK] {
            let mut bench = Bench::new();
            let (a, b) = establish(&mut bench, 0, 1000, 9000);
            let (seq, ack) = if sender == 0 { (a, b) } else { (b, a) };
            bench.send(&Seg::new(sender, flags, 0x7000_0000, 77, &[]));
            bench.send(&Seg::new(sender ^ 1, ACK, ack, seq, &[]));
            bench.send(&Seg::new(sender, ACK, seq, ack, &keepalive()));
            bench.send(&Seg::new(sender ^ 1, ACK, ack, seq + 19, &keepalive()));
            let told = bench.finish();
            assert_eq!(told.sessions().len(), 1, "{sender} {flags}");
            assert_eq!(told.of("KEEPALIVE").count(), 4);
            assert_eq!(states(&told).last().map(|s| s.1), Some(6), "still up");
            balanced(&told);
        }
    }
}

/// Where only one direction is mirrored, the one who sent the SYN goes on behind it.
#[test]
fn a_port_used_again_is_seen_in_one_direction_too() {
    for sender in [0, 1] {
        let mut bench = Bench::new();
        for isn in [1000, 500_000_000] {
            bench.send(&Seg::new(sender, SYN, isn, 0, &[]));
            bench.send(&Seg::new(sender, ACK, isn + 1, 9001, &[]));
            bench.send(&Seg::new(sender, ACK, isn + 1, 9001, &open(65001, 9)));
            bench.send(&Seg::new(sender, ACK, isn + 30, 9030, &keepalive()));
        }
        let told = bench.finish();
        assert_eq!(told.sessions().len(), 2, "{sender}");
        assert_eq!(told.of("OPEN").count(), 2);
        assert_eq!(told.of("KEEPALIVE").count(), 2);
        balanced(&told);
    }
}

/// The same with a payload: whatever a SYN carries, nobody has accepted it.
#[test]
fn a_syn_with_payload_that_nobody_accepts_ends_nothing() {
    for sender in [0, 1] {
        let mut bench = Bench::new();
        let (a, b) = establish(&mut bench, 0, 1000, 9000);
        let (seq, ack) = if sender == 0 { (a, b) } else { (b, a) };
        bench.send(&Seg::new(sender, SYN, 0x7000_0000, 0, &open(65009, 9)));
        bench.send(&Seg::new(sender ^ 1, ACK, ack, seq, &[]));
        bench.send(&Seg::new(sender, ACK, seq, ack, &keepalive()));
        let told = bench.finish();
        assert_eq!(told.sessions().len(), 1, "{sender}");
        assert_eq!(told.of("OPEN").count(), 2);
        assert_eq!(told.of("KEEPALIVE").count(), 3);
        assert_eq!(states(&told).last().map(|s| s.1), Some(6), "still up");
        let discarded = |d: &bgptap::sink::totals::Direction| d.bytes.discarded.window;
        let discarded: u64 = told.directions.iter().map(discarded).sum();
        assert_eq!(discarded, 29, "what the SYN carried is counted");
        balanced(&told);
    }
}

/// A forged SYN with forged data behind it: its receiver has answered neither.
#[test]
fn a_syn_and_data_that_nobody_answers_end_nothing() {
    for sender in [0, 1] {
        let mut bench = Bench::new();
        let (a, b) = establish(&mut bench, 0, 1000, 9000);
        let (seq, ack) = if sender == 0 { (a, b) } else { (b, a) };
        bench.send(&Seg::new(sender, SYN, 0x7000_0000, 0, &[]));
        bench.send(&Seg::new(sender, ACK, 0x7000_0001, 5, &keepalive()));
        bench.send(&Seg::new(sender, ACK, seq, ack, &keepalive()));
        let told = bench.finish();
        assert_eq!(told.sessions().len(), 1, "{sender}");
        assert_eq!(told.of("KEEPALIVE").count(), 3);
    }
}

/// The mirror missed the SYN-ACK: what acknowledges the SYN answers it as well.
#[test]
fn a_new_connection_whose_syn_ack_was_missed_is_found() {
    let mut bench = Bench::new();
    establish(&mut bench, 0, 1000, 9000);
    bench.now_ns += S;
    bench.send(&Seg::new(0, SYN, 0x7000_0000, 0, &[]));
    let (mut a, mut b) = (0x7000_0001_u32, 0x2000_0001_u32);
    for message in [open(65001, 9), keepalive(), keepalive()] {
        bench.send(&Seg::new(1, ACK, b, a, &message));
        b += message.len() as u32;
        bench.send(&Seg::new(0, ACK, a, b, &message));
        a += message.len() as u32;
    }
    let told = bench.finish();
    assert_eq!(told.sessions().len(), 2);
    assert!(told.of("KEEPALIVE").count() >= 2 + 4);
}

/// Forged data in one direction, acknowledged by forged segments of the other, move neither.
#[test]
fn a_forged_conversation_does_not_move_a_session() {
    let mut bench = Bench::new();
    let (a, b) = establish(&mut bench, 0, 1000, 9000);
    for round in 0..3_u32 {
        bench.now_ns += 5 * S;
        let x = 0x5000_0000 + 19 * round;
        bench.send(&Seg::new(0, ACK, x, 0x1111_1111, &keepalive()));
        bench.send(&Seg::new(1, ACK, 0x3333_0000 + 7 * round, x + 19, &[]));
    }
    bench.send(&Seg::new(0, ACK, a, b, &keepalive()));
    bench.send(&Seg::new(1, ACK, b, a + 19, &keepalive()));
    let told = bench.finish();
    assert_eq!(told.of("KEEPALIVE").count(), 4);
    assert_eq!(told.of("GAP").count(), 0);
    balanced(&told);
}

/// The handshake of a connection was not captured. The one before it had ended, so what comes is
/// not a stray of it but a new session, and nothing of it is lost.
#[test]
fn a_session_whose_handshake_was_missed_begins_where_the_last_one_has_ended() {
    for sender in [0, 1] {
        let mut bench = Bench::new();
        let (a, b) = establish(&mut bench, 0, 1000, 9000);
        let (seq, ack) = if sender == 0 { (a, b) } else { (b, a) };
        bench.send(&Seg::new(sender, FIN | ACK, seq, ack, &[]));
        bench.send(&Seg::new(sender ^ 1, FIN | ACK, ack, seq + 1, &[]));
        // A late copy of old data belongs to the old session.
        bench.send(&Seg::new(sender, ACK, seq - 19, ack, &keepalive()));
        let (mut x, mut y) = (700_000_000, 30_000);
        for message in [open(65001, 9), keepalive(), keepalive()] {
            let length = message.len() as u32;
            bench.send(&Seg::new(sender, ACK, x, y, &message));
            x += length;
            bench.send(&Seg::new(sender ^ 1, ACK, y, x, &message));
            y += length;
        }
        bench.now_ns += S;
        let told = bench.finish();
        assert_eq!(told.sessions().len(), 2, "{sender}");
        assert_eq!(told.of("OPEN").count(), 4);
        assert_eq!(told.of("KEEPALIVE").count(), 6);
        assert_eq!(told.of("GAP").count() + told.of("MALFORMED").count(), 0);
        balanced(&told);
    }
}

/// Neither the end of the old connection nor the handshake of the new one was captured: both sides
/// acknowledge what the other sends there, so both directions go on there.
#[test]
fn a_connection_that_was_replaced_unseen_goes_on_where_both_sides_are() {
    for (x, y) in [
        (700_000_000, 3_000_000),
        (3_000_000_000, 500),
        (500, 900_000_000),
    ] {
        let mut bench = Bench::new();
        establish(&mut bench, 0, 1000, 9000);
        bench.now_ns += 5 * S;
        let (mut x, mut y): (u32, u32) = (x, y);
        for _ in 0..8 {
            let message = keepalive();
            bench.send(&Seg::new(0, ACK, x, y, &message));
            x += 19;
            bench.send(&Seg::new(1, ACK, y, x, &message));
            y += 19;
        }
        bench.now_ns += S;
        let told = bench.finish();
        let gaps: Vec<_> = told.of("GAP").map(|gap| gap["reason"].clone()).collect();
        assert_eq!(gaps.len(), 2, "{gaps:?}");
        assert!(
            gaps.iter()
                .all(|why| why == "outage" || why == "mirror_loss")
        );
        let keepalives = told.of("KEEPALIVE").count();
        // A segment or two of each side go by before it is sure.
        assert!((2 + 12..=2 + 16).contains(&keepalives), "{keepalives}");
        balanced(&told);
    }
}

/// A RST that does not fit the handshake refuses nothing: the SYNs' options and times stay known.
#[test]
fn a_forged_rst_does_not_undo_a_handshake() {
    for (sender, seq, ack, undone) in [
        (0, 0x7000_0000, 0, false),
        (1, 0, 0x7000_0000, false),
        (1, 0, 1001, true),
        (0, 1001, 0, true),
    ] {
        let mut bench = Bench::new();
        handshake(&mut bench, 0, 1000, 9000);
        bench.send(&Seg::new(sender, RST | ACK, seq, ack, &[]));
        bench.send(&Seg::new(0, ACK, 1001, 9001, &open(65001, 9)));
        bench.now_ns += S;
        let told = bench.finish();
        let connects = states(&told).iter().any(|state| state.2 == "syn");
        assert_eq!(connects, !undone, "{sender} {seq} {ack}");
        assert_eq!(told.of("OPEN").count(), 1);
    }
}

/// A copy of the SYN-ACK that comes late does not take the session back.
#[test]
fn a_late_copy_of_a_syn_changes_no_state() {
    for sender in [0, 1] {
        let mut bench = Bench::new();
        establish(&mut bench, 0, 1000, 9000);
        let (flags, isn, ack) = [(SYN, 1000, 0), (SYN | ACK, 9000, 1001)][sender];
        bench.send(&Seg::new(sender, flags, isn, ack, &[]));
        let told = bench.finish();
        let states = states(&told);
        assert_eq!(states.last().map(|state| state.1), Some(6), "{states:?}");
        assert_eq!(states.iter().filter(|state| state.2 == "syn").count(), 1);
    }
}
