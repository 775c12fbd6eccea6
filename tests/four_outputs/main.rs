//! One capture of the lab's routers tells an archive, BMP stations, Kafka and a file of lines at once: read by
//! their consumers, the four say the same announcements and withdrawals.
//!
//! What is compared is each prefix of IPv4 and IPv6, unicast and multicast, with its path identifier, whether it was
//! announced or withdrawn, by whom and to whom, as often as that happened. The formats differ by their nature in
//! two things only:
//!
//! * an UPDATE that its receiver has to treat as a withdrawal (RFC 7606 §2; here for an AS_SET, RFC 9774 §3) is in
//!   archives and lines as it was sent. BMP tells what the receiver's Adj-RIB-In holds (RFC 7854 §5): the
//!   withdrawals, and the message itself by Route Mirroring (§4.7);
//! * BMP tells a session twice, once by each of its ends (RFC 7854 §4.6, RFC 8671 §4).
#![cfg(all(feature = "capture", feature = "kafka"))]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![allow(unreachable_pub, reason = "modules of this test alone")]

#[allow(dead_code, reason = "a part of it serves here")]
#[path = "../bmp/station.rs"]
mod station;
#[path = "../support/mod.rs"]
mod support;
#[allow(dead_code, reason = "a part of it serves here")]
#[path = "../bmp/view.rs"]
mod view;

use bgpkit_parser::models::{Bgp4MpEnum, ElemType, MrtMessage};
use bgpkit_parser::{BgpkitParser, Elementor};
use serde_json::Value;
use station::{Messages, Station};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::BufReader;
use std::net::IpAddr;
use std::path::Path;
use support::Scratch;
use support::broker::Broker;
use support::lab::{self, Lab, canonical};
use support::net::{Live, Net, allowed};
use view::{Action, View};

const PREFIXES: u32 = 500;
/// The routers: their addresses on the lab's network.
const ROUTERS: [&str; 6] = ["10", "1", "2", "3", "4", "5"];

/// Sender, receiver, action, prefix, path identifier.
type Told = (IpAddr, IpAddr, Action, String, Option<u32>);
/// How often each was told.
type Counts = BTreeMap<Told, usize>;

fn counted(told: impl IntoIterator<Item = Told>) -> Counts {
    let mut counts = Counts::new();
    for one in told {
        *counts.entry(one).or_default() += 1;
    }
    counts
}

/// The lines by now; the last may be half written.
fn events(json: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(json).unwrap();
    let whole = text
        .lines()
        .map_while(|line| serde_json::from_str(line).ok());
    whole.collect()
}

/// Whether the receiver treats it as a withdrawal.
fn is_withdrawal(event: &Value) -> bool {
    let errors = event["errors"].as_array().into_iter().flatten();
    errors
        .into_iter()
        .any(|error| error["disposition"] == "treat-as-withdraw")
}

/// What an event tells; with `as_received` what it does to its receiver's table.
fn of_event(event: &Value, as_received: bool) -> Vec<Told> {
    let end = |name: &str| event[name].as_str().unwrap().parse::<IpAddr>().unwrap();
    let announced = if as_received && is_withdrawal(event) {
        'W'
    } else {
        'A'
    };
    let mut told = Vec::new();
    for (field, action) in [("announcements", announced), ("withdrawals", 'W')] {
        for list in event[field].as_array().into_iter().flatten() {
            assert!(
                matches!(list["afi"].as_u64(), Some(1 | 2)) && list["safi"] == 1,
                "{event}"
            );
            for prefix in list["prefixes"].as_array().unwrap() {
                let text = prefix
                    .as_str()
                    .or_else(|| prefix["prefix"].as_str())
                    .unwrap();
                let path_id = prefix["path_id"]
                    .as_u64()
                    .map(|id| u32::try_from(id).unwrap());
                told.push((end("peer"), end("local"), action, canonical(text), path_id));
            }
        }
    }
    told
}

/// What bgpkit-parser reads in the archive.
fn of_archive(file: &Path) -> Counts {
    let parser = BgpkitParser::from_reader(BufReader::new(File::open(file).unwrap()));
    let mut told = Vec::new();
    for record in parser.into_record_iter() {
        let MrtMessage::Bgp4Mp(Bgp4MpEnum::Message(message)) = &record.message else {
            continue;
        };
        let (peer, local) = (message.peer_ip, message.local_ip);
        for element in Elementor::new().record_to_elems(record) {
            let action = if element.elem_type == ElemType::ANNOUNCE {
                'A'
            } else {
                'W'
            };
            let prefix = canonical(&element.prefix.prefix.to_string());
            told.push((peer, local, action, prefix, element.prefix.path_id));
        }
    }
    counted(told)
}

/// What each router's BMP messages tell.
fn of_bmp(routers: &BTreeMap<IpAddr, Messages>, names: &BTreeMap<IpAddr, IpAddr>) -> [Counts; 2] {
    let mut by_role = [Vec::new(), Vec::new()];
    for (router, messages) in routers {
        let view = View::of(messages);
        assert_eq!(view.name.parse::<IpAddr>().unwrap(), *router);
        assert_eq!(view.refused, Vec::<String>::new(), "{router}");
        for (neighbour, sent, action, (prefix, path_id)) in view.told {
            // A router with two addresses has one connection; it speaks to a neighbour of the same family.
            let own = if neighbour.is_ipv6() == router.is_ipv6() {
                *router
            } else {
                names[router]
            };
            let (peer, local) = if sent {
                (own, neighbour)
            } else {
                (neighbour, own)
            };
            let one = (peer, local, action, canonical(&prefix), path_id);
            by_role[usize::from(sent)].push(one);
        }
    }
    by_role.map(counted)
}

/// Fails with a few that are not told equally often.
fn assert_same(ours: &Counts, theirs: &Counts, what: &str) {
    let all: BTreeSet<&Told> = ours.keys().chain(theirs.keys()).collect();
    let differing = all
        .into_iter()
        .filter(|one| ours.get(*one) != theirs.get(*one));
    let shown = differing.map(|one| (one, ours.get(one), theirs.get(one)));
    let shown: Vec<_> = shown.take(8).collect();
    assert!(
        shown.is_empty(),
        "{what}: told, by lines, by it: {shown:#?}"
    );
}

/// The raw BMP messages of each router in OpenBMP frames.
fn frames(records: Vec<(Vec<u8>, Vec<u8>)>) -> BTreeMap<IpAddr, Messages> {
    let mut routers = BTreeMap::<IpAddr, Messages>::new();
    for (_, payload) in records {
        let mut bytes = bytes::Bytes::from(payload);
        let header = bgpkit_parser::parser::bmp::parse_openbmp_header(&mut bytes).unwrap();
        let messages = routers.entry(header.router_ip).or_default();
        messages.push(bytes.to_vec());
    }
    routers
}

/// The router's addresses, IPv4 and IPv6.
fn addresses(router: &str) -> [IpAddr; 2] {
    let host = if router == "10" { "a" } else { router };
    [format!("192.0.2.{router}"), format!("2001:db8:179::{host}")]
        .map(|address| address.parse().unwrap())
}

/// What each consumer has read.
struct Read {
    events: Vec<Value>,
    archive: Counts,
    by_station: BTreeMap<IpAddr, Messages>,
    by_kafka: BTreeMap<IpAddr, Messages>,
}

/// Routes by sender and receiver, with their path identifiers.
type Tables = BTreeMap<(IpAddr, IpAddr), BTreeSet<(String, Option<u32>)>>;

/// What receivers have in the end; pairs without routes are none.
fn tables_of_events(events: &[Value]) -> Tables {
    let mut tables = Tables::new();
    for (peer, local, action, prefix, path_id) in
        events.iter().flat_map(|event| of_event(event, true))
    {
        let table = tables.entry((peer, local)).or_default();
        if action == 'A' {
            table.insert((prefix, path_id));
        } else {
            table.remove(&(prefix, path_id));
        }
    }
    tables.retain(|_, table| !table.is_empty());
    tables
}

/// The same of what connections have told: of what routers received, or of what they sent.
fn tables_of_bmp(connections: &[Messages], sent: bool) -> Tables {
    let mut tables = Tables::new();
    for messages in connections.iter().filter(|messages| !messages.is_empty()) {
        let view = View::of(messages);
        let router: IpAddr = view.name.parse().unwrap();
        for (neighbour, peer) in view.peers {
            let ends = if sent {
                (router, neighbour)
            } else {
                (neighbour, router)
            };
            let routes = peer.tables[usize::from(sent)].keys();
            let routes = routes.map(|(prefix, path_id)| (canonical(prefix), *path_id));
            tables.insert(ends, routes.collect());
        }
    }
    tables.retain(|_, table| !table.is_empty());
    tables
}

/// One capture of the lab with all four outputs; routers are named, or learnt from what they say. `last` looks at the
/// station before the capture ends.
fn capture(named: bool, last: impl Fn(&Station, &[Value])) -> Read {
    let scratch = Scratch::new("four");
    let lab = Lab::up(Some(PREFIXES));
    let space = lab.monitor();
    let (station, broker) = (
        Net::within(&space, Station::start),
        Broker::start_within(&space),
    );
    let [json, mrt] = ["events.json", "updates.mrt"].map(|name| scratch.path(name));
    let at = station.address.to_string();
    let routers = ROUTERS.map(|router| {
        addresses(router)
            .map(|address| address.to_string())
            .join(",")
    });
    let mut options = vec![
        "--json",
        json.to_str().unwrap(),
        "--mrt",
        mrt.to_str().unwrap(),
    ];
    options.extend(["--bmp", &at, "--kafka", &broker.address, "--ring", "32768"]);
    if named {
        options.extend(routers.iter().flat_map(|router| ["--router", router]));
    }
    let live = Live::start(&space, "mon0", &scratch, &options);
    if named {
        // Whoever listens from the beginning is told all as it was said, and nothing from tables.
        station.wait_for("connections", |all| all.len() == ROUTERS.len());
    }
    lab.script(&["go"]);
    lab.script(&["wait"]);
    // A tenth of the table goes, up to the end of the chain, and comes back.
    let edit = |edit: &str| {
        let script = format!("for v in 4 6; do t=$RUN/feeder/table$v.conf; {edit}; done");
        lab.shell("feeder", &script);
        lab.shell("feeder", "birdc -s $RUN/feeder/bird.ctl configure");
    };
    edit("sed -i.full 1~10d $t");
    let [far, end] = ["3", "4"].map(|router| addresses(router)[0]);
    lab::settled(|| {
        let gone = events(&json)
            .iter()
            .flat_map(|event| of_event(event, false))
            .any(|told| (told.0, told.1, told.2) == (far, end, 'W'));
        gone.then_some(())
            .ok_or("the end of the chain has all routes".to_owned())
    });
    edit("mv $t.full $t");
    lab.script(&["wait"]);
    last(&station, &events(&json));
    let summary = live.stop();
    assert_eq!(summary["gaps"]["count"], 0, "{summary}");
    let connections = station.finish().into_iter();
    let by_station = connections.map(|messages| {
        let name = View::of(&messages).name.parse().unwrap();
        (name, messages)
    });
    Read {
        events: events(&json),
        archive: of_archive(&mrt),
        by_station: by_station.collect(),
        by_kafka: frames(broker.records("openbmp.bmp_raw")),
    }
}

/// Whether there is all that this takes.
fn can_capture() -> bool {
    allowed() && lab::installed() && support::have("kcat")
}

#[test]
fn four_outputs_tell_the_same() {
    if !can_capture() {
        return;
    }
    let read = capture(true, |_, _| ());
    let events = read.events;
    let as_sent = counted(events.iter().flat_map(|event| of_event(event, false)));
    let as_received = counted(events.iter().flat_map(|event| of_event(event, true)));
    let (count, withdrawn) = (
        as_sent.values().sum::<usize>(),
        as_sent.keys().filter(|told| told.2 == 'W').count(),
    );
    println!("{count} routes told, {withdrawn} kinds of withdrawals");
    assert!(count > 5 * PREFIXES as usize && withdrawn > PREFIXES as usize / 10);
    assert_ne!(as_sent, as_received, "an AS_SET is among them");
    assert_same(&as_sent, &read.archive, "the archive");

    let names: BTreeMap<IpAddr, IpAddr> = ROUTERS
        .map(addresses)
        .into_iter()
        .map(|[first, second]| (first, second))
        .collect();
    for (what, routers) in [("BMP", read.by_station), ("Kafka", read.by_kafka)] {
        let [received, sent] = of_bmp(&routers, &names);
        assert_same(&as_received, &received, &format!("{what}, Adj-RIBs-In"));
        assert_same(&as_received, &sent, &format!("{what}, Adj-RIBs-Out"));
    }
}

/// Without `--router` each address is a router, whose connection is made when its first session comes up: what is said
/// meanwhile the station is told from the tables, so it has the same ones in the end. Kafka is told all as it was said.
#[test]
fn routers_that_are_learnt_tell_the_same() {
    if !can_capture() {
        return;
    }
    let read = capture(false, |station, events| {
        let wanted = tables_of_events(events);
        assert!(wanted.len() > ROUTERS.len(), "each has neighbours");
        station.wait_for("the tables", |connections| {
            [false, true].map(|sent| tables_of_bmp(connections, sent) == wanted) == [true; 2]
        });
    });
    let as_sent = counted(read.events.iter().flat_map(|event| of_event(event, false)));
    let as_received = counted(read.events.iter().flat_map(|event| of_event(event, true)));
    assert_same(&as_sent, &read.archive, "the archive");
    let speakers: BTreeSet<IpAddr> = as_sent.keys().flat_map(|told| [told.0, told.1]).collect();
    // Not every router has a session of each family.
    let all = ROUTERS.map(addresses);
    assert!(
        all.iter()
            .all(|router| router.iter().any(|address| speakers.contains(address)))
    );
    assert!(
        speakers
            .iter()
            .all(|speaker| all.as_flattened().contains(speaker))
    );
    for routers in [&read.by_station, &read.by_kafka] {
        let told: BTreeSet<IpAddr> = routers.keys().copied().collect();
        assert_eq!(told, speakers, "each address is a router");
    }
    let [received, sent] = of_bmp(&read.by_kafka, &BTreeMap::new());
    assert_same(&as_received, &received, "Kafka, Adj-RIBs-In");
    assert_same(&as_received, &sent, "Kafka, Adj-RIBs-Out");
}
