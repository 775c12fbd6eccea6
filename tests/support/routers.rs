//! A session between BIRD and FRR over the veth of [`Net`]: what each of them says about it.

use super::net::{Net, run};
use super::{Scratch, skip};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// FRR is in the monitor's namespace, BIRD at the other end.
pub const FRR: &str = "192.0.2.1";
pub const BIRD: &str = "192.0.2.2";

/// Messages of one direction by type, named as in events.
pub type Messages = BTreeMap<&'static str, u64>;

/// Types as FRR's statistics begin their names, and as events name them.
const TYPES: [(&str, &str); 5] = [
    ("opens", "OPEN"),
    ("updates", "UPDATE"),
    ("keepalives", "KEEPALIVE"),
    ("notifications", "NOTIFICATION"),
    ("routeRefresh", "ROUTE_REFRESH"),
];

/// Both routers with one session; they end when this is dropped.
pub struct Routers<'n> {
    net: &'n Net,
    folder: PathBuf,
    running: Vec<Child>,
}

/// Whether both are installed; says so if not.
pub fn installed() -> bool {
    let missing = ["/usr/sbin/bird", "/usr/lib/frr/bgpd"]
        .into_iter()
        .find(|router| !Path::new(router).exists());
    if let Some(router) = missing {
        skip::skip(&format!("{router} is missing: scripts/setup --lab"));
    }
    missing.is_none()
}

impl<'n> Routers<'n> {
    /// Starts both; BIRD has a table of so many prefixes for FRR.
    pub fn start(net: &'n Net, scratch: &Scratch, prefixes: u32) -> Self {
        net.add_addresses(FRR, BIRD);
        let mut routers = Self {
            net,
            folder: scratch.path("routers"),
            running: Vec::new(),
        };
        // FRR gives up its rights and must find its folder its own.
        fs::create_dir(&routers.folder).unwrap();
        run(Command::new("chown").arg("frr:frr").arg(&routers.folder));
        routers.configure(prefixes);
        let path = |name: &str| routers.folder.join(name).display().to_string();
        let bird = [
            "bird",
            "-f",
            "-c",
            &path("bird.conf"),
            "-s",
            &path("bird.ctl"),
        ];
        let frr = [
            "/usr/lib/frr/bgpd",
            "-Z", // no zebra
            "-n", // no routes for the kernel
            "-f",
            &path("bgpd.conf"),
            "--vty_socket",
            &path(""),
            "-i",
            &path("bgpd.pid"),
        ];
        for (space, command) in [(&net.mon, &frr[..]), (&net.wire, &bird[..])] {
            routers.running.push(daemon(space, command));
        }
        routers
    }

    fn configure(&self, prefixes: u32) {
        let feed = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/lab.d/feed");
        let table = run(Command::new(feed).args(["4", &prefixes.to_string()]));
        fs::write(self.folder.join("table4.conf"), table.stdout).unwrap();
        let folder = self.folder.display();
        let bird = format!(
            r#"log "{folder}/bird.log" all;
router id {BIRD};
mrtdump "{folder}/bird.mrt";
mrtdump protocols {{ messages }};
protocol device {{}}
protocol static table4 {{
  ipv4;
  include "{folder}/table4.conf";
}}
protocol bgp frr {{
  local {BIRD} as 65001;
  neighbor {FRR} as 65002;
  hold time 3600;
  connect delay time 1;
  connect retry time 2;
  # FRR sends back what it was sent; with BIRD's own AS in the path it would count as withdrawn.
  allow local as 1;
  ipv4 {{ import all; export all; }};
}}
"#
        );
        fs::write(self.folder.join("bird.conf"), bird).unwrap();
        let frr = format!(
            "hostname frr
log file {folder}/bgpd.log
router bgp 65002
 bgp router-id {FRR}
 no bgp ebgp-requires-policy
 no bgp network import-check
 timers bgp 1200 3600
 neighbor {BIRD} remote-as 65001
 neighbor {BIRD} passive
 neighbor {BIRD} advertisement-interval 0
 address-family ipv4 unicast
  network 198.51.100.64/26
 exit-address-family
"
        );
        fs::write(self.folder.join("bgpd.conf"), frr).unwrap();
    }

    /// What `birdc` answers.
    pub fn birdc(&self, question: &str) -> String {
        let mut command = Command::new("birdc");
        command.arg("-s").arg(self.folder.join("bird.ctl"));
        let output = command.args(question.split(' ')).output().unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// What FRR says about its neighbour.
    pub fn frr(&self) -> Value {
        let mut command = Command::new("vtysh");
        command.arg("--vty_socket").arg(&self.folder);
        let output = command
            .args(["-c", "show bgp neighbors json"])
            .output()
            .unwrap();
        let all: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        all[BIRD].clone()
    }

    /// Waits until FRR has so many prefixes and no message has come or gone for a while: the
    /// next KEEPALIVE is far away.
    pub fn settle(&self, prefixes: u32) {
        let started = Instant::now();
        let mut before = None;
        loop {
            let frr = self.frr();
            let accepted = &frr["addressFamilyInfo"]["ipv4Unicast"]["acceptedPrefixCounter"];
            let now = (accepted.as_u64().unwrap_or(0), frr["messageStats"].clone());
            if now.0 == u64::from(prefixes) && before.as_ref() == Some(&now) {
                return;
            }
            assert!(
                started.elapsed() < Duration::from_secs(60),
                "{} of {prefixes} prefixes: {}\n{frr}",
                now.0,
                self.birdc("show protocols all frr")
            );
            before = Some(now);
            sleep(Duration::from_millis(500));
        }
    }

    /// The messages that FRR has sent and received since it was started.
    pub fn frr_counts(&self) -> (Messages, Messages) {
        let stats = &self.frr()["messageStats"];
        let of = |direction: &str| {
            let counts = TYPES.iter().map(|(prefix, name)| {
                (
                    *name,
                    stats[format!("{prefix}{direction}")].as_u64().unwrap(),
                )
            });
            counts.filter(|(_, count)| *count > 0).collect()
        };
        (of("Sent"), of("Recv"))
    }

    /// The messages that BIRD has received since it was started, from its dump (RFC 6396 §4.4).
    pub fn bird_counts(&self) -> Messages {
        let dump = fs::read(self.folder.join("bird.mrt")).unwrap();
        let mut counts = Messages::new();
        let mut rest = dump.as_slice();
        while let Some((header, body)) = rest.split_first_chunk::<12>() {
            let length = u32::from_be_bytes([header[8], header[9], header[10], header[11]]);
            let (record, next) = body.split_at(length as usize);
            rest = next;
            // Marker and length, and the type behind them, wherever the addresses end.
            let at = record.windows(16).position(|window| window == [0xff; 16]);
            let number = record[at.unwrap() + 18];
            let name = [
                "OPEN",
                "UPDATE",
                "NOTIFICATION",
                "KEEPALIVE",
                "ROUTE_REFRESH",
            ];
            *counts.entry(name[usize::from(number) - 1]).or_default() += 1;
        }
        counts
    }

    /// Prefixes that BIRD has received from FRR and sent to it since it was started: announced and
    /// withdrawn, as its statistics have them.
    pub fn bird_prefixes(&self) -> [(u64, u64); 2] {
        let answer = self.birdc("show protocols all frr");
        // Columns: received, rejected, filtered, ignored, accepted.
        let column = |row: &str, number: usize| -> u64 {
            let line = answer
                .lines()
                .find_map(|line| line.trim().strip_prefix(row));
            let figures: Vec<&str> = line.unwrap().split_whitespace().collect();
            figures[number].parse().unwrap_or(0)
        };
        let import = |row| column(row, 0);
        let export = |row| column(row, 4);
        [
            (import("Import updates:"), import("Import withdraws:")),
            (export("Export updates:"), export("Export withdraws:")),
        ]
    }

    /// That the session is the one that was established first.
    pub fn assert_never_reset(&self) {
        let frr = self.frr();
        assert_eq!(frr["bgpState"], "Established", "{frr}");
        assert_eq!(frr["connectionsEstablished"], 1, "{frr}");
        assert_eq!(frr["connectionsDropped"], 0, "{frr}");
        let bird = self.birdc("show protocols all frr");
        assert!(bird.contains("Established"), "{bird}");
    }
}

impl Drop for Routers<'_> {
    fn drop(&mut self) {
        for router in &mut self.running {
            let _ = router.kill();
            let _ = router.wait();
        }
    }
}

fn daemon(space: &str, command: &[&str]) -> Child {
    let mut start = Command::new("ip");
    start.args(["netns", "exec", space]).args(command);
    start
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    start.spawn().unwrap()
}
