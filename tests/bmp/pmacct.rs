//! pmacct's BMP daemon as station, and what its log says.

use super::ours::Side;
use super::sessions::{Figures, Pair, Up};
use super::support::Scratch;
use super::view::{Key, Table};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::net::{IpAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

pub struct Daemon {
    pub child: Child,
    log: PathBuf,
    pub port: u16,
}

impl Daemon {
    pub fn start(scratch: &Scratch) -> Self {
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
        // Its number may be another process's by now.
        if self.child.try_wait().is_ok_and(|ended| ended.is_some()) {
            return;
        }
        // It has processes of its own, which end with it when it is asked to.
        let pid = self.child.id().to_string();
        let _ = Command::new("kill").args(["-s", "INT", &pid]).status();
        let _ = self.child.wait();
    }
}

pub fn wait(what: &str, is: impl Fn() -> bool) {
    wait_until(what, is, &true);
}

/// Waits until something is as wanted.
pub fn wait_until<T: PartialEq + Debug>(what: &str, now: impl Fn() -> T, wanted: &T) {
    let until = Instant::now() + Duration::from_secs(60);
    loop {
        let is = now();
        if is == *wanted {
            return;
        }
        if Instant::now() > until {
            assert_eq!(is, *wanted, "{what}");
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

pub fn of<'a>(events: &'a [Value], kind: &'a str) -> impl Iterator<Item = &'a Value> {
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
pub fn routers(events: &[Value]) -> BTreeMap<u64, IpAddr> {
    let named = of(events, "init").map(|event| (port(event), &event["bmp_init_info_sysname"]));
    named.map(|(port, name)| (port, address(name))).collect()
}

/// The AS numbers and the BGP identifier of those whose OPENs were not seen (RFC 5398, RFC 7600).
const STAND_INS: ([u64; 2], &str) = ([64510, 64511], "192.0.0.8");

/// Each time that a peer came up, by router; `still` leaves out those that went down again.
pub fn ups(events: &[Value], still: bool) -> BTreeMap<Pair, Vec<Up>> {
    let names = routers(events);
    let mut ups = BTreeMap::<Pair, Vec<Up>>::new();
    for event in events {
        let pair = |event: &Value| (names[&port(event)], address(&event["peer_ip"]));
        if event["bmp_msg_type"] == "peer_up" {
            let (router, neighbour) = pair(event);
            assert_eq!(address(&event["local_ip"]), router, "{event}");
            let number = |field: &str| event[field].as_u64().unwrap();
            let (asn, id) = (number("peer_asn"), event["bgp_id"].as_str().unwrap());
            let own_id = neighbour.to_string();
            let stands_in = STAND_INS.0.contains(&asn) && [STAND_INS.1, &own_id].contains(&id);
            let open = (!stands_in).then(|| (asn, id.to_owned()));
            let up = (open, number("local_port"), number("remote_port"));
            ups.entry((router, neighbour)).or_default().push(up);
        } else if event["bmp_msg_type"] == "peer_down" && still {
            let list = ups.get_mut(&pair(event));
            list.and_then(Vec::pop).expect("a peer that was up");
        }
    }
    ups.retain(|_, list| !list.is_empty());
    ups
}

/// Type of a figure, with its family if it prints that, and the figure.
pub type Figure = (String, u64);

/// All that the last report of each peer that is up says, sorted.
pub fn figures(events: &[Value]) -> BTreeMap<Pair, Vec<Figure>> {
    let names = routers(events);
    let mut figures = BTreeMap::<Pair, Vec<Figure>>::new();
    for event in events {
        let Some(neighbour) = event["peer_ip"].as_str() else {
            continue;
        };
        let pair = (names[&port(event)], neighbour.parse().unwrap());
        match event["bmp_msg_type"].as_str() {
            Some("peer_down") => {
                figures.remove(&pair);
            }
            Some("stats") => {
                let number = |field: &str| event[field].as_u64();
                let kind = number("counter_type").unwrap();
                let list = figures.entry(pair).or_default();
                if kind == 1 {
                    // With that a report begins.
                    list.clear();
                }
                let name = match (number("afi"), number("safi")) {
                    (Some(afi), Some(safi)) => format!("{kind} {afi}/{safi}"),
                    _ => kind.to_string(),
                };
                list.push((name, number("counter_value").unwrap()));
            }
            _ => (),
        }
    }
    figures.values_mut().for_each(|list| list.sort());
    figures
}

/// The same of ours. It does not print the family of an Adj-RIB-Out (type 17), which is there by RFC 8671 §6.2.
pub fn of_ours(figures: Figures) -> Vec<Figure> {
    let figures = figures.into_iter().map(|(name, value)| {
        let plain = name.strip_prefix("17 ").map(|_| "17".to_owned());
        (plain.unwrap_or(name), value)
    });
    let mut figures: Vec<_> = figures.collect();
    figures.sort();
    figures
}

/// What its log says of the tables in the end, by router's name and neighbour. It has no next hop where an IPv4 route has
/// one of IPv6 (RFC 8950).
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
                    let next_hop = event["bgp_nexthop"].as_str();
                    let next_hop = next_hop.filter(|hop| !hop.is_empty());
                    let next_hop = next_hop.map(|hop| hop.parse().unwrap());
                    table.insert(key, (path.to_owned(), next_hop));
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
pub fn announced(events: &[Value]) -> BTreeSet<(Side, Key)> {
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
