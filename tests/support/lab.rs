//! `scripts/lab`, for a test.
#![allow(unreachable_pub, reason = "a module of each test that names it")]
#![allow(dead_code, reason = "each test needs a part")]

use super::net::run;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// How long routers may take to tell all that they have to, on a slow machine.
const PATIENCE: Duration = Duration::from_secs(180);

/// A lab of this test's own; taken down when dropped.
pub struct Lab {
    pub id: String,
    prefixes: Option<u32>,
}

impl Lab {
    /// The network, with routers that wait for `go`; a table of another size than usual if it is given.
    pub fn up(prefixes: Option<u32>) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        // Tests of one process may each have one.
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let lab = Self {
            id: format!("t{}n{number}", std::process::id()),
            prefixes,
        };
        lab.script(&["up", "--hold"]);
        lab
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/lab"));
        command.args(args).env("LAB_ID", &self.id);
        if let Some(prefixes) = self.prefixes {
            command.env("LAB_PREFIXES", prefixes.to_string());
        }
        command
    }

    /// Runs `scripts/lab ARGS`.
    pub fn script(&self, args: &[&str]) -> Output {
        run(&mut self.command(args))
    }

    /// Runs a shell command in a router's namespace; what it printed. `$RUN` is the lab's folder.
    pub fn shell(&self, router: &str, script: &str) -> String {
        let mut command = self.command(&["exec", router, "bash", "-c", script]);
        let output = run(command.env("RUN", format!("/run/bgptap-lab/{}", self.id)));
        String::from_utf8(output.stdout).unwrap()
    }

    /// The monitor's namespace.
    pub fn monitor(&self) -> String {
        format!("bgptap-{}-mon", self.id)
    }
}

impl Lab {
    /// How the routers' sessions and the mirror fare, for a person who wants to know what went wrong.
    pub fn status(&self) -> String {
        let output = self.command(&["status"]).output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        String::from_utf8_lossy(&text).into_owned()
    }
}

/// What `compare` finds once it finds nothing amiss: routers that have told all are told from ones that
/// have yet to by nothing else.
///
/// # Panics
/// With what was amiss last, if that takes too long.
pub fn settled<T>(mut compare: impl FnMut() -> Result<T, String>) -> T {
    let started = Instant::now();
    loop {
        match compare() {
            Ok(found) => return found,
            Err(amiss) => {
                assert!(started.elapsed() < PATIENCE, "{amiss}");
                println!("not yet: {amiss}");
            }
        }
        sleep(Duration::from_secs(1));
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("{}", self.status());
        }
        let _ = self.command(&["down"]).output();
    }
}

/// Whether the routers are installed; says so if not.
pub fn installed() -> bool {
    for router in ["/usr/sbin/bird", "/usr/lib/frr/bgpd", "/usr/bin/gobgpd"] {
        if !Path::new(router).exists() {
            super::skip::skip(&format!("{router} is missing: scripts/setup --lab"));
            return false;
        }
    }
    true
}

/// Sender, receiver, AFI.
pub type Table = (IpAddr, IpAddr, u64);

/// A line of index.tsv: the table that a router tells.
pub struct Told {
    pub table: Table,
    pub said: String,
    pub file: PathBuf,
}

/// What `scripts/lab tables` wrote.
pub fn told(folder: &Path) -> Vec<Told> {
    let index = std::fs::read_to_string(folder.join("index.tsv")).unwrap();
    let rows = index
        .lines()
        .skip(1)
        .map(|line| line.split('\t').collect::<Vec<_>>());
    rows.map(|row| Told {
        table: (
            row[0].parse().unwrap(),
            row[1].parse().unwrap(),
            if row[2] == "ipv4" { 1 } else { 2 },
        ),
        said: row[4].into(),
        file: folder.join(row[6]),
    })
    .collect()
}

/// Addresses as everybody writes them.
pub fn canonical(prefix: &str) -> String {
    let (address, length) = prefix.trim().split_once('/').unwrap();
    format!("{}/{length}", address.parse::<IpAddr>().unwrap())
}
