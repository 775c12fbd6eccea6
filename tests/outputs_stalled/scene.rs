//! A mirror and all that is told of it, in namespaces, with a disk of its own.

use super::consumers::metrics;
use super::disk::Disk;
use super::kept::snapshot;
use super::station::{Messages, Station};
use super::support::Scratch;
use super::support::broker::Broker;
use super::support::net::{Live, Net, TAP};
use super::{HALF, HTTP, MRT, PREFIXES, ROUTER, TOPIC, Wire, dropped};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// A folder in memory, which never stalls; removed when dropped.
struct Memory(PathBuf);

impl Memory {
    fn new() -> Self {
        let path = format!("/dev/shm/bgptap-stalled-{}", std::process::id());
        std::fs::create_dir_all(&path).unwrap();
        Self(path.into())
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Everything that is at work.
pub struct Scene {
    pub net: Net,
    pub scratch: Scratch,
    memory: Memory,
    pub disk: Disk,
    pub broker: Broker,
    pub wire: Wire,
}

impl Scene {
    pub fn new() -> Self {
        let net = Net::new();
        // The kernel's own queues would hide a station that stalls for a while.
        net.shorten_queues();
        let scratch = Scratch::new("stalled");
        Self {
            disk: Disk::mount(&scratch, 128),
            broker: Broker::start_within(&net.mon),
            memory: Memory::new(),
            wire: Wire::new(),
            net,
            scratch,
        }
    }

    pub fn json(&self) -> PathBuf {
        self.memory.0.join("events.json")
    }

    /// The newest snapshot of the tables.
    pub fn snapshot(&self) -> PathBuf {
        self.disk.folder.join("tables.mrt")
    }

    /// The folder of evidence.
    pub fn evidence(&self) -> PathBuf {
        self.disk.folder.join("evidence")
    }

    pub fn live(&self, station: &Station) -> Live {
        let (json, mrt) = (self.json(), self.disk.folder.join(MRT));
        let (tables, evidence) = (self.snapshot(), self.evidence());
        let station = station.address.to_string();
        let more = [
            "--json",
            json.to_str().unwrap(),
            "--raw",
            "--mrt",
            mrt.to_str().unwrap(),
            "--mrt-rib",
            tables.to_str().unwrap(),
            "--mrt-rib-interval",
            "2s",
            "--evidence",
            evidence.to_str().unwrap(),
            // What is said in some seconds.
            "--evidence-memory",
            "4",
            "--bmp",
            &station,
            "--bmp-queue",
            "1",
            "--router",
            ROUTER,
            "--kafka",
            &self.broker.address,
            "--kafka-format",
            "json",
            "--kafka-topic",
            TOPIC,
            "--output-queue",
            "2",
            "--http",
            HTTP,
        ];
        Live::start(&self.net.mon, TAP, &self.scratch, &more)
    }

    /// What is dropped now, by output and reason.
    pub fn dropped(&self, output: &str) -> BTreeMap<String, u64> {
        dropped(&metrics(&self.net.mon), output)
    }

    /// What each output has dropped now, by reason.
    pub fn all_dropped(&self) -> BTreeMap<&'static str, BTreeMap<String, u64>> {
        let seen = metrics(&self.net.mon);
        let outputs = ["bmp", "kafka", "mrt", "mrt_rib", "evidence"];
        outputs
            .map(|output| (output, dropped(&seen, output)))
            .into()
    }

    /// The minute: what comes on the wire meanwhile is in `part`, and lasts longer.
    pub fn fail(&mut self, station: Station, part: &Path) -> (Vec<Messages>, Station) {
        let (started, tables) = (Instant::now(), self.snapshot());
        let (net, disk, broker) = (&self.net, &mut self.disk, &self.broker);
        broker.set_up(false);
        std::thread::scope(|scope| {
            let wire = &mut self.wire;
            let sending = scope.spawn(move || wire.send(net, part));
            let until = |half: u32| {
                std::thread::sleep((half * HALF).saturating_sub(started.elapsed()));
            };
            station.stall(true);
            disk.freeze();
            until(1);
            // The disk goes on, and is full at once; the station that takes nothing dies.
            let seen = metrics(&net.mon);
            for (output, reason) in [
                ("bmp", "queue_full"),
                ("mrt", "queue_full"),
                ("kafka", "queue_full"),
            ] {
                let count = dropped(&seen, output)[reason];
                assert!(count > 0, "{output} holds half a minute");
            }
            // Snapshots wait, and evidence has no memory left for frames.
            assert_eq!(dropped(&seen, "mrt_rib").values().sum::<u64>(), 0);
            let lost = dropped(&seen, "evidence");
            assert!(lost["frames_unrecorded"] > 0, "{lost:?}");
            disk.thaw();
            disk.fill();
            let address = station.address;
            let came = station.kill();
            until(2);
            let seen = metrics(&net.mon);
            for (output, reason) in [
                ("bmp", "resync"),
                ("mrt", "write_error"),
                ("mrt_rib", "write_error"),
                ("evidence", "write_error"),
            ] {
                let count = dropped(&seen, output)[reason];
                assert!(count > 0, "{output}: nothing lost by {reason}");
            }
            let given_up = dropped(&seen, "kafka")["undelivered"];
            assert_eq!(
                given_up, 0,
                "what waits for the broker is not given up in a minute"
            );
            // Half a snapshot has not taken the place of a whole one.
            assert_eq!(snapshot(&tables).len(), PREFIXES as usize);
            disk.empty();
            broker.set_up(true);
            let station = Net::within(&net.mon, || Station::start_at(address));
            sending.join().unwrap();
            (came, station)
        })
    }
}
