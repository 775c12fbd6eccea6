//! A Kafka broker, librdkafka's mock cluster, and what kcat reads of it.

use super::net::run;
use nix::sched::{CloneFlags, setns};
use rdkafka::mocking::MockCluster;
use std::fs::File;
use std::path::Path;
use std::process::Command;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

/// A broker that keeps what it was given while it is down.
pub struct Broker {
    pub address: String,
    /// The namespace that it is in, if it is not that of the test.
    space: Option<String>,
    /// Whether it is up; hung up at the end.
    up: Option<Sender<bool>>,
    done: Receiver<()>,
    thread: Option<JoinHandle<()>>,
}

impl Broker {
    /// In the namespace of the test.
    pub fn start() -> Self {
        Self::start_in(None)
    }

    /// In another namespace.
    pub fn start_within(space: &str) -> Self {
        Self::start_in(Some(space.to_owned()))
    }

    /// The cluster stays on the thread that made it, and its own threads in the namespace of that.
    fn start_in(space: Option<String>) -> Self {
        let namespace = space.as_ref();
        let namespace = namespace.map(|name| File::open(Path::new("/run/netns").join(name)));
        let namespace = namespace.transpose().unwrap();
        let (up, orders) = channel();
        let (tell, address) = channel();
        let (did, done) = channel();
        let thread = std::thread::spawn(move || {
            if let Some(namespace) = namespace {
                setns(namespace, CloneFlags::CLONE_NEWNET).unwrap();
            }
            let cluster = MockCluster::new(1).unwrap();
            tell.send(cluster.bootstrap_servers()).unwrap();
            for up in orders {
                let act = if up {
                    MockCluster::broker_up
                } else {
                    MockCluster::broker_down
                };
                act(&cluster, 1).unwrap();
                did.send(()).unwrap();
            }
        });
        Self {
            address: address.recv().unwrap(),
            space,
            up: Some(up),
            done,
            thread: Some(thread),
        }
    }

    /// Has it die, or come back.
    ///
    /// The test must not start a process meanwhile: until that runs its own program it keeps the broker's port, which
    /// the mock cluster binds anew when it goes down.
    pub fn set_up(&self, up: bool) {
        self.up.as_ref().unwrap().send(up).unwrap();
        self.done.recv().unwrap();
    }

    /// All records of a topic: key and payload, in the order of each partition.
    pub fn records(&self, topic: &str) -> Vec<(Vec<u8>, Vec<u8>)> {
        let records = self.placed_records(topic).into_iter();
        records.map(|(_, key, payload)| (key, payload)).collect()
    }

    /// The same with the number of the partition before them.
    pub fn placed_records(&self, topic: &str) -> Vec<(u32, Vec<u8>, Vec<u8>)> {
        let mut kcat = match &self.space {
            Some(space) => {
                let mut ip = Command::new("ip");
                ip.args(["netns", "exec", space, "kcat"]);
                ip
            }
            None => Command::new("kcat"),
        };
        kcat.args(["-q", "-b", &self.address, "-C", "-t", topic]);
        // The partition, and both lengths before their bytes.
        kcat.args(["-o", "beginning", "-e", "-f", "%p %K %S\\n%k%s"]);
        // Debian's librdkafka: cargo would have it take the one that was built for us.
        let output = run(kcat.env_remove("LD_LIBRARY_PATH"));
        let (mut rest, mut records) = (&output.stdout[..], Vec::new());
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            let lengths = std::str::from_utf8(&rest[..end]).unwrap();
            let numbers = lengths.split(' ').map(|number| number.parse().unwrap());
            let [partition, key, payload] = numbers.collect::<Vec<usize>>()[..] else {
                panic!("{lengths}");
            };
            let bytes = &rest[end + 1..];
            let payload_of = bytes[key..key + payload].to_vec();
            records.push((partition as u32, bytes[..key].to_vec(), payload_of));
            rest = &bytes[key + payload..];
        }
        records
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.up = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
