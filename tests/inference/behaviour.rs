//! When messages wait for evidence, and when they wait no longer.

use crate::support::segments::{ACK, Bench, FIN, MS, S, Seg, keepalive, message, open_with};
use serde_json::{Value, json};

/// An UPDATE with a path of 65536 and IPv4 NLRI.
fn update(nlri: &[u8]) -> Vec<u8> {
    let mut body = vec![0, 0, 0, 20, 0x40, 1, 1, 0, 0x40, 3, 4, 192, 0, 2, 1];
    body.extend([0x40, 2, 6, 2, 1, 0, 1, 0, 0]);
    body.extend_from_slice(nlri);
    message(2, &body)
}

/// 198.51.100.0/24 of path 0x0508060c, or three plain prefixes.
const EITHER: &[u8] = &[5, 8, 6, 0x0c, 24, 198, 51, 100];
/// 198.51.100.0/24 of path 1.
const MARKED: &[u8] = &[0, 0, 0, 1, 24, 198, 51, 100];
const PLAIN: &[u8] = &[24, 198, 51, 100];

/// A session that was joined; both sides have said something, and it is known where messages begin.
struct Joined {
    bench: Bench,
    at: [u32; 2],
}

impl Joined {
    fn new() -> Self {
        let mut joined = Self {
            bench: Bench::new(),
            at: [1000, 5000],
        };
        for direction in [0, 1] {
            joined.send(direction, ACK, &keepalive());
        }
        joined.wait(300 * MS);
        joined
    }

    fn send(&mut self, direction: usize, flags: u8, bytes: &[u8]) {
        let (seq, ack) = (self.at[direction], self.at[direction ^ 1]);
        self.bench
            .send(&Seg::new(direction, flags, seq, ack, bytes));
        self.at[direction] += bytes.len() as u32;
    }

    fn say(&mut self, bytes: &[u8]) {
        self.send(0, ACK, bytes);
    }

    /// Lets time pass, and something come from the other side.
    fn wait(&mut self, ns: u64) {
        self.bench.now_ns += ns;
        self.send(1, ACK, &[]);
    }

    fn lines(self) -> Vec<Value> {
        self.bench.finish().lines
    }
}

/// Sources of the UPDATEs, and what the first one holds.
fn sources(lines: &[Value]) -> (Vec<String>, Value) {
    let updates: Vec<_> = lines.iter().filter(|l| l["type"] == "UPDATE").collect();
    let source = |line: &&Value| line["context"]["source"].as_str().unwrap().to_owned();
    let first = updates[0]["announcements"][0]["prefixes"].clone();
    (updates.iter().map(source).collect(), first)
}

fn all(source: &str, count: usize) -> Vec<String> {
    vec![source.to_owned(); count]
}

/// Messages that could be read either way wait for one that tells, and are read as that says.
#[test]
fn what_waited_is_read_as_the_verdict_says() {
    let mut joined = Joined::new();
    for nlri in [EITHER, EITHER, MARKED, MARKED] {
        joined.say(&update(nlri));
    }
    let lines = joined.lines();
    let expected = json!([{ "prefix": "198.51.100.0/24", "path_id": 0x0508_060cu32 }]);
    assert_eq!(sources(&lines), (all("inferred", 4), expected));
    let updates = lines.iter().filter(|line| line["type"] == "UPDATE");
    assert!(
        updates
            .clone()
            .all(|l| l["context"]["add_path"] == json!([[1, 1]]))
    );
    // Once each, in order, with the times at which they came.
    let numbers: Vec<_> = updates.clone().map(|line| line["seq"].as_u64()).collect();
    assert_eq!(numbers, [Some(2), Some(3), Some(4), Some(5)]);
    let times: Vec<u64> = updates
        .map(|line| line["ts_ns"].as_str().unwrap().parse().unwrap())
        .collect();
    assert!(
        times.windows(2).all(|pair| pair[1] - pair[0] == MS),
        "{times:?}"
    );
}

/// What nothing tells apart is read plainly, and nobody claims to know.
#[test]
fn without_evidence_the_plain_reading_is_an_assumption() {
    let mut joined = Joined::new();
    for _ in 0..3 {
        joined.say(&update(EITHER));
    }
    let expected = json!(["8.0.0.0/5", "12.0.0.0/6", "198.51.100.0/24"]);
    assert_eq!(sources(&joined.lines()), (all("assumed", 3), expected));
}

/// A session that falls silent does not keep its messages: they come a second later at most.
#[test]
fn messages_do_not_wait_for_ever() {
    let position = |silence: u64| {
        let mut joined = Joined::new();
        joined.say(&update(PLAIN));
        joined.wait(silence);
        joined.send(1, ACK, &message(5, &[0, 1, 0, 1]));
        let lines = joined.lines();
        let at = |kind: &str| lines.iter().position(|line| line["type"] == kind).unwrap();
        at("UPDATE") < at("ROUTE_REFRESH")
    };
    assert!(!position(S / 2), "half a second later it waits");
    assert!(position(S + 100 * MS));
}

/// The end of a session, a gap and an OPEN put an end to waiting: no event comes before those of
/// messages that were sent before it.
#[test]
fn nothing_overtakes_what_waits() {
    let kinds = |end: &dyn Fn(&mut Joined)| -> Vec<String> {
        let mut joined = Joined::new();
        joined.say(&update(PLAIN));
        end(&mut joined);
        let lines = joined.lines();
        let kinds = lines
            .iter()
            .map(|line| line["type"].as_str().unwrap().to_owned());
        let kinds: Vec<_> = kinds.collect();
        let update = kinds.iter().position(|kind| kind == "UPDATE").unwrap();
        kinds[update..].to_vec()
    };
    let fin = |joined: &mut Joined| {
        joined
            .bench
            .send(&Seg::new(0, FIN | ACK, joined.at[0], 0, &[]));
    };
    assert_eq!(kinds(&fin), ["UPDATE", "STATE"]);
    let notification = |joined: &mut Joined| joined.say(&message(3, &[6, 2]));
    assert_eq!(kinds(&notification), ["UPDATE", "NOTIFICATION", "STATE"]);
    let hole = |joined: &mut Joined| {
        joined.at[0] += 100;
        joined.say(&[keepalive(), keepalive()].concat());
    };
    assert_eq!(kinds(&hole), ["UPDATE", "GAP", "KEEPALIVE", "KEEPALIVE"]);
    let open = |joined: &mut Joined| joined.say(&open_with(64500, &[]));
    assert_eq!(kinds(&open)[..2], ["UPDATE", "OPEN"]);
}

/// So many messages are enough, whatever they say; later ones wait no more.
#[test]
fn few_messages_wait() {
    let mut joined = Joined::new();
    for _ in 0..200 {
        joined.say(&update(EITHER));
    }
    let (sources, _) = sources(&joined.lines());
    assert_eq!(sources.len(), 200);
}

/// Of a mirror that shows one direction there is one OPEN. It says what the sender offers, and
/// that counts until its messages say otherwise.
#[test]
fn a_single_open_counts_for_both() {
    let read = |capabilities: &[(u8, &[u8])], nlri: &[u8]| {
        let mut joined = Joined::new();
        joined.say(&open_with(64500, capabilities));
        for _ in 0..3 {
            joined.say(&update(nlri));
        }
        let lines = joined.lines();
        let update = lines.iter().find(|line| line["type"] == "UPDATE").unwrap();
        let (context, prefix) = (&update["context"], &update["announcements"][0]["prefixes"]);
        (context.clone(), prefix[0].clone())
    };
    let marked = json!({ "prefix": "198.51.100.0/24", "path_id": 1 });
    let sends: (u8, &[u8]) = (69, &[0, 1, 1, 2]);
    let receives: (u8, &[u8]) = (69, &[0, 1, 1, 1]);
    let as4: (u8, &[u8]) = (65, &[0, 0, 0xfb, 0xf4]);

    let (context, prefix) = read(&[as4, sends], MARKED);
    assert_eq!((&context["source"], prefix), (&json!("inferred"), marked));
    assert_eq!(context["add_path"], json!([[1, 1]]));
    // It offers, but the other side did not want it.
    let (context, prefix) = read(&[as4, sends], PLAIN);
    assert_eq!(prefix, "198.51.100.0/24");
    assert_eq!(context["add_path"], json!([]));
    // RFC 7911 §4: whoever does not offer to send does not send. So this is damaged.
    let (context, _) = read(&[as4, receives], MARKED);
    assert_eq!(context["add_path"], json!([]));
    // RFC 6793 §4.1: without the capability of either side AS numbers have two octets.
    let (context, _) = read(&[], PLAIN);
    assert_eq!(context["as4"], false);
}

/// OPENs in the midst of a connection begin a session of their own, whatever was inferred before.
#[test]
fn opens_begin_anew() {
    let mut joined = Joined::new();
    for _ in 0..3 {
        joined.say(&update(MARKED));
    }
    let as4: (u8, &[u8]) = (65, &[0, 0, 0xfb, 0xf4]);
    let v4: (u8, &[u8]) = (1, &[0, 1, 0, 1]);
    let open = open_with(64500, &[as4, v4]);
    for _ in 0..2 {
        for direction in [0, 1] {
            joined.send(direction, ACK, &open);
        }
        joined.say(&update(PLAIN));
    }
    let lines = joined.lines();
    let updates = lines.iter().filter(|line| line["type"] == "UPDATE");
    let read: Vec<_> = updates
        .map(|line| {
            let context = &line["context"];
            let marked = context["add_path"] != json!([]);
            (context["source"].as_str().unwrap(), marked)
        })
        .collect();
    let (inferred, negotiated) = (("inferred", true), ("negotiated", false));
    assert_eq!(read, [inferred, inferred, inferred, negotiated, negotiated]);
}
