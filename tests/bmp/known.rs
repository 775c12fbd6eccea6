//! What pmacct's daemon knows, and what we know.

use super::ours::{self, Ours, Side};
use super::pmacct::{self, Daemon, Figure};
use super::sessions::{self, Pair, Up};
use super::support::skip::skip;
use super::support::{Scratch, have, recording};
use super::view::{Key, Table};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::{Path, PathBuf};

/// Peers that are up, all of what was told, and what is said of them in the end.
#[derive(Debug, PartialEq)]
pub struct Known {
    /// Those that are up.
    pub peers: BTreeMap<Pair, Vec<Up>>,
    pub tables: BTreeMap<Side, Table>,
    pub figures: BTreeMap<Pair, Vec<Figure>>,
}

impl Known {
    pub fn by(events: &[Value], ours: &Ours) -> Self {
        Self {
            peers: pmacct::ups(events, true),
            tables: Reading::of(ours).tables(pmacct::tables(events)),
            figures: pmacct::figures(events),
        }
    }

    pub fn of(ours: &Ours) -> Self {
        let figures = sessions::figures(ours).into_iter();
        Self {
            peers: sessions::ups(ours, true),
            tables: Reading::of(ours).tables(tables_as_printed(ours)),
            figures: figures
                .map(|(pair, figures)| (pair, pmacct::of_ours(figures)))
                .collect(),
        }
    }

    pub fn routes(&self) -> usize {
        self.tables.values().map(BTreeMap::len).sum()
    }
}

/// Ours, without next hops of IPv6 of IPv4 routes (RFC 8950), which it does not print.
fn tables_as_printed(ours: &Ours) -> BTreeMap<Side, Table> {
    let mut tables = ours.tables.clone();
    for ((prefix, _), (_, next_hop)) in tables.values_mut().flatten() {
        *next_hop = next_hop.filter(|hop| hop.is_ipv4() || prefix.contains(':'));
    }
    tables
}

/// Which routes it reads as they are meant. RFC 7911 §4: whether a family has path identifiers depends on both OPENs, and on the
/// direction. It takes them for being in an Adj-RIB-In if the sender offers them, and in an Adj-RIB-Out if one of both does.
struct Reading {
    offers: BTreeMap<(IpAddr, IpAddr), BTreeSet<String>>,
}

impl Reading {
    fn of(ours: &Ours) -> Self {
        Self {
            offers: ours.add_path(),
        }
    }

    fn is_right(&self, side: &Side, key: &Key) -> bool {
        let family = if key.0.contains(':') { "2/1" } else { "1/1" };
        let offers = |from, to| {
            let families = self.offers.get(&(from, to));
            families.is_some_and(|families| families.contains(family))
        };
        let [router, neighbour] = [offers(side.0, side.1), offers(side.1, side.0)];
        if side.2 {
            router == neighbour
        } else {
            !neighbour || router
        }
    }

    fn tables(&self, mut tables: BTreeMap<Side, Table>) -> BTreeMap<Side, Table> {
        for (side, table) in &mut tables {
            table.retain(|key, _| self.is_right(side, key));
        }
        tables.retain(|_, table| !table.is_empty());
        tables
    }

    fn routes(&self, mut routes: BTreeSet<(Side, Key)>) -> BTreeSet<(Side, Key)> {
        routes.retain(|(side, key)| self.is_right(side, key));
        routes
    }
}

/// What it knows of routers, peers, their routes and figures is what we know, after each of several captures.
#[test]
fn pmbmpd_has_our_peers_and_routes() {
    if !have("pmbmpd") {
        return;
    }
    let (mut routes, mut told, mut peers, mut misread) = (0, 0, 0, 0);
    for file in captures() {
        let scratch = Scratch::new("pmacct");
        let daemon = Daemon::start(&scratch);
        let station = ([127, 0, 0, 1], daemon.port).into();
        let ours = ours::read(&file, station, &[]);
        assert_eq!(ours.status, Some(0), "{}", ours.log);
        let ups = sessions::ups(&ours, false);
        let routers: BTreeSet<IpAddr> = ups.keys().map(|pair| pair.0).collect();
        pmacct::wait("the last words", || {
            pmacct::of(&daemon.events(), "term").count() == routers.len()
        });
        let events = daemon.events();
        let what = file.display();
        let names: BTreeSet<IpAddr> = pmacct::routers(&events).into_values().collect();
        assert_eq!(names, routers, "{what}");
        assert_eq!(pmacct::ups(&events, false), ups, "{what}");
        let known = Known::by(&events, &ours);
        assert_eq!(known, Known::of(&ours), "{what}");
        // And all that were told on the way, whatever became of them.
        let reading = Reading::of(&ours);
        let theirs = reading.routes(pmacct::announced(&events));
        assert_eq!(theirs, reading.routes(ours.announced()), "{what}");
        told += theirs.len();
        routes += known.routes();
        peers += ups.values().map(Vec::len).sum::<usize>();
        misread += usize::from(pmacct::announced(&events) != ours.announced());
    }
    println!("{peers} times a peer up, {routes} routes in the end, {told} announced");
    assert!(
        peers > 40 && routes > 200 && told > 2000 && misread > 0,
        "{peers}, {routes}, {told}, {misread}"
    );
}

/// The recording of the lab, and captures from elsewhere: with OPENs and without, 2-octet AS numbers, IPv6.
fn captures() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus/pcap/bgp");
    let more = ["netgauze/traffic.pcap", "large-comm/exabgp.pcap"].map(|name| root.join(name));
    let mut captures = vec![recording().to_owned()];
    for file in more {
        if file.exists() {
            captures.push(file);
        } else {
            skip(&format!("no capture at {}", file.display()));
        }
    }
    captures
}
