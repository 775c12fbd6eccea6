//! OpenBMP with a filter: consumers have the routes of UPDATEs that are selected, and none that was once and is not any
//! more.

use super::conversation::Conversation;
use super::support::broker::Broker;
use super::support::read::read;
use super::support::{Scratch, flows, have, recording};
use super::view::{Action, Key, View};
use super::{Side, fields};
use bgpkit_parser::models::NetworkPrefix;
use bgpkit_parser::parser::bmp::parse_openbmp_header;
use bytes::Bytes;
use serde_json::Value;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

/// The AS path of each route, of each side that has any.
type Tables = BTreeMap<Side, BTreeMap<Key, String>>;

/// What a run with a filter of its own topic tells, by router; and the lines of `--json`, which it does not filter.
fn run(
    broker: &Broker,
    file: &Path,
    topic: &str,
    filter: &str,
) -> (BTreeMap<IpAddr, View>, Vec<Value>) {
    let address = broker.address.as_str();
    let more = [
        "--kafka",
        address,
        "--kafka-topic",
        topic,
        "--kafka-filter",
        filter,
    ];
    let run = read(file, &more);
    let mut messages = BTreeMap::<IpAddr, Vec<Vec<u8>>>::new();
    for (_, payload) in broker.records(topic) {
        let mut bytes = Bytes::from(payload);
        let header = parse_openbmp_header(&mut bytes).unwrap();
        messages
            .entry(header.router_ip)
            .or_default()
            .push(bytes.to_vec());
    }
    let views = messages.into_iter();
    let views = views.map(|(router, messages)| (router, View::of(&messages)));
    (views.collect(), run.events)
}

/// What consumers hold in the end, of sessions that are up.
fn held(views: &BTreeMap<IpAddr, View>) -> Tables {
    let mut held = Tables::new();
    for (router, view) in views {
        assert_eq!(view.refused, Vec::<String>::new(), "{router}");
        for (address, peer) in &view.peers {
            for sent in [false, true] {
                let routes = peer.tables[usize::from(sent)].iter();
                let routes = routes.map(|(key, (path, _))| (key.clone(), path.clone()));
                held.insert((*router, *address, sent), routes.collect());
            }
        }
    }
    held.retain(|_, table| !table.is_empty());
    held
}

/// Unicast routes in one of the lists of an UPDATE.
fn keys(event: &Value, list: &str) -> Vec<Key> {
    let lists = fields::items(event, list).inspect(|list| assert_eq!(list["safi"], 1, "{list}"));
    let prefixes = lists.flat_map(|list| fields::items(list, "prefixes"));
    let key = |prefix: &Value| {
        let text = prefix
            .as_str()
            .or_else(|| prefix["prefix"].as_str())
            .unwrap();
        let id = prefix["path_id"].as_u64();
        (text.to_owned(), id.map(|id| u32::try_from(id).unwrap()))
    };
    prefixes.map(key).collect()
}

/// As both routers tell of what one sends.
fn sides(event: &Value) -> [Side; 2] {
    let [peer, local] = ["peer", "local"].map(|end| fields::address(event, end));
    [(local, peer, false), (peer, local, true)]
}

/// Whether what an UPDATE announces is told. What its receiver treats as a withdrawal is one (RFC 7606 §2).
fn comes(event: &Value, wants: impl Fn(&Value) -> bool) -> bool {
    event["type"] == "UPDATE" && event["errors"].is_null() && wants(event)
}

/// What consumers are to hold: routes of the UPDATEs that `wants` takes come, of all others go.
fn wanted(events: &[Value], wants: impl Fn(&Value) -> bool) -> Tables {
    let mut tables = Tables::new();
    for event in events {
        if event["type"] == "STATE" && event["previous"] == 6 && event["state"] == 1 {
            // The session is over, for both.
            let over = sides(event).map(|(router, neighbour, _)| (router, neighbour));
            tables.retain(|(router, neighbour, _), _| !over.contains(&(*router, *neighbour)));
        }
        if event["type"] != "UPDATE" {
            continue;
        }
        let comes = comes(event, &wants);
        let path = event["path_text"].as_str().unwrap_or_default();
        for side in sides(event) {
            let table = tables.entry(side).or_default();
            for key in keys(event, "withdrawals") {
                table.remove(&key);
            }
            for key in keys(event, "announcements") {
                if comes {
                    table.insert(key, path.to_owned());
                } else {
                    table.remove(&key);
                }
            }
        }
    }
    tables.retain(|_, table| !table.is_empty());
    tables
}

/// A route comes, is replaced by one that does not fit, and by one that does; each is told, or taken back, once.
#[test]
fn a_route_that_does_not_fit_any_more_is_taken_back() {
    if !have("kcat") {
        return;
    }
    let mut talk = Conversation::new();
    // One that always fits, one that never does, and two that change, of which one ends as it began.
    for (number, origin) in [
        (1, 1),
        (2, 2),
        (3, 1),
        (4, 2),
        (3, 2),
        (4, 1),
        (3, 1),
        (4, 2),
    ] {
        talk.announce(number, origin);
    }
    // The same again is no change; and one that fits goes.
    talk.announce(4, 2);
    talk.announce(5, 1);
    talk.withdraw(5);
    let scratch = Scratch::new("kafka-filtered");
    let file = scratch.write("talk.pcap", &talk.part());
    let broker = Broker::start();
    let (views, events) = run(&broker, &file, "changing", "announces and origin-as 1");
    let by_hand: [(Action, u8); 8] = [
        ('A', 1),
        ('A', 3),
        ('W', 3),
        ('A', 4),
        ('A', 3),
        ('W', 4),
        ('A', 5),
        ('W', 5),
    ];
    let by_hand = by_hand.map(|(action, number)| (action, format!("10.0.0.{number}/32")));
    let [teller, hearer] = [1, 2].map(|last| IpAddr::from([192, 0, 2, last]));
    for (router, neighbour, sent) in [(hearer, teller, false), (teller, hearer, true)] {
        let told = views[&router].told.iter();
        let told = told.map(|(address, is_sent, action, (prefix, _))| {
            assert_eq!((*address, *is_sent), (neighbour, sent));
            (*action, prefix.clone())
        });
        assert_eq!(told.collect::<Vec<_>>(), by_hand, "{router}");
    }
    let held = held(&views);
    assert_eq!(
        held,
        wanted(&events, |event| fields::origin_as(event) == [1])
    );
    let routes = held[&(hearer, teller, false)].keys();
    let routes: Vec<_> = routes.map(|(prefix, _)| prefix.as_str()).collect();
    assert_eq!(routes, ["10.0.0.1/32", "10.0.0.3/32"]);
}

/// What is announced to each side by the UPDATEs that `wants` takes, in order.
fn announced(events: &[Value], wants: impl Fn(&Value) -> bool) -> BTreeMap<Side, Vec<Key>> {
    let mut announced = BTreeMap::<Side, Vec<Key>>::new();
    for event in events.iter().filter(|event| comes(event, &wants)) {
        for side in sides(event) {
            let routes = announced.entry(side).or_default();
            routes.extend(keys(event, "announcements"));
        }
    }
    announced.retain(|_, routes| !routes.is_empty());
    announced
}

/// The recording until its routers are stopped, one after the other: sessions that were reset before are up again.
fn until_the_end(scratch: &Scratch) -> PathBuf {
    const UP_NS: u64 = 33_250_000_000;
    let mut frames = flows::frames(&std::fs::read(recording()).unwrap());
    let end = frames[0].ns + UP_NS;
    frames.retain(|frame| frame.ns < end);
    scratch.write("up.pcap", &flows::file(&frames))
}

/// Of a recording of real routers, by tables that the test keeps by the lines of the same run; nothing is announced but
/// what is selected.
#[test]
fn consumers_hold_the_routes_of_a_recording_that_are_selected() {
    if !have("kcat") {
        return;
    }
    let (broker, scratch) = (Broker::start(), Scratch::new("kafka-selected"));
    let file = until_the_end(&scratch);
    type Wants<'w> = &'w dyn Fn(&Value) -> bool;
    let net: NetworkPrefix = "64.0.0.0/3".parse().unwrap();
    let inside = |prefix: &NetworkPrefix| net.prefix.contains(&prefix.prefix);
    let cases: [(&str, Wants<'_>); 5] = [
        ("origin-as 20000-45000", &|event| {
            let mut origins = fields::origin_as(event).into_iter();
            origins.any(|asn| (20_000..=45_000).contains(&asn))
        }),
        ("announces and not as 65002", &|event| {
            let announces = fields::items(event, "announcements").next().is_some();
            announces && !fields::any_as(event).contains(&65002)
        }),
        ("community 40000-50000:*", &|event| {
            let mut plain = fields::items(event, "community");
            plain.any(|pair| (40_000..=50_000).contains(&pair[0].as_u64().unwrap()))
        }),
        // With all routes of the UPDATE.
        ("prefix longer 64.0.0.0/3", &|event| {
            fields::prefixes(event).iter().any(inside)
        }),
        ("family ipv6/unicast", &|event| {
            fields::families(event).contains(&(2, 1))
        }),
    ];
    for (number, (filter, wants)) in cases.into_iter().enumerate() {
        let (views, events) = run(&broker, &file, &format!("case{number}"), filter);
        let wanted = wanted(&events, wants);
        let all = self::wanted(&events, |_| true);
        let count = |tables: &Tables| tables.values().map(BTreeMap::len).sum::<usize>();
        println!("{filter}: {} of {} routes", count(&wanted), count(&all));
        assert!((1..count(&all)).contains(&count(&wanted)), "{filter}");
        assert_eq!(held(&views), wanted, "{filter}");
        let mut told = BTreeMap::<Side, Vec<Key>>::new();
        for (router, view) in &views {
            let told_of = view.told.iter().filter(|(_, _, action, _)| *action == 'A');
            for (neighbour, sent, _, key) in told_of {
                let side = (*router, *neighbour, *sent);
                told.entry(side).or_default().push(key.clone());
            }
        }
        assert_eq!(told, announced(&events, wants), "{filter}");
    }
}
