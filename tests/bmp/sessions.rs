//! The sessions of a capture as its lines tell of them: who came up, who stayed, and what was counted meanwhile.

use super::ours::{Ours, ends, is_errored};
use serde_json::Value;
use std::collections::BTreeMap;
use std::net::IpAddr;

/// A router and its neighbour.
pub type Pair = (IpAddr, IpAddr);
/// What a Peer Up tells of the neighbour: AS number and BGP identifier by its OPEN, if that was seen, and the TCP ports
/// of the router and of the neighbour.
pub type Up = (Option<(u64, String)>, u64, u64);
/// The figures of a report (RFC 7854 §4.8, RFC 8671 §6.2) by type, those of a family with it: `9 1/1`.
pub type Figures = BTreeMap<String, u64>;

/// Addresses and TCP ports of the sender and the receiver of something.
type Ends = [(IpAddr, u64); 2];

fn with_ports(event: &Value) -> Ends {
    let (peer, local) = ends(event);
    let port = |name: &str| event[name].as_u64().unwrap();
    [(peer, port("peer_port")), (local, port("local_port"))]
}

fn session(event: &Value) -> &str {
    event["session"].as_str().unwrap()
}

/// Both ways to see a session: the router first. A capture on a loopback has both ends at one address, and there nothing
/// is compared.
fn seen_from_both(ends: Ends) -> impl Iterator<Item = Ends> {
    let [a, b] = ends;
    let ways = [[a, b], [b, a]];
    ways.into_iter().filter(move |_| a.0 != b.0)
}

/// Whether a session comes up (`true`), or ends that was up.
fn change(event: &Value) -> Option<bool> {
    let [state, previous] = ["state", "previous"].map(|name| event[name] == 6);
    (event["type"] == "STATE" && state != previous).then_some(state)
}

/// A session that came up.
struct Life<'a> {
    name: &'a str,
    ends: Ends,
    opens: BTreeMap<IpAddr, (u64, String)>,
    has_ended: bool,
}

fn lives(ours: &Ours) -> Vec<Life<'_>> {
    let mut opens = BTreeMap::<_, BTreeMap<IpAddr, (u64, String)>>::new();
    let mut lives = Vec::<Life<'_>>::new();
    for event in &ours.events {
        let name = session(event);
        if event["type"] == "OPEN" && event["errors"].is_null() {
            let asn = event["asn"].as_u64().unwrap();
            let id = event["router_id"].as_str().unwrap().to_owned();
            opens
                .entry(name)
                .or_default()
                .insert(ends(event).0, (asn, id));
        }
        match change(event) {
            Some(true) => lives.push(Life {
                name,
                ends: with_ports(event),
                opens: opens.get(name).cloned().unwrap_or_default(),
                has_ended: false,
            }),
            Some(false) => {
                let own = lives.iter_mut().rfind(|life| life.name == name);
                own.unwrap().has_ended = true;
            }
            None => (),
        }
    }
    lives
}

/// Each time that a router's session with a neighbour came up; `still` leaves out those that have ended.
pub fn ups(ours: &Ours, still: bool) -> BTreeMap<Pair, Vec<Up>> {
    let mut ups = BTreeMap::<Pair, Vec<Up>>::new();
    for life in lives(ours) {
        if still && life.has_ended {
            continue;
        }
        for [router, neighbour] in seen_from_both(life.ends) {
            let open = life.opens.get(&neighbour.0).cloned();
            let list = ups.entry((router.0, neighbour.0)).or_default();
            list.push((open, router.1, neighbour.1));
        }
    }
    ups
}

/// The figures of each router's sessions that are up in the end.
pub fn figures(ours: &Ours) -> BTreeMap<Pair, Figures> {
    let mut figures = BTreeMap::new();
    for life in lives(ours).iter().filter(|life| !life.has_ended) {
        for [(router, _), (neighbour, _)] in seen_from_both(life.ends) {
            let own = of_session(ours, life.name, (router, neighbour));
            figures.insert((router, neighbour), own);
        }
    }
    figures
}

fn of_session(ours: &Ours, name: &str, (router, neighbour): Pair) -> Figures {
    let mut figures: Figures = ["1", "2", "7", "11", "15"]
        .map(|kind| (kind.into(), 0))
        .into();
    let mut add = |kind: &str, count: u64| *figures.entry(kind.to_owned()).or_default() += count;
    let updates = ours.events.iter().filter(|event| event["type"] == "UPDATE");
    // What the router was told.
    for update in updates.filter(|event| session(event) == name && ends(event).0 == neighbour) {
        let changes = |kind: &str| update["rib"][kind].as_u64().unwrap_or(0);
        add("1", changes("duplicate"));
        add("2", changes("absent"));
        let as_withdrawn = worst(update).is_some_and(|worst| worst == "treat-as-withdraw");
        add("11", as_withdrawn.into());
    }
    for ((side, (afi, safi)), routes) in &ours.counts {
        if (side.0, side.1) == (router, neighbour) {
            let (all, one) = if side.2 { ("15", 17) } else { ("7", 9) };
            add(all, *routes);
            add(&format!("{one} {afi}/{safi}"), *routes);
        }
    }
    figures
}

/// What the receiver of an UPDATE that it cannot use does with it (RFC 7606 §2).
fn worst(update: &Value) -> Option<&str> {
    let errors = update["errors"].as_array()?.iter();
    let dispositions: Vec<_> = errors
        .map(|error| error["disposition"].as_str().unwrap())
        .collect();
    let worst = ["session-reset", "afi-safi-disable", "treat-as-withdraw"];
    let worst = worst.into_iter().find(|one| dispositions.contains(one));
    assert_eq!(worst.is_some(), is_errored(update));
    worst
}
