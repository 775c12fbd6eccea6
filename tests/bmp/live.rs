//! Stations that stall, die and come back while a capture goes on.

use super::conversation::{self, Conversation};
use super::station::{Messages, Station};
use super::support::Scratch;
use super::support::net::{Live, Net, TAP, allowed, run};
use super::view::View;
use std::collections::BTreeMap;
use std::net::SocketAddr;

/// The session's routes as a follower of 192.0.2.2's connection has them, if that has told of the session.
fn routes(messages: &Messages) -> Option<BTreeMap<String, String>> {
    let view = View::of(messages);
    let peer = view.peers.get(&"192.0.2.1".parse().unwrap())?;
    assert_eq!(view.name, "192.0.2.2");
    assert_eq!(view.refused, Vec::<String>::new());
    let routes: BTreeMap<_, _> = (peer.tables[0].iter())
        .map(|((prefix, _), (path, _))| (prefix.clone(), path.clone()))
        .collect();
    // Whether as it was said or from a table: with all that it was announced with.
    for ((prefix, _), attributes) in &peer.attributes[0] {
        let wanted = conversation::attributes(&routes[prefix]);
        assert_eq!(*attributes, wanted, "{prefix}");
    }
    Some(routes)
}

/// Whether any connection's follower knows exactly these routes.
fn has(connections: &[Messages], wanted: &BTreeMap<String, String>) -> bool {
    connections
        .iter()
        .any(|messages| routes(messages).as_ref() == Some(wanted))
}

fn updates(connections: &[Messages]) -> usize {
    connections
        .iter()
        .flatten()
        .filter(|message| message[5] == 0)
        .count()
}

/// A wire, a monitor on it, and what is said on the wire.
struct Scene {
    net: Net,
    scratch: Scratch,
    talk: Conversation,
    parts: u32,
}

const ROUTER: &str = "192.0.2.2";
/// Frames per second: slow enough for any machine.
const RATE: &str = "2000";

impl Scene {
    fn new() -> Self {
        let net = Net::new();
        // The kernel's own queues would hide a station that stalls for a while.
        net.shorten_queues();
        Self {
            net,
            scratch: Scratch::new("bmp-live"),
            talk: Conversation::new(),
            parts: 0,
        }
    }

    fn live(&self, station: SocketAddr) -> Live {
        let station = station.to_string();
        let more = ["--bmp", &station, "--bmp-queue", "1", "--router", ROUTER];
        Live::start(&self.net.mon, TAP, &self.scratch, &more)
    }

    fn station(&self) -> Station {
        Net::within(&self.net.mon, Station::start)
    }

    /// Sends what was added to the conversation.
    fn send(&mut self) {
        self.parts += 1;
        let file = self
            .scratch
            .write(&format!("part{}.pcap", self.parts), &self.talk.part());
        self.net.replay(&file, &["--rate", RATE]);
    }
}

/// The frames that `live` counts are all there are, and none was dropped.
pub fn assert_no_frame_lost(summary: &serde_json::Value) {
    let drops = summary["frames"]["drops"].as_object().unwrap();
    assert!(drops.values().all(|count| count == 0), "{summary}");
    assert_eq!(summary["unaccounted"]["frames"], 0, "{summary}");
    assert_eq!(summary["gaps"]["count"], 0, "{summary}");
}

/// A counter of the BMP output in `/metrics`.
fn dropped(net: &Net, reason: &str) -> u64 {
    dropped_by(net, "bmp", reason)
}

fn dropped_by(net: &Net, output: &str, reason: &str) -> u64 {
    let script = "import urllib.request as u; print(u.urlopen('http://127.0.0.1:9179/metrics').read().decode())";
    let page = run(&mut Net::python(&net.mon, script));
    let label = format!("bgptap_output_dropped_total{{output=\"{output}\",reason=\"{reason}\"}} ");
    let text = String::from_utf8(page.stdout).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(&label));
    line.unwrap_or_else(|| panic!("no {label}"))
        .parse()
        .unwrap()
}

/// A station that reads nothing for a while loses messages, which are counted, and ends with the right
/// tables all the same; the capture does not notice.
#[test]
fn a_station_that_stalls_is_brought_up_to_date() {
    if !allowed() {
        return;
    }
    let mut scene = Scene::new();
    let station = scene.station();
    let live = scene.live(station.address);
    station.wait_for("a connection", |all| all.len() == 1);
    (0..500).for_each(|number| scene.talk.announce(number, 1));
    scene.send();
    let first = scene.talk.updates;
    let came = station.wait_for("all as it was said", |all| updates(all) == first);
    assert!(has(&came, &scene.talk.routes));

    station.stall(true);
    // More than queues hold: 1 MiB, and what the kernel takes.
    (0..20_000).for_each(|number| scene.talk.announce(number, 2));
    (0..20_000)
        .step_by(2)
        .for_each(|number| scene.talk.withdraw(number));
    scene.send();
    let until = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while dropped(&scene.net, "queue_full") == 0 {
        assert!(std::time::Instant::now() < until, "nothing was dropped");
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    station.stall(false);
    let wanted = scene.talk.routes.clone();
    station.wait_for("the tables", |all| has(all, &wanted));

    // And from then on all is as before.
    (30_000..30_100).for_each(|number| scene.talk.announce(number, 3));
    scene.send();
    let wanted = scene.talk.routes.clone();
    station.wait_for("what came later", |all| has(all, &wanted));
    let summary = live.stop();
    let connections = station.finish();
    assert_eq!(connections.len(), 1, "the connection was kept");
    let view = View::of(&connections[0]);
    assert!(view.terminated);
    assert!(view.peer_ups >= 2, "{}", view.peer_ups);
    let peer = &view.peers[&"192.0.2.1".parse().unwrap()];
    assert!(peer.ends[0] >= 1, "the tables end with End-of-RIB");
    assert_eq!(peer.figures["9 1/1"], wanted.len() as u64);
    assert_no_frame_lost(&summary);
    assert_eq!(summary["messages"]["UPDATE"], scene.talk.updates);
}

/// A station that is killed and comes back is told of all sessions and tables anew.
#[test]
fn a_station_that_comes_back_gets_the_tables() {
    if !allowed() {
        return;
    }
    let mut scene = Scene::new();
    let station = scene.station();
    let (address, live) = (station.address, scene.live(station.address));
    (0..500).for_each(|number| scene.talk.announce(number, 1));
    scene.send();
    let wanted = scene.talk.routes.clone();
    station.wait_for("the first routes", |all| has(all, &wanted));
    station.kill();

    (0..3000).for_each(|number| scene.talk.announce(number, 2));
    (0..1000).for_each(|number| scene.talk.withdraw(number));
    scene.send();
    let station = Net::within(&scene.net.mon, || Station::start_at(address));
    let wanted = scene.talk.routes.clone();
    let came = station.wait_for("the tables", |all| has(all, &wanted));
    // All that it was told was made of the tables: one UPDATE may hold many of their routes.
    assert!(updates(&came) < wanted.len(), "{}", updates(&came));

    scene.talk.withdraw(1500);
    scene.send();
    let wanted = scene.talk.routes.clone();
    station.wait_for("what came later", |all| has(all, &wanted));
    let summary = live.stop();
    let connections = station.finish();
    let view = View::of(&connections[0]);
    let peer = &view.peers[&"192.0.2.1".parse().unwrap()];
    assert_eq!((view.peer_ups, peer.ends[0]), (1, 1));
    assert_eq!(peer.figures["9 1/1"], wanted.len() as u64);
    assert_no_frame_lost(&summary);
}

/// Whoever follows one router by way of Kafka ends with its routes, though records in between were lost.
#[cfg(feature = "kafka")]
#[test]
fn who_follows_openbmp_has_the_tables_after_a_loss() {
    use super::pmacct;
    use super::support::have;
    use bgpkit_parser::parser::bmp::parse_openbmp_header;
    use std::process::Command;
    if !allowed() || !have("kcat") {
        return;
    }
    let mut scene = Scene::new();
    let broker = super::support::broker::Broker::start_within(&scene.net.mon);
    let more = [
        "--kafka",
        &broker.address,
        "--output-queue",
        "1",
        "--router",
        ROUTER,
    ];
    let live = Live::start(&scene.net.mon, TAP, &scene.scratch, &more);
    let told = || -> Messages {
        let records = broker.records("openbmp.bmp_raw").into_iter();
        let messages = records.map(|(_, payload)| {
            let mut bytes = bytes::Bytes::from(payload);
            parse_openbmp_header(&mut bytes).unwrap();
            bytes.to_vec()
        });
        messages.collect()
    };
    (0..500).for_each(|number| scene.talk.announce(number, 1));
    scene.send();
    let wanted = scene.talk.routes.clone();
    pmacct::wait("the first routes", || has(&[told()], &wanted));

    // The way to the broker is cut: far more comes than all queues hold.
    let link = |state: &str| {
        let mut ip = Command::new("ip");
        run(ip.args(["-n", &scene.net.mon, "link", "set", "lo", state]));
    };
    link("down");
    let mut part = Conversation::default();
    std::mem::swap(&mut part, &mut scene.talk);
    (0..60_000).for_each(|number| part.announce(number % 20_000, 2 + (number / 20_000) as u16));
    (0..20_000)
        .step_by(2)
        .for_each(|number| part.withdraw(number));
    let file = scene.scratch.write("lost.pcap", &part.part());
    scene.net.replay(&file, &["--rate", RATE]);
    link("up");
    scene.talk = part;
    let wanted = scene.talk.routes.clone();
    pmacct::wait("the tables", || has(&[told()], &wanted));
    assert!(
        dropped_by(&scene.net, "kafka", "queue_full") > 0,
        "nothing was lost"
    );

    (30_000..30_100).for_each(|number| scene.talk.announce(number, 3));
    scene.send();
    let wanted = scene.talk.routes.clone();
    pmacct::wait("what came later", || has(&[told()], &wanted));
    let log = scene.scratch.path("live.log");
    let summary = live.stop();
    assert_no_frame_lost(&summary);
    let log = std::fs::read_to_string(log).unwrap();
    assert!(
        log.contains("dropped as the queue was full, 0 not delivered"),
        "{log}"
    );
    let view = View::of(&told());
    assert!(view.terminated && view.peer_ups >= 2, "{}", view.peer_ups);
}

/// On SIGHUP a station gets other routes, by the same connection, and another one comes into it.
#[test]
fn filters_and_stations_change_on_sighup() {
    if !allowed() {
        return;
    }
    let mut scene = Scene::new();
    let first = scene.station();
    // Another address, and the port that may be connected to.
    let mut other: SocketAddr = first.address;
    other.set_ip([127, 0, 0, 2].into());
    let second = Net::within(&scene.net.mon, || Station::start_at(other));
    let config = scene.scratch.path("bgptap.toml");
    let write = |stations: &[SocketAddr], more: &str| {
        let stations: Vec<_> = stations.iter().map(|at| format!("'{at}'")).collect();
        let text = format!(
            "bmp = [{}]\nrouter = '{ROUTER}'\n{more}\n",
            stations.join(", ")
        );
        std::fs::write(&config, text).unwrap();
    };
    write(&[first.address], "");
    let more = ["--config", config.to_str().unwrap()];
    let live = Live::start(&scene.net.mon, TAP, &scene.scratch, &more);
    (0..200).for_each(|number| scene.talk.announce(number, 1));
    (200..300).for_each(|number| scene.talk.announce(number, 2));
    scene.send();
    let all = scene.talk.routes.clone();
    first.wait_for("all routes", |came| has(came, &all));

    write(&[first.address, other], "bmp-filter = 'origin-as 2'");
    live.signal("HUP");
    let mut some = all.clone();
    some.retain(|_, path| path.ends_with(" 2"));
    first.wait_for("those that are selected", |came| has(came, &some));
    second.wait_for("the same", |came| has(came, &some));

    write(&[other], "");
    live.signal("HUP");
    second.wait_for("all routes", |came| has(came, &all));
    write(&[other, ([127, 0, 0, 3], 9).into()], "");
    live.signal("HUP");
    let until = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while !live.log().contains("the right to connect") {
        assert!(std::time::Instant::now() < until, "{}", live.log());
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    scene.talk.withdraw(7);
    scene.send();
    let all = scene.talk.routes.clone();
    second.wait_for("what came later", |came| has(came, &all));
    let summary = live.stop();
    let connections = first.finish();
    assert_eq!(connections.len(), 1, "by the same connection");
    assert!(View::of(&connections[0]).terminated, "it is wanted no more");
    assert_eq!(second.finish().len(), 1);
    assert_no_frame_lost(&summary);
}
