//! A recording of the mirror port that goes on, and the tables that `read --rib-out` finds in it.

use crate::route::Route;
use crate::support::Scratch;
use crate::support::lab::{Lab, Table};
use crate::support::net::run;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

/// tcpdump on the mirror port.
pub(crate) struct Recording {
    tcpdump: Child,
    file: PathBuf,
    log: PathBuf,
}

/// A table of ours.
#[derive(Default)]
pub(crate) struct Rib {
    pub(crate) session: String,
    pub(crate) status: String,
    pub(crate) stale: u64,
    pub(crate) routes: Vec<Route>,
}

pub(crate) type Ours = BTreeMap<Table, Rib>;

/// What `read` makes of a recording.
pub(crate) struct Found {
    pub(crate) ours: Ours,
    /// By the events alone.
    pub(crate) wire: BTreeMap<Table, BTreeSet<String>>,
}

impl Recording {
    pub(crate) fn start(lab: &Lab, scratch: &Scratch) -> Self {
        let file = scratch.path("mirror.pcap");
        let log = scratch.path("tcpdump.log");
        // Before the routers, which would have it wait for the processor.
        let mut command = Command::new("nice");
        command.args([
            "-n",
            "-15",
            "ip",
            "netns",
            "exec",
            &lab.monitor(),
            "tcpdump",
            "-i",
            "mon0",
            "-n",
            "-U",
        ]);
        command
            .args(["-s", "0", "-B", "65536", "-Z", "root", "-w"])
            .arg(&file);
        command.stdin(Stdio::null());
        command.stderr(std::fs::File::create(&log).unwrap());
        let tcpdump = command.spawn().unwrap();
        let ready = || std::fs::read_to_string(&log).is_ok_and(|log| log.contains("listening on"));
        for _ in 0..1200 {
            if ready() {
                break;
            }
            sleep(Duration::from_millis(50));
        }
        assert!(ready(), "tcpdump does not start");
        Self { tcpdump, file, log }
    }

    /// The tables by now.
    pub(crate) fn found(&self, scratch: &Scratch) -> Found {
        let (now, out) = (scratch.path("now.pcap"), scratch.path("rib.json"));
        let events = scratch.path("events.json");
        std::fs::copy(&self.file, &now).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_bgptap"));
        command.arg("read").arg(&now).arg("--rib-out").arg(&out);
        command.arg("--json").arg(&events);
        // The last frame may be half written: that is told, and no matter.
        let output = command.output().unwrap();
        assert!(output.status.code() < Some(2), "{output:?}");
        let wire = crate::wire::tables(&events);
        let ours = tables(&out);
        Found { ours, wire }
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        let pid = self.tcpdump.id().to_string();
        run(Command::new("kill").args(["-s", "INT", &pid]));
        let _ = self.tcpdump.wait();
        if std::thread::panicking() {
            let log = std::fs::read_to_string(&self.log).unwrap_or_default();
            println!("tcpdump said: {log}");
        }
    }
}

/// The tables that `--rib-out` wrote.
fn tables(out: &Path) -> Ours {
    let mut ours = Ours::new();
    for line in std::fs::read_to_string(out).unwrap().lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let address = |name: &str| line[name].as_str().unwrap().parse().unwrap();
        let table = (
            address("peer"),
            address("local"),
            line["afi"].as_u64().unwrap(),
        );
        assert_eq!(line["safi"], 1);
        if line["type"] == "TABLE" {
            let rib = Rib {
                session: line["session"].as_str().unwrap().into(),
                status: line["status"].as_str().unwrap().into(),
                stale: line["stale"].as_u64().unwrap(),
                routes: Vec::new(),
            };
            // Sessions that are over have no tables.
            assert!(ours.insert(table, rib).is_none(), "{table:?} twice");
        } else {
            ours.get_mut(&table).unwrap().routes.push(route(&line));
        }
    }
    ours
}

fn route(line: &Value) -> Route {
    let attributes = &line["attributes"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut communities: Vec<String> = attributes["community"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|pair| format!("{}:{}", pair[0], pair[1]))
        .collect();
    communities.sort();
    let large = attributes["large_community"]
        .as_array()
        .into_iter()
        .flatten();
    let mut large: Vec<String> = large
        .map(|three| match three.as_str() {
            Some(text) => text.to_owned(),
            None => format!("{}:{}:{}", three[0], three[1], three[2]),
        })
        .collect();
    large.sort();
    let extended = attributes["ext_community"].as_array().into_iter().flatten();
    let mut extended: Vec<String> = extended.map(|one| text(&one["text"])).collect();
    extended.sort();
    Route {
        prefix: crate::support::lab::canonical(line["prefix"].as_str().unwrap()),
        origin: text(&attributes["origin"]).to_lowercase(),
        path: text(&attributes["path_text"]),
        // The first of two is the global one (RFC 2545 §3).
        next_hop: text(&attributes["next_hop"])
            .split(',')
            .next()
            .unwrap()
            .to_owned(),
        path_id: line["path_id"].as_u64(),
        med: attributes["med"].as_u64(),
        local_pref: attributes["local_pref"].as_u64(),
        aggregator: attributes["aggregator"].as_str().map(ToOwned::to_owned),
        atomic: Some(!attributes["atomic_aggregate"].is_null()),
        communities: Some(communities),
        large: Some(large),
        extended: Some(extended),
    }
}
