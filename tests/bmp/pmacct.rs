//! pmacct's BMP daemon as station.

use super::ours::{self, Side};
use super::support::skip::skip;
use super::support::{Scratch, have, recording};
use super::view::{Key, Table};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

pub struct Daemon {
    child: Child,
    log: PathBuf,
    port: u16,
}

impl Daemon {
    fn start(scratch: &Scratch) -> Self {
        // A port that was free a moment ago.
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let daemon = Self::launch(Command::new("pmbmpd"), scratch, port);
        wait("pmbmpd to listen", || {
            TcpStream::connect(("127.0.0.1", port)).is_ok()
        });
        daemon
    }

    /// Has a command run it; what it logs is in the folder.
    pub fn launch(mut pmbmpd: Command, scratch: &Scratch, port: u16) -> Self {
        let log = scratch.path("log");
        let config = format!(
            "daemonize: false\nbmp_daemon_ip: 127.0.0.1\nbmp_daemon_port: {port}\nbmp_daemon_max_peers: 100\n\
             bmp_daemon_msglog_file: {}\nbmp_daemon_msglog_output: json\n",
            log.display()
        );
        let config = scratch.write("pmbmpd.conf", config.as_bytes());
        pmbmpd
            .arg("-f")
            .arg(config)
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let child = pmbmpd.spawn().unwrap();
        Self { child, log, port }
    }

    /// What it has logged of BMP messages.
    pub fn events(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines = text
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok());
        lines.collect()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It has processes of its own, which end with it when it is asked to.
        let pid = self.child.id().to_string();
        let _ = Command::new("kill").args(["-s", "INT", &pid]).status();
        let _ = self.child.wait();
    }
}

pub fn wait(what: &str, is: impl Fn() -> bool) {
    let started = Instant::now();
    while !is() {
        assert!(started.elapsed() < Duration::from_secs(60), "{what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn of<'a>(events: &'a [Value], kind: &'a str) -> impl Iterator<Item = &'a Value> {
    events
        .iter()
        .filter(move |event| event["bmp_msg_type"] == kind)
}

fn port(event: &Value) -> u64 {
    event["bmp_router_port"].as_u64().unwrap()
}

fn address(text: &Value) -> IpAddr {
    text.as_str().unwrap().parse().unwrap()
}

/// The routers' names, by the ports of their connections.
fn routers(events: &[Value]) -> BTreeMap<u64, IpAddr> {
    let named = of(events, "init").map(|event| (port(event), &event["bmp_init_info_sysname"]));
    named.map(|(port, name)| (port, address(name))).collect()
}

/// Peers that came up, by router, with their AS numbers.
fn ups(events: &[Value]) -> BTreeMap<(IpAddr, IpAddr), BTreeSet<u64>> {
    let names = routers(events);
    let mut ups = BTreeMap::<_, BTreeSet<u64>>::new();
    for event in of(events, "peer_up") {
        let key = (names[&port(event)], address(&event["peer_ip"]));
        let asns = ups.entry(key).or_default();
        asns.insert(event["peer_asn"].as_u64().unwrap());
    }
    ups
}

/// All families.
const ALL: (u64, u64) = (0, 0);

/// The last figures of routes: in each Adj-RIB-In by family, and in all Adj-RIBs-Out of a peer, as it passes over
/// the families of these.
pub fn figures(events: &[Value]) -> BTreeMap<(Side, (u64, u64)), u64> {
    let names = routers(events);
    let mut figures = BTreeMap::new();
    for event in of(events, "stats") {
        // RFC 7854 §4.8, RFC 8671 §6.2.
        let kind = event["counter_type"].as_u64().unwrap();
        if !matches!(kind, 9 | 15) {
            continue;
        }
        let side = (names[&port(event)], address(&event["peer_ip"]), kind == 15);
        let number = |field: &str| event[field].as_u64().unwrap();
        let family = match kind {
            9 => (number("afi"), number("safi")),
            _ => ALL,
        };
        figures.insert((side, family), number("counter_value"));
    }
    figures
}

/// What its log says of the tables in the end, by router's name and neighbour; next hops left out: it has none
/// where an IPv4 route has an IPv6 next hop (RFC 8950).
pub fn tables(events: &[Value]) -> BTreeMap<Side, Table> {
    let names = routers(events);
    let mut tables: BTreeMap<Side, Table> = BTreeMap::new();
    for event in events {
        let Some(neighbour) = event["peer_ip"].as_str().map(|peer| peer.parse().unwrap()) else {
            continue;
        };
        let router = names[&port(event)];
        match event["bmp_msg_type"].as_str() {
            Some("peer_down") => tables.retain(|side, _| (side.0, side.1) != (router, neighbour)),
            Some("route_monitor") => {
                let Some(prefix) = event["ip_prefix"].as_str() else {
                    continue;
                };
                let id = event["as_path_id"]
                    .as_u64()
                    .map(|id| u32::try_from(id).unwrap());
                let table = tables
                    .entry((router, neighbour, event["is_out"] == 1))
                    .or_default();
                let key = (prefix.to_owned(), id);
                if event["log_type"] == "update" {
                    let path = event["as_path"].as_str().unwrap_or_default();
                    table.insert(key, (path.to_owned(), None));
                } else {
                    table.remove(&key);
                }
            }
            _ => (),
        }
    }
    tables.retain(|_, table| !table.is_empty());
    tables
}

/// Every route that its log says was announced, once each.
fn announced(events: &[Value]) -> BTreeSet<(Side, Key)> {
    let names = routers(events);
    let told = of(events, "route_monitor").filter(|event| event["log_type"] == "update");
    let told = told.filter_map(|event| {
        let prefix = event["ip_prefix"].as_str()?.to_owned();
        let id = event["as_path_id"]
            .as_u64()
            .map(|id| u32::try_from(id).unwrap());
        let neighbour = address(&event["peer_ip"]);
        Some((
            (names[&port(event)], neighbour, event["is_out"] == 1),
            (prefix, id),
        ))
    });
    told.collect()
}

/// What it knows of routers, peers and their routes is what we know, after each of several captures.
#[test]
fn pmbmpd_has_our_peers_and_routes() {
    if !have("pmbmpd") {
        return;
    }
    let (mut routes, mut told) = (0, 0);
    for file in captures() {
        let scratch = Scratch::new("pmacct");
        let daemon = Daemon::start(&scratch);
        let station = ([127, 0, 0, 1], daemon.port).into();
        let ours = ours::read(&file, station, &[]);
        assert_eq!(ours.status, Some(0), "{}", ours.log);
        let mut wanted = ours.tables.clone();
        let hops = wanted.values_mut().flat_map(|table| table.values_mut());
        hops.for_each(|(_, next_hop)| *next_hop = None);
        let routers: BTreeSet<IpAddr> = ours.updates().keys().map(|side| side.0).collect();
        wait("the last words", || {
            of(&daemon.events(), "term").count() == routers.len()
        });
        let events = daemon.events();
        // It reads an Adj-RIB-Out with the path identifiers that one of the OPENs offers. RFC 7911 §4: whether
        // there are any depends on both, and on the direction.
        let with_paths = ours.pairs_with_add_path();
        let comparable = |side: &Side| !side.2 || !with_paths.contains(&(side.0, side.1));
        wanted.retain(|side, _| comparable(side));
        let mut theirs = tables(&events);
        theirs.retain(|side, _| comparable(side));
        assert_eq!(theirs, wanted, "{}", file.display());
        // And all that were told on the way, whatever became of them. An Adj-RIB-In it reads with the path
        // identifiers that the sender offers, whether or not the router takes them.
        let offers = ours.add_path();
        let offered = |from, to| offers.get(&(from, to)).cloned().unwrap_or_default();
        let comparable = |routes: BTreeSet<(Side, Key)>| -> BTreeSet<_> {
            let routes = routes.into_iter().filter(|(side, _)| {
                let taken = offered(side.0, side.1);
                comparable(side) && (side.2 || offered(side.1, side.0).is_subset(&taken))
            });
            routes.collect()
        };
        let theirs = comparable(announced(&events));
        assert_eq!(theirs, comparable(ours.announced()), "{}", file.display());
        told += theirs.len();
        let names =
            of(&events, "init").map(|event| event["bmp_init_info_sysname"].as_str().unwrap());
        let names: BTreeSet<IpAddr> = names.map(|name| name.parse().unwrap()).collect();
        assert_eq!(names, routers);
        let figures = figures(&events);
        let mut counts = BTreeMap::new();
        for ((side, family), count) in &ours.counts {
            let family = if side.2 { ALL } else { *family };
            *counts.entry((*side, family)).or_default() += count;
        }
        for (key, count) in &counts {
            assert_eq!(figures.get(key), Some(count), "{}: {key:?}", file.display());
        }
        let ups = ups(&events);
        for (router, neighbour, _) in ours.updates().into_keys() {
            let asns = ups.get(&(router, neighbour));
            let asns = asns.unwrap_or_else(|| panic!("{router} has told of {neighbour}"));
            assert!(
                asns.is_superset(&ours.asns(neighbour)),
                "{neighbour}: {asns:?}"
            );
        }
        routes += wanted.values().map(BTreeMap::len).sum::<usize>();
    }
    println!("{routes} routes in the end, {told} announced");
    assert!(routes > 200 && told > 2000, "{routes}, {told}");
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
