//! How far the transfer of routes has come: End-of-RIB, demarcated refreshes and graceful restart.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use serde_json::{Value, json};
use support::segments::{ACK, Bench, FIN, MS, SYN, Seg, Told, keepalive, message, open_with};

const IPV4: (u8, &[u8]) = (1, &[0, 1, 0, 1]);
const IPV6: (u8, &[u8]) = (1, &[0, 2, 0, 1]);
const ENHANCED: (u8, &[u8]) = (70, &[]);

/// Both sides of a connection, with the next number of each.
struct Talk {
    bench: Bench,
    at: [u32; 2],
}

impl Talk {
    fn begin() -> Self {
        let mut talk = Self {
            bench: Bench::new(),
            at: [1000, 5000],
        };
        talk.segment(0, SYN, &[]);
        talk.segment(1, SYN | ACK, &[]);
        talk
    }

    fn segment(&mut self, direction: usize, flags: u8, payload: &[u8]) {
        let (seq, ack) = (self.at[direction], self.at[direction ^ 1]);
        self.bench
            .send(&Seg::new(direction, flags, seq, ack, payload));
        let numbers = payload.len() as u32 + u32::from(flags & (SYN | FIN) != 0);
        self.at[direction] = seq.wrapping_add(numbers);
    }

    fn say(&mut self, direction: usize, message: &[u8]) {
        self.segment(direction, ACK, message);
    }

    /// OPENs with these capabilities, and KEEPALIVEs.
    fn establish(&mut self, capabilities: [&[(u8, &[u8])]; 2]) {
        for direction in [0, 1] {
            self.say(direction, &open_with(64500, capabilities[direction]));
        }
        for direction in [0, 1] {
            self.say(direction, &keepalive());
        }
    }

    /// The TRANSFER events, each with its sender and without what all events have.
    fn transfers(self) -> Vec<Value> {
        transfers(&self.bench.finish())
    }
}

fn transfers(told: &Told) -> Vec<Value> {
    let events = told.of("TRANSFER").map(|line| {
        let mut event = line.clone();
        let fields = event.as_object_mut().unwrap();
        let side = if fields["peer"] == "192.0.2.1" { 0 } else { 1 };
        let common = [
            "type",
            "timestamp",
            "ts_ns",
            "ts_source",
            "peer",
            "peer_port",
            "peer_asn",
            "local",
            "local_port",
            "local_asn",
            "session",
            "seq",
            "id",
            "host",
        ];
        for name in common {
            fields.remove(name);
        }
        fields.insert("from".into(), side.into());
        event
    });
    events.collect()
}

fn refresh(subtype: u8) -> Vec<u8> {
    message(5, &[0, 1, subtype, 1])
}

fn begin(from: u8, families: &Value, more: &Value) -> Value {
    let mut event = json!({
        "event": "begin", "from": from, "families": families,
        "graceful": false, "restarted": false, "preserved": [],
    });
    let fields = event.as_object_mut().unwrap();
    fields.extend(more.as_object().unwrap().clone());
    event
}

/// RFC 4724 §2: an empty UPDATE ends IPv4 unicast, an empty MP_UNREACH_NLRI any family.
#[test]
fn each_family_comes_to_its_end_of_rib() {
    let mut talk = Talk::begin();
    talk.establish([&[IPV4, IPV6], &[IPV4, IPV6]]);
    talk.say(0, &message(2, &[0, 0, 0, 0]));
    talk.bench.now_ns += 10 * MS;
    talk.say(0, &message(2, &[0, 0, 0, 6, 0x80, 15, 3, 0, 2, 1]));
    talk.say(0, &message(2, &[0, 0, 0, 0]));
    let both = json!([[1, 1], [2, 1]]);
    let end = |afi, again, milliseconds| {
        json!({ "event": "end_of_rib", "from": 0, "afi": afi, "safi": 1, "again": again,
                "milliseconds": milliseconds })
    };
    let expected = [
        begin(0, &both, &json!({})),
        begin(1, &both, &json!({})),
        end(1, false, 1),
        end(2, false, 12),
        end(1, true, 13),
    ];
    assert_eq!(talk.transfers(), expected);
}

/// RFC 7313 §4: BoRR, the routes, EoRR; an EoRR without BoRR is to be ignored.
#[test]
fn a_refresh_has_a_begin_and_an_end() {
    let event = |name: &str, unexpected: bool| json!({ "event": name, "from": 1, "afi": 1, "safi": 1, "unexpected": unexpected });
    let mut talk = Talk::begin();
    talk.establish([&[IPV4, ENHANCED], &[IPV4, ENHANCED]]);
    talk.say(0, &refresh(0));
    for subtype in [1, 2, 2] {
        talk.say(1, &refresh(subtype));
    }
    let expected = [
        event("refresh_begin", false),
        event("refresh_end", false),
        event("refresh_end", true),
    ];
    assert_eq!(talk.transfers()[2..], expected);

    // §3: whoever was not told of the capability must not be sent any.
    let mut talk = Talk::begin();
    talk.establish([&[IPV4], &[IPV4, ENHANCED]]);
    talk.say(1, &refresh(1));
    assert_eq!(talk.transfers()[2..], [event("refresh_begin", true)]);
}

/// Restart time 120, IPv4 unicast with its forwarding state kept; R or N bit as given.
fn restart(bits: u8) -> [u8; 6] {
    [bits, 120, 0, 1, 1, 0x80]
}

/// Ends a session as `end` does, after OPENs with these graceful restart capabilities.
fn after_end(bits: [u8; 2], end: impl Fn(&mut Talk)) -> Vec<Value> {
    let (a, b) = (restart(bits[0]), restart(bits[1]));
    let mut talk = Talk::begin();
    talk.establish([&[IPV4, IPV6, (64, &a)], &[IPV4, (64, &b)]]);
    end(&mut talk);
    talk.transfers().split_off(2)
}

fn stale(from: u8) -> Value {
    json!({ "event": "stale", "from": from, "families": [[1, 1]], "restart_time": 120,
            "long_lived": [] })
}

/// RFC 4724 §4.2: routes are kept if the connection ends, not if a NOTIFICATION ends the session;
/// RFC 8538 §2, §3: with both N bits they are kept then, too, but for a Hard Reset.
#[test]
fn routes_are_kept_where_graceful_restart_says_so() {
    let kept = [stale(0), stale(1)];
    let none: [Value; 0] = [];
    let fin = |talk: &mut Talk| talk.segment(0, FIN | ACK, &[]);
    assert_eq!(after_end([0, 0], fin), kept);
    let notify = |code, subcode| {
        move |talk: &mut Talk| {
            talk.say(0, &message(3, &[code, subcode]));
            talk.segment(0, FIN | ACK, &[]);
        }
    };
    assert_eq!(after_end([0, 0], notify(6, 4)), none);
    assert_eq!(after_end([0x40, 0], notify(6, 4)), none);
    assert_eq!(after_end([0x40, 0x40], notify(6, 4)), kept);
    assert_eq!(after_end([0x40, 0x40], notify(4, 0)), kept);
    assert_eq!(after_end([0x40, 0x40], notify(6, 9)), none);
}

/// A router that comes back says so, and for which families it has gone on forwarding.
#[test]
fn a_restarted_router_says_what_it_has_kept() {
    let (back, helper) = (restart(0x80), restart(0));
    let long = [0, 1, 1, 0x80, 0, 0x0e, 0x10];
    let mut talk = Talk::begin();
    let sides: [&[(u8, &[u8])]; 2] = [
        &[IPV4, (64, &back), (71, &long)],
        &[IPV4, (64, &helper), (71, &long)],
    ];
    talk.establish(sides);
    talk.segment(1, FIN | ACK, &[]);
    let v4 = json!([[1, 1]]);
    let came_back = json!({ "graceful": true, "restarted": true, "preserved": [[1, 1]] });
    let stayed = json!({ "graceful": true, "preserved": [[1, 1]] });
    let mut gone = [stale(0), stale(1)];
    for event in &mut gone {
        event["long_lived"] = v4.clone();
    }
    let [first, second] = gone;
    let expected = [
        begin(0, &v4, &came_back),
        begin(1, &v4, &stayed),
        first,
        second,
    ];
    assert_eq!(talk.transfers(), expected);
}

/// Whoever saw no OPEN can tell an end, but not since when.
#[test]
fn a_session_that_was_joined_has_ends_but_no_begin() {
    let mut bench = Bench::new();
    let end = message(2, &[0, 0, 0, 0]);
    let twice = [keepalive(), end].concat();
    bench.send(&Seg::new(0, ACK, 1000, 0, &twice));
    let expected = json!({ "event": "end_of_rib", "from": 0, "afi": 1, "safi": 1, "again": false });
    assert_eq!(transfers(&bench.finish()), [expected]);
}

/// Twice an OPEN and two ends, of one side; the other is never seen.
fn one_side() -> Told {
    let mut talk = Talk {
        bench: Bench::new(),
        at: [1000, 5000],
    };
    let end = message(2, &[0, 0, 0, 0]);
    for _ in 0..2 {
        for message in [&open_with(64500, &[IPV4]), &keepalive(), &end, &end] {
            talk.say(0, message);
        }
    }
    talk.bench.finish()
}

/// An UPDATE waits for the other side's OPEN, and so do those behind a second OPEN that waited.
#[test]
fn what_waits_behind_an_open_is_not_lost() {
    let told = one_side();
    assert_eq!(told.of("UPDATE").count(), 4);
    assert!(told.directions.iter().all(|d| d.bytes.pending == 0));
}

/// An OPEN in the midst of a connection begins anew, even if it is the only one that is seen.
#[test]
fn an_open_begins_the_count_of_ends_anew() {
    let ends = transfers(&one_side());
    let again: Vec<_> = ends.iter().map(|event| &event["again"]).collect();
    assert_eq!(again, [false, true, false, true]);
}
