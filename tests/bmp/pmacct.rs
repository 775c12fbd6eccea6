//! pmacct's BMP daemon as station.

use super::ours::{self, Side};
use super::support::{Scratch, have, recording};
use super::view::Table;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

struct Daemon {
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
        let log = scratch.path("log");
        let config = format!(
            "daemonize: false\nbmp_daemon_ip: 127.0.0.1\nbmp_daemon_port: {port}\nbmp_daemon_max_peers: 100\n\
             bmp_daemon_msglog_file: {}\nbmp_daemon_msglog_output: json\n",
            log.display()
        );
        let config = scratch.write("pmbmpd.conf", config.as_bytes());
        let mut pmbmpd = Command::new("pmbmpd");
        pmbmpd
            .arg("-f")
            .arg(config)
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let child = pmbmpd.spawn().unwrap();
        let daemon = Self { child, log, port };
        wait("pmbmpd to listen", || {
            TcpStream::connect(("127.0.0.1", port)).is_ok()
        });
        daemon
    }

    /// What it has logged of BMP messages.
    fn events(&self) -> Vec<Value> {
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

fn wait(what: &str, is: impl Fn() -> bool) {
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

/// What its log says of the tables in the end, by router's name and neighbour; next hops left out: it has none
/// where an IPv4 route has an IPv6 next hop (RFC 8950).
fn tables(events: &[Value]) -> BTreeMap<Side, Table> {
    let port = |event: &Value| event["bmp_router_port"].as_u64().unwrap();
    let names: BTreeMap<u64, IpAddr> = of(events, "init")
        .map(|event| {
            (
                port(event),
                event["bmp_init_info_sysname"]
                    .as_str()
                    .unwrap()
                    .parse()
                    .unwrap(),
            )
        })
        .collect();
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

/// What it knows of routers, peers and their routes is what we know, after each of several captures.
#[test]
fn pmbmpd_has_our_peers_and_routes() {
    if !have("pmbmpd") {
        return;
    }
    let mut routes = 0;
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
        let names =
            of(&events, "init").map(|event| event["bmp_init_info_sysname"].as_str().unwrap());
        let names: BTreeSet<IpAddr> = names.map(|name| name.parse().unwrap()).collect();
        assert_eq!(names, routers);
        routes += wanted.values().map(BTreeMap::len).sum::<usize>();
    }
    assert!(routes >= 10, "{routes}");
}

/// The recording of the lab, and captures from elsewhere: with OPENs and without, 2-octet AS numbers, IPv6.
fn captures() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus/pcap/bgp");
    let more = ["netgauze/traffic.pcap", "large-comm/exabgp.pcap"].map(|name| root.join(name));
    let mut captures = vec![recording().to_owned()];
    captures.extend(more.into_iter().filter(|file| file.exists()));
    captures
}
