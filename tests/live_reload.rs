//! SIGHUP while frames come: filters and outputs change, and no frame, no event is lost.
#![cfg(feature = "capture")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;
#[cfg(feature = "kafka")]
#[allow(dead_code, unreachable_pub, reason = "a part of it serves here")]
#[path = "bmp/view.rs"]
mod view;

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};
use support::Scratch;
use support::net::{Live, Net, TAP, allowed};
use support::synth::Synth;

const FRAMES: u32 = 200_000;

/// Session and number of each UPDATE in a file of JSON lines.
fn updates(file: &Path) -> Vec<(String, u64)> {
    let text = std::fs::read_to_string(file).unwrap();
    updates_of(text.lines().map(str::as_bytes))
}

/// The same of lines.
fn updates_of<'a>(lines: impl Iterator<Item = &'a [u8]>) -> Vec<(String, u64)> {
    let events = lines.map(|line| serde_json::from_slice::<serde_json::Value>(line).unwrap());
    let updates = events.filter(|event| event["type"] == "UPDATE");
    updates
        .map(|event| {
            (
                event["session"].as_str().unwrap().to_owned(),
                event["seq"].as_u64().unwrap(),
            )
        })
        .collect()
}

/// A capture of so many UPDATEs of four sessions.
fn synth(file: &Path, frames: u32) {
    let shape = Synth {
        frames,
        sessions: 4,
        gap_ns: 10_000,
    };
    let mut target = std::io::BufWriter::new(std::fs::File::create(file).unwrap());
    shape.write(&mut target).unwrap();
}

/// UPDATEs in an archive: BGP4MP_ET (17) messages of type 2 (RFC 6396 §3, §4.4.2, §4.4.3).
fn archived_updates(file: &Path) -> usize {
    let bytes = std::fs::read(file).unwrap();
    let (mut rest, mut updates) = (bytes.as_slice(), 0);
    while let Some((head, behind)) = rest.split_at_checked(12) {
        assert_eq!(head[4..6], [0, 17]);
        let length = u32::from_be_bytes(head[8..].try_into().unwrap());
        let (body, next) = behind.split_at(length as usize);
        // The message is the end of the record: its marker, length and type come first.
        let marker = body.windows(16).position(|octets| octets == [0xff; 16]);
        updates += usize::from(marker.is_some_and(|at| body[at + 18] == 2));
        rest = next;
    }
    assert!(rest.is_empty(), "whole records");
    updates
}

#[test]
fn outputs_change_without_losing_a_frame() {
    if !allowed() {
        return;
    }
    let (net, scratch) = (Net::new(), Scratch::new("reload"));
    let file = scratch.path("frames.pcap");
    synth(&file, FRAMES);
    let (config, first, second) = (
        scratch.path("bgptap.toml"),
        scratch.path("first.json"),
        scratch.path("second.json"),
    );
    let open = |path: &Path, more: &str| format!("json = '{}'\n{more}", path.display());
    // What may be written to later is in the same folder.
    let (beside, mrt) = (scratch.path("beside.json"), scratch.path("beside.mrt"));
    let evidence = scratch.path("evidence");
    let with_others = format!(
        "ring = 64\nmrt = '{}'\nevidence = '{}'",
        mrt.display(),
        evidence.display()
    );
    std::fs::write(&config, open(&first, "")).unwrap();
    let live = Live::start(
        &net.mon,
        TAP,
        &scratch,
        &["--config", config.to_str().unwrap()],
    );
    let replayed = std::thread::scope(|scope| {
        // Ten seconds, of which a fraction is needed.
        let replay = scope.spawn(|| net.replay(&file, &["--rate", "20000"]));
        let pause = || std::thread::sleep(Duration::from_millis(700));
        pause();
        live.reload(&config, &open(&first, "filter = 'not type update'"), 1);
        pause();
        live.reload(&config, &open(&first, "filter = 'not typ update'"), 2);
        assert!(
            live.log().contains("refused, all stays as it was"),
            "{}",
            live.log()
        );
        assert!(live.log().contains("perhaps `type`"), "{}", live.log());
        pause();
        live.reload(&config, &open(&second, &with_others), 3);
        assert!(
            live.log()
                .contains("a restart is needed for what changed of ring"),
            "{}",
            live.log()
        );
        pause();
        live.reload(&config, &open(&scratch.path("third.json"), ""), 4);
        std::fs::rename(&second, &beside).unwrap();
        // Many in a row, each with another file or filter.
        for round in 5..25 {
            let path = if round % 2 == 0 {
                &second
            } else {
                &scratch.path("third.json")
            };
            live.reload(
                &config,
                &open(path, &format!("filter = 'not session {round:016x}'")),
                round,
            );
            std::fs::rename(path, scratch.path(&format!("kept-{round}.json"))).unwrap();
        }
        live.reload(&config, &open(&second, ""), 25);
        replay.join().unwrap()
    });
    std::thread::sleep(Duration::from_millis(300));
    let log = scratch.path("live.log");
    let summary = live.stop();
    let log = std::fs::read_to_string(log).unwrap();
    assert_eq!(
        summary["messages"]["UPDATE"], FRAMES,
        "{replayed}\n{summary}"
    );
    assert_eq!(
        summary["frames"]["seen"], summary["frames"]["received"],
        "{summary}"
    );
    assert_eq!(summary["unaccounted"]["frames"], 0, "{summary}");
    assert_eq!(summary["unaccounted"]["bytes"], 0, "{summary}");
    let left_out = log
        .lines()
        .find_map(|line| line.strip_prefix("bgptap: filters left out "));
    let left_out: usize = left_out
        .expect(&log)
        .split(' ')
        .next()
        .unwrap()
        .parse()
        .unwrap();
    let mut told = updates(&first);
    let early = told.len();
    // The archive began and ended with a file of lines, and has the same UPDATEs.
    let others = updates(&beside);
    let archived = archived_updates(&mrt);
    println!("{} UPDATEs in lines and archive", others.len());
    assert!(!others.is_empty());
    assert_eq!(archived, others.len());
    assert!(
        std::fs::read_dir(&evidence).unwrap().next().is_none(),
        "nothing went wrong"
    );
    told.extend(others);
    for round in 5..25 {
        let kept = scratch.path(&format!("kept-{round}.json"));
        told.extend(updates(&kept));
    }
    told.extend(updates(&second));
    println!(
        "{early} UPDATEs before the filter, {left_out} left out, {} in all",
        told.len()
    );
    assert!(
        early > 0 && left_out > 0 && told.len() > early,
        "each phase saw some"
    );
    assert_eq!(told.len() + left_out, FRAMES as usize, "{log}");
    let once: BTreeSet<_> = told.iter().collect();
    assert_eq!(once.len(), told.len(), "no event was told twice");
}

/// A configuration that is refused for the last of its outputs has made none of the others.
#[test]
fn what_is_refused_leaves_no_trace() {
    if !allowed() {
        return;
    }
    let (net, scratch) = (Net::new(), Scratch::new("reload-refused"));
    let folder = scratch.path("out");
    std::fs::create_dir(&folder).unwrap();
    let [first, old] = ["first.json", "old.json"].map(|name| folder.join(name));
    let config = scratch.path("bgptap.toml");
    let json = |path: &Path| format!("json = '{}'\n", path.display());
    std::fs::write(&config, json(&first)).unwrap();
    std::fs::write(&old, "an earlier run\n").unwrap();
    let at = config.to_str().unwrap();
    let live = Live::start(&net.mon, TAP, &scratch, &["--config", at]);
    let names = || {
        let entries = std::fs::read_dir(&folder).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.collect::<BTreeSet<_>>()
    };
    let before = names();
    // No station could be connected to; and a folder is no file.
    let others = format!(
        "mrt = '{0}/a.%H.mrt'\nevidence = '{0}/evidence'\n",
        folder.display()
    );
    let station = "bmp = '127.0.0.1:9'\n".to_owned();
    let snapshots = format!("mrt-rib = '{}'\n", folder.join("none/a").display());
    let mut count = 0;
    for refused in [station, snapshots] {
        for name in ["old.json", "new.json"] {
            count += 1;
            let json = json(&folder.join(name));
            let text = [&json, &others, &refused].map(String::as_str);
            live.reload(&config, &text.concat(), count);
            let log = live.log();
            assert_eq!(log.matches("refused, all stays").count(), count, "{log}");
            assert_eq!(names(), before, "{log}");
            let old = std::fs::read_to_string(&old).unwrap();
            assert_eq!(old, "an earlier run\n");
        }
    }
    live.reload(&config, &json(&old), count + 1);
    live.stop();
    assert!(!std::fs::read_to_string(&old).unwrap().contains("earlier"));
}

/// A disk of a few kilobytes; gone when dropped.
#[cfg(feature = "kafka")]
struct TinyDisk(std::path::PathBuf);

#[cfg(feature = "kafka")]
impl TinyDisk {
    fn mount(scratch: &Scratch) -> Self {
        let folder = scratch.path("tiny");
        std::fs::create_dir(&folder).unwrap();
        let mut mount = std::process::Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=64k", "none"]);
        support::net::run(mount.arg(&folder));
        Self(folder)
    }
}

#[cfg(feature = "kafka")]
impl Drop for TinyDisk {
    fn drop(&mut self) {
        let mut umount = std::process::Command::new("umount");
        let _ = umount.arg("-l").arg(&self.0).status();
    }
}

/// After set-up the network is closed but for the ports of the start: a station at another one is refused with what to do,
/// and all stays as it was.
#[test]
fn a_station_at_another_port_is_refused() {
    if !allowed() {
        return;
    }
    let (net, scratch) = (Net::new(), Scratch::new("reload"));
    let config = scratch.path("bgptap.toml");
    let station = |address: &str| format!("bmp = '{address}'\n");
    std::fs::write(&config, station("127.0.0.1:11019")).unwrap();
    let arguments = ["--config", config.to_str().unwrap()];
    let live = Live::start(&net.mon, TAP, &scratch, &arguments);
    live.reload(&config, &station("127.0.0.1:11020"), 1);
    let log = live.log();
    for part in [
        "refused, all stays as it was",
        "--bmp 127.0.0.1:11020: the right to connect to ports other than those of the start was given up",
        "try: use the port of a station that was there at the start, or start it anew",
    ] {
        assert!(log.contains(part), "no {part:?} in: {log}");
    }
    // At the same port another one is taken.
    live.reload(&config, &station("127.0.0.2:11019"), 2);
    assert_eq!(live.log().matches("refused").count(), 1, "{}", live.log());
    live.stop();
}

/// What there was of an output before a reload is one with what there is now.
#[cfg(feature = "kafka")]
fn no_series_comes_twice(net: &Net) {
    let script = "import urllib.request as u; print(u.urlopen('http://127.0.0.1:9179/metrics').read().decode())";
    let page = support::net::run(&mut Net::python(&net.mon, script)).stdout;
    let page = String::from_utf8(page).unwrap();
    let lines = page
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    let (mut seen, mut kafka) = (BTreeSet::new(), 0);
    for line in lines {
        let (series, _) = line.rsplit_once(' ').unwrap();
        assert!(seen.insert(series), "{series} comes twice");
        kafka += usize::from(series.contains("output=\"kafka\""));
    }
    assert!(kafka > 3, "lines and BMP have their reasons");
}

/// Kafka goes from one topic to another and then from lines to BMP, snapshots come and go, and an archive goes whose
/// disk was full: each event is told once, consumers of BMP end with all routes, and what was lost stays counted.
#[cfg(feature = "kafka")]
#[test]
fn kafka_and_snapshots_come_and_go() {
    use bgpkit_parser::parser::bmp::parse_openbmp_header;
    use std::collections::BTreeMap;
    const UPDATES: u32 = 20_000;

    if !allowed() || !support::have("kcat") {
        return;
    }
    let (net, scratch) = (Net::new(), Scratch::new("reload-kafka"));
    let (broker, tiny) = (
        support::broker::Broker::start_within(&net.mon),
        TinyDisk::mount(&scratch),
    );
    let [file, config, json, rib] =
        ["frames.pcap", "bgptap.toml", "events.json", "rib.mrt"].map(|name| scratch.path(name));
    synth(&file, UPDATES);
    let kafka = format!("kafka = '{}'\n", broker.address);
    let lines = |topic: &str| format!("{kafka}kafka-format = 'json'\nkafka-topic = '{topic}'\n");
    let archive = tiny.0.join("updates.mrt");
    let first = format!("{}mrt = '{}'\n", lines("first"), archive.display());
    let snapshots = format!("mrt-rib = '{}'\nmrt-rib-interval = '1s'\n", rib.display());
    std::fs::write(&config, &first).unwrap();
    let at = config.to_str().unwrap();
    let live = Live::start(&net.mon, TAP, &scratch, &["--config", at]);
    std::thread::scope(|scope| {
        // Ten seconds, of which a part is needed.
        let replay = scope.spawn(|| net.replay(&file, &["--rate", "2000"]));
        std::thread::sleep(Duration::from_secs(2));
        live.reload(&config, &(lines("second") + &snapshots), 1);
        let started = Instant::now();
        while !rib.exists() {
            assert!(started.elapsed() < Duration::from_secs(60), "no snapshot");
            std::thread::sleep(Duration::from_millis(50));
        }
        let last = format!("{kafka}json = '{}'\n", json.display());
        live.reload(&config, &last, 2);
        assert!(!replay.is_finished(), "something is left to be told");
        replay.join().unwrap();
    });
    no_series_comes_twice(&net);
    let log = scratch.path("live.log");
    let summary = live.stop_with(1);
    let log = std::fs::read_to_string(log).unwrap();
    assert!(!log.contains("refused"), "{log}");
    assert_eq!(summary["messages"]["UPDATE"], UPDATES, "{summary}");
    assert_eq!(summary["unaccounted"]["frames"], 0, "{summary}");

    // Each UPDATE was told once, by one of three.
    let topics = ["first", "second"].map(|topic| broker.records(topic));
    let [one, other] = topics.map(|records| {
        let lines = records.iter().map(|(_, payload)| payload.as_slice());
        updates_of(lines)
    });
    let rest = updates(&json);
    println!("{}, {} and {} UPDATEs", one.len(), other.len(), rest.len());
    let parts = [&one, &other, &rest];
    assert!(parts.iter().all(|part| !part.is_empty()));
    let once: BTreeSet<_> = parts.into_iter().flatten().collect();
    assert_eq!(once.len(), one.len() + other.len() + rest.len());
    assert_eq!(once.len(), UPDATES as usize);

    // The archive had the time of the first topic. What it lost is told at the end, long after it has gone.
    let lost = log
        .lines()
        .find_map(|line| line.strip_prefix("bgptap: writing mrt failed before: events lost: "));
    let lost: usize = lost.expect(&log).parse().unwrap();
    let archived: usize = std::fs::read_dir(&tiny.0)
        .unwrap()
        .map(|entry| archived_updates(&entry.unwrap().path()))
        .sum();
    // Changes of state are records, too: the first of each session.
    assert!(
        (one.len()..=one.len() + 8).contains(&(archived + lost)),
        "{archived}, {lost}"
    );

    // The snapshot is whole; whoever follows BMP from the third phase on has all routes.
    let parser = bgpkit_parser::BgpkitParser::from_reader(std::fs::File::open(&rib).unwrap());
    let routes = parser.into_elem_iter().count();
    assert!((1..=UPDATES as usize).contains(&routes), "{routes}");
    let mut routers = BTreeMap::<_, Vec<Vec<u8>>>::new();
    for (_, payload) in broker.records("openbmp.bmp_raw") {
        let mut bytes = bytes::Bytes::from(payload);
        let header = parse_openbmp_header(&mut bytes).unwrap();
        routers
            .entry(header.router_ip)
            .or_default()
            .push(bytes.to_vec());
    }
    let views = routers.values().map(|messages| view::View::of(messages));
    let peers: Vec<_> = views.flat_map(|view| view.peers.into_values()).collect();
    for table in [0, 1] {
        let routes: usize = peers.iter().map(|peer| peer.tables[table].len()).sum();
        assert_eq!(routes, UPDATES as usize, "table {table}");
    }
}
